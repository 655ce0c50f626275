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
from seqformer.decoding import mbr, splitting
from seqformer.decoding.constraints import Constrained, Constraints
from seqformer.decoding.rules import NEVER, Begun
from seqformer.decoding.search import Beams, Hypothesis, search
from seqformer.decoding.signs import SIGNS, UNSURE, Evidence, signs
from seqformer.decoding.splitting import Divided, Divider, Part
from seqformer.decoding.steering import Steerer
from seqformer.errors import SeqformerError
from seqformer.models.seq2seq import SequenceModel
from seqformer.symbols import BOS, UNK
from seqformer.text.batches import pad, pad_sources
from seqformer.text.familiar import Familiar
from seqformer.text.normalize import Normalizer
from seqformer.text.placeholders import SYMBOLS, Hidden, Shield, damaged
from seqformer.text.prepared import TextManifest
from seqformer.text.tokenizer import Tokenizer

BATCH_TOKENS = 8192  # source pieces x hypotheses in a batch at most, padding included
CACHE = 512 << 20  # bytes
LOGITS = 1 << 24  # numbers
CANDIDATES = 4  # next pieces tried for each alternative
# hypotheses alive after a step of the search, as ids and log-probability, best first; and those that ended
Step = tuple[list[tuple[list[int], float]], list[Hypothesis]]
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
    alignment: list[list[int]] | None = None  # for each word the source words it aligns to, if asked for

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Translator:
    """A model with the text processing it was trained with."""

    model: SequenceModel
    tokenizer: Tokenizer
    manifest: TextManifest  # of the training data: its lengths limit what the model is asked for
    device: torch.device
    familiar: Familiar | None = None  # what is usual in sources, where that is known
    unsure: float = UNSURE  # mean log-probability below which a translation is reported

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
        steerer = self.steerer(config, constraints)
        normalised, divided = self.divided(hidden, whole=config.whole or bool(constraints.prefix))
        limits = [
            self._limit(len(part.ids), bound, config.beam)
            for line, bound in zip(divided, most or [config.max_length] * len(lines), strict=True)
            for part in line.parts
        ]
        parts = [part for line in divided for part in line.parts]
        results = iter(self._holding(parts, limits, config, steerer))
        joined = [_join([next(results) for _ in line.parts], line.cut, config) for line in divided]
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

    def _holding(
        self, parts: list[Part], limits: list[int], config: DecodeConfig, steerer: Steerer
    ) -> list[list[Translation]]:
        """Return the best translations of parts; where the best lost a symbol, those that hold all."""
        found = self._search(parts, steerer.limits(parts, limits), config, steerer)
        if config.samples or not self.shield.on:
            return found
        holding = replace(steerer, holding=True)
        bad = [
            number
            for number, (part, best) in enumerate(zip(parts, found, strict=True))
            if any(symbol in part.text and symbol not in best[0].text for symbol in SYMBOLS)
            and not 0 < config.max_length <= 2 * holding.needed([part])[0]  # as much room for words
        ]
        if bad:
            some = [parts[i] for i in bad]
            room = holding.limits(some, [limits[i] for i in bad])
            for i, best in zip(bad, self._search(some, room, config, holding), strict=True):
                found[i] = best
        return found

    def steerer(self, config: DecodeConfig, constraints: Constraints) -> Steerer:
        """Return what steers the search. Raises :class:`SeqformerError` where that cannot be."""
        normalize = self.manifest.normalizer("target")
        constrained = Constrained(constraints, self.tokenizer.target, self.normalizer, normalize)
        return Steerer(config, constrained, constrained.begun)

    def alternatives(
        self, lines: list[str], count: int, config: DecodeConfig, constraints: Constraints
    ) -> list[list[Translation]]:
        """Return for each line translations that differ in the word after the prefix, the likeliest first."""
        if count < 1:
            raise SeqformerError(f"{count} alternatives: it must be at least 1")
        if self._each_alone(lines, constraints):
            return [self.alternatives([line], count, config, constraints)[0] for line in lines]
        config = replace(config, n_best=1, whole=True)
        hidden, constraints = self._hidden(lines, constraints)
        steerer = self.steerer(config, constraints)
        normalised, divided = self.divided(hidden, whole=True)
        found = [
            self._alternatives(line.parts[0], count, config, steerer)
            if line.parts
            else _join([], False, config)
            for line in divided
        ]
        return [self._marked(*each) for each in zip(lines, hidden, normalised, found, strict=True)]

    def _alternatives(
        self, part: Part, count: int, config: DecodeConfig, steerer: Steerer
    ) -> list[Translation]:
        base: list[int] = []
        if steerer.begun:  # the pieces that spell it best
            begun, best = steerer.begun, self._alone(part, config, steerer)[0]
            base, rest = begun.ids, begun.rest
            for i in best.ids[len(base) :]:
                if not rest:
                    break
                base, rest = [*base, i], rest[len(begun.pieces[i]) :]
        pieces = steerer.constrained.pieces
        fixed = replace(steerer, begun=Begun(base, "", pieces) if base else None)
        tried = min(CANDIDATES * count, LOGITS // self._vocabulary)
        wide = replace(config, beam=tried, n_best=tried, max_length=len(base) + 1, length_penalty=0.0)
        found: dict[str, Translation] = {}
        for hypothesis in self._alone(part, wide, replace(fixed, asked=wide)):
            if len(hypothesis.ids) == len(base):
                continue  # it ends here
            begun = Begun([*base, hypothesis.ids[-1]], "", pieces)
            best = self._alone(part, config, replace(fixed, begun=begun))[0]
            rest = "".join(pieces[i] for i in best.ids[len(base) :]).removeprefix("▁")
            found.setdefault(rest.partition("▁")[0], best)
            if len(found) == count:
                break
        return list(found.values())

    def watched(self, part: Part, config: DecodeConfig) -> tuple[Hypothesis, list[Step]]:
        """Return the best hypothesis for a part, and how the search came to it, step by step."""
        steps: list[Step] = []

        def watch(beams: Beams) -> None:
            ended = beams.finished[0][sum(len(new) for _, new in steps) :]
            alive = zip(beams.history.flatten(0, 1).tolist(), beams.scores.flatten().tolist(), strict=True)
            steps.append(([(ids[1:], score) for ids, score in alive if score > NEVER], ended))

        source = pad_sources([part.ids]).to(self.device)
        limit = torch.tensor([self._limit(len(part.ids), config.max_length, config.beam)])
        ((best, *_),) = search(self.model, source, limit, config, watch=watch)
        return best, steps

    def _alone(self, part: Part, config: DecodeConfig, steerer: Steerer) -> list[Translation]:
        limits = [self._limit(len(part.ids), config.max_length, config.beam)]
        return self._search([part], steerer.limits([part], limits), config, steerer)[0]

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

    def _search(
        self, parts: list[Part], limits: list[int], config: DecodeConfig, steerer: Steerer
    ) -> list[list[Translation]]:
        jobs = steerer.jobs(parts)
        results: list[list[Translation]] = [[] for _ in parts]
        for width, some in steerer.groups(jobs):
            lengths = [len(parts[job.part].ids) for job in some]
            for batch in self._batches(lengths, [limits[job.part] for job in some], width):
                chosen = [some[i] for i in batch]
                asked = replace(steerer.config, beam=width)
                source = pad_sources([parts[job.part].ids for job in chosen]).to(self.device)
                most = torch.tensor([limits[job.part] for job in chosen])
                hypotheses = search(self.model, source, most, asked, steerer.steering(chosen, most))
                texts = iter(self.tokenizer.target.decode([h.ids for best in hypotheses for h in best]))
                for job, best in zip(chosen, hypotheses, strict=True):
                    part, limit = parts[job.part], limits[job.part]
                    results[job.part] += [self._translation(part, limit, next(texts), h) for h in best]
        return [self._chosen(part, best, config) for part, best in zip(parts, results, strict=True)]

    def _chosen(self, part: Part, found: list[Translation], config: DecodeConfig) -> list[Translation]:
        """Return the n best of the translations of a part, after what is decided once they are whole."""
        if config.coverage_penalty or config.replace_unknown:
            found = [self._looked_at(part, each, config) for each in found]
        if config.mbr:
            return mbr.ordered(found)[: config.n_best]
        if config.sample or config.coverage_penalty:
            found = sorted(found, key=lambda t: -t.score)
        return found[: config.n_best]

    def _looked_at(self, part: Part, found: Translation, config: DecodeConfig) -> Translation:
        """Return a translation after a look at the source pieces that each of its pieces looked at."""
        source = pad_sources([part.ids]).to(self.device)
        with torch.inference_mode():
            maps = self.model.attention(source, pad([found.ids], BOS, None).to(self.device))
        weights = maps.cross[:, 0].float().mean((0, 1))  # (T, S) over layers and heads
        if config.coverage_penalty:
            covered = weights[:, : len(part.ids)].sum(0).clamp(max=1.0).log().sum()
            found = replace(found, score=found.score + config.coverage_penalty * float(covered))
        if config.replace_unknown and UNK in found.ids:
            of, looked = (
                self.tokenizer.source.words(part.text),
                weights[:, : len(part.ids)].argmax(-1).tolist(),
            )
            pieces = [
                f"▁{of[at]}" if i == UNK else piece
                for i, piece, at in zip(found.ids, found.tokens, looked, strict=False)
            ]
            found = replace(found, text=" ".join("".join(pieces).replace("▁", " ").split()))
        return found

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
