"""Encoded pairs on disk, memory-mapped: flat ids and offsets, so that a length is a subtraction.

A prepared folder holds

    manifest.json             what it is, how it was made, and what came out (:class:`Manifest`)
    tokenizer.model           or source.model and target.model
    {train,valid}.{source,target}.ids       little-endian unsigned integers, one piece each
    {train,valid}.{source,target}.offsets   n + 1 little-endian 64-bit integers
    valid.tsv  test.tsv       the held-out pairs as normalised text
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seqformer.errors import DataError, SeqformerError
from seqformer.fields import from_json
from seqformer.files import check_plain, digest, read_json, write_json
from seqformer.text.corpus import Normalizer, load_normalizer

FORMAT = 2
MANIFEST = "manifest.json"
MOST_RATIO = 300.0  # pieces of a target for one of its source; more would let one line decode for minutes
MOST_PIECES = 1 << 24  # of a vocabulary, and of a line
CHECKED = 1 << 18  # lines at a time
Ids = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]


@dataclass
class Manifest:
    """What a prepared folder holds; every field is plain JSON."""

    name: str
    kind: str  # "translation", or the name of a toy task
    normalizer: dict[str, bool]
    model_type: str
    seed: int
    pairs: dict[str, int]  # split -> pairs
    seen: int
    dropped: dict[str, int]  # reason -> pairs
    dtype: str  # of the ids
    vocabulary: dict[str, int]  # side -> pieces
    vocabulary_asked: str
    tokens: dict[str, int]  # side -> pieces in train
    longest: dict[str, int]  # side -> pieces
    unknown: dict[str, float]  # side -> share of unknown pieces in train and valid
    length_ratio: float  # largest target/source length in pieces, both with EOS
    fingerprint: str  # of the ids in train and valid: tells one preparation from another
    format: int = FORMAT
    files: list[str] = field(default_factory=list)  # where the pairs came from
    digests: dict[str, str] = field(default_factory=dict)  # file of this folder -> what it must hash to

    def __post_init__(self) -> None:
        for name, keys in (
            ("pairs", ("train", "valid", "test")),
            ("vocabulary", ("source", "target")),
            ("tokens", ("source", "target")),
            ("longest", ("source", "target")),
        ):
            numbers = getattr(self, name)
            if set(numbers) != set(keys) or min(numbers.values()) < (name == "vocabulary"):
                raise DataError(f"'{name}' is {numbers}: expected a number for each of {', '.join(keys)}")
        if self.dtype not in ("uint16", "uint32"):
            raise DataError(f"'dtype' is '{self.dtype}': expected uint16 or uint32")
        if max(*self.vocabulary.values(), *self.longest.values()) > MOST_PIECES:
            raise DataError(f"'vocabulary' and 'longest' can be at most {MOST_PIECES:,}")
        if not 1 <= self.length_ratio <= MOST_RATIO:
            raise DataError(f"'length_ratio' is {self.length_ratio}: expected 1 to {MOST_RATIO:g}")
        self.normalize()

    def normalize(self) -> Normalizer:
        """The normalisation that was applied, to be applied again at translation."""
        return load_normalizer(self.normalizer, MANIFEST)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a prepared folder or of a run."""
    path = folder / MANIFEST
    if not _is_file(path):
        raise DataError(
            f"{folder} is not a prepared folder (no {MANIFEST}); make one with: seqformer prepare"
        )
    check_plain(folder)
    return _manifest(read_json(path), path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name too long to be one
        return False


def _manifest(values: Any, path: Path) -> Manifest:
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise DataError(f"{path}: not a manifest of format {FORMAT}; prepare the data again")
    if not values.get("digests"):
        raise DataError(f"{path}: the digests of the files are missing; prepare the data again")
    try:
        return from_json(Manifest, values, str(path))
    except DataError as error:  # of its own making, where the path is not known
        raise DataError(f"{path}: {error}; prepare the data again") from None
    except SeqformerError as error:
        raise DataError(f"{error}; prepare the data again") from None


def check_digest(folder: Path, name: str, manifest: Manifest) -> None:
    """Refuse a file of a prepared folder or a run that is not the one the manifest tells of."""
    if name not in manifest.digests:
        raise DataError(f"{folder / name}: {MANIFEST} does not tell of this file; prepare the data again")
    if digest(folder / name) != manifest.digests[name]:
        raise DataError(
            f"{folder / name}: changed since it was made, or not of this folder; "
            "put the right file back, or prepare the data again"
        )


def digests(folder: Path) -> dict[str, str]:
    """The digest of every file of a folder just prepared."""
    return {path.name: digest(path) for path in sorted(folder.iterdir())}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """The manifest as indented JSON."""
    write_json(folder / MANIFEST, asdict(manifest))


class Writer:
    """Appends encoded lines to ``{stem}.ids`` and, on closing, writes ``{stem}.offsets``."""

    def __init__(self, folder: Path, stem: str, dtype: str) -> None:
        self._ids = open(folder / f"{stem}.ids", "wb")
        self._offsets = open(folder / f"{stem}.offsets", "wb")
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._end = 0
        self._offsets.write(bytes(8))

    def extend(self, lines: list[list[int]]) -> None:
        """Append lines of ids."""
        if not lines:
            return
        flat = np.concatenate([np.asarray(line, self._dtype) for line in lines])
        self._ids.write(flat.astype(self._dtype).tobytes())
        ends = self._end + np.cumsum([len(line) for line in lines], dtype="<u8")
        self._offsets.write(ends.astype("<u8").tobytes())
        self._end = int(ends[-1])

    def close(self) -> None:
        """Flush both files."""
        self._ids.close()
        self._offsets.close()


class Side:
    """The encoded lines of one side of one split."""

    def __init__(self, folder: Path, stem: str, dtype: str, vocabulary: int) -> None:
        self._ids = _map(folder / f"{stem}.ids", np.dtype(dtype).newbyteorder("<"))
        self._offsets = _map(folder / f"{stem}.offsets", np.dtype("<u8"))
        ends, count = self._offsets, len(self._ids)
        if not len(ends) or int(ends[0]) or int(ends[-1]) != count or int(ends.max()) > count:
            raise DataError(f"{folder / stem}.ids: its size does not fit its offsets; prepare the data again")
        self.longest = 0
        for begin in range(0, len(self), CHECKED):
            lengths = self.lengths(np.arange(begin, min(begin + CHECKED, len(self))))
            if lengths.min() < 0:
                raise DataError(f"{folder / stem}.offsets: damaged; prepare the data again")
            self.longest = max(self.longest, int(lengths.max()))
        if len(self._ids) and int(self._ids.max()) >= vocabulary:
            raise DataError(
                f"{folder / stem}.ids: it holds the piece {int(self._ids.max())} of a vocabulary of "
                f"{vocabulary}; prepare the data again"
            )

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def lengths(self, lines: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many pieces each of these lines has."""
        begins: npt.NDArray[np.int64] = self._offsets[lines].astype(np.int64)
        ends: npt.NDArray[np.int64] = self._offsets[lines + 1].astype(np.int64)
        return ends - begins

    def __getitem__(self, index: int) -> Ids:
        begin, end = int(self._offsets[index]), int(self._offsets[index + 1])
        line: Ids = self._ids[begin:end]
        return line


def _map(path: Path, dtype: np.dtype[Any]) -> Any:
    try:
        size = path.stat().st_size
        if size % dtype.itemsize:
            raise DataError(f"{path}: cut short; prepare the data again")
        # an empty file cannot be mapped
        return np.memmap(path, dtype, "r") if size else np.zeros(0, dtype)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); prepare the data again") from None


@dataclass(frozen=True)
class Pairs:
    """One split: encoded sources and targets, line by line."""

    source: Side
    target: Side

    def __len__(self) -> int:
        return len(self.source)


def open_pairs(folder: Path, split: str, manifest: Manifest) -> Pairs:
    """The encoded pairs of ``train`` or ``valid``, memory-mapped."""
    for side, kind in itertools.product(("source", "target"), ("ids", "offsets")):
        check_digest(folder, f"{split}.{side}.{kind}", manifest)
    source, target = (
        Side(folder, f"{split}.{side}", manifest.dtype, manifest.vocabulary[side])
        for side in ("source", "target")
    )
    if len(source) != len(target) or len(source) != manifest.pairs[split]:
        raise DataError(f"{folder}: the two sides of {split} differ in length; prepare the data again")
    longest = {"source": source.longest, "target": target.longest}
    for side, most in manifest.longest.items():
        if split == "train" and longest[side] > most:
            raise DataError(
                f"{folder}: a {side} of {longest[side]} pieces where {most} is the longest; "
                "prepare the data again"
            )
    return Pairs(source, target)


def dtype_for(sizes: Iterable[int]) -> str:
    """Two bytes an id where every vocabulary allows it, four elsewhere."""
    return "uint16" if max(sizes) <= 1 << 16 else "uint32"
