"""Output: data on stdout, messages on stderr, one style of tables."""

from __future__ import annotations

import io
import sys

from rich import box
from rich.console import Console
from rich.table import Table

talk = Console(stderr=True, highlight=False)


def table(title: str, *columns: str, caption: str | None = None) -> Table:
    """Return an empty table: a title, a thin rule, first column left-aligned, the others right-aligned."""
    empty = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for index, name in enumerate(columns):
        empty.add_column(name, justify="left" if index == 0 else "right", overflow="fold")
    return empty


def data(text: str = "") -> None:
    """Print one line of data to stdout, as it is (no colour, no wrapping)."""
    sys.stdout.write(text + "\n")


def page(*renderables: object) -> None:
    """Print tables as data to stdout, in colour only at a terminal."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    for item in renderables:
        console.print(item)


def html(*renderables: object) -> str:
    """Return tables as HTML, for notebooks."""
    console = Console(record=True, file=io.StringIO(), width=120, highlight=False)
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
