"""Positions of tokens, added to their embeddings, since attention itself ignores the order.

B batch, T length, D model width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seqformer.errors import SeqformerError

POSITIONS = ("sinusoidal", "sinusoidal-split", "learned", "none")


def sinusoids(length: int, width: int, *, split: bool = False) -> Tensor:
    """Return the matrix (T, D) of section 3.5: sines in even columns and cosines in odd ones.

    P[t, 2i] = sin(t / 10000^(2i/D)),  P[t, 2i+1] = cos(t / 10000^(2i/D))

    ``split`` puts all sines in the first half and all cosines in the second: P[t, i] and P[t, D/2 + i].
    The columns are the same ones in another order, which the layers that follow can learn either way.
    """
    time = torch.arange(length, dtype=torch.float64)[:, None]  # (T, 1); far positions need the precision
    rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float64) * (-math.log(10_000.0) / width))
    angle = time * rate  # (T, D/2)
    sine, cosine = angle.sin().float(), angle.cos().float()
    if split:
        return torch.cat((sine, cosine), -1)  # (T, D)
    return torch.stack((sine, cosine), -1).flatten(1)  # (T, D)


class SinusoidalPositions(nn.Module):
    """Adds the sinusoids to embeddings, for any length: the table grows if needed."""

    def __init__(self, *, split: bool = False) -> None:
        super().__init__()
        self.split = split
        self._table = torch.empty(0, 0)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """Add sinusoids to x (B, T, D), whose first position is number ``start``."""
        end = start + x.shape[1]
        if end > len(self._table) or self._table.dtype != x.dtype or self._table.device != x.device:
            self._table = sinusoids(max(256, 2 * end), x.shape[-1], split=self.split).to(x)
        return x + self._table[start:end]


class LearnedPositions(nn.Module):
    """Adds a learned vector for each position up to the longest (Gehring et al. 2017, section 3.1)."""

    def __init__(self, longest: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(longest, width)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """Add vectors to x (B, T, D), whose first position is number ``start``."""
        end, longest = start + x.shape[1], self.table.num_embeddings
        if end > longest:
            raise SeqformerError(
                f"a sentence of {end} pieces is too long for this model: it has learned positions for "
                f"{longest} at most; shorten it, or train with --positions sinusoidal"
            )
        return x + self.table.weight[start:end]


class NoPositions(nn.Module):
    """Adds nothing, to show what positions are for: the encoder then ignores the order of its source."""

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """Return x (B, T, D) unchanged."""
        return x


def position_table(layer: nn.Module, longest: int, width: int) -> Tensor:
    """Return what a layer of positions adds at each: (T, D), T ``longest`` or, if learned, all there are."""
    if isinstance(layer, LearnedPositions):
        return layer.table.weight.detach()
    if isinstance(layer, NoPositions):
        return torch.zeros(longest, width)
    assert isinstance(layer, SinusoidalPositions)
    return sinusoids(longest, width, split=layer.split)


def position_layer(kind: str, width: int, longest: int) -> nn.Module:
    """Return a layer of :data:`POSITIONS`, which takes embeddings (B, T, D) and their first position."""
    if kind == "learned":
        return LearnedPositions(longest, width)
    if kind == "none":
        return NoPositions()
    return SinusoidalPositions(split=kind == "sinusoidal-split")
