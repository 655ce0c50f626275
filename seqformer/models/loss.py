"""Projection onto the vocabulary and cross-entropy in one, a few rows at a time.

N tokens, D model width, V vocabulary, C tokens at a time. All logits of a batch, (N, V), would be
the largest tensor of a training step by far; here only (C, V) of them exist at once, and the
gradients are computed in the same pass.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

LOGITS = 1 << 22  # in memory at once


class Loss(NamedTuple):
    """The loss of a batch, summed over its units (target tokens, or images)."""

    objective: Tensor  # what is minimised, in nats
    plain: Tensor  # the same without label smoothing, for reports: comparable with a validation loss
    units: int


def _rows(vocabulary: int) -> int:
    """Return how many tokens are projected at a time."""
    return max(64, LOGITS // vocabulary // 64 * 64)


class _ProjectionLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, target: Tensor, smoothing: float
    ) -> tuple[Tensor, Tensor]:
        # With smoothing e, loss = lse(z) - (1-e) z_target - e mean(z). The mean of the logits is
        # linear in the hidden state, so its term of the gradient needs no pass over (N, V).
        mean_weight = hidden.new_full((1, len(weight)), 1 / len(weight)) @ weight  # (1, D)
        # zero rows up to a round number add nothing; few distinct sizes need few compiled products
        short = -len(hidden) % 64
        states, wanted = functional.pad(hidden, (0, 0, 0, short)), functional.pad(target, (0, short))
        grad_states, grad_weight = torch.empty_like(states), torch.zeros_like(weight)
        losses, plain = states.new_empty(2, len(states), dtype=torch.float32)
        size = _rows(len(weight))
        room = hidden.new_empty(2, min(size, len(states)), len(weight))  # the same memory for every chunk
        counted = torch.arange(size, device=hidden.device)
        for begin in range(0, len(states), size):
            rows, ids = states[begin : begin + size], wanted[begin : begin + size, None]
            logits = torch.mm(rows, weight.T, out=room[0, : len(rows)])  # (C, V)
            at_target = logits.gather(1, ids).float()
            grad = torch.softmax(logits, -1, out=room[1, : len(rows)])  # dloss/dlogits except two terms:
            p = grad.gather(1, ids)  # (C, 1)
            lse = at_target - p.float().clamp_min(1e-30).log()
            losses[begin : begin + size] = (lse - (1 - smoothing) * at_target)[:, 0]
            plain[begin : begin + size] = (lse - at_target)[:, 0]
            grad[counted[: len(rows)], ids[:, 0]] = p[:, 0] - (1 - smoothing)  # the target's, added here,
            torch.mm(grad, weight, out=grad_states[begin : begin + size])
            torch.addmm(grad_weight, grad.T, rows, out=grad_weight)
        total = hidden.sum(0, dtype=torch.float32)  # (D,)
        grad_hidden = grad_states[: len(hidden)].sub_(smoothing * mean_weight)  # and the smoothing's
        grad_weight -= (total * (smoothing / len(weight))).to(weight.dtype)
        ctx.save_for_backward(grad_hidden, grad_weight)
        objective = losses[: len(hidden)].sum() - smoothing * (total * mean_weight[0].float()).sum()
        unsmoothed = plain[: len(hidden)].sum()
        ctx.mark_non_differentiable(unsmoothed)
        return objective, unsmoothed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_hidden, grad_weight = ctx.saved_tensors
        scale = gradients[0]
        if scale.item() == 1:  # the loss itself is differentiated: nothing to multiply
            return grad_hidden, grad_weight, None, None
        return (
            grad_hidden * scale.to(grad_hidden.dtype),
            grad_weight * scale.to(grad_weight.dtype),
            None,
            None,
        )


def projection_loss(hidden: Tensor, weight: Tensor, target: Tensor, smoothing: float = 0.0) -> Loss:
    """Return the summed cross-entropy of ``hidden @ weight.T`` against ``target``, in nats.

    hidden (N, D), weight (V, D), target (N,). ``smoothing`` spreads that share of the target evenly
    over the vocabulary (Szegedy et al. 2016; section 5.4 of the paper).
    """
    if torch.is_grad_enabled():
        objective, plain = _ProjectionLoss.apply(hidden, weight, target, smoothing)  # type: ignore[no-untyped-call]
        return Loss(objective, plain, len(target))
    size = _rows(len(weight))
    parts = list(zip(torch.split(hidden, size), torch.split(target, size), strict=True))

    def total(smoothing: float) -> Tensor:
        losses = [
            functional.cross_entropy(
                (rows @ weight.T).float(), wanted, reduction="sum", label_smoothing=smoothing
            )
            for rows, wanted in parts
        ]
        return torch.stack(losses).sum()

    plain = total(0.0)
    return Loss(total(smoothing) if smoothing else plain, plain, len(target))
