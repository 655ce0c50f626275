"""Where sentences end, by the library sentencex, which knows the ends and abbreviations of many languages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise

import sentencex

from seqformer.text import languages

WINDOW = 2000  # characters looked at at a time: on some texts sentencex takes time quadratic in them
SINGLE = 0.995  # a corpus is of single sentences if at least this share of its lines is
SAMPLE = 2000  # lines
_START = re.compile(r"(?<![.…])[.?!][?!\"'”’»)\]]* +([^\W\d_])")  # after "..." a sentence may go on


def sentences(line: str, language: str = "") -> list[str]:
    """Return the sentences of a line, in order, with the spaces after them; [] for an empty line.

    ``language`` is a code, '' if unknown. In a line without any capital letter a sentence may begin small.
    Takes time linear in the length of the line.
    """
    shown = line if line.isprintable() else "".join(c if c.isprintable() else " " for c in line)
    if shown == shown.lower():
        shown = _START.sub(_capital, shown)
    edges = [0, *_ends(shown, languages.primary(language) or "en")]
    return [line[a:b] for a, b in pairwise(edges)]


def _capital(match: re.Match[str]) -> str:
    large = match[1].upper()
    return match[0][:-1] + large if len(large) == 1 else match[0]


def _ends(text: str, language: str) -> Iterator[int]:
    """Yield where each sentence ends, the last one included."""
    begin = 0
    while begin < len(text):
        window = text[begin : begin + WINDOW]
        is_last = begin + WINDOW >= len(text)
        lengths = [len(part) for part in sentencex.segment(language, window)]
        for length in lengths if is_last else lengths[:-1]:
            begin += length
            yield begin
        if len(lengths) < 2 and not is_last:
            begin += WINDOW // 2  # a sentence longer than the window goes on


def are_single(lines: Iterable[str], language: str) -> bool:
    """Return whether nearly all of the first lines of a corpus are one sentence each."""
    counts = [len(sentences(line, language)) for line in islice(lines, SAMPLE)]
    return sum(count < 2 for count in counts) >= SINGLE * len(counts)
