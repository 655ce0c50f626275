"""What more data would give, foretold from trainings on shares of them.

The law has two parameters: the score is linear in the logarithm of how many different examples a training
learned from. BLEU against the size of the data is drawn so by Koehn & Knowles (2017, "Six Challenges for
Neural Machine Translation"). Kolachina et al. (2012, "Prediction of Learning Curves in Machine Translation")
compare families of curves and prefer a power law of three parameters where there are many points; three
points would fit it whatever they are, so that nothing is left to judge it by.

The time is the same for every size, so a small share is repeated often and a large one rarely, and what is
repeated is worth less than something new. Muennighoff et al. (2023, "Scaling Data-Constrained Language
Models") measured how much: examples U in E epochs are worth U · (1 + R · (1 − exp(−(E − 1) / R))) different
ones, with R = 15.4. Many epochs are worth 1 + R of them at most, and then the law is the plain logarithm; up
to about four epochs an example repeated is as good as a new one, and then more data give nothing in the time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import RenderableType

from seqformer.console import table
from seqformer.report import curves
from seqformer.report.learning import PERCENT, label
from seqformer.report.report import Report

REPEATS = 15.4  # R in the formula above
LAW = 0.25  # of the gain beyond the largest training: how far the law may be wrong, a standard deviation
SIGMAS = 1.96  # of a 95% interval on each side
WORTH, LITTLE = 1.0, 0.5  # points of 100 that make more data worth collecting; that are nearly nothing
LEARNED = 1.0  # points of 100: with less nothing was learned that could be foretold from
FRESH = 4.0  # epochs in which an example repeated is as good as a new one
UNEVEN = 1.25  # times the steps a minute of another training: the machine was busy


@dataclass(frozen=True)
class Point:
    """One training on a share of the examples, and how it scored on all of valid."""

    share: float
    examples: int
    score: float
    low: float  # ends of its 95% interval
    high: float
    steps: int
    epochs: float  # over its share
    seconds: float
    run: str


@dataclass(frozen=True)
class Prediction:
    """What a training on so many examples would score, with a 95% range."""

    share: float
    examples: int
    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Forecast(Report):
    """Trainings on shares of the data, and what all of them, and twice as many, would give."""

    data: str
    name: str  # of the score
    things: str  # what the examples are
    limit: str  # of each training, in words
    points: list[Point]
    predictions: list[Prediction]  # for the whole and twice the whole; none where nothing can be foretold
    epochs: float  # that the whole would be passed over
    reason: str = ""  # why nothing can be foretold

    @property
    def title(self) -> str:
        """Data and limit."""
        return f"{self.data}: {label(self.name)} on valid after {self.limit}"

    @property
    def whole(self) -> Prediction | None:
        """What all the data would give."""
        return self.predictions[0] if self.predictions else None

    @property
    def twice(self) -> Prediction | None:
        """What twice the data would give."""
        return self.predictions[1] if self.predictions else None

    @property
    def verdict(self) -> str:
        """Whether more data are worth collecting, in a sentence."""
        if self.whole is None or self.twice is None:
            return self.reason
        scale = 100 if self.name in PERCENT else 1
        gain = scale * (self.twice.score - self.whole.score)
        points = f"{gain:.1f} {'points' if self.name in PERCENT else label(self.name)}"
        what = f"twice the data would give about {points} more in the same {self.limit}"
        if gain >= WORTH:
            return f"More data are worth collecting: {what}."
        if self.epochs < FRESH:
            return (
                f"The time is too short for more data: {what}, which is only {self.epochs:.1f} epochs of the "
                "whole; forecast with more time."
            )
        if gain >= LITTLE:
            return f"More data would help a little: {what}."
        return f"More data would hardly help: {what}."

    def to_json(self) -> dict[str, Any]:
        """Return trainings, predictions and verdict as plain JSON values."""
        whole, twice = (asdict(each) if each else None for each in (self.whole, self.twice))
        return {
            "data": self.data,
            "score": self.name,
            "limit": self.limit,
            "points": [asdict(point) for point in self.points],
            "whole": whole,
            "twice": twice,
            "epochs_of_whole": self.epochs,
            "verdict": self.verdict,
        }

    def tables(self) -> list[RenderableType]:
        """Return a row for each training and each prediction, and both as a curve."""
        rows = table(self.title, "", self.things, label(self.name), "95%", "steps", "epochs")
        for point in self.points:
            steps, epochs = f"{point.steps:,}", f"{point.epochs:,.1f}"
            rows.add_row(_named(point.share), *self._numbers(point), steps, epochs)
        if not self.predictions:
            return [rows]
        rows.add_section()
        for prediction in self.predictions:
            rows.add_row(f"{_named(prediction.share)}, forecast", *self._numbers(prediction), "", "")
        lines = {"trained": self._line(self.points), "forecast": self._line(self.predictions)}
        drawn = curves.draw(f"{label(self.name)} on valid", lines, 80, self.things)
        return [rows, *([drawn] if drawn else [])]

    def notes(self) -> list[str]:
        """Return the verdict, and what makes the comparison less fair than it should be."""
        speeds = [60 * point.steps / point.seconds for point in self.points if point.seconds]
        if "minute" not in self.limit or len(speeds) < 2 or max(speeds) <= UNEVEN * min(speeds):
            return [self.verdict]
        listed = ", ".join(f"{speed:,.0f}" for speed in speeds)
        return [
            f"The machine was not equally fast ({listed} steps a minute), so the scores do not compare well.",
            self.verdict,
        ]

    def _numbers(self, of: Point | Prediction) -> tuple[str, str, str]:
        scale = 100 if self.name in PERCENT else 1
        sign = "%" if self.name in PERCENT else ""
        low, high = f"{scale * of.low:.1f}", f"{scale * of.high:.1f}"
        return f"{of.examples:,}", f"{scale * of.score:.1f}{sign}", f"{low}–{high}"

    @staticmethod
    def _line(several: Sequence[Point | Prediction]) -> curves.Points:
        return [(each.examples, each.score) for each in several]


def _named(share: float) -> str:
    names = {
        1 / 8: "an eighth",
        1 / 4: "a quarter",
        1 / 2: "a half",
        1.0: "the whole",
        2.0: "twice the whole",
    }
    return names[share]


def foretell(
    data: str,
    name: str,
    things: str,
    limit: str,
    points: list[Point],
    *,
    examples: int,
    same_epochs: bool = False,
) -> Forecast:
    """Return what the whole and twice the whole would give, from trainings on rising shares.

    ``examples`` is how many the whole are.

    All trainings, the foretold ones too, are given the same number of steps or minutes, or with
    ``same_epochs`` the same number of epochs.
    """
    last = points[-1]

    def epochs(share: float) -> float:
        return last.epochs if same_epochs else last.epochs * last.share / share

    reason = _hopeless(points, name, 1 if name in PERCENT else 100)
    predictions = []
    if not reason:
        line = Line.through(
            [math.log2(worth(point.share, point.epochs)) for point in points],
            [point.score for point in points],
            [point.share for point in points],
            [(point.high - point.low) / 2 / SIGMAS for point in points],
        )
        most = 1.0 if name in PERCENT else 100.0
        for share in (1.0, 2.0):
            score, spread = line.at(math.log2(worth(share, epochs(share))))
            low, high = (min(most, max(0.0, score + sign * SIGMAS * spread)) for sign in (-1, 1))
            predictions.append(Prediction(share, round(share * examples), min(most, score), low, high))
    return Forecast(data, name, things, limit, points, predictions, epochs(1.0), reason)


def worth(share: float, epochs: float) -> float:
    """Return how many different examples a share is worth that was passed over so many times.

    Both are in units of the whole. Less than one epoch is worth what was seen of it.
    """
    if epochs <= 1:
        return share * epochs
    return share * (1 + REPEATS * (1 - math.exp(-(epochs - 1) / REPEATS)))


def _hopeless(points: list[Point], name: str, most: float) -> str:
    """Return why nothing can be foretold from these scores, or ''."""
    scores = [point.score for point in points]
    if not all(map(math.isfinite, (*scores, *(point.epochs for point in points)))):
        return "A score is not a number: nothing can be foretold from these trainings."
    if min(point.epochs for point in points) <= 0:
        return "A training made no step: nothing can be foretold; give it more time."
    if max(scores) < LEARNED * most / 100:
        return "Nothing was learned yet on any share: nothing can be foretold; give it more time."
    if scores[-1] < scores[0] - WORTH * most / 100:
        scale = 100 if name in PERCENT else 1
        fell = f"{scale * scores[0]:.1f} to {scale * scores[-1]:.1f}"
        return (
            f"The score fell with more data, from {fell}: nothing can be foretold. The time was too short "
            "for more data, or much of them is unlike what is held out."
        )
    return ""


@dataclass(frozen=True)
class Line:
    """A straight line through points, and how sure it is."""

    slope: float
    x: float  # the mean of the points, where …
    y: float  # … the line is here
    last: float  # the line at the last point
    xs: list[float]
    weights: list[float]  # they sum to 1
    spreads: list[float]  # standard deviations of the points

    @classmethod
    def through(cls, xs: list[float], ys: list[float], weights: list[float], spreads: list[float]) -> Line:
        """Return the line of least squares, in which larger trainings count more; it never falls.

        A point is as unsure as its score, or as it is far from the line if that is more.
        """
        shares = [weight / sum(weights) for weight in weights]
        x, y = (sum(map(float.__mul__, shares, values)) for values in (xs, ys))
        width = sum(share * (each - x) ** 2 for share, each in zip(shares, xs, strict=True))
        slope = 0.0
        if width > 1e-12:
            both = zip(shares, xs, ys, strict=True)
            slope = max(0.0, sum(share * (a - x) * (b - y) for share, a, b in both) / width)
        missed = math.sqrt(sum((y + slope * (a - x) - b) ** 2 for a, b in zip(xs, ys, strict=True)))
        unsure = [max(spread, missed) for spread in spreads]
        return cls(slope, x, y, y + slope * (xs[-1] - x), xs, shares, unsure)

    def at(self, x: float) -> tuple[float, float]:
        """Return the line at x, and the standard deviation of a training there."""
        score = self.y + self.slope * (x - self.x)
        width = sum(w * (each - self.x) ** 2 for w, each in zip(self.weights, self.xs, strict=True))
        parts = [
            w * (1 + ((x - self.x) * (each - self.x) / width if width > 1e-12 else 0.0))
            for w, each in zip(self.weights, self.xs, strict=True)
        ]
        noise = sum((part * spread) ** 2 for part, spread in zip(parts, self.spreads, strict=True))
        own, law = self.spreads[-1], LAW * (score - self.last)
        return score, math.sqrt(noise + own**2 + law**2)
