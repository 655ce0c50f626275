"""The course of a training: curves, and in words whether the model learned and what to do next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from seqformer.report import curves
from seqformer.report.curves import Points

PERCENT = ("exact_match", "token_accuracy", "accuracy")
LEARNED = {
    "bleu": (20.0, 5.0),
    "exact_match": (0.9, 0.3),
}  # scores of a model that has learned, and of one that has begun to
LEARNED_CHARACTERS = (40.0, 20.0)  # the same for BLEU of characters: unrelated sentences score up to 17
GAP = 1.0  # nats between training and validation loss: learned by heart
RISEN = 1.05  # times the lowest validation loss: it diverged


@dataclass(frozen=True)
class Learning:
    """The metrics of a run as series over steps."""

    name: str  # of the score that "best" means
    loss: Points  # in training, without smoothing
    valid: Points
    scores: Points

    @classmethod
    def of(cls, records: list[dict[str, Any]], name: str) -> Learning:
        """Return the series of a run's metrics."""

        def series(key: str) -> Points:
            return [(r["step"], r[key]) for r in records if r.get(key) is not None]

        return cls(name, series("plain_loss"), series("valid_loss"), series(name))

    @property
    def best(self) -> float | None:
        """The best score; None before the first validation."""
        return max((score for _, score in self.scores), default=None)

    def draw(self, width: int) -> list[Text]:
        """Return the curves of losses and score, drawn in characters."""
        drawn = (
            curves.draw("loss", {"train": self.loss, "valid": self.valid}, width),
            curves.draw(f"{label(self.name)} on valid", {self.name: self.scores}, width),
        )
        return [each for each in drawn if each]

    def verdict(self, chance: float, characters: bool = False, by_heart: bool = False) -> tuple[str, str]:
        """Return in words whether the model learned, and what to try; '' if there is nothing to try.

        ``chance`` is the score of guessing; ``characters`` says that BLEU counts characters; ``by_heart``
        that the score is over the training data themselves.
        """
        if self.best is None:
            return "There was no validation, so it is not known whether it learned.", "Train for longer."
        by_chance = (chance + 0.5 * (1 - chance), chance + 0.1 * (1 - chance))
        good, begun = LEARNED_CHARACTERS if characters else LEARNED.get(self.name, by_chance)
        best = value(self.name, self.best)
        if by_heart:
            what = "its training pairs by heart: " if self.best >= good else "not even its training pairs: "
            advice = "" if self.best >= good else "Train for longer."
            return f"It learned {what}{best}. Nothing was held out.", advice
        if self.best >= good:
            return f"It learned: {best} on held-out data.", ""
        word = "It has begun to learn" if self.best >= begun else "It has not learned"
        return f"{word}: {best} on held-out data.", self._advice()

    def _advice(self) -> str:
        losses = [loss for _, loss in self.valid if math.isfinite(loss)]
        if losses and losses[-1] > RISEN * min(losses) and not self._by_heart():
            return "The validation loss rose: try a lower learning rate."
        if self._by_heart():
            return (
                "It learned its training data by heart: the loss there is far below that on held-out data. "
                "More data helps most; more dropout or a smaller preset may."
            )
        if len(losses) < 2 or losses[-1] < losses[-2] or self.scores[-1][1] >= (self.best or 0):
            return "It was still getting better: give it more time."
        return "It stopped getting better: try another learning rate, or more data."

    def _by_heart(self) -> bool:
        return bool(self.loss and self.valid) and self.valid[-1][1] - self.loss[-1][1] > GAP


def label(name: str) -> str:
    """Return the name of a value as people read it."""
    return "BLEU" if name == "bleu" else name.replace("_", " ")


def value(name: str, number: float) -> str:
    """Return a value with its name: ``BLEU 36.9``, ``exact match 98.5%``, ``valid loss 1.234``."""
    if name in PERCENT:
        return f"{label(name)} {number:.1%}"
    return f"{label(name)} {number:.{1 if name == 'bleu' else 3}f}"
