"""Faults of a corpus, collected as it streams by: kind, file, count, lines, and what was done.

A fault is either repaired (the pair stays) or the pair is dropped. Held-out files, and corpora that
are prepared without a filter, keep their pairs: there a fault is only reported.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import numpy as np

from seqformer.config import RULES
from seqformer.errors import DataError
from seqformer.storage.files import write_whole
from seqformer.text import characters

BLOCK = 1 << 15  # lines that share a bitmap
AT_A_TIME = 1000  # line numbers written at a time
WIDTH = 80  # characters of an example

# What is done about the kinds that can be repaired; pairs with any other are dropped.
REPAIRS = {
    "stray tab": "became a plain space",
    "line separator": "became a plain space",
    "special space": "became a plain space",
    "invisible character": "removed",
    "direction mark": "removed",
    "control character": "removed",
    "CR LF": "read as a line end",
}
DROPPED, KEPT = "dropped", "kept"


class Lines:
    """A set of line numbers: at most one bit for each line of the file, in blocks that are not empty."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}

    def add(self, line: int) -> bool:
        """Add a line; return whether it is new."""
        number, at = divmod(line, BLOCK)
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = bytearray(BLOCK >> 3)
        bit = 1 << (at & 7)
        if block[at >> 3] & bit:
            return False
        block[at >> 3] |= bit
        return True

    def __iter__(self) -> Iterator[int]:
        """Yield the lines in order."""
        return chain.from_iterable(map(self._in_block, sorted(self._blocks)))

    def _in_block(self, number: int) -> list[int]:
        bits = np.unpackbits(np.frombuffer(self._blocks[number], np.uint8), bitorder="little")
        numbers: list[int] = (np.flatnonzero(bits) + number * BLOCK).tolist()
        return numbers

    def first(self, count: int) -> list[int]:
        """Return the first lines."""
        return list(islice(self, count))


@dataclass
class Fault:
    """One kind of fault in one file."""

    kind: str
    file: str
    action: str
    example: str
    count: int = 0
    lines: Lines = field(default_factory=Lines)  # counted from 1

    def to_json(self) -> dict[str, object]:
        """Return the fault as plain JSON values."""
        return {**self._head(), "lines": list(self.lines), "action": self.action, "example": self.example}

    def _head(self) -> dict[str, object]:
        return {"kind": self.kind, "file": self.file, "count": self.count}

    def write(self, file: TextIO) -> None:
        """Write the fault as JSON without holding all its lines as numbers."""
        file.write(json.dumps(self._head(), ensure_ascii=False)[:-1] + ', "lines": [')
        lines = iter(self.lines)
        comma = ""
        while some := list(islice(lines, AT_A_TIME)):
            file.write(comma + ", ".join(map(str, some)))
            comma = ", "
        tail = json.dumps({"action": self.action, "example": self.example}, ensure_ascii=False)
        file.write("], " + tail[1:])


