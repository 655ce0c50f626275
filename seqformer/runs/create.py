"""A new run folder, whole or not there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch

from seqformer.errors import RunError
from seqformer.runs import layout
from seqformer.runs.layout import Configs
from seqformer.runs.run import Run
from seqformer.storage.files import free, locked, new_folder
from seqformer.storage.manifest import MANIFEST
from seqformer.storage.tensors import save_weights
from seqformer.tasks.task import Task


def create(
    folder: Path, task: Task[Any], configs: Configs, initial: Run | None = None, *, numbered: bool = False
) -> Run:
    """Make a new run for a prepared folder.

    An existing folder is never overwritten: the next free name is taken where ``numbered``, and
    :class:`RunError` raised elsewhere. ``initial`` is a run whose weights it begins with; they must be
    of the same shape and pieces.
    """
    files = [MANIFEST, *task.kept_files()]
    with locked(folder):  # of those that ask for one name at once, each gets its own
        place = free(folder) if numbered else folder
        check_new(place)
        with new_folder(place) as new:
            info = layout.new_info(place, task.manifest.task, task.folder, task.manifest.fingerprint)
            layout.write_info(new, info)
            layout.write_configs(new, configs)
            with task.reading():
                for name in files:
                    if name != MANIFEST:
                        task.manifest.check_digest(task.folder, name)
                    shutil.copyfile(task.folder / name, new / name)
            if initial:
                weights = initial.load_model(torch.device("cpu")).named_parameters()
                save_weights(new / layout.INITIAL, dict(weights))
    return Run(place, training_task=task)


def check_new(folder: Path) -> None:
    """Refuse a folder that exists."""
    if folder.exists():
        raise RunError(f"{folder} exists; resume it, or choose another name for the run")
