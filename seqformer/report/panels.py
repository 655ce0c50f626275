"""Panels, curves or a matrix of numbers, drawn for a terminal and as a picture."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from seqformer.report import curves, png
from seqformer.report.curves import Points

GLYPHS = " ░▒▓█"  # from the lowest number of a matrix to the highest, with or without colours
COLUMNS, ROWS = 64, 20  # of a matrix at a terminal, at most; others are left out evenly
ACROSS, DOWN = 8, 11  # labels on the axes of a picture, at most
LINES = ("tab:blue", "tab:red", "tab:green", "tab:purple", "tab:orange", "tab:brown", "tab:pink", "tab:gray")


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

    def paint(self, axes: Any) -> None:
        """Draw the panel on axes of a picture."""
        if self.points:
            axes.plot(*zip(*self.points, strict=True), "o", color="0.6", markersize=4, label="points")
        for (name, points), color in zip(self.lines.items(), itertools.cycle(LINES), strict=False):
            axes.plot(*zip(*points, strict=True), color=color, label=name)
        axes.set(ylabel=self.y, xlabel="\n".join([self.x, *textwrap.wrap(self.remark, 50)]))
        axes.set_title(self.title, pad=22)  # the legend lies between it and the curves
        axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4, frameon=False)


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

    def draw(self, width: int) -> Text:
        """Draw a shade for each number, for ``width`` columns of a terminal; of many some are left out."""
        down = -(-len(self.rows) // ROWS)
        across = -(-len(self.columns) // COLUMNS)
        margin = max(map(len, self.rows)) + 2
        shown = self.columns[::across]
        cell = max(1, min(4, (width - margin) // len(shown)))
        text = Text(self.title, style="bold")
        scale = f"   {GLYPHS[0]!r} {self.low:.2g} … {GLYPHS[-1]} {self.high:.2g}"
        text.append(scale + (f"; every {_nth(across)} column" if across > 1 else ""), style="not bold dim")
        for name, row in list(zip(self.rows, self.values, strict=True))[::down]:
            line = "".join(self._glyph(value) * cell for value in row[::across])
            text.append(f"\n{name:>{margin - 1}} {line}", style="not bold")
        ends = shown[0].ljust(cell * len(shown) - len(shown[-1])) + shown[-1]
        text.append(f"\n{' ' * margin}{ends}", style="not bold")
        text.append(f"\n{' ' * margin}rows: {self.y}; columns: {self.x}", style="not bold dim")
        return text

    def _glyph(self, value: float) -> str:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return GLYPHS[min(len(GLYPHS) - 1, max(0, int(share * len(GLYPHS))))]

    def paint(self, axes: Any) -> None:
        """Draw the panel on axes of a picture: white to blue, or blue to red with negative numbers."""
        colors = "Blues" if self.low >= 0 else "RdBu_r"
        image = axes.imshow(
            self.values, cmap=colors, vmin=self.low, vmax=self.high, aspect="auto", interpolation="nearest"
        )
        for labels, most, put in (
            (self.columns, ACROSS, axes.set_xticks),
            (self.rows, DOWN, axes.set_yticks),
        ):
            chosen = range(0, len(labels), -(-len(labels) // most))
            put(chosen, [labels[i] for i in chosen], fontsize=8)
        axes.set(title=self.title, xlabel=self.x, ylabel=self.y)
        axes.figure.colorbar(image, ax=axes, fraction=0.05)


Panel = Curves | Matrix


def paint(rows: Sequence[Sequence[Panel]], title: str) -> Any:
    """Return a figure: a grid of panels, row by row."""
    most = max(map(len, rows))
    figure = png.new_figure(max(6.0, 3.8 * most), 3.2 * len(rows) + 0.5)
    grid = figure.subplots(len(rows), most, squeeze=False)
    for line, panels in zip(grid, rows, strict=True):
        for axes, panel in zip(line, panels, strict=True):
            panel.paint(axes)
    figure.suptitle(title)
    return figure


def _nth(number: int) -> str:
    return {2: "2nd", 3: "3rd"}.get(number, f"{number}th")
