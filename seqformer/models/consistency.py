"""The loss of two passes over the same batch, with other dropout in each, that should agree.

N tokens, D model width, V vocabulary, C tokens at a time.

R-Drop (Liang et al. 2021, "R-Drop: Regularized Dropout for Neural Networks", equation 4) adds to the
cross-entropy of both passes A times how far their distributions p and q are apart:

    ½ (-log p_target - log q_target) + A/2 · ½ (KL(p‖q) + KL(q‖p))
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from seqformer.models.loss import LOGITS, Loss


def divergence(first: Tensor, second: Tensor) -> Tensor:
    """Return ½ (KL(p‖q) + KL(q‖p)) of two batches of logits (N, V), summed over the rows, in nats."""
    log_p, log_q = first.log_softmax(-1), second.log_softmax(-1)
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum() / 2


class _ConsistentLoss(torch.autograd.Function):
    """Losses and gradients of a few rows at a time, so that never all logits, (2N, V), exist at once."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, target: Tensor, smoothing: float, strength: float
    ) -> tuple[Tensor, Tensor]:
        first, second = hidden.chunk(2)  # (N, D) twice
        gradient, grad_weight = torch.empty_like(hidden), torch.zeros_like(weight)
        grad_first, grad_second = gradient.chunk(2)
        objective, plain = hidden.new_zeros(2, dtype=torch.float32)
        size = max(16, LOGITS // (4 * len(weight)))
        for begin in range(0, len(first), size):
            part = slice(begin, begin + size)
            wanted = target[part, None]  # (C, 1)
            log_p = torch.log_softmax((first[part] @ weight.T).float(), -1)  # (C, V)
            log_q = torch.log_softmax((second[part] @ weight.T).float(), -1)
            p, q = log_p.exp(), log_q.exp()
            both = (log_p.gather(1, wanted) + log_q.gather(1, wanted)).sum() / 2
            plain -= both
            objective -= (1 - smoothing) * both
            objective -= smoothing / 2 * (log_p.mean(-1) + log_q.mean(-1)).sum()
            apart = log_p.sub_(log_q)  # log p/q
            p_to_q = (p * apart).sum(-1, keepdim=True)  # KL(p‖q), (C, 1)
            q_to_p = -(q * apart).sum(-1, keepdim=True)
            objective += strength / 4 * (p_to_q + q_to_p).sum()
            # of the divergence: dKL/da = p (log p/q - KL(p‖q)) + (p - q); of the cross-entropy: p - target
            k, even = strength / 2, smoothing / len(weight)
            grad_p = p * (apart - p_to_q + 1).mul_(k).add_(1) - q * k
            grad_q = q * (1 - q_to_p - apart).mul_(k).add_(1) - p * k
            for grad, rows, out in (
                (grad_p, first[part], grad_first[part]),
                (grad_q, second[part], grad_second[part]),
            ):
                grad.sub_(even).scatter_add_(1, wanted, torch.full_like(wanted, smoothing - 1, dtype=p.dtype))
                half = grad.mul_(0.5).to(weight.dtype)
                torch.mm(half, weight, out=out)
                torch.addmm(grad_weight, half.T, rows, out=grad_weight)
        ctx.save_for_backward(gradient, grad_weight)
        ctx.mark_non_differentiable(plain)
        return objective, plain

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        gradient, grad_weight = ctx.saved_tensors
        scale = gradients[0].to(gradient.dtype)
        return gradient * scale, grad_weight * scale, None, None, None


def consistent_loss(
    hidden: Tensor, weight: Tensor, target: Tensor, smoothing: float, strength: float
) -> Loss:
    """Return the loss of two passes with the same targets, in nats, summed over the targets.

    hidden (2N, D) holds the first pass and then the second, weight (V, D), target (N,); ``strength`` is the
    factor A of the divergence between the two.
    """
    objective, plain = _ConsistentLoss.apply(hidden, weight, target, smoothing, strength)  # type: ignore[no-untyped-call]
    return Loss(objective, plain, len(target))
