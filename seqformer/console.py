"""Output: data on stdout, messages on stderr, one style of tables."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

talk = Console(stderr=True, highlight=False, emoji=False)


def table(title: str, *columns: str, caption: str | None = None) -> Table:
    """Return an empty table: a title, a thin rule, first column left-aligned, the others right-aligned."""
    empty = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for index, name in enumerate(columns):
        empty.add_column(name, justify="left" if index == 0 else "right", overflow="fold")
    return empty


@dataclass(frozen=True)
class Clipped:
    """Text of any length that takes a few lines at most, however narrow its column; the end is then …"""

    text: str
    lines: int = 2

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, Text(self._cut(options.max_width)))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        cut = self._cut(width)
        wrapped = list(Text(cut).wrap(console, width))
        shown = wrapped[: self.lines]
        if len(wrapped) > self.lines or len(cut) < len(self.text):
            shown[-1] = Text(clip(shown[-1].plain.rstrip() + " …", width))
        yield from shown

    def _cut(self, width: int) -> str:
        """Return at least what the lines can hold, however long the text is."""
        return self.text[: 4 * self.lines * width]  # some characters take no cell


def clip(text: str, cells: int) -> str:
    """Return a text that takes so many cells of a terminal at most; what is longer ends with …"""
    return text if cell_len(text) <= cells else set_cell_size(text, max(0, cells - 1)).rstrip(" …") + "…"


def data(text: str = "") -> None:
    """Print one line of data to stdout, as it is (no colour, no wrapping)."""
    sys.stdout.write(text + "\n")


def page(*renderables: object) -> None:
    """Print tables as data to stdout, in colour only at a terminal."""
    console = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 120)
    for item in renderables:
        console.print(item)


def html(*renderables: object) -> str:
    """Return tables as HTML, for notebooks."""
    console = Console(record=True, file=io.StringIO(), width=120, highlight=False, emoji=False)
    for item in renderables:
        console.print(item)
    return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def counted(number: float, thing: str) -> str:
    """Return a number and what it counts: ``1 minute``, ``2.5 minutes``, ``1,000 pairs``."""
    digits = f"{number:,.0f}" if number == round(number) else f"{number:,.4g}"
    return f"{digits} {thing}" + "s" * (number != 1)


def note(text: str) -> None:
    """Print a remark on stderr."""
    talk.print(text, markup=False, soft_wrap=True)
