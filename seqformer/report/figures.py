"""The panels of ``seqformer show``: parts of a model, computed by the model's own functions.

Q queries, N points, T positions, D model width, B sentences, S words of the longest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from seqformer.models.attention import causal_mask, padding_mask
from seqformer.models.pooling import END, pool, rms, truth
from seqformer.models.positions import sinusoids
from seqformer.report.panels import Curves, Matrix
from seqformer.symbols import PAD

STEP = 0.05  # between queries
COUNTED = 32  # numbers that the binary counter counts
BITS = 5  # bits of these numbers


@dataclass(frozen=True)
class Errors:
    """The errors of one kernel and width, as roots of mean squares."""

    from_curve: float  # at the queries with weight; NaN if there is none
    from_points: float
    bare: int  # queries that no key has weight for
    queries: int


def queries() -> Tensor:
    """Return queries (Q,), evenly over the interval of the example."""
    return torch.arange(round(END / STEP) + 1, dtype=torch.double) * STEP


def pooling_errors(kernel: str, width: float, keys: Tensor, values: Tensor) -> Errors:
    """Return the errors of estimates from points (N,): from the true curve, and from the points."""
    asked = queries()
    pooled = pool(asked, keys, values, kernel, width)
    at_keys = pool(keys, keys, values, kernel, width).estimates
    return Errors(
        from_curve=rms((pooled.estimates - truth(asked))[pooled.covered]),
        from_points=rms(at_keys - values),
        bare=int((~pooled.covered).sum()),
        queries=len(asked),
    )


def pooling_panels(kernel: str, width: float, keys: Tensor, values: Tensor) -> tuple[Curves, Matrix]:
    """Return panels of the curve fitted to points (N,) beside the true one, and of its weights (Q, N)."""
    asked = queries()
    pooled = pool(asked, keys, values, kernel, width)
    x = [round(q, 2) for q in asked.tolist()]
    estimates = pooled.estimates.masked_fill(~pooled.covered, math.nan)  # drawn as a gap
    title = kernel if kernel == "constant" else f"{kernel}, width {width:g}"
    curves = Curves(
        title=title,
        x="x",
        y="y",
        lines={
            "truth": list(zip(x, truth(asked).tolist(), strict=True)),
            "estimate": list(zip(x, estimates.tolist(), strict=True)),
        },
        points=list(zip(keys.tolist(), values.tolist(), strict=True)),
        remark=_gaps(x, pooled.covered.tolist()),
    )
    matrix = Matrix(
        title=f"{title}: weights",
        x="keys, the x of the points",
        y="queries x",
        values=pooled.weights.tolist(),
        rows=[f"{q:g}" for q in x],
        columns=[f"{key:.1f}" for key in keys.tolist()],
        high=float(pooled.weights.max()),
    )
    return curves, matrix


def _gaps(x: list[float], covered: list[bool]) -> str:
    """Return where no estimate can be made, in words."""
    gaps = [
        [q for q, _ in run]
        for bare, run in groupby(zip(x, covered, strict=True), key=lambda pair: not pair[1])
        if bare
    ]
    ranges = [f"{gap[0]:g} to {gap[-1]:g}" if len(gap) > 1 else f"{gap[0]:g}" for gap in gaps[:3]]
    more = [f"and {len(gaps) - 3} more"] if len(gaps) > 3 else []
    return "no point is near x = " + ", ".join(ranges + more) if gaps else ""


def position_panels(length: int, width: int, *, split: bool) -> list[Curves | Matrix]:
    """Return panels of the sinusoids (T, D), of two neighbouring rates, and of a binary counter."""
    table = sinusoids(length, width, split=split)
    pairs = width // 2
    first = max(0, min(3, pairs - 2))
    chosen = range(first, min(first + 2, pairs))
    named = [(_column(pair, split), "sine") for pair in chosen]
    named += [(_column(pair, split) + (pairs if split else 1), "cosine") for pair in chosen]
    matrix = Matrix(
        title="The matrix",
        x="columns of the model",
        y="positions",
        values=table.tolist(),
        rows=[str(t) for t in range(length)],
        columns=[str(c) for c in range(width)],
        low=-1.0,
    )
    curves = Curves(
        title="Columns",
        x="position",
        y="value",
        lines={f"{c}, {name}": list(enumerate(table[:, c].tolist())) for c, name in sorted(named)},
    )
    return [matrix, curves, _counter(width, split=split)]


def _counter(width: int, *, split: bool) -> Matrix:
    """Return the bits of a counter, each slower than the last, above sines, which do the same smoothly."""
    pairs = width // 2
    shown = range(min(BITS, pairs))
    sines = sinusoids(COUNTED, width, split=True)[:, :pairs].T.tolist()
    bits = [[2.0 * (t >> bit & 1) - 1 for t in range(COUNTED)] for bit in range(BITS)]
    periods = [2 * math.pi * 10_000 ** (2 * pair / width) for pair in shown]
    return Matrix(
        title="A binary counter, and sines",
        x="positions",
        y="bits and columns",
        values=bits + [sines[pair] for pair in shown],
        rows=[f"bit {bit}, period {2 << bit}" for bit in range(BITS)]
        + [f"column {_column(pair, split)}, period {periods[pair]:.1f}" for pair in shown],
        columns=[str(t) for t in range(COUNTED)],
        low=-1.0,
    )


def _column(pair: int, split: bool) -> int:
    """Return the column of the sine of a pair."""
    return pair if split else 2 * pair


def mask_panels(sentences: list[list[str]]) -> list[Matrix]:
    """Return the padding mask of each sentence of a batch, (S, S), and the causal mask of the longest.

    1 is where the query of the row may see the key of the column; the padding mask is (B, 1, 1, S), the same
    for every query. The decoder is fed <s> and all words of the longest sentence but the last.
    """
    longest = max(sentences, key=len)
    ids = torch.tensor([[1] * len(words) + [PAD] * (len(longest) - len(words)) for words in sentences])
    masks = padding_mask(ids)[:, 0].expand(-1, len(longest), -1)  # (B, S, S)
    panels = []
    for number, (words, mask) in enumerate(zip(sentences, masks, strict=True), 1):
        padded = words + ["pad"] * (len(longest) - len(words))
        panels.append(_mask_panel(f"Padding mask of sentence {number}", padded, mask))
    fed = ["<s>", *longest[:-1]]
    return [*panels, _mask_panel("Causal mask", fed, causal_mask(len(fed)))]


def _mask_panel(title: str, words: list[str], mask: Tensor) -> Matrix:
    return Matrix(title, "keys", "queries", mask.float().tolist(), words, words, written=".0f")
