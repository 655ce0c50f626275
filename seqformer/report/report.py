"""What everything that is shown has in common: data first, then tables, from the same object."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType

from seqformer.console import html, wrapped

SCREEN = 80  # columns of a terminal that everything fits in


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


@dataclass(frozen=True)
class Lesson(Report):
    """A report whose fields are plain data, and which answers what a learner asks about them."""

    @property
    @abstractmethod
    def answer(self) -> str:
        """The answer, in two sentences."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields and the answer as plain JSON values."""
        return {**dataclasses.asdict(self), "answer": self.answer}

    def notes(self) -> list[str]:
        """Return the answer as a paragraph."""
        return ["\n".join(wrapped(self.answer, SCREEN - 1, 9))]
