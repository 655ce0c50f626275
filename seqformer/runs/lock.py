"""One trainer at a time holds a run. The operating system keeps the lock: a killed trainer leaves none.

Those who only read a run ask for no lock.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from seqformer.errors import DamagedError, RunError
from seqformer.runs.layout import LOCK, TRAINER
from seqformer.storage.files import cannot_write, read_json, write_json

PATIENCE = 0.5  # seconds: a reader that asks whether a run is being trained holds the lock for a moment


@contextlib.contextmanager
def training(folder: Path) -> Iterator[None]:
    """Hold a run for the block. Raises :class:`RunError` that names the process that holds it."""
    lock = FileLock(folder / LOCK, timeout=PATIENCE, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise RunError(f"{folder} is being trained by {_trainer(folder)}; wait for it, or stop it") from None
    except OSError as error:
        raise cannot_write(folder, error) from None
    try:
        write_json(folder / TRAINER, _who())
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / TRAINER).unlink(missing_ok=True)
            (folder / LOCK).unlink(missing_ok=True)
        lock.release()


def session(folder: Path) -> str:
    """Return a word that no other training had or has, of the one that holds a run. Raises DamagedError."""
    return str(read_json(folder / TRAINER)["session"])


def _who() -> dict[str, Any]:
    return {"process": os.getpid(), "host": socket.gethostname(), "session": os.urandom(16).hex()}


def is_training(folder: Path) -> bool:
    """Return whether a process holds a run now."""
    if not (folder / LOCK).is_file():
        return False
    try:
        with FileLock(folder / LOCK, timeout=0, thread_local=False):
            return False
    except Timeout:
        return True
    except OSError:  # a folder that cannot be written is not trained by anybody who could not either
        return False


def _trainer(folder: Path) -> str:
    try:
        values = read_json(folder / TRAINER)
        return f"process {int(values['process'])} on {values['host']}"
    except (DamagedError, KeyError, TypeError, ValueError):
        return "another process"
