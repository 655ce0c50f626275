"""Signs that a translation is likely bad, from its text, pieces and scores alone.

loop       words or pieces are repeated, more often than in the source
copy       the source, word for word
too long   far more pieces than usual for such a source, or cut at the limit
too short  far fewer
unknown    a piece of the source or of the translation is not in the vocabulary
unsure     the model gave its own pieces a low probability
numbers    a number of two digits or more is in one of source and translation only
capitals   the source is in capitals throughout, which a cased model has seldom seen
strange    the source's pieces stand beside others than in training (:mod:`seqformer.text.familiar`)
negation   only one of source and translation denies, in languages that :mod:`seqformer.text.negation` knows
placeholder  a tag, an address or a place such as {name} is lost, or tags no longer nest (the translator sees)

Chinese, Thai and other scripts without spaces are counted by characters, two for a word.

They are hints: a sign means "check this", no sign does not mean "good". The threshold of ``unsure`` is set
for a run by ``evaluate --calibrate`` (:mod:`seqformer.report.quality`). The others are set on translations of
test_2016_flickr and of garbage by a Multi30k English-German model; bench/signs.py measures both rates.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import eq
from typing import Any

from seqformer.symbols import UNK
from seqformer.text import negation
from seqformer.text.characters import UNSPACED, UNSPACED_LETTER

OWN = (
    "loop",
    "copy",
    "too long",
    "too short",
    "unknown",
    "unsure",
    "numbers",
    "capitals",
    "strange",
    "negation",
)
SIGNS = (*OWN, "placeholder")
MOST_LOOKED_AT = 10_000  # characters that numbers are looked for in
LONGEST_LOOP = 8  # words or pieces repeated together
WORD_REPEATS, PIECE_REPEATS = 3, 4  # back to back
ANY_REPEATS = 6  # of words, whatever the source has
PHRASE = 4  # words, repeated anywhere
COPY_WORDS = 3  # shorter sources may be names, numbers, the same in both languages
LONGER, SHORTER = (2.0, 6), (0.45, -2)  # times the usual length, plus pieces
UNSURE = -1.2  # nats a piece
UNSPACED_WORD = 2  # characters of a script without spaces that count as a word
CAPITALS = 10  # letters, all of them capital, in two words or more
_GROUPED = re.compile(r"(?<=\d)[.,'\u2019\u00a0\u202f ](?=\d{3}(?!\d))")  # thousands: 1,000 or 1.000 or 1 000
_NUMBER = re.compile(r"(?<!\w)\d{2,}")
_UNITS = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")


@dataclass(frozen=True)
class Evidence:
    """One source and one translation of it."""

    source: str  # normalised
    source_ids: list[int]
    text: str
    ids: list[int]
    ratio: float  # the usual number of target pieces for a source piece
    confidence: float  # mean log-probability of a piece
    cut: bool  # it did not end by itself
    strange: bool = False  # the source is unlike those of training
    spoken: tuple[str, str] = ("", "")  # the languages, '' where unknown
    unsure: float = UNSURE  # mean log-probability below which the model is


def signs(evidence: Evidence) -> list[str]:
    """Return the names of the signs that apply, in the order of :data:`OWN`, in linear time."""
    usual, length = evidence.ratio * len(evidence.source_ids), len(evidence.ids)
    source, each = _units(evidence.source)
    flags = (
        _loops(evidence),
        evidence.text == evidence.source and len(source) >= COPY_WORDS * each,
        evidence.cut or length > LONGER[0] * usual + LONGER[1],
        length < SHORTER[0] * usual + SHORTER[1],
        UNK in evidence.source_ids or UNK in evidence.ids,
        evidence.confidence < evidence.unsure,
        _numbers(evidence.source) != _numbers(evidence.text),
        _is_in_capitals(evidence.source),
        evidence.strange,
        negation.disagree(evidence.source, evidence.text, evidence.spoken),
    )
    return [name for name, there in zip(OWN, flags, strict=True) if there]


def _units(text: str) -> tuple[list[str], int]:
    """Return what a text is counted by, and how many of them make a word: words, or characters."""
    if text.isascii() or not UNSPACED_LETTER.search(text):
        return text.split(), 1
    return _UNITS.findall(text), UNSPACED_WORD


def _numbers(text: str) -> Counter[str]:
    """Return the numbers of two digits or more, in ASCII digits; smaller ones may be words."""
    if not any(map(str.isdigit, text)):
        return Counter()
    found = _NUMBER.findall(_GROUPED.sub("", text[:MOST_LOOKED_AT]))
    return Counter("".join(str(int(digit)) for digit in number) for number in found)


def _is_in_capitals(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    return len(letters) >= CAPITALS and " " in text and all(c.isupper() for c in letters)


def _loops(evidence: Evidence) -> bool:
    (output, each), (source, _) = _units(evidence.text), _units(evidence.source)
    words = partial(repeats, least=each, most=LONGEST_LOOP * each)
    return (
        words(output) >= ANY_REPEATS
        or _beyond(words, output, source, WORD_REPEATS)
        or _beyond(repeats, evidence.ids, evidence.source_ids, PIECE_REPEATS)
        or _beyond(partial(_returns, phrase=PHRASE * each), output, source, WORD_REPEATS)
    )


def _beyond(count: Callable[[Any], int], output: Sequence[Any], source: Sequence[Any], least: int) -> bool:
    """Return whether the count of a translation is at least ``least``, and above that of its source."""
    times = count(output)
    return times >= least and times > count(source)


def repeats(sequence: Sequence[Hashable], least: int = 1, most: int = LONGEST_LOOP) -> int:
    """Return how often, at most, a run of ``least`` to ``most`` items occurs back to back.

    ``a b a b a b`` is three times ``a b``: its items equal those two before four times in a row.
    """
    times = 1 if sequence else 0
    for size in range(least, min(most, len(sequence) // 2) + 1):
        alike = bytes(map(eq, sequence[size:], sequence))  # 1 where an item equals the one ``size`` before
        times = max(times, len(max(alike.split(b"\0"))) // size + 1)
    return times


def _returns(units: list[str], phrase: int) -> int:
    """Return how often the most frequent run of so many words or characters occurs."""
    runs = Counter(zip(*(units[i:] for i in range(phrase)), strict=False))
    return max(runs.values(), default=0)
