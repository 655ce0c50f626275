"""Passes on to a logger what a training records: the lines of its metrics, speed, samples, attention.

The metrics of the run stay the complete record, and this follows their file. So a logger that a training is
given later gets all earlier lines too. A training that was killed writes some lines again when it is resumed;
those that the logger had before, known by their step and their names, are not passed on twice.

Nothing that a logger does stops a training, or changes what it learns.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from seqformer.config import DecodeConfig
from seqformer.console import cut
from seqformer.errors import DamagedError, SeqformerError
from seqformer.report.best import LOSS
from seqformer.runs.layout import LOG, METRICS
from seqformer.runs.loggers import LOGGERS, NONE, Logger, Pixels, check
from seqformer.runs.metrics import read_from
from seqformer.runs.run import Run
from seqformer.storage.files import read_json, write_json
from seqformer.training.events import Event, Stepped, Validated, Validation
from seqformer.training.trainer import Trainer

COUNTS = ("epoch", "units")  # of every line of the metrics; those of training will do
FIRST_IMAGE = "0"  # of the test split, at which a classifier looks
MOST_MESSAGE = 200  # characters
Key = tuple[Any, ...]


class Follower:
    """Follows the training of a run; does nothing where no logger is asked for.

    It must be made before the training is put together, which cuts the metrics to what was saved.
    """

    def __init__(
        self, run: Run, asked: str | None, tell: Callable[[str], object], *, first: bool = True
    ) -> None:
        """Follow with the logger ``asked`` for; None is the one before, if any. ``tell`` is told of faults.

        Of several processes the ``first`` follows.
        """
        self._run, self._tell = run, tell
        self._name, self._identity = NONE, ""
        self._logger: Logger | None = None
        self._passed: set[Key] = set()  # lines that the logger has
        self._offset = self._units = 0
        self._draws = True
        self._ends = first and asked == NONE
        if not first:
            return
        with self._guarded(LOG):
            before = _read_log(run.folder / LOG)
            chosen = asked or before.get("to", NONE)
            if chosen == before.get("to"):
                self._identity = before["id"]
                self._passed = set(map(_key, run.metrics()))
            check(chosen)
            self._name = chosen

    def begin(self, trainer: Trainer) -> None:
        """Open the log, and pass on what was recorded so far."""
        self._trainer, self._since = trainer, time.monotonic()
        path = self._run.folder / LOG
        if self._ends:
            path.unlink(missing_ok=True)
        if self._name == NONE:
            return
        with self._guarded(self._name):
            identity = self._identity or f"{self._run.folder.name}-{uuid.uuid4().hex[:8]}"
            self._logger = LOGGERS[self._name](self._run.folder, identity, self._run.configuration())
            write_json(path, {"to": self._name, "id": identity})
            self._read_on(self._logger)

    def __call__(self, event: Event) -> None:
        """Pass on what an event adds."""
        if self._logger is None:
            return
        with self._guarded(self._name):
            new = self._read_on(self._logger)
            if isinstance(event, Stepped):
                self._units += event.units
                if new:
                    self._speed(self._logger)
            elif isinstance(event, Validated):
                if new:
                    self._show(self._logger, event.validation)
                self._units, self._since = 0, time.monotonic()

    def close(self) -> None:
        """Close the log."""
        if self._logger is not None:
            with self._guarded(self._name):
                self._logger.close()

    def _read_on(self, logger: Logger) -> bool:
        """Pass on the lines that came to the metrics; return whether any of them is new to the logger."""
        records, self._offset = read_from(self._run.folder / METRICS, self._offset)
        new = [record for record in records if _key(record) not in self._passed]
        for record in new:
            logger.numbers(_numbers(record), record["step"])
        return bool(new)

    def _speed(self, logger: Logger) -> None:
        now = time.monotonic()
        speed = {f"train/{self._run.task.units}_per_second": self._units / max(1e-9, now - self._since)}
        logger.numbers(speed, self._trainer.state.step)
        self._units, self._since = 0, now

    def _show(self, logger: Logger, validation: Validation) -> None:
        """Pass on a sample, and what the model looks at in it."""
        step, sample = self._trainer.state.step, validation.sample
        if sample:
            texts = dict(zip(("source", "translation", "reference"), sample, strict=True))
            logger.row("valid/sample", texts, step)
        if not self._draws:
            return
        try:
            pixels = self._attention(sample[0] if sample else FIRST_IMAGE)
        except SeqformerError as error:  # no matplotlib, or no test image
            self._draws = False
            self._tell(f"the log gets no pictures of attention: {error}")
        else:
            logger.image("valid/attention", pixels, step)

    def _attention(self, what: str) -> Pixels:
        """Return a picture of each layer's attention, the mean of its heads, with the weights of now."""
        model, task = self._trainer.model, self._run.task
        model.eval()
        try:
            with torch.inference_mode():
                look = task.look(task.predictor(model, self._trainer.device), what, DecodeConfig(beam=1))
        finally:
            model.train()
        return look.select(average=True).picture().pixels()

    @contextlib.contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        """Return a block whose fault ends the log and not the training."""
        try:
            yield
        except Exception as error:
            self._logger = None
            message = " ".join(str(error).split()) or type(error).__name__
            self._tell(f"{what}: {cut(message, MOST_MESSAGE)}; the training goes on without this log")


def _read_log(path: Path) -> dict[str, str]:
    """Return where the training was logged so far, and as what; nothing where it was not."""
    if not path.is_file():
        return {}
    values = read_json(path)
    if not isinstance(values, dict) or set(values) != {"to", "id"} or values["to"] not in LOGGERS:
        raise DamagedError(f"{path}: not as seqformer writes it")
    return {"to": values["to"], "id": str(values["id"])}


def _key(record: dict[str, Any]) -> Key:
    """Return what tells one line of the metrics from every other: its step, and what it is about."""
    return (record["step"], *record)


def _numbers(record: dict[str, Any]) -> dict[str, float]:
    """Return the numbers of a line by group and name: those of training, and those of a validation."""
    group, left_out = ("valid", {"step", *COUNTS}) if LOSS in record else ("train", {"step"})
    return {
        f"{group}/{name.removeprefix('valid_')}": float(value)
        for name, value in record.items()
        if name not in left_out and isinstance(value, (int, float)) and not isinstance(value, bool)
    }
