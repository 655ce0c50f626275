"""Files and folders that are either whole or not there: written beside, then put in place in one move."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from seqformer.errors import RunError


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, sync it to disk, and put it in place in one move."""
    beside = path.with_name(path.name + ".tmp")
    write(beside)
    with open(beside, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(beside, path)
    if os.name == "posix":  # the new name is on disk only once its folder is
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_json(path: Path, values: Any) -> None:
    """Indented JSON, whole."""
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, lambda beside: beside.write_text(text, "utf-8"))


def read_json(path: Path) -> Any:
    """JSON read back, or a :class:`RunError` that names the file."""
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not valid JSON ({error})") from None


@contextlib.contextmanager
def whole_folder(out: Path, replaces: str) -> Iterator[Path]:
    """A new folder beside ``out``, renamed to ``out`` when the block ends well and removed when not.

    An older folder at ``out`` is replaced only where it holds the file ``replaces``.
    """
    if out.exists() and not (out / replaces).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise RunError(f"{out} exists and holds something else (no {replaces}); choose another place")
    partial, old = out.with_name(out.name + ".partial"), out.with_name(out.name + ".old")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    except OSError as error:
        raise RunError(f"{partial}: cannot be made ({error.strerror})") from None
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if out.exists():
        shutil.rmtree(old, ignore_errors=True)
        out.rename(old)
    partial.rename(out)
    shutil.rmtree(old, ignore_errors=True)
