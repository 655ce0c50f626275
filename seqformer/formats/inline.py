"""Text with inline elements: what of it is translated, and where its elements go in the translation.

A model that knows placeholders (:mod:`seqformer.text.placeholders`) sees a symbol for each element, and shows
where it goes. To another model elements are left out, and put back after: at the start or the end where they
stood there, else at the word boundary nearest to the same share of the text; so it is, too, where a model
does not open and close them in order. None is lost, and what was well nested stays so. Text whose line ends
matter is translated line by line.

Nothing here knows a file format: an element is any object, wrapped in :class:`Mark`.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from seqformer.text.placeholders import SYMBOLS

_SYMBOL = re.compile("⟦([1-9])⟧")
_LINE_ENDS = re.compile(r"(\r\n|\r|\n)")
_NO_ENDS = frozenset("%{}&@#\\/")  # punctuation that begins or ends a placeholder, not a word
# Thai, Lao, Burmese, Khmer, kana and Han are written without spaces between words
_SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True)
class Mark:
    """An element that stands alone, or one end of one that wraps text."""

    element: Any
    kind: Literal["open", "close", "alone"]
    separates: bool = False  # words that stand directly before and after, as a line break does


Item = str | Mark


@dataclass(frozen=True)
class _Placed:
    """A mark in a line: the share of the line's letters before it, and the characters beside it.

    These are a plain space for any space and for the end of the line, and < for another mark.
    """

    mark: Mark
    share: float
    before: str
    after: str

    def is_free(self, beside: str, between_words: bool) -> bool:
        """Return whether a space belongs beside the mark; what stood before a comma is no part of a word."""
        loose = between_words and self.mark.kind == "alone" and _is_punctuation(beside)
        return beside == " " or loose


@dataclass(frozen=True)
class _Gap:
    """A word boundary: the end of one word, the start of the next, and the letters before."""

    left: int
    right: int
    letters: int


def plain(items: Sequence[Item]) -> str:
    """Return the text without elements, as one line."""
    texts, separated = [""], False
    for item in items:
        if isinstance(item, Mark):
            separated |= item.separates
        elif item:
            texts.append(" " if separated and texts[-1][-1:].isalnum() and item[0].isalnum() else "")
            texts.append(item)
            separated = False
    return " ".join("".join(texts).split())


@dataclass
class Layout:
    """Text with its elements, and the lines of it that are translated."""

    items: Sequence[Item]
    by_line: bool  # line ends are text, not the layout of a file
    with_symbols: bool = False  # the texts hold symbols for elements, and so do the translations
    _lines: list[list[Item]] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = list(_split(self.items)) if self.by_line else [list(self.items)]

    @property
    def texts(self) -> list[str]:
        """The lines to translate, without elements or with symbols for them; blank ones are left out."""
        return [self._text(line) for line in self._lines if plain(line)]

    def _shown(self, line: list[Item]) -> list[Mark]:
        """Return the marks of a line that its text shows as symbols: all, or none where they are too many."""
        marks = [item for item in line if isinstance(item, Mark)]
        return marks if self.with_symbols and len(marks) <= len(SYMBOLS) else []

    def _text(self, line: list[Item]) -> str:
        if not self._shown(line):
            return plain(line)
        symbols = iter(SYMBOLS)
        text = "".join(next(symbols) if isinstance(item, Mark) else item for item in line)
        return " ".join(text.split())

    def _translated(self, line: list[Item], text: str) -> list[Item]:
        """Return a translation with the elements of its source line, and the space around that line."""
        line = [item for item in line if item != ""]
        lead = line[0][: -len(line[0].lstrip()) or None] if isinstance(line[0], str) else ""
        trail = line[-1][len(line[-1].rstrip()) :] if isinstance(line[-1], str) else ""
        if marks := self._shown(line):
            placed = _by_symbols(text, marks)
            if placed is not None:
                return [lead, *placed, trail]
            text = without_symbols(text)
        return [lead, *_merged(text, _marks(line)), trail]

    def fill(self, translations: Sequence[str]) -> list[Item]:
        """Return the translations of :attr:`texts` with the elements of the source, and its line ends."""
        left = iter(translations)
        filled: list[Item] = []
        for line in self._lines:
            filled += self._translated(line, " ".join(next(left).split())) if plain(line) else line
        return filled


def without_symbols(text: str) -> str:
    """Return a text without symbols for elements, as one line."""
    return " ".join(_SYMBOL.sub(" ", text).split())


def _split(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Yield lines and, between them, the line ends as lines of their own."""
    line: list[Item] = []
    for item in items:
        if isinstance(item, Mark):
            line.append(item)
            continue
        first, *rest = _LINE_ENDS.split(item)
        line.append(first)
        for end, text in zip(rest[::2], rest[1::2], strict=True):
            yield line
            yield [end]
            line = [text]
    yield line


