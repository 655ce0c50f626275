"""Batches of pairs of about the same lengths, within a token budget, in a repeatable order.

B batch, S source length, T target length, both with one special symbol more than the sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqformer.text.store import Pairs
from seqformer.text.tokenizer import BOS, EOS, PAD

ROUND = 16  # pairs; few distinct batch sizes need few compiled matrix products

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Padded ids of a few pairs. The shift between what goes in and what comes out is made here only."""

    source: Tensor  # (B, S)  x1 … xm EOS PAD …
    target_in: Tensor  # (B, T)  BOS y1 … yn PAD …
    target_out: Tensor  # (B, T)  y1 … yn EOS PAD …

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(self.source.to(device), self.target_in.to(device), self.target_out.to(device))


def pad(lines: Sequence[Any], before: int | None, after: int | None) -> Tensor:
    """Lines of ids as one rectangle (B, L), with a symbol set before and after each, PAD behind."""
    extra = (before is not None) + (after is not None)
    rectangle = np.full((len(lines), max(map(len, lines)) + extra), PAD, dtype=np.int64)
    start = int(before is not None)
    for row, line in zip(rectangle, lines, strict=True):
        row[start : start + len(line)] = line
        if after is not None:
            row[start + len(line)] = after
    if before is not None:
        rectangle[:, 0] = before
    return torch.from_numpy(rectangle)


def pad_sources(lines: list[list[int]]) -> Tensor:
    """Source sentences as they enter an encoder: (B, S), each ended by EOS."""
    return pad(lines, None, EOS)


class PairBatches:
    """The batches of a split. Each epoch has its own order, given by seed and epoch alone."""

    def __init__(self, pairs: Pairs, budget: int, seed: int) -> None:
        self.pairs = pairs
        self.budget = budget
        self.seed = seed
        # what a sentence costs: its pieces and one special symbol
        self._source = pairs.source.lengths + 1
        self._target = pairs.target.lengths + 1

    def plan(self, epoch: int) -> list[Indices]:
        """The pairs of each batch of an epoch; each pair stands in exactly one batch."""
        rng = np.random.default_rng((self.seed, epoch))
        shuffled = rng.permutation(len(self.pairs))  # ties in length fall differently each epoch
        cells = _cells(shuffled, self._source, self._target, self.budget)
        return [cells[i] for i in rng.permutation(len(cells))]

    def in_order(self) -> list[Indices]:
        """The same batches without any shuffling, for validation."""
        return _cells(np.arange(len(self.pairs)), self._source, self._target, self.budget)

    def load(self, indices: Indices) -> Batch:
        """Read and pad the pairs of one batch."""
        targets = [self.pairs.target[i] for i in indices]
        return Batch(
            source=pad([self.pairs.source[i] for i in indices], None, EOS),
            target_in=pad(targets, BOS, None),
            target_out=pad(targets, None, EOS),
        )

    def with_other_sources(self, most: int) -> list[tuple[Batch, Batch]]:
        """Batches of the first ``most`` pairs, each as it is and with every source that of the next pair.

        Pairs whose neighbour in the batch has the same source are left out of both.
        """
        made = []
        some = np.arange(min(most, len(self.pairs)))
        for cell in _cells(some, self._source, self._target, self.budget):
            batch = self.load(cell)
            other = batch.source.roll(-1, 0)  # (B, S)
            kept = (other != batch.source).any(1)  # (B,)
            own = (side[kept] for side in (batch.source, batch.target_in, batch.target_out))
            pair = Batch(*own), Batch(other[kept], batch.target_in[kept], batch.target_out[kept])
            if kept.any():
                made.append(pair)
        return made

    def padding(self, epoch: int) -> float:
        """The share of an epoch's tokens, source and target together, that is padding."""
        real = int(self._source.sum(dtype=np.int64) + self._target.sum(dtype=np.int64))
        laid = sum(
            len(cell) * (int(self._source[cell].max()) + int(self._target[cell].max()))
            for cell in self.plan(epoch)
        )
        return 1 - real / laid


def _cells(
    indices: Indices, source: npt.NDArray[np.int32], target: npt.NDArray[np.int32], budget: int
) -> list[Indices]:
    """Cut pairs into batches: a snake through the plane of (source length, target length).

    The plane is cut into strips of similar target length, one for each square root of the number of
    batches; within a strip the pairs run from short to long sources, in the next from long to short,
    so that neighbours are alike in both lengths. The snake is then cut wherever the budget is full,
    at a multiple of ``ROUND`` pairs.
    A pair longer than the budget makes a batch by itself.
    """
    longest = np.maximum(source, target).astype(np.int64)
    total = int(longest[indices].sum())
    strips = max(1, round((total / budget) ** 0.5))
    by_target = indices[np.argsort(target[indices], kind="stable")]
    edges = np.searchsorted(np.cumsum(longest[by_target]), total * np.arange(1, strips) / strips)
    snake = np.concatenate(
        [
            strip[np.argsort(-source[strip] if number % 2 else source[strip], kind="stable")]
            for number, strip in enumerate(np.split(by_target, edges))
        ]
    )
    cuts: list[int] = []
    begin = 0
    lengths = longest[snake]
    while begin < len(snake):
        ahead = np.maximum.accumulate(lengths[begin : begin + budget])
        fits = int(np.searchsorted(ahead * np.arange(1, len(ahead) + 1), budget, side="right"))
        if ROUND < fits < len(snake) - begin:
            fits -= fits % ROUND
        size = max(1, fits)
        begin += size
        cuts.append(begin)
    return np.split(snake, cuts[:-1])
