"""Removes runs: a folder that is no run, or is being trained, stays as it is."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from seqformer.errors import RunError
from seqformer.runs import layout, lock
from seqformer.runs.layout import is_run
from seqformer.storage.files import cannot_write, free


def check(folders: Sequence[Path]) -> None:
    """Refuse what cannot be removed as a run. Raises :class:`RunError`."""
    for folder in folders:
        if not is_run(folder):
            raise RunError(f"{folder} is not a run (no {layout.INFO}), so it is not removed")
        if folder.is_symlink():
            raise RunError(f"{folder} is a link; remove the link itself, or name the run where it lies")
        if lock.is_training(folder):
            raise RunError(f"{folder} is being trained; stop the training first")


def remove(folder: Path) -> None:
    """Remove a run with all that its folder holds, a damaged run too.

    The folder first gets a hidden name, so that whenever it is cut off no part of a run is left under its
    own. Raises :class:`RunError`, and :class:`WriteError` where it cannot be removed.
    """
    check([folder])
    hidden = free(folder.absolute().with_name(f".{folder.absolute().name}.removed"))
    try:
        with lock.training(folder):
            folder.rename(hidden)
            (hidden / layout.INFO).unlink()  # from now on it is no run
        shutil.rmtree(hidden)
    except OSError as error:
        raise cannot_write(folder, error) from None


def size(folder: Path) -> int:
    """Return how many bytes the files of a folder have, those of folders in it included."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
