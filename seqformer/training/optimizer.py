"""Adam, and Muon for the matrices of hidden layers, over one flat vector of weights.

It is in fp32, whatever the precision of the model. P parameters in all, M of them in such matrices.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from seqformer.training.muon import Muon

MOMENTUM = "muon/momentum"  # the name of its tensor in the state of a training


class FlatOptimizer:
    """Adam (Kingma and Ba 2015; first beta and epsilon of section 5.3) on all weights as one vector.

    The model's parameters and gradients become views of two flat vectors, so that clipping, the
    update and the copy to the model's own precision are a handful of passes over memory.

    Muon has the ``matrices``: the parameters of these names, each so many matrices on top of each other.
    """

    def __init__(
        self, model: nn.Module, clip: float, beta2: float = 0.98, matrices: dict[str, int] | None = None
    ) -> None:
        named, shapes = _in_order(dict(model.named_parameters()), matrices or {})
        first = next(iter(named.values()))
        size = sum(p.numel() for p in named.values())
        self.clip = clip
        self._shapes = {name: p.shape for name, p in named.items()}
        self._weights = torch.empty(
            size, dtype=first.dtype, device=first.device
        )  # (P,), in the model's precision
        self._gradients = torch.zeros_like(self._weights)
        views = zip(named.values(), self._views(self._weights), self._views(self._gradients), strict=True)
        for parameter, weights, gradients in views:
            weights.copy_(parameter.data)
            parameter.data = weights
            parameter.grad = gradients
        same = first.dtype == torch.float32
        self._master = self._weights if same else self._weights.float()
        self._sum = self._gradients if same else torch.zeros_like(self._master)  # over accumulated batches
        self._collected = False  # whether the sum holds anything since the last step
        split = sum(rows * columns for rows, columns in shapes)  # M
        self._muon = Muon(self._master[:split], self._sum[:split], shapes, first.dtype) if shapes else None
        self._rest = self._master[split:]  # (P - M,), Adam's
        self._rest.grad = self._sum[split:]
        self._adam = torch.optim.Adam([self._rest], betas=(0.9, beta2), eps=1e-9, fused=True)

    def collect(self) -> None:
        """Add the gradients of one batch, after its backward pass."""
        if self._sum is not self._gradients:
            if self._collected:
                self._sum += self._gradients
            else:
                self._sum.copy_(self._gradients)
            self._gradients.zero_()
        self._collected = True

    @property
    def collected(self) -> Tensor:
        """The gradients collected since the last step, summed: (P,), to be summed over processes in place."""
        if not self._collected:
            self._sum.zero_()
            self._collected = True
        return self._sum

    def step(self, units: int, rate: float) -> float:
        """Update with the collected gradients of a loss summed over ``units``.

        Returns the norm of the mean gradient; if it is not finite nothing is updated.
        """
        norm = float(self._sum.norm()) / units
        if math.isfinite(norm):
            self._sum.mul_(min(1.0, self.clip / (norm + 1e-6)) / units)
            self._adam.param_groups[0]["lr"] = rate
            self._adam.step()
            if self._muon:
                self._muon.step(rate)
            if self._master is not self._weights:
                self._weights.copy_(self._master)
        self.discard()
        return norm

    def discard(self) -> None:
        """Forget the collected gradients."""
        if self._sum is self._gradients:
            self._sum.zero_()
        self._collected = False

    def is_finite(self) -> bool:
        """Return whether all weights are finite."""
        return bool(torch.isfinite(self._master).all())

    @property
    def flat(self) -> Tensor:
        """The weights as one vector (P,), in fp32, valid until the next step."""
        return self._master

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """Return the views by name of a vector (P,) of all weights."""
        return dict(zip(self._shapes, self._views(flat), strict=True))

    def weights(self) -> dict[str, Tensor]:
        """Return the weights by name, in fp32: views, valid until the next step."""
        return self.named(self._master)

    @contextlib.contextmanager
    def holding(self, flat: Tensor) -> Iterator[None]:
        """Let the model hold other weights, (P,), for the block."""
        own = self._weights.clone()
        self._weights.copy_(flat)
        try:
            yield
        finally:
            self._weights.copy_(own)

    def state(self) -> dict[str, Tensor]:
        """Return all that resuming needs: weights by name, Adam's averages and Muon's momentum."""
        adam = self._adam.state[self._rest]
        moments = {f"adam/{key}": adam[key] for key in ("exp_avg", "exp_avg_sq", "step") if key in adam}
        if self._muon:
            moments[MOMENTUM] = self._muon.momentum
        return {f"weights/{k}": v for k, v in self.weights().items()} | {
            name: vector.reshape(-1) for name, vector in moments.items()
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Restore what :meth:`state` returned."""
        for name, view in self.weights().items():
            view.copy_(state[f"weights/{name}"])
        if self._master is not self._weights:
            self._weights.copy_(self._master)
        if "adam/step" in state:
            self._adam.state[self._rest] = {
                "step": state["adam/step"].reshape(()).to(self._master.device),
                "exp_avg": state["adam/exp_avg"].to(self._master.device),
                "exp_avg_sq": state["adam/exp_avg_sq"].to(self._master.device),
            }
        if self._muon:
            self._muon.momentum.copy_(state[MOMENTUM])

    def _views(self, flat: Tensor) -> list[Tensor]:
        sizes = [math.prod(shape) for shape in self._shapes.values()]
        parts = zip(torch.split(flat, sizes), self._shapes.values(), strict=True)
        return [part.view(shape) for part, shape in parts]


def _in_order(
    named: dict[str, nn.Parameter], matrices: dict[str, int]
) -> tuple[dict[str, nn.Parameter], list[tuple[int, int]]]:
    """Return the parameters with these matrices first, by shape, and the shape of each single matrix."""
    shapes = {name: (len(named[name]) // count, named[name].shape[1]) for name, count in matrices.items()}
    first = sorted(matrices, key=shapes.__getitem__)
    rest = [name for name in named if name not in matrices]
    return {name: named[name] for name in (*first, *rest)}, [
        shapes[name] for name in first for _ in range(matrices[name])
    ]
