"""Output: data on stdout, messages on stderr, one style of tables."""

from __future__ import annotations

import io
import re
import sys
import unicodedata
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

talk = Console(stderr=True, highlight=False, emoji=False)
MARKS = 8  # on one letter, at most, where a text is cut
# what moves the cursor, ends a line or turns the text around it; and halves of characters
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class PlainTable(Table):
    """A table whose cells are text as it is: no markup, and nothing that could disturb a terminal."""

    def add_row(self, *cells: RenderableType | None, **settings: Any) -> None:
        """Add a row."""
        super().add_row(*(_plain(cell) for cell in cells), **settings)


def table(title: str, *columns: str, caption: str | None = None) -> Table:
    """Return an empty table: a title, a thin rule, first column left-aligned, the others right-aligned."""
    empty = PlainTable(
        title=Text(visible(title), style="bold", justify="left"), caption=caption, box=box.SIMPLE_HEAD
    )
    for index, name in enumerate(columns):
        empty.add_column(Text(visible(name)), justify="left" if index == 0 else "right", overflow="fold")
    return empty


def visible(line: str) -> str:
    r"""Return a line with its control characters as ``\x1b``, ``\n`` or ``\u202e``."""
    return _CONTROLS.sub(_escape, line)


def _escape(match: re.Match[str]) -> str:
    number = ord(match[0])
    short = {9: r"\t", 10: r"\n", 13: r"\r"}.get(number)
    return short or (f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}")


def _plain(item: Any) -> Any:
    """Return text with visible control characters; lines stay lines, and anything else is as it is."""
    if isinstance(item, str):
        return Text("\n".join(map(visible, item.split("\n"))))
    if isinstance(item, Text) and _CONTROLS.search(item.plain.replace("\n", "")):
        return Text("\n".join(map(visible, item.plain.split("\n"))), style=item.style)
    return item


def cut(text: str, cells: int) -> str:
    """Return a text in so many cells of a terminal at most, with … for what is left out.

    Marks above and below a letter, which take no cells, are some at most.
    """
    short = _few_marks(text[: (1 + MARKS) * cells])
    if len(text) <= (1 + MARKS) * cells and cell_len(short) <= cells:
        return short
    return set_cell_size(short, cells - 1).rstrip() + "…"


def _few_marks(text: str) -> str:
    if text.isascii():
        return text
    drawn, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        if marks <= MARKS:
            drawn.append(character)
    return "".join(drawn)


def beside(text: str, cells: int) -> str:
    """Return a text with blanks before it, so that it ends after so many cells of a terminal."""
    return " " * (cells - cell_len(text)) + text


def wrapped(text: str, cells: int, most: int) -> list[str]:
    """Return a text as lines of so many cells, broken at spaces where it can be; the last ends in …."""
    lines = [""]
    for word in visible(cut(text, cells * (most + 1))).split(" "):
        if lines[-1] and cell_len(lines[-1]) + 1 + cell_len(word) <= cells:
            lines[-1] += f" {word}"
        else:
            lines += chop_cells(word, cells) or [""]
    lines = lines[1:]
    return lines if len(lines) <= most else [*lines[: most - 1], cut(lines[most - 1] + " …", cells)]


@dataclass(frozen=True)
class Clipped:
    """Text of any length that takes a few lines at most, however narrow its column; the end is then …"""

    text: str
    lines: int = 2

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        short = cut(visible(self.text[: 4 * self.lines * options.max_width]), self.lines * options.max_width)
        return Measurement.get(console, options, Text(short))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from map(Text, wrapped(self.text, options.max_width, self.lines))


def data(text: str = "") -> None:
    """Print one line of data to stdout, as it is (no colour, no wrapping)."""
    sys.stdout.write(text + "\n")


def page(*renderables: object) -> None:
    """Print tables as data to stdout, in colour only at a terminal."""
    console = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 120)
    for item in renderables:
        console.print(_plain(item))


def html(*renderables: object) -> str:
    """Return tables as HTML, for notebooks."""
    console = Console(record=True, file=io.StringIO(), width=120, highlight=False, emoji=False)
    for item in renderables:
        console.print(_plain(item))
    return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def counted(number: float, thing: str) -> str:
    """Return a number and what it counts: ``1 minute``, ``2.5 minutes``, ``1,000 pairs``."""
    digits = f"{number:,.0f}" if number == round(number) else f"{number:,.4g}"
    return f"{digits} {thing}" + "s" * (number != 1)


def note(text: str) -> None:
    """Print a remark on stderr."""
    talk.print(_plain(text), soft_wrap=True)
