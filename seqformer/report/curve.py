"""A learning curve drawn with characters."""

from __future__ import annotations

import math

from rich.text import Text

Points = list[tuple[int, float]]
HEIGHT = 8
MARKS = ("·", "●")
STYLES = ("dim", "bold cyan")


def draw(title: str, series: dict[str, Points], width: int) -> Text | None:
    """Curves over a common step axis, the last series on top; None where there is nothing to draw."""
    kept = {name: [(x, y) for x, y in points if math.isfinite(y)] for name, points in series.items()}
    everything = [point for points in kept.values() for point in points]
    if len({x for x, _ in everything}) < 2:
        return None
    low, high = min(y for _, y in everything), max(y for _, y in everything)
    first, last = min(x for x, _ in everything), max(x for x, _ in everything)
    columns, span = width - 10, (high - low) or 1.0
    canvas = [[(" ", "")] * columns for _ in range(HEIGHT)]
    marks = list(zip(MARKS, STYLES, strict=True))[-len(kept) :]
    for (mark, style), points in zip(marks, kept.values(), strict=True):
        for x, y in points:
            column = round((x - first) / (last - first) * (columns - 1))
            row = round((high - y) / span * (HEIGHT - 1))
            canvas[row][column] = (mark, style)
    text = Text(title, style="bold")
    if len(kept) > 1:
        for (mark, style), name in zip(marks, kept, strict=True):
            text.append(f"   {mark} {name}", style=style)
    for row, line in enumerate(canvas):
        label = f"{high:8.3g} ┤" if row == 0 else f"{low:8.3g} ┤" if row == HEIGHT - 1 else " " * 9 + "│"
        text.append(f"\n{label}", style="not bold")
        for mark, style in line:
            text.append(mark, style=f"not bold {style}" if style == "dim" else style)
    axis = f"step {first:,}".ljust(columns - len(f"{last:,}")) + f"{last:,}"
    text.append("\n" + " " * 10 + axis, style="not bold")
    return text
