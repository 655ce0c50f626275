"""Which columns of a table are source and target: as a header, their content or the user says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from seqformer.errors import DataError
from seqformer.text import languages
from seqformer.text.languages import Languages

Columns = str | Sequence[int | str] | None  # as people name them: "2,4", (2, 4), ("en", "fr")

MOST_COLUMNS = 50  # that are looked at
NEARLY_ALL = 0.95
MANY = 10  # rows, from which on one value everywhere or numbers in order are no accident
WIDE = 200  # characters: what is longer is text
TEXT, CONSTANT, NUMBERS = "text", "one value", "numbers"

_SOURCES = {"source", "src", "original", "text", "input", "question"}
_TARGETS = {"target", "tgt", "trg", "translation", "output", "answer"}
_FILLERS = {"text", "sentence", "sentences", "segment", "string", "side"}
_AMBIGUOUS = {"id", "no"}  # codes of languages, but more often an identity and a number

_KINDS = {
    NUMBERS: re.compile(r"[-+]?(?:\d+(?:[.,:]\d+)*|\.\d+)(?:[eE][-+]?\d+)?%?"),
    "dates": re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d\S{0,20})?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}"),
    "URLs": re.compile(r"(?:https?|ftp)://\S+|www\.\S+"),
    "e-mail addresses": re.compile(r"[^\s@]+@[^\s@]+\.\w+"),
    "attributions": re.compile(r"CC[- ](?:BY|0).*", re.ASCII),
    "ids": re.compile(r"(?=[^\s]*\d)[\w.:/#-]+", re.ASCII),
}


@dataclass(frozen=True)
class Choice:
    """The columns of source and target, counted from 0, and what the first row says."""

    source: int = 0
    target: int = 1
    languages: Languages = ("", "")
    header: bool = False
    remark: str = ""


def parse(columns: Columns) -> list[str]:
    """Return two columns as they were named, numbers as text; [] for none. Raises :class:`DataError`."""
    if not columns:
        return []
    given = columns.split(",") if isinstance(columns, str) else list(columns)
    named = [str(each).strip() for each in given]
    if len(named) != 2 or not all(named) or named[0] == named[1]:
        raise DataError(f"columns {columns!r}: name two, source first, such as 2,4 or en,fr")
    return named


def choose(rows: Sequence[Sequence[str]], width: int, columns: list[str], asked: Languages) -> Choice:
    """Return which columns to use, of the first rows of a table with ``width`` columns.

    ``columns`` are those that were named, ``asked`` the languages that were. Raises :class:`DataError`.
    """
    first = list(rows[0][:width])
    heads = headings(first, rows[1:])
    if heads and headings(rows[1][:width] if len(rows) > 1 else [], rows[2:]):
        raise DataError("its first two rows are both headers; remove one of them")
    if columns:
        return _named(first, width, columns, heads)
    if heads:
        source, target, found = by_heading(heads, asked)
        remark = f"the first row is a header ({shown(first)}) and is left out"
        if (source, target) != (0, 1):
            remark += f"; columns {source + 1} and {target + 1} are used"
        return Choice(source, target, found, True, remark)
    return _by_content(rows, width)


def headings(row: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return the columns of source and target, or of languages by code, as a header says; {} for data.

    ``rows`` are those below it: a column called ``id`` that holds no text is not Indonesian.
    """
    found: dict[str, int] = {}
    for at, cell in enumerate(row[:MOST_COLUMNS]):
        heading = _heading(cell)
        if heading:
            found.setdefault(heading, at)
    if "source" in found and "target" in found:
        return {name: found[name] for name in ("source", "target")}
    codes = {name: at for name, at in found.items() if name not in ("source", "target")}
    for name in _AMBIGUOUS & set(codes):
        if kind([row[codes[name]] for row in rows if codes[name] < len(row)]) != TEXT:
            del codes[name]
    return codes if len(codes) > 1 else {}


def _heading(cell: str) -> str:
    """Return source, target, the code of a language, or '' for anything else."""
    if len(cell) > 40:
        return ""
    code = languages.named(cell)
    if code:
        return code
    words = re.findall(r"[^\W_]+", cell.casefold())
    codes = [languages.named(word) for word in words]
    known = [code for code in codes if code]
    if len(known) == 1:
        others = (word for word, code in zip(words, codes, strict=True) if not code)
        return known[0] if all(word in _FILLERS | _SOURCES | _TARGETS for word in others) else ""
    words = [word for word in words if word not in _FILLERS] or words[:1]
    if len(words) != 1:
        return ""
    return "source" if words[0] in _SOURCES else "target" if words[0] in _TARGETS else ""


def by_heading(heads: dict[str, int], asked: Languages) -> tuple[int, int, Languages]:
    """Return the columns of source and target and their languages. Raises :class:`DataError`."""
    if "source" in heads:
        return heads["source"], heads["target"], ("", "")
    listed = ", ".join(heads)
    if all(asked):
        sides = [next((code for code in heads if languages.alike(code, side)), "") for side in asked]
        exact = [side if side in heads else like for side, like in zip(asked, sides, strict=True)]
        if not all(exact):
            raise DataError(f"it has the languages {listed}, not {languages.joined(*asked)}")
        source, target = exact
    elif len(heads) == 2:
        source, target = heads
    else:
        pair = languages.joined(*list(heads)[:2])
        raise DataError(f"it has the languages {listed}; choose two (--languages {pair})")
    return heads[source], heads[target], (source, target)


