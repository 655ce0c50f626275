"""Signs that a model translates without its source, in words.

Two are checked on held-out pairs: nearly all sources have the same translation, and the loss is no
better with the right source than with that of another pair.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

FEWEST = 20  # distinct sources, and pairs of different sources; fewer prove nothing
SAME = 0.8  # share of the sources with the same translation; more is a sign
GAIN = 0.01  # share of the loss that the right source must save


@dataclass(frozen=True)
class Losses:
    """Mean losses of the same targets, in nats a unit."""

    right: float  # with their own sources
    other: float  # each with the source of another pair
    pairs: int


def warning(
    sources: list[str], translations: list[str], references: list[str], losses: Losses | None, causal: bool
) -> str:
    """Return what looks wrong, and the likely cause; '' if nothing does.

    ``causal`` says whether the answer was hidden from the decoder in training.
    """
    same, deaf = _share_of_one(sources, translations), False
    if len(set(sources)) < FEWEST or same <= max(SAME, _share_of_one(sources, references)):
        same = 0.0
    if losses and losses.pairs >= FEWEST:
        deaf = losses.right > (1 - GAIN) * losses.other
    if not same and not deaf:
        return ""
    signs = [f"{same:.0%} of the sources have one and the same translation"] if same else []
    if deaf:
        assert losses is not None
        signs.append(
            f"the loss is no better with the right source ({losses.right:.3f}) than with another "
            f"({losses.other:.3f})"
        )
    return f"{'; '.join(signs)}. {_cause(deaf, causal)}"


def _cause(deaf: bool, causal: bool) -> str:
    if not causal:
        return "Without the causal mask the model copies the answer, and learns nothing of the source."
    if deaf:
        return (
            "The model does not use the source. Likely causes: the two sides are not aligned line by line "
            "(look at some pairs), the learning rate is too high, or there are too few pairs."
        )
    return "Likely causes: the learning rate is too high, or the warm-up too short."


def _share_of_one(sources: list[str], answers: list[str]) -> float:
    """Return the share of distinct sources that have the commonest answer."""
    of_each = dict(zip(sources, answers, strict=True))
    commonest = Counter(of_each.values()).most_common(1)
    return commonest[0][1] / len(of_each) if commonest else 0.0
