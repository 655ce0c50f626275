"""Attention: masks, scores, masked softmax, and multiple heads.

B batch, T queries (target length), S keys (source length), D model width, H heads, K head width.
Masks are boolean and True means "may attend".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqformer.models import fused
from seqformer.models.cache import KeyValueCache
from seqformer.models.dropout import Dropout

FUSED_FROM = 128  # keys


def padding_mask(ids: Tensor, pad: int = 0) -> Tensor:
    """Return which keys are not padding: ids (B, S) -> (B, 1, 1, S), for every head and query.

    ::

        ids    7 4 9 PAD PAD
        mask   1 1 1  0   0
    """
    return (ids != pad)[:, None, None, :]


def causal_mask(length: int, device: torch.device | None = None) -> Tensor:
    """Return which positions each position may see, itself and the earlier ones: (T, T).

    ::

        query 1   1 0 0 0
        query 2   1 1 0 0
        query 3   1 1 1 0
        query 4   1 1 1 1
    """
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """Return which of ``size`` keys are within a valid length, one for each sequence or for each query.

    lengths (B,) -> (B, 1, S); lengths (B, T) -> (B, T, S) (Dive into Deep Learning, "Attention
    Scoring Functions").

    ::

        lengths 1 3   1 0 0 0
                      1 1 1 0
    """
    within = torch.arange(size, device=lengths.device) < lengths[..., None]
    return within if lengths.dim() > 1 else within[:, None]


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Apply softmax over the last axis where ``mask`` is True; the rest is exactly zero.

    A row that may see nothing gets zeros only, and passes no gradient.
    """
    if mask is None:
        return fused.softmax(scores)
    hidden = ~mask
    scores = scores.masked_fill(hidden, torch.finfo(scores.dtype).min)
    return fused.softmax(scores).masked_fill(hidden, 0.0)


def score_dot_product(query: Tensor, key: Tensor) -> Tensor:
    """Compute Q Kᵀ / √K: queries (…, T, K) and keys (…, S, K) of one width -> scores (…, T, S).

    The root keeps the variance of a score at that of the entries (Vaswani et al. 2017, section 3.2.1).
    """
    return (query * (1 / math.sqrt(query.shape[-1]))) @ key.transpose(-2, -1)


def score_additive(query: Tensor, key: Tensor, vector: Tensor) -> Tensor:
    """Compute vᵀ tanh(q + k) for every query q and key k, both already projected to A features.

    query (…, T, A), key (…, S, A), vector (A,) -> scores (…, T, S). With q = W_q s and k = W_k h this
    is the alignment model of Bahdanau et al. 2015, appendix A.1.2; keys are projected once.
    """
    features = torch.tanh(query[..., :, None, :] + key[..., None, :, :])  # (…, T, S, A)
    return features @ vector


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    weights: bool = False,
    dropout: Dropout | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Apply scaled dot-product attention, softmax(Q Kᵀ / √K) V (Vaswani et al. 2017, equation 1).

    query (…, T, K), key and value (…, S, K), mask broadcast to (…, T, S); the output is (…, T, K),
    with the attention weights (…, T, S) if ``weights`` is set. Without them a GPU, and a CPU that only
    decodes, use torch's fused kernel, which computes the same; in training on a CPU its backward pass
    is slower than ours, and pays only from ``FUSED_FROM`` keys. ``dropout`` drops weights, never of those
    returned.
    """
    drops = dropout is not None and dropout.drops
    if weights or drops:
        attention = masked_softmax(score_dot_product(query, key), mask)  # (…, T, S)
        left = dropout(attention) if dropout is not None else attention
        return left @ value, attention if weights else None
    short = key.shape[-2] < FUSED_FROM and query.dim() == 4
    if query.device.type == "cpu" and torch.is_grad_enabled() and short:
        return fused.attention(query, key, value, mask), None
    return functional.scaled_dot_product_attention(query, key, value, mask), None


class AdditiveAttention(nn.Module):
    """Attention by additive scores: queries and keys may differ in width, a small layer compares them."""

    def __init__(self, query_width: int, key_width: int, features: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.query = nn.Linear(query_width, features, bias=False)
        self.key = nn.Linear(key_width, features, bias=False)
        self.vector = nn.Parameter(torch.empty(features).uniform_(-1, 1) * features**-0.5)
        self.dropout = Dropout(dropout)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Attend: query (…, T, Q), projected key (…, S, A), value (…, S, D) -> (…, T, D), weights (…, T, S).

        ``key`` is the output of ``self.key``, so that a decoder projects the keys only once a sentence.
        """
        weights = masked_softmax(score_additive(self.query(query), key, self.vector), mask)
        return self.dropout(weights) @ value, weights


def split_heads(x: Tensor, heads: int, parts: int) -> tuple[Tensor, ...]:
    """Return that many stacked projections (B, T, parts * D), each by heads: (B, H, T, K).

    Head h gets the columns hK to (h+1)K - 1 of each, K = D / H (section 3.2.2).
    """
    return x.view(*x.shape[:2], parts, heads, -1).permute(2, 0, 3, 1, 4).unbind(0)


class MultiHeadAttention(nn.Module):
    """Attention by H heads, each with its own projections (section 3.2.2)."""

    def __init__(self, width: int, heads: int, *, bias: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width, bias)  # query, key and value, stacked in this order
        self.output = nn.Linear(width, width, bias)
        self.dropout = Dropout(dropout)  # of weights

    def forward(
        self, x: Tensor, mask: Tensor | None, *, cache: KeyValueCache | None = None, weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Apply self-attention: x (B, T, D) -> (B, T, D), and the weights (B, H, T, S) if asked for.

        With a cache, which has the earlier keys, x (B, W, D) is the newest position of W hypotheses.
        """
        query, key, value = split_heads(self.project(x), self.heads, 3)  # (B, H, T, K)
        if cache is not None:
            key, value = cache.append(key, value)
        attended, maps = attend(query, key, value, mask, weights=weights, dropout=self.dropout)
        return self.merge(attended), maps

    def keys_and_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the keys and values of a memory (B, S, D) for cross-attention, each (B, H, S, K)."""
        key, value = split_heads(self.projected(memory, slice(memory.shape[-1], None)), self.heads, 2)
        return key.contiguous(), value.contiguous()  # read again at every step

    def cross(
        self, x: Tensor, memory: tuple[Tensor, Tensor], mask: Tensor | None, *, weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Attend over ``keys_and_values(memory)``: x (R, T, D) -> (R, T, D).

        R may be a multiple of the B sentences of the memory: the hypotheses of one sentence follow
        each other and share its keys as if they were further queries.
        """
        key, value = memory
        rows, length, width = x.shape
        query = self.projected(x, slice(width))
        (query,) = split_heads(query.reshape(key.shape[0], -1, width), self.heads, 1)  # (B, H, R/B * T, K)
        attended, maps = attend(query, key, value, mask, weights=weights, dropout=self.dropout)
        return self.merge(attended).view(rows, length, width), maps

    def projected(self, x: Tensor, rows: slice) -> Tensor:
        """Apply these rows of the stacked projection."""
        bias = self.project.bias[rows] if self.project.bias is not None else None
        return functional.linear(x, self.project.weight[rows], bias)

    def merge(self, x: Tensor) -> Tensor:
        """Join heads (B, H, T, K) and project them: (B, T, D)."""
        merged: Tensor = self.output(x.transpose(1, 2).flatten(2))  # (B, T, D)
        return merged
