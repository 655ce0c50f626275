"""Normalisation of every line before it is tokenized, in training and in translation alike."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from seqformer.text import characters

# Odd characters become a space or are removed; U+2581 is SentencePiece's mark of a word start, not text.
_CHARACTERS = str.maketrans(
    {
        "▁": "_",
        **dict.fromkeys("\t\n" + characters.SEPARATORS + characters.SPACES, " "),
        **dict.fromkeys(characters.INVISIBLE + characters.CONTROLS, ""),
    }
)
_SURROGATE = re.compile("[\ud800-\udfff]")
# a full stop, comma or colon between digits belongs to the number
_PUNCTUATION = re.compile(r'([!?;"()\[\]{}«»“”…¿¡]+|(?<!\d)[.,:]+|[.,:]+(?!\d))')

LONG_WORD = 2000
_WORD = re.compile(rf"\S{{1,{LONG_WORD}}}")


@dataclass(frozen=True)
class Normalizer:
    """The normalisation of every line before it is tokenized, in training and in translation alike.

    Unicode NFC, one plain space for any run of spaces, no control characters; on request lower case
    and punctuation set apart from words. Applying it twice changes nothing more.
    """

    lowercase: bool = False
    split_punctuation: bool = False

    def __call__(self, line: str) -> str:
        text = line
        if not (line.isascii() and line.isprintable()):  # most English lines need no repair
            text = _composed(_SURROGATE.sub("\ufffd", line).translate(_CHARACTERS))
        if self.lowercase:
            text = _composed(text.lower())
        if self.split_punctuation:
            text = _PUNCTUATION.sub(r" \1 ", text)
        return " ".join(text.split())


def _composed(text: str) -> str:
    """Return the text in NFC, composed in pieces of at most ``LONG_WORD`` characters of a word.

    Sorting the combining marks of a run takes time quadratic in the run: an hour for a line of a million.
    """
    if len(text) <= LONG_WORD:
        return unicodedata.normalize("NFC", text)
    return _WORD.sub(lambda word: unicodedata.normalize("NFC", word[0]), text)
