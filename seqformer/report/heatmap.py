"""A matrix with labelled rows and columns, as a table of shaded cells and as a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from seqformer.report import png

# the weight that a shade ends at, and its style, readable in dark and light terminals
SHADES = (
    (0.05, ""),
    (0.15, "black on color(189)"),
    (0.30, "black on color(147)"),
    (0.50, "black on color(111)"),
    (0.70, "white on color(68)"),
    (0.90, "white on color(26)"),
    (9.99, "bold white on color(18)"),
)


@dataclass(frozen=True)
class Heatmap:
    """The attention of one head: a row for each query, a column for each key."""

    kind: str  # cross, encoder or decoder
    layer: int  # from 1
    head: int  # from 1; 0 for the mean over heads
    weights: list[list[float]]
    rows: list[str]
    columns: list[str]

    @property
    def title(self) -> str:
        """Kind, layer and head, in words."""
        return f"{self.kind}, layer {self.layer}, " + (f"head {self.head}" if self.head else "mean of heads")


def plain(piece: str) -> str:
    """Return a piece for people to read, without the mark of a word start; a lone mark becomes ␣."""
    return piece.removeprefix("▁") or "␣"


def draw(heatmap: Heatmap) -> Group:
    """Draw a table of shaded cells with the weight, in hundredths, in each."""
    width = max(4, min(7, (79 - _label_width(heatmap.rows)) // len(heatmap.columns)))
    cells = [[_cell(weight, width) for weight in weights] for weights in heatmap.weights]
    return labelled(heatmap.title, heatmap.rows, heatmap.columns, cells, width)


def labelled(
    title: str, rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[Text]], width: int
) -> Group:
    """Draw cells of a common width under and beside the pieces they belong to."""
    table = Table(box=None, padding=(0, 0), pad_edge=False)
    table.add_column("", justify="right", no_wrap=True, width=_label_width(rows))
    for column in columns:
        table.add_column(_folded(plain(column), width - 1), justify="center", width=width, vertical="bottom")
    for name, row in zip(rows, cells, strict=True):
        table.add_row(Text(plain(name) + " "), *row)
    return Group(Text(title, style="bold"), table, "")


def _label_width(rows: Sequence[str]) -> int:
    return min(14, 1 + max(len(plain(row)) for row in rows))


def _folded(label: str, width: int) -> Text:
    return Text("\n".join(label[i : i + width] for i in range(0, len(label), width)))


def _cell(weight: float, width: int) -> Text:
    style = next(style for most, style in SHADES if weight < most)
    return Text(f"{round(100 * weight):d}".center(width), style=style)


def paint(heatmaps: Sequence[Heatmap], title: str) -> Any:
    """Return a figure: a row for each kind and layer, a column for each head."""
    rows = sorted({(_order(m), m.layer) for m in heatmaps})
    columns = sorted({m.head for m in heatmaps})
    across = len(columns) == 1  # then the layers stand side by side
    shape = (1, len(rows)) if across else (len(rows), len(columns))
    longest = max(max(len(m.rows), len(m.columns)) for m in heatmaps)
    cell = max(2.2, 0.22 * longest + 0.9)  # inches
    width = cell * shape[1] + 0.6
    figure = png.new_figure(width, cell * shape[0] + 0.9)
    grid = figure.subplots(*shape, squeeze=False)
    for m in heatmaps:
        row, column = rows.index((_order(m), m.layer)), columns.index(m.head)
        axes = grid[0][row] if across else grid[row][column]
        image = axes.imshow(m.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(m.columns)), [plain(p) for p in m.columns], rotation=90, fontsize=8)
        axes.set_yticks(range(len(m.rows)), [plain(p) for p in m.rows], fontsize=8)
        axes.set_title(m.title, fontsize=9)
        source = "target" if m.kind == "decoder" else "source"
        axes.set_xlabel(f"{source} (keys)", fontsize=8)
        axes.set_ylabel(f"{'source' if m.kind == 'encoder' else 'target'} (queries)", fontsize=8)
    figure.suptitle(textwrap.fill(title, int(11 * width)), fontsize=10)
    figure.colorbar(image, ax=grid, fraction=0.02, label="weight")
    return figure


def _order(heatmap: Heatmap) -> int:
    return ("encoder", "decoder", "cross").index(heatmap.kind)
