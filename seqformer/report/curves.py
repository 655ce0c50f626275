"""Curves drawn with characters: learning curves, and any others over a common axis."""

from __future__ import annotations

import math
from itertools import cycle, islice

from rich.cells import cell_len
from rich.text import Text

from seqformer.console import beside, cut, visible

Points = list[tuple[float, float]]
HEIGHT = 8
MARKS = ("+", "o", "·", "●")
STYLES = ("yellow", "green", "dim", "bold cyan")


def draw(title: str, series: dict[str, Points], width: int, axis: str = "step") -> Text | None:
    """Draw curves over a common axis, the last on top; None if there is nothing to draw.

    Points whose second number is not finite are left out.
    """
    finite = {name: [(x, y) for x, y in points if math.isfinite(y)] for name, points in series.items()}
    everything = [point for points in finite.values() for point in points]
    if len({x for x, _ in everything}) < 2:
        return None
    low, high = min(y for _, y in everything), max(y for _, y in everything)
    first, last = min(x for x, _ in everything), max(x for x, _ in everything)
    columns, span = width - 10, (high - low) or 1.0
    canvas = [[(" ", "")] * columns for _ in range(HEIGHT)]
    marks = list(islice(cycle(zip(MARKS, STYLES, strict=True)), 4 * len(finite)))[-len(finite) :]
    for (mark, style), points in zip(marks, finite.values(), strict=True):
        for x, y in points:
            column = round((x - first) / (last - first) * (columns - 1))
            row = round((high - y) / span * (HEIGHT - 1))
            canvas[row][column] = (mark, style)
    text = Text(visible(title), style="bold")
    if len(finite) > 1:
        for (mark, style), name in zip(marks, finite, strict=True):
            text.append(f"   {mark} {visible(name)}", style=style)
    for row, line in enumerate(canvas):
        label = f"{high:8.3g} ┤" if row == 0 else f"{low:8.3g} ┤" if row == HEIGHT - 1 else " " * 9 + "│"
        text.append(f"\n{label}", style="not bold")
        for mark, style in line:
            text.append(mark, style=f"not bold {style}" if style == "dim" else style)
    begin = f"{cut(visible(axis), 40)} {first:,}"
    ends = begin + beside(f"{last:,}", columns - cell_len(begin))
    text.append("\n" + " " * 10 + ends, style="not bold")
    return text
