"""Results of a classifier: accuracy, class by class, and which classes it confuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Confusion:
    """How often each class (row) was classified as each class (column)."""

    classes: list[str]
    counts: list[list[int]]

    @property
    def total(self) -> int:
        """The number of images classified."""
        return sum(map(sum, self.counts))

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        right = sum(row[i] for i, row in enumerate(self.counts))
        return right / max(1, self.total)

    def recall(self, index: int) -> float | None:
        """Return the share of a class that was recognised; None if it has no images."""
        row = self.counts[index]
        return row[index] / sum(row) if sum(row) else None

    def precision(self, index: int) -> float | None:
        """Return the share of right ones among the answers of a class; None if there are none."""
        taken = sum(row[index] for row in self.counts)
        return self.counts[index][index] / taken if taken else None

    def worst(self, most: int) -> list[tuple[int, int, int]]:
        """Return the commonest mistakes: class, wrong answer, count."""
        wrong = [(i, j, n) for i, row in enumerate(self.counts) for j, n in enumerate(row) if i != j and n]
        return sorted(wrong, key=lambda item: -item[2])[:most]


def confusion(classes: list[str], labels: Sequence[int], answers: Sequence[int]) -> Confusion:
    """Count each answer for each label."""
    counts = [[0] * len(classes) for _ in classes]
    for label, answer in zip(labels, answers, strict=True):
        counts[label][answer] += 1
    return Confusion(classes, counts)
