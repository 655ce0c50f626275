"""Batches: within the budget, each pair once an epoch, the same order for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqformer.symbols import BOS, EOS, PAD
from seqformer.tasks import open_task
from seqformer.text import batches as batching
from seqformer.text.batches import PairBatches, _cells
from seqformer.text.prepared import Pairs, open_pairs

Lengths = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=200)


def train_pairs(data: Path) -> Pairs:
    return open_pairs(data, "train", open_task(data).manifest)


@given(Lengths, st.integers(1, 300))
def test_a_batch_never_exceeds_its_budget_and_each_pair_comes_once(
    lengths: list[tuple[int, int]], budget: int
) -> None:
    source, target = (np.array(side, dtype=np.int64) for side in zip(*lengths, strict=True))
    cells = _cells(np.arange(len(lengths)), source, target, budget)
    assert sorted(i for cell in cells for i in cell.tolist()) == list(range(len(lengths)))
    for cell in cells:
        cost = len(cell) * max(source[cell].max(), target[cell].max())
        assert cost <= budget or len(cell) == 1


@pytest.mark.parametrize(("runs", "part"), [(1, 7), (4, 16), (64, 1 << 18)])
def test_in_the_parts_of_an_epoch_each_pair_comes_once(
    data: Path, monkeypatch: pytest.MonkeyPatch, runs: int, part: int
) -> None:
    monkeypatch.setattr(batching, "RUN", runs)
    monkeypatch.setattr(batching, "PART", part)
    pairs = train_pairs(data)
    batches = PairBatches(pairs, 60, seed=1)
    assert batches.parts == -(-len(pairs) // part)
    for epoch in (0, 1):
        plans = [[i for cell in batches.plan(epoch, p) for i in cell.indices] for p in range(batches.parts)]
        assert max(map(len, plans)) <= part
        assert sorted(i for plan in plans for i in plan) == list(range(len(pairs)))


@pytest.fixture
def batches(data: Path) -> PairBatches:
    return PairBatches(train_pairs(data), 60, seed=1)


def test_epochs_differ_and_repeat(batches: PairBatches) -> None:
    def order(epoch: int) -> list[list[int]]:
        return [cell.indices.tolist() for cell in batches.plan(epoch)]

    assert order(0) == order(0) and order(0) != order(1)


def test_batches_of_random_sentences(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many in each but the last, all of them once an epoch, and not sorted by length."""
    pairs = train_pairs(data)
    batches = PairBatches(pairs, 60, seed=1, sentences=16)
    plans = [batches.plan(epoch) for epoch in (0, 0, 1)]
    assert [len(cell) for cell in plans[0]] == [16, 16, 16, len(pairs) % 16]
    assert sorted(i for cell in plans[0] for i in cell.indices.tolist()) == list(range(len(pairs)))
    first, again, next_one = ([i for cell in plan for i in cell.indices.tolist()] for plan in plans)
    assert first == again != next_one
    lengths = [pairs.source.lengths(cell.indices) for cell in plans[0][:3]]
    assert all(length.max() - length.min() > 2 for length in lengths)
    monkeypatch.setattr(batching, "RUN", 4)
    monkeypatch.setattr(batching, "PART", 24)
    parts = PairBatches(pairs, 60, seed=1, sentences=16)
    sizes = [[len(cell) for cell in parts.plan(0, part)] for part in range(parts.parts)]
    assert sum(map(sum, sizes)) == len(pairs) and all(size[:-1] == [16] * len(size[:-1]) for size in sizes)


def test_the_shift_and_the_padding(batches: PairBatches) -> None:
    cell = batches.plan(0)[0]
    batch = batches.load(cell)
    for row, index in enumerate(cell.indices):
        target = batches.pairs.target[index].tolist()
        source = batches.pairs.source[index].tolist()
        assert [i for i in batch.source[row].tolist() if i != PAD] == [*source, EOS]
        assert [i for i in batch.target_in[row].tolist() if i != PAD] == [BOS, *target]
        assert [i for i in batch.target_out[row].tolist() if i != PAD] == [*target, EOS]


def test_padding_is_little_for_lengths_like_those_of_captions() -> None:
    """Poisson lengths around 14 pieces, as captions have; the budget is the default."""
    rng = np.random.default_rng(0)
    source = (rng.poisson(13, 29_000) + 2).astype(np.int64)
    target = np.maximum(2, source + rng.integers(-4, 5, 29_000)).astype(np.int64)
    order = rng.permutation(29_000)
    cells = _cells(order, source[order], target[order], 2048)
    laid = sum(len(c) * (int(source[c].max()) + int(target[c].max())) for c in cells)
    assert 1 - int(source.sum() + target.sum()) / laid <= 0.05
