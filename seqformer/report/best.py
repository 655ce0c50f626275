"""By which score the best weights are chosen, and which of two results is the better one.

A setting names it as people write it (``exact-match``, ``loss``), the metrics of a run as their values are
called (``exact_match``, ``valid_loss``).
"""

from __future__ import annotations

import math

from seqformer.report.scores import ERRORS

LOSS = "valid_loss"
TIE = 1e-5  # what the next value counts for where the first is the same; smaller than one of 10,000 images


def value_named(setting: str) -> str:
    """Return the name of the value in the metrics that a setting means."""
    return LOSS if setting == "loss" else setting.replace("-", "_")


def falls(name: str) -> bool:
    """Return whether less of a value is better: a loss, an error rate."""
    return name == LOSS or name in ERRORS


def is_nothing(name: str, number: float) -> bool:
    """Return whether a value is a score of 0: nothing is right yet, so it is nobody's best."""
    return not falls(name) and number <= 0


def rank(name: str, values: dict[str, float], ties: tuple[str, ...] = ()) -> float:
    """Return the value ``name`` as a number of which more is better.

    Where it is the same for two results, their ``ties`` decide in turn (shares, of which more is better), and
    at last the lower loss. A result whose score is 0 comes after every other, and one whose loss is not
    finite is no result: not a number.
    """
    if not math.isfinite(values[LOSS]):
        return math.nan
    if name == LOSS:
        return -values[LOSS]
    ranked = -values[name] if falls(name) else values[name] - is_nothing(name, values[name])
    weight = TIE
    for tie in ties:
        ranked += weight * values[tie]
        weight *= TIE
    return ranked + weight / (1 + values[LOSS])
