"""Translation of lines by a model of torch: :mod:`seqformer.decoding.lines` with the search here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from seqformer.config import DecodeConfig
from seqformer.decoding import mbr
from seqformer.decoding.constraints import Constrained, Constraints
from seqformer.decoding.lines import LOGITS, LineTranslator, join
from seqformer.decoding.results import Hypothesis, Translation
from seqformer.decoding.rules import NEVER, Begun
from seqformer.decoding.search import Beams, search
from seqformer.decoding.shortlist import Shortlist
from seqformer.decoding.signs import UNSURE
from seqformer.decoding.splitting import Part
from seqformer.decoding.steering import Steerer
from seqformer.errors import SeqformerError
from seqformer.models.seq2seq import SequenceModel
from seqformer.symbols import BOS, UNK
from seqformer.text.batches import pad, pad_sources
from seqformer.text.familiar import Familiar
from seqformer.text.prepared import TextManifest
from seqformer.text.tokenizer import Tokenizer

CANDIDATES = 4  # next pieces tried for each alternative
# hypotheses alive after a step of the search, as ids and log-probability, best first; and those that ended
Step = tuple[list[tuple[list[int], float]], list[Hypothesis]]


@dataclass(frozen=True)
class Translator(LineTranslator):
    """A model with the text processing it was trained with."""

    model: SequenceModel
    tokenizer: Tokenizer
    manifest: TextManifest  # of the training data: its lengths limit what the model is asked for
    device: torch.device
    familiar: Familiar | None = None  # what is usual in sources, where that is known
    unsure: float = UNSURE  # mean log-probability below which a translation is reported
    shortlist: Shortlist | None = None  # what may come in a batch; None: all pieces

    @property
    def longest(self) -> int | None:
        """The positions that the model has learned, if it has."""
        return self.model.longest

    @property
    def position_bytes(self) -> int:
        """The bytes that the model's cache keeps."""
        return self.model.position_bytes

    def best(
        self, parts: list[Part], limits: list[int], config: DecodeConfig, constraints: Constraints
    ) -> list[list[Translation]]:
        """Return the n-best translations of each part."""
        steerer = self.steerer(config, constraints)
        found = self._search(parts, steerer.limits(parts, limits), config, steerer)
        if config.samples:
            return found
        holding = replace(steerer, holding=True)
        bad = [
            number
            for number in self.lost(parts, found)
            if not 0 < config.max_length <= 2 * holding.needed([parts[number]])[0]  # as much room for words
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
            else join([], False, config)
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
                sources = [parts[job.part].ids for job in chosen]
                pieces = None if steerer.names_pieces(chosen) else self._listed(sources)
                source = pad_sources(sources).to(self.device)
                most = torch.tensor([limits[job.part] for job in chosen])
                steering = steerer.steering(chosen, most)
                hypotheses = search(self.model, source, most, asked, steering, pieces=pieces)
                texts = iter(self.tokenizer.target.decode([h.ids for best in hypotheses for h in best]))
                for job, best in zip(chosen, hypotheses, strict=True):
                    part, limit = parts[job.part], limits[job.part]
                    results[job.part] += [self._translation(part, limit, next(texts), h) for h in best]
        return [self._chosen(part, best, config) for part, best in zip(parts, results, strict=True)]

    def _listed(self, sources: list[list[int]]) -> Tensor | None:
        """Return the ids that the shortlist has for a batch of sources, ascending; None without one."""
        if self.shortlist is None:
            return None
        return torch.tensor(self.shortlist.of(sources), device=self.device)

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
