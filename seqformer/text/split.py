"""Which pairs are held out for validation and test, and what must not be trained on because of them.

A pair is chosen by a seeded fingerprint of its two sides, whichever comes first, so that both directions of
a corpus hold out the same pairs. All pairs of a chosen source go with it. What is left may not hold a text,
on either side, that is held out.
"""

from __future__ import annotations

import hashlib
import heapq
import re
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TextIO, TypeVar

from seqformer.config import PrepareConfig
from seqformer.errors import DamagedError, DataError
from seqformer.storage.files import read_bytes
from seqformer.text.faults import Faults
from seqformer.text.rows import Pair, read_rows, write_rows

FEWEST = 50  # sources; of fewer none is held out
MANY = 0.1  # of the training pairs: if more have a target that is held out, targets are no sentences
TRAINED = "trained.bits"  # the texts that are trained on, as a bitmap
SPARSE = 8  # bits of it for each text, at least
MOST_BITS = 1 << 32
HELD_OUT = ("valid", "test")
Row = TypeVar("Row", bound=Sequence[Any])


def fingerprint(text: str, seed: int = 0) -> int:
    """Return 64 bits of BLAKE2b: the same on every machine, so that a split is reproducible."""
    key = seed.to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, key=key).digest(), "little")


_NO_LETTERS = re.compile(r"[\W\d_]+")


def folded(text: str) -> str:
    """Return the letters of a text: near-duplicates differ in case, digits, punctuation, spaces, marks."""
    return _NO_LETTERS.sub("", text.casefold())


@dataclass(frozen=True)
class Earlier:
    """What a run has seen that is to be trained further: its held-out pairs, and its training texts."""

    name: str
    pairs: dict[str, list[Pair]] = field(default_factory=dict)  # split -> pairs, in the new direction
    bits: bytes | None = None

    def trained_on(self, text: str) -> bool:
        """Return whether the run was trained on a text; now and then also if it was not."""
        if self.bits is None:
            return False
        place = _place(text, len(self.bits))
        return bool(self.bits[place >> 3] >> (place & 7) & 1)


