"""A matrix with labelled rows and columns, as a table of shaded cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from seqformer.console import cut, visible

SCREEN = 79  # columns of a terminal that a table fits in
START, NAMES = "▁", ("<pad>", "<unk>", "<s>", "</s>")  # the mark of a word start; pieces that are no text
LABEL = 14  # cells of a row's label, at most
FOLDS = 6  # lines of a column's label, at most
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
    def where(self) -> str:
        """Layer and head, in words."""
        return f"layer {self.layer}, " + (f"head {self.head}" if self.head else "mean of heads")

    @property
    def title(self) -> str:
        """Kind, layer and head, in words."""
        return f"{self.kind}, {self.where}"

    @property
    def labels(self) -> tuple[list[str], list[str]]:
        """Rows and columns for people to read: with ▁ at word starts, unless every piece is a word."""
        pieces = [piece for piece in (*self.rows, *self.columns) if piece not in NAMES]
        begun = sum(piece.startswith(START) for piece in pieces)
        shown = plain if begun in (0, len(pieces)) else visible
        return [shown(piece) for piece in self.rows], [shown(piece) for piece in self.columns]


def plain(piece: str) -> str:
    """Return a piece for people to read, without the mark of a word start; a lone mark becomes ␣."""
    return visible(piece.removeprefix(START)) or "␣"


def draw(heatmap: Heatmap) -> Group:
    """Draw a table of shaded cells with the weight, in hundredths, in each."""
    rows, columns = heatmap.labels
    width = max(4, min(7, (SCREEN - _label_width(rows)) // len(columns)))
    cells = [[_cell(weight, width) for weight in weights] for weights in heatmap.weights]
    return labelled(heatmap.title, rows, columns, cells, width)


def labelled(
    title: str, rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[Text]], width: int
) -> Group:
    """Draw cells of a common width under and beside the labels they belong to.

    Columns that do not fit a terminal follow below, with the rows' labels again.
    """
    margin = _label_width(rows)
    most = (SCREEN - margin) // width
    tables: list[RenderableType] = []
    for first in range(0, len(columns), most):
        table = Table(box=None, padding=(0, 0), pad_edge=False)
        table.add_column("", justify="right", no_wrap=True, width=margin)
        for column in columns[first : first + most]:
            table.add_column(_folded(column, width - 1), justify="center", width=width, vertical="bottom")
        for name, row in zip(rows, cells, strict=True):
            table.add_row(Text(cut(name, margin - 1) + " "), *row[first : first + most])
        tables += [table, ""]
    return Group(Text(title, style="bold"), *tables)


def _label_width(rows: Sequence[str]) -> int:
    return min(LABEL, 1 + max(cell_len(row) for row in rows))


def _folded(label: str, width: int) -> Text:
    return Text("\n".join(chop_cells(cut(label, width * FOLDS), width)))


def _cell(weight: float, width: int) -> Text:
    style = next(style for most, style in SHADES if weight < most)
    return Text(f"{round(100 * weight):d}".center(width), style=style)
