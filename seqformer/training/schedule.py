"""The learning rate, step by step."""

from __future__ import annotations

import math

from seqformer.config import TrainConfig

WARMUP, WARMUP_SHARE = 200, 0.5  # steps, and share of the budget, where nothing is asked for


def warmup_steps(config: TrainConfig) -> int:
    """Return in how many steps the rate rises at most."""
    return WARMUP if config.warmup < 0 else config.warmup


def learning_rate(config: TrainConfig, step: int, progress: float) -> float:
    """Return the rate of step number ``step`` (from 0), ``progress`` (0 to 1) into the budget.

    Every schedule rises in a straight line for ``warmup`` steps, by itself for half of the budget at
    most: a training of 60 steps would otherwise end before it began; with less a post-norm model of width
    256 may never learn to attend. ``inverse-sqrt`` then falls with the inverse square root of the step
    (section 5.3 of the paper), ``linear`` to zero at the end of the budget; ``constant`` stays.
    """
    steps = warmup_steps(config)
    warm = min(1.0, (step + 1) / steps) if steps else 1.0
    if config.warmup < 0:
        warm = min(1.0, max(warm, progress / WARMUP_SHARE))
    if config.schedule == "linear":
        return config.learning_rate * warm * max(0.0, 1.0 - progress)
    if config.schedule == "constant":
        return config.learning_rate * warm
    return config.learning_rate * warm * math.sqrt(max(1, steps) / max(step + 1, steps, 1))
