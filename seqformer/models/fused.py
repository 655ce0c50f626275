"""Softmax and attention for training on a CPU, where sentences are short.

Both compute what :mod:`seqformer.models.attention` says, up to rounding, in less time than torch's own
operations take: there a softmax over 20 keys costs more than the matrix products around it.

B batch, H heads, T queries (target length), S keys (source length), K head width.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

VECTOR = 16  # fp32 numbers; torch takes ten times as long for the softmax of a row shorter than that


def softmax(scores: Tensor) -> Tensor:
    """Apply softmax over the last axis, in fp32 at least: in bf16 a CPU takes four times as long."""
    size = scores.shape[-1]
    wide = torch.promote_types(scores.dtype, torch.float32)
    long = functional.pad(scores, (0, max(0, VECTOR - size)), value=-math.inf)
    return long.softmax(-1, dtype=wide)[..., :size].to(scores.dtype)


class _Attention(torch.autograd.Function):
    """Keys are padded to ``VECTOR``, and the padding is hidden: S is their number with it."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        q, k, v = (x.flatten(0, 1) for x in (query, key, value))  # (B*H, T or S, K), contiguous
        ctx.keys, ctx.scale = k.shape[1], 1 / math.sqrt(k.shape[-1])
        if (short := VECTOR - ctx.keys) > 0:
            k, v = (functional.pad(x, (0, 0, 0, short)) for x in (k, v))
            mask = torch.ones(1, ctx.keys, dtype=torch.bool) if mask is None else mask
            mask = functional.pad(mask, (0, short))
        scores = (q @ k.transpose(1, 2)).view(*query.shape[:3], -1)  # (B, H, T, S)
        wide = torch.promote_types(scores.dtype, torch.float32)
        if mask is None:
            scores = scores.to(wide).mul_(ctx.scale)
        else:
            hidden = torch.zeros(mask.shape, dtype=wide).masked_fill_(~mask, torch.finfo(wide).min)
            scores = torch.add(hidden, scores, alpha=ctx.scale)
        weights = scores.softmax(-1).to(q.dtype)
        if mask is not None and not (sees := mask.any(-1, keepdim=True)).all():
            weights *= sees  # a query that may see nothing gets zeros
        p = weights.flatten(0, 1)  # (B*H, T, S)
        ctx.save_for_backward(q, k, v, p)
        return (p @ v).view(query.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, p = ctx.saved_tensors
        heads, g = gradients[0].shape[:2], gradients[0].flatten(0, 1)  # (B*H, T, K)
        wide = torch.promote_types(p.dtype, torch.float32)
        grad_p, wide_p = (g @ v.transpose(1, 2)).to(wide), p.to(wide)
        grad_scores = torch.ops.aten._softmax_backward_data(grad_p, wide_p, -1, wide)
        s = torch.mul(grad_scores, ctx.scale, out=torch.empty_like(p))  # (B*H, T, S)
        grad_q, grad_k, grad_v = s @ k, s.transpose(1, 2) @ q, p.transpose(1, 2) @ g
        each = (grad_q, grad_k[:, : ctx.keys], grad_v[:, : ctx.keys])
        grad_q, grad_k, grad_v = (x.view(*heads, *x.shape[1:]) for x in each)
        return grad_q, grad_k, grad_v, None


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Return masked_softmax(Q Kᵀ / √K) V: query (B, H, T, K), key and value (B, H, S, K).

    The mask is broadcast to (B, H, T, S).
    """
    y: Tensor = _Attention.apply(query, key, value, mask)  # type: ignore[no-untyped-call]
    return y
