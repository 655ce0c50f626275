"""Batches of pairs of similar lengths, within a token budget, in a repeatable order.

B batch, S source length, T target length, both including one special symbol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqformer.symbols import BOS, EOS, PAD
from seqformer.text.linked import shares
from seqformer.text.prepared import Pairs
from seqformer.text.sampling import Indices, Sampling, Sides

PART, RUN = 1 << 18, 64  # pairs planned at a time; neighbours that stay together in a plan
SAMPLED_PART = 1 << 16  # pairs planned at a time whose lines are drawn, and then in memory
ROUND = 16  # pairs; fewer distinct batch sizes need fewer compiled matrix products


@dataclass(frozen=True)
class Cell:
    """The pairs of one batch, and where their lines are read; a slice is a share of the batch."""

    indices: Indices
    lines: Sides

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, share: slice) -> Cell:
        return Cell(self.indices[share], self.lines)

    @property
    def costs(self) -> tuple[Indices, Indices]:
        """The costs of sentences, source and target: their pieces and one special symbol."""
        return self.lines.source.lengths(self.indices) + 1, self.lines.target_out.lengths(self.indices) + 1


@dataclass(frozen=True)
class Batch:
    """Padded ids of a few pairs. Only here are decoder input and expected output shifted by one."""

    source: Tensor  # (B, S)  x1 … xm EOS PAD …
    target_in: Tensor  # (B, T)  BOS y1 … yn PAD …
    target_out: Tensor  # (B, T)  y1 … yn EOS PAD …
    links: Tensor | None = None  # (B, T, S)  of the pieces of target_in, see :mod:`seqformer.text.linked`

    def to(self, device: torch.device) -> Batch:
        """Return the same batch on a device."""
        links = None if self.links is None else self.links.to(device)
        return Batch(self.source.to(device), self.target_in.to(device), self.target_out.to(device), links)

    def with_next_sources(self) -> Batch:
        """Return the same targets, each with the source of the next pair, the last with the first's."""
        return Batch(self.source.roll(-1, 0), self.target_in, self.target_out)


def pad(lines: Sequence[Any], before: int | None, after: int | None) -> Tensor:
    """Return lines of ids as a rectangle (B, L): a symbol before and after each if given, then PAD."""
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
    """Return source sentences as an encoder takes them: (B, S), each ended by EOS."""
    return pad(lines, None, EOS)


