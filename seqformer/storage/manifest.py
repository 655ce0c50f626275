"""The manifest of a prepared folder: which task it is for, what it holds, and a digest of each file.

A run keeps a copy of it. Each kind of data adds its own fields (:mod:`seqformer.text.prepared`,
:mod:`seqformer.images.prepared`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from seqformer.errors import DamagedError, DataError, SeqformerError
from seqformer.storage.files import check_plain, digest, numbered, read_json, write_json
from seqformer.storage.records import from_json

FORMAT = 3
MANIFEST = "manifest.json"
SPLITS = ("train", "valid", "test")


@dataclass(kw_only=True)
class Manifest:
    """What every prepared folder records of itself; every field is plain JSON."""

    task: str
    name: str
    seed: int
    pairs: dict[str, int]  # split -> examples: sentence pairs, or images
    fingerprint: str  # of the training and validation data: identifies a preparation
    format: int = FORMAT
    files: list[str] = field(default_factory=list)  # where the data came from
    origin: str = ""  # a digest of the data and of all settings: the same origin gives the same folder
    by_heart: bool = False  # validation and test use the training examples
    digests: dict[str, str] = field(default_factory=dict)  # file of this folder -> its digest

    def __post_init__(self) -> None:
        check_counts("pairs", self.pairs, SPLITS, 0)

    @property
    def test_is_valid(self) -> bool:
        """Whether the test examples are the validation examples."""
        return False

    @property
    def prepare_settings(self) -> dict[str, Any]:
        """How the data were prepared, as settings."""
        return {"seed": self.seed}

    def check_digest(self, folder: Path, name: str) -> None:
        """Refuse a file of the folder that is not the one this manifest describes."""
        if name not in self.digests:
            raise DamagedError(f"{folder / name}: {MANIFEST} does not tell of this file")
        if digest(folder / name) != self.digests[name]:
            raise DamagedError(f"{folder / name}: changed since it was made, or not of this folder")

    def write(self, folder: Path) -> None:
        """Record the digest of every file of a folder just prepared, and write the manifest."""
        self.digests = {path.name: digest(path) for path in sorted(folder.iterdir())}
        write_json(folder / MANIFEST, asdict(self))


ManifestT = TypeVar("ManifestT", bound=Manifest)


def check_counts(name: str, values: dict[str, int], keys: Iterable[str], least: int) -> None:
    """Refuse values that are not one number for each key, each at least ``least``."""
    if set(values) != set(keys) or min(values.values()) < least:
        raise DamagedError(f"'{name}' is {values}: expected a number for each of {', '.join(keys)}")


def destination(folder: Path, origin: str, *, fixed: bool) -> tuple[Path, bool]:
    """Return where to prepare data of this origin, and whether they are prepared there already.

    Nothing that holds other data is ever replaced: the next free name is taken, or where the folder is
    ``fixed`` :class:`DataError` is raised.
    """
    for place in numbered(folder):
        if not place.exists() or (place.is_dir() and not any(place.iterdir())):
            return place, False
        if is_prepared(place):
            with contextlib.suppress(SeqformerError):
                if origin and read_values(place).get("origin") == origin:
                    return place, True
        if fixed:
            what = "other data, or the same prepared otherwise" if is_prepared(place) else "something else"
            raise DataError(f"{place} holds {what}: choose another place, or remove it first")
    raise AssertionError("there is always a next number")


def is_prepared(folder: Path) -> bool:
    """Return whether there is a manifest in a folder."""
    try:
        return (folder / MANIFEST).is_file()
    except OSError:  # such as a name that is too long
        return False


def read_values(folder: Path) -> dict[str, Any]:
    """Return the plain values of a manifest, which name its task. Raises :class:`DamagedError`."""
    path = folder / MANIFEST
    check_plain(folder)
    values = read_json(path)
    check_format(values, FORMAT, path, DataError)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise DamagedError(f"{path}: not a manifest of format {FORMAT}, but of another version")
    if not values.get("digests"):
        raise DamagedError(f"{path}: the digests of the files are missing")
    if not isinstance(values.get("task"), str):
        raise DamagedError(f"{path}: the task is missing")
    return values


def check_format(values: Any, known: int, path: Path, kind: type[SeqformerError]) -> None:
    """Refuse values whose format has a higher number than the one ``known``: nothing is damaged then."""
    number = values.get("format") if isinstance(values, dict) else None
    if isinstance(number, int) and number > known:
        raise kind(
            f"{path}: of format {number}, which a later version of seqformer made; this one knows formats up "
            f"to {known}, so install a newer seqformer"
        )


def parse(kind: type[ManifestT], values: dict[str, Any], folder: Path) -> ManifestT:
    """Return the values of a manifest as a record, checked by name and type."""
    return from_json(kind, values, str(folder / MANIFEST))
