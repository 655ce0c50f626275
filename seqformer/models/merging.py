"""Attention weights of pieces, merged to those of words: rows averaged, columns summed.

T target pieces or other queries, S source pieces or other keys, N and M words of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def merge(weights: Tensor, rows: Sequence[range], columns: Sequence[range], count: tuple[int, int]) -> Tensor:
    """Return weights (…, T, S) as (…, N, M): the mean over a word's rows, the sum over its columns.

    ``rows`` and ``columns`` name for each piece the words that it is of, ``count`` is N and M. A row of words
    sums to 1 where those of its pieces do, and each piece is of some word.
    """
    of_rows = shares(rows, count[0])  # (T, N)
    mean = of_rows / of_rows.sum(0).clamp(min=torch.finfo(torch.float32).tiny)
    return mean.T @ weights @ shares(columns, count[1])


def shares(words: Sequence[range], count: int) -> Tensor:
    """Return the share of each piece that is of each word, (pieces, words); a row sums to 1, or to 0."""
    shares = torch.zeros(len(words), count)
    for piece, of in enumerate(words):
        shares[piece, of.start : of.stop] = 1 / max(1, len(of))
    return shares
