"""Lexical shortlists: which target pieces may come in translations of a batch, by the pieces of its sources.

Those are the pieces that the source pieces of the batch are linked to most often in the training pairs, the
most frequent target pieces of all, and the special symbols, as in Marian (``--shortlist``; the idea is of
Jean et al. 2015, "On Using Very Large Target Vocabulary for Neural Machine Translation", section 3.3). They
share all the probability, so that a sentence may be translated otherwise in another batch.

A shortlist is kept as CTranslate2 reads it, a line for each source piece (:func:`lines`):

    source piece TAB target piece SPACE target piece …

A line without a source piece is of those that may always come. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from seqformer.errors import SeqformerError
from seqformer.symbols import SPECIALS
from seqformer.text.tokenizer import Tokenizer, Vocabulary

MOST = 50  # pieces that are listed for a source piece at most
FREQUENT = 1000  # pieces that may always come
Ids = npt.NDArray[np.int64]


class Shortlist:
    """A shortlist of a run; what is not in it does not come."""

    def __init__(self, kept: Sequence[str], tokenizer: Tokenizer) -> None:
        self.lines, self._tokenizer = kept, tokenizer

    @cached_property
    def _listed(self) -> dict[str, list[int]]:
        """Target ids by the source piece; '' for those that may always come."""
        ids = {piece: i for i, piece in enumerate(_pieces(self._tokenizer.target))}
        split = (line.split("\t") for line in self.lines)
        return {source: [ids[piece] for piece in targets.split(" ")] for source, targets in split}

    @cached_property
    def always(self) -> frozenset[int]:
        """The ids that may come whatever the source, special symbols among them."""
        return frozenset((*range(SPECIALS), *self._listed.get("", ())))

    def of(self, sources: Iterable[Sequence[int]]) -> list[int]:
        """Return the ids that may come in translations of these sources, ascending."""
        pieces = self._tokenizer.source.pieces({i for source in sources for i in source})
        return sorted(self.always.union(*(self._listed.get(piece, ()) for piece in pieces)))


def lines(links: tuple[Ids, Ids], counts: Ids, tokenizer: Tokenizer) -> list[str]:
    """Return the lines of a shortlist: of links (source id, target id), N each, and how often a target comes.

    A source piece that is a target piece too may stay as it is. Raises :class:`SeqformerError`.
    """
    source, target = _pieces(tokenizer.source), _pieces(tokenizer.target)
    copies = {piece: i for i, piece in enumerate(target) if i >= SPECIALS}
    frequent = np.argsort(-counts, kind="stable")[:FREQUENT].tolist()
    always = {*range(SPECIALS), *frequent}
    found = ["\t" + " ".join(target[i] for i in sorted(always))]
    best = _most_often(*links, len(target))
    for number, piece in enumerate(source[SPECIALS:], SPECIALS):
        listed = {*best.get(number, ()), *([copies[piece]] if piece in copies else [])} - always
        if listed:
            found.append(f"{piece}\t{' '.join(target[i] for i in sorted(listed))}")
    return found


def _most_often(sources: Ids, targets: Ids, size: int) -> dict[int, list[int]]:
    """Return for each source id the ids that it is linked to most often."""
    keys, counts = np.unique(sources * size + targets, return_counts=True)
    best: dict[int, list[int]] = {}
    for i in np.argsort(-counts, kind="stable").tolist():
        source, target = divmod(int(keys[i]), size)
        if len(listed := best.setdefault(source, [])) < MOST:
            listed.append(target)
    return best


def _pieces(vocabulary: Vocabulary) -> list[str]:
    pieces = vocabulary.pieces(range(len(vocabulary)))
    if len(set(pieces)) < len(pieces):
        raise SeqformerError("there are pieces of the same name, and a shortlist knows them by it")
    return pieces
