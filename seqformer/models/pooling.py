"""Attention pooling by similarity: Nadaraya-Watson regression as attention with another score.

Q queries, N keys and their values. Each query is answered with the mean of the values, weighted by
how near their keys are (Nadaraya 1964, Watson 1964; d2l, chapter "Attention Mechanisms", section
"Attention Pooling by Similarity"):

    f(q) = Σ α(q, k_i) v_i / Σ α(q, k_i),     α a kernel of u = |q - k_i| / width

    gaussian       exp(-u²/2)
    boxcar         1      if u ≤ 1, else 0
    constant       1
    epanechnikov   1 - u² if u < 1, else 0

The last is Epanechnikov's own (1969); the book prints max(0, 1 - u), a triangle, under his name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from seqformer.errors import SeqformerError, nearest
from seqformer.models.attention import masked_softmax

KERNELS = ("gaussian", "boxcar", "constant", "epanechnikov")
NARROWEST = 1e-6  # width; below it, squared distances leave the range of numbers
MOST = 2000  # points; a weight for each two of them is kept
END = 5.0  # of the interval of the example, which starts at 0


@dataclass(frozen=True)
class Pooled:
    """The result of pooling. Where ``covered`` is False no key has weight, and the estimate 0 means none."""

    estimates: Tensor  # (Q,)
    weights: Tensor  # (Q, N); rows sum to 1, or to exactly 0 if no key has weight
    covered: Tensor  # (Q,) bool


def pool(queries: Tensor, keys: Tensor, values: Tensor, kernel: str, width: float = 1.0) -> Pooled:
    """Estimate the values at ``queries`` (Q,) from ``keys`` and ``values``, each (N,)."""
    if not math.isfinite(width) or width < NARROWEST:
        raise SeqformerError(f"width {width:g}: the width of a kernel must be at least {NARROWEST:g}")
    scores, mask = score((queries[:, None] - keys).abs() / width, kernel)  # (Q, N)
    weights = masked_softmax(scores, mask)
    return Pooled(weights @ values, weights, mask.any(-1))


def score(u: Tensor, kernel: str) -> tuple[Tensor, Tensor]:
    """Return log α(u), and a mask of where α is not zero; u (Q, N) are distances in units of the width.

    It is the logarithm because a softmax makes the weights: so a query that is far from every key, for
    which each exp(-u²/2) underflows, still gets its nearest key.
    """
    if kernel == "gaussian":
        return -u.square() / 2, torch.ones_like(u, dtype=torch.bool)
    if kernel == "boxcar":
        return torch.zeros_like(u), u <= 1
    if kernel == "constant":
        return torch.zeros_like(u), torch.ones_like(u, dtype=torch.bool)
    if kernel == "epanechnikov":
        inside = u < 1
        return torch.log1p(-u.square().masked_fill(~inside, 0.0)), inside
    raise SeqformerError(f"there is no kernel '{kernel}': {nearest(kernel, KERNELS)}")


def truth(x: Tensor) -> Tensor:
    """Return the true curve of the example: 2 sin x + x."""
    return 2 * x.sin() + x


def sample(points: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw keys (N,), uniform in [0, 5] and sorted, and values: the curve with standard normal noise."""
    if not 2 <= points <= MOST:
        raise SeqformerError(f"{points} points: a regression here has between 2 and {MOST:,} points")
    if not 0 <= seed < 2**63:
        raise SeqformerError(f"seed {seed}: a seed is a whole number from 0 upwards")
    random = torch.Generator().manual_seed(seed)
    keys = (END * torch.rand(points, generator=random, dtype=torch.double)).sort().values
    return keys, truth(keys) + torch.randn(points, generator=random, dtype=torch.double)


def rms(differences: Tensor) -> float:
    """Return the root of the mean square; NaN if there are no differences."""
    return float(differences.square().mean().sqrt())
