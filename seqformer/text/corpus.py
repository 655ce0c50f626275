"""From files of sentence pairs to clean, split pairs: reading, normalising, filtering, splitting."""

from __future__ import annotations

import gzip
import hashlib
import heapq
import json
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, cast

from seqformer.errors import DataError
from seqformer.text import characters
from seqformer.text.faults import REPAIRS, Faults
from seqformer.text.tasks import Pair

# Odd characters become a space or go; U+2581 marks a word start inside SentencePiece and cannot be text.
_CHARACTERS = str.maketrans(
    {
        "▁": "_",
        **dict.fromkeys("\t\n" + characters.SEPARATORS + characters.SPACES, " "),
        **dict.fromkeys(characters.INVISIBLE + characters.CONTROLS, ""),
    }
)
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
        text = line
        if not (line.isascii() and line.isprintable()):  # most lines of English have nothing to mend
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
    """Which pairs are not worth training on."""

    max_ratio: float = 9.0  # lopsided: one side longer than so many times the other

    def fault(self, source: str, target: str) -> str | None:
        """The kind of fault of a normalised pair, or None."""
        if not source or not target:
            return "empty side"
        if source == target:
            return "copy of the source"
        if self._lopsided(len(source), len(target)) and self._lopsided(
            source.count(" ") + 1, target.count(" ") + 1
        ):
            return "lopsided"
        return None

    def _lopsided(self, one: int, other: int) -> bool:
        return max(one, other) > self.max_ratio * min(one, other)


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file, plain or .gz, ended by LF or CR LF and by nothing else."""
    return (_text(raw, path, number) for number, raw in enumerate(_raw_lines(path), 1))


def _text(raw: bytes, path: Path, number: int) -> str:
    try:
        return raw.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, line {number}: not UTF-8 (byte {error.start + 1} of the line); "
            "convert the file first, for example with: iconv -f latin1 -t utf-8"
        ) from None


def _noted_text(raw: bytes, faults: Faults, side: int = 0) -> str | None:
    """A line that is looked at; None where its bytes are no text and the pair is dropped for it."""
    if raw.endswith(b"\r"):
        raw = raw.removesuffix(b"\r")
        faults.note("CR LF", raw.decode("utf-8", "replace"), REPAIRS["CR LF"], side)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        shown, at = raw.decode("utf-8", "backslashreplace"), len(raw[: error.start].decode("utf-8"))
        if faults.keeping:
            faults.note("not UTF-8", shown, "bad bytes became \ufffd", side, at)
            return raw.decode("utf-8", "replace")
        faults.skip("not UTF-8", shown, side, at)
        return None


def _raw_lines(path: Path) -> Iterator[bytes]:
    if path.is_dir():
        raise DataError(f"{path} is a folder; give the file with the sentences")
    try:
        opened = gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb")
        with cast(BinaryIO, opened) as file:
            for raw in file:
                yield raw.removesuffix(b"\n")
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def read_tsv(paths: Iterable[Path], faults: Faults | None = None) -> Iterator[Pair]:
    """The first two columns of tab-separated files.

    Further columns are ignored; they are a fault where the first line of the file has another number
    of them (ManyThings has three everywhere). With ``faults`` a line that gives no pair is noted and
    left out; without, :class:`DataError` is raised, as it is where not even the first line has a TAB.
    """
    for path in paths:
        if faults is not None:
            faults.begin(str(path), str(path))
        width = 0  # columns of the first line
        for number, raw in enumerate(_raw_lines(path), 1):
            if faults is None:
                line: str | None = _text(raw, path, number)
            else:
                faults.line = number
                line = _noted_text(raw, faults)
            if line is None:
                continue
            columns = line.split("\t")
            width = width or (len(columns) if line.strip() else 0)
            if len(columns) == 1 and line.strip() and (faults is None or width == 1):
                raise DataError(
                    f"{path}, line {number}: one column where two are needed; put a TAB between source "
                    "and target, or give two files with --source and --target"
                )
            if faults is not None and len(columns) != width:
                _note_columns(line, columns, faults)
            if len(columns) > 1:
                yield columns[0], columns[1]


def _note_columns(line: str, columns: list[str], faults: Faults) -> None:
    """A line with more or fewer columns than the first has."""
    if len(columns) > 1:
        faults.note("stray tab", line, "further columns ignored", at=len(columns[0]) + len(columns[1]) + 1)
    else:
        faults.skip("no tab" if line.strip() else "empty side", line)


def read_aligned(source: Path, target: Path, faults: Faults | None = None) -> Iterator[Pair]:
    """Line n of one file with line n of the other; both must have as many lines.

    With ``faults`` a pair with bytes that are not UTF-8 is noted; without, :class:`DataError` is raised.
    """
    if faults is not None:
        faults.begin(str(source), str(target))
    for number, (left, right) in enumerate(zip_longest(_raw_lines(source), _raw_lines(target)), 1):
        if left is None or right is None:
            short, long = (source, target) if left is None else (target, source)
            raise DataError(
                f"{short} ends after line {number - 1} but {long} goes on; "
                "line n of one file must translate line n of the other"
            )
        if faults is None:
            yield _text(left, source, number), _text(right, target, number)
            continue
        faults.line = number
        first = _noted_text(left, faults, 0)
        second = None if first is None else _noted_text(right, faults, 1)
        if first is not None and second is not None:
            yield first, second


def numbered(pairs: Iterable[Pair], faults: Faults) -> Iterator[Pair]:
    """Pairs that come from no file: their places are counted from 1."""
    faults.begin("pairs", "pairs")
    for faults.line, pair in enumerate(pairs, 1):
        yield pair


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


def write_rows(path: Path, rows: Iterable[Sequence[str]]) -> int:
    """Rows of two or more columns as a TSV file; returns how many."""
    count = 0
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write("\t".join(row) + "\n")
            count += 1
    return count


def read_rows(path: Path) -> Iterator[list[str]]:
    """Rows as :func:`write_rows` wrote them: normalised text, without faults."""
    return (line.split("\t") for line in read_lines(path))


def load_normalizer(values: object, where: str) -> Normalizer:
    """A normalizer read back from JSON."""
    if not isinstance(values, dict) or set(values) != {"lowercase", "split_punctuation"}:
        raise DataError(
            f"{where}: the text normalisation is not what this version writes: {json.dumps(values)}"
        )
    return Normalizer(
        lowercase=bool(values["lowercase"]), split_punctuation=bool(values["split_punctuation"])
    )
