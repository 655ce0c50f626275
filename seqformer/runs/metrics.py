"""The metrics of a run: one JSON object a line; no clocks, so that a repeated run writes the same bytes."""

from __future__ import annotations

import json
import os
from io import FileIO
from pathlib import Path
from typing import Any

from seqformer.errors import DamagedError
from seqformer.storage.files import cannot_write, parse_json, write_whole


class Metrics:
    """The JSON-lines file of a run; a resumed run goes on where its state was saved.

    A link is not followed: it may lead out of the run. Raises :class:`WriteError`, and
    :class:`DamagedError` where lines that the state knows of are gone.
    """

    def __init__(self, path: Path, keep_bytes: int, writes: bool = True) -> None:
        self.path, self.bytes = path, keep_bytes
        self._file: FileIO | None = None
        if not writes:  # another process does
            return
        content = path.read_bytes()[:keep_bytes] if keep_bytes and path.is_file() else b""
        if len(content) < keep_bytes:
            raise DamagedError(f"{path}: cut to {len(content):,} of the {keep_bytes:,} bytes it had")
        # a new file in its place: what the old one's name led to, by a link of either kind, stays as it is
        write_whole(path, lambda beside: beside.write_bytes(content))
        self._file = open(path, "ab", buffering=0)

    def append(self, record: dict[str, Any]) -> None:
        """Write one line."""
        if self._file is None:
            return
        line = (json.dumps(record, ensure_ascii=False) + "\n").encode()
        rest = memoryview(line)
        try:
            while rest:  # near the end of a disk only a part may find room
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise cannot_write(self.path, error) from None
        self.bytes += len(line)

    def sync(self) -> None:
        """Bring all lines to the disk itself, before a state that counts on them."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return all whole lines of a metrics file, up to the first that is not one: plain values by name."""
    return read_from(path, 0)[0]


def read_from(path: Path, begin: int) -> tuple[list[dict[str, Any]], int]:
    """Return the whole lines from byte ``begin`` on, as :func:`read_metrics`, and where the last one ends."""
    if not path.is_file():
        return [], begin
    with open(path, "rb") as file:
        file.seek(begin)
        lines = file.read().splitlines(keepends=True)
    records, end = [], begin
    for line in lines:
        try:
            values = parse_json(line, str(path))
        except DamagedError:
            break
        if not isinstance(values, dict) or "step" not in values:
            break
        if not all(value is None or isinstance(value, (int, float, str)) for value in values.values()):
            break
        records.append(values)
        end += len(line)
    return records, end