def _by_symbols(text: str, marks: list[Mark]) -> list[Item] | None:
    """Return a translation cut at its symbols, with the elements there; None if they are not all in order.

    Each comes once, and elements that wrap text open and close like brackets.
    """
    parts = _SYMBOL.split(text)
    numbers = [int(number) - 1 for number in parts[1::2]]
    if sorted(numbers) != list(range(len(marks))):
        return None
    closes, opened = {}, []
    for number, mark in enumerate(marks):
        if mark.kind == "open":
            opened.append(number)
        elif mark.kind == "close" and opened:
            closes[number] = opened.pop()
    inside: list[int] = []
    for number in numbers:
        if marks[number].kind == "open" and number in closes.values():
            inside.append(number)
        elif number in closes and (not inside or inside.pop() != closes[number]):
            return None
    items: list[Item] = [parts[0]]
    for number, after in zip(numbers, parts[2::2], strict=True):
        items += [marks[number], after]
    return items


def _marks(line: list[Item]) -> list[_Placed]:
    counts = [sum(map(len, item.split())) if isinstance(item, str) else 0 for item in line]
    total, before, marks = sum(counts), 0, []
    for index, (item, count) in enumerate(zip(line, counts, strict=True)):
        if isinstance(item, Mark):
            previous, following = line[index - 1 : index], line[index + 1 : index + 2]
            marks.append(_Placed(item, before / total, _end(previous, -1), _end(following, 0)))
        before += count
    return marks


def _end(beside: list[Item], end: int) -> str:
    if not beside:
        return " "
    character = beside[0][end] if isinstance(beside[0], str) else "<"
    return " " if character.isspace() else character


def _merged(text: str, marks: list[_Placed]) -> Iterator[Item]:
    """Yield a translation, cut where the marks go, and the marks."""
    gaps, at = _gaps(text), 0
    for index, group in groupby(zip(_chosen(marks, gaps), marks, strict=True), lambda each: each[0]):
        gap = gaps[index]
        yield text[at : gap.left]
        inside = [placed for _, placed in group]
        wide = gap.left < gap.right
        before = [placed.is_free(placed.before, wide) for placed in inside]
        after = [placed.is_free(placed.after, wide) for placed in inside]
        spaces = [before[0], *map(all, zip(after, before[1:], strict=False)), after[-1]]
        spaces[0] &= index > 0
        spaces[-1] &= index < len(gaps) - 1
        if not wide:
            alone = [False, *(placed.mark.kind == "alone" for placed in inside), False]
            spaces = [space and (alone[i] or alone[i + 1]) for i, space in enumerate(spaces)]
        elif not any(spaces) and not any(placed.mark.separates for placed in inside):
            spaces[0 if inside[-1].mark.kind == "open" else -1] = True
        for space, placed in zip(spaces, inside, strict=False):
            yield " " * space
            yield placed.mark
        yield " " * spaces[-1]
        at = gap.right
    yield text[at:]


def _gaps(text: str) -> list[_Gap]:
    """Return the word boundaries of a text whose words are one space apart, its start and its end too."""
    gaps, letters = [_Gap(0, 0, 0)], 0
    for word in re.finditer(r"\S+", text):
        begin = word.start()
        if begin:
            gaps.append(_Gap(begin - 1, begin, letters))
        gaps += [_Gap(begin + cut, begin + cut, letters + cut) for cut in _cuts(word[0])]
        letters += len(word[0])
    return [*gaps, _Gap(len(text), len(text), letters)] if text else gaps


def _cuts(word: str) -> list[int]:
    """Return where a word may be cut: from its punctuation, and between letters that need no spaces."""
    first, last = 0, len(word)
    while first < last and _is_punctuation(word[first]):
        first += 1
    while first < last and _is_punctuation(word[last - 1]):
        last -= 1
    cuts = {first, last}
    spaceless = {match.start() for match in _SPACELESS.finditer(word)}
    for at in spaceless | {at + 1 for at in spaceless}:
        if at < len(word) and not unicodedata.category(word[at]).startswith("M"):
            cuts.add(at)
    return sorted(cuts - {0, len(word)})


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P") and character not in _NO_ENDS


def _chosen(marks: list[_Placed], gaps: list[_Gap]) -> list[int]:
    """Return the gap of each mark, in order; an element that wraps text wraps some again, if it can."""
    letters, last = [gap.letters for gap in gaps], len(gaps) - 1
    chosen: list[int] = []
    opened: list[int] = []
    pair: dict[int, int] = {}  # of marks around text, each the other's
    for index, placed in enumerate(marks):
        gap = max(_nearest(letters, placed.share * letters[-1]), chosen[-1] if chosen else 0)
        if placed.mark.kind == "open":
            opened.append(index)
        elif placed.mark.kind == "close" and opened:  # else it was opened on another line
            begin = opened.pop()
            if marks[begin].share < placed.share:
                pair[begin] = index
                gap = min(gap + (gap == chosen[begin]), last)
        chosen.append(gap)
    most = last
    for index in reversed(range(len(chosen))):
        gap = min(chosen[index], most)
        if index in pair and gap == chosen[pair[index]]:
            gap = max(0, gap - 1)
        chosen[index] = most = gap
    return chosen


def _nearest(ordered: list[int], value: float) -> int:
    at = bisect_left(ordered, value)
    if at and (at == len(ordered) or value - ordered[at - 1] <= ordered[at] - value):
        at -= 1
    return at
