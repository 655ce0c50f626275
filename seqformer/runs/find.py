"""Which run is meant where none is named: one rule for every verb.

Of the runs that can be used, the one that was trained last. Damaged ones are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seqformer.errors import RunError, SeqformerError
from seqformer.runs.layout import INFO, STATE, WEIGHTS
from seqformer.runs.lock import is_training

if TYPE_CHECKING:
    from seqformer.runs.run import Run

RUNS = Path("runs")  # where they are looked for, and made, unless a folder is named


def folders(root: Path) -> list[Path]:
    """Return the run folders under ``root``, the one that was trained last first."""
    return sorted((info.parent for info in root.glob(f"*/{INFO}")), key=trained_at, reverse=True)


def newest_first(root: Path) -> Iterator[Run]:
    """Yield the runs under ``root`` that open, the one that was trained last first."""
    from seqformer.runs.run import Run

    for folder in folders(root):
        try:
            yield Run(folder)
        except (SeqformerError, OSError):
            continue


def newest(root: Path, usable: Callable[[Run], bool], what: str) -> Run:
    """Return the usable run under ``root`` that was trained last. ``what`` names such runs in words.

    Raises :class:`RunError`, which names the newest run of another kind.
    """
    other: Run | None = None
    for run in newest_first(root):
        if usable(run):
            return run
        other = other or run
    beside = f"; the newest of another kind is {other.folder} ({other.task.title})" if other else ""
    raise RunError(f"there is no run {what} under {root}/ here{beside}")


def unfinished(root: Path) -> Run:
    """Return the newest run under ``root`` whose training was cut off and is not going on now.

    Raises :class:`RunError` where there is none.
    """
    for run in newest_first(root):
        try:
            progress = run.progress()
        except SeqformerError:
            continue
        cut_off = run.is_untouched() if progress is None else not progress.finished
        if cut_off and not is_training(run.folder):
            return run
    raise RunError(f"there is no unfinished run under {root}/; name the one to train further")


def trained_at(folder: Path) -> float:
    """Return when a run was last written to."""
    files = [path for name in (INFO, WEIGHTS, STATE) if (path := folder / name).exists()]
    return max(path.stat().st_mtime for path in files)
