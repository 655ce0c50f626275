"""Sentence pairs as rows of our own files; those in memory; the embedded corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from seqformer.errors import DamagedError, DataError
from seqformer.text.faults import Faults

Pair = tuple[str, str]


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
    """Yield rows as :func:`write_rows` wrote them. Raises :class:`DamagedError`."""
    try:
        with open(path, encoding="utf-8", newline="\n") as file:
            for line in file:
                yield line.removesuffix("\n").split("\t")
    except UnicodeDecodeError:
        raise DamagedError(f"{path}: not UTF-8") from None
    except OSError as error:
        raise DamagedError(f"{path}: cannot be read ({error.strerror})") from None
