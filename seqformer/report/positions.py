"""Sinusoidal positions: the matrix, some of its columns, and a binary counter beside it.

T positions, D model width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import RenderableType

from seqformer.errors import SeqformerError, nearest
from seqformer.models.positions import sinusoids
from seqformer.report.panels import Curves, Figure, Matrix, Panel

KINDS = ("sinusoidal", "sinusoidal-split")
LARGEST = 1000  # rows or columns
COUNTED = 32  # numbers that the binary counter counts
BITS = 5  # bits of these numbers
BASE = 10_000  # the longest wave is so many times 2π
MOST = 64  # columns of one matrix in which neighbours can be told apart
SLOW, SLOWER = 0.6, 1.05  # periods of the columns shown as curves, in lengths


@dataclass(frozen=True)
class Positions(Figure):
    """The sinusoidal positions of a model. Made by :func:`positions`."""

    kind: str
    length: int
    width: int
    matrix: list[list[float]]  # (T, D)

    @property
    def title(self) -> str:
        """The kind and the size."""
        return f"{self.kind.capitalize()} positions: {self.length} of width {self.width}"

    @property
    def answer(self) -> str:
        """What the columns are, and why they are waves."""
        return (
            "Each position gets a row of its own, as a number has bits of its own: fast columns tell "
            "neighbours apart, slow ones tell the start from the end, and all are sines and cosines, smooth "
            "bits (section 3.5). A shift by δ positions turns each pair of sine and cosine by the same "
            "angle, δ times its rate, wherever it begins: so attention can learn to look a fixed distance "
            "away."
        )

    def panels(self) -> list[list[Panel]]:
        """Return the matrix (of many columns sines and cosines apart), two rates, and a counter."""
        return [[panel] for panel in (*self._matrices(), self._curves(), self._counter())]

    def tables(self) -> list[RenderableType]:
        """Return the panels."""
        return self.drawn()

    @property
    def _split(self) -> bool:
        return self.kind == KINDS[1]

    def _matrices(self) -> list[Panel]:
        sines = [self._column(pair) for pair in range(self.width // 2)]
        cosines = [column + self._apart for column in sines]
        if self._split or self.width <= MOST:
            return [self._matrix("The matrix", range(self.width))]
        return [
            self._matrix("The matrix, its even columns: sines", sines),
            self._matrix("The matrix, its odd columns: cosines", cosines),
        ]

    def _matrix(self, title: str, columns: Sequence[int]) -> Matrix:
        return Matrix(
            title=title,
            x="columns of the model",
            y="positions",
            values=[[row[c] for c in columns] for row in self.matrix],
            rows=[str(t) for t in range(self.length)],
            columns=[str(c) for c in columns],
            low=-1.0,
        )

    def _curves(self) -> Curves:
        """Return the sines and cosines of two pairs whose waves are about as long as the table."""
        first = self._pair(SLOW * self.length)
        second = max(first + 1, self._pair(SLOWER * self.length))
        chosen = sorted({pair for pair in (first, second) if pair < self.width // 2})
        named = [(self._column(pair), "sine") for pair in chosen]
        named += [(self._column(pair) + self._apart, "cosine") for pair in chosen]
        return Curves(
            title="Columns",
            x="position",
            y="value",
            lines={
                f"{c}, {name}": [(t, row[c]) for t, row in enumerate(self.matrix)]
                for c, name in sorted(named)
            },
        )

    def _counter(self) -> Matrix:
        """Return the bits of a counter, each slower than the last, above sines, which are smooth."""
        pairs = self.width // 2
        step = max(1, round(pairs / (COUNTED // 2)))  # so that periods grow as those of bits, about
        shown = range(0, min(pairs, BITS * step), step)
        sines = sinusoids(COUNTED, self.width, split=True)[:, :pairs].T.tolist()
        bits = [[2.0 * (t >> bit & 1) - 1 for t in range(COUNTED)] for bit in range(BITS)]
        periods = [2 * math.pi * BASE ** (2 * pair / self.width) for pair in shown]
        named = zip(shown, periods, strict=True)
        return Matrix(
            title="A binary counter, and sines",
            x="positions",
            y="bits and columns",
            values=bits + [sines[pair] for pair in shown],
            rows=[f"bit {bit}, period {2 << bit}" for bit in range(BITS)]
            + [f"column {self._column(pair)}, period {period:.1f}" for pair, period in named],
            columns=[str(t) for t in range(COUNTED)],
            low=-1.0,
        )

    def _pair(self, period: float) -> int:
        """Return the pair of columns whose period is nearest to this one."""
        pairs = self.width // 2
        pair = pairs * math.log(max(period / (2 * math.pi), 1)) / math.log(BASE)
        return max(0, min(pairs - 2, round(pair)))

    def _column(self, pair: int) -> int:
        """Return the column of the sine of a pair."""
        return pair if self._split else 2 * pair

    @property
    def _apart(self) -> int:
        """How far the cosine of a pair stands from its sine."""
        return self.width // 2 if self._split else 1


def positions(length: int = 60, width: int = 32, kind: str = KINDS[0]) -> Positions:
    """Return the sinusoidal positions (T, D) of a model (Vaswani et al. 2017, section 3.5).

    Raises :class:`SeqformerError` for another kind, for sizes out of range, and for an odd width.
    """
    if kind == "learned":
        raise SeqformerError(
            "learned positions are numbers that a training finds: there is no formula to show"
        )
    if kind not in KINDS:
        raise SeqformerError(f"there are no positions '{kind}': {nearest(kind, KINDS)}")
    for name, value in (("length", length), ("width", width)):
        if not 2 <= value <= LARGEST:
            raise SeqformerError(f"{name} {value}: give a number between 2 and {LARGEST:,}")
    if width % 2:
        raise SeqformerError(f"width {width} is odd: sine and cosine come in pairs")
    return Positions(kind, length, width, sinusoids(length, width, split=kind == KINDS[1]).tolist())
