"""Training pairs changed at random, otherwise in each epoch: the same text in other pieces, hidden pieces.

With BPE-dropout (:mod:`seqformer.text.merges`) a model sees how a word is spelled, and rare pieces oftener.
Word dropout (Gal & Ghahramani 2016, Sennrich et al. 2016) hides some pieces of the input of encoder and
decoder; they become UNK, so that a model also learns to do without a word that it does not know.

Seed, epoch and part of the epoch decide what is drawn. So nothing of it is state, and each of several
processes draws the same for all pairs, those of the other processes included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from seqformer.config import TrainConfig
from seqformer.symbols import UNK
from seqformer.text.merges import Merges
from seqformer.text.prepared import Ids, Pairs, Side, Taken, ranges
from seqformer.text.tokenizer import Tokenizer

CHUNK = 1 << 17  # pieces that are merged at once
Indices = npt.NDArray[np.int64]


class Lines(Protocol):
    """Encoded lines, by the number of their pair."""

    def lengths(self, lines: Indices) -> Indices:
        """Return how many pieces each of these lines has."""

    def __getitem__(self, index: int) -> Ids:
        """Return the pieces of one line."""


@dataclass(frozen=True)
class Sides:
    """What batches are made of: lines without BOS and EOS."""

    source: Lines
    target_in: Lines
    target_out: Lines


class Drawn:
    """The lines of some pairs, in memory."""

    def __init__(self, pairs: Indices, lengths: Indices, ids: Ids) -> None:
        self._pairs = pairs  # in ascending order
        self._lengths = lengths
        self._ids = ids
        self._begins = np.cumsum(lengths) - lengths

    def lengths(self, lines: Indices) -> Indices:
        """Return how many pieces each of these lines has."""
        lengths: Indices = self._lengths[np.searchsorted(self._pairs, lines)]
        return lengths

    def __getitem__(self, index: int) -> Ids:
        row = int(np.searchsorted(self._pairs, index))
        return self._ids[self._begins[row] : self._begins[row] + self._lengths[row]]

    def hidden(self, share: float, rng: np.random.Generator) -> Drawn:
        """Return the same lines with this share of their pieces replaced by UNK."""
        ids = np.where(rng.random(len(self._ids)) < share, self._ids.dtype.type(UNK), self._ids)
        return Drawn(self._pairs, self._lengths, ids)


class Sampling:
    """Draws the lines of training pairs; none becomes longer than ``longest`` pieces by it."""

    def __init__(self, tokenizer: Tokenizer, config: TrainConfig, longest: int) -> None:
        self.bpe_dropout, self.word_dropout = config.bpe_dropout, config.word_dropout
        self.seed = config.seed
        self.longest = longest
        if self.bpe_dropout:
            self.source = Merges(tokenizer.source)
            self.target = self.source if tokenizer.joint else Merges(tokenizer.target)

    def draw(self, pairs: Pairs, indices: Indices, epoch: int, part: int) -> Sides:
        """Return the lines of the pairs of one part of an epoch."""
        ordered = np.sort(indices)
        rng = np.random.default_rng((self.seed, epoch, part, 1))  # other numbers than those of the plan
        if self.bpe_dropout:
            source = self._cut(pairs.source, ordered, self.source, rng)
            target = self._cut(pairs.target, ordered, self.target, rng)
        else:
            source, target = (Drawn(ordered, *side.gather(ordered)) for side in (pairs.source, pairs.target))
        if not self.word_dropout:
            return Sides(source, target, target)
        return Sides(source.hidden(self.word_dropout, rng), target.hidden(self.word_dropout, rng), target)

    def _cut(self, side: Side | Taken, indices: Indices, merges: Merges, rng: np.random.Generator) -> Drawn:
        chunks = []
        ends = np.cumsum(side.lengths(indices))
        for some in np.split(indices, np.flatnonzero(np.diff(ends // CHUNK)) + 1):
            usual = side.gather(some)
            chunks.append(_shorter(merges.cut(*usual, self.bpe_dropout, rng), usual, self.longest))
        lengths, ids = (np.concatenate(each) for each in zip(*chunks, strict=True))
        return Drawn(indices, lengths, ids)


def _shorter(drawn: tuple[Indices, Ids], usual: tuple[Indices, Ids], longest: int) -> tuple[Indices, Any]:
    """Return the lines drawn, with the usual ones in place of those that became longer than ``longest``."""
    fits = drawn[0] <= longest
    lengths = np.where(fits, drawn[0], usual[0])
    begins = [np.cumsum(some) - some for some in (drawn[0], usual[0])]
    both = np.concatenate((drawn[1], usual[1]))
    return lengths, both[ranges(np.where(fits, begins[0], len(drawn[1]) + begins[1]), lengths)]
