"""Encoded pairs on disk, memory-mapped: flat ids and offsets, so that a length is a subtraction.

A prepared folder holds

    manifest.json             what it holds, and how it was made (:class:`TextManifest`)
    tokenizer.model           or source.model and target.model
    {train,valid}.{source,target}.ids       little-endian unsigned integers, one piece each
    {train,valid}.{source,target}.offsets   n + 1 little-endian 64-bit integers
    valid.tsv  test.tsv       the held-out pairs as normalised text
    train.links.ids  train.links.offsets    of data prepared with word links: those of the pieces of each
                              pair, as numbers of a source piece and of a target piece in turn
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seqformer.config import PrepareConfig
from seqformer.errors import DamagedError
from seqformer.storage.manifest import Manifest, check_counts
from seqformer.storage.records import Scalar, from_json
from seqformer.storage.share import Indices, choose
from seqformer.text import languages
from seqformer.text.detokenize import Detokenizer
from seqformer.text.normalize import Normalizer, normalizers
from seqformer.text.placeholders import Shield
from seqformer.text.rows import Pair, read_rows

MOST_RATIO = 300.0  # target pieces for a source piece; more would let one line decode for minutes
MOST_PIECES = 1 << 24  # of a vocabulary, and of a line
CHECKED = 1 << 18  # lines at a time
LINKS, LINKS_DTYPE = "links", "uint32"
Ids = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Terms:
    """What the makers of a corpus ask of those who use it; '' where that is not known."""

    licence: str = ""
    citation: str = ""  # BibTeX


@dataclass(kw_only=True)
class TextManifest(Manifest):
    """What a prepared folder of sentence pairs holds."""

    toy: str  # the name of a toy task, '' for text
    config: dict[str, Scalar]  # how it was prepared: the fields of PrepareConfig
    read: int  # pairs, before any was dropped
    dropped: dict[str, int]  # reason -> pairs
    dtype: str  # of the ids
    vocabulary: dict[str, int]  # side -> pieces
    vocabulary_asked: str
    tokens: dict[str, int]  # side -> pieces in train; 0 if unknown
    longest: dict[str, int]  # side -> pieces
    unknown: dict[str, float]  # side -> share of unknown pieces in train and valid
    length_ratio: float  # largest target/source length in pieces, both with EOS
    grouped: list[str] = field(default_factory=list)  # splits with several references a source
    single_sentences: bool = False  # nearly all training sources are one sentence each
    with_placeholders: int = 0  # training pairs with symbols, those that only teach them included
    neighbours: dict[str, float] = field(default_factory=dict)  # what is usual (familiar.py); {}: unknown
    commands: list[str] = field(default_factory=list)  # placeholders of sources alone: they tell the model
    licence: str = ""  # of a corpus that was asked for by name
    citation: str = ""  # likewise, as BibTeX
    teachers: dict[str, str] = field(default_factory=dict)  # digest of weights -> run that translated train
    distillation: dict[str, Scalar] = field(default_factory=dict)  # how it did; {}: the targets are as read
    unchanged: dict[str, int] = field(default_factory=dict)  # why -> pairs that kept their target then
    linked: int = 0  # training pairs with word links

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("vocabulary", "tokens", "longest"):
            check_counts(name, getattr(self, name), ("source", "target"), int(name == "vocabulary"))
        if self.dtype not in ("uint16", "uint32"):
            raise DamagedError(f"'dtype' is '{self.dtype}': expected uint16 or uint32")
        if max(*self.vocabulary.values(), *self.longest.values()) > MOST_PIECES:
            raise DamagedError(f"'vocabulary' and 'longest' can be at most {MOST_PIECES:,}")
        if not 1 <= self.length_ratio <= MOST_RATIO:
            raise DamagedError(f"'length_ratio' is {self.length_ratio}: expected 1 to {MOST_RATIO:g}")
        self.prepare_config()

    @property
    def prepare_settings(self) -> dict[str, Scalar]:
        """How the pairs were prepared, as settings."""
        return asdict(self.prepare_config())

    def prepare_config(self) -> PrepareConfig:
        """Return the settings that the pairs were prepared with."""
        return from_json(PrepareConfig, {"rules": 1, "placeholders": False} | self.config, "'config'")

    def normalizer(self, side: str) -> Normalizer:
        """Return the normalisation that was applied to ``source`` or ``target``, to be applied again."""
        source, target = normalizers(self.prepare_config())
        return {"source": source, "target": target}[side]

    def shield(self) -> Shield:
        """Return what hides the placeholders of lines from the model, if it has symbols for them."""
        config = self.prepare_config()
        known = frozenset([*self.commands, *config.symbols.split()])
        return Shield(config.placeholders, known)

    def detokenizer(self) -> Detokenizer:
        """Return what makes ordinary text of a translation."""
        return Detokenizer(self.languages[1], self.prepare_config().lowercase)

    @property
    def languages(self) -> tuple[str, str]:
        """The codes of source and target, each '' if unknown."""
        return languages.parse(self.prepare_config().languages)

    @property
    def test_is_valid(self) -> bool:
        """Whether the test pairs are the validation pairs."""
        return self.digests.get("test.tsv") == self.digests.get("valid.tsv")

    @property
    def usual_ratio(self) -> float:
        """The mean number of target pieces for a source piece; 1 if unknown."""
        return self.tokens["target"] / self.tokens["source"] if min(self.tokens.values()) else 1.0


def read_split(folder: Path, split: str, manifest: TextManifest) -> list[Pair]:
    """Return the held-out pairs of ``valid`` or ``test``, normalised. Raises :class:`DamagedError`."""
    path = folder / f"{split}.tsv"
    manifest.check_digest(folder, path.name)
    rows = list(read_rows(path))
    if any(len(row) != 2 for row in rows):
        raise DamagedError(f"{path}: a line has no source and target with a TAB between them")
    pairs = [(source, target) for source, target in rows]
    if len(pairs) != manifest.pairs[split]:
        raise DamagedError(f"{path}: {len(pairs)} pairs, expected {manifest.pairs[split]}")
    return pairs


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
        """Close both files."""
        self._ids.close()
        self._offsets.close()


class Side:
    """The encoded lines of one side of one split."""

    def __init__(self, folder: Path, stem: str, dtype: str, vocabulary: int) -> None:
        self._ids = _map(folder / f"{stem}.ids", np.dtype(dtype).newbyteorder("<"))
        self._offsets = _map(folder / f"{stem}.offsets", np.dtype("<u8"))
        ends, count = self._offsets, len(self._ids)
        if not len(ends) or int(ends[0]) or int(ends[-1]) != count or int(ends.max()) > count:
            raise DamagedError(f"{folder / stem}.ids: its size does not fit its offsets")
        self.longest = 0
        for begin in range(0, len(self), CHECKED):
            lengths = self.lengths(np.arange(begin, min(begin + CHECKED, len(self))))
            if lengths.min() < 0:
                raise DamagedError(f"{folder / stem}.offsets: damaged")
            self.longest = max(self.longest, int(lengths.max()))
        if len(self._ids) and int(self._ids.max()) >= vocabulary:
            raise DamagedError(
                f"{folder / stem}.ids: it holds the piece {int(self._ids.max())} of a vocabulary of "
                f"{vocabulary}"
            )

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def lengths(self, lines: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return how many pieces each of these lines has."""
        begins: npt.NDArray[np.int64] = self._offsets[lines].astype(np.int64)
        ends: npt.NDArray[np.int64] = self._offsets[lines + 1].astype(np.int64)
        return ends - begins

    def gather(self, lines: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], Ids]:
        """Return how many pieces each of these lines has, and the pieces of all, one line after the other."""
        lengths = self.lengths(lines)
        ids: Ids = np.asarray(self._ids[ranges(self._offsets[lines].astype(np.int64), lengths)])
        return lengths, ids

    def __getitem__(self, index: int) -> Ids:
        begin, end = int(self._offsets[index]), int(self._offsets[index + 1])
        line: Ids = self._ids[begin:end]
        return line

    def contents(self) -> Iterator[bytes]:
        """Yield the ids of each line as they lie in the file."""
        for first in range(0, len(self), CHECKED):
            edges = self._offsets[first : first + CHECKED + 1].astype(np.int64)
            width, content = self._ids.itemsize, self._ids[edges[0] : edges[-1]].tobytes()
            ends = ((edges - edges[0]) * width).tolist()
            yield from (content[begin:end] for begin, end in itertools.pairwise(ends))


