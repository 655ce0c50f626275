"""From raw pairs to clean rows, in two passes and in memory that does not grow with the corpus.

    pass 1   check, normalise and filter each pair as it streams by; pairs kept go to a spool file,
             and the fingerprint of each, 8 bytes, to a file beside it
    pass 2   knowing all pairs: drop repeated ones, and those with a side in an unusual script

A clean row is source, target and place (:attr:`Faults.place`), so that later steps can name the line; and,
where word links are read beside the pairs, those (:mod:`seqformer.text.linked`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seqformer.config import PrepareConfig
from seqformer.text import characters, languages
from seqformer.text.faults import Faults
from seqformer.text.identify import Identifier, identifier
from seqformer.text.normalize import Normalizer
from seqformer.text.rows import Pair, read_rows, write_rows
from seqformer.text.split import fingerprint

PART = 1 << 18  # fingerprints sorted at a time
CHUNK = 1 << 17  # fingerprints read at a time
# what of a row no other may have too: source and target, one of them, or nothing
UNIQUE = {"pair": slice(0, 2), "source": slice(0, 1), "target": slice(1, 2), "none": None}
ONE_SCRIPT = 0.95  # a side has a usual script if at least this share of its lines is in it


@dataclass(frozen=True)
class Filter:
    """Which pairs are not worth training on."""

    max_ratio: float = 9.0  # lopsided: one side is more than this many times as long as the other
    keep_copies: bool = False
    min_length: int = 0  # characters of a side
    max_length: int = 0  # 0: no bound
    scripts: tuple[str, str] = ("", "")  # that a side must be in; '': any
    any_script: bool = False  # a side may be in a script that few lines are in
    identifier: Identifier | None = None  # None: languages are not checked
    deduplicate: str = "pair"

    @classmethod
    def of(cls, config: PrepareConfig, faults: Faults) -> Filter:
        """Return what these settings ask for. Raises :class:`DataError` for a script that does not exist."""
        sides = languages.parse(config.languages)
        return cls(
            max_ratio=config.max_ratio,
            keep_copies=config.keep_copies,
            min_length=config.min_length,
            max_length=config.max_length,
            scripts=characters.parse_scripts(config.scripts),
            any_script=config.any_script,
            identifier=identifier(*sides, faults) if config.check_languages else None,
            deduplicate=config.deduplicate,
        )

    def fault(self, source: str, target: str) -> str | None:
        """Return the kind of fault of a normalised pair, or None."""
        if not source or not target:
            return "empty side"
        if source == target and not self.keep_copies:
            return "copy of the source"
        if self._lopsided(len(source), len(target)) and self._lopsided(
            source.count(" ") + 1, target.count(" ") + 1
        ):
            return "lopsided"
        if min(len(source), len(target)) < self.min_length:
            return "too few characters"
        if self.max_length and max(len(source), len(target)) > self.max_length:
            return "too many characters"
        if self.scripts != ("", "") and self._other_script(source, target):
            return "other script"
        if self.identifier and self.identifier.foreign(source, target):
            return "other language"
        return None

    @property
    def repetition(self) -> str:
        """What a pair that repeats another is called."""
        return "duplicate" if self.deduplicate == "pair" else f"duplicate {self.deduplicate}"

    def _other_script(self, *sides: str) -> bool:
        return any(
            asked and characters.script(side) not in ("", asked)
            for side, asked in zip(sides, self.scripts, strict=True)
        )

    def _lopsided(self, one: int, other: int) -> bool:
        return max(one, other) > self.max_ratio * min(one, other)


@dataclass
class Cleaner:
    """Normalises and filters pairs as they stream by, and notes the faults."""

    normalizers: tuple[Normalizer, Normalizer]  # of source and target
    filter: Filter
    faults: Faults = field(default_factory=Faults)
    keeping: bool = False  # pairs with a fault stay
    links: Callable[[str, str], str] | None = None  # one more column of the row of the pair that is read
    seen: int = 0
    scripts: tuple[Counter[str], Counter[str]] = field(default_factory=lambda: (Counter(), Counter()))

    def __call__(self, pairs: Iterable[Pair]) -> Iterator[list[str]]:
        """Yield the rows to keep: source, target, place, the scripts of both sides, and links if any."""
        self.faults.keeping = self.keeping
        of_source, of_target = self.normalizers
        for raw_source, raw_target in pairs:
            self.seen += 1
            links = [self.links(raw_source, raw_target)] if self.links else []
            if self.faults.look(raw_source, raw_target):
                continue
            source, target = of_source(raw_source), of_target(raw_target)
            kind = self.filter.fault(source, target)
            if kind and self.faults.judge(kind, raw_source, raw_target):
                continue
            scripts = [characters.script(source), characters.script(target)]
            for counted, script in zip(self.scripts, scripts, strict=True):
                counted[script] += 1
            yield [source, target, self.faults.place, *scripts, *links]

    def own_scripts(self) -> tuple[str, str]:
        """Return the script that nearly all lines of each side are in, '' for a side that has none."""
        return _own(self.scripts[0]), _own(self.scripts[1])


def _own(counted: Counter[str]) -> str:
    lines = counted.total() - counted[""]
    name, most = max(counted.items(), key=lambda item: item[1] * (item[0] != ""), default=("", 0))
    return name if most >= ONE_SCRIPT * lines and name != characters.MIXED else ""


def clean(pairs: Iterable[Pair], cleaner: Cleaner, out: Path) -> int:
    """Run both passes and write the clean rows to ``out``; return how many."""
    spool, marks = out.with_suffix(".spool"), out.with_suffix(".marks")
    unique = UNIQUE[cleaner.filter.deduplicate]
    with open(marks, "wb") as file:

        def marked() -> Iterator[list[str]]:
            for row in cleaner(pairs):
                if unique:
                    file.write(fingerprint("\t".join(row[unique])).to_bytes(8, "little"))
                yield row

        write_rows(spool, marked())
    kept = write_rows(out, _sifted(read_rows(spool), repeats(marks) if unique else None, cleaner))
    spool.unlink()
    marks.unlink()
    return kept


def _sifted(
    rows: Iterable[list[str]], repeated: npt.NDArray[np.uint8] | None, cleaner: Cleaner
) -> Iterator[list[str]]:
    faults, repetition = cleaner.faults, cleaner.filter.repetition
    own = ("", "") if cleaner.filter.any_script else cleaner.own_scripts()
    for number, (source, target, place, *scripts_and_links) in enumerate(rows):
        scripts, links = scripts_and_links[:2], scripts_and_links[2:]
        strange = any(
            script not in ("", characters.MIXED, usual)
            for script, usual in zip(scripts, own, strict=True)
            if usual
        )
        if strange or (repeated is not None and repeated[number >> 3] >> (number & 7) & 1):
            faults.go_to(place)
            if faults.judge("odd script" if strange else repetition, source, target):
                continue
        yield [source, target, place, *links]


def repeats(marks: Path, part: int = PART) -> npt.NDArray[np.uint8]:
    """Return a bitmap over the 64-bit numbers in a file: bit n is 1 if number n occurred before.

    Bit n is ``bitmap[n >> 3] >> (n & 7) & 1``. The numbers are taken in parts of about ``part``, by their
    remainder, and each part is sorted: memory is one bit for each number, and one part.
    """
    count = marks.stat().st_size // 8
    bitmap = np.zeros(-(-count // 8), np.uint8)
    parts = -(-count // part)
    for remainder in range(parts):
        numbers, places = _part(marks, count, parts, remainder)
        order = np.argsort(numbers, kind="stable")  # equal numbers stay in the order of the file
        again = order[1:][numbers[order[1:]] == numbers[order[:-1]]]
        found = places[again]
        np.bitwise_or.at(bitmap, found >> 3, (1 << (found & 7)).astype(np.uint8))
    return bitmap


def _part(
    marks: Path, count: int, parts: int, remainder: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Return the numbers with this remainder, and their positions in the file."""
    numbers, places = [], []
    for begin in range(0, count, CHUNK):
        chunk = np.fromfile(marks, "<u8", CHUNK, offset=8 * begin)
        chosen = np.flatnonzero(chunk % np.uint64(parts) == remainder)
        numbers.append(chunk[chosen])
        places.append(chosen + begin)
    return np.concatenate(numbers), np.concatenate(places)
