"""HTML as people send it, whole or a fragment: what of it is translated, and all else as it was.

Each run of text between two block elements is one text, whose inline elements find their places in its
translation as :mod:`seqformer.formats.inline` says. Tags, comments, scripts, code and what is marked
``translate="no"`` stay as they are, byte for byte. Characters by name (``&eacute;``) are read as characters.

A scanner of its own, and not ``html.parser``: it never fails, gives back each tag as it was written, and
takes time linear in the text, whatever is left open in it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from seqformer.formats.inline import Item, Layout, Mark

_INLINE = frozenset((
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i",
    "img", "input", "ins", "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strike", "strong",
    "sub", "sup", "time", "tt", "u", "var", "wbr",
))  # fmt: skip
_ALONE = frozenset((
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
))  # fmt: skip
_RAW = frozenset(("script", "style", "textarea", "xmp", "iframe", "noembed", "noframes"))  # hold no elements
_KEPT = frozenset(("code", "kbd", "samp", "var", "pre", "svg", "math"))  # hold no language
_TAG = re.compile(r"""<(/?)([A-Za-z][^\s/>]*)((?:"[^"]*"|'[^']*'|[^'">])*)>""")
_NOT_TRANSLATED = re.compile(r"""\stranslate\s*=\s*["']?no\b|\bnotranslate\b""", re.IGNORECASE)


@dataclass(frozen=True)
class _Token:
    """A tag, or with no name something else that stays as it is."""

    raw: str
    name: str = ""
    closes: bool = False
    kept: bool = False  # what it holds is not translated

    @property
    def is_inline(self) -> bool:
        return self.name in _INLINE

    @property
    def is_alone(self) -> bool:
        return self.name in _ALONE or self.raw.endswith("/>")


@dataclass
class _Text:
    """A run of text between block elements."""

    items: list[Item] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    opened: list[tuple[str, int]] = field(default_factory=list)  # names of inline elements, where they began

    def add(self, raw: str, item: Item) -> None:
        self.raw.append(raw)
        self.items.append(item)

    def tag(self, token: _Token) -> None:
        """Add a tag: one end of an element if both ends are here, else a mark that stands alone."""
        kind = "alone"
        if token.closes and self.opened and self.opened[-1][0] == token.name:
            _, at = self.opened.pop()
            first = self.items[at]
            assert isinstance(first, Mark)
            self.items[at], kind = Mark(first.element, "open"), "close"
        elif not token.closes and not token.is_alone:
            self.opened.append((token.name, len(self.items)))
        self.add(token.raw, Mark(token.raw, "close" if kind == "close" else "alone"))


class Hypertext:
    """HTML whose texts are to be translated."""

    def __init__(self, text: str, with_symbols: bool = False) -> None:
        """Read HTML; ``with_symbols``, the texts hold a symbol for each inline element."""
        self._parts: list[str | Layout] = []
        for part in _parts(text):
            layout = Layout(part.items, by_line=False, with_symbols=with_symbols) if part.items else None
            self._parts.append(layout if layout and layout.texts else "".join(part.raw))

    @property
    def texts(self) -> list[str]:
        """What is to be translated, in order."""
        return [text for part in self._parts if isinstance(part, Layout) for text in part.texts]

    def fill(self, translations: Sequence[str]) -> str:
        """Return the HTML with these translations of :attr:`texts`."""
        left, filled = iter(translations), []
        for part in self._parts:
            if isinstance(part, str):
                filled.append(part)
                continue
            items = part.fill([next(left) for _ in part.texts])
            filled += [i.element if isinstance(i, Mark) else html.escape(i, quote=False) for i in items]
        return "".join(filled)


def _parts(text: str) -> Iterator[_Text]:
    """Yield runs of text; one without items is what stands between them."""
    part = _Text()
    for item in _elements(text):
        if isinstance(item, str):
            part.add(item, html.unescape(item))
        elif item.is_inline and item.kept:
            part.add(item.raw, Mark(item.raw, "alone"))
        elif item.is_inline:
            part.tag(item)
        else:
            yield part
            yield _Text(raw=[item.raw])
            part = _Text()
    yield part


def _elements(text: str) -> Iterator[str | _Token]:
    """Yield text and tags, elements that are kept with all they hold as one."""
    tokens = _tokens(text)
    for token in tokens:
        if isinstance(token, str) or not token.kept or token.closes or token.is_alone:
            yield token
            continue
        raw, depth = [token.raw], 1
        for inner in tokens:
            raw.append(inner if isinstance(inner, str) else inner.raw)
            if not isinstance(inner, str) and inner.name == token.name and not inner.is_alone:
                depth += -1 if inner.closes else 1
            if not depth:
                break
        yield _Token("".join(raw), token.name, kept=True)


def _tokens(text: str) -> Iterator[str | _Token]:
    begin = at = 0  # of the text before the next tag; from where that is looked for
    last = text.rfind(">")  # beyond it no tag ends
    while 0 <= (at := text.find("<", at)) < last:
        token = _token(text, at)
        if token is None:
            at += 1
            continue
        if begin < at:
            yield text[begin:at]
        yield token
        begin = at = at + len(token.raw)
    if begin < len(text):
        yield text[begin:]


def _token(text: str, at: int) -> _Token | None:
    """Return what begins with the ``<`` at a place; None if that is a character like others."""
    if text.startswith("<!--", at):
        return _until(text, at, text.find("-->", at + 4), 3)
    if text.startswith(("<!", "<?"), at):
        return _until(text, at, text.find(">", at), 1)
    if not text[at + 1 : at + 2].isalpha() and not text.startswith("</", at):
        return None
    match = _TAG.match(text, at)
    if match is None:  # a quotation mark is left open in it
        return _Token(text[at:])
    slash, name, attributes = match[1], match[2].lower(), match[3]
    if name in _RAW and not slash:
        ends = re.compile(f"</{name}[^>]*>", re.IGNORECASE).search(text, match.end())
        return _Token(text[at : ends.end() if ends else len(text)])
    kept = name in _KEPT or bool(_NOT_TRANSLATED.search(attributes))
    return _Token(match[0], name, bool(slash), kept)


def _until(text: str, at: int, end: int, size: int) -> _Token:
    return _Token(text[at : end + size] if end >= 0 else text[at:])
