"""Normalisation of every line before it is tokenized, in training and in translation alike.

A run keeps the rules that its data were prepared with (``rules``):

    1   direction marks stay, zero-width spaces go; one lower case for all languages; each run of marks is a
        token, and only the full stops, commas and colons of numbers are no marks
    2   direction marks go, zero-width spaces that separate words stay; lower case by language; marks by
        Unicode properties (:mod:`seqformer.text.punctuation`)
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Literal

from seqformer.config import RULES, PrepareConfig
from seqformer.text import characters, languages, placeholders, punctuation
from seqformer.text.characters import ZERO_WIDTH_SPACE

# Odd characters become a space or are removed; U+2581 is SentencePiece's mark of a word start, not text.
_FIRST_CHARACTERS: dict[str, str] = {
    "▁": "_",
    **dict.fromkeys("\t\n" + characters.SEPARATORS + characters.SPACES, " "),
    **dict.fromkeys(characters.INVISIBLE + characters.CONTROLS, ""),
}
_CHARACTERS = _FIRST_CHARACTERS | dict.fromkeys(characters.DIRECTIONS, "")
del _CHARACTERS[ZERO_WIDTH_SPACE]
TABLES = {1: str.maketrans(_FIRST_CHARACTERS), 2: str.maketrans(_CHARACTERS)}
# the settings that decide it, which are fields of PrepareConfig and of Normalizer
NORMALIZATION = ("lowercase", "split_punctuation", "nfkc", "rules", "placeholders")
_STAND_IN = "\ue0ff"  # for private use: no letter, no mark
_SURROGATE = re.compile("[\ud800-\udfff]")
# a full stop, comma or colon between digits belongs to the number
_FIRST_PUNCTUATION = re.compile(r'([!?;"()\[\]{}«»“”…¿¡]+|(?<!\d)[.,:]+|[.,:]+(?!\d))')
DOTLESS = ("tr", "az", "crh", "gag")  # languages whose I is the capital of ı, and İ that of i
_DOTLESS_LOWER = str.maketrans("Iİ", "ıi")

LONG_RUN = 200
_LONG_RUN = re.compile(rf"([^\w\s]{{{LONG_RUN},}})")


@dataclass(frozen=True)
class Normalizer:
    """The normalisation of every line of one side, in training and in translation alike.

    Unicode NFC or NFKC, one plain space for any run of spaces, no control characters; on request lower case
    and punctuation set apart from words; placeholders can stay as they are but for spaces and odd
    characters. Applying it twice changes nothing more.
    """

    lowercase: bool = False
    split_punctuation: bool = False
    nfkc: bool = False
    language: str = ""  # a code; '': unknown
    rules: int = RULES
    placeholders: bool = False  # stay in their case

    def __call__(self, line: str) -> str:
        found = placeholders.find(line) if self.placeholders and _STAND_IN not in line else []
        if not found:
            return self._normal(line)
        edges = [0, *(edge for span in found for edge in (span.begin, span.end)), len(line)]
        between = [line[begin:end] for begin, end in zip(edges[::2], edges[1::2], strict=True)]
        words = self._normal(_STAND_IN.join(between)).split(_STAND_IN)
        spans = [" ".join(self._repaired(span.text).split()) for span in found]
        return "".join(text for pair in zip(words, [*spans, ""], strict=True) for text in pair)

    def _normal(self, line: str) -> str:
        text = line
        if not (line.isascii() and line.isprintable()):  # most English lines need no repair
            text = self._repaired(line)
        if self.lowercase:
            text = lower(text, self.language if self.rules > 1 else "")
            text = text if text.isascii() else _composed(text, self._form)
        if self.split_punctuation:
            text = _FIRST_PUNCTUATION.sub(r" \1 ", text) if self.rules == 1 else punctuation.split(text)
        return " ".join(text.split())

    @property
    def _form(self) -> Literal["NFC", "NFKC"]:
        return "NFKC" if self.nfkc else "NFC"

    def _repaired(self, line: str) -> str:
        """Return a line without odd characters, composed."""
        text = _SURROGATE.sub("\ufffd", line).translate(TABLES[self.rules])
        if ZERO_WIDTH_SPACE in text:
            spaces = re.finditer(ZERO_WIDTH_SPACE, text)
            stay = {match.start() for match in spaces if characters.separates(text, match.start())}
            text = "".join(c for at, c in enumerate(text) if c != ZERO_WIDTH_SPACE or at in stay)
        return _composed(text, self._form)


def normalizers(config: PrepareConfig) -> tuple[Normalizer, Normalizer]:
    """Return the normalisation of source and of target."""
    settings: dict[str, Any] = {name: getattr(config, name) for name in NORMALIZATION}
    source, target = (
        Normalizer(language=language, **settings) for language in languages.parse(config.languages)
    )
    return source, target


def differences(given: str, normal: str) -> list[str]:
    """Return in what a line differs from itself normalised, in words."""
    kinds = []
    if given.startswith("\ufeff"):
        kinds.append("a byte order mark")
        given = given.removeprefix("\ufeff")
    if (composed := unicodedata.normalize("NFC", given)) != given:
        kinds.append("Unicode form")
    if normal == normal.lower() and composed != composed.lower():
        kinds.append("case")
        composed = composed.lower()
    if composed == normal:
        return kinds
    return [*kinds, "spaces" if "".join(composed.split()) == "".join(normal.split()) else "characters"]


def lower(text: str, language: str = "") -> str:
    """Return a text in lower case as its language has it: Turkish ``IŞIK`` is ``ışık``."""
    if language and languages.primary(language) in DOTLESS:
        text = text.translate(_DOTLESS_LOWER)
    return text.lower()


def _composed(text: str, form: Literal["NFC", "NFKC"]) -> str:
    """Return the text in a normal form, but for runs of at least ``LONG_RUN`` marks, symbols and signs.

    Sorting the combining marks of a run takes time quadratic in the run: an hour for a line of a million.
    """
    if len(text) < LONG_RUN:
        return unicodedata.normalize(form, text)
    parts = _LONG_RUN.split(text)  # the runs are every second part
    parts[::2] = [unicodedata.normalize(form, part) for part in parts[::2]]
    return "".join(parts)
