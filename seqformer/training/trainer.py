"""The training loop. It does not depend on text, images or files; it yields events and prints nothing.

for event in Trainer(...).run():
    ...   # Stepped, Skipped, Validating, Validated, Saved, Ended
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from seqformer.config import TrainConfig
from seqformer.errors import SeqformerError, WriteError
from seqformer.training.averages import EMA, MovingAverage
from seqformer.training.distributed import ALONE, Processes
from seqformer.training.events import (
    Ended,
    Event,
    Saved,
    Skipped,
    Stepped,
    Validated,
    Validating,
    Validation,
)
from seqformer.training.nonfinite import PATIENCE, advice
from seqformer.training.objective import Summed
from seqformer.training.optimizer import FlatOptimizer
from seqformer.training.progress import Progress
from seqformer.training.schedule import learning_rate, warmup_steps

LOG_EVERY = 20  # steps
VALIDATIONS = 10  # in a budget, if no interval is given
VALIDATION_SHARE = 0.2  # of the wall clock, if that is the budget
SAVE_AFTER = 60.0  # seconds; at most this much work is lost to a power cut
WARN_FROM = 3  # validations, and …
WARN_AFTER = 300  # … steps after the warm-up, before warnings of a validation are shown


def reached(name: str, limit: float) -> str:
    """Return in words that a limit, such as 10 ``minutes``, is reached."""
    return f"the limit is reached, {limit:,g} {name if limit != 1 else name.removesuffix('s')}"


class Batches(Protocol):
    """Training data: part by part an epoch is planned as a list of batches; a batch or a share is loaded."""

    @property
    def parts(self) -> int: ...  # of an epoch
    def plan(self, epoch: int, part: int) -> Sequence[Any]: ...
    def load(self, item: Any) -> Any: ...


class Store(Protocol):
    """Saves the results of a training. All processes call it; the first one writes, and reads a mean."""

    def save(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        """Save a complete state."""

    def keep_best(self, weights: dict[str, Tensor]) -> None:
        """Save the best weights so far."""

    def keep_checkpoint(self, weights: dict[str, Tensor], steps: list[int]) -> None:
        """Save the weights of the last of these steps, and drop those of steps not among them."""

    def mean(self, steps: list[int]) -> dict[str, Tensor]:
        """Return the mean of the weights saved at these steps."""

    def close(self) -> None:
        """Close what is open; nothing more will come."""

    def log(self, record: dict[str, Any]) -> None:
        """Write a line of the metrics."""


@dataclass
class Trainer:
    """Trains ``model`` on ``batches`` by ``objective``; ``store`` saves the results.

    objective(batch, progress) returns sums; the gradient is that of the mean over all units of a step.
    ``validate`` is called with the model in evaluation mode.
    """

    model: nn.Module
    batches: Batches
    objective: Callable[[Any, float], Summed]
    validate: Callable[[], Validation]
    config: TrainConfig
    store: Store
    device: torch.device
    processes: Processes = ALONE
    matrices: dict[str, int] = field(default_factory=dict)  # those that Muon trains, and the stacked in each
    validate_first: bool = False  # before the first step: the weights to begin with may stay the best
    started: float = field(default_factory=time.monotonic)  # when the wall-clock budget began

    def __post_init__(self) -> None:
        self.state = Progress(shares=self.processes.size)
        self.stopping = ""  # set by stop()
        self.saved_step: int | None = None  # step of the state saved last
        self.optimizer = FlatOptimizer(self.model, self.config.clip, self.config.adam_beta2, self.matrices)
        self.average = MovingAverage(self.optimizer.flat, self.config.ema) if self.config.ema else None
        self._before = 0.0  # seconds of earlier sessions
        self._new_budget = False
        self._saved_at = time.monotonic()
        self._save_seconds = 0.0

    def restore(self, tensors: dict[str, Tensor], progress: Progress, *, new_budget: bool = False) -> None:
        """Continue from a saved state; with ``new_budget`` validations are spread over what is left."""
        self.state = progress
        self.optimizer.load(tensors)
        if self.average:
            self.average.weights.copy_(tensors[EMA])
        self.saved_step = self.state.step
        self.state.finished = ""
        self._before = self.state.seconds
        self._new_budget = new_budget

    def stop(self, reason: str) -> None:
        """Ask the loop to save and end after the current step (safe in a signal handler)."""
        self.stopping = reason

    @property
    def seconds(self) -> float:
        """The wall-clock time of all sessions."""
        return self._before + time.monotonic() - self.started

    def run(self) -> Iterator[Event]:
        """Train until the budget or the patience is used up, or until asked to stop.

        Raises :class:`WriteError` if a file cannot be written, and :class:`SeqformerError` after
        ``PATIENCE`` steps in a row that were not finite; the last good state is kept then.
        """
        self.model.train()
        try:
            if self.saved_step is None:  # from here on there is always a complete state
                yield self._save()
            yield from self._loop()
        except WriteError as error:
            saved = "nothing was" if self.saved_step is None else f"the state of step {self.saved_step:,} is"
            raise WriteError(f"{error}; {saved} kept") from None
        finally:
            self.store.close()

    def _loop(self) -> Iterator[Event]:
        plan = self.batches.plan(self.state.epoch, self.state.part)
        if self.state.place >= len(plan) or self.state.part >= self.batches.parts:
            raise SeqformerError(
                f"the saved position (batch {self.state.place}) is beyond this epoch ({len(plan)} batches): "
                "the data or the batch size changed"
            )
        if self._new_budget:
            begin = self.processes.agree(self.progress(len(plan)))[0]
            self.state.budget_from, self.state.budget_validations = begin, 0
        while True:
            progress, stopping, save_is_due, validation_is_due = self._agree(self.progress(len(plan)))
            reason = self._reason_to_end(progress, len(plan))
            validated = self.state.validated_step == self.state.step
            if not stopping and not validated and (reason or validation_is_due):
                yield Validating()
                yield self._validate(progress)
                reason = reason or self._reason_to_end(progress, len(plan))
            if stopping or reason:
                self.state.finished = "" if stopping else reason
                if self._is_sound():
                    yield self._save()
                elif not stopping:
                    raise self._gave_up("the validation loss is not finite")
                yield Ended(stopping or reason, interrupted=bool(stopping))
                return
            validated = self.state.validated_step == self.state.step != self.saved_step
            if (validated or save_is_due) and self._is_sound():
                yield self._save()
            done = self._step(plan, progress)
            yield done
            if isinstance(done, Skipped) and self.state.nonfinite.in_a_row >= PATIENCE:
                raise self._gave_up(f"the {done.what} was not finite in {PATIENCE} steps in a row")
            if self.state.place >= len(plan):
                self.state.next_part(self.batches.parts)
                plan = self.batches.plan(self.state.epoch, self.state.part)

    def _agree(self, progress: float) -> tuple[float, str, bool, bool]:
        """Return progress, why to stop, whether to save: clocks differ, so the first process decides."""
        stopping = self.stopping
        progress, stop, save, validate = self.processes.agree(
            progress, bool(stopping), self._save_is_due(), self._validation_is_due(progress)
        )
        return progress, (stopping or "another process") if stop else "", bool(save), bool(validate)

    def progress(self, batches_in_part: int) -> float:
        """Return how much of the budget is used, 0 to 1; 0 if there is no budget."""
        return min(1.0, max(self._used(batches_in_part).values(), default=0.0))

    def _used(self, batches_in_part: int) -> dict[str, float]:
        """Return how much of each limit is used."""
        config, state, used = self.config, self.state, {}
        if config.max_steps:
            used["steps"] = state.step / config.max_steps
        if config.max_epochs:
            used["epochs"] = state.epochs(batches_in_part, self.batches.parts) / config.max_epochs
        if config.max_minutes:
            # the time of the last validation and of saving is part of the budget
            validation = state.validation_seconds * 1.1 or 1.2 * config.max_minutes
            reserve = min(validation + 2 * self._save_seconds + 0.5, 30 * config.max_minutes)
            used["minutes"] = self.seconds / (60 * config.max_minutes - reserve)
        return used

    def _reason_to_end(self, progress: float, batches_in_part: int) -> str:
        if progress >= 1:
            used = self._used(batches_in_part)
            name = max(used, key=used.__getitem__)
            return reached(name, self.config.limits[name])
        if self.config.patience and self.state.worse >= self.config.patience:
            return f"no better score in {self.config.patience} validations"
        return ""

    def _validation_is_due(self, progress: float) -> bool:
        state = self.state
        if self.validate_first and not state.step:
            return True
        if self.config.validate_every:
            return state.step > 0 and state.step % self.config.validate_every == 0
        if self._tenths(progress) < state.budget_validations + 1:
            return False
        if self.config.max_minutes:
            left = 60 * self.config.max_minutes - self.seconds - 2 * state.validation_seconds
            if left < 30 * self.config.max_minutes / VALIDATIONS:  # the last one is near
                return False
        taken = state.validating_seconds + state.validation_seconds  # the next one included
        return not self.config.max_minutes or taken <= VALIDATION_SHARE * (
            self.seconds + state.validation_seconds
        )

    def _tenths(self, progress: float) -> float:
        """Return how much of the current budget is used, times :data:`VALIDATIONS`."""
        begin = self.state.budget_from
        return (progress - begin) / (1 - begin) * VALIDATIONS if begin < 1 else float(VALIDATIONS)

    def _save_is_due(self) -> bool:
        return time.monotonic() - self._saved_at > max(SAVE_AFTER, 50 * self._save_seconds)

    def _is_sound(self) -> bool:
        """Return whether the state is good to continue from."""
        return not self.state.nonfinite.in_a_row and self.optimizer.is_finite()

    def _gave_up(self, what: str) -> SeqformerError:
        return SeqformerError(
            f"step {self.state.step:,}: {advice(self.config, what)}; the last good state, of step "
            f"{self.saved_step:,}, is kept"
        )

    def _step(self, plan: Sequence[Any], progress: float) -> Stepped | Skipped:
        state = self.state
        loss_sum, plain_sum, units = 0.0, 0.0, 0
        items = plan[state.place : state.place + self.config.accumulate]
        for mine in (item[share] for item in items for share in self.processes.shares(state.shares)):
            if not len(mine):
                continue
            sums = self.objective(self.batches.load(mine).to(self.device), progress)
            sums.objective.backward()  # type: ignore[no-untyped-call]
            self.optimizer.collect()
            loss_sum, plain_sum = loss_sum + float(sums.objective.detach()), plain_sum + float(sums.plain)
            units += sums.units
        loss_sum, plain_sum, units = self.processes.totals(loss_sum, plain_sum, units)
        self.processes.sum(self.optimizer.collected)
        rate = learning_rate(self.config, state.step, progress) * state.nonfinite.factor
        what, norm = "loss", math.nan
        if math.isfinite(loss_sum):
            what, norm = "gradient", self.optimizer.step(units, rate)
        else:
            self.optimizer.discard()
        state.step += 1
        state.place += self.config.accumulate
        state.units += units
        if not math.isfinite(norm):
            state.nonfinite.step_skipped()
            self._log({"skipped": what, "rate_factor": state.nonfinite.factor})
            return Skipped(what, state.nonfinite.factor)
        state.nonfinite.step_made()
        if self.average:
            self.average.update(self.optimizer.flat, state.step - 1)
        state.loss_sum, state.plain_sum = state.loss_sum + loss_sum, state.plain_sum + plain_sum
        state.loss_units += units
        if state.step % LOG_EVERY == 0 and state.loss_units:
            mean, plain = state.loss_sum / state.loss_units, state.plain_sum / state.loss_units
            self._log({"loss": mean, "plain_loss": plain, "learning_rate": rate, "gradient_norm": norm})
            state.loss_sum, state.plain_sum, state.loss_units = 0.0, 0.0, 0
        return Stepped(progress, loss_sum / units, plain_sum / units, units, rate, norm)

    def _validate(self, progress: float) -> Validated:
        begin = time.monotonic()
        result, weights = self._validate_all()
        state = self.state
        state.validations += 1
        if state.step:
            state.budget_validations = max(state.budget_validations + 1, int(self._tenths(progress)))
        state.validated_step = state.step
        finite = math.isfinite(result.score)
        state.nonfinite.in_a_row = 0 if finite else max(1, state.nonfinite.in_a_row)
        better = finite and (state.best is None or result.score > state.best)
        if better:
            state.best, state.best_step, state.worse = result.score, state.step, 0
            self.store.keep_best(weights)
        else:
            state.worse += 1
        if state.validations < WARN_FROM or state.step < warmup_steps(self.config) + WARN_AFTER:
            result = replace(result, warning="")
        # JSON has only finite numbers
        values = {name: value if math.isfinite(value) else None for name, value in result.values.items()}
        best = better and not result.nothing
        averaged = result.averaged if result.beside else ""
        shown = {"averaged": averaged, "best": best, "best_by": result.best_by, "warning": result.warning}
        self._log(values | {name: what for name, what in shown.items() if what != ""})
        seconds = time.monotonic() - begin
        state.validation_seconds = max(state.validation_seconds, seconds)
        state.validating_seconds += seconds
        return Validated(result, best)

    def _validate_all(self) -> tuple[Validation, dict[str, Tensor]]:
        """Validate the weights, and their average if there is one; return the better, and its weights."""
        weights = self.optimizer.weights()
        own = self._validation()
        average = self._averaged() if math.isfinite(own.score) and self.state.step else None
        if average is None:
            return own, weights
        with self.optimizer.holding(average):
            other = self._validation()
        is_better = other.score > own.score
        result = replace(other if is_better else own, beside=own.values if is_better else other.values)
        return replace(result, averaged=is_better), self.optimizer.named(average) if is_better else weights

    def _validation(self) -> Validation:
        self.model.eval()
        with torch.inference_mode():
            result = self.validate()
        self.model.train()
        return result

    def _averaged(self) -> Tensor | None:
        """Return the average of the weights (P,), None where none is asked for or there is none yet."""
        if self.average:
            return self.average.weights
        if not self.config.keep_last:
            return None
        weights, steps = self.optimizer.weights(), self.state.checkpoints
        steps[:] = [*steps, self.state.step][-self.config.keep_last :]
        self.store.keep_checkpoint(weights, steps)
        if len(steps) < 2:
            return None
        flat = torch.empty_like(self.optimizer.flat, device="cpu")
        if self.processes.first:  # others may not see its files
            mean = self.store.mean(steps)
            torch.cat([mean[name].reshape(-1) for name in weights], out=flat)
        return self.processes.send(flat).to(self.device)

    def _save(self) -> Saved:
        begin = time.monotonic()
        self.state.seconds = self.seconds
        average = {EMA: self.average.weights} if self.average else {}
        self.store.save(self.optimizer.state() | average, self.state)
        self.saved_step = self.state.step
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - begin
        return Saved()

    def _log(self, values: dict[str, Any]) -> None:
        state = self.state
        self.store.log({"step": state.step, "epoch": state.epoch, "units": state.units, **values})
