"""What a training minimises: the loss of a model, as the settings and the progress say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from seqformer.config import TrainConfig


class Summed(Protocol):
    """The loss of a batch: sums over its units."""

    @property
    def objective(self) -> Tensor: ...  # what is minimised
    @property
    def plain(self) -> Tensor: ...  # the same without label smoothing
    @property
    def units(self) -> int: ...


class HasLoss(Protocol):
    """A model that can be trained."""

    def loss(self, batch: Any, smoothing: float = 0.0, consistency: float = 0.0) -> Summed:
        """Return the loss of a batch; with ``consistency`` that of two passes, and of their difference.

        A model of sentences can be guided, too: ``guide`` is the factor of how far a head is from links.
        """


@dataclass(frozen=True)
class Objective:
    """The loss of a batch, ``progress`` (0 to 1) into the budget."""

    model: HasLoss
    config: TrainConfig

    def __call__(self, batch: Any, progress: float) -> Summed:
        """Return the sums; the gradient is taken of ``objective``."""
        twice = self.config.consistency if progress >= self.config.consistency_from else 0.0
        guided = {"guide": self.config.guide} if self.config.guide else {}  # of some models alone
        return self.model.loss(batch, self.config.label_smoothing, twice, **guided)
