"""Sinusoids: interleaved, unbounded in length, and a shift is a rotation."""

from __future__ import annotations

import math

import torch

from seqformer.models.positions import SinusoidalPositions, sinusoids


def test_the_formula() -> None:
    table = sinusoids(50, 8)
    for t, i in ((0, 0), (3, 1), (49, 3)):
        angle = t / 10_000 ** (2 * i / 8)
        assert math.isclose(table[t, 2 * i], math.sin(angle), abs_tol=1e-5)
        assert math.isclose(table[t, 2 * i + 1], math.cos(angle), abs_tol=1e-5)


def test_a_shift_is_a_fixed_rotation_of_each_pair_of_columns() -> None:
    width = 16
    table = sinusoids(120, width).double()
    for shift in range(51):
        for pair in range(width // 2):
            angle = shift / 10_000 ** (2 * pair / width)
            turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
            columns = table[:, 2 * pair : 2 * pair + 2]
            expected = columns[: 120 - shift] @ turn.double()
            torch.testing.assert_close(columns[shift:], expected, atol=2e-5, rtol=0)


def test_any_length_and_start() -> None:
    positions = SinusoidalPositions()
    far = positions(torch.zeros(1, 1, 8), start=700)
    torch.testing.assert_close(far[0, 0], sinusoids(701, 8)[700])
