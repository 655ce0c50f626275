"""Minimum Bayes risk: of samples the translation that is most like all of them (Eikema and Aziz 2020)."""

from __future__ import annotations

from collections import Counter
from typing import Protocol, TypeVar

from sacrebleu.metrics import CHRF


class _Text(Protocol):
    @property
    def text(self) -> str: ...


T = TypeVar("T", bound=_Text)


def ordered(samples: list[T]) -> list[T]:
    """Return the different samples, the one first that has the best mean chrF with all as references."""
    counts = Counter(sample.text for sample in samples)
    different = list({sample.text: sample for sample in samples}.values())
    chrf = CHRF()

    def gain(sample: T) -> float:
        return sum(
            count * float(chrf.sentence_score(sample.text, [other]).score) for other, count in counts.items()
        )

    return sorted(different, key=gain, reverse=True)
