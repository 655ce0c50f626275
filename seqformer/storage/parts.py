"""A text file made in parts, which a folder beside it keeps: whoever is stopped goes on with the next one.

out.txt.parts/made_of.json    digests of all that the lines depend on: parts of anything else are dropped
             /000000.txt …    the lines of each part, whole or not there
out.txt                       all lines, when all parts are made; then the folder is removed
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seqformer.errors import DamagedError, SeqformerError, WriteError
from seqformer.storage.files import cannot_write, digest_text, locked, read_json, write_json, write_whole

MADE_OF = "made_of.json"


class Parts:
    """The parts of a file ``output`` that are there and those to come. Made by :func:`making`."""

    def __init__(self, output: Path, made_of: Mapping[str, Any]) -> None:
        self.output, self.folder = output, folder_of(output)
        self.dropped: list[str] = []  # what parts that were there had been made with another one of
        digests = {name: digest_text(json.dumps(value, sort_keys=True)) for name, value in made_of.items()}
        self.folder.mkdir(exist_ok=True)
        earlier = _made_of(self.folder) if any(self.folder.iterdir()) else {}
        if earlier and earlier != digests:
            names = sorted({*earlier, *digests})
            if self.are_some:
                self.dropped = [name for name in names if earlier.get(name) != digests.get(name)]
            self.remove()
            self.folder.mkdir()
        write_json(self.folder / MADE_OF, digests)

    def path(self, number: int) -> Path:
        """Return the file of a part, counted from 0."""
        return self.folder / f"{number:06}.txt"

    def holds(self, number: int, lines: int) -> bool:
        """Return whether a part is there, with so many lines."""
        try:
            content = self.path(number).read_bytes()
        except FileNotFoundError:
            return False
        return content.count(b"\n") == lines and content.endswith(b"\n")

    def write(self, number: int, text: str) -> None:
        """Keep the lines of a part. Raises :class:`WriteError`."""
        write_whole(self.path(number), lambda beside: beside.write_bytes(text.encode()))

    @property
    def are_some(self) -> bool:
        """Whether there is any part."""
        return any(self.folder.glob("*.txt"))

    def join(self, count: int) -> None:
        """Write the file of its ``count`` parts."""

        def write(beside: Path) -> None:
            with open(beside, "wb") as file:
                for number in range(count):
                    with open(self.path(number), "rb") as part:
                        shutil.copyfileobj(part, file)

        write_whole(self.output, write)

    def remove(self) -> None:
        """Remove the parts, and what says whose they are last: one can go on with half of the folder."""
        for path in sorted(self.folder.iterdir(), key=lambda path: path.name == MADE_OF):
            path.unlink()
        self.folder.rmdir()


def folder_of(output: Path) -> Path:
    """Return the folder that keeps the parts of a file."""
    return output.with_name(output.name + ".parts")


@contextlib.contextmanager
def making(output: Path, made_of: Mapping[str, Any]) -> Iterator[Parts]:
    """Yield the parts of a file for a block that makes the missing ones, and joins them.

    ``made_of`` names all that the lines depend on, as plain JSON values. If the block succeeds the folder is
    removed; if not, it stays with the parts that are made. Raises :class:`WriteError`, and
    :class:`SeqformerError` where another process makes this file, or the folder is something else.
    """
    if output.is_dir() or not output.absolute().parent.is_dir():
        why = "it is a folder" if output.is_dir() else "there is no such folder"
        raise WriteError(f"{output}: cannot be written ({why})")
    try:
        with locked(
            folder_of(output), busy=f"{output} is being made by another process; wait for it, or stop it"
        ):
            parts = Parts(output, made_of)
            try:
                yield parts
            except BaseException:
                if not parts.are_some:
                    parts.remove()
                raise
            parts.remove()
    except OSError as error:
        if error.filename is None or not str(error.filename).startswith(str(folder_of(output))):
            raise  # the block could not read something
        raise cannot_write(folder_of(output), error) from None


def _made_of(folder: Path) -> dict[str, Any]:
    """Return what the parts of a folder were made of. Raises :class:`SeqformerError` if they are no parts."""
    try:
        values = {} if folder.is_symlink() else read_json(folder / MADE_OF)
    except DamagedError:
        values = {}
    ours = {MADE_OF, f"{MADE_OF}.tmp"}
    if not isinstance(values, dict) or (not values and not {p.name for p in folder.iterdir()} <= ours):
        raise SeqformerError(
            f"{folder} is in the way: it holds no parts of a translation; move it, or remove it"
        )
    return values
