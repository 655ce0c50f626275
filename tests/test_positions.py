"""Sinusoids in both layouts, unbounded in length, where a shift is a rotation; learned positions and none."""

from __future__ import annotations

import math

import pytest
import torch
from conftest import random_model

from seqformer.errors import SeqformerError
from seqformer.models.attention import padding_mask
from seqformer.models.positions import LearnedPositions, SinusoidalPositions, sinusoids


def test_the_formula() -> None:
    table = sinusoids(50, 8)
    for t, i in ((0, 0), (3, 1), (49, 3)):
        angle = t / 10_000 ** (2 * i / 8)
        assert math.isclose(table[t, 2 * i], math.sin(angle), abs_tol=1e-5)
        assert math.isclose(table[t, 2 * i + 1], math.cos(angle), abs_tol=1e-5)


def test_the_layouts_are_the_same_columns_in_another_order() -> None:
    order = [*range(0, 12, 2), *range(1, 12, 2)]  # sines, then cosines
    assert torch.equal(sinusoids(40, 12, split=True), sinusoids(40, 12)[:, order])


@pytest.mark.parametrize("split", [False, True])
def test_a_shift_is_a_fixed_rotation_of_each_pair_of_columns(split: bool) -> None:
    width = 16
    table = sinusoids(120, width, split=split).double()
    for shift in range(51):
        for pair in range(width // 2):
            angle = shift / 10_000 ** (2 * pair / width)
            turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
            columns = table[:, [pair, pair + width // 2] if split else [2 * pair, 2 * pair + 1]]
            expected = columns[: 120 - shift] @ turn.double()
            torch.testing.assert_close(columns[shift:], expected, atol=2e-5, rtol=0)


def test_any_length_and_start() -> None:
    positions = SinusoidalPositions()
    far = positions(torch.zeros(1, 1, 8), start=700)
    torch.testing.assert_close(far[0, 0], sinusoids(701, 8)[700])


def test_learned_positions_add_the_row_of_each_position_and_end() -> None:
    positions = LearnedPositions(5, 4)
    x = torch.randn(2, 3, 4)
    torch.testing.assert_close(positions(x, start=2), x + positions.table.weight[2:5])
    with pytest.raises(SeqformerError, match=r"6 pieces is too long .* positions for 5 at most"):
        positions(x, start=3)


def encoded(positions: str, source: torch.Tensor) -> torch.Tensor:
    return random_model(positions=positions).encode(source, padding_mask(source))


@pytest.mark.parametrize("positions", ["none", "sinusoidal", "sinusoidal-split", "learned"])
def test_only_without_positions_is_a_source_a_set(positions: str) -> None:
    """The memory of a sentence turned round is the memory turned round, so no decoder can tell them apart."""
    source = torch.tensor([[5, 6, 7, 8]])
    there, back = encoded(positions, source), encoded(positions, source.flip(1)).flip(1)
    assert torch.allclose(there, back) == (positions == "none")
