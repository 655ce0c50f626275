"""Draws a training as it runs: live at a terminal, line by line elsewhere."""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from seqformer.api import Event, Interrupted, NothingLeft, NotLogged, Prepared, Started, Stopping
from seqformer.cli.options import print_next
from seqformer.cli.prepare import show
from seqformer.console import counted, note, table, talk, visible
from seqformer.report.learning import Learning, label, value
from seqformer.tasks.validation import OTHER
from seqformer.training.events import Ended, Skipped, Stepped, Validated, Validating, Validation

if TYPE_CHECKING:
    from seqformer.runs.run import Run

LINE_EVERY = 15.0  # seconds between lines where there is no terminal
FORETOLD_AFTER = 5.0  # seconds of training, before its number of steps is foretold


class Screen:
    """Speed, loss and time left; a line and a sample translation at each validation."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.live = talk.is_terminal
        self.progress = Progress(
            TextColumn("{task.fields[step]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[speed]}"),
            TextColumn("{task.fields[loss]}"),
            TextColumn("{task.fields[left]}"),
            console=talk,
            disable=not self.live,
            transient=True,
        )
        self.bar = self.progress.add_task("", total=1.0, step="step 0", speed="", loss="", left="")
        self._units, self._loss = 0, 0.0
        self._first: tuple[float, float, int] | None = None  # seconds, progress and step at the first report
        self._foretold = False

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Prepared):
            note(f"Nothing was prepared here: prepared {event.task.describe()}")
            show(event, talk.print)
        elif isinstance(event, Started):
            self._started(event)
        elif isinstance(event, Stepped):
            self._stepped(event)
        elif isinstance(event, Skipped):
            note(
                f"step {self.trainer.state.step:,}: the {event.what} is not finite; step skipped, "
                f"rate halved to {event.factor:g} of what it would be"
            )
        elif isinstance(event, NotLogged):
            note(f"warning: {event.why}")
        elif isinstance(event, Validating):
            self.progress.update(self.bar, loss="validating …", left="")
        elif isinstance(event, Validated):
            self._validated(event.validation, event.best)
        elif isinstance(event, Stopping):  # in a signal handler: a write to stderr may be under way
            again = "again: stop at once, keeping the last saved state"
            with contextlib.suppress(OSError):
                os.write(2, f"{event.reason}: saving and stopping ({again})\n".encode())
        elif isinstance(event, NothingLeft):
            note(
                f"{event.run.folder}: nothing left to do; {event.reason}. To go on, give a new limit: "
                f"seqformer train --resume --run {shlex.quote(str(event.run.folder))} --max-minutes N"
            )
        elif isinstance(event, Ended):
            self.progress.stop()
            self.ended = event

    def _started(self, event: Started) -> None:
        self.run, self.trainer, self.units = event.run, event.trainer, event.run.task.units
        run, state = event.run, event.trainer.state
        weights = sum(p.numel() for p in event.trainer.model.parameters())
        recipe = run.configs.train
        until = ", ".join(counted(n, name[:-1]) for name, n in recipe.limits.items())
        grid = Table.grid(padding=(0, 2))
        for name, text in (
            ("run", str(run.folder)),
            ("data", run.task.describe()),
            ("model", run.configs.model.describe()),
            ("weights", f"{weights:,}"),
            ("computing", f"{event.trainer.device.type} in {event.precision}"),
            ("batches", event.size),
            *((("best by", label(run.score)),) if run.score != run.task.score else ()),
            ("until", until or f"no better score in {counted(recipe.patience, 'validation')}"),
            *((("resumed", f"at step {state.step:,}, after {clock(state.seconds)}"),) if state.step else ()),
        ):
            grid.add_row(Text(name, style="dim"), Text(visible(text)))
        for remark in event.remarks:
            note(remark)
        talk.print(grid)
        self._since = time.monotonic()
        self.progress.start()

    def _stepped(self, event: Stepped) -> None:
        now, step = time.monotonic(), self.trainer.state.step
        self._units += event.units
        self._loss += event.plain_loss * event.units
        if self._first is None:
            self._first = (self.trainer.seconds, event.progress, step)
        self._foretell(event.progress, step)
        if now - self._since < (0.5 if self.live else LINE_EVERY):
            return
        shown: dict[str, Any] = {
            "step": f"step {step:,}",
            "speed": f"{self._units / (now - self._since):,.0f} {self.units}/s",
            "loss": f"loss {self._loss / self._units:.3f}",
            "left": self._left(event.progress),
        }
        self._since, self._units, self._loss = now, 0, 0.0
        if self.live:
            self.progress.update(self.bar, completed=event.progress, **shown)
        else:
            note("  ".join([*shown.values(), f"{event.progress:.0%}"]))

    def _foretell(self, progress: float, step: int) -> None:
        """Say, once, how many steps this machine will make in a budget of minutes."""
        assert self._first
        began, before, first = self._first
        if self._foretold or self.trainer.seconds - began < FORETOLD_AFTER or progress <= before:
            return
        self._foretold = True
        if self.trainer.config.max_minutes:
            total = step + (1 - progress) * (step - first) / (progress - before)
            digits = max(1, len(str(int(total))) - 2)
            note(f"At this speed about {round(total, -digits):,.0f} steps fit into the budget.")

    def _left(self, progress: float) -> str:
        assert self._first
        began, before, _ = self._first
        if progress <= before:
            return ""
        left = (self.trainer.seconds - began) * (1 - progress) / (progress - before)
        return f"{clock(left)} left"

    def _validated(self, result: Validation, best: bool) -> None:
        self.progress.update(self.bar, loss="")
        values = "  ".join(value(name, n) for name, n in result.values.items() if name != OTHER)
        assert self.run
        if result.beside:
            other = value(self.run.score, result.beside[self.run.score])
            values += f"  averaged (not: {other})" if result.averaged else f"  (averaged: {other})"
        chosen = "" if self.run.score == self.run.task.score else f" by {label(self.run.score)}"
        star = f" [green]best{chosen}[/]" if best else ""
        talk.print(f"[bold]step {self.trainer.state.step:,}[/]  {values}{star}", soft_wrap=True)
        if result.sample:
            for mark, text in zip(("", "→", "="), result.sample, strict=True):
                talk.print(
                    Text(f"    {mark:1} {visible(text)}", style="" if mark == "→" else "dim"),
                    soft_wrap=True,
                )
        if result.warning:
            note(f"warning: {result.warning}")
        self._since, self._units, self._loss = time.monotonic(), 0, 0.0

    def interrupted(self, stopped: Interrupted, command: str = "") -> None:
        """Say what is kept of a training that was stopped, and with which command to go on."""
        trainer = stopped.trainer
        state_kept = "everything is saved"
        if trainer.saved_step != trainer.state.step:
            state_kept = f"the last good state, of step {trainer.saved_step:,}, is kept"
        note(f"Stopped by {stopped.reason} at step {trainer.state.step:,}; {state_kept}. Go on with:")
        resume = f"seqformer train --resume --run {shlex.quote(str(stopped.run.folder))}"
        note(f"  {command or resume}")

    def summarize(self, run: Run) -> None:
        """Show the curves of a training that has ended, whether it learned, and what to do next."""
        if self.run is None:
            return  # one of several processes, which another speaks for
        state, task, folder = self.trainer.state, run.task, shlex.quote(str(run.folder))
        learning = Learning.of(run.metrics(), run.score, task.score)
        for drawn in learning.draw(min(talk.width, 80)):
            talk.print(drawn)
        plan = self.trainer.batches.plan(state.epoch, state.part)
        summary = table("Training has ended: " + self.ended.reason, "", "")
        summary.show_header = False
        summary.add_row("steps", f"{state.step:,}")
        epochs = round(state.epochs(len(plan), self.trainer.batches.parts), 2)
        summary.add_row("epochs", f"{epochs:,g}")
        validating = f", {state.validating_seconds / max(1e-9, self.trainer.seconds):.0%} of it validating"
        summary.add_row("time", clock(self.trainer.seconds) + validating)
        summary.add_row(f"{task.units} learned from", f"{state.units:,}")
        if learning.best is not None:
            summary.add_row("best", f"{value(run.score, learning.best)} at step {state.best_step:,}")
        elif learning.kept is not None:
            summary.add_row("best", f"none: {value(run.score, learning.kept)} at every validation")
            summary.add_row("kept", f"the weights of the lowest loss on valid, of step {state.best_step:,}")
        summary.add_row("kept in", str(run.folder))
        talk.print(summary)
        by_heart = task.manifest.by_heart
        verdict, advice = learning.verdict(task.chance, task.counts_characters, by_heart)
        note(f"{verdict} {advice}".strip())
        if advice and run.configs.train.max_minutes:
            minutes = f"{2 * run.configs.train.max_minutes:g}"
            note(
                f"  seqformer train --resume --run {folder} --max-minutes {minutes}   (since the run's start)"
            )
        note("Next:")
        print_next(run)


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds, or with hours."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
