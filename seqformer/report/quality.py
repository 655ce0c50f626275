"""How well signs and log-probability tell bad translations from good ones, and from which probability on.

A translation is called bad here if its chrF against the reference is below ``BAD``. Quality estimation by the
mean log-probability of a piece is that of Fomicheva et al. 2020, "Unsupervised Quality Estimation for Neural
Machine Translation" (TACL 8), where it is called TP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import RenderableType

from seqformer.console import table
from seqformer.report.report import Report

BAD = 40.0  # chrF
SURE = 2 / 3  # of the lines that are called unsure so many should be bad
FEWEST = 5  # lines, of fewer no share is told
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # of the lines, the least probable


@dataclass(frozen=True)
class Flagged:
    """Lines that something calls bad, and how many of them are."""

    name: str
    lines: int
    bad: int


@dataclass(frozen=True)
class Calibration(Report):
    """What signs and log-probabilities are worth on sentences with references. Made by :func:`calibrate`."""

    system: str
    data: str
    lines: int
    bad: int
    signs: list[Flagged]  # those that applied, and "any"
    curve: list[tuple[float, Flagged]]  # mean log-probability in nats -> the lines below
    threshold: float | None  # of that, for ``unsure``; None where none is sure enough

    @property
    def title(self) -> str:
        """System and data."""
        return f"{self.system} on {self.data}"

    @property
    def unsure(self) -> Flagged | None:
        """What the threshold flags."""
        return next((flagged for below, flagged in self.curve if below == self.threshold), None)

    @property
    def advice(self) -> str:
        """What the threshold is worth, in a line."""
        found = self.unsure
        if found is None:
            return (
                f"No log-probability tells the bad translations of {self.data}: not even {SURE:.0%} of the "
                "least probable are bad. The sign unsure stays as it was."
            )
        return (
            f"From now on {self.system} reports a translation as unsure if the mean log-probability of its "
            f"pieces is below {self.threshold:.2f}: {found.lines / self.lines:.1%} of {self.data}, and "
            f"{found.bad / found.lines:.0%} of these are bad."
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            "sentences": self.lines,
            "bad": self.bad,
            "bad_below_chrf": BAD,
            "unsure_below": self.threshold,
            "signs": {each.name: {"lines": each.lines, "bad": each.bad} for each in self.signs},
            "log_probability": [
                {"below": below, "lines": each.lines, "bad": each.bad} for below, each in self.curve
            ],
        }

    def tables(self) -> list[RenderableType]:
        """Return a row for each sign, and one for each share of the least probable lines."""
        head = f"{self.title}: {self.lines:,} sentences, {self.bad:,} bad (chrF below {BAD:g})"
        rows = table(head, "flagged by", "lines", "share", "of these bad", "of the bad flagged")
        for flagged in self.signs:
            rows.add_row(*self._row(flagged.name, flagged))
        for below, flagged in self.curve:
            mark = "  ← unsure" if below == self.threshold else ""
            rows.add_row(*self._row(f"log-probability < {below:.2f}{mark}", flagged))
        return [rows]

    def _row(self, name: str, flagged: Flagged) -> tuple[str, ...]:
        bad = f"{flagged.bad / flagged.lines:.0%}" if flagged.lines else ""
        caught = f"{flagged.bad / self.bad:.0%}" if self.bad else ""
        return name, f"{flagged.lines:,}", f"{flagged.lines / self.lines:.1%}", bad, caught


def calibrate(
    system: str, data: str, confidences: list[float], quality: list[float], warnings: list[tuple[str, ...]]
) -> Calibration:
    """Return what signs and log-probabilities are worth.

    ``confidences`` are mean log-probabilities of a piece in nats, ``quality`` the chrF of each translation,
    ``warnings`` its signs. The threshold is the highest below which at least ``SURE`` of the lines are bad.
    """
    bad = np.asarray(quality) < BAD
    names = list(dict.fromkeys(name for signs in warnings for name in signs))

    def flagged(name: str, chosen: list[bool]) -> Flagged:
        return Flagged(name, sum(chosen), int(bad[np.asarray(chosen, bool)].sum()))

    signs = [flagged(name, [name in each for each in warnings]) for name in names]
    signs.append(flagged("any of them", [bool(each) for each in warnings]))
    order = np.argsort(confidences, kind="stable")
    so_far = np.cumsum(bad[order])
    counts = np.arange(1, len(order) + 1)
    sure = np.flatnonzero((so_far >= SURE * counts) & (counts >= FEWEST))
    wanted = {round(share * len(order)) for share in SHARES} | ({int(sure[-1]) + 1} if len(sure) else set())
    curve = []
    for count in sorted(number for number in wanted if 0 < number < len(order)):
        below = float(np.asarray(confidences)[order[count]])
        lines = np.asarray(confidences) < below
        curve.append((below, Flagged("", int(lines.sum()), int(bad[lines].sum()))))
    threshold = None
    if len(sure) and int(sure[-1]) + 1 < len(order):
        threshold = float(np.asarray(confidences)[order[int(sure[-1]) + 1]])
    return Calibration(system, data, len(order), int(bad.sum()), signs, curve, threshold)
