"""Muon: each step of a matrix is made orthogonal, so that all its directions learn at one pace.

M weights in all; N matrices of one shape, R rows and C columns.
"""

from __future__ import annotations

import math
from itertools import groupby

import torch
from torch import Tensor

MOMENTUM = 0.95
ITERATIONS, COEFFICIENTS = 5, (3.4445, -4.7750, 2.0315)  # of Newton and Schulz, as Jordan chose them
SCALE = 0.4  # times √max(R, C): a step is then as large as Adam's at about twice the rate


class Muon:
    """Muon (Jordan et al. 2024, with Nesterov's momentum) on matrices that follow each other in one vector.

    torch.optim.Muon takes the matrices one by one, always in bf16; here those of one shape are one batch,
    several times faster where they are small, and in the precision of the model.
    """

    def __init__(
        self, weights: Tensor, gradients: Tensor, shapes: list[tuple[int, int]], precision: torch.dtype
    ) -> None:
        """Take weights and gradients (M,), which hold matrices of these shapes, and update them in place."""
        self.momentum = torch.zeros_like(weights)  # (M,)
        self._weights, self._gradients, self._precision = weights, gradients, precision
        self._stacks = [(len(list(same)), *shape) for shape, same in groupby(shapes)]  # (N, R, C)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Update with the gradients, at the learning rate of Adam."""
        self.momentum.lerp_(self._gradients, 1 - MOMENTUM)
        ahead = self._gradients.lerp(self.momentum, MOMENTUM)
        sizes = [math.prod(stack) for stack in self._stacks]
        parts = zip(self._stacks, torch.split(self._weights, sizes), torch.split(ahead, sizes), strict=True)
        for stack, weights, update in parts:
            step = orthogonal(update.view(stack).to(self._precision))
            weights.view(stack).add_(step, alpha=-rate * SCALE * math.sqrt(max(stack[1:])))


def orthogonal(matrices: Tensor) -> Tensor:
    """Return for each matrix (N, R, C) about the nearest one whose singular values are all 1.

    They come out between 0.7 and 1.2 after five iterations, which is as good (Jordan et al. 2024).
    """
    a, b, c = COEFFICIENTS
    flat = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if flat else matrices  # (N, r, c) with r <= c
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT  # (N, r, r)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if flat else x
