"""Experiment trackers behind one small interface: TensorBoard, Trackio, Weights & Biases.

Each is an optional package, an extra of the same name. What they raise is their own; who calls them decides
what becomes of the training (:mod:`seqformer.runs.follow`).
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from seqformer.errors import MissingExtra, SeqformerError, nearest

NONE = "none"  # asks for no logger
PROJECT = "seqformer"  # under which hosted trackers list the runs, where the user names no other
Pixels = npt.NDArray[np.uint8]


class Logger(Protocol):
    """What a training can be followed with."""

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Log numbers of a step by name; a name is ``group/name``."""

    def row(self, name: str, texts: Mapping[str, str], step: int) -> None:
        """Log texts of a step by column."""

    def image(self, name: str, pixels: Pixels, step: int) -> None:
        """Log a picture (height, width, 3) of a step."""

    def close(self) -> None:
        """Write what is not written yet."""


class TensorBoard:
    """Event files in the run folder, written by tensorboardX; TensorBoard itself shows them."""

    def __init__(self, folder: Path, identity: str, settings: dict[str, Any]) -> None:
        module = importlib.import_module("tensorboardX")
        # a file is named by the second of its beginning, and one of a training that was resumed at once
        # would replace the first
        where = folder / "tensorboard"
        suffix = f".{len(list(where.glob('*')))}"
        self._writer: Any = module.SummaryWriter(str(where), filename_suffix=suffix)

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Log numbers of a step, and bring them to the file: a killed training loses none."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def row(self, name: str, texts: Mapping[str, str], step: int) -> None:
        """Log texts as lines, which TensorBoard shows as they are."""
        lines = (f"    {column:12} {text}" for column, text in texts.items())  # Markdown: four blanks
        self._writer.add_text(name, "\n".join(lines), step)

    def image(self, name: str, pixels: Pixels, step: int) -> None:
        """Log a picture."""
        self._writer.add_image(name, pixels, step, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()


class Trackio:
    """A run of the local project ``seqformer``, which ``trackio show`` shows."""

    def __init__(self, folder: Path, identity: str, settings: dict[str, Any]) -> None:
        self._module: Any = importlib.import_module("trackio")
        project = os.environ.get("TRACKIO_PROJECT") or PROJECT
        with contextlib.redirect_stdout(sys.stderr):  # stdout is data
            self._module.init(project=project, name=identity, config=settings, resume="allow", embed=False)

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Log numbers of a step."""
        self._module.log(dict(values), step=step)

    def row(self, name: str, texts: Mapping[str, str], step: int) -> None:
        """Log texts as a table of one row."""
        table = self._module.Table(columns=[*texts], data=[[*texts.values()]])
        self._module.log({name: table}, step=step)

    def image(self, name: str, pixels: Pixels, step: int) -> None:
        """Log a picture."""
        self._module.log({name: self._module.Image(pixels)}, step=step)

    def close(self) -> None:
        """Wait until all is written."""
        with contextlib.redirect_stdout(sys.stderr):
            self._module.finish()


class Wandb:
    """A run of Weights & Biases; ``WANDB_MODE=offline`` keeps it here, and ``wandb sync`` sends it later.

    Steps are a metric, by which all others are drawn: wandb's own step may not go back, and the step of a
    training that was killed does when it is resumed.
    """

    def __init__(self, folder: Path, identity: str, settings: dict[str, Any]) -> None:
        self._module: Any = importlib.import_module("wandb")
        self._run: Any = self._module.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            name=folder.name,
            id=identity,
            resume="allow",
            config=settings,
            settings=self._module.Settings(console="off"),  # the terminal is the training's
        )
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Log numbers of a step."""
        self._run.log({"step": step, **values})

    def row(self, name: str, texts: Mapping[str, str], step: int) -> None:
        """Log texts as a table of one row."""
        table = self._module.Table(columns=[*texts], data=[[*texts.values()]])
        self._run.log({"step": step, name: table})

    def image(self, name: str, pixels: Pixels, step: int) -> None:
        """Log a picture."""
        self._run.log({"step": step, name: self._module.Image(pixels)})

    def close(self) -> None:
        """Wait until all is written, or sent."""
        self._run.finish()


LOGGERS: dict[str, Any] = {"tensorboard": TensorBoard, "trackio": Trackio, "wandb": Wandb}
_PACKAGES = {"tensorboard": "tensorboardX"}  # where a package is not called like its logger


def check(name: str) -> None:
    """Refuse a logger that there is not, or whose package is not installed, before any work is done."""
    if name == NONE:
        return
    if name not in LOGGERS:
        raise SeqformerError(f"there is no logger '{name}': {nearest(name, [*LOGGERS, NONE])}")
    package = _PACKAGES.get(name, name)
    if find_spec(package) is None:
        raise MissingExtra(f"the logger {name} needs {package}, which is", name)