class PairBatches:
    """The batches of a split. Each epoch has its own order, which depends on seed and epoch alone.

    A batch holds pairs of similar lengths within a budget of tokens; or, if a number of ``sentences`` is
    given, as many drawn at random, and what is left over in the last.

    An epoch is planned in parts of at most ``PART`` pairs, so that memory does not grow with the corpus.
    A part holds runs of ``RUN`` neighbours from all over the corpus, different ones each epoch. With
    ``sampling`` its lines are drawn when it is planned, so that batches are made by the lengths drawn.
    """

    def __init__(
        self, pairs: Pairs, budget: int, seed: int, sampling: Sampling | None = None, sentences: int = 0
    ) -> None:
        self.pairs = pairs
        self.budget = budget
        self.seed = seed
        self.sampling = sampling
        self.sentences = sentences
        self._stored = Sides(pairs.source, pairs.target, pairs.target)
        self._runs = -(-len(pairs) // RUN)
        self.parts = -(-self._runs * RUN // (SAMPLED_PART if sampling else PART))
        self._planned: dict[tuple[int, int], list[Cell]] = {}  # the last plan made

    def plan(self, epoch: int, part: int = 0) -> list[Cell]:
        """Return the batches of a part; in an epoch each pair is in exactly one batch."""
        if (epoch, part) not in self._planned:
            self._planned = {(epoch, part): self._plan(epoch, part)}
        return self._planned[epoch, part]

    def _plan(self, epoch: int, part: int) -> list[Cell]:
        runs = np.random.default_rng((self.seed, epoch)).permutation(self._runs)[part :: self.parts]
        indices = (runs[:, None] * RUN + np.arange(RUN)).flatten()
        rng = np.random.default_rng((self.seed, epoch, part))
        shuffled = rng.permutation(indices[indices < len(self.pairs)])  # ties in length break differently
        lines = self.sampling.draw(self.pairs, shuffled, epoch, part) if self.sampling else self._stored
        if self.sentences:
            parts = np.split(shuffled, range(self.sentences, len(shuffled), self.sentences))
            return [Cell(indices, lines) for indices in parts]
        cells = self._cells(Cell(shuffled, lines))
        return [cells[i] for i in rng.permutation(len(cells))]

    def in_order(self) -> list[Cell]:
        """Return the batches without shuffling and as they are stored, for validation."""
        return self._cells(self._as_stored(np.arange(len(self.pairs))))

    def _cells(self, pairs: Cell) -> list[Cell]:
        return [Cell(cell, pairs.lines) for cell in _cells(pairs.indices, *pairs.costs, self.budget)]

    def load(self, cell: Cell) -> Batch:
        """Read and pad the pairs of one batch."""
        lines = cell.lines
        targets = [lines.target_out[i] for i in cell.indices]
        same = lines.target_in is lines.target_out
        source = pad([lines.source[i] for i in cell.indices], None, EOS)
        target_out = pad(targets, None, EOS)
        links = None
        if self.pairs.links:
            of_pairs = [self.pairs.links[i] for i in cell.indices]
            links = torch.from_numpy(shares(of_pairs, target_out.shape[1], source.shape[1]))
        return Batch(
            source=source,
            target_in=pad(targets if same else [lines.target_in[i] for i in cell.indices], BOS, None),
            target_out=target_out,
            links=links,
        )

    def apart(self, order: Indices, most: int) -> tuple[list[Cell], list[Cell]]:
        """Return batches of the first pairs of an order, and batches of all others.

        Of the first there are at most ``most``, all with different sources, and two or more in a batch.
        """
        first: dict[bytes, int] = {}
        for index in order.tolist():
            if len(first) == most:
                break
            first.setdefault(self.pairs.source[index].tobytes(), index)
        own = [cell for cell in self._cells(self._as_stored(np.array([*first.values()]))) if len(cell) > 1]
        rest = order[~np.isin(order, np.concatenate([cell.indices for cell in own]))] if own else order
        return own, self._cells(self._as_stored(rest)) if len(rest) else []

    def _as_stored(self, indices: Indices) -> Cell:
        return Cell(indices, self._stored)

    def padding(self) -> float:
        """Return the share of padding among the tokens, source and target, of the first part."""
        real, laid = 0, 0
        for cell in self.plan(0):
            for costs in cell.costs:
                real, laid = real + int(costs.sum()), laid + len(cell) * int(costs.max())
        return 1 - real / laid

    def growth(self) -> float:
        """Return how many times as long as stored the lines of the first part are, EOS included."""
        drawn = self.plan(0)
        stored = [Cell(cell.indices, self._stored) for cell in drawn]
        lengths = [
            sum(int(costs.sum()) for cell in cells for costs in cell.costs) for cells in (drawn, stored)
        ]
        return lengths[0] / lengths[1]


def _cells(indices: Indices, source: Indices, target: Indices, budget: int) -> list[Indices]:
    """Cut pairs with these costs into batches, along a snake through the plane of both costs.

    The plane is cut into strips of similar target length, as many as the square root of the number
    of batches; in a strip the pairs run from short to long sources, in the next from long to short,
    so that neighbours are alike in both lengths. The snake is then cut wherever the budget is full,
    at a multiple of ``ROUND`` pairs.
    A pair longer than the budget is a batch by itself.
    """
    longest = np.maximum(source, target)
    total = int(longest.sum())
    strips = max(1, round((total / budget) ** 0.5))
    by_target = np.argsort(target, kind="stable")
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
    return np.split(indices[snake], cuts[:-1])
