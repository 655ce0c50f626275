"""How good a word alignment is, by gold alignments: precision, recall and alignment error rate.

With the links A, the sure links S and the possible links P of the gold, S among P (Och and Ney 2003, "A
Systematic Comparison of Various Statistical Alignment Models"), summed over all pairs:

    precision = |A ∩ P| / |A|      recall = |A ∩ S| / |S|      AER = 1 − (|A ∩ S| + |A ∩ P|) / (|A| + |S|)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType

from seqformer.console import table
from seqformer.report.report import Report

Links = frozenset[tuple[int, int]]


@dataclass
class AlignmentEvaluation(Report):
    """A word alignment compared with gold links, pair by pair."""

    system: str
    gold: str
    pairs: int = 0
    links: int = 0  # |A|
    sure: int = 0  # |S|
    sure_found: int = 0  # |A ∩ S|
    possible_found: int = 0  # |A ∩ P|

    def add(self, links: Links, sure: Links, possible: Links) -> None:
        """Count a pair."""
        self.pairs += 1
        self.links += len(links)
        self.sure += len(sure)
        self.sure_found += len(links & sure)
        self.possible_found += len(links & possible)

    @property
    def title(self) -> str:
        """System and gold."""
        return f"{self.system} on {self.gold}: {self.pairs:,} pairs"

    @property
    def precision(self) -> float | None:
        """The share of the links that is possible; None if there are no links."""
        return self.possible_found / self.links if self.links else None

    @property
    def recall(self) -> float | None:
        """The share of the sure links that was found; None if there are no sure links."""
        return self.sure_found / self.sure if self.sure else None

    @property
    def error_rate(self) -> float | None:
        """The alignment error rate (AER), from 0, the best, to 1; None without any links."""
        total = self.links + self.sure
        return 1 - (self.sure_found + self.possible_found) / total if total else None

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            "aer": self.error_rate, "precision": self.precision, "recall": self.recall, "pairs": self.pairs,
            "links": self.links, "sure": self.sure,
        }  # fmt: skip

    def tables(self) -> list[RenderableType]:
        """Return a row for each value."""
        rows = table(self.title, "", "value", "")
        rows.columns[2].justify = "left"
        for name, value, what in (
            ("AER", self.error_rate, ""),
            ("precision", self.precision, f"of {self.links:,} links"),
            ("recall", self.recall, f"of {self.sure:,} sure links"),
        ):
            rows.add_row(name, "–" if value is None else f"{value:.1%}", what)
        return [rows]
