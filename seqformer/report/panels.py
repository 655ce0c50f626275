"""Panels, curves or a matrix of numbers or bars, drawn for a terminal and as a picture; figures of them."""

from __future__ import annotations

import itertools
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
from seqformer.report.png import Picture
from seqformer.report.report import SCREEN, Lesson

GLYPHS = " ░▒▓█"  # from the lowest number of a matrix to the highest, with or without colours
COLUMNS, ROWS = 64, 20  # of a matrix at a terminal, at most; others are left out evenly
LABEL = 40  # cells of a name, at most
ACROSS, DOWN = 8, 11  # labels on the axes of a picture, at most
BESIDE = 48  # cells of labels that lie side by side under a picture
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

    def texts(self) -> list[str]:
        """Return what is written in a picture of the panel."""
        return [self.title, self.x, self.y, self.remark, *self.lines]

    def paint(self, axes: Any) -> None:
        """Draw the panel on axes of a picture."""
        if self.points:
            axes.plot(*zip(*self.points, strict=True), "o", color="0.6", markersize=4, label="points")
        for (name, points), color in zip(self.lines.items(), itertools.cycle(LINES), strict=False):
            axes.plot(*zip(*points, strict=True), color=color, label=_name(name))
        remarks = wrapped(self.remark, 50, 3) if self.remark else []
        axes.set(ylabel=_name(self.y), xlabel="\n".join([_name(self.x), *remarks]))
        if all(isinstance(x, int) for points in self.lines.values() for x, _ in points):
            axes.xaxis.get_major_locator().set_params(integer=True)
        across = self._legend_columns(axes)
        lines = -(-len(axes.lines) // across)
        axes.set_title(_name(self.title), pad=8 + 14 * lines)  # the legend lies between it and the curves
        axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=across, frameon=False)

    def _legend_columns(self, axes: Any) -> int:
        """Return how many names fit beside each other over the axes."""
        width = axes.figure.get_size_inches()[0] / axes.get_subplotspec().get_gridspec().ncols
        longest = max(cell_len(_name(name)) for name in self.lines)
        return max(1, min(4, int(width / (0.55 + 0.07 * longest))))


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
        across, down = _labels(self.columns, ACROSS), _labels(self.rows, DOWN)
        wide = len(across) * max(map(cell_len, across.values())) > BESIDE
        axes.set_xticks(list(across), list(across.values()), fontsize=8, rotation=90 if wide else 0)
        axes.set_yticks(list(down), list(down.values()), fontsize=8)
        axes.set(title=_name(self.title), xlabel=_name(self.x), ylabel=_name(self.y))
        if self.written:
            self._write(axes)
        else:
            axes.figure.colorbar(image, ax=axes, fraction=0.05)

    def _write(self, axes: Any) -> None:
        """Write the number in each cell, with white lines between cells."""
        for down, row in enumerate(self.values):
            for across, value in enumerate(row):
                color = "white" if value - self.low > 0.6 * (self.high - self.low) else "black"
                number = format(value, self.written)
                axes.text(across, down, number, ha="center", va="center", color=color, fontsize=7)
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
        axes.bar_label(bars, [f" {value:.1%}" for value in self.values.values()], fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set(title=_name(self.title), xlabel=_name(self.x))


Panel = Curves | Matrix | Bars


class Figure(Lesson):
    """An explanation with panels."""

    @abstractmethod
    def panels(self) -> list[list[Panel]]:
        """Return the panels of a picture, row by row."""

    def drawn(self) -> list[RenderableType]:
        """Return the panels for a terminal, each with a blank line below."""
        return [line for row in self.panels() for panel in row for line in (panel.draw(SCREEN), "")]

    def paint(self, font: Path | None = None) -> Picture:
        """Return the panels as a picture. Raises :class:`MissingExtra`."""
        return paint(self.panels(), self.title, font)


def paint(rows: Sequence[Sequence[Panel]], title: str, font: Path | None = None) -> Picture:
    """Return a picture: a grid of panels, row by row."""
    most = max(map(len, rows))
    width = max(6.0, 3.8 * most)
    title = cut(visible(title), round(11 * width))
    texts = [title, *(text for panels in rows for panel in panels for text in map(visible, panel.texts()))]
    picture = Picture(width, 3.2 * len(rows) + 0.5, texts, font)
    with picture.style():
        grid = picture.figure.subplots(len(rows), most, squeeze=False)
        for line, panels in zip(grid, rows, strict=True):
            for axes, panel in zip(line, panels, strict=False):
                panel.paint(axes)
            for axes in line[len(panels) :]:
                axes.axis("off")
        picture.figure.suptitle(title)
    return picture


def _labels(names: list[str], most: int) -> dict[int, str]:
    """Return which rows or columns of a picture are labelled, evenly, and how."""
    return {at: _name(names[at]) for at in range(0, len(names), -(-len(names) // most))}


def _name(text: str) -> str:
    """Return a name as a picture shows it."""
    name = cut(visible(text), LABEL)
    return f"\u200e{name}" if name.startswith("_") else name  # matplotlib hides names that begin so


def _nth(number: int) -> str:
    return {2: "2nd", 3: "3rd"}.get(number, f"{number}th")
