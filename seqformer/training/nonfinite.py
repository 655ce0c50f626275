"""Handling of a loss or gradient that is not finite: skip the step, lower the rate, give up in time.

A step whose loss or gradient is not finite changes no weight and halves the learning rate; after
``RECOVERY`` good steps the rate doubles again, until it is what the schedule says. After ``PATIENCE``
such steps in a row the training ends with advice. No state is saved in between, so that the one on
disk is good.
"""

from __future__ import annotations

from dataclasses import dataclass

from seqformer.config import TrainConfig

PATIENCE = 5  # steps in a row
RECOVERY = 100  # steps


@dataclass
class NonFinite:
    """How often steps were skipped, and the effect on the rate; part of the state of a training."""

    skipped: int = 0  # steps, in all
    in_a_row: int = 0
    good: int = 0  # steps since the last skipped one, or since the rate was last doubled
    factor: float = 1.0  # of the learning rate

    def step_skipped(self) -> None:
        """Count a skipped step and halve the rate."""
        self.skipped += 1
        self.in_a_row += 1
        self.good = 0
        self.factor /= 2

    def step_made(self) -> None:
        """Count a good step; double the rate after enough of them."""
        self.in_a_row = 0
        if self.factor == 1:
            return
        self.good += 1
        if self.good == RECOVERY:
            self.factor, self.good = self.factor * 2, 0


def advice(config: TrainConfig, what: str) -> str:
    """Return what to try after a training that ``what`` has ended."""
    ways = [f"a lower learning rate (it was {config.learning_rate:g})"]
    if config.warmup or config.schedule != "constant":
        ways.append("a longer warm-up" + (f" (it was {config.warmup} steps)" if config.warmup > 0 else ""))
    else:
        ways.append("a warm-up (it had none)")
    if config.precision != "fp32":
        ways.append("precision fp32")
    return f"{what}; begin a new run with {', '.join(ways[:-1])} or {ways[-1]}"
