"""Word links of training pairs, brought to the pieces that a model reads.

While the pairs are prepared, the row of each holds its lines as they were given and the links of their words
(:func:`column`): so the links stay with their pair, whatever is dropped, and whatever normalisation and
symbols make of the lines. When the pieces are known, a link of two words becomes one of each of their pieces
to each (:mod:`seqformer.text.origins`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqformer.text.normalize import Normalizer
from seqformer.text.origins import origins
from seqformer.text.tokenizer import Tokenizer

Ids = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]


def column(source: str, target: str, links: Iterable[tuple[int, int]]) -> str:
    """Return the lines of a pair as they were given, and the links of their words, as a column of a row."""
    return json.dumps([source, target, sorted(links)])


@dataclass(frozen=True)
class Linker:
    """Finds the pieces of linked words."""

    normalizers: tuple[Normalizer, Normalizer]  # of source and target
    tokenizer: Tokenizer

    def pieces(self, row: list[str], lengths: tuple[int, int]) -> list[int]:
        """Return the links of the pieces of a row: a source and a target piece, the next two, and so on.

        The row holds the pair as it is read, its place and its :func:`column`. A row without one, and pieces
        beyond the ``lengths`` of source and target, have no links.
        """
        if len(row) < 4:
            return []
        *given, links = json.loads(row[3])
        if not links:
            return []
        vocabularies = self.tokenizer.source, self.tokenizer.target
        sources, targets = (
            _pieces_of(origins(line, read, normalize, vocabulary), length)
            for line, read, normalize, vocabulary, length in zip(
                given, row[:2], self.normalizers, vocabularies, lengths, strict=True
            )
        )
        both = {(s, t) for one, other in links for s in sources.get(one, ()) for t in targets.get(other, ())}
        return [number for link in sorted(both) for number in link]


def _pieces_of(origins: list[range], length: int) -> dict[int, list[int]]:
    """Return for each word the numbers of its pieces among the first ``length``."""
    of: dict[int, list[int]] = {}
    for piece, words in enumerate(origins[:length]):
        for word in words:
            of.setdefault(word, []).append(piece)
    return of


def shares(links: list[Ids], targets: int, sources: int) -> npt.NDArray[np.float32]:
    """Return the links of some pairs as (B, T, S): the share of each source piece in those of a target piece.

    Each element of ``links`` is a list of pairs as :meth:`Linker.pieces` returns them. The row of a target
    piece is that of the decoder where the piece is fed in, one after that of BOS. It sums to 1, or to 0
    without links.
    """
    rectangle = np.zeros((len(links), targets, sources), np.float32)
    for rows, pair in zip(rectangle, links, strict=True):
        rows[pair[1::2].astype(np.int64) + 1, pair[::2]] = 1
    rectangle /= np.maximum(rectangle.sum(-1, keepdims=True), 1)
    return rectangle
