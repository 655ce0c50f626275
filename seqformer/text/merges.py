"""BPE-dropout (Provilkov et al. 2020): the merges of a BPE vocabulary made anew, some left out at random.

SentencePiece can do this too, but what it draws from one seed differs from process to process, and a merge
that it leaves out is left out for good, not for one step as in the paper.

Where text has no spaces a line is one long word, which is done only once all its merges are left out at one
step: then little changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from seqformer.text.prepared import Ids, ranges
from seqformer.text.tokenizer import Vocabulary

NONE = (1 << 31) - 1  # no merge; every merge has the id of its piece, and a smaller id is merged earlier
Array = npt.NDArray[np.int64]


class Merges:
    """The merges of a BPE vocabulary. Symbols of the user, bytes and UNK are never cut nor merged."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        first = vocabulary.first_merge
        assert first is not None, "not a BPE vocabulary"
        pieces, self._size = vocabulary.pieces(range(len(vocabulary))), len(vocabulary)
        ids = {piece: i for i, piece in enumerate(pieces) if i >= first}
        self._space = ids.get("▁", NONE)
        spelled = [
            [ids[c] for c in piece] if piece in ids and all(c in ids for c in piece) else [i]
            for i, piece in enumerate(pieces)
        ]
        self._letters = np.array([i for letters in spelled for i in letters], np.int64)
        self._lengths = np.array([len(letters) for letters in spelled], np.int64)
        self._begins = np.cumsum(self._lengths) - self._lengths
        halves = {
            ids[piece[:cut]] * self._size + ids[piece[cut:]]: merged
            for piece, merged in ids.items()
            for cut in range(1, len(piece))
            if piece[:cut] in ids and piece[cut:] in ids
        }
        self._pairs = np.array(sorted(halves), np.int64)
        self._merged = np.array([halves[pair] for pair in self._pairs.tolist()], np.int64)

    def cut(self, lengths: Array, ids: Ids, dropout: float, rng: np.random.Generator) -> tuple[Array, Ids]:
        """Return lines, given one after the other with their lengths, in other pieces of the same text.

        At each step each merge that could be made in a word is left out with probability ``dropout``, and
        of the others the earliest is made. A word is done once no merge is left.
        """
        counts = self._lengths[ids]
        letters = self._letters[ranges(self._begins[ids], counts)]
        of_lines = np.zeros(len(ids) + 1, np.int64)
        np.cumsum(counts, out=of_lines[1:])
        begins = of_lines[np.cumsum(lengths) - lengths]  # the first letter of each line
        *_, remaining = self._merge(letters, begins[lengths > 0], dropout, rng)
        line = np.repeat(np.arange(len(lengths)), lengths)
        left = np.bincount(np.repeat(line, counts)[remaining], minlength=len(lengths))
        cut: Any = letters[remaining].astype(ids.dtype)
        return left, cut

    def steps(self, ids: list[int]) -> list[list[list[int]]]:
        """Return the symbols of each word of a line before and after each of its merges.

        The first symbols of a word are its characters, the last its pieces, those of ``ids``.
        """
        if not ids:
            return []
        letters = self._letters[ranges(self._begins[ids], self._lengths[ids])]
        begins = np.flatnonzero(letters == self._space)
        begins = begins if len(begins) and begins[0] == 0 else np.append(0, begins)
        states: list[list[list[int]]] = [[] for _ in begins]
        for remaining in self._merge(letters, np.zeros(1, np.int64), 0.0, np.random.default_rng(0)):
            words = zip(np.split(letters, begins[1:]), np.split(remaining, begins[1:]), strict=True)
            for state, (symbols, left) in zip(states, words, strict=True):
                if (now := symbols[left].tolist()) not in state[-1:]:
                    state.append(now)
        return states

    def _merge(
        self, symbols: Array, begins: Array, dropout: float, rng: np.random.Generator
    ) -> Iterator[npt.NDArray[np.bool_]]:
        """Merge symbols in place, all words at once; yield which are left, at first and after each step."""
        remaining = np.ones(len(symbols), np.bool_)
        yield remaining
        is_first = symbols == self._space
        is_first[begins] = True
        starts, at = np.flatnonzero(is_first), np.arange(len(symbols))
        sizes = np.diff(starts, append=len(symbols))
        merges = np.full(len(symbols), NONE, np.int64)  # of each symbol with the next one in its word
        inner = np.flatnonzero(~is_first)
        merges[inner - 1] = self._look_up(symbols[inner - 1], symbols[inner])
        while len(at):
            offered = np.where(rng.random(len(at), np.float32) < dropout, NONE, merges)
            best = np.minimum.reduceat(offered << 32 | np.arange(len(at)), starts)
            goes_on = best >> 32 != NONE
            left, piece = (best & 0xFFFFFFFF)[goes_on], (best >> 32)[goes_on]
            symbols[at[left]] = piece
            remaining[at[left + 1]] = False
            merges[left] = NONE
            keep = np.repeat(goes_on, sizes)
            keep[left + 1] = False
            left = (np.cumsum(keep) - 1)[left]
            at, merges, sizes = at[keep], merges[keep], sizes[goes_on] - 1
            starts = np.cumsum(sizes) - sizes
            ends = starts + sizes - 1
            before, after = left[left > starts], left[left < ends]
            merges[before - 1] = self._look_up(symbols[at[before - 1]], symbols[at[before]])
            merges[after] = self._look_up(symbols[at[after]], symbols[at[after + 1]])
            yield remaining

    def _look_up(self, left: Array, right: Array) -> Array:
        """Return the piece that each pair of pieces is merged to, or ``NONE``."""
        if not len(self._pairs):
            return np.full(len(left), NONE)
        wanted = left * self._size + right
        at = np.minimum(np.searchsorted(self._pairs, wanted), len(self._pairs) - 1)
        return np.where(self._pairs[at] == wanted, self._merged[at], NONE)
