"""Pictures of attention: maps with a label for each piece, whatever the pieces are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.cells import cell_len

from seqformer.console import cut, visible, wrapped
from seqformer.report.drawing import Picture
from seqformer.report.heatmap import Heatmap
from seqformer.report.layout import Layout, Place, Shape, lay_out
from seqformer.report.medium import LINE, POINT, SCREEN, Medium

LABEL = 20  # cells of a label, at most
TITLE = 3  # lines of each part of a title, at most
MARGIN = 1.2  # lines around everything
BAR = 5.0  # lines of the room for the scale
LEAST = 9.0  # lines of the scale's height, at least
COLOURS = "Blues"
# kind -> what it is, the rows, the columns
KINDS = {
    "encoder": ("encoder self-attention", "source (queries)", "source (keys)"),
    "decoder": ("decoder self-attention", "target, read (queries)", "target, read (keys)"),
    "cross": ("cross-attention", "target, written (queries)", "source (keys)"),
}


@dataclass(frozen=True)
class Map:
    """One map of a block, under a title in words or in short."""

    title: str
    short: str
    values: Any  # (rows, columns), or the pixels of an image


@dataclass(frozen=True)
class Block:
    """Maps of the same rows and columns."""

    heading: str
    maps: Sequence[Map]
    size: tuple[int, int]  # cells of a map, down and across
    natural: int  # maps in a line that belong together
    rows: Sequence[str] = ()  # labels
    columns: Sequence[str] = ()
    names: tuple[str, str] = ("", "")  # of the axes, rows first
    outline: Any = None  # an image whose edges are drawn over the maps
    is_image: bool = False


def blocks(heatmaps: Sequence[Heatmap]) -> list[Block]:
    """Return a block for each kind of attention, in the order of the paper's figure."""
    made = []
    for kind, (heading, *names) in KINDS.items():
        some = [m for m in heatmaps if m.kind == kind]
        if not some:
            continue
        rows, columns = ([cut(label, LABEL) for label in labels] for labels in some[0].labels)
        heads = len({m.head for m in some})
        layers = len({m.layer for m in some})
        alone = len(some) == 1
        made.append(
            Block(
                f"{heading}, {some[0].where}" if alone else heading,
                [Map("" if alone else m.where, f"{m.layer}.{m.head or 'mean'}", m.weights) for m in some],
                (len(rows), len(columns)),
                heads if heads > 1 else layers,
                rows,
                columns,
                (names[0], names[1]),
            )
        )
    return made


def paint(
    drawn: Sequence[Block],
    title: Sequence[str],
    font: Path | None = None,
    medium: Medium = SCREEN,
    scale: tuple[float, str] = (1.0, "weight"),
) -> Picture:
    """Return a picture of blocks of maps.

    The parts of the ``title`` are set apart by arrows. ``scale`` is the highest value, and what values are.
    """
    texts = [text for block in drawn for text in _texts(block)]
    picture = Picture(1, 1, [*texts, *map(visible, title)], font, layout="none", medium=medium)
    with picture.style():
        line = medium.line
        around, bar = MARGIN * line, BAR * line
        high = LINE * medium.title * POINT  # a line of the title
        most = medium.width - 2 * around
        lines = _title(title, most, medium)
        room = (most - bar, medium.height - 3 * around - len(lines) * high)
        layout = lay_out([_shape(picture, block) for block in drawn], medium, room)
        width, height = layout.size[0] + bar, max(layout.size[1], LEAST * line)
        if not medium.fixed:
            most = max(width, min(30 * line, most))
            lines = _title(title, most, medium)
        above = around + len(lines) * high + 0.8 * line
        size = (medium.width, medium.height) if medium.fixed else (most + 2 * around, above + height + around)
        picture.resize(*size)
        origin = ((size[0] - width) / 2, above + max(0.0, (size[1] - around - above - height) / 2))
        canvas = Canvas(picture.figure, medium, size, origin)
        canvas.write(size[0] / 2 - origin[0], around - origin[1], "\n".join(lines), medium.title, va="top")
        for block, place in zip(drawn, layout.places, strict=True):
            _block(canvas, block, place, scale)
        canvas.bar(layout.size[0] + 1.2 * line, layout, scale)
    if layout.step != 1 and any(block.rows for block in drawn):
        shown = f"one label of {layout.step} is shown" if layout.step else "no labels are shown"
        picture.remarks.append(
            f"There is no room for more in a picture for a {medium.name}: {shown}. Words in place of pieces, "
            "one kind, one layer, one head, or the mean of the heads is drawn larger."
        )
    return picture


def _texts(block: Block) -> list[str]:
    return [block.heading, *block.names, *block.rows, *block.columns, *(m.title for m in block.maps)]


def _shape(picture: Picture, block: Block) -> Shape:
    return Shape(
        len(block.maps),
        block.natural,
        *block.size,
        _widths(picture, block.rows),
        _widths(picture, block.columns),
        (
            max(_widths(picture, [m.title for m in block.maps])),
            max(_widths(picture, [m.short if m.title else "" for m in block.maps])),
        ),
        any(block.names),
    )


def _widths(picture: Picture, labels: Sequence[str]) -> tuple[float, ...]:
    """Return how wide labels are."""
    widths = {"": 0.0}
    for label in set(labels) - {""}:
        text = picture.figure.text(0, 0, label, fontsize=picture.medium.label)
        widths[label] = text.get_window_extent().width / picture.figure.dpi
        text.remove()
    return tuple(widths[label] for label in labels)


