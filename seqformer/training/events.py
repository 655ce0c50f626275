"""The events that a training yields, for the progress display."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Validation:
    """The result of a validation. ``score`` is what "best" means: higher is better."""

    score: float
    values: dict[str, float]  # name -> value, for the metrics and the screen
    sample: tuple[str, str, str] | None = None  # source, translation, reference
    warning: str = ""  # what looks wrong, and the likely cause
    averaged: bool = False  # whether it is of averaged weights
    beside: dict[str, float] | None = None  # the values of the other weights, averaged or not, if any
    best_by: str = ""  # the value that the score ranks by; '' where it is not known
    nothing: bool = False  # is right yet: weights are kept, but this is not called the best


@dataclass(frozen=True)
class Stepped:
    """One optimizer step was made."""

    progress: float  # of the budget, 0 to 1
    loss: float  # what is minimised: the mean over the units of the step
    plain_loss: float  # the same without label smoothing
    units: int
    rate: float
    norm: float


@dataclass(frozen=True)
class Skipped:
    """A step was left out: its loss or its gradient was not finite."""

    what: str  # "loss" or "gradient"
    factor: float  # of the learning rate from now on


@dataclass(frozen=True)
class Validating:
    """A validation begins."""


@dataclass(frozen=True)
class Validated:
    """A validation was made."""

    validation: Validation
    best: bool


@dataclass(frozen=True)
class Saved:
    """The state is on disk."""


@dataclass(frozen=True)
class Ended:
    """Training is over, or was asked to stop."""

    reason: str
    interrupted: bool


Event = Stepped | Skipped | Validating | Validated | Saved | Ended
