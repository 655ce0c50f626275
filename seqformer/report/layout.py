"""Where the maps of a picture lie: square cells as large as the medium has room for, labels that can be read.

Lengths are in inches, from the top left. A block is several maps with the same rows and columns, so that
they share labels: those of rows stand beside the first map of a line, those of columns below the last of a
column, or below every line where a picture is longer than a page. Blocks lie beside or below each other, maps
in as many columns as make the cells largest, and in one for each head where cells are large enough so.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from seqformer.errors import SeqformerError
from seqformer.report.medium import Medium

COMFORTABLE = 1.15  # a cell, in lines of labels
MANY = 12  # maps: with more, none has labels where only each third piece could have one
TALL = 20.0  # inches of a page on which labels of columns are out of sight
SMALLEST = 0.16  # of a map
FINER = 0.98  # from a size of cells to the next that is tried


@dataclass(frozen=True)
class Shape:
    """What a block needs, whatever the size of its cells."""

    maps: int
    natural: int  # maps in a line that belong together
    rows: int  # cells of a map
    columns: int
    beside: tuple[float, ...]  # the labels of rows: how wide they are
    below: tuple[float, ...]  # the labels of columns
    titles: tuple[float, float]  # the widest title of a map, in words and in short; 0 without
    axes: bool = True  # whether they have names


@dataclass(frozen=True)
class Place:
    """Where a block lies, with cells of this size."""

    shape: Shape
    medium: Medium
    cell: float
    across: int  # maps in a line
    short: bool  # whether titles are
    x: float = 0.0  # the left edge
    y: float = 0.0  # the upper edge

    @property
    def gap(self) -> float:
        """The room between two maps."""
        return 0.6 * self.medium.line

    @property
    def map(self) -> tuple[float, float]:
        """Width and height of a map."""
        return self.shape.columns * self.cell, self.shape.rows * self.cell

    @property
    def step(self) -> int:
        """Of how many pieces one has a label, so that labels do not overlap."""
        return max(1, math.ceil(0.9 * self.medium.line / self.cell))

    @property
    def upright(self) -> bool:
        """Whether the labels of columns stand upright, because they are wider than a cell."""
        return max(self.shape.below[:: self.step], default=0.0) > 0.9 * self.cell * self.step

    @property
    def left(self) -> float:
        """The room for labels of rows and the name of the axis."""
        name = 1.3 * self.medium.line if self.shape.axes else 0.0
        labels = max(self.shape.beside[:: self.step], default=0.0)
        return labels + name + 0.3 * self.medium.line if labels or name else 0.0

    @property
    def under(self) -> float:
        """The room for labels of columns."""
        if not self.shape.below:
            return 0.0
        widest = max(self.shape.below[:: self.step])
        return (widest if self.upright else self.medium.line) + 0.3 * self.medium.line

    @property
    def title(self) -> float:
        """The room over a map for its title."""
        return 1.2 * self.medium.line if self.shape.titles[0] else 0.0

    @property
    def heading(self) -> float:
        """The room for what the block is."""
        return 1.5 * self.medium.line * self.medium.text / self.medium.label

    @property
    def repeats(self) -> bool:
        """Whether the labels of columns stand below every line of maps."""
        return self.medium.height > TALL

    @property
    def pitch(self) -> tuple[float, float]:
        """From a map to the next, across and down."""
        width, height = self.map
        labels = self.under if self.repeats else 0.0
        return (
            max(width, self.shape.titles[self.short]) + self.gap,
            self.title + height + labels + self.gap,
        )

    @property
    def lines(self) -> int:
        """How many lines of maps there are."""
        return -(-self.shape.maps // self.across)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the block."""
        labels = 0.0 if self.repeats else self.under
        name = 1.4 * self.medium.line if self.shape.axes else 0.0
        return (
            self.left + self.across * self.pitch[0] - self.gap,
            self.heading + self.lines * self.pitch[1] - self.gap + labels + name,
        )

    def corner(self, index: int) -> tuple[float, float]:
        """Return the left and the upper edge of a map."""
        down, across = divmod(index, self.across)
        width = self.pitch[0] - self.gap
        return (
            self.x + self.left + across * self.pitch[0] + (width - self.map[0]) / 2,
            self.y + self.heading + down * self.pitch[1] + self.title,
        )

    def is_labelled(self, index: int) -> bool:
        """Return whether the labels of columns stand below a map."""
        return self.repeats or index + self.across >= self.shape.maps


@dataclass(frozen=True)
class Layout:
    """All blocks, in a picture's room that begins at 0, 0."""

    places: list[Place]
    size: tuple[float, float]

    @property
    def step(self) -> int:
        """Of how many pieces one has a label; 0 where none has."""
        return self.places[0].step if any(place.shape.below for place in self.places) else 0


def lay_out(shapes: Sequence[Shape], medium: Medium, room: tuple[float, float]) -> Layout:
    """Return where blocks lie in a room so that cells are large and like cells lie under each other.

    Raises :class:`SeqformerError` where there is no room for so many maps and their labels.
    """
    best: Layout | None = None
    rank: tuple[float, ...] = ()
    most = max(shape.natural for shape in shapes)
    count = sum(shape.maps for shape in shapes)
    bare = [replace(shape, beside=(), below=()) for shape in shapes]
    for labelled in (shapes, bare) if count > MANY else (shapes,):
        for beside, across, short in product((True, False), range(1, most + 1), (False, True)):
            found = _largest(labelled, medium, room, beside, across, short)
            if found is None:
                continue
            cell = found.places[0].cell
            readable = {0: 1, 1: 3, 2: 2}.get(found.step, 0)
            enough = round(min(cell, COMFORTABLE * medium.line), 3)
            own = (readable, enough, across == most, not short, round(cell, 3), -found.size[1])
            if best is None or own > rank:
                best, rank = found, own
    if best is None:
        raise SeqformerError(
            f"{count:,} maps and their labels have no room in a picture for a {medium.name}: choose one "
            "kind, one layer, one head or the mean of the heads"
        )
    return best


def _largest(
    shapes: Sequence[Shape],
    medium: Medium,
    room: tuple[float, float],
    beside: bool,
    across: int,
    short: bool,
) -> Layout | None:
    """Return this arrangement with the largest cells that fit; None if none do."""
    smallest = max(SMALLEST / max(1, min(shape.rows, shape.columns)) for shape in shapes)
    steps = max(0, int(math.log(smallest / medium.cell) / math.log(FINER)))  # from the largest cell down

    def arranged(step: int) -> Layout:
        cell = medium.cell * FINER**step
        places = [Place(shape, medium, cell, min(across, shape.natural), short) for shape in shapes]
        return _arranged(places, beside)

    def fits(step: int) -> bool:
        width, height = arranged(step).size
        return width <= room[0] and height <= room[1]

    step = bisect_left(range(steps + 1), True, key=fits)
    return arranged(step) if step <= steps and fits(step) else None


def _arranged(places: Sequence[Place], beside: bool) -> Layout:
    """Return blocks beside or below each other."""
    moved, x, y = [], 0.0, 0.0
    gap = 1.5 * places[0].medium.line
    for place in places:
        moved.append(replace(place, x=x, y=y))
        width, height = place.size
        x, y = (x + width + gap, 0.0) if beside else (0.0, y + height + gap)
    return Layout(
        moved,
        (max(place.x + place.size[0] for place in moved), max(place.y + place.size[1] for place in moved)),
    )
