"""From files of sentence pairs to clean, split pairs: reading, normalising, filtering, splitting."""

from __future__ import annotations

import gzip
import hashlib
import heapq
import json
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, cast

from seqformer.errors import DataError
from seqformer.text.tasks import Pair

# Unicode spaces and the line ends that only some tools split on become a space; characters without
# a width and other controls go; U+2581 marks a word start inside SentencePiece and cannot be text.
_SPACES = "\t\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_GONE = "\xad\u200b\u2060\ufeff" + "".join(
    chr(c) for c in [*range(0x20), *range(0x7F, 0xA0)] if chr(c) not in _SPACES + "\n"
)
_CHARACTERS = str.maketrans({"\n": " ", "▁": "_", **dict.fromkeys(_SPACES, " "), **dict.fromkeys(_GONE, "")})
_SURROGATE = re.compile("[\ud800-\udfff]")
# a full stop, comma or colon between digits belongs to the number
_PUNCTUATION = re.compile(r'([!?;"()\[\]{}«»“”…¿¡]+|(?<!\d)[.,:]+|[.,:]+(?!\d))')

LONG_WORD = 2000
_WORD = re.compile(rf"\S{{1,{LONG_WORD}}}")


@dataclass(frozen=True)
class Normalizer:
    """What is done to every line before it is tokenized, in training and in translation alike.

    Unicode NFC, one plain space for any run of spaces, no control characters; on request lower case
    and punctuation set apart from words. Applying it twice changes nothing more.
    """

    lowercase: bool = False
    split_punctuation: bool = False

    def __call__(self, line: str) -> str:
        text = _composed(_SURROGATE.sub("\ufffd", line).translate(_CHARACTERS))
        if self.lowercase:
            text = _composed(text.lower())
        if self.split_punctuation:
            text = _PUNCTUATION.sub(r" \1 ", text)
        return " ".join(text.split())


def _composed(text: str) -> str:
    """NFC; beyond ``LONG_WORD`` characters of one word it is made piecemeal.

    Sorting the combining marks of a run takes time quadratic in the run: an hour for a line of a million.
    """
    if len(text) <= LONG_WORD:
        return unicodedata.normalize("NFC", text)
    return _WORD.sub(lambda word: unicodedata.normalize("NFC", word[0]), text)


