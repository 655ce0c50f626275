"""Attention pooling: a curve from noisy points, each estimate a weighted mean of nearby values.

Q queries, N points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby

import torch
from rich.console import RenderableType
from torch import Tensor

from seqformer.console import table
from seqformer.errors import SeqformerError, nearest
from seqformer.models.pooling import END, KERNELS, pool, rms, sample, truth
from seqformer.report.panels import Curves, Figure, Matrix, Panel
from seqformer.report.report import SCREEN

STEP = 0.05  # between queries
WIDTHS = (0.1, 0.2, 0.5, 1.0)
EVERY = "all"  # kernels
ONE_WIDTH = "constant"  # the kernel that reaches everywhere


@dataclass(frozen=True)
class Errors:
    """The errors of one kernel and width, as roots of mean squares."""

    from_curve: float  # at the queries with weight; NaN if there is none
    from_points: float
    bare: int  # queries that no key has weight for
    queries: int


@dataclass(frozen=True)
class Pooled:
    """A kernel, its width, and the errors of its estimates."""

    kernel: str
    width: float
    errors: Errors


@dataclass(frozen=True)
class Pooling(Figure):
    """Estimates from the same points by some kernels and widths. Made by :func:`pooling`."""

    keys: list[float]  # N, the x of the points
    values: list[float]  # N, their y
    cases: list[Pooled]

    @property
    def title(self) -> str:
        """How many points there are."""
        return f"Attention pooling of {len(self.keys)} points"

    @property
    def answer(self) -> str:
        """What attention pooling is, and what the width decides."""
        return (
            "Attention pooling answers a query with a mean of the values, in which a value weighs the more "
            "the nearer its key is: attention in a Transformer is the same, with keys and queries that are "
            "learned. A narrow kernel follows single points and their noise, a wide one flattens the curve, "
            "and a kernel that ends has no answer where no key is near."
        )

    def panels(self) -> list[list[Panel]]:
        """Return the curves, and below them the weights: one kernel at every width, several at the widest."""
        kernels = {case.kernel for case in self.cases}
        widest = max(case.width for case in self.cases)
        drawn = [
            case
            for case in self.cases
            if len(kernels) == 1 or case.kernel == ONE_WIDTH or case.width == widest
        ]
        keys, values = (torch.tensor(side, dtype=torch.double) for side in (self.keys, self.values))
        pairs = [kernel_panels(case.kernel, case.width, keys, values) for case in drawn]
        return [[curves for curves, _ in pairs], [weights for _, weights in pairs]]

    def drawn(self) -> list[RenderableType]:
        """Return the panels for a terminal, the weights of a curve below it."""
        return [
            line
            for pair in zip(*self.panels(), strict=True)
            for panel in pair
            for line in (panel.draw(SCREEN), "")
        ]

    def tables(self) -> list[RenderableType]:
        """Return a row for each kernel and width, and the panels; the constant kernel has no width."""
        rows = table(
            "Error of the estimates (root of the mean square)",
            "kernel", "width", "from the curve", "from the points", "queries unanswered",
            caption="The noise is 1: what comes nearer to the points than that has learned noise.",
        )  # fmt: skip
        for case in self.cases:
            each = case.errors
            rows.add_row(
                case.kernel,
                "any" if case.kernel == ONE_WIDTH else f"{case.width:g}",
                f"{each.from_curve:.3f}" if each.bare < each.queries else "no estimate",
                f"{each.from_points:.3f}",
                f"{each.bare} of {each.queries}" if each.bare else "none",
            )
        return [rows, *self.drawn()]


def pooling(
    kernel: str = EVERY, widths: tuple[float, ...] = WIDTHS, points: int = 40, seed: int = 1
) -> Pooling:
    """Return estimates from points of y = 2 sin x + x with standard normal noise, x in [0, 5].

    Raises :class:`SeqformerError` for an unknown kernel, and for sizes that are out of range.
    """
    if kernel not in (*KERNELS, EVERY):
        raise SeqformerError(f"there is no kernel '{kernel}': {nearest(kernel, (*KERNELS, EVERY))}")
    keys, values = sample(points, seed)
    different = tuple(dict.fromkeys(widths))
    cases = [
        Pooled(name, width, kernel_errors(name, width, keys, values))
        for name in (KERNELS if kernel == EVERY else (kernel,))
        for width in (different if name != ONE_WIDTH else different[:1])
    ]
    return Pooling(keys.tolist(), values.tolist(), cases)


def queries() -> Tensor:
    """Return queries (Q,), evenly over the interval of the example."""
    return torch.arange(round(END / STEP) + 1, dtype=torch.double) * STEP


def kernel_errors(kernel: str, width: float, keys: Tensor, values: Tensor) -> Errors:
    """Return the errors of estimates from points (N,): from the true curve, and from the points."""
    asked = queries()
    pooled = pool(asked, keys, values, kernel, width)
    at_keys = pool(keys, keys, values, kernel, width).estimates
    return Errors(
        from_curve=rms((pooled.estimates - truth(asked))[pooled.covered]),
        from_points=rms(at_keys - values),
        bare=int((~pooled.covered).sum()),
        queries=len(asked),
    )


def kernel_panels(kernel: str, width: float, keys: Tensor, values: Tensor) -> tuple[Curves, Matrix]:
    """Return panels of the curve fitted to points (N,) beside the true one, and of its weights (Q, N)."""
    asked = queries()
    pooled = pool(asked, keys, values, kernel, width)
    x = [round(q, 2) for q in asked.tolist()]
    estimates = pooled.estimates.masked_fill(~pooled.covered, math.nan)  # drawn as a gap
    title = kernel if kernel == "constant" else f"{kernel}, width {width:g}"
    curves = Curves(
        title=title,
        x="x",
        y="y",
        lines={
            "truth": list(zip(x, truth(asked).tolist(), strict=True)),
            "estimate": list(zip(x, estimates.tolist(), strict=True)),
        },
        points=list(zip(keys.tolist(), values.tolist(), strict=True)),
        remark=_gaps(x, pooled.covered.tolist()),
    )
    matrix = Matrix(
        title=f"{title}: weights",
        x="keys, the x of the points",
        y="queries x",
        values=pooled.weights.tolist(),
        rows=[f"{q:g}" for q in x],
        columns=[f"{key:.1f}" for key in keys.tolist()],
        high=float(pooled.weights.max()),
    )
    return curves, matrix


def _gaps(x: list[float], covered: list[bool]) -> str:
    """Return where no estimate can be made, in words."""
    gaps = [
        [q for q, _ in run]
        for bare, run in groupby(zip(x, covered, strict=True), key=lambda pair: not pair[1])
        if bare
    ]
    ranges = [f"{gap[0]:g} to {gap[-1]:g}" if len(gap) > 1 else f"{gap[0]:g}" for gap in gaps[:3]]
    more = [f"and {len(gaps) - 3} more"] if len(gaps) > 3 else []
    return "no point is near x = " + ", ".join(ranges + more) if gaps else ""
