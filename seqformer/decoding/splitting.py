"""Dividing a line into what a model reads at once: sentences, and parts of a sentence that is far too long.

A line is divided at sentence ends where the training data were single sentences, or where it is longer than
any of their lines. A sentence is cut (at clause ends, then at spaces) only if it is far longer than anything
that the model was trained on. All of it takes time and memory linear in the length of the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from seqformer.errors import SeqformerError
from seqformer.text.characters import UNSPACED
from seqformer.text.normalize import Normalizer
from seqformer.text.sentences import sentences
from seqformer.text.tokenizer import Vocabulary

Count = Callable[[list[str]], list[int]]  # pieces of each text
SLACK = 1.25  # times the longest source in training; beyond, parts are translated better (bench/lengths.py)

_WIDE = set("，、；：،؛")  # ends of clauses with no space after them
_CLOSING = "\"'”’»)\\]」』）"
# A run of marks is matched first and judged afterwards: a pattern that also required a space after it
# would try again at each mark of a long run, which takes time quadratic in the run.
_ENDS = (
    re.compile(f"[,;:–—、，；：،؛][,;:–—、，；：،؛{_CLOSING}]*"),
    re.compile("(?= )"),
)
_WORD = re.compile(r"\w")
_UNSPACED = re.compile(f"[{UNSPACED}\u3000-\u303f\uff01-\uff65]")  # and the marks of these scripts
CLAUSES, WORDS = range(2)


@dataclass(frozen=True)
class Part:
    """A line, or a part of one, that the model reads at once."""

    text: str  # normalised
    ids: list[int]


@dataclass(frozen=True)
class Divided:
    """The parts of a line: none if it is blank."""

    parts: list[Part]
    cut: bool = False  # within a sentence, which was too long


@dataclass(frozen=True)
class Divider:
    """Divides lines for one model."""

    vocabulary: Vocabulary
    normalizer: Normalizer
    language: str  # of the source, '' if unknown
    reach: int  # pieces of the longest source in training
    most: int | None  # pieces that the model can read at all; None: any number
    single: bool  # whether the training sources were single sentences

    @property
    def furthest(self) -> int:
        """Pieces of a sentence that is read at once."""
        return min(max(self.reach + 1, int(SLACK * self.reach)), self.most or 1 << 62)

    def divide(self, lines: list[str], normalised: list[str], *, whole: bool = False) -> list[Divided]:
        """Return the parts of each line; ``whole`` lines have one. Raises :class:`SeqformerError`."""
        encoded = self.vocabulary.encode(normalised)
        return [
            self._divide(line, Part(text, ids), whole) if ids else Divided([])
            for line, text, ids in zip(lines, normalised, encoded, strict=True)
        ]

    def _divide(self, line: str, part: Part, whole: bool) -> Divided:
        if whole:
            if self.most and len(part.ids) > self.most:
                raise SeqformerError(
                    f"a line has {len(part.ids):,} pieces and this model reads {self.most:,} at most: "
                    "it cannot be translated whole"
                )
            return Divided([part])
        if not self.single and len(part.ids) <= self.reach:
            return Divided([part])
        texts = self._sentences(line)
        found = [Part(t, i) for t, i in zip(texts, self.vocabulary.encode(texts), strict=True)]
        if max((len(sentence.ids) for sentence in found), default=0) <= self.furthest:
            return Divided(found if len(found) > 1 else [part])
        return Divided([small for sentence in found for small in self._cut(sentence)], cut=True)

    def _sentences(self, line: str) -> list[str]:
        """Return the sentences of a line, normalised; one without any word belongs to that before it."""
        texts: list[str] = []
        for sentence in sentences(line, self.language):
            if texts and not (_WORD.search(sentence) and _WORD.search(texts[-1])):
                texts[-1] += sentence
            else:
                texts.append(sentence)
        return [text for text in map(self.normalizer, texts) if text]

    def _cut(self, sentence: Part) -> list[Part]:
        if len(sentence.ids) <= self.furthest:
            return [sentence]
        encode = self.vocabulary.encode
        texts = split(sentence.text, lambda texts: [len(ids) for ids in encode(texts)], self.reach)
        parts = []
        for text, ids in zip(texts, encode(texts), strict=True):
            pieces = cut(ids, self.reach)
            shown = self.vocabulary.decode(pieces) if len(pieces) > 1 else [text]
            parts += [Part(t, i) for t, i in zip(shown, pieces, strict=True)]
        return parts


def joined(texts: list[str]) -> str:
    """Return the translations of parts as one text; Chinese, Japanese and the like need no space between."""
    line = ""
    for text in filter(None, texts):
        unspaced = line and _UNSPACED.match(line[-1]) and _UNSPACED.match(text[0])
        line += text if unspaced or not line else f" {text}"
    return line


def split(text: str, count: Count, reach: int) -> list[str]:
    """Return the parts of a normalised sentence, in order, of at most ``reach`` pieces if spaces allow it.

    As many clauses as fit make a part, in a longer clause as many words as fit; a longer word is not split
    (:func:`cut` splits its pieces).
    """
    return list(_split(text, count, reach, CLAUSES))


def _split(text: str, count: Count, reach: int, level: int) -> Iterator[str]:
    fragments = _fragments(text, level)
    for part, pieces in _packed(zip(fragments, count(fragments), strict=True), reach):
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
