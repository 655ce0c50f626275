"""Draws a training as it runs: live at a terminal, line by line elsewhere."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text
from typer import Exit

from seqformer import learn
from seqformer.console import note, table, talk
from seqformer.report import curve
from seqformer.training.checkpoint import METRICS, read_metrics
from seqformer.training.events import Ended, Event, Skipped, Stepped, Validated, Validation

if TYPE_CHECKING:
    from seqformer.learn import AnyRun, Learning
    from seqformer.training.distributed import Processes
    from seqformer.training.trainer import Trainer

LINE_EVERY = 15.0  # seconds between lines where there is no terminal
PERCENT = ("exact_match", "token_accuracy", "accuracy")


def watch(run: AnyRun, device: str, started: float, processes: Processes, *, resume: bool) -> None:
    """Train a run to its end, showing what happens; exits with 130 or 143 when interrupted."""
    learning = (learn.resume if resume else learn.begin)(run, device, started, processes)
    trainer = learning.trainer
    screen = _Screen(trainer, run.units)
    with _stopped_by_signals(trainer):
        _introduce(run, learning)
        with screen.progress:
            for event in trainer.run():
                screen.show(event)
    ended = screen.ended
    assert ended is not None
    if ended.interrupted:
        kept = "everything is saved"
        if trainer.saved_step != trainer.state.step:
            kept = f"the last good state, of step {trainer.saved_step:,}, is kept"
        note(f"Stopped by {ended.reason} at step {trainer.state.step:,}; {kept}. Go on with:")
        note(f"  seqformer train --resume --run {run.folder}")
        raise Exit(130 if ended.reason == "Ctrl-C" else 143)
    _summarize(run, trainer, ended)


@contextlib.contextmanager
def _stopped_by_signals(trainer: Trainer) -> Iterator[None]:
    """Within the block, Ctrl-C and SIGTERM are for the trainer."""
    before = {}
    for number, reason in ((signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")):
        before[number] = signal.signal(number, _Stopper(trainer, number, reason))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Stopper:
    """A signal handler: the first signal asks the trainer to save and end, the second ends at once.

    A write to stderr may be under way, so the handler does not take the road of all other notes.
    """

    def __init__(self, trainer: Trainer, number: int, reason: str) -> None:
        self.trainer, self.number, self.reason = trainer, number, reason

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.trainer.stopping:
            sys.exit(128 + self.number)
        self.trainer.stop(self.reason)
        text = f"{self.reason}: saving and stopping (again: stop at once, keeping the last saved state)\n"
        with contextlib.suppress(OSError):
            os.write(2, text.encode())


class _Screen:
    """Speed, loss and time left; a line and a sample translation at each validation."""

    def __init__(self, trainer: Trainer, units: str) -> None:
        self.trainer = trainer
        self.units = units
        self.ended: Ended | None = None
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
        self.task = self.progress.add_task("", total=1.0, step="step 0", speed="", loss="", left="")
        self.begun_at = trainer.state.step
        self._since = self._printed = time.monotonic()
        self._units, self._loss, self._speed = 0, 0.0, 0.0
        self._first: tuple[float, float] | None = None  # seconds and progress of the first step seen

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Stepped):
            self._stepped(event)
        elif isinstance(event, Skipped):
            note(
                f"step {self.trainer.state.step:,}: the {event.what} is not finite; step skipped, "
                f"rate halved to {event.factor:g} of what it would be"
            )
        elif isinstance(event, Validated):
            self._validated(event.validation, event.best)
            self._since, self._units, self._loss = time.monotonic(), 0, 0.0
        elif isinstance(event, Ended):
            self.ended = event

    def _stepped(self, event: Stepped) -> None:
        now = time.monotonic()
        self._units += event.units
        self._loss += event.loss * event.units
        if now - self._since < (0.5 if self.live else LINE_EVERY):
            return
        self._speed = self._units / (now - self._since)
        step = f"step {self.trainer.state.step:,}"
        speed, loss = f"{self._speed:,.0f} {self.units}/s", f"loss {self._loss / self._units:.3f}"
        left = self._left(event.progress)
        self._since, self._units, self._loss = now, 0, 0.0
        if self.live:
            self.progress.update(
                self.task, completed=event.progress, step=step, speed=speed, loss=loss, left=left
            )
        else:
            note("  ".join([step, speed, loss, left, f"{event.progress:.0%}"]))

    def _left(self, progress: float) -> str:
        seconds = self.trainer.seconds
        if self._first is None:
            self._first = (seconds, progress)
        began, before = self._first
        if progress <= before:
            return ""
        left = (seconds - began) * (1 - progress) / (progress - before)
        return f"{_clock(left)} left"

    def _validated(self, found: Validation, best: bool) -> None:
        shown = ((name, value) for name, value in found.values.items() if name != learn.OTHER)
        values = "  ".join(_value(name, value) for name, value in shown)
        star = " [green]best[/]" if best else ""
        talk.print(f"[bold]step {self.trainer.state.step:,}[/]  {values}{star}", soft_wrap=True)
        if found.sample:
            for label, text in zip(("", "→", "="), found.sample, strict=True):
                talk.print(Text(f"    {label:1} {text}", style="" if label == "→" else "dim"), soft_wrap=True)
        if found.warning:
            note(f"warning: {found.warning}")


def _label(name: str) -> str:
    return "BLEU" if name == "bleu" else name.replace("_", " ")


def _value(name: str, value: float) -> str:
    label = _label(name)
    return f"{label} {value:.1%}" if name in PERCENT else f"{label} {value:.{1 if name == 'bleu' else 3}f}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def _introduce(run: AnyRun, learning: Learning) -> None:
    recipe = run.train_config
    weights = sum(p.numel() for p in learning.model.parameters())
    facts = Table.grid(padding=(0, 2))
    limits = [
        f"{value:g} {name}"
        for name, value in (
            ("steps", recipe.max_steps),
            ("epochs", recipe.max_epochs),
            ("minutes", recipe.max_minutes),
        )
        if value
    ]
    for name, text in (
        ("run", str(run.folder)),
        *run.describe(),
        ("weights", f"{weights:,}"),
        ("computing", f"{learning.trainer.device.type} in {learning.precision}"),
        ("batches", learning.size),
        ("until", ", ".join(limits) or f"no better score in {recipe.patience} validations"),
    ):
        facts.add_row(Text(name, style="dim"), Text(text))
    talk.print(facts)
    if learning.remark:
        note(learning.remark)


def _summarize(run: AnyRun, trainer: Trainer, ended: Ended) -> None:
    state = trainer.state
    records = read_metrics(run.folder / METRICS)
    losses = [(r["step"], r["loss"]) for r in records if "loss" in r]
    name = run.score
    scores = [(r["step"], r[name]) for r in records if name in r]
    valid = [(r["step"], r["valid_loss"]) for r in records if r.get("valid_loss") is not None]
    width = min(talk.width, 80)
    for title, series in (
        ("loss", {"train": losses, "valid": valid}),
        (f"{_label(name)} on valid", {name: scores}),
    ):
        drawn = curve.draw(title, series, width)
        if drawn:
            talk.print(drawn)
    best = next((r for r in records if r["step"] == state.best_step and name in r), None)
    summary = table("Training has ended: " + ended.reason, "", "")
    summary.show_header = False
    summary.add_row("steps, epochs", f"{state.step:,}, {state.epoch + 1}")
    summary.add_row("time", _clock(trainer.seconds))
    summary.add_row(f"{run.units} learned from", f"{state.units:,}")
    if best:
        summary.add_row("best", f"{_value(name, best[name])} at step {state.best_step:,}")
    summary.add_row("kept in", str(run.folder))
    talk.print(summary)
    note("Next:")
    for command in run.next_commands():
        note(f"  {command}")
