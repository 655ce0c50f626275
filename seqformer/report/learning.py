"""The course of a training: curves, and in words whether the model learned and what to do next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from seqformer.report import curves
from seqformer.report.best import LOSS
from seqformer.report.curves import Points
from seqformer.report.scores import TITLES

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

    name: str  # of the score by which the best weights are chosen
    usual: str  # of the score that says whether it learned; most often the same
    loss: Points  # in training, without smoothing
    valid: Points
    scores: dict[str, Points]  # of both, by name
    best_step: float | None  # where the best weights are from; None where nothing was ever right

    @classmethod
    def of(cls, records: list[dict[str, Any]], name: str, usual: str = "") -> Learning:
        """Return the series of a run's metrics; ``usual`` is ``name`` where it is not given."""

        def series(key: str) -> Points:
            return [(r["step"], r[key]) for r in records if r.get(key) is not None]

        names = dict.fromkeys((usual or name, name))
        best = [r["step"] for r in records if r.get("best") is True]
        return cls(
            name=name,
            usual=usual or name,
            loss=series("plain_loss"),
            valid=series(LOSS),
            scores={each: series(each) for each in names},
            best_step=best[-1] if best else None,
        )

    @property
    def best(self) -> float | None:
        """The best score; None before the first validation, and where nothing was ever right."""
        return self._at(self.name, self.best_step)

    @property
    def kept(self) -> float | None:
        """The score of the weights that are kept: the best, or 0 where nothing was ever right."""
        return self._at(self.name, self._kept_step)

    @property
    def _kept_step(self) -> float | None:
        points = self.scores[self.name]
        return points[-1][0] if self.best_step is None and points else self.best_step

    def _at(self, name: str, step: float | None) -> float | None:
        return None if step is None else dict(self.scores[name]).get(step)

    @property
    def drawn(self) -> dict[str, Points]:
        """The scores to draw, by name; the loss is drawn anyway and is not among them."""
        return {name: points for name, points in self.scores.items() if name != LOSS}

    def labelled(self, name: str) -> str:
        """Return the label of a value, with a remark where it decides what is best and usually does not."""
        plain = "valid" if name == LOSS else label(name)
        return f"{plain} (decides)" if name == self.name != self.usual else plain

    def draw(self, width: int) -> list[Text]:
        """Return the curves of losses and scores, drawn in characters."""
        panels = [curves.draw("loss", {"train": self.loss, self.labelled(LOSS): self.valid}, width)]
        for name, points in self.drawn.items():
            panels.append(curves.draw(f"{self.labelled(name)} on valid", {label(name): points}, width))
        return [each for each in panels if each]

    def verdict(self, chance: float, characters: bool = False, by_heart: bool = False) -> tuple[str, str]:
        """Return in words whether the model learned, and what to try; '' if there is nothing to try.

        The usual score of the weights that are kept says so, whatever they were chosen by.

        ``chance`` is the score of guessing; ``characters`` says that BLEU counts characters; ``by_heart``
        that the score is over the training data themselves.
        """
        score = self._at(self.usual, self._kept_step)
        if score is None:
            return "There was no validation, so it is not known whether it learned.", "Train for longer."
        by_chance = (chance + 0.5 * (1 - chance), chance + 0.1 * (1 - chance))
        good, begun = LEARNED_CHARACTERS if characters else LEARNED.get(self.usual, by_chance)
        best = value(self.usual, score)
        if by_heart:
            what = "its training pairs by heart: " if score >= good else "not even its training pairs: "
            advice = "" if score >= good else "Train for longer."
            return f"It learned {what}{best}. Nothing was held out.", advice
        if score >= good:
            return f"It learned: {best} on held-out data.", ""
        word = "It has begun to learn" if score >= begun else "It has not learned"
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
        if len(losses) < 2 or losses[-1] < losses[-2] or self._kept_step == self.valid[-1][0]:
            return "It was still getting better: give it more time."
        return "It stopped getting better: try another learning rate, or more data."

    def _by_heart(self) -> bool:
        return bool(self.loss and self.valid) and self.valid[-1][1] - self.loss[-1][1] > GAP


def label(name: str) -> str:
    """Return the name of a value as people read it."""
    return TITLES.get(name) or name.replace("_", " ")


def value(name: str, number: float) -> str:
    """Return a value with its name: ``BLEU 36.9``, ``exact match 98.5%``, ``valid loss 1.234``."""
    if name in PERCENT:
        return f"{label(name)} {number:.1%}"
    return f"{label(name)} {number:.{1 if name in TITLES else 3}f}"
