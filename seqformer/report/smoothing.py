"""Label smoothing: the targets that the loss of this package aims at, read off its gradients.

V vocabulary. The loss of a token with target distribution t is the cross-entropy -Σ t log p, and its gradient
by the logits is p - t: so t is what the gradient of :func:`projection_loss` lacks of p.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from rich.console import RenderableType
from torch import Tensor

from seqformer.config import TrainConfig
from seqformer.console import table
from seqformer.errors import SeqformerError
from seqformer.models.loss import projection_loss
from seqformer.report.panels import Curves, Figure, Matrix, Panel
from seqformer.report.report import SCREEN
from seqformer.symbols import SPECIALS

NAMES = ("<pad>", "<unk>", "<s>", "</s>", "the", "cat", "sleeps", ".")  # of the first pieces
RIGHT = NAMES.index("cat")
PROBABILITIES = (*(step / 100 for step in range(1, 100)), 0.995, 0.999)
SMALLEST, LARGEST = len(NAMES), 100_000  # vocabulary


@dataclass(frozen=True)
class Smoothed:
    """What one amount of smoothing does. Losses are in nats."""

    epsilon: float
    targets: list[float]  # of the first pieces, as in NAMES
    lowest: float  # loss, where the model's distribution is the target
    losses: list[float]  # at PROBABILITIES of the right piece; the others share the rest evenly


@dataclass(frozen=True)
class Smoothing(Figure):
    """Targets and losses for some amounts of smoothing. Made by :func:`smoothing`."""

    vocabulary: int
    pieces: list[str]  # the first of the vocabulary
    right: str  # the piece that comes next
    probabilities: list[float]  # of the right piece
    cases: list[Smoothed]

    @property
    def title(self) -> str:
        """The size of the vocabulary."""
        return f"Label smoothing over {self.vocabulary:,} pieces"

    @property
    def answer(self) -> str:
        """What smoothing is for, and what it does about padding."""
        return (
            "Smoothing takes the share ε from the right piece and spreads it evenly over all V pieces: the "
            "loss is lowest at p = 1 - ε + ε/V and rises beyond, so it does not pay to be entirely sure. "
            "A position whose target is padding (index 0) is left out of the loss at any ε; as one of the V "
            "pieces, though, <pad> gets its ε/V of every target like any other."
        )

    def panels(self) -> list[list[Panel]]:
        """Return the targets, and the loss over the probability of the right piece."""
        first = "" if self.vocabulary == len(self.pieces) else f", first {len(self.pieces)} pieces"
        targets = Matrix(
            title=f"Targets{first}",
            x="pieces",
            y="ε",
            values=[case.targets for case in self.cases],
            rows=[f"{case.epsilon:g}" for case in self.cases],
            columns=self.pieces,
            written=".3g",
        )
        lines = {
            f"ε {case.epsilon:g}": list(zip(self.probabilities, case.losses, strict=True))
            for case in self.cases
        }
        return [[targets, Curves("Loss", f"p of '{self.right}'", "loss in nats", dict(lines))]]

    def tables(self) -> list[RenderableType]:
        """Return the targets of the first pieces, the lowest losses, and the loss as curves."""
        rows = table(
            f"{self.title}: targets where '{self.right}' comes next",
            "piece",
            *(f"ε = {case.epsilon:g}" for case in self.cases),
        )
        for at, piece in enumerate(self.pieces):
            rows.add_row(piece, *(f"{case.targets[at]:.3g}" for case in self.cases))
        if others := self.vocabulary - len(self.pieces):
            rows.add_row(f"each of {others:,} more", *(f"{case.targets[0]:.3g}" for case in self.cases))
        rows.add_section()
        rows.add_row("lowest loss, in nats", *(f"{case.lowest:.3f}" for case in self.cases))
        return [rows, self.panels()[0][1].draw(SCREEN), ""]


def smoothing(epsilons: list[float], vocabulary: int = SMALLEST) -> Smoothing:
    """Return targets and losses of label smoothing (Szegedy et al. 2016, section 7), by the model's own loss.

    ``epsilons`` are the shares that are spread evenly over all ``vocabulary`` pieces. Raises
    :class:`SeqformerError` for a share that a training would refuse, and for other sizes than from
    ``SMALLEST`` to ``LARGEST``.
    """
    for epsilon in epsilons:
        TrainConfig(label_smoothing=epsilon)
    if not SMALLEST <= vocabulary <= LARGEST:
        raise SeqformerError(
            f"a vocabulary of {vocabulary:,} pieces: it can have from {SMALLEST} to {LARGEST:,}, of which "
            f"{SPECIALS} are special symbols"
        )
    cases = []
    for epsilon in epsilons:
        targets = _targets(epsilon, vocabulary)
        cases.append(
            Smoothed(
                epsilon,
                targets[: len(NAMES)].tolist(),
                _loss(float(targets[RIGHT]), epsilon, vocabulary),
                [_loss(p, epsilon, vocabulary) for p in PROBABILITIES],
            )
        )
    return Smoothing(vocabulary, list(NAMES), NAMES[RIGHT], list(PROBABILITIES), cases)


def _targets(epsilon: float, vocabulary: int) -> Tensor:
    """Return the target distribution (V,): the model's own less the gradient of the loss by its logits."""
    logits = torch.zeros(vocabulary, 1, dtype=torch.double, requires_grad=True)  # (V, 1), a state of width 1
    loss = projection_loss(torch.ones(1, 1, dtype=torch.double), logits, torch.tensor([RIGHT]), epsilon)
    (gradient,) = torch.autograd.grad(loss.objective, logits)
    return 1 / vocabulary - gradient[:, 0]


@torch.no_grad()
def _loss(p: float, epsilon: float, vocabulary: int) -> float:
    """Return the loss where the model gives the right piece ``p``, and the others the rest evenly."""
    others = max(1 - p, 1e-12) / (vocabulary - 1)
    logits = torch.full((vocabulary, 1), others, dtype=torch.double).log()
    logits[RIGHT] = torch.tensor(p, dtype=torch.double).log()
    hidden, right = torch.ones(1, 1, dtype=torch.double), torch.tensor([RIGHT])
    return float(projection_loss(hidden, logits, right, epsilon).objective)
