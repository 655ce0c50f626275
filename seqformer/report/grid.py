"""Pictures of attention maps: a grid of heatmaps with a label for each piece, whatever the pieces are.

Lengths are in inches. The size of a map follows from the number of pieces, the margins from the labels; maps
shrink, and every second label or more is left out, where the picture would be larger than it may be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from seqformer.console import cut, visible, wrapped
from seqformer.report.heatmap import Heatmap, plain
from seqformer.report.png import DPI, PIXELS, SIDE, Picture

KINDS = ("encoder", "decoder", "cross")
LABEL = 20  # cells of a label, at most
SMALL, LARGE = 8, 10  # points
PIECE, LINE = 0.22, 0.14  # of a piece in a map that need not shrink, and of a line of small text
LEAST, SMALLEST = 1.3, 0.9  # of a map, usually, and of one that has shrunk


@dataclass(frozen=True)
class Grid:
    """Where maps lie: so many across and down, each of them ``body`` wide and high inside its margins."""

    across: int
    down: int
    body: float
    left: float  # of a map, for the labels of rows and the name of the axis
    below: float
    above: float = 0.3
    right: float = 0.15
    bar: float = 0.85  # right of all maps
    top: float = 1.0  # above all maps, for the title

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the picture."""
        return (
            self.across * (self.left + self.body + self.right) + self.bar,
            self.down * (self.above + self.body + self.below) + self.top,
        )

    @property
    def fits(self) -> bool:
        """Whether a picture of this size may have the usual dots an inch."""
        width, height = self.size
        return max(width, height) * DPI <= SIDE and width * height * DPI**2 <= PIXELS

    def corner(self, row: int, column: int) -> tuple[float, float]:
        """Return the left and lower edge of a map."""
        height = self.size[1]
        return (
            column * (self.left + self.body + self.right) + self.left,
            height - self.top - row * (self.above + self.body + self.below) - self.above - self.body,
        )


def paint(heatmaps: Sequence[Heatmap], title: Sequence[str], font: Path | None = None) -> Picture:
    """Return a picture: a row for each kind and layer, a column for each head.

    The parts of the ``title`` are set apart by arrows.
    """
    rows = sorted({(KINDS.index(m.kind), m.layer) for m in heatmaps})
    columns = sorted({m.head for m in heatmaps})
    alone = len(columns) == 1  # then the layers stand side by side
    down, across = (1, len(rows)) if alone else (len(rows), len(columns))
    labels = {piece: cut(plain(piece), LABEL) for m in heatmaps for piece in (*m.rows, *m.columns)}
    picture = Picture(1, 1, [*labels.values(), *map(visible, title)], font, layout="none")
    with picture.style():
        grid = _grid(picture, heatmaps, labels, across, down)
        lines = _title(title, max(20, int(11 * grid.size[0])))
        grid = replace(grid, top=0.15 + 0.2 * len(lines))
        picture.resize(*grid.size)
        for m in heatmaps:
            row, column = rows.index((KINDS.index(m.kind), m.layer)), columns.index(m.head)
            image = _map(picture.figure, grid, m, labels, *((0, row) if alone else (row, column)))
        _around(picture.figure, grid, image, lines)
    return picture


def _grid(
    picture: Picture, heatmaps: Sequence[Heatmap], labels: dict[str, str], across: int, down: int
) -> Grid:
    """Return a grid that the labels fit in and that fits the bounds."""
    pieces = max(max(len(m.rows), len(m.columns)) for m in heatmaps)
    sides = [
        _widest(picture.figure, {labels[p] for m in heatmaps for p in side(m)}) for side in (_rows, _columns)
    ]
    usual = max(LEAST, PIECE * pieces)

    def of(body: float) -> Grid:
        return Grid(across, down, body, left=sides[0] + 0.35, below=sides[1] + 0.3)

    grid = of(usual)
    while not grid.fits and grid.body > SMALLEST:
        grid = of(max(SMALLEST, 0.95 * grid.body))
    if grid.body < usual:
        step = _step(pieces, grid.body)
        shown = "" if step == 1 else f"; one label of {step:,} is shown"
        picture.remarks.append(
            f"The picture is kept to {PIXELS // 10**6} million pixels{shown}. One layer, one head, or the "
            "mean over the heads is drawn larger."
        )
    return grid


