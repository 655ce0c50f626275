"""Attention and LayerNorm with backward passes of their own, for training on a CPU.

Each computes what the formula beside it says, up to rounding, in fewer passes over memory than torch's
own operations take where sentences are short and the model is narrow: there the matrix products are
no more than half of a training step.

B batch, H heads, T queries (target length), S keys (source length), K head width, D model width,
N = B T positions.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


def softmax(scores: Tensor) -> Tensor:
    """Apply softmax over the last axis, in fp32 at least: a CPU takes four times as long in bf16."""
    wide = torch.promote_types(scores.dtype, torch.float32)
    return scores.softmax(-1, dtype=wide).to(scores.dtype)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        q, k, v = (x.flatten(0, 1) for x in (query, key, value))  # (B*H, T or S, K), each contiguous
        ctx.scale = 1 / math.sqrt(q.shape[-1])
        scores = (q @ k.transpose(1, 2)).view(*query.shape[:2], q.shape[1], k.shape[1])  # (B, H, T, S)
        wide = torch.promote_types(scores.dtype, torch.float32)
        if mask is None:
            scores = scores.to(wide).mul_(ctx.scale)
        else:
            low = torch.zeros(mask.shape, dtype=wide).masked_fill_(~mask, torch.finfo(wide).min)
            scores = torch.add(low, scores, alpha=ctx.scale)
        weights = torch.softmax(scores, -1).to(q.dtype)
        if mask is not None:
            sees = mask.any(-1, keepdim=True)
            if not sees.all():  # a query that may see nothing gets zeros
                weights *= sees
        p = weights.flatten(0, 1)  # (B*H, T, S)
        ctx.save_for_backward(q, k, v, p)
        return (p @ v).view(query.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, p = ctx.saved_tensors
        (gradient,) = gradients
        heads, g = gradient.shape[:2], gradient.flatten(0, 1)  # (B*H, T, K)
        wide = torch.promote_types(p.dtype, torch.float32)
        grad_p, wide_p = (g @ v.transpose(1, 2)).to(wide), p.to(wide)
        grad_scores = torch.ops.aten._softmax_backward_data(grad_p, wide_p, -1, wide)
        s = torch.mul(grad_scores, ctx.scale, out=torch.empty_like(p))  # (B*H, T, S)
        sides = (s @ k, s.transpose(1, 2) @ q, p.transpose(1, 2) @ g)
        grad_q, grad_k, grad_v = (x.view(*heads, *x.shape[1:]) for x in sides)
        return grad_q, grad_k, grad_v, None


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Return masked_softmax(Q Kᵀ / √K) V: query (B, H, T, K), key and value (B, H, S, K).

    The mask is broadcast to (B, H, T, S).
    """
    y: Tensor = _Attention.apply(query, key, value, mask)  # type: ignore[no-untyped-call]
    return y