@dataclass(frozen=True)
class Canvas:
    """A figure with lengths in inches from the top left of what is laid out."""

    figure: Any
    medium: Medium
    size: tuple[float, float]
    origin: tuple[float, float]

    def write(self, x: float, y: float, text: str, points: float, **settings: Any) -> None:
        """Write a text, centred unless the settings say otherwise."""
        at = (self.origin[0] + x) / self.size[0], 1 - (self.origin[1] + y) / self.size[1]
        self.figure.text(*at, text, fontsize=points, **{"ha": "center", "va": "center", **settings})

    def axes(self, x: float, y: float, width: float, height: float) -> Any:
        """Return axes without marks whose upper left corner is here."""
        left, top = self.origin[0] + x, self.origin[1] + y
        box = (left / self.size[0], 1 - (top + height) / self.size[1])
        return self.figure.add_axes((*box, width / self.size[0], height / self.size[1]), xticks=[], yticks=[])

    def bar(self, x: float, layout: Layout, scale: tuple[float, str]) -> None:
        """Draw the scale of the colours beside the maps, as high as they are, within bounds."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        line = self.medium.line
        place = max((each for each in layout.places if each.y == 0), key=lambda each: each.size[1])
        top = place.y + place.heading + place.title
        low = max(place.y + place.size[1] - (place.under + 1.4 * line), top + LEAST * line - place.heading)
        axes = self.axes(x, top, 0.8 * line, min(low - top, 25 * line))
        values = ScalarMappable(Normalize(0, scale[0]), COLOURS)
        self.figure.colorbar(values, cax=axes).set_label(scale[1], size=self.medium.label)


def _block(canvas: Canvas, block: Block, place: Place, scale: tuple[float, str]) -> None:
    """Draw the maps of a block, their titles and labels."""
    medium, (width, height) = canvas.medium, place.map
    line, small, step = medium.line, {"fontsize": medium.label}, place.step
    middle = place.x + place.left + (place.size[0] - place.left) / 2
    canvas.write(middle, place.y + 0.45 * place.heading, block.heading, medium.text)
    for index, each in enumerate(block.maps):
        x, y = place.corner(index)
        axes = canvas.axes(x, y, width, height)
        _fill(axes, block, each, scale[0])
        if place.title:
            name = each.short if place.short else each.title
            canvas.write(x + width / 2, y - 0.25 * line, name, medium.label, va="baseline")
        if place.shape.beside and index % place.across == 0:
            gap = 0.3 * line / width
            for at in range(0, len(block.rows), step):
                where = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center"}
                axes.text(-gap, at, block.rows[at], **where, **small)
        if place.shape.below and place.is_labelled(index):
            turned = {"rotation": 90, "rotation_mode": "anchor", "ha": "right", "va": "center"}
            where = {"transform": axes.get_xaxis_transform()}
            where |= turned if place.upright else {"ha": "center", "va": "top"}
            for at in range(0, len(block.columns), step):
                axes.text(at, -0.3 * line / height, block.columns[at], **where, **small)
    if any(block.names):
        top = place.y + place.heading + place.title
        low = place.y + place.size[1] - 1.4 * line - (0 if place.repeats else place.under)
        canvas.write(middle, place.y + place.size[1] - 0.4 * line, block.names[1], medium.label)
        canvas.write(place.x + 0.5 * line, (top + low) / 2, block.names[0], medium.label, rotation=90)


def _fill(axes: Any, block: Block, each: Map, most: float) -> None:
    """Draw one map, opaque, so that its colours are those of the scale; or an image with its patches."""
    down, across = block.size
    extent = (-0.5, across - 0.5, down - 0.5, -0.5)
    if block.is_image:
        axes.imshow(
            each.values, cmap="gray", vmin=0, vmax=255, extent=extent, aspect="auto", interpolation="nearest"
        )
        for edges, draw in ((range(1, across), axes.axvline), (range(1, down), axes.axhline)):
            for edge in edges:
                draw(edge - 0.5, color="0.5", linewidth=0.4)
        return
    axes.imshow(
        each.values, cmap=COLOURS, vmin=0, vmax=most, extent=extent, aspect="auto", interpolation="nearest"
    )
    if block.outline is not None:
        height, width = block.outline.shape
        x = (np.arange(width) + 0.5) * across / width - 0.5
        y = (np.arange(height) + 0.5) * down / height - 0.5
        middle = (float(block.outline.min()) + float(block.outline.max())) / 2
        axes.contour(x, y, block.outline, levels=[middle], colors="tab:orange", linewidths=0.8)


def _title(parts: Sequence[str], width: float, medium: Medium) -> list[str]:
    """Return a title as lines: one if everything fits there, else a few for each part, of like lengths.

    Each part keeps its own direction of writing beside the arrow, which points right.
    """
    cells = max(12, int(width / (0.6 * medium.title * POINT)))
    shown = [visible(part) for part in parts]
    whole = [_balanced(part, cells, 2 if medium.fixed else TITLE) for part in shown]
    if all(len(lines) == 1 for lines in whole) and cell_len(" → ".join(shown)) <= cells:
        return [" → ".join(_isolated(lines[0]) for lines in whole)]
    first, *others = [[_isolated(line) for line in lines] for lines in whole]
    return [*first, *(line for lines in others for line in (f"→ {lines[0]}", *lines[1:]))]


def _balanced(text: str, cells: int, most: int) -> list[str]:
    """Return a text as few lines of so many cells at most, none much shorter than the others."""
    lines = wrapped(text, cells, most)
    if lines[-1].endswith("…"):
        return lines
    narrow = next(n for n in range(cells // 2, cells + 1) if len(wrapped(text, n, most + 1)) <= len(lines))
    return wrapped(text, narrow, most)


def _isolated(line: str) -> str:
    return line if line.isascii() else f"\u2068{line}\u2069"
