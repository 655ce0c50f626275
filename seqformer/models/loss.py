"""Projection onto the vocabulary and cross-entropy in one, a few rows at a time.

N tokens, D model width, V vocabulary. All logits of a batch, (N, V), would be the largest tensor of
a training step by far; here only ``ROWS`` of them exist at once, and the gradients are made in the
same pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

ROWS = 128  # logits of so many tokens stay in a processor's cache


class _ProjectionLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, target: Tensor, smoothing: float) -> Tensor:
        # With smoothing e, loss = lse(z) - (1-e) z_target - e mean(z). The mean of the logits is
        # linear in the hidden state, so its share of the gradient needs no pass over (N, V).
        mean_weight = weight.mean(0, dtype=torch.float32)  # (D,)
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros_like(weight, dtype=torch.float32)
        loss = hidden.new_zeros((), dtype=torch.float32)
        for begin in range(0, len(hidden), ROWS):
            rows, wanted = hidden[begin : begin + ROWS], target[begin : begin + ROWS, None]
            logits = rows @ weight.T  # (ROWS, V)
            at_target = logits.gather(1, wanted).float()
            grad = logits.softmax(-1)  # dloss/dlogits, but for the target and the smoothing
            log_p = grad.gather(1, wanted).float().clamp_min(1e-30).log()
            lse = at_target - log_p
            loss += (lse - (1 - smoothing) * at_target).sum() - smoothing * (rows.float() @ mean_weight).sum()
            grad.scatter_add_(1, wanted, torch.full_like(wanted, -1, dtype=grad.dtype) * (1 - smoothing))
            torch.mm(grad, weight, out=grad_hidden[begin : begin + ROWS])
            grad_weight += grad.T @ rows
        grad_hidden -= (smoothing * mean_weight).to(hidden.dtype)
        grad_weight -= hidden.sum(0, dtype=torch.float32) * (smoothing / len(weight))
        ctx.save_for_backward(grad_hidden, grad_weight.to(weight.dtype))
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_hidden, grad_weight = ctx.saved_tensors
        scale = gradients[0]
        if scale.item() == 1:  # the loss itself is what is differentiated: nothing to multiply
            return grad_hidden, grad_weight, None, None
        return grad_hidden * scale.to(grad_hidden.dtype), grad_weight * scale.to(grad_weight.dtype), None, None


def projection_loss(hidden: Tensor, weight: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
    """Summed cross-entropy of ``hidden @ weight.T`` against ``target``, in nats.

    hidden (N, D), weight (V, D), target (N,). ``smoothing`` spreads that share of the target evenly
    over the vocabulary (Szegedy et al. 2016; section 5.4 of the paper).
    """
    if torch.is_grad_enabled():
        loss: Tensor = _ProjectionLoss.apply(hidden, weight, target, smoothing)
        return loss
    parts = zip(hidden.split(ROWS), target.split(ROWS), strict=True)
    losses = [
        functional.cross_entropy(
            (rows @ weight.T).float(), wanted, reduction="sum", label_smoothing=smoothing
        )
        for rows, wanted in parts
    ]
    return torch.stack(losses).sum()
