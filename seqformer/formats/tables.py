"""Tables of sentence pairs: tab-separated text, CSV, and JSON lines, known by what their first lines hold.

A record is a line, but for a field in quotes with a line break in it. Faults have the number of its first
line. The break becomes a space.
"""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from seqformer.errors import DataError
from seqformer.formats import columns as choosing
from seqformer.formats import json_lines
from seqformer.formats.columns import Choice
from seqformer.formats.lines import decoded, in_line
from seqformer.text.faults import Faults
from seqformer.text.languages import Languages
from seqformer.text.rows import Pair

Record = tuple[int, list[str], str]  # the number of its first line, its fields (none if broken), its text

ALIKE = 0.9  # of the first records have the same number of columns: then it is CSV
MOST_LINES, MOST_CHARACTERS = 100, 1 << 16  # of a record
ONE_COLUMN = (
    "one column where two are needed; put a TAB between source and target, "
    "or give two files with --source and --target"
)
_SEPARATORS = {"\t": "tab", ",": "comma", ";": "semicolon"}


@dataclass(frozen=True)
class Table:
    """How a table is read."""

    delimiter: str = "\t"  # '' for JSON lines
    quoted: bool = False  # fields may be in quotes
    width: int = 2  # columns
    choice: Choice = field(default_factory=Choice)
    keys: tuple[str, ...] = ()  # of JSON lines: those of source and target
    remarks: tuple[str, ...] = ()


def recognise(sample: Sequence[bytes], named: list[str], asked: Languages) -> Table:
    """Return how to read a table that begins with these lines.

    ``named`` are two columns, or none, and ``asked`` the languages. Raises :class:`DataError` that does
    not name the file.
    """
    lines = [(n, raw.removesuffix(b"\r").decode("utf-8", "replace")) for n, raw in enumerate(sample, 1)]
    lines = [(number, line) for number, line in lines if line.strip()]
    if not lines:
        return Table()
    objects = [found for _, line in lines if (found := json_lines.parse(line)) is not None]
    if len(objects) >= len(lines) / 2:
        source, target, pair = json_lines.choose(objects, named, asked)
        return Table("", choice=Choice(languages=pair), keys=(source, target))
    tabs = sum("\t" in line for _, line in lines)
    if tabs < len(lines) / 2 and json_lines.is_document(line for _, line in lines[:4]):
        raise DataError("a JSON document; give JSON lines, an object on each line (jq -c '.[]' makes them)")
    delimiter, quoted = ("\t", _is_excel(lines)) if tabs >= len(lines) / 2 else (_csv_delimiter(lines), True)
    if not delimiter:
        raise DataError(f"line {lines[0][0]}: {ONE_COLUMN}")
    if quoted:
        rows = [fields for _, fields, _ in records(iter(lines), delimiter) if fields]
    else:
        rows = [line.split(delimiter) for _, line in lines]
    if not rows or len(rows[0]) == 1:
        raise DataError(f"line {lines[0][0]}: {ONE_COLUMN}")
    width = max(2, Counter(map(len, rows)).most_common(1)[0][0])
    choice = choosing.choose(rows, width, named, asked)
    remarks = [choice.remark] if choice.remark else []
    if quoted and delimiter == "\t":
        remarks.insert(0, "quotes around fields, as Excel writes them, are removed")
    elif quoted:
        remarks.insert(0, f"read as CSV with {_SEPARATORS[delimiter]}s")
    return Table(delimiter, quoted, width, choice, remarks=tuple(remarks))


def read(table: Table, lines: Iterable[bytes], faults: Faults) -> Iterator[Pair]:
    """Yield the pairs of a table; faulty records are noted in ``faults``."""
    if not table.delimiter:
        return json_lines.read(table.keys, lines, faults)
    if table.quoted:
        return _quoted_pairs(table, lines, faults)
    return _plain_pairs(table, lines, faults)


# --- tab-separated text ---------------------------------------------------------------------------------


def _plain_pairs(table: Table, lines: Iterable[bytes], faults: Faults) -> Iterator[Pair]:
    """Yield the two columns of lines whose TABs separate and whose quotes are quotes."""
    width, source, target = table.width, table.choice.source, table.choice.target
    header = table.choice.header
    for faults.line, raw in enumerate(lines, 1):
        line = decoded(raw, faults)
        if line is None:
            continue
        if header and line.strip():
            header = False
            continue
        columns = line.split("\t")
        if len(columns) != width and not _fits(table, line, columns, faults):
            continue
        yield columns[source], columns[target]


