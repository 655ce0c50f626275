"""Cutting a line that is too long for a model: at sentence ends, then clause ends, then spaces.

All of it takes time and memory linear in the length of the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

Count = Callable[[list[str]], list[int]]  # pieces of each text

_WIDE = set("。！？、，；")  # ends in Chinese and Japanese, with no space after them
_CLOSING = "\"'”’»)\\]」』）"
# A run of marks is matched first and judged afterwards: a pattern that also required a space after it
# would try again at each mark of a long run, which takes time quadratic in the run.
_ENDS = (
    re.compile(f"[.!?…。！？][.!?…。！？{_CLOSING}]*"),
    re.compile(f"[,;:–—、，；][,;:–—、，；{_CLOSING}]*"),
    re.compile("(?= )"),
)
_WORD = re.compile(r"\w")
SENTENCES, CLAUSES, WORDS = range(3)


def split(text: str, count: Count, reach: int) -> list[str]:
    """Return the parts of a normalised line, in order, of at most ``reach`` pieces if spaces allow it.

    Each sentence is a part. In a longer sentence as many clauses as fit make a part, in a longer clause
    as many words as fit; a longer word is not split (:func:`cut` splits its pieces).
    The full stop of an abbreviation counts as an end: to distinguish them one must know the language.
    """
    return list(_split(text, count, reach, SENTENCES))


def _split(text: str, count: Count, reach: int, level: int) -> Iterator[str]:
    fragments = _fragments(text, level)
    groups = zip(fragments, count(fragments), strict=True)
    for part, pieces in groups if level == SENTENCES else _packed(groups, reach):
        if pieces > reach and level < WORDS:
            yield from _split(part, count, reach, level + 1)
        else:
            yield part.strip()


def _fragments(text: str, level: int) -> list[str]:
    """Return the text cut after every mark of a level; a space at a cut begins the next fragment.

    Marks that follow no word, like the dots of ". . .", belong to the fragment before them.
    """
    edges, looked, worded = [0], 0, False
    for found in _ENDS[level].finditer(text):
        end = found.end()
        worded = worded or level == WORDS or _WORD.search(text, looked, end) is not None
        looked = end
        if worded and end > edges[-1] and (text[end : end + 1] == " " or not _WIDE.isdisjoint(found[0])):
            edges.append(end)
            worded = False
    return [text[a:b] for a, b in pairwise([*edges, len(text)]) if text[a:b].strip()]


def _packed(fragments: Iterator[tuple[str, int]], reach: int) -> Iterator[tuple[str, int]]:
    """Yield neighbours joined, each time as many as fit."""
    texts: list[str] = []
    total = 0
    for text, pieces in fragments:
        if texts and total + pieces > reach:
            yield "".join(texts), total
            texts, total = [], 0
        texts.append(text)
        total += pieces
    if texts:
        yield "".join(texts), total


def cut(ids: list[int], reach: int) -> list[list[int]]:
    """Cut pieces into runs of at most ``reach``: the last resort, for a word longer than that."""
    return [ids[begin : begin + reach] for begin in range(0, len(ids), reach)]