@dataclass(frozen=True)
class Filter:
    """Which pairs are not worth training on. Reasons are counted in the order of :meth:`fault`."""

    max_ratio: float = 9.0

    def fault(self, source: str, target: str) -> str | None:
        """Why a normalised pair is dropped, or None."""
        if not source or not target:
            return "empty side"
        if source == target:
            return "copy of the source"
        if self._lopsided(len(source), len(target)) and self._lopsided(
            source.count(" ") + 1, target.count(" ") + 1
        ):
            return f"one side more than {self.max_ratio:g} times the other"
        return None

    def _lopsided(self, one: int, other: int) -> bool:
        return max(one, other) > self.max_ratio * min(one, other)


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file, plain or .gz, ended by LF or CR LF and by nothing else."""
    for number, raw in enumerate(_raw_lines(path), 1):
        try:
            yield raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{path}, line {number}: not UTF-8 (byte {error.start + 1} of the line); "
                "convert the file first, for example with: iconv -f latin1 -t utf-8"
            ) from None


def _raw_lines(path: Path) -> Iterator[bytes]:
    if path.is_dir():
        raise DataError(f"{path} is a folder; give the file with the sentences")
    try:
        opened = gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb")
        with cast(BinaryIO, opened) as file:
            for raw in file:
                yield raw.removesuffix(b"\n").removesuffix(b"\r")
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def read_tsv(paths: Iterable[Path]) -> Iterator[Pair]:
    """The first two columns of tab-separated files; further columns (ManyThings has them) are ignored."""
    for path in paths:
        for number, line in enumerate(read_lines(path), 1):
            columns = line.split("\t")
            if len(columns) >= 2:
                yield columns[0], columns[1]
            elif line.strip():
                raise DataError(
                    f"{path}, line {number}: one column where two are needed; put a TAB between source "
                    "and target, or give two files with --source and --target"
                )


def read_aligned(source: Path, target: Path) -> Iterator[Pair]:
    """Line n of one file with line n of the other; both must have as many lines."""
    for number, (left, right) in enumerate(zip_longest(read_lines(source), read_lines(target)), 1):
        if left is None or right is None:
            short, long = (source, target) if left is None else (target, source)
            raise DataError(
                f"{short} ends after line {number - 1} but {long} goes on; "
                "line n of one file must translate line n of the other"
            )
        yield left, right


def embedded() -> list[Path]:
    """The files of the corpus that travels with the package."""
    here = Path(__file__).resolve().parents[1]
    for folder in (here / "data", here.parent / "data"):  # installed; in a checkout
        files = [folder / "handwritten.tsv", folder / "grammar.tsv"]
        if all(file.is_file() for file in files):
            return files
    raise DataError("the embedded corpus is not installed with this copy of seqformer; install it again")


def fingerprint(text: str, seed: int = 0) -> int:
    """64 bits of BLAKE2b: the same on every machine, so that a split can be made again."""
    key = seed.to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, key=key).digest(), "little")


@dataclass
class Cleaner:
    """Normalises and filters pairs as they stream by, and keeps the count of each reason."""

    normalizer: Normalizer
    filter: Filter | None  # None: every pair is kept, repeated ones too
    max_pairs: int = 0
    seen: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def __call__(self, pairs: Iterable[Pair], held_out: frozenset[int] = frozenset()) -> Iterator[Pair]:
        """The pairs worth keeping; those whose source stands in ``held_out`` are dropped too."""
        known: set[int] = set()
        for raw_source, raw_target in pairs:
            if self.max_pairs and self.kept == self.max_pairs:
                return
            self.seen += 1
            source, target = self.normalizer(raw_source), self.normalizer(raw_target)
            reason = self.filter.fault(source, target) if self.filter else None
            both = fingerprint(f"{source}\t{target}")
            if reason is None and both in known and self.filter:
                reason = "duplicate"
            if reason is None and fingerprint(source) in held_out:
                reason = "source also in the valid or test files"
            if reason is None:
                known.add(both)
                self.kept += 1
                yield source, target
            else:
                self.dropped[reason] += 1


def choose_held_out(sources: Iterable[str], valid: int, test: int, seed: int) -> tuple[set[int], set[int]]:
    """Fingerprints of the sources kept for valid and for test.

    The sources with the smallest seeded fingerprints are taken, so the choice needs memory for the
    chosen only, depends on no order, and puts every pair of one source on the same side.
    Where the corpus is small each part gets at most a tenth of the sources, and at least one.
    """
    smallest: list[int] = []  # a heap of negated fingerprints
    members: set[int] = set()
    distinct: set[int] = set()  # only counted up to where it matters
    enough = max(3, 10 * max(valid, test))
    for source in sources:
        mark = fingerprint(source, seed)
        if len(distinct) < enough:
            distinct.add(mark)
        if mark in members or not valid + test:
            continue
        if len(smallest) < valid + test:
            heapq.heappush(smallest, -mark)
            members.add(mark)
        elif -mark > smallest[0]:
            members.discard(-heapq.heapreplace(smallest, -mark))
            members.add(mark)
    if len(distinct) < 1 + bool(valid) + bool(test):
        raise DataError(
            f"{len(distinct)} different source sentence{'s' if len(distinct) != 1 else ''} left after "
            "filtering: at least 3 are needed to train, validate and test"
        )
    tenth = max(1, len(distinct) // 10)
    valid, test = min(valid, tenth), min(test, tenth)
    ranked = sorted(members)
    return set(ranked[test : test + valid]), set(ranked[:test])


def write_pairs(path: Path, pairs: Iterable[Pair]) -> int:
    """Pairs as a TSV file; returns how many."""
    count = 0
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for source, target in pairs:
            file.write(f"{source}\t{target}\n")
            count += 1
    return count


def load_normalizer(values: object, where: str) -> Normalizer:
    """A normalizer read back from JSON."""
    if not isinstance(values, dict) or set(values) != {"lowercase", "split_punctuation"}:
        raise DataError(
            f"{where}: the text normalisation is not what this version writes: {json.dumps(values)}"
        )
    return Normalizer(
        lowercase=bool(values["lowercase"]), split_punctuation=bool(values["split_punctuation"])
    )