def _fits(table: Table, line: str, columns: list[str], faults: Faults) -> bool:
    """Note a line with more or fewer columns than the others; return whether it is used all the same."""
    separator = _SEPARATORS[table.delimiter]
    if len(columns) <= max(table.choice.source, table.choice.target):
        kind = f"no {separator}" if len(columns) == 1 else "missing column"
        faults.skip(kind if line.strip() else "empty side", line)
        return False
    at = len(columns[0]) + len(columns[1]) + 1
    if table.delimiter != "\t" or (table.choice.source, table.choice.target) != (0, 1):
        faults.skip(f"stray {separator}", line, at=at)  # nobody knows which column is which
        return False
    faults.note("stray tab", line, "further columns ignored", at=at)
    return True


def _is_excel(lines: list[tuple[int, str]]) -> bool:
    """Return whether quotes are those that Excel puts around a field, and doubles inside it.

    Excel does so wherever a field has a quote in it. So one quote elsewhere, as in a quotation with words
    after it, says that all quotes are the writer's own.
    """
    wrapped = doubled = stray = count = 0
    for _, fields, text in records(iter(lines), "\t"):
        count += 1
        if '"' not in text:
            continue
        if not fields or any('"' in part and part[0] != '"' for part in text.split("\t")):
            stray += 1
        else:
            doubled += any('"' in field for field in fields) or "\n" in text
            wrapped += 1
    return stray <= 0.02 * wrapped and (doubled > 0 or wrapped >= 0.95 * count)


# --- CSV ------------------------------------------------------------------------------------------------


def records(lines: Iterator[tuple[int, str]], delimiter: str) -> Iterator[Record]:
    """Yield the records of numbered lines; a field in quotes may go on in the next lines.

    A record with a quote that does not end, or ends within a field, has no fields; reading goes on in the
    line after its first.
    """
    ahead: deque[tuple[int, str]] = deque()
    while (first := ahead.popleft() if ahead else next(lines, None)) is not None:
        number, text = first
        if '"' not in text:
            yield number, text.split(delimiter), text
            continue
        taken: list[tuple[int, str]] = []
        fields = _fields(text, delimiter)
        while fields is None and len(taken) < MOST_LINES and len(text) < MOST_CHARACTERS:
            more = ahead.popleft() if ahead else next(lines, None)
            if more is None:
                break
            taken.append(more)
            text += "\n" + more[1]
            if '"' in more[1]:
                fields = _fields(text, delimiter)
        if not fields:
            ahead.extendleft(reversed(taken))
            text = first[1]
        yield number, fields or [], text


def _fields(text: str, delimiter: str) -> list[str] | None:
    """Return the fields of a record; [] if its quotes are wrong, None if the last has not ended."""
    try:
        (row,) = csv.reader([text], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError) as error:
        return None if "unexpected end" in str(error) else []
    return row


def _csv_delimiter(lines: list[tuple[int, str]]) -> str:
    """Return the semicolon or the comma of a CSV file; '' if it is none."""
    best, chosen = ALIKE, ""
    for delimiter in (";", ","):
        widths = [len(fields) for _, fields, _ in records(iter(lines), delimiter)]
        width, count = Counter(widths).most_common(1)[0]
        share = count / len(widths)
        if width > 1 and (share > best or (share == best and not chosen)):
            best, chosen = share, delimiter
    return chosen


def _quoted_pairs(table: Table, lines: Iterable[bytes], faults: Faults) -> Iterator[Pair]:
    """Yield the two columns of records whose fields may be in quotes."""
    width, choice, header = table.width, table.choice, table.choice.header

    def texts() -> Iterator[tuple[int, str]]:
        for faults.line, raw in enumerate(lines, 1):
            line = decoded(raw, faults, note_ends=False)  # CR LF is how CSV ends its lines
            if line is not None:
                yield faults.line, line

    for faults.line, fields, text in records(texts(), table.delimiter):
        if header and text.strip():
            header = False
        elif not fields:
            faults.skip("broken quotes", text)
        elif len(fields) == width or _fits(table, text, fields, faults):
            yield in_line(fields[choice.source]), in_line(fields[choice.target])
