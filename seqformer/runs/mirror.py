"""The run as processes on other machines see it: its folder, if they share it, or else a copy of it.

Only the first process writes in a run folder. The others read it at the beginning; one that does not see it
(a folder of the same name that holds another training, or an older copy of this one, is not it) is sent its
files by the first process, and keeps them in a temporary folder for as long as it trains.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from seqformer.errors import DamagedError
from seqformer.runs import lock
from seqformer.runs.layout import CHECKPOINTS, LOCK, LOG, METRICS, TRAINER
from seqformer.storage.files import parse_json
from seqformer.training.distributed import Processes

CHUNK = 1 << 23  # bytes that are sent at a time
OWN = (LOCK, LOG, METRICS, TRAINER)  # files that the first process alone uses


def offer(folder: Path, processes: Processes) -> None:
    """Tell the other processes of the run that this one, the first, holds; send it where it is not seen."""
    if processes.size == 1:
        return
    inside = [*folder.iterdir(), *(folder / CHECKPOINTS).glob("*")]
    names = sorted(path for path in inside if path.is_file() and path.name not in OWN)
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in names}
    processes.say(
        json.dumps({"folder": str(folder.resolve()), "session": lock.session(folder), "files": files})
    )
    if not processes.count(False):
        return
    for path in names:
        with open(path, "rb") as file:
            for size in _chunks(path.stat().st_size):
                processes.send(torch.frombuffer(bytearray(file.read(size)), dtype=torch.uint8))


@contextlib.contextmanager
def seen(processes: Processes) -> Iterator[Path]:
    """Yield where this process, which is not the first, sees the run that the first one offers."""
    told = parse_json(processes.say(""), "the first process")
    folder = Path(told["folder"])
    lacks = not _is(folder, told["session"])
    with tempfile.TemporaryDirectory(prefix="seqformer-") as beside:
        if processes.count(lacks):
            for name, length in told["files"].items():
                path = Path(beside) / folder.name / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with open(path, "wb") if lacks else contextlib.nullcontext() as file:
                    for size in _chunks(length):
                        chunk = processes.send(torch.empty(size, dtype=torch.uint8))
                        if file:
                            file.write(chunk.numpy().data)
        yield Path(beside) / folder.name if lacks else folder


def _is(folder: Path, session: str) -> bool:
    """Return whether a folder is that of the run, and no other one of this name on another machine."""
    try:
        return lock.session(folder) == session
    except (DamagedError, OSError):
        return False


def _chunks(size: int) -> Iterator[int]:
    """Yield the sizes of the pieces that a file is sent in."""
    for begin in range(0, size, CHUNK):
        yield min(CHUNK, size - begin)
