"""Translation of lines, in their order, whatever engine searches.

A line may be translated in parts, see :mod:`seqformer.decoding.splitting`. Whatever the lengths, a batch
stays within

    CACHE    bytes of keys and values, room to grow included
    LOGITS   numbers a step: hypotheses x vocabulary

so that memory is bounded; a translation that alone would need more is cut. Nothing here imports torch.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from seqformer.config import DecodeConfig
from seqformer.decoding import splitting
from seqformer.decoding.constraints import Constraints
from seqformer.decoding.results import Hypothesis, Translation
from seqformer.decoding.shortlist import Shortlist
from seqformer.decoding.signs import SIGNS, Evidence, signs
from seqformer.decoding.splitting import Divided, Divider, Part
from seqformer.errors import SeqformerError
from seqformer.text.familiar import Familiar
from seqformer.text.normalize import Normalizer
from seqformer.text.placeholders import SYMBOLS, Hidden, Shield, damaged
from seqformer.text.prepared import TextManifest
from seqformer.text.tokenizer import Tokenizer

BATCH_TOKENS = 8192  # source pieces x hypotheses in a batch at most, padding included
CACHE = 512 << 20  # bytes
LOGITS = 1 << 24  # numbers
SPARE = 10  # pieces a translation may be longer than the training data suggest
TOY_REACH = 10  # times the longest sequence in training: toy tasks are tried on lengths not seen in training


class LineTranslator(ABC):
    """What translates lines: all of the way but the search itself, which :meth:`best` is."""

    tokenizer: Tokenizer
    manifest: TextManifest  # of the training data: its lengths limit what the model is asked for
    familiar: Familiar | None  # what is usual in sources, where that is known
    unsure: float  # mean log-probability below which a translation is reported
    shortlist: Shortlist | None  # what may come in a batch; None: all pieces

    @property
    @abstractmethod
    def longest(self) -> int | None:
        """The pieces that the model can read, with the end; None: any number."""

    @property
    @abstractmethod
    def position_bytes(self) -> int:
        """The bytes that decoding keeps for each position of each hypothesis."""

    @abstractmethod
    def best(
        self, parts: list[Part], limits: list[int], config: DecodeConfig, constraints: Constraints
    ) -> list[list[Translation]]:
        """Return the n-best translations of each part, of at most so many pieces, EOS included.

        Where the best of a part lost a symbol of its source, those are searched for that hold all.
        """

    @cached_property
    def normalizer(self) -> Normalizer:
        """The normalisation of each line."""
        return self.manifest.normalizer("source")

    @cached_property
    def shield(self) -> Shield:
        """What hides placeholders from the model."""
        return self.manifest.shield()

    @cached_property
    def divider(self) -> Divider:
        """What divides a line into parts that the model reads at once."""
        most = None if self.longest is None else max(1, self.longest - 1)
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
        self,
        lines: list[str],
        config: DecodeConfig,
        most: list[int] | None = None,
        constraints: Constraints = Constraints(),  # noqa: B008 (it is immutable)
    ) -> list[list[Translation]]:
        """Return the n-best translations of each line, best first; a blank line has one blank translation.

        The k-th best of a line in parts is the k-th best of every part (its last if a part has fewer).
        ``most`` limits the target pieces line by line, in place of ``config.max_length``.
        """
        if config.beam * self._vocabulary > LOGITS:
            widest = LOGITS // self._vocabulary
            raise SeqformerError(f"a beam of {config.beam} needs too much memory: {widest} at most here")
        if self._each_alone(lines, constraints):
            bounds: list[list[int] | None] = [[each] for each in most] if most else [None] * len(lines)
            return [
                self.translate([line], config, bound, constraints)[0]
                for line, bound in zip(lines, bounds, strict=True)
            ]
        hidden, constraints = self._hidden(lines, constraints)
        normalised, divided = self.divided(hidden, whole=config.whole or bool(constraints.prefix))
        limits = [
            self._limit(len(part.ids), bound, config.beam)
            for line, bound in zip(divided, most or [config.max_length] * len(lines), strict=True)
            for part in line.parts
        ]
        parts = [part for line in divided for part in line.parts]
        results = iter(self.best(parts, limits, config, constraints))
        joined = [join([next(results) for _ in line.parts], line.cut, config) for line in divided]
        every = zip(lines, hidden, normalised, joined, strict=True)
        return [self._marked(*each) for each in every]

    def _each_alone(self, lines: list[str], constraints: Constraints) -> bool:
        """Return whether a prefix holds placeholders: it is then another one for each line."""
        return len(lines) > 1 and bool(self.shield.find(constraints.prefix))

    def _hidden(self, lines: list[str], constraints: Constraints) -> tuple[list[Hidden], Constraints]:
        """Return lines with their placeholders hidden, but for those that words are required about."""
        shield = self.shield.sparing(constraints.words)
        hidden = [shield.hide(line) for line in lines]
        if self.shield.find(constraints.prefix) and hidden:
            hidden[0], prefix = hidden[0].beginning(constraints.prefix)
            constraints = replace(constraints, prefix=prefix)
        return hidden, constraints

    def divided(self, hidden: list[Hidden], *, whole: bool) -> tuple[list[str], list[Divided]]:
        """Return lines whose placeholders are hidden normalised, and in the parts that the model reads."""
        texts = [each.text for each in hidden]
        normalised = list(map(self.normalizer, texts))
        return normalised, self.divider.divide(texts, normalised, whole=whole)

    def lost(self, parts: list[Part], found: list[list[Translation]]) -> list[int]:
        """Return the numbers of the parts whose best translation lost a symbol."""
        if not self.shield.on:
            return []
        return [
            number
            for number, (part, best) in enumerate(zip(parts, found, strict=True))
            if any(symbol in part.text and symbol not in best[0].text for symbol in SYMBOLS)
        ]

    def _marked(self, line: str, hidden: Hidden, normal: str, best: list[Translation]) -> list[Translation]:
        """Return the translations of a line with its placeholders, and what is seen by the line as given.

        That is the script of letters that the vocabulary never saw, and lost placeholders.
        """
        best = [replace(t, text=hidden.restored(t.text)) for t in best] if self.shield.on else best
        unseen = self.tokenizer.source.unseen(normal)
        if unseen:
            best = [replace(t, unseen=unseen) for t in best]
        if self.manifest.toy:
            return best
        return [
            replace(t, warnings=(*t.warnings, "placeholder")) if damaged(line, t.text) else t for t in best
        ]

    def _translation(self, part: Part, limit: int, text: str, best: Hypothesis) -> Translation:
        cut = len(best.ids) == limit  # if it ended by itself, EOS took the last position
        length = len(best.ids) + (not cut)
        warnings: list[str] = []
        if not self.manifest.toy:
            confidence = best.log_probability / length
            ratio = self.manifest.usual_ratio
            strange = self.familiar is not None and self.familiar.is_strange(part.ids)
            seen = (part.text, part.ids, text, best.ids, ratio, confidence, cut, strange)
            warnings = signs(Evidence(*seen, self.manifest.languages, self.unsure))
        tokens = self.tokenizer.target.pieces(best.ids)
        return Translation(
            text, tokens, best.ids, best.score, best.log_probability, length, warnings=tuple(warnings)
        )

    def _limit(self, length: int, bound: int, beam: int) -> int:
        """Return how many pieces a translation may have: as given or as usual, within memory."""
        wanted = bound or math.ceil(self.manifest.length_ratio * (length + 1)) + SPARE
        room = CACHE // (self.position_bytes * beam) - (length + 1)
        if self.longest is not None:
            room = min(room, self.longest)
        return max(1, min(wanted, room))

    def _batches(self, lengths: list[int], limits: list[int], beam: int) -> Iterator[list[int]]:
        """Yield indices of the parts, longest first, of similar length, within all three bounds."""
        order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
        begin = 0
        while begin < len(order):
            length, limit = lengths[order[begin]] + 1, limits[order[begin]]
            size = min(
                BATCH_TOKENS // (length * beam),
                CACHE // ((length + limit) * beam * self.position_bytes),
                LOGITS // (self._vocabulary * beam),
            )
            yield order[begin : begin + max(1, size)]
            begin += max(1, size)


def join(parts: list[list[Translation]], cut: bool, config: DecodeConfig) -> list[Translation]:
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
