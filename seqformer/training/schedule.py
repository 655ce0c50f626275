"""The learning rate, step by step."""

from __future__ import annotations

import math

from seqformer.config import TrainConfig


def learning_rate(config: TrainConfig, step: int, progress: float) -> float:
    """Return the rate of step number ``step`` (from 0), ``progress`` (0 to 1) into the budget.

    Every schedule rises in a straight line for ``warmup`` steps. ``inverse-sqrt`` then falls with the
    inverse square root of the step (section 5.3 of the paper), ``linear`` to zero at the end of the
    budget; ``constant`` stays.
    """
    warm = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    if config.schedule == "linear":
        return config.learning_rate * warm * max(0.0, 1.0 - progress)
    if config.schedule == "constant":
        return config.learning_rate * warm
    return config.learning_rate * warm * math.sqrt(max(1, config.warmup) / max(step + 1, config.warmup, 1))
