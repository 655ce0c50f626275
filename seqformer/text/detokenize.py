"""From tokens to ordinary text: the way back from setting punctuation apart and from lower case.

Marks go back to their words by their Unicode properties, brackets and quotation marks in pairs. Chinese and
Japanese get no spaces. French gets a narrow no-break space (U+202F) before ``? ! : ;`` and ``»`` and after
``«``; that of Canada only beside ``:``, ``«`` and ``»``. Where the data were lower-cased, sentences begin
with a capital letter, and English ``i`` is ``I``; names and German nouns stay as they are: a model of
lower-cased text does not know them.

What is joined here is set apart again by :func:`seqformer.text.punctuation.split`. A general tool such as
sacremoses undoes the splitting of Moses, in the languages it has rules for, and not this one.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, zip_longest

from seqformer.text import languages, punctuation
from seqformer.text.characters import EAST
from seqformer.text.normalize import lower

NARROW = "\u202f"  # no line is broken there
_FRENCH = {"fr": "?!:;»›", "fr_CA": ":»›"}  # marks with such a space before them
_EAST = re.compile(f"[{EAST}]")
_EAST_SPACE = re.compile(f"(?<=[{EAST}]) (?=[{EAST}])")
_OPENING, _CLOSING, _LEFT, _TIGHT = "opening", "closing", "left", "tight"
_TIGHT_MARKS = "፡"  # stands between words in place of a space
_STRAIGHT = '"＂'
# opening quotation mark -> those that close it
_CLOSES = {"“": "”", "”": "”", "„": "“”", "«": "»", "»": "«»", "‹": "›", "›": "‹›", '"': '"', "＂": "＂"}
_FAMILY = {mark: family for family in ("“”„", "«»", "‹›", '"', "＂") for mark in family}
# languages where the mark that closes elsewhere also opens: »Ja« ”Ja” »Ja»
_ALSO_OPENS = {"“”„": ("sv", "fi")} | dict.fromkeys(
    ("«»", "‹›"), ("da", "de", "sl", "hr", "sr", "bs", "cs", "sk", "hu", "pl", "sv", "fi")
)
_ENDS = ".։。．" + punctuation.EXCLAMATIONS  # of a sentence; "..." may be in the middle of one
_AROUND = "\"'“”„‘’«»‹›()[]"  # may stand beside a word that was not set apart
_FIRST = re.compile(rf"([¿¡\-–—{re.escape(_AROUND)}]*)([^\W\d_])")  # the first letter of a word
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")  # p.m


@dataclass(frozen=True)
class Detokenizer:
    """Makes ordinary text of a line of tokens, in time linear in its length."""

    language: str = ""  # a code; '': unknown
    capitals: bool = False  # the data were lower-cased

    def __call__(self, line: str) -> str:
        tokens = list(_tokens(line))
        kinds = list(_kinds(tokens, languages.primary(self.language)))
        if self.capitals:
            tokens = list(self._capitalized(tokens, kinds))
        text: list[str] = []
        joined = tokens[:1]  # the tokens since the last space
        for pair, kinds_of in zip(pairwise(tokens), pairwise(kinds), strict=True):
            space = self._space(*pair, *kinds_of)
            if space:
                text += [_checked(joined), space]
                joined = []
            joined.append(pair[1])
        return "".join([*text, _checked(joined)])

    @cached_property
    def _french(self) -> str:
        """The marks with a narrow space before them."""
        usual = _FRENCH["fr"] if languages.alike(self.language, "fr") else ""
        return _FRENCH.get(self.language, usual)

    def _space(self, before: str, after: str, kind: str, next_kind: str) -> str:
        """Return what stands between two tokens."""
        if kind == _OPENING:
            return NARROW if self._french and before in "«‹" else ""
        if next_kind in (_CLOSING, _LEFT):
            if after[0] in self._french:
                return NARROW
            return " " if kind and punctuation.is_run(before[-1] + after[0]) else ""
        eastern = _is_eastern(before[-1], kind, after[0]) or _is_eastern(after[0], next_kind, before[-1])
        return "" if eastern or _TIGHT in (kind, next_kind) else " "

    def _capitalized(self, tokens: list[str], kinds: list[str]) -> Iterator[str]:
        """Yield the tokens, with capitals at sentence starts."""
        english = languages.alike(self.language, "en")
        ends = _ENDS + ";" * languages.alike(self.language, "el")
        begins, before = True, ""
        for token, kind in zip(tokens, kinds, strict=True):
            if not kind and re.search(r"\w", token):
                spelled_i = english and (token == "i" or token.startswith(("i'", "i’")))
                yield self._capital(token) if begins or spelled_i else token
                word = token.rstrip(_AROUND)  # with its full stop, where that was not set apart
                begins = _ends(word[:-1], word[-1:], ends)
            else:
                if kind == _LEFT:
                    begins = _ends(before, token, ends)
                elif kind == _CLOSING and before[:1] in punctuation.EXCLAMATIONS:
                    begins = False  # "stop !" he said
                elif kind == _OPENING and token in _CLOSES and (before == ":" or before in _CLOSES):
                    begins = True  # he said : "go !" "no ."
                yield token
            before = token

    def _capital(self, word: str) -> str:
        """Return a word with a capital letter, where lower case gives the word again."""
        match = _FIRST.match(word)
        dutch = languages.alike(self.language, "nl")
        if match is None or punctuation.TRIGGER.search(word) or (dutch and match[1]):
            return word
        letter, at = match[2], match.end()
        dotted = letter == "i" and lower("I", self.language) != "i"
        capital = "İ" if dotted else letter.title()
        if dutch and word.startswith("ij", at - 1):
            capital, at = "IJ", at + 1
        capitalized = match[1] + capital + word[at:]
        return capitalized if lower(capitalized, self.language) == word else word


def _ends(word: str, mark: str, ends: str) -> bool:
    """Return whether a mark after a word ends a sentence: not the full stops of ``p.m.`` and ``...``."""
    if mark == ".":
        return not word.endswith(".") and _INITIALS.fullmatch(word) is None
    return mark[:1] in ends and mark[:1] not in ("", ".")


def _tokens(line: str) -> Iterator[str]:
    """Yield the tokens of a line: Chinese and Japanese words in one, each mark alone."""
    for token in _EAST_SPACE.sub("", " ".join(line.split())).split():
        if len(token) > 1 and _is_mark(token):  # earlier rules made one token of any run
            yield from punctuation.split(token).split()
        else:
            yield token


def _kinds(tokens: list[str], language: str) -> Iterator[str]:
    """Yield for each token how a mark is joined to others, '' for a word."""
    paired, quotes = punctuation.paired(), _Quotes(tokens, language)
    for token, following in zip_longest(tokens, tokens[1:], fillvalue=""):
        first = token[0]
        if not _is_mark(token):
            yield ""
        elif token in _CLOSES:
            yield _OPENING if quotes.opens(token, following) else _CLOSING
        elif first in _TIGHT_MARKS:
            yield _TIGHT
        elif first in punctuation.INVERTED or paired.get(first) in ("Ps", "Pi"):
            yield _OPENING
        else:
            yield _CLOSING if first in paired else _LEFT


class _Quotes:
    """Which quotation marks of a line open and which close."""

    def __init__(self, tokens: list[str], language: str) -> None:
        quotes = [token for token in tokens if token in _CLOSES]
        self._later = Counter(quotes)
        self._first = {_FAMILY[token]: token for token in reversed(quotes)}
        self._language = language
        self._opened: dict[str, str] = {}  # family -> the mark that is open, '' once it is closed

    def opens(self, token: str, following: str) -> bool:
        """Return whether the next quotation mark of the line opens; a token follows it, or ''."""
        family = _FAMILY[token]
        self._later[token] -= 1
        last = self._opened.get(family)
        if last and token in _CLOSES[last]:
            opens = False
        elif token in _STRAIGHT:
            opens = self._later[token] > 0 or (following != "" and not _is_mark(following))
        elif punctuation.paired()[token] == "Pf":  # it closes in most languages
            also = self._language in _ALSO_OPENS[family] if self._language else self._first[family] == token
            opens = also and any(self._later[mark] > 0 for mark in _CLOSES[token])
        else:
            opens = True
        self._opened[family] = token if opens else ""
        return opens


def _is_mark(token: str) -> bool:
    return token != "" and punctuation.marks().issuperset(token)


def _is_eastern(character: str, kind: str, other: str) -> bool:
    """Return whether a mark has no space to a character: a wide mark, or one beside Chinese or Japanese."""
    if not kind or character.isascii():
        return False
    return unicodedata.east_asian_width(character) in "WF" or _EAST.match(other) is not None


def _checked(tokens: list[str]) -> str:
    """Return tokens joined, if they can be set apart again; otherwise with spaces."""
    text, spaced = "".join(tokens), " ".join(tokens)
    if len(tokens) < 2 or punctuation.split(text).split() == punctuation.split(spaced).split():
        return text
    return spaced