@dataclass(frozen=True)
class Taken:
    """Some lines of a side, by their numbers."""

    side: Side
    lines: Indices

    def __len__(self) -> int:
        return len(self.lines)

    def lengths(self, lines: Indices) -> Indices:
        """Return how many pieces each of these lines has."""
        return self.side.lengths(self.lines[lines])

    def gather(self, lines: Indices) -> tuple[Indices, Ids]:
        """Return how many pieces each of these lines has, and the pieces of all, one line after the other."""
        return self.side.gather(self.lines[lines])

    def __getitem__(self, index: int) -> Ids:
        return self.side[int(self.lines[index])]


def ranges(begins: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the numbers of ranges, one after the other, that begin there and are so long."""
    before = np.cumsum(lengths) - lengths
    numbers: npt.NDArray[np.int64] = np.repeat(begins - before, lengths) + np.arange(int(lengths.sum()))
    return numbers


def _map(path: Path, dtype: np.dtype[Any]) -> Any:
    try:
        size = path.stat().st_size
        if size % dtype.itemsize:
            raise DamagedError(f"{path}: cut short")
        # an empty file cannot be mapped
        return np.memmap(path, dtype, "r") if size else np.zeros(0, dtype)
    except OSError as error:
        raise DamagedError(f"{path}: cannot be read ({error.strerror})") from None


@dataclass(frozen=True)
class Pairs:
    """One split: encoded sources and targets, line by line."""

    source: Side | Taken
    target: Side | Taken
    links: Side | Taken | None = None  # of their pieces, if they are asked for

    def __len__(self) -> int:
        return len(self.source)


def open_pairs(
    folder: Path, split: str, manifest: TextManifest, share: float = 1.0, *, linked: bool = False
) -> Pairs:
    """Return the encoded pairs of ``train`` or ``valid``, or a share of them, memory-mapped.

    ``linked`` asks for their links, too, which training pairs can have.
    """
    for side, kind in itertools.product(("source", "target"), ("ids", "offsets")):
        manifest.check_digest(folder, f"{split}.{side}.{kind}")
    source, target = (
        Side(folder, f"{split}.{side}", manifest.dtype, manifest.vocabulary[side])
        for side in ("source", "target")
    )
    if len(source) != len(target) or len(source) != manifest.pairs[split]:
        raise DamagedError(f"{folder}: the two sides of {split} differ in length")
    longest = {"source": source.longest, "target": target.longest}
    for side, most in manifest.longest.items():
        if split == "train" and longest[side] > most:
            raise DamagedError(f"{folder}: a {side} of {longest[side]} pieces where {most} is the longest")
    links = _open_links(folder, manifest, source, target) if linked else None
    if share == 1:
        return Pairs(source, target, links)
    lines = choose(source.contents(), len(source), share)
    return Pairs(Taken(source, lines), Taken(target, lines), links and Taken(links, lines))


def _open_links(folder: Path, manifest: TextManifest, source: Side, target: Side) -> Side:
    """Return the links of the training pairs, each of which is of two pieces of its pair."""
    stem = f"train.{LINKS}"
    for kind in ("ids", "offsets"):
        manifest.check_digest(folder, f"{stem}.{kind}")
    links = Side(folder, stem, LINKS_DTYPE, 1 << 32)
    if len(links) != len(source):
        raise DamagedError(f"{folder}: {len(links)} lines of links for {len(source)} pairs")
    for begin in range(0, len(links), CHECKED):
        lines = np.arange(begin, min(begin + CHECKED, len(links)))
        counts, numbers = links.gather(lines)
        ends = [np.repeat(side.lengths(lines), counts // 2) for side in (source, target)]
        if (counts % 2).any() or (numbers[::2] >= ends[0]).any() or (numbers[1::2] >= ends[1]).any():
            raise DamagedError(f"{folder / stem}.ids: a link to a piece that is not there")
    return links


def dtype_for(sizes: Iterable[int]) -> str:
    """Return the type of the ids: two bytes if every vocabulary allows it, else four."""
    return "uint16" if max(sizes) <= 1 << 16 else "uint32"
