"""Sentence pairs in files: reading raw ones, and writing clean rows."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, cast

from seqformer.errors import DataError
from seqformer.text.faults import REPAIRS, Faults

Pair = tuple[str, str]


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a UTF-8 file, plain or .gz, ended by LF or CR LF and by nothing else."""
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
    """Return a line as text and note its faults; None if it is not UTF-8 and the pair is dropped."""
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
    """Yield the first two columns of tab-separated files.

    Further columns are ignored; they are a fault if the first line of the file has another number
    of them (ManyThings has three everywhere). With ``faults`` a line that gives no pair is noted and
    left out; without, :class:`DataError` is raised, as it always is if the first line has no TAB.
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
    """Note a line with more or fewer columns than the first has."""
    if len(columns) > 1:
        faults.note("stray tab", line, "further columns ignored", at=len(columns[0]) + len(columns[1]) + 1)
    else:
        faults.skip("no tab" if line.strip() else "empty side", line)


def read_aligned(source: Path, target: Path, faults: Faults | None = None) -> Iterator[Pair]:
    """Yield line n of one file with line n of the other; both must have equally many lines.

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
    """Yield pairs that come from no file, their places counted from 1."""
    faults.begin("pairs", "pairs")
    for faults.line, pair in enumerate(pairs, 1):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(isinstance(x, str) for x in pair):
            raise DataError(f"pair {faults.line:,} is {pair!r}: expected a source and a target, as strings")
        yield pair


def embedded() -> list[Path]:
    """Return the files of the corpus that comes with the package."""
    here = Path(__file__).resolve().parents[1]
    for folder in (here / "data", here.parent / "data"):  # installed; in a checkout
        files = [folder / "handwritten.tsv", folder / "grammar.tsv"]
        if all(file.is_file() for file in files):
            return files
    raise DataError("the embedded corpus is not installed with this copy of seqformer; install it again")


def write_rows(path: Path, rows: Iterable[Sequence[str]]) -> int:
    """Write rows of two or more columns as a TSV file; return how many."""
    count = 0
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write("\t".join(row) + "\n")
            count += 1
    return count


def read_rows(path: Path) -> Iterator[list[str]]:
    """Yield rows as :func:`write_rows` wrote them: normalised text, without faults."""
    return (line.split("\t") for line in read_lines(path))
