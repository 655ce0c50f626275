"""Dropout whose random masks are cheap on a CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


class _ByteMask(torch.autograd.Function):
    """Multiply by 0 or 1/keep. One random 64-bit word serves eight entries, a byte each."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dropped: int) -> Tensor:
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        survives = words.numpy().view(np.uint8)[: x.numel()] >= dropped  # torch compares bytes one by one
        mask = torch.from_numpy(survives.view(np.uint8)).view(x.shape).to(x.dtype)
        mask.mul_(256 / (256 - dropped))
        ctx.save_for_backward(mask)
        return x * mask

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.saved_tensors[0], None


class Dropout(nn.Module):
    """Drop entries with probability ``rate`` in training (Srivastava et al. 2014).

    On a CPU the rate is rounded to a multiple of 1/256, so that a random byte decides; the other
    entries are scaled so that the expectation stays exactly the same.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    @property
    def drops(self) -> bool:
        """Whether anything is dropped now."""
        return self.training and self.rate > 0

    def forward(self, x: Tensor) -> Tensor:
        if not self.drops:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.rate)
        y: Tensor = _ByteMask.apply(x, max(1, round(256 * self.rate)))  # type: ignore[no-untyped-call]
        return y
