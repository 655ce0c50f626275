"""stdout is data, stderr is talk; one table style."""

from __future__ import annotations

import sys

from rich import box
from rich.console import Console
from rich.table import Table

talk = Console(stderr=True, highlight=False)


def table(title: str, *columns: str, caption: str | None = None) -> Table:
    """The one table style: a title, a thin rule, first column to the left and the others to the right."""
    made = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for index, name in enumerate(columns):
        made.add_column(name, justify="left" if index == 0 else "right", overflow="fold")
    return made


def data(text: str = "") -> None:
    """One line of data to stdout, as it is (no colour, no wrapping)."""
    sys.stdout.write(text + "\n")


def page(*renderables: object) -> None:
    """Tables that are the answer itself go to stdout; colours only where a terminal shows them."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    for item in renderables:
        console.print(item)


def note(text: str) -> None:
    """A remark on stderr."""
    talk.print(text, markup=False, soft_wrap=True)
