"""Averages of the weights over a training, validated beside the weights themselves.

P parameters in all.
"""

from __future__ import annotations

import torch
from torch import Tensor

EMA = "ema"  # the name of its tensor in the state of a training


class MovingAverage:
    """The exponential moving average of the weights, over the last 1 / (1 - ``decay``) steps or so.

    Averages of the iterates of stochastic gradient descent are due to Polyak and Juditsky 1992. In step t
    the decay is (1 + t) / (10 + t) at most, so that the first weights are soon forgotten.
    """

    def __init__(self, weights: Tensor, decay: float) -> None:
        self.weights = weights.clone()  # (P,), fp32
        self.decay = decay

    @torch.no_grad()
    def update(self, weights: Tensor, step: int) -> None:
        """Take in the weights (P,) after the step of this number, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        self.weights.lerp_(weights, 1 - decay)
