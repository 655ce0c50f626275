"""What everything that is shown has in common: data first, then tables, from the same object."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from rich.console import RenderableType

from seqformer.console import html


class Report(ABC):
    """Something to be shown: as JSON, at a terminal, in a notebook."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What is shown, in a line."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""

    @abstractmethod
    def tables(self) -> list[RenderableType]:
        """Return everything for a terminal."""

    def notes(self) -> list[str]:
        """Return remarks on the tables."""
        return []

    def _repr_html_(self) -> str:
        return html(*self.tables(), *self.notes())