def index(name: str, row: Sequence[str], width: int) -> tuple[int, bool]:
    """Return the column that has a number or a name, and whether it was found by its name."""
    cells = [cell.strip().casefold() for cell in row[:width]]
    if name.casefold() in cells:
        return cells.index(name.casefold()), True
    code = languages.named(name)
    same = [at for at, cell in enumerate(row[:width]) if code and _heading(cell) == code]
    if same:
        return same[0], True
    if name.isdecimal() and 1 <= int(name[:9]) <= width:
        return int(name) - 1, False
    there = f"it has {width} columns" if name.isdecimal() else f"its first row is: {shown(row)}"
    raise DataError(f"there is no column {name}; {there}")


def _named(first: list[str], width: int, columns: list[str], heads: dict[str, int]) -> Choice:
    numbers = all(name.isdecimal() for name in columns)
    # a row of numbers is no header of columns that are counted
    (source, one), (target, other) = (index(name, [] if numbers else first, width) for name in columns)
    if source == target:
        raise DataError(f"{' and '.join(columns)} are the same column")
    header = one or other or bool(heads)
    codes = {at: code for code, at in heads.items() if code not in ("source", "target")}
    found = (codes.get(source, ""), codes.get(target, ""))
    remark = f"the first row is a header ({shown(first)}) and is left out" if header else ""
    return Choice(source, target, found, header, remark)


def _by_content(rows: Sequence[Sequence[str]], width: int) -> Choice:
    """Return the first two columns, or the only two that hold text. Raises :class:`DataError` in doubt."""
    looked = min(width, MOST_COLUMNS)
    cells = [[row[at] for row in rows if at < len(row)] for at in range(looked)]
    kinds = [kind(column) for column in cells]
    text = [at for at, name in enumerate(kinds) if name == TEXT]
    if width == 2:
        odd = [at for at, column in enumerate(cells) if _is_identity(column)]
        if not odd:
            return Choice()
    elif text[:2] == [0, 1]:
        return Choice()
    elif len(text) == 2:
        others = _listed(kinds, (at for at in range(looked) if at not in text))
        source, target = text
        return Choice(source, target, remark=f"columns {source + 1} and {target + 1} are used; {others}")
    proposed = text if len(text) > 1 else (0, 1)
    names = f"{proposed[0] + 1},{proposed[1] + 1}"
    raise DataError(f"{_listed(kinds, range(looked))}; say which are source and target (--columns {names})")


def _listed(kinds: list[str], columns: Iterable[int]) -> str:
    """Return what columns hold, in words: ``columns 1 and 3 hold numbers, column 2 text``."""
    groups: dict[str, list[str]] = {}
    for at in columns:
        groups.setdefault(kinds[at], []).append(str(at + 1))
    words = []
    for name, numbers in groups.items():
        listed = numbers[0] if len(numbers) == 1 else f"{', '.join(numbers[:-1])} and {numbers[-1]}"
        several = len(numbers) > 1
        words.append(f"column{'s' * several} {listed} hold{'s' * (not several)} {name}")
    return ", ".join(words)


def kind(cells: list[str]) -> str:
    """Return what nearly all cells of a column hold: text, numbers, URLs, one value, nothing …"""
    filled = [cell.strip() for cell in cells]
    filled = [cell for cell in filled if cell]
    least = NEARLY_ALL * len(cells)
    if len(cells) - len(filled) >= least:
        return "nothing"
    for name, pattern in _KINDS.items():
        if sum(len(cell) <= WIDE and bool(pattern.fullmatch(cell)) for cell in filled) >= NEARLY_ALL * len(
            filled
        ):
            return name
    codes = [cell for cell in filled if len(cell) <= 7 and languages.named(cell)]
    if len(codes) >= NEARLY_ALL * len(filled) and len(set(codes)) <= max(1, len(codes) // MANY):
        return "codes of languages"
    return CONSTANT if _is_constant(filled) else TEXT


def _is_constant(cells: list[str]) -> bool:
    ((_, most),) = Counter(cells).most_common(1) or [("", 0)]
    return len(cells) >= MANY and most >= NEARLY_ALL * len(cells)


def _is_identity(cells: list[str]) -> bool:
    """Return whether a column is the same everywhere, or numbers in order: then it is nothing to learn."""
    if len(cells) < MANY:
        return False
    if len(set(cells)) == 1:
        return True
    if not all(cell.isascii() and cell.isdecimal() and len(cell) < 19 for cell in cells):
        return False
    numbers = list(map(int, cells))
    return all(one < other for one, other in pairwise(numbers))


def shown(row: Sequence[str]) -> str:
    """Return the cells of a row for a message, cut where they are many or long."""
    cells = [cell.strip() if len(cell) <= 30 else cell[:29] + "…" for cell in row[:8]]
    return ", ".join(cell if cell.isprintable() else ascii(cell) for cell in cells) + " …" * (len(row) > 8)
