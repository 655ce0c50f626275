"""Why scores are divided by √K, measured on random queries and keys.

R queries, S keys of each, K head width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from rich.console import RenderableType
from torch import Tensor

from seqformer.console import table
from seqformer.errors import SeqformerError
from seqformer.models.attention import masked_softmax, score_dot_product
from seqformer.report.curves import Points
from seqformer.report.panels import Curves, Figure, Panel
from seqformer.report.report import SCREEN

QUERIES = 500  # R
WIDEST, MOST_KEYS, MOST_SEEDS = 1024, 64, 1 << 63


@dataclass(frozen=True)
class Measured:
    """Scores of one kind, and the weights that softmax makes of them: means over the queries."""

    head_width: int
    divided: bool  # by √K
    variance: float  # of the scores
    error: float  # standard error of the variance
    entropy: float  # of the weights, in nats; ln S if all are equal
    slope: float  # of a weight by its own score: w(1 - w)
    weights: list[float]  # the largest, the second largest, … of each query


@dataclass(frozen=True)
class Softmax(Figure):
    """Softmax over random scores, for some head widths. Made by :func:`measure`."""

    keys: int
    queries: int
    seed: int
    cases: list[Measured]  # of each width, without and with the division

    @property
    def title(self) -> str:
        """What is drawn at random."""
        return f"Softmax over {self.keys} random keys"

    @property
    def answer(self) -> str:
        """Why the division is needed."""
        return (
            "A dot product of K pairs of independent numbers of variance 1 has variance K, so in wide heads "
            "one score stands far above the rest, one key gets nearly all weight, and the slope vanishes. "
            "Divided by √K, scores keep the variance 1 at any K, weights stay spread at first, and every key "
            "gets a gradient to learn from (section 3.2.1)."
        )

    def panels(self) -> list[list[Panel]]:
        """Return the mean weights without and with the division, a panel for each width, two in a row."""
        drawn: list[Panel] = []
        for raw, divided in zip(self.cases[::2], self.cases[1::2], strict=True):
            lines: dict[str, Points] = {
                _formula(case.divided): list(enumerate(case.weights, 1)) for case in (raw, divided)
            }
            title = f"Weights at head width {raw.head_width}"
            drawn.append(Curves(title, "key, by weight", "mean weight", lines))
        return [drawn[first : first + 2] for first in range(0, len(drawn), 2)]

    def tables(self) -> list[RenderableType]:
        """Return a row for each width and kind of scores, and the weights at the last width as curves."""
        rows = table(
            f"{self.title}: means over {self.queries} queries",
            "K", "scores", "variance", "entropy", "largest weight", "slope w(1-w)",
            caption=f"Equal weights: entropy {math.log(self.keys):.2f} nats, largest {1 / self.keys:.3f}.",
        )  # fmt: skip
        rows.columns[1].justify = "left"
        for case in self.cases:
            rows.add_row(
                "" if case.divided else str(case.head_width),
                _formula(case.divided),
                f"{case.variance:.2f} ± {case.error:.2f}",
                f"{case.entropy:.2f}",
                f"{case.weights[0]:.3f}",
                f"{case.slope:.4f}",
            )
        return [rows, self.panels()[-1][-1].draw(SCREEN), ""]


def _formula(divided: bool) -> str:
    return "q·k / √K" if divided else "q·k"


def measure(head_widths: list[int], keys: int = 16, seed: int = 1) -> Softmax:
    """Return measurements of softmax over scores with and without the division by √K.

    Entries of queries and keys are drawn from a standard normal distribution with ``seed``: then q·k has
    mean 0 and variance K (Vaswani et al. 2017, section 3.2.1, footnote 4). Raises :class:`SeqformerError`
    for sizes out of range.
    """
    for name, value, least, most in (
        ("keys", keys, 2, MOST_KEYS),
        ("seed", seed, 0, MOST_SEEDS - 1),
        *(("head width", width, 1, WIDEST) for width in head_widths),
    ):
        if not least <= value <= most:
            raise SeqformerError(f"{name} {value}: give a number between {least} and {most:,}")
    cases = []
    for width in head_widths:
        generator = torch.Generator().manual_seed(seed)
        query = torch.randn(QUERIES, 1, width, generator=generator)
        key = torch.randn(QUERIES, keys, width, generator=generator)
        cases.append(_measured(query @ key.transpose(1, 2), width, divided=False))
        cases.append(_measured(score_dot_product(query, key), width, divided=True))
    return Softmax(keys, QUERIES, seed, cases)


def _measured(scores: Tensor, width: int, *, divided: bool) -> Measured:
    """Measure scores (R, 1, S). Queries are independent; the keys of one are so only given the query."""
    squares = scores.square().mean((1, 2))  # (R,), of scores whose mean is 0
    weights = masked_softmax(scores, None)[:, 0].double()  # (R, S)
    return Measured(
        head_width=width,
        divided=divided,
        variance=float(squares.mean()),
        error=float(squares.std() / math.sqrt(len(squares))),
        entropy=float(-torch.special.xlogy(weights, weights).sum(-1).mean()),
        slope=float((weights * (1 - weights)).mean()),
        weights=weights.sort(descending=True).values.mean(0).tolist(),
    )
