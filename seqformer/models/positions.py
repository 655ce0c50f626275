"""Where a token stands: added to its embedding, since attention itself sees a set.

T length, D model width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def sinusoids(length: int, width: int) -> Tensor:
    """The matrix (T, D) of section 3.5: sines in even columns and cosines in odd ones.

    P[t, 2i] = sin(t / 10000^(2i/D)),  P[t, 2i+1] = cos(t / 10000^(2i/D))
    """
    time = torch.arange(length, dtype=torch.float32)[:, None]  # (T, 1)
    rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10_000.0) / width))
    angle = time * rate  # (T, D/2)
    return torch.stack((angle.sin(), angle.cos()), -1).flatten(1)  # (T, D)


class SinusoidalPositions(nn.Module):
    """Adds the sinusoids to embeddings, for any length: the table grows when it has to."""

    def __init__(self) -> None:
        super().__init__()
        self._table = torch.empty(0, 0)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """x (B, T, D), whose first position is number ``start``."""
        end = start + x.shape[1]
        if end > len(self._table) or self._table.dtype != x.dtype or self._table.device != x.device:
            self._table = sinusoids(max(256, 2 * end), x.shape[-1]).to(x)
        return x + self._table[start:end]
