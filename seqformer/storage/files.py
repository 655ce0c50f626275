"""Files and folders that are complete or absent: written beside their place, then renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from seqformer.errors import DamagedError, SeqformerError, WriteError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

MOST_JSON, MOST_DIGITS = 16 << 20, 18  # bytes of a file, digits of a whole number


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, sync it to disk, and rename it to ``path``.

    If that fails, ``path`` is unchanged and nothing is left beside it. Raises :class:`WriteError`.
    """
    beside = path.with_name(path.name + ".tmp")
    if beside.is_dir() and not beside.is_symlink():
        raise DamagedError(f"{beside} is a folder in the way of a file; remove it")
    try:
        try:
            beside.unlink(missing_ok=True)  # left by a killed process, or a link that leads elsewhere
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
    """Return the error for a file that could not be written."""
    return WriteError(f"{path}: cannot be written ({error.strerror or error})")


def _sync(path: Path) -> None:
    """Sync a file, or the names in a folder, to disk."""
    if path.is_dir() and os.name != "posix":
        return  # a folder cannot be opened there
    number = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write_json(path: Path, values: Any) -> None:
    """Write indented JSON, complete or not at all."""
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, lambda beside: beside.write_text(text, "utf-8"))


def read_json(path: Path) -> Any:
    """Read JSON back, or raise a :class:`DamagedError` that names the file."""
    return parse_json(read_bytes(path, MOST_JSON), str(path))


def read_bytes(path: Path, most: int) -> bytes:
    """Read a regular file of at most ``most`` bytes, or raise a :class:`DamagedError` that says why not."""
    try:
        if not path.is_file():
            raise DamagedError(f"{path}: there is no such file")
        with open(path, "rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise DamagedError(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) > most:
        raise DamagedError(f"{path}: larger than {most >> 20} MiB, which no file of this kind is")
    return content


def parse_json(content: bytes | str, where: str) -> Any:
    """Parse JSON as this package writes it: no name twice, only finite numbers of not too many digits."""
    try:
        values = json.loads(
            content,
            object_pairs_hook=_named_once,
            parse_constant=_number,
            parse_float=_number,
            parse_int=_whole_number,
        )
        json.dumps(values, ensure_ascii=False).encode()  # half a surrogate pair cannot be printed
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{where}: not valid JSON ({error})") from None
    return values


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return values


def _number(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text} is not a number that can be used")
    return float(text)


def _whole_number(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def check_plain(folder: Path) -> None:
    """Refuse a folder with links or devices in it: all files must lie in the folder itself."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_symlink():
                raise DamagedError(f"{entry.path} is a link; put a copy of the file in its place")
            if not entry.is_file() and not entry.is_dir():
                raise DamagedError(f"{entry.path} is neither a file nor a folder; remove it")


def digest(path: Path) -> str:
    """Return 128 bits of BLAKE2b of a file, in hexadecimal, to identify it."""
    hasher = hashlib.blake2b(digest_size=16)
    try:
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                hasher.update(piece)
    except OSError as error:
        raise DamagedError(f"{path}: cannot be read ({error.strerror})") from None
    return hasher.hexdigest()


def digest_each(paths: Iterable[Path]) -> dict[str, str]:
    """Return the digest of each file by its name."""
    return {path.name: digest(path) for path in paths}


def digest_text(text: str) -> str:
    """Return 128 bits of BLAKE2b of a text, in hexadecimal; a lone surrogate counts as the others do."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def free(folder: Path) -> Path:
    """Return the first of :func:`numbered` that does not exist."""
    return next(name for name in numbered(folder) if not name.exists())


def numbered(folder: Path) -> Iterator[Path]:
    """Yield the folder itself, then folder-2, folder-3 … without end."""
    yield folder
    yield from (folder.with_name(f"{folder.name}-{number}") for number in count(2))


def neighbours(folder: Path, holding: str) -> list[str]:
    """Return the folders beside this one that hold a file of this name, as they would be typed."""
    return sorted(str(path.parent) for path in folder.parent.glob(f"*/{holding}"))


@contextlib.contextmanager
def locked(path: Path, *, busy: str = "") -> Iterator[None]:
    """Let one process at a time into the block. The lock is a hidden file beside ``path``.

    Others wait, or get a :class:`SeqformerError` that says ``busy``. The operating system holds the lock, so
    that a killed process leaves none.
    """
    from filelock import FileLock, Timeout  # not before: a translation needs none

    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f".{path.name}.lock"), thread_local=False, is_singleton=True)
        with lock.acquire(timeout=0 if busy else None):
            try:
                yield
            finally:
                if lock.lock_counter == 1:  # no one waits for a removed file: filelock looks again
                    Path(lock.lock_file).unlink(missing_ok=True)
    except Timeout:
        raise SeqformerError(busy) from None
    except PermissionError as error:
        raise cannot_write(path, error) from None


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield a new folder beside ``out``, renamed to ``out`` if the block succeeds and removed if not.

    Raises :class:`WriteError` if the disk is full or ``out`` cannot be made.
    """
    partial = out.with_name(out.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)  # left by a killed process
        partial.mkdir(parents=True)
    except OSError as error:
        raise WriteError(f"{partial}: cannot be made ({error.strerror})") from None
    try:
        yield partial
        for path in (*partial.rglob("*"), partial):
            _sync(path)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise WriteError(f"{out}: cannot be written ({error.strerror}); nothing of it is kept") from None
        raise
    partial.rename(out)
    _sync(out.absolute().parent)


@contextlib.contextmanager
def whole_folder(out: Path, replaces: str) -> Iterator[Path]:
    """Yield a new folder that replaces ``out`` if the block succeeds.

    An older folder at ``out`` is replaced only if it holds the file ``replaces``; if the process
    dies between the two renames, it is at ``out``.old, and the next call puts it back first.
    """
    old = out.with_name(out.name + ".old")
    with locked(out):
        if not out.exists() and (old / replaces).is_file():
            old.rename(out)
        if out.exists() and not (out / replaces).is_file() and not (out.is_dir() and not any(out.iterdir())):
            raise SeqformerError(
                f"{out} exists and holds something else (no {replaces}); choose another place"
            )
        with new_folder(out) as partial:
            yield partial
            if out.exists():
                shutil.rmtree(old, ignore_errors=True)
                out.rename(old)
        shutil.rmtree(old, ignore_errors=True)
