"""Panels, curves or a matrix of numbers or bars, drawn for a terminal and as a picture; figures of them."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from seqformer.console import beside, cut, visible, wrapped
from seqformer.report import curves
from seqformer.report.curves import Points
from seqformer.report.drawing import INK, Picture
from seqformer.report.medium import LINE, POINT, Medium
from seqformer.report.medium import SCREEN as AT_SCREEN
from seqformer.report.report import SCREEN, Lesson

GLYPHS = " ░▒▓█"  # from the lowest number of a matrix to the highest, with or without colours
COLUMNS, ROWS = 64, 20  # of a matrix at a terminal, at most; others are left out evenly
LABEL, NUMBER = 40, 3  # cells of a name at most, and of one that never stands upright
ACROSS, DOWN = 8, 11  # labels on the axes of a picture, at most
SHAPE = 1.5  # width over height of a picture, where there is a choice
EDGE = 0.015  # of a picture, around all panels
INSIDE = 0.72  # of a panel's width and height, within its axes
LINES = ("tab:blue", "tab:red", "tab:green", "tab:purple", "tab:orange", "tab:brown", "tab:pink", "tab:gray")


@dataclass(frozen=True)
class _Room:
    """What fits into the axes of a panel."""

    points: float  # the size of labels
    width: float  # inches
    height: float

    @classmethod
    def of(cls, axes: Any) -> _Room:
        """Return the room of axes, as it will be about."""
        from matplotlib import rcParams

        inches = INSIDE / axes.figure.dpi
        box = axes.figure.bbox
        return cls(rcParams["xtick.labelsize"], inches * box.width, inches * box.height)

    @property
    def cells(self) -> int:
        """How many characters of labels fit beside each other."""
        return max(1, int(self.width / (0.62 * self.points * POINT)))

    @property
    def lines(self) -> int:
        """How many labels fit below each other."""
        return max(1, int(self.height / (1.3 * LINE * self.points * POINT)))

    def title(self, text: str) -> str:
        """Return a title in two lines at most."""
        return "\n".join(wrapped(_name(text), max(12, int(self.cells / INSIDE) - 6), 2))


@dataclass(frozen=True)
class Curves:
    """Lines over a common axis, and perhaps single points. A number that is not finite is a gap."""

    title: str
    x: str  # names of the axes
    y: str
    lines: dict[str, Points]
    points: Points | None = None
    remark: str = ""

    def draw(self, width: int) -> Text:
        """Draw the panel for a terminal of ``width`` columns."""
        series = ({"points": self.points} if self.points else {}) | self.lines
        drawn = curves.draw(self.title, series, width, self.x) or Text(self.title)
        return drawn.append(f"\n{' ' * 10}{self.remark}", style="not bold") if self.remark else drawn

    def texts(self) -> list[str]:
        """Return what is written in a picture of the panel."""
        return [self.title, self.x, self.y, self.remark, *self.lines]

    def paint(self, axes: Any) -> None:
        """Draw the panel on axes of a picture."""
        if self.points:
            axes.plot(*zip(*self.points, strict=True), "o", color="0.6", markersize=4, label="points")
        for (name, points), color in zip(self.lines.items(), itertools.cycle(LINES), strict=False):
            axes.plot(*zip(*points, strict=True), color=color, label=_name(name))
        room = _Room.of(axes)
        remarks = wrapped(self.remark, room.cells, 3) if self.remark else []
        axes.set(ylabel=_name(self.y), xlabel="\n".join([_name(self.x), *remarks]))
        if all(isinstance(x, int) for points in self.lines.values() for x, _ in points):
            axes.xaxis.get_major_locator().set_params(integer=True)
        longest = max(cell_len(_name(name)) for name in self.lines)
        across = max(1, min(4, int(room.cells / INSIDE / (8 + longest))))  # names beside each other
        lines = -(-len(axes.lines) // across)
        across = -(-len(axes.lines) // lines)
        pad = (0.9 + 1.7 * lines) * room.points  # the legend lies between title and curves
        axes.set_title(room.title(self.title), pad=pad)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=across, frameon=False)


@dataclass(frozen=True)
class Matrix:
    """Numbers between ``low`` and ``high`` in labelled rows and columns."""

    title: str
    x: str  # what the columns are
    y: str  # what the rows are
    values: list[list[float]]
    rows: list[str]
    columns: list[str]
    low: float = 0.0
    high: float = 1.0
    written: str = ""  # how a picture writes the number in each cell; '': a scale of colours instead

    def draw(self, width: int) -> Text:
        """Draw a shade for each number, for ``width`` columns of a terminal; of many some are left out."""
        down = -(-len(self.rows) // ROWS)
        across = -(-len(self.columns) // COLUMNS)
        names = [cut(visible(name), LABEL) for name in self.rows]
        margin = max(map(cell_len, names)) + 2
        shown = [cut(visible(name), LABEL) for name in self.columns[::across]]
        cell = max(1, min(4, (width - margin) // len(shown)))
        text = Text(visible(self.title), style="bold")
        scale = f"   {GLYPHS[0]!r} {self.low:.2g} … {GLYPHS[-1]} {self.high:.2g}"
        text.append(scale + (f"; every {_nth(across)} column" if across > 1 else ""), style="not bold dim")
        for name, row in list(zip(names, self.values, strict=True))[::down]:
            line = "".join(self._glyph(value) * cell for value in row[::across])
            text.append(f"\n{beside(name, margin - 1)} {line}", style="not bold")
        ends = shown[0] + beside(shown[-1], cell * len(shown) - cell_len(shown[0]))
        text.append(f"\n{' ' * margin}{ends}", style="not bold")
        text.append(
            f"\n{' ' * margin}rows: {visible(self.y)}; columns: {visible(self.x)}", style="not bold dim"
        )
        return text

    def _glyph(self, value: float) -> str:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return GLYPHS[min(len(GLYPHS) - 1, max(0, int(share * len(GLYPHS))))]

    def texts(self) -> list[str]:
        """Return what is written in a picture of the panel."""
        return [self.title, self.x, self.y, *self.rows, *self.columns]

    def paint(self, axes: Any) -> None:
        """Draw the panel on axes of a picture: white to blue, or blue to red with negative numbers."""
        colors = "Blues" if self.low >= 0 else "RdBu_r"
        image = axes.imshow(
            self.values, cmap=colors, vmin=self.low, vmax=self.high, aspect="auto", interpolation="nearest"
        )
        room = _Room.of(axes)
        across, upright = self._beneath(room)
        down = _labels(self.rows, min(DOWN, room.lines))
        axes.set_xticks(list(across), list(across.values()), rotation=90 if upright else 0)
        axes.set_yticks(list(down), list(down.values()))
        axes.set(title=room.title(self.title), xlabel=_name(self.x), ylabel=_name(self.y))
        if self.written:
            self._write(axes, room)
        else:
            axes.figure.colorbar(image, cax=axes.inset_axes((1.03, 0, 0.05, 1)))  # as high as the matrix

    def _beneath(self, room: _Room) -> tuple[dict[int, str], bool]:
        """Return the labels of columns, and whether they stand upright: only where words are too many."""
        longest = max(cell_len(_name(name)) for name in self.columns)
        most = max(2, room.cells // (longest + 2))
        if longest > NUMBER and most < len(self.columns):
            return _labels(self.columns, max(2, min(ACROSS, 2 * room.lines))), True
        return _labels(self.columns, min(ACROSS, most)), False

    def _write(self, axes: Any, room: _Room) -> None:
        """Write the number in each cell, with white lines between cells."""
        numbers = [[format(value, self.written) for value in row] for row in self.values]
        longest = max(len(number) for row in numbers for number in row)
        points = min(room.points, room.cells * room.points / (1.15 * longest * len(self.columns)))
        for down, row in enumerate(self.values):
            for across, value in enumerate(row):
                color = "white" if value - self.low > 0.6 * (self.high - self.low) else "black"
                number = numbers[down][across]
                axes.text(across, down, number, ha="center", va="center", color=color, fontsize=points)
        for count, set_ticks in ((len(self.columns), axes.set_xticks), (len(self.rows), axes.set_yticks)):
            set_ticks([edge - 0.5 for edge in range(1, count)], minor=True)
        axes.grid(which="minor", color="white", linewidth=1.5)
        axes.tick_params(which="minor", length=0)


@dataclass(frozen=True)
class Bars:
    """Shares between 0 and 1 by name, each as a bar."""

    title: str
    x: str  # what the shares are of
    values: dict[str, float]

    def draw(self, width: int) -> Text:
        """Draw the panel for a terminal of ``width`` columns."""
        names = [cut(visible(name), LABEL) for name in self.values]
        margin = max(map(cell_len, names)) + 1
        room = (width - margin - 8) / max(self.values.values())
        text = Text(visible(self.title), style="bold")
        for name, value in zip(names, self.values.values(), strict=True):
            text.append(f"\n{beside(name, margin)} {'█' * round(value * room)} {value:.1%}", style="not bold")
        return text

    def texts(self) -> list[str]:
        """Return what is written in a picture of the panel."""
        return [self.title, self.x, *self.values]

    def paint(self, axes: Any) -> None:
        """Draw the panel on axes of a picture, the first bar on top."""
        bars = axes.barh([_name(name) for name in self.values], list(self.values.values()), color=LINES[0])
        axes.bar_label(bars, [f" {value:.1%}" for value in self.values.values()])
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set(title=_Room.of(axes).title(self.title), xlabel=_name(self.x))


Panel = Curves | Matrix | Bars


class Figure(Lesson):
    """An explanation with panels."""

    @abstractmethod
    def panels(self) -> list[list[Panel]]:
        """Return the panels of a picture, row by row."""

    def drawn(self) -> list[RenderableType]:
        """Return the panels for a terminal, each with a blank line below."""
        return [line for row in self.panels() for panel in row for line in (panel.draw(SCREEN), "")]

    def paint(self, font: Path | None = None, medium: Medium = AT_SCREEN) -> Picture:
        """Return the panels as a picture. Raises :class:`MissingExtra`."""
        return paint(self.panels(), self.title, font, medium)


def paint(
    rows: Sequence[Sequence[Panel]],
    title: str,
    font: Path | None = None,
    medium: Medium = AT_SCREEN,
    ink: str = INK,
) -> Picture:
    """Return a picture: a grid of panels, row by row, or by columns where that leaves each more room."""
    panels, size = _arranged(rows, medium)
    across = max(map(len, panels))
    width, height = (
        (medium.width, medium.height) if medium.fixed else (size[0] * across, size[1] * len(panels))
    )
    lines = wrapped(title, int(width / (0.62 * medium.title * POINT)), 2) if title else []
    if not medium.fixed:
        height += len(lines) * LINE * medium.title * POINT
    texts = [title, *(text for row in panels for panel in row for text in panel.texts())]
    picture = Picture(width, height, map(visible, texts), font, medium=medium, ink=ink)
    with picture.style():
        picture.figure.get_layout_engine().set(rect=(EDGE, EDGE, 1 - 2 * EDGE, 1 - 2 * EDGE))
        grid = picture.figure.subfigures(len(panels), across, squeeze=False)
        for line, row in zip(grid, panels, strict=True):
            for each, panel in zip(line, row, strict=False):
                panel.paint(each.subplots())
        if lines:
            picture.figure.suptitle("\n".join(lines))
    return picture


def _arranged(
    rows: Sequence[Sequence[Panel]], medium: Medium
) -> tuple[list[list[Panel]], tuple[float, float]]:
    """Return panels in rows as the medium has room for them, and the size of each.

    They stay in their rows, or become columns, or a few in each line where there is one row or column.
    """
    columns = [list(filter(None, column)) for column in itertools.zip_longest(*rows)]
    flat = [panel for row in rows for panel in row]
    choices = [[list(row) for row in rows], columns]
    if 1 in (len(rows), len(columns)):
        choices += [[flat[i : i + n] for i in range(0, len(flat), n)] for n in range(2, len(flat))]

    def size(panels: list[list[Panel]]) -> tuple[float, float]:
        most = medium.width / max(map(len, panels)), (medium.height - 0.6) / len(panels)
        return min(most[0], medium.panel[0]), min(most[1], medium.panel[1])

    def room(panels: list[list[Panel]]) -> tuple[float, ...]:
        width, height = size(panels)
        across, down = max(map(len, panels)), len(panels)
        holes = across * down - len(flat)
        shape = width * across / (height * down)
        share = min(width / medium.panel[0], height / medium.panel[1])
        return round(share, 1), -holes, -abs(math.log(shape / SHAPE))

    best = max(choices, key=room)
    return best, size(best)


def _labels(names: list[str], most: int) -> dict[int, str]:
    """Return which rows or columns of a picture are labelled, evenly, and how."""
    return {at: _name(names[at]) for at in range(0, len(names), -(-len(names) // most))}


def _name(text: str) -> str:
    """Return a name as a picture shows it."""
    name = cut(visible(text), LABEL)
    return f"\u200e{name}" if name.startswith("_") else name  # matplotlib hides names that begin so


def _nth(number: int) -> str:
    return {2: "2nd", 3: "3rd"}.get(number, f"{number}th")
