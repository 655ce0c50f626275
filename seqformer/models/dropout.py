"""Dropout whose random masks are cheap on a CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


def _mask(like: Tensor, dropped: int) -> Tensor:
    """Return a mask of 0 and 1/keep. One random 64-bit word serves eight entries, a byte each."""
    words = torch.empty((like.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
    survives = words.numpy().view(np.uint8)[: like.numel()] >= dropped  # torch is slow to compare bytes
    mask = torch.from_numpy(survives.view(np.uint8)).view(like.shape).to(like.dtype)
    return mask.mul_(256 / (256 - dropped))


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dropped: int) -> Tensor:
        mask = _mask(x, dropped)
        ctx.save_for_backward(mask)
        return x * mask

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.saved_tensors[0], None


class _DropAndAdd(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, dropped: int) -> Tensor:
        mask = _mask(y, dropped)
        ctx.save_for_backward(mask)
        return torch.addcmul(x, y, mask)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        return gradients[0], gradients[0] * ctx.saved_tensors[0], None


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
        y: Tensor = _Drop.apply(x, self._dropped)  # type: ignore[no-untyped-call]
        return y

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """Return x + dropout(y)."""
        if not self.training or self.rate == 0 or x.device.type != "cpu":
            dropped: Tensor = self(y)
            return x + dropped
        joined: Tensor = _DropAndAdd.apply(x, y, self._dropped)  # type: ignore[no-untyped-call]
        return joined

    @property
    def _dropped(self) -> int:
        """How many of the 256 values of a byte drop an entry."""
        return max(1, round(256 * self.rate))