def _rows(heatmap: Heatmap) -> list[str]:
    return heatmap.rows


def _columns(heatmap: Heatmap) -> list[str]:
    return heatmap.columns


def _widest(figure: Any, labels: Iterable[str]) -> float:
    """Return the width of the widest label."""
    widest = 0.0
    for label in labels:
        text = figure.text(0, 0, label, fontsize=SMALL)
        widest = max(widest, text.get_window_extent().width / figure.dpi)
        text.remove()
    return min(widest, 0.15 * LABEL)


def _step(pieces: int, body: float) -> int:
    """Return of how many pieces one has a label, so that labels do not overlap."""
    return math.ceil(LINE * pieces / body)


def _map(figure: Any, grid: Grid, heatmap: Heatmap, labels: dict[str, str], row: int, column: int) -> Any:
    """Draw one heatmap, its labels and what they are."""
    (x, y), (width, height) = grid.corner(row, column), grid.size
    axes = figure.add_axes(
        (x / width, y / height, grid.body / width, grid.body / height), xticks=[], yticks=[]
    )
    image = axes.imshow(heatmap.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    small: dict[str, Any] = {"fontsize": SMALL}
    gap = 0.04 / grid.body
    down, across = axes.get_yaxis_transform(), axes.get_xaxis_transform()
    for at in range(0, len(heatmap.rows), _step(len(heatmap.rows), grid.body)):
        axes.text(-gap, at, labels[heatmap.rows[at]], transform=down, ha="right", va="center", **small)
    for at in range(0, len(heatmap.columns), _step(len(heatmap.columns), grid.body)):
        axes.text(
            at,
            -gap,
            labels[heatmap.columns[at]],
            transform=across,
            ha="center",
            va="top",
            rotation=90,
            **small,
        )
    axes.set_title(heatmap.title, fontsize=9)
    source = "target" if heatmap.kind == "decoder" else "source"
    target = "source" if heatmap.kind == "encoder" else "target"
    middle = grid.body / 2
    figure.text(
        (x + middle) / width, (y - grid.below + 0.12) / height, f"{source} (keys)", ha="center", **small
    )
    figure.text(
        (x - grid.left + 0.12) / width, (y + middle) / height, f"{target} (queries)",
        ha="center", va="center", rotation=90, **small,
    )  # fmt: skip
    return image


def _around(figure: Any, grid: Grid, image: Any, lines: Sequence[str]) -> None:
    """Draw the title and the scale."""
    width, height = grid.size
    figure.text(0.5, 1 - 0.12 / height, "\n".join(lines), ha="center", va="top", fontsize=LARGE)
    low, high = grid.corner(grid.down - 1, 0)[1], height - grid.top - grid.above
    bar = figure.add_axes(
        ((width - grid.bar + 0.1) / width, low / height, 0.12 / width, (high - low) / height)
    )
    figure.colorbar(image, cax=bar, label="weight")


def _title(parts: Sequence[str], cells: int) -> list[str]:
    """Return a title as lines: one if everything fits there, else two at most for each part.

    Each part keeps its own direction of writing beside the arrow, which points right.
    """
    whole = [wrapped(part, cells, 2) for part in parts]
    if all(len(lines) == 1 for lines in whole) and cell_len(" → ".join(parts)) <= cells:
        return [" → ".join(_isolated(lines[0]) for lines in whole)]
    first, *others = [[_isolated(line) for line in lines] for lines in whole]
    return [*first, *(line for lines in others for line in (f"→ {lines[0]}", *lines[1:]))]


def _isolated(line: str) -> str:
    return line if line.isascii() else f"\u2068{line}\u2069"