def choose_held_out(
    pairs: Iterable[Pair], valid: int, test: int, seed: int
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the sources held out for valid and for test.

    The pairs with the smallest seeded fingerprints are taken, so the choice needs memory for the chosen only
    and depends on no order, nor on the direction. If the corpus is small each split gets at most a tenth of
    the sources; of fewer than :data:`FEWEST` none is held out.
    """
    smallest: list[int] = []  # a heap of negated marks
    sources: dict[int, str] = {}  # by mark
    distinct: set[str] = set()  # counted only as far as it matters
    enough = max(FEWEST, 10 * max(valid, test))
    for source, target in pairs:
        if len(distinct) < enough:
            distinct.add(source)
        mark = fingerprint(f"{source}\t{target}" if source < target else f"{target}\t{source}", seed)
        if mark in sources or not valid + test:
            continue
        if len(smallest) < valid + test:
            heapq.heappush(smallest, -mark)
            sources[mark] = source
        elif -mark > smallest[0]:
            del sources[-heapq.heapreplace(smallest, -mark)]
            sources[mark] = source
    if len(distinct) < FEWEST:
        return frozenset(), frozenset()
    tenth = len(distinct) // 10
    valid, test = min(valid, tenth), min(test, tenth)
    ranked = [sources[mark] for mark in sorted(sources)]
    tested = frozenset(ranked[:test])
    return frozenset(ranked[test : test + valid]) - tested, tested


@dataclass(frozen=True)
class Splits:
    """How the splits were made."""

    grouped: list[str]  # splits in which the pairs of one source are one sentence with several references
    by_heart: bool = False  # too few pairs to hold any out: validation and test use the training pairs


class Splitter:
    """Splits ``count`` clean rows, in passes over their file.

    ``given`` are the splits that lie in the folder already; ``earlier`` is what a run has seen that is to be
    trained further.
    """

    def __init__(
        self,
        clean: Path,
        count: int,
        given: Iterable[str],
        faults: Faults,
        earlier: Earlier | None = None,
    ) -> None:
        self.clean, self.folder, self.faults, self.earlier = clean, clean.parent, faults, earlier
        self.given = list(given)
        self._size = _bits_for(count)
        self._chosen: frozenset[str] = frozenset()  # sources whose pairs are written already
        self._held_out: set[str] = set()  # texts of both sides
        self._folded: set[str] = set()  # of these sources
        for name in self.given:
            self._hold_out(read_rows(self.folder / f"{name}.tsv"))

    def split(self, config: PrepareConfig) -> Splits:
        """Write train.tsv, and valid.tsv and test.tsv unless they were given."""
        missing = [name for name in HELD_OUT if name not in self.given]
        valid, test = (getattr(config, f"{name}_size") if name in missing else 0 for name in HELD_OUT)
        picked = choose_held_out(self._candidates(), valid, test, config.seed)
        chosen = dict(zip(HELD_OUT, picked, strict=True))
        if self.earlier and missing and not any(chosen.values()) and any(self.earlier.pairs.values()):
            self.faults.remark(
                f"{self.earlier.name} was trained on these pairs; what it held out is held out here too"
            )
            for name in missing:
                write_rows(self.folder / f"{name}.tsv", self.earlier.pairs[name])
        elif missing and not any(chosen.values()):
            return self._by_heart(missing)
        else:
            self._collect({name: chosen[name] for name in missing})
        if self.earlier:
            for pairs in self.earlier.pairs.values():
                self._hold_out(pairs)
        self._write_train()
        return Splits(missing)

    def _candidates(self) -> Iterator[Pair]:
        """Yield the pairs that may be held out."""
        earlier = self.earlier
        for source, target, *_ in read_rows(self.clean):
            if earlier and (earlier.trained_on(source) or earlier.trained_on(target)):
                continue
            if source not in self._held_out:
                yield source, target

    def _hold_out(self, rows: Iterable[Sequence[str]]) -> None:
        for row in rows:
            self._held_out.update(row[:2])
            self._folded.add(folded(row[0]))
        self._folded.discard("")

    def _collect(self, chosen: dict[str, frozenset[str]]) -> None:
        """Write the splits: all pairs of the chosen sources."""
        parts: dict[str, list[list[str]]] = {name: [] for name in chosen}
        for row in read_rows(self.clean):
            for name, sources in chosen.items():
                if row[0] in sources:
                    parts[name].append(row[:2])
        for name, rows in parts.items():
            write_rows(self.folder / f"{name}.tsv", rows)
            self._hold_out(rows)
        self._chosen = frozenset().union(*chosen.values())

    def _by_heart(self, missing: list[str]) -> Splits:
        """Train on all pairs, and validate and test on what was given, or else on the same pairs."""
        self._write_train()
        there = self.given[0] if self.given else "train"
        for name in missing:
            rows = read_rows(self.folder / f"{there}.tsv")
            write_rows(self.folder / f"{name}.tsv", (row[:2] for row in rows))
        if self.given:
            return Splits([])
        self.faults.remark(
            f"Fewer than {FEWEST} sources: nothing is held out, and validation and test use the training "
            "pairs themselves. A good score shows that they were learned by heart, no more."
        )
        return Splits([], by_heart=True)

    def _write_train(self) -> None:
        """Write what may be trained on, and the bitmap of its texts."""
        train, beside = self.folder / "train.tsv", self.folder / "shared.tsv"
        bits = bytearray(self._size >> 3)
        with open(beside, "w", encoding="utf-8", newline="\n") as shared:
            count = write_rows(train, marked(self._rest(shared), bits))
        sharing = sum(1 for _ in read_rows(beside))
        if sharing > MANY * (count + sharing):
            self.faults.remark(
                f"{sharing:,} of {count + sharing:,} training pairs have a target that is held out too; they "
                "are kept, since with so many alike targets seem to be labels rather than sentences"
            )
            with open(train, "a", encoding="utf-8", newline="\n") as file:
                for row in marked(read_rows(beside), bits):
                    file.write("\t".join(row) + "\n")
        else:
            for row in read_rows(beside):
                self._drop("target also held out", row)
        beside.unlink()
        (self.folder / TRAINED).write_bytes(bits)

    def _drop(self, kind: str, row: list[str]) -> None:
        """Count a pair that is not trained on; beside splits of one's own it is a fault of the data."""
        if self.given:
            self.faults.go_to(row[2])
            self.faults.drop(kind, row[0], row[1])
        else:
            self.faults.dropped[kind] += 1

    def _rest(self, shared: TextIO) -> Iterator[list[str]]:
        """Yield the rows to train on; those that share a target with a held-out pair go to ``shared``."""
        near, first = 0, ""
        held_out = self._held_out
        for row in read_rows(self.clean):
            source, target, place, *_ = row
            if source in self._chosen:
                continue
            if source in held_out:
                self._drop("source also held out", row)
            elif target in held_out:
                shared.write("\t".join(row) + "\n")
            else:
                if self._folded and folded(source) in self._folded:
                    near, first = near + 1, first or place
                yield row
        if near:
            self.faults.go_to(first)
            self.faults.remark(
                f"{near:,} training source{'s' * (near != 1)} like held-out ones but for digits, case, "
                f"punctuation or spaces (first: {self.faults.where}): scores may be too good"
            )


def _bits_for(count: int) -> int:
    """Return how many bits the bitmap of the texts of so many pairs has."""
    return min(MOST_BITS, 1 << (2 * SPARSE * count).bit_length())


def enlarged(bits: bytes, count: int) -> bytearray:
    """Return a bitmap with room for so many pairs in which all texts are marked that were marked before.

    A place in a larger bitmap is, modulo the smaller size, the place in the smaller: so it is repeated.
    """
    return bytearray(bits * max(1, (_bits_for(count) >> 3) // len(bits)))


def _place(text: str, size: int) -> int:
    """Return the bit of a text in a bitmap of so many bytes, a power of two."""
    return zlib.crc32(text.encode()) & (8 * size - 1)


def marked(rows: Iterable[Row], bits: bytearray) -> Iterator[Row]:
    """Yield rows, and mark their first two texts in a bitmap, as :func:`_place` says."""
    crc, last = zlib.crc32, 8 * len(bits) - 1
    for row in rows:
        one, other = crc(row[0].encode()) & last, crc(row[1].encode()) & last
        bits[one >> 3] |= 1 << (one & 7)
        bits[other >> 3] |= 1 << (other & 7)
        yield row


def read_bits(path: Path, most: int = MOST_BITS) -> bytes:
    """Return a bitmap of a folder, such as that of its training texts. Raises :class:`DamagedError`."""
    bits = read_bytes(path, most >> 3)
    if not len(bits) or len(bits) & (len(bits) - 1):
        raise DamagedError(f"{path}: cut short")
    return bits


def split_in_order(clean: Path, folder: Path, valid_size: int) -> None:
    """Write the last pairs as valid and as test, the others as train; a source may be in all of them."""
    edge = sum(1 for _ in read_rows(clean)) - valid_size
    if edge < 1:
        raise DataError(
            f"{edge + valid_size} pairs are too few to train on: the last {valid_size} are held out"
        )
    rows = read_rows(clean)
    write_rows(folder / "train.tsv", islice(rows, edge))
    write_rows(folder / "valid.tsv", (row[:2] for row in rows))
    shutil.copyfile(folder / "valid.tsv", folder / "test.tsv")
