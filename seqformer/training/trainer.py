"""The training loop. It knows nothing of text, images or tokens, yields events and prints nothing.

for event in Trainer(...).run():
    ...   # Stepped, Skipped, Validated, Saved, Ended
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from seqformer.config import TrainConfig
from seqformer.errors import RunError, WriteError
from seqformer.training.checkpoint import (
    METRICS,
    STATE,
    WEIGHTS,
    Metrics,
    Progress,
    load_state,
    save_state,
    save_weights,
)
from seqformer.training.distributed import ALONE, Processes
from seqformer.training.events import Ended, Event, Saved, Skipped, Stepped, Validated, Validation
from seqformer.training.optimizer import FlatAdam, learning_rate
from seqformer.training.trouble import PATIENCE, advice

LOG_EVERY = 20  # steps
VALIDATIONS = 10  # in a budget, where no interval is given
SAVE_AFTER = 60.0  # seconds; at most this much work is lost to a power cut
WARN_FROM = 3  # validations, and …
WARN_AFTER = 300  # … steps beyond the warm-up, before what a validation warns of is believed


class Batches(Protocol):
    """What is trained on: parts of epochs are lists of batches, and a batch, or a share of it, is loaded."""

    @property
    def parts(self) -> int: ...  # of an epoch
    def plan(self, epoch: int, part: int) -> Sequence[Any]: ...
    def load(self, item: Any) -> Any: ...


@dataclass
class Trainer:
    """Trains ``model`` on ``batches`` by ``objective`` and keeps its state in ``folder``.

    objective(batch) -> (summed loss, number of units); the gradient is that of the mean over all
    units of an optimizer step. ``validate`` is called with the model in evaluation mode. ``facts`` are
    kept in the state for whoever resumes it.
    """

    model: nn.Module
    batches: Batches
    objective: Callable[[Any], tuple[Tensor, int]]
    validate: Callable[[], Validation]
    config: TrainConfig
    folder: Path
    device: torch.device
    facts: dict[str, Any] = field(default_factory=dict)
    processes: Processes = ALONE
    started: float = field(default_factory=time.monotonic)  # when the wall-clock budget began

    def __post_init__(self) -> None:
        self.state = Progress()
        self.stopping = ""  # set by stop()
        self.saved_step: int | None = None  # that of the state on disk
        self.optimizer = FlatAdam(self.model, self.config.clip)
        self._before = 0.0  # seconds of earlier sessions
        self._saved_at = time.monotonic()
        self._save_seconds = 0.0

    def resume(self) -> None:
        """Go on from the state in the folder."""
        tensors, self.state = load_state(self.folder / STATE, self.processes)
        self.optimizer.load(tensors)
        self.saved_step = self.state.step
        self.state.finished = ""
        self._before = self.state.seconds

    def stop(self, reason: str) -> None:
        """Ask the loop to save and end after the step in hand (safe in a signal handler)."""
        self.stopping = reason

    @property
    def seconds(self) -> float:
        """Wall clock of all sessions."""
        return self._before + time.monotonic() - self.started

    def run(self) -> Iterator[Event]:
        """Train to the end of the budget, of patience, or until asked to stop.

        Raises :class:`WriteError` where a file cannot be written, and :class:`RunError` after
        ``PATIENCE`` steps in a row that were not finite; the last good state is on disk then.
        """
        self._metrics = Metrics(self.folder / METRICS, self.state.metrics_bytes, self.processes.first)
        self.model.train()
        try:
            if self.saved_step is None:  # from here on there is always a whole state on disk
                yield self._save()
            yield from self._loop()
        except WriteError as error:
            kept = "nothing was" if self.saved_step is None else f"the state of step {self.saved_step:,} is"
            raise WriteError(
                f"{error}; {kept} kept in {self.folder}: free some space, then go on with "
                f"seqformer train --resume --run {self.folder}"
            ) from None
        finally:
            self._metrics.close()

    def _loop(self) -> Iterator[Event]:
        plan = self.batches.plan(self.state.epoch, self.state.part)
        if self.state.place >= len(plan) or self.state.part >= self.batches.parts:
            raise RunError(f"{self.folder / STATE}: it is {self.state.place} batches into {len(plan)}")
        while True:
            progress, stopping, save_is_due = self._agree(self.progress(len(plan)))
            reason = self._reason_to_end(progress)
            seen = self.state.validated_step == self.state.step
            if not stopping and not seen and (reason or self._validation_is_due(progress)):
                yield self._validate()
                reason = reason or self._reason_to_end(progress)
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
            if isinstance(done, Skipped) and self.state.trouble.in_a_row >= PATIENCE:
                raise self._gave_up(f"the {done.what} was not finite in {PATIENCE} steps in a row")
            if self.state.place >= len(plan):
                self.state.next_part(self.batches.parts)
                plan = self.batches.plan(self.state.epoch, self.state.part)

    def _agree(self, progress: float) -> tuple[float, str, bool]:
        """Progress, why to stop, whether to save: clocks and signals differ, so the first process decides."""
        stopping = self.stopping
        progress, stop, save = self.processes.agree(progress, bool(stopping), self._save_is_due())
        return progress, (stopping or "another process") if stop else "", bool(save)

    def progress(self, batches_in_part: int) -> float:
        """How much of the budget is used, 0 to 1; 0 where there is no budget."""
        config, state = self.config, self.state
        used = [0.0]
        if config.max_steps:
            used.append(state.step / config.max_steps)
        if config.max_epochs:
            parts = state.part + state.place / batches_in_part
            used.append((state.epoch + parts / self.batches.parts) / config.max_epochs)
        if config.max_minutes:
            # what the last validation and saving will take belongs to the budget
            validation = state.validation_seconds * 1.1 or 1.2 * config.max_minutes
            reserve = min(validation + 2 * self._save_seconds + 0.5, 30 * config.max_minutes)
            used.append(self.seconds / (60 * config.max_minutes - reserve))
        return min(1.0, max(used))

    def _reason_to_end(self, progress: float) -> str:
        if progress >= 1:
            return "the budget is used"
        if self.config.patience and self.state.worse >= self.config.patience:
            return f"no better score in {self.config.patience} validations"
        return ""

    def _validation_is_due(self, progress: float) -> bool:
        if self.config.validate_every:
            return self.state.step > 0 and self.state.step % self.config.validate_every == 0
        return progress * VALIDATIONS >= self.state.validations + 1

    def _save_is_due(self) -> bool:
        return time.monotonic() - self._saved_at > max(SAVE_AFTER, 50 * self._save_seconds)

    def _is_sound(self) -> bool:
        """Whether the state is worth going on from."""
        return not self.state.trouble.in_a_row and self.optimizer.is_finite()

    def _gave_up(self, what: str) -> RunError:
        return RunError(
            f"step {self.state.step:,}: {advice(self.config, what)}; the last good state, of step "
            f"{self.saved_step:,}, is kept in {self.folder}"
        )

    def _step(self, plan: Sequence[Any], progress: float) -> Stepped | Skipped:
        state = self.state
        loss_sum, units = 0.0, 0
        for item in plan[state.place : state.place + self.config.accumulate]:
            mine = item[self.processes.share]
            if not len(mine):
                continue
            loss, count = self.objective(self.batches.load(mine).to(self.device))
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.collect()
            loss_sum, units = loss_sum + float(loss.detach()), units + count
        loss_sum, units = self.processes.totals(loss_sum, units)
        self.processes.sum(self.optimizer.collected)
        rate = learning_rate(self.config, state.step, progress) * state.trouble.factor
        what, norm = "loss", math.nan
        if math.isfinite(loss_sum):
            what, norm = "gradient", self.optimizer.step(units, rate)
        else:
            self.optimizer.discard()
        state.step += 1
        state.place += self.config.accumulate
        state.units += units
        if not math.isfinite(norm):
            state.trouble.step_skipped()
            self._log({"skipped": what, "rate_factor": state.trouble.factor})
            return Skipped(what, state.trouble.factor)
        state.trouble.step_made()
        state.loss_sum, state.loss_units = state.loss_sum + loss_sum, state.loss_units + units
        if state.step % LOG_EVERY == 0 and state.loss_units:
            mean = state.loss_sum / state.loss_units
            self._log({"loss": mean, "learning_rate": rate, "gradient_norm": norm})
            state.loss_sum, state.loss_units = 0.0, 0
        return Stepped(progress, loss_sum / units, units, rate, norm)

    def _validate(self) -> Validated:
        begin = time.monotonic()
        self.model.eval()
        with torch.inference_mode():
            found = self.validate()
        self.model.train()
        state = self.state
        state.validations += 1
        state.validated_step = state.step
        finite = math.isfinite(found.score)
        state.trouble.in_a_row = 0 if finite else max(1, state.trouble.in_a_row)
        better = finite and (state.best is None or found.score > state.best)
        if better:
            state.best, state.best_step, state.worse = found.score, state.step, 0
            if self.processes.first:
                save_weights(self.folder / WEIGHTS, self.optimizer.weights())
        else:
            state.worse += 1
        if state.validations < WARN_FROM or state.step < self.config.warmup + WARN_AFTER:
            found = replace(found, warning="")
        # JSON has no word for what is not finite
        values = {name: value if math.isfinite(value) else None for name, value in found.values.items()}
        self._log(values | {"best": better} | ({"warning": found.warning} if found.warning else {}))
        state.validation_seconds = max(state.validation_seconds, time.monotonic() - begin)
        return Validated(found, better)

    def _save(self) -> Saved:
        begin = time.monotonic()
        self.state.seconds = self.seconds
        self.state.metrics_bytes = self._metrics.bytes
        self._metrics.sync()
        save_state(self.folder / STATE, self.optimizer.state(), self.state, self.facts, self.processes)
        self.saved_step = self.state.step
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - begin
        return Saved()

    def _log(self, values: dict[str, Any]) -> None:
        state = self.state
        self._metrics.append({"step": state.step, "epoch": state.epoch, "units": state.units, **values})
