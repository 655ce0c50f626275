"""The warm-up and the schedules of the learning rate, computed by the trainer's own function."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from rich.console import RenderableType

from seqformer.config import SCHEDULES, TrainConfig
from seqformer.console import table
from seqformer.report.curves import Points
from seqformer.report.panels import Curves, Figure, Panel
from seqformer.training.schedule import learning_rate

POINTS = 500  # steps that are kept, at most: as many as a picture can show


@dataclass(frozen=True)
class Schedules(Figure):
    """The rate at some steps of a budget, for every schedule. Made by :func:`schedules`."""

    peak: float
    budget: int  # steps
    warm: int | None  # the first step at the peak where nothing falls; None where none is
    steps: list[int]  # from 1
    rates: dict[str, list[float]]  # of each schedule at these steps

    @property
    def title(self) -> str:
        """Peak, warm-up and budget."""
        where = (
            f"at step {self.warm:,} of {self.budget:,}" if self.warm else f"beyond the end, {self.budget:,}"
        )
        return f"Learning rate: peak {self.peak:g} {where}"

    @property
    def answer(self) -> str:
        """Why the rate first rises and then falls."""
        return (
            "It first rises because Adam has seen too few gradients at the start to scale them well, and "
            "those of a post-norm model are large near its output (Liu et al. 2020; Xiong et al. 2020). "
            "It then falls so that the weights can settle: to 0 at the end of the budget (linear), with "
            "1/√step (inverse-sqrt, section 5.3 of the paper), or not at all (constant)."
        )

    def panels(self) -> list[list[Panel]]:
        """Return the rates over the steps."""
        lines: dict[str, Points] = {
            name: list(zip(self.steps, rates, strict=True)) for name, rates in self.rates.items()
        }
        return [[Curves("Rate of each step", "step", "learning rate", lines)]]

    def tables(self) -> list[RenderableType]:
        """Return the rates at a few steps, and the curves."""
        rows = table(self.title, "step", *self.rates)
        for step in sorted({1, self.warm or 1, *_quarters(self.budget)}):
            at = self.steps.index(step)
            rows.add_row(f"{step:,}", *(f"{rates[at]:.3g}" for rates in self.rates.values()))
        return [rows, *self.drawn()]


def _quarters(budget: int) -> list[int]:
    return [max(1, budget * quarter // 4) for quarter in (1, 2, 3, 4)]


def schedules(config: TrainConfig) -> Schedules:
    """Return the rates that a training of ``config.max_steps`` steps would use.

    Of ``config``, learning rate, warm-up and budget count; every schedule of the settings is computed.
    The paper's own schedule, D^-0.5 · min(step^-0.5, step · warmup^-1.5) for a width D (equation 3), is
    ``inverse-sqrt`` with a peak of (D · warmup)^-0.5.
    """
    budget = config.max_steps

    def rate(schedule: str, step: int) -> float:
        done = step - 1
        return learning_rate(dataclasses.replace(config, schedule=schedule), done, done / budget)

    peak = config.learning_rate
    warm = next((step for step in range(1, budget + 1) if rate("constant", step) >= peak), None)
    evenly = (1 + (budget - 1) * at // (POINTS - 1) for at in range(POINTS))
    steps = sorted({*evenly, warm or 1, *_quarters(budget)})
    rates = {name: [rate(name, step) for step in steps] for name in SCHEDULES}
    return Schedules(peak, budget, warm, steps, rates)
