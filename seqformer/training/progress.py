"""The progress of a training: all that the next step depends on, except tensors."""

from __future__ import annotations

from dataclasses import dataclass, field

from seqformer.errors import DamagedError
from seqformer.training.nonfinite import NonFinite

MOST_PROCESSES = 1 << 16


@dataclass
class Progress:
    """Counts, clocks and the position in the data; part of the state of a training."""

    step: int = 0
    epoch: int = 0  # finished ones
    part: int = 0  # of this epoch
    place: int = 0  # batches of this part already used
    units: int = 0  # trained on in all
    seconds: float = 0.0  # of wall clock, over all sessions
    validations: int = 0
    validated_step: int = -1
    validation_seconds: float = 0.0  # the longest so far
    validating_seconds: float = 0.0  # all of them
    budget_from: float = 0.0  # progress at which the current budget began …
    budget_validations: int = 0  # … and validations made in it
    best: float | None = None
    best_step: int = 0
    worse: int = 0  # validations since the best
    loss_sum: float = 0.0  # since the last line of the metrics
    plain_sum: float = 0.0
    loss_units: int = 0
    checkpoints: list[int] = field(default_factory=list)  # steps whose weights are kept for their mean
    finished: str = ""  # why it ended, if it did
    shares: int = 0  # that a batch is divided into, at least: the processes that the training began with
    nonfinite: NonFinite = field(default_factory=NonFinite)

    def __post_init__(self) -> None:
        counts = (self.step, self.epoch, self.part, self.place, self.units, self.validations, self.best_step)
        if min(*counts, self.worse, self.loss_units, self.budget_validations, self.validated_step + 1) < 0:
            raise DamagedError("a count is below zero")
        if not 0 <= self.shares <= MOST_PROCESSES:
            raise DamagedError(f"{self.shares} processes")
        if min(self.seconds, self.validation_seconds, self.validating_seconds) < 0:
            raise DamagedError("a time is below zero")

    def next_part(self, parts: int) -> None:
        """Begin the next of the ``parts`` of an epoch; after the last, the first of the next epoch."""
        self.epoch, self.part = divmod(self.epoch * parts + self.part + 1, parts)
        self.place = 0

    def epochs(self, batches_in_part: int, parts: int) -> float:
        """Return how many epochs were made, with the share of the current one."""
        return self.epoch + (self.part + self.place / batches_in_part) / parts
