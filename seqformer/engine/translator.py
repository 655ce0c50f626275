"""Translation of lines by CTranslate2; the few lines that it cannot translate alike, torch translates.

Those are lines in which a placeholder was lost, as words that must come are searched for by torch, and lines
longer than the positions that the engine has. Torch is loaded with the first of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from seqformer.config import DecodeConfig
from seqformer.decoding.constraints import Constraints
from seqformer.decoding.lines import LineTranslator
from seqformer.decoding.results import Translation
from seqformer.decoding.shortlist import Shortlist
from seqformer.decoding.signs import UNSURE
from seqformer.decoding.splitting import Part
from seqformer.engine.converted import Record
from seqformer.engine.search import Engine, hypothesis
from seqformer.errors import SeqformerError
from seqformer.text.familiar import Familiar
from seqformer.text.prepared import TextManifest
from seqformer.text.tokenizer import Tokenizer

# settings of a search whose law is another there, or that it has not
SEARCH = {
    "min_length": "a minimum length",
    "no_repeat_ngram": "no repeated runs",
    "diversity": "diversity",
    "coverage_penalty": "a coverage penalty",
    "replace_unknown": "words in place of unknown pieces",
    "sample": "samples",
    "mbr": "a choice among samples",
}
_CONSTRAINTS = {"glossary": "a glossary", "avoid": "words to avoid", "prefix": "a prefix"}


def lacks(config: DecodeConfig, constraints: Constraints) -> str:
    """Return what is asked for that torch alone does, in words; '' for nothing."""
    asked = [what for name, what in _CONSTRAINTS.items() if getattr(constraints, name)]
    asked += [what for name, what in SEARCH.items() if getattr(config, name)]
    return " and ".join(asked)


@dataclass(frozen=True)
class FastTranslator(LineTranslator):
    """A converted model with the text processing that it was trained with."""

    engine: Engine
    record: Record
    tokenizer: Tokenizer
    manifest: TextManifest
    open_torch: Callable[[], LineTranslator]  # the same run by torch
    familiar: Familiar | None = None
    unsure: float = UNSURE
    shortlist: Shortlist | None = None  # which the engine was opened with

    @property
    def longest(self) -> int | None:
        """The positions that the model has learned, if it has."""
        return self.record.longest or None

    @property
    def position_bytes(self) -> int:
        """As torch's cache keeps, so that lines are cut at the same limits."""
        return self.record.position_bytes

    @cached_property
    def torch(self) -> LineTranslator:
        """The same run by torch."""
        return self.open_torch()

    @cached_property
    def _ids(self) -> dict[str, int]:
        pieces = self.tokenizer.target.pieces(range(self._vocabulary))
        return {piece: i for i, piece in enumerate(pieces)}

    def best(
        self, parts: list[Part], limits: list[int], config: DecodeConfig, constraints: Constraints
    ) -> list[list[Translation]]:
        """Return the n-best translations of each part. Raises :class:`SeqformerError` for what it lacks."""
        if asked := lacks(config, constraints):
            raise SeqformerError(f"the engine ctranslate2 does not do {asked}: leave that out, or take torch")
        least = self._vocabulary if self.shortlist is None else len(self.shortlist.always)
        fits = [
            max(len(part.ids) + 1, limit) <= self.record.room and 2 * config.beam <= least
            for part, limit in zip(parts, limits, strict=True)
        ]
        own = [i for i, fit in enumerate(fits) if fit]
        found: list[list[Translation]] = [[] for _ in parts]
        for batch in self._batches([len(parts[i].ids) for i in own], [limits[i] for i in own], config.beam):
            numbers = [own[i] for i in batch]
            some, room = [parts[i] for i in numbers], [limits[i] for i in numbers]
            for i, best in zip(numbers, self._searched(some, room, config), strict=True):
                found[i] = best
        lost = {own[i] for i in self.lost([parts[i] for i in own], [found[i] for i in own])}
        others = [i for i, fit in enumerate(fits) if not fit or i in lost]
        if others:
            some, room = [parts[i] for i in others], [limits[i] for i in others]
            for i, best in zip(others, self.torch.best(some, room, config, constraints), strict=True):
                found[i] = best
        return found

    def _searched(
        self, parts: list[Part], limits: list[int], config: DecodeConfig
    ) -> list[list[Translation]]:
        pieces = self.tokenizer.source.pieces
        ended = self.engine.search([pieces(part.ids) for part in parts], limits, config)
        found = [[hypothesis(each, self._ids, config.length_penalty) for each in best] for best in ended]
        texts = iter(self.tokenizer.target.decode([h.ids for best in found for h in best]))
        return [
            [self._translation(part, limit, next(texts), h) for h in best]
            for part, limit, best in zip(parts, limits, found, strict=True)
        ]
