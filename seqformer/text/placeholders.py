"""What in a text is no language and must come out as it went in: tags, places for values, addresses.

A model whose data were prepared with ``placeholders`` reads a symbol in place of each, learns where symbols
go (:mod:`seqformer.text.teaching`), and never sees what they stand for:

    Hello {name}, click <b>here</b>.     Hello ⟦1⟧, click ⟦2⟧ here ⟦3⟧.

Where a symbol stood directly beside a word, the space that sets it apart goes again when it is put back.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from seqformer.text.characters import UNSPACED

SYMBOLS = tuple(f"⟦{number}⟧" for number in range(1, 10))
# each alternative takes time linear in the line
_SPANS = re.compile(
    r"""
      https?://[^\s<>"⟦]+ | www\.[^\s<>"⟦]+                    # addresses of pages
    | [\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+              # and of people
    | </?[A-Za-z][^<>]{0,200}>                                 # tags
    | &(?:[A-Za-z]{2,10}|\#\d{1,7}|\#x[0-9A-Fa-f]{1,6});       # characters by name or number
    | %\(\w{1,50}\)[sdif] | %(?:\d{1,2}\$)?[sdif@](?!\w)       # places of printf
    | \$?\{\{?[\w.:-]{1,50}\}?\}                               # and of format strings and templates
    | ⟦[1-9]⟧                                                  # and symbols themselves
    """,
    re.VERBOSE,
)
_HINT = re.compile(r"[<&%{@⟦]|https?://|www\.")  # in every line that has one
_ENDS = ".,;:!?)»”’'\""  # that an address in running text does not end with
_SYMBOL = re.compile(r"( ?)(⟦[1-9]⟧)( ?)")
_WORD = re.compile(rf"(?![{UNSPACED}])\w")  # a letter of a script that sets words apart
_TAG = re.compile(r"<(/?)([A-Za-z][\w:-]*)[^<>]*?(/?)>")


@dataclass(frozen=True)
class Span:
    """A placeholder in a line."""

    begin: int
    end: int
    text: str

    @property
    def key(self) -> str:
        """What is equal for equal ones: case and spaces do not count."""
        return _squeezed(self.text)


def _squeezed(text: str) -> str:
    return "".join(text.split()).lower()


def find(line: str) -> list[Span]:
    """Return the placeholders of a line, in their order."""
    if not _HINT.search(line):
        return []
    found = []
    for match in _SPANS.finditer(line):
        text = match[0].rstrip(_ENDS) if match[0][:4] in ("http", "www.") else match[0]
        found.append(Span(match.start(), match.start() + len(text), text))
    return found


def lost(source: str, translation: str) -> list[str]:
    """Return those of a source that its translation lacks; case and spaces do not count."""
    wanted = find(source)
    there = _squeezed(translation) if wanted else ""
    return [span.text for span in wanted if span.key not in there]


def damaged(source: str, translation: str) -> bool:
    """Return whether placeholders of a source are lost, or its tags no longer nest."""
    return bool(lost(source, translation)) or (_nests(source) and not _nests(translation))


def _nests(line: str) -> bool:
    """Return whether each tag of a line that closes another comes after that, the innermost first."""
    if "</" not in line:
        return True
    opened: list[str] = []
    for closes, name, alone in _TAG.findall(line):
        if not closes:
            opened += [] if alone else [name.lower()]
        elif name.lower() not in opened:
            return False
        else:
            while (last := opened.pop()) != name.lower():  # one that stands alone, like <br>
                if f"</{last}" in line.lower():
                    return False
    return True


@dataclass(frozen=True)
class Placed:
    """What a symbol stands for, and whether it stood directly beside a word or another placeholder."""

    text: str
    before: str = ""  # WORD, OTHER or ''
    after: str = ""


WORD, OTHER = "word", "placeholder"


@dataclass(frozen=True)
class Hidden:
    """A line with symbols in place of its placeholders, and what they stand for."""

    text: str
    placed: dict[str, Placed] = field(default_factory=dict)  # by symbol

    def restored(self, translation: str) -> str:
        """Return a translation with the placeholders in place of their symbols.

        A symbol that stands for none, or came before, goes.
        """
        if "⟦" not in translation:
            return translation
        left = dict(self.placed)

        def put(match: re.Match[str]) -> str:
            before, symbol, after = match.groups()
            placed = left.pop(symbol, None)
            if placed is None:
                return " " * bool(before or after)
            if translation[match.end() : match.end() + 1] == "⟦":
                after = " " * (placed.after != OTHER)
            elif placed.after == WORD:
                after = ""
            return before * (placed.before != WORD) + placed.text + after

        return _SYMBOL.sub(put, translation).strip()

    def beginning(self, text: str) -> tuple[Hidden, str]:
        """Return the line as it is if its translation begins with a text, and that text with its symbols.

        What stands directly beside a placeholder there decides about spaces in the translation.
        """
        symbols = {_squeezed(placed.text): symbol for symbol, placed in reversed(self.placed.items())}
        chosen = [(span, symbols.pop(span.key)) for span in find(text) if span.key in symbols]
        begun = _hidden(text, chosen)
        placed = dict(self.placed)
        for span, symbol in chosen:
            there = begun.placed[symbol]
            at_end = span.end == len(text)
            placed[symbol] = Placed(
                placed[symbol].text, there.before, (placed if at_end else begun.placed)[symbol].after
            )
        return replace(self, placed=placed), begun.text


@dataclass(frozen=True)
class Shield:
    """Hides the placeholders of lines, but for some that mean something to the model, or all."""

    on: bool = True
    exempt: frozenset[str] = frozenset()

    def sparing(self, texts: Iterable[str]) -> Shield:
        """Return a shield that leaves alone what these texts hold too."""
        return replace(self, exempt=self.exempt.union(span.text for text in texts for span in find(text)))

    def find(self, line: str) -> list[Span]:
        """Return the placeholders of a line that are hidden, as many as there are symbols."""
        return [span for span in find(line) if span.text not in self.exempt] if self.on else []

    def hide(self, line: str) -> Hidden:
        """Return a line hidden; symbols in it stand for themselves."""
        spans = self.find(line)
        if not spans:
            return Hidden(line)
        return _hidden(line, [(span, symbol) for span, symbol in _named(spans) if symbol])

    def hide_both(self, source: str, target: str) -> tuple[str, str]:
        """Return a pair with the same symbol in place of what both sides hold; the rest stays text."""
        of_source, of_target = self.find(source), self.find(target)
        if not of_source or not of_target:
            return source, target
        shared = Counter(s.key for s in of_source) & Counter(s.key for s in of_target)
        common = []
        for span in of_source:
            if shared[span.key]:
                shared[span.key] -= 1
                common.append(span)
        chosen = [(span, symbol) for span, symbol in _named(common) if symbol]
        symbols: dict[str, list[str]] = {}
        for span, symbol in chosen:
            symbols.setdefault(span.key, []).append(symbol)
        answers = [(s, symbols[s.key].pop(0)) for s in of_target if symbols.get(s.key)]
        return _hidden(source, chosen).text, _hidden(target, answers).text


def _named(spans: list[Span]) -> list[tuple[Span, str]]:
    """Return placeholders with symbols for them, '' where there are too few; a symbol keeps its own."""
    own = {span.text for span in spans} & set(SYMBOLS)
    free = iter([symbol for symbol in SYMBOLS if symbol not in own])
    named = []
    for span in spans:
        symbol = span.text if span.text in own else next(free, "")
        own.discard(span.text)
        named.append((span, symbol))
    return named


def _hidden(line: str, chosen: list[tuple[Span, str]]) -> Hidden:
    texts: list[str] = []
    placed: dict[str, Placed] = {}
    edges = [0, *(span.end for span, _ in chosen)], [*(span.begin for span, _ in chosen), len(line)]
    for number, (span, symbol) in enumerate(chosen):
        before, after = _beside(line, span.begin - 1), _beside(line, span.end)
        if number and edges[0][number] == span.begin:
            before = OTHER
        if number + 1 < len(chosen) and edges[1][number + 1] == span.end:
            after = OTHER
        texts += [line[edges[0][number] : span.begin], " " * (before == WORD), symbol, " " * bool(after)]
        placed[symbol] = Placed(span.text, before, after)
    return Hidden("".join([*texts, line[edges[0][-1] :]]), placed)


def _beside(line: str, at: int) -> str:
    return WORD if at >= 0 and _WORD.match(line, at) else ""
