"""Faults of a corpus, collected as it streams by: kind, file, count, first lines, and what was done.

A fault is either repaired (the pair stays) or the pair is dropped. Held-out files, and corpora that
are prepared without a filter, keep their pairs: there a fault is only reported.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field

from seqformer.errors import DataError
from seqformer.text import characters

LINES = 10  # line numbers kept for each fault
WIDTH = 80  # characters of an example

# What is done about the kinds that can be repaired; pairs with any other are dropped.
REPAIRS = {
    "stray tab": "became a plain space",
    "line separator": "became a plain space",
    "special space": "became a plain space",
    "invisible character": "removed",
    "control character": "removed",
    "CR LF": "read as a line end",
}
DROPPED, KEPT = "dropped", "kept"


@dataclass
class Fault:
    """One kind of fault in one file."""

    kind: str
    file: str
    count: int
    lines: list[int]  # the first, counted from 1
    action: str
    example: str


@dataclass
class Faults:
    """Collects faults; knows which line is being read.

    Readers call :meth:`begin` for each file or pair of files and set ``line`` before they yield, so that
    the next step can name the line of the pair. Memory: an entry for each kind and file.
    """

    strict: bool = False
    keeping: bool = False  # pairs with a fault stay
    line: int = 0
    unread: int = 0  # lines that gave no pair
    dropped: Counter[str] = field(default_factory=Counter)  # kind -> training pairs
    remarks: list[str] = field(default_factory=list)  # on what was recognised, skipped or chosen
    _files: list[tuple[str, str]] = field(default_factory=list)
    _current: int = 0
    _found: dict[tuple[str, str, str], Fault] = field(default_factory=dict)
    _last: dict[tuple[str, str, str], int] = field(default_factory=dict)  # line

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
        key = (kind, file, action)
        fault = self._found.get(key)
        if fault is None:
            fault = self._found[key] = Fault(kind, file, 0, [], action, excerpt(text, at))
        if self._last.get(key) == self.line:
            return  # counted already: both columns of one line
        self._last[key] = self.line
        fault.count += 1
        if len(fault.lines) < LINES:
            fault.lines.append(self.line)

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
                for kind, at in characters.odd(text):
                    self.note(kind, text, REPAIRS[kind], side, at)
        return damaged and not self.keeping

    def entries(self) -> list[Fault]:
        """Return all faults: those that cost pairs first, then by count."""
        return sorted(self._found.values(), key=lambda f: (f.action != DROPPED, -f.count, f.kind, f.file))

    def report(self) -> list[dict[str, object]]:
        """Return all faults as plain JSON values."""
        return [asdict(fault) for fault in self.entries()]

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
            f"the first {first.kind} is {first.file}, line {first.lines[0]}"
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
