"""Translation of lines, in their order.

A line may be translated in parts, see :mod:`seqformer.decoding.splitting`. Whatever the lengths, a batch
stays within

    CACHE    bytes of keys and values, room to grow included
    LOGITS   numbers a step: hypotheses x vocabulary

so that memory is bounded; a translation that alone would need more is cut.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from seqformer.config import DecodeConfig
from seqformer.decoding import splitting
from seqformer.decoding.search import Hypothesis, search
from seqformer.decoding.signs import SIGNS, Evidence, signs
from seqformer.decoding.splitting import Divider, Part
from seqformer.errors import SeqformerError
from seqformer.models.seq2seq import Seq2Seq
from seqformer.text.batches import pad_sources
from seqformer.text.normalize import Normalizer
from seqformer.text.prepared import TextManifest
from seqformer.text.tokenizer import Tokenizer

BATCH_TOKENS = 8192  # source pieces x hypotheses in a batch at most, padding included
CACHE = 512 << 20  # bytes
LOGITS = 1 << 24  # numbers
SPARE = 10  # pieces a translation may be longer than the training data suggest
TOY_REACH = 10  # times the longest sequence in training: toy tasks are tried on lengths not seen in training


@dataclass(frozen=True)
class Translation:
    """One translation of one line."""

    text: str
    tokens: list[str]  # target pieces, without BOS and EOS
    ids: list[int]  # of these pieces
    score: float  # mean log-probability of a piece, in nats, if the length penalty is 1
    log_probability: float  # of all pieces, in nats
    length: int = 0  # pieces that the score is over, with EOS if the translation ended by itself
    parts: int = 1  # number of parts the line was translated in: sentences, and parts of long ones
    cut: bool = False  # a sentence was cut, since it is far longer than any in training
    warnings: tuple[str, ...] = ()  # signs that it is likely bad, see :mod:`seqformer.decoding.signs`
    unseen: str = ""  # the script of a line whose letters the vocabulary never saw, '' if it did

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Translator:
    """A model with the text processing it was trained with."""

    model: Seq2Seq
    tokenizer: Tokenizer
    manifest: TextManifest  # of the training data: its lengths limit what the model is asked for
    device: torch.device

    @cached_property
    def normalizer(self) -> Normalizer:
        """The normalisation of each line."""
        return self.manifest.normalizer("source")

    @cached_property
    def divider(self) -> Divider:
        """What divides a line into parts that the model reads at once."""
        most = None if self.model.longest is None else max(1, self.model.longest - 1)
        reach = max(1, self.manifest.longest["source"]) * (TOY_REACH if self.manifest.toy else 1)
        return Divider(
            self.tokenizer.source,
            self.normalizer,
            self.manifest.languages[0],
            min(reach, most or reach),
            most,
            self.manifest.single_sentences,
        )

    @cached_property
    def _vocabulary(self) -> int:
        return len(self.tokenizer.target)

    def translate(
        self, lines: list[str], config: DecodeConfig, most: list[int] | None = None
    ) -> list[list[Translation]]:
        """Return the n-best translations of each line, best first; a blank line has one blank translation.

        The k-th best of a line in parts is the k-th best of every part (its last if a part has fewer).
        ``most`` limits the target pieces line by line, in place of ``config.max_length``.
        """
        if config.beam * self._vocabulary > LOGITS:
            widest = LOGITS // self._vocabulary
            raise SeqformerError(f"a beam of {config.beam} needs too much memory: {widest} at most here")
        normalised = [self.normalizer(line) for line in lines]
        divided = self.divider.divide(lines, normalised, whole=config.whole)
        bounds = zip(divided, most or [config.max_length] * len(lines), strict=True)
        limits = [
            self._limit(len(part.ids), most, config.beam) for line, most in bounds for part in line.parts
        ]
        results = iter(self._search([part for line in divided for part in line.parts], limits, config))
        joined = [_join([next(results) for _ in line.parts], line.cut, config) for line in divided]
        return [self._marked(line, best) for line, best in zip(normalised, joined, strict=True)]

    def _marked(self, line: str, best: list[Translation]) -> list[Translation]:
        """Return the translations of a line, with the script of letters that the vocabulary never saw."""
        unseen = self.tokenizer.source.unseen(line)
        return [replace(t, unseen=unseen) for t in best] if unseen else best

    def _search(self, parts: list[Part], limits: list[int], config: DecodeConfig) -> list[list[Translation]]:
        results: list[list[Translation]] = [[] for _ in parts]
        for batch in self._batches([len(part.ids) for part in parts], limits, config.beam):
            source = pad_sources([parts[i].ids for i in batch]).to(self.device)
            hypotheses = search(self.model, source, torch.tensor([limits[i] for i in batch]), config)
            texts = iter(self.tokenizer.target.decode([h.ids for best in hypotheses for h in best]))
            for index, best in zip(batch, hypotheses, strict=True):
                results[index] = [
                    self._translation(parts[index], limits[index], next(texts), hypothesis)
                    for hypothesis in best
                ]
        return results

    def _translation(self, part: Part, limit: int, text: str, best: Hypothesis) -> Translation:
        cut = len(best.ids) == limit  # if it ended by itself, EOS took the last position
        length = len(best.ids) + (not cut)
        warnings: list[str] = []
        if not self.manifest.toy:
            confidence = best.log_probability / length
            ratio = self.manifest.usual_ratio
            warnings = signs(Evidence(part.text, part.ids, text, best.ids, ratio, confidence, cut))
        tokens = self.tokenizer.target.pieces(best.ids)
        return Translation(
            text, tokens, best.ids, best.score, best.log_probability, length, warnings=tuple(warnings)
        )

    def _limit(self, length: int, bound: int, beam: int) -> int:
        """Return how many pieces a translation may have: as given or as usual, within memory."""
        wanted = bound or math.ceil(self.manifest.length_ratio * (length + 1)) + SPARE
        room = CACHE // (self.model.position_bytes * beam) - (length + 1)
        if self.model.longest is not None:
            room = min(room, self.model.longest)
        return max(1, min(wanted, room))

    def _batches(self, lengths: list[int], limits: list[int], beam: int) -> Iterator[list[int]]:
        """Yield indices of the parts, longest first, of similar length, within all three bounds."""
        order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
        begin = 0
        while begin < len(order):
            length, limit = lengths[order[begin]] + 1, limits[order[begin]]
            size = min(
                BATCH_TOKENS // (length * beam),
                CACHE // ((length + limit) * beam * self.model.position_bytes),
                LOGITS // (self._vocabulary * beam),
            )
            yield order[begin : begin + max(1, size)]
            begin += max(1, size)


def _join(parts: list[list[Translation]], cut: bool, config: DecodeConfig) -> list[Translation]:
    """Return the translations of a line from those of its parts."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return [Translation("", [], [], 0.0, 0.0)]
    joined = []
    for rank in range(max(map(len, parts))):
        chosen = [best[min(rank, len(best) - 1)] for best in parts]
        total, length = sum(t.log_probability for t in chosen), sum(t.length for t in chosen)
        warned = {name for t in chosen for name in t.warnings}
        joined.append(
            Translation(
                text=splitting.joined([t.text for t in chosen]),
                tokens=[token for t in chosen for token in t.tokens],
                ids=[i for t in chosen for i in t.ids],
                score=total / length**config.length_penalty,
                log_probability=total,
                length=length,
                parts=len(parts),
                cut=cut,
                warnings=tuple(name for name in SIGNS if name in warned),
            )
        )
    return sorted(joined, key=lambda t: -t.score)
