"""What can be learned: a task is what a prepared folder says it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seqformer.errors import RUN_ADVICE, DamagedError, DataError, RunError, SeqformerError, damaged, nearest
from seqformer.storage.manifest import MANIFEST, is_prepared, parse, read_values
from seqformer.tasks.classification import Classification
from seqformer.tasks.task import Task
from seqformer.tasks.translation import Translation

TASKS: dict[str, type[Task[Any]]] = {"translation": Translation, "classification": Classification}
DATA_ADVICE = "prepare the data again"


def open_task(folder: Path, *, run: bool = False) -> Task[Any]:
    """Return the task of a prepared folder, or of a run, which keeps a copy of the manifest.

    Raises :class:`DataError` for a prepared folder that is damaged, :class:`RunError` for a run.
    """
    kind: type[SeqformerError] = RunError if run else DataError
    advice = RUN_ADVICE if run else DATA_ADVICE
    if not run and not is_prepared(folder):
        raise DataError(f"{folder} is not a prepared folder (no {MANIFEST})")
    with damaged(kind, advice):
        values = read_values(folder)
        if values["task"] not in TASKS:
            raise DamagedError(
                f"{folder / MANIFEST}: task {values['task']!r} is not known: {nearest(values['task'], TASKS)}"
            )
        task = TASKS[values["task"]]
        return task(folder, parse(task.manifest_kind, values, folder), kind, advice)


def text_task(task: Task[Any]) -> Translation:
    """Return the task of text; :class:`SeqformerError` where it is another."""
    if not isinstance(task, Translation):
        raise SeqformerError(f"{task.folder} is about {task.title}, and text was asked for")
    return task