@dataclass
class Faults:
    """Collects faults; knows which line is being read.

    Readers call :meth:`begin` for each file or pair of files and set ``line`` before they yield, so that
    the next step can name the line of the pair. Memory: for each kind and file an entry, and a bit for
    each line.
    """

    strict: bool = False
    keeping: bool = False  # pairs with a fault stay
    rules: int = RULES  # the version of the text rules that say what is odd
    line: int = 0
    unread: int = 0  # lines that gave no pair
    dropped: Counter[str] = field(default_factory=Counter)  # kind -> training pairs
    remarks: list[str] = field(default_factory=list)  # on what was recognised, skipped or chosen
    _files: list[tuple[str, str]] = field(default_factory=list)
    _current: int = 0
    _found: dict[tuple[str, str, str, int], Fault] = field(default_factory=dict)

    def begin(self, source: str, target: str) -> None:
        """Begin a file or a pair of files; for a TSV file both names are the same."""
        self._files.append((source, target))
        self._current = len(self._files) - 1
        self.line = 0

    @property
    def place(self) -> str:
        """The place of the current pair, as text without spaces, for :meth:`go_to`."""
        return f"{self._current}:{self.line}"

    @property
    def where(self) -> str:
        """The file and line of the current pair, for people."""
        return f"{self._files[self._current][0]}, line {self.line:,}"

    def go_to(self, place: str) -> None:
        """Set the place of the faults noted from here on."""
        current, line = place.split(":")
        self._current, self.line = int(current), int(line)

    def note(self, kind: str, text: str, action: str, side: int = 0, at: int = 0) -> None:
        """Note a fault on the current line, at position ``at`` of ``text``."""
        file = self._files[self._current][side]
        key = (kind, file, action, self._current)
        fault = self._found.get(key)
        if fault is None:
            fault = self._found[key] = Fault(kind, file, action, excerpt(text, at))
        fault.count += fault.lines.add(self.line)  # not twice: both columns of one line

    def remark(self, text: str) -> None:
        """Add a remark for the user, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def skip(self, kind: str, text: str, side: int = 0, at: int = 0) -> None:
        """Note a line that gives no pair."""
        self.unread += 1
        self.dropped[kind] += 1
        self.note(kind, text, DROPPED, side, at)

    def drop(self, kind: str, source: str, target: str) -> None:
        """Note that the current pair is dropped."""
        self.dropped[kind] += 1
        self.note(kind, f"{source} | {target}", DROPPED)

    def judge(self, kind: str, source: str, target: str) -> bool:
        """Note a fault of the current pair that cannot be repaired; return whether to drop the pair."""
        if self.keeping:
            self.note(kind, f"{source} | {target}", KEPT)
        else:
            self.drop(kind, source, target)
        return not self.keeping

    def look(self, source: str, target: str) -> bool:
        """Note odd or damaged characters of the current pair; return whether to drop the pair."""
        damaged = False
        for side, text in enumerate((source, target)):
            printable = text.isprintable()
            if printable and text.isascii():
                continue
            damage = _damage(text)
            if damage:
                self.note(damage[0], text, KEPT if self.keeping else DROPPED, side, damage[1])
                if not self.keeping and not damaged:
                    self.dropped[damage[0]] += 1
                damaged = True
            elif not printable:
                for kind, at in characters.odd(text, self.rules):
                    self.note(kind, text, REPAIRS[kind], side, at)
        return damaged and not self.keeping

    def entries(self) -> list[Fault]:
        """Return all faults: those that cost pairs first, then by count."""
        return sorted(self._found.values(), key=lambda f: (f.action != DROPPED, -f.count, f.kind, f.file))

    def report(self) -> list[dict[str, object]]:
        """Return all faults as plain JSON values."""
        return [fault.to_json() for fault in self.entries()]

    def write(self, path: Path) -> None:
        """Write all faults as a JSON file, complete or not at all."""

        def write(beside: Path) -> None:
            with open(beside, "w", encoding="utf-8") as file:
                file.write("[")
                for number, fault in enumerate(self.entries()):
                    file.write(",\n " if number else "\n ")
                    fault.write(file)
                file.write("\n]\n")

        write_whole(path, write)

    def settle(self) -> None:
        """Raise :class:`DataError` if there are faults and ``strict`` is set."""
        if not self.strict or not self._found:
            return
        entries = self.entries()
        kinds: Counter[str] = Counter()
        for fault in entries:
            kinds[fault.kind] += fault.count
        told = ", ".join(f"{kind}: {count:,}" for kind, count in kinds.most_common())
        first = entries[0]
        raise DataError(
            f"--strict: {kinds.total():,} faults in the data ({told}); "
            f"the first {first.kind} is {first.file}, line {first.lines.first(1)[0]}"
        )


def _damage(text: str) -> tuple[str, int] | None:
    """Return a kind of damage that cannot be undone with certainty, and its position."""
    if "\ufffd" in text:
        return "replacement character", text.index("\ufffd")
    at = characters.mojibake(text)
    return None if at is None else ("mojibake", at)


def excerpt(text: str, at: int = 0) -> str:
    """Return about 80 characters of a text around position ``at``, invisible ones escaped."""
    begin = 0 if at < 20 else at - 10
    cut = text[begin : begin + WIDTH]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return "…" * (begin > 0) + shown + "…" * (begin + WIDTH < len(text))
