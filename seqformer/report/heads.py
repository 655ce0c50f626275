"""How a width is split into heads, on a small tensor, and what attention costs.

B batch (1 here), T positions, D width, H heads, K head width: D = H K.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from rich.console import RenderableType
from rich.text import Text

from seqformer.console import table
from seqformer.errors import SeqformerError
from seqformer.models.attention import split_heads
from seqformer.models.blocks import check_heads
from seqformer.report.heatmap import labelled
from seqformer.report.panels import Figure, Matrix, Panel

STYLES = ("cyan", "yellow", "green", "magenta")
MOST = 10  # positions, columns
COSTED = 512  # width of the paper's base model
LENGTHS = (32, 128, 512, 1024, 4096)


@dataclass(frozen=True)
class Cost:
    """Multiplications of one self-attention over a sentence of T positions, in all heads together."""

    length: int
    projections: int  # 4 T D²: queries, keys, values, output
    attention: int  # 2 T² D: scores, and weighted sums of values; H heads of T² K each


@dataclass(frozen=True)
class Heads(Figure):
    """A tensor before and after the split. Made by :func:`split`."""

    width: int
    heads: int
    x: list[list[int]]  # (T, D): the entry of position t and column d is 10 t + d
    split: list[list[list[int]]]  # (H, T, K), the same numbers
    cost_width: int
    costs: list[Cost]

    @property
    def title(self) -> str:
        """The sizes."""
        return f"A width of {self.width} as {self.heads} heads of {self.width // self.heads}"

    @property
    def answer(self) -> str:
        """What heads are for, and what they cost."""
        return (
            "Each head compares positions by its own K = D/H columns, so a position can look at H places for "
            "H reasons, and all heads cost what one of full width would: H·T²·K = T²·D (section 3.2.2). "
            "Scores and weighted sums take 2·T²·D multiplications, the projections 4·T·D²: attention itself "
            "is the larger part only where a sentence is longer than 2·D."
        )

    def panels(self) -> list[list[Panel]]:
        """Return x, and what each head gets of it."""
        rows = _positions(len(self.x))
        size = self.width // self.heads
        drawn: list[Panel] = [_panel("x", self.x, rows, 0)]
        drawn += [_panel(f"head {h}", each, rows, (h - 1) * size) for h, each in enumerate(self.split, 1)]
        return [drawn[i : i + 3] for i in range(0, len(drawn), 3)]

    def tables(self) -> list[RenderableType]:
        """Return the shapes, the numbers before and after the split, and costs."""
        length, size = len(self.x), self.width // self.heads
        shapes = table(
            self.title, "step", "axes", "shape",
            caption="x.view(B, H, T, K) alone would mix positions.",
        )  # fmt: skip
        shapes.columns[1].justify = shapes.columns[2].justify = "left"
        apart, by_head = (1, length, self.heads, size), (1, self.heads, length, size)
        for step, axes, shape in (
            ("x", "B, T, D", (1, length, self.width)),
            (".view(B, T, H, K)", "B, T, H, K", apart),
            (".transpose(1, 2)", "B, H, T, K", by_head),
            ("scores q kᵀ / √K", "B, H, T, T", (1, self.heads, length, length)),
            ("softmax(scores) v", "B, H, T, K", by_head),
            (".transpose(1, 2).flatten(2)", "B, T, D", (1, length, self.width)),
        ):
            shapes.add_row(step, axes, str(shape))
        return [shapes, "", *self._numbers(), self._costs()]

    def _numbers(self) -> list[RenderableType]:
        """Return x and what each head gets of it, in the colours of the heads."""
        rows, size = _positions(len(self.x)), self.width // self.heads

        def cells(values: list[list[int]], first: int) -> list[list[Text]]:
            return [
                [
                    Text(str(value).center(4), style=STYLES[(first + at) // size % len(STYLES)])
                    for at, value in enumerate(row)
                ]
                for row in values
            ]

        drawn: list[RenderableType] = [
            labelled(
                "x: 10 times the position, plus the column",
                rows,
                _columns(0, self.width),
                cells(self.x, 0),
                5,
            )
        ]
        for head, values in enumerate(self.split):
            first = head * size
            drawn.append(labelled(f"Head {head + 1}", rows, _columns(first, size), cells(values, first), 5))
        return drawn

    def _costs(self) -> RenderableType:
        rows = table(
            f"Multiplications of one self-attention, width {self.cost_width}, any number of heads",
            "length T", "projections 4·T·D²", "attention 2·T²·D", "share of attention",
        )  # fmt: skip
        for cost in self.costs:
            share = cost.attention / (cost.attention + cost.projections)
            rows.add_row(f"{cost.length:,}", f"{cost.projections:,}", f"{cost.attention:,}", f"{share:.0%}")
        return rows


def _positions(length: int) -> list[str]:
    return [f"position {t}" for t in range(1, length + 1)]


def _columns(first: int, count: int) -> list[str]:
    return [str(d) for d in range(first, first + count)]


def _panel(title: str, values: list[list[int]], rows: list[str], first: int) -> Matrix:
    columns = _columns(first, len(values[0]))
    shown = [[float(value) for value in row] for row in values]
    return Matrix(
        title, "columns of x", "positions", shown, rows, columns, high=10.0 * len(rows) + 9, written=".0f"
    )


def cost(length: int, width: int) -> Cost:
    """Return the multiplications of one self-attention (Vaswani et al. 2017, table 1 and section 3.2.2)."""
    return Cost(length, projections=4 * length * width**2, attention=2 * length**2 * width)


def split(length: int = 3, width: int = 8, heads: int = 2) -> Heads:
    """Return a tensor (1, T, D) and its split into heads (1, H, T, K), made by the models' own function.

    Raises :class:`SeqformerError` for sizes out of range, and for a width that is no multiple of ``heads``.
    """
    for name, value in (("length", length), ("width", width), ("heads", heads)):
        if not 1 <= value <= MOST:
            raise SeqformerError(f"{name} {value}: give a number between 1 and {MOST}")
    check_heads(width, heads)
    x = 10 * torch.arange(1, length + 1)[:, None] + torch.arange(width)  # (T, D)
    (by_head,) = split_heads(x[None], heads, 1)  # (1, H, T, K)
    costs = [cost(each, COSTED) for each in LENGTHS]
    return Heads(width, heads, x.tolist(), by_head[0].tolist(), COSTED, costs)
