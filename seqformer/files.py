"""Files and folders that are either whole or not there: written beside, then put in place in one move."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from seqformer.errors import RunError, WriteError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, sync it to disk, and put it in place in one move.

    Where that fails, ``path`` is as it was and nothing lies beside it. Raises :class:`WriteError`.
    """
    beside = path.with_name(path.name + ".tmp")
    try:
        try:
            beside.unlink(missing_ok=True)  # of a process that was killed, or a link that leads elsewhere
            write(beside)
            _sync(beside)
            os.replace(beside, path)
            _sync(path.parent)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        if error.filename not in (None, str(beside), str(path.parent)):
            raise  # ``write`` could not read something
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> WriteError:
    """What to tell of a file that could not be written."""
    return WriteError(f"{path}: cannot be written ({error.strerror or error})")


def _sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk itself."""
    if path.is_dir() and os.name != "posix":
        return  # a folder cannot be opened there
    number = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)


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

    An older folder at ``out`` is replaced only where it holds the file ``replaces``; where the process
    dies between the two renames, it stands at ``out``.old, and the next call puts it back first.
    Raises :class:`WriteError` where the disk is full.
    """
    partial, old = out.with_name(out.name + ".partial"), out.with_name(out.name + ".old")
    if not out.exists() and (old / replaces).is_file():
        old.rename(out)
    if out.exists() and not (out / replaces).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise RunError(f"{out} exists and holds something else (no {replaces}); choose another place")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    except OSError as error:
        raise RunError(f"{partial}: cannot be made ({error.strerror})") from None
    try:
        yield partial
        for path in (*partial.rglob("*"), partial):
            _sync(path)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise WriteError(f"{out}: cannot be written ({error.strerror}); nothing of it is kept") from None
        raise
    if out.exists():
        shutil.rmtree(old, ignore_errors=True)
        out.rename(old)
    partial.rename(out)
    _sync(out.parent)
    shutil.rmtree(old, ignore_errors=True)
