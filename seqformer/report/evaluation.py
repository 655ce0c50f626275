"""The result of an evaluation: data and tables from one object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from seqformer.console import counted, cut, table
from seqformer.report.classification import Confusion
from seqformer.report.report import Report
from seqformer.report.scores import TITLES, Score, sentence_scores
from seqformer.report.significance import Comparison, tests_table, tests_to_json

SHOWN = 3  # best and worst examples, commonest mistakes


class Evaluation(Report):
    """What came out of an evaluation."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.title}>"


@dataclass(frozen=True, repr=False)
class TextEvaluation(Evaluation):
    """Translations of the sources, and their scores against the references."""

    system: str  # the run …
    data: str  # … and what it was evaluated on
    sources: list[str]
    references: list[str]
    translations: list[str]
    scores: list[Score]  # with interval and signature
    exact_match: float  # share of the sentences
    token_accuracy: float  # share of the positions
    toy: bool  # whether token accuracy is shown
    seconds: float
    pieces: int
    other: str = ""  # the system compared with …
    comparisons: list[Comparison] = field(default_factory=list)  # … and the tests for each score
    others: list[list[str]] = field(default_factory=list)  # further references, '' where there is none
    in_parts: int = 0  # sources of several sentences, which were translated one by one
    cut: int = 0  # sources with a sentence that was cut, since it is far longer than any in training
    unseen: int = 0  # sources in letters that the vocabulary never saw
    tokenizer: str = ""  # by which BLEU counts words
    remarks: list[str] = field(default_factory=list)  # on how it is scored
    normalised: list[Score] = field(default_factory=list)  # against references normalised as in training

    @property
    def title(self) -> str:
        """System and data."""
        return f"{self.system} on {self.data}"

    def __getitem__(self, name: str) -> Score:
        return next(score for score in self.scores if score.name == name)

    def to_json(self) -> dict[str, Any]:
        """Return the scores as plain JSON values."""
        values: dict[str, Any] = {score.name: score.to_json() for score in self.scores}
        values |= {"exact_match": self.exact_match, "token_accuracy": self.token_accuracy}
        values |= {"sentences": len(self.sources), "seconds": self.seconds}
        values |= {"unseen": self.unseen, "in_parts": self.in_parts, "cut": self.cut}
        if self.comparisons:
            values["compare"] = tests_to_json(self.comparisons, (self.system, self.other), len(self.sources))
        if self.remarks:
            values["remarks"] = self.remarks
        if self.normalised:
            values["normalised"] = {score.name: score.to_json() for score in self.normalised}
        return values

    def tables(self) -> list[RenderableType]:
        """Return a row for each score, the best and the worst translations, and a comparison."""
        tables: list[RenderableType] = [self._scores(), self._examples()]
        if self.comparisons:
            tables += tests_table(self.comparisons, (self.system, self.other), len(self.sources))
        return tables

    def notes(self) -> list[str]:
        """Return how words are counted, and what makes scores lower than the model's own faults do."""
        of = f"of {counted(len(self.sources), 'source')}"
        facts = (
            (self.unseen, "written in letters that the vocabulary never saw"),
            (self.in_parts, "of several sentences, which were translated one by one"),
            (self.cut, "cut within a sentence, which is far longer than any in training"),
        )
        return [*self.remarks, *(f"{count:,} {of}: {what}" for count, what in facts if count)]

    def _scores(self) -> RenderableType:
        count = len(self.sources)
        scores = table(f"{self.title}: {counted(count, 'sentence')}", "score", "value", "95%", "signature")
        scores.columns[3].justify = "left"
        for score, title in (
            *((score, TITLES[score.name]) for score in self.scores),
            *((score, f"{TITLES[score.name]}, normalised references") for score in self.normalised),
        ):
            assert score.interval is not None
            low, high = score.interval
            scores.add_row(title, f"{score.score:.1f}", f"{low:.1f}–{high:.1f}", score.signature)
        scores.add_row("exact match", f"{self.exact_match:.1%}", "", "")
        if self.toy:
            scores.add_row("token accuracy", f"{self.token_accuracy:.1%}", "", "")
        speed = f"{count / self.seconds:,.0f} sentences/s, {self.pieces / self.seconds:,.0f} pieces/s"
        scores.add_row("speed", f"{self.seconds:.1f} s", "", speed)
        return scores

    def _examples(self) -> RenderableType:
        ranked = sentence_scores(self.translations, self.references, self.others)
        order = sorted(range(len(ranked)), key=lambda i: -ranked[i])
        examples = table("Best and worst", "chrF", "source · translation · reference")
        examples.columns[1].justify = "left"
        for i in dict.fromkeys([*order[:SHOWN], *order[-SHOWN:]]):
            lines = Text(self.sources[i] + "\n")
            lines.append(self.translations[i] + "\n", style="bold")
            lines.append(self.references[i] + "\n", style="dim")
            examples.add_row(f"{ranked[i]:.0f}", lines)
        return examples


@dataclass(frozen=True, repr=False)
class SideBySide(Evaluation):
    """One system on several test sets: what a fine-tuned model has learned, and what it has forgotten."""

    parts: list[TextEvaluation]

    @property
    def title(self) -> str:
        """The system."""
        return f"{self.parts[0].system} on {counted(len(self.parts), 'test set')}"

    def to_json(self) -> dict[str, Any]:
        """Return the scores by test set, as plain JSON values."""
        return {part.data: part.to_json() for part in self.parts}

    def tables(self) -> list[RenderableType]:
        """Return a row for each test set and score, with the other system where there is one."""
        other = self.parts[0].other
        columns = ["sentences", "score", f"A: {self.parts[0].system}" if other else "value", "95%"]
        columns += [f"B: {other}", "B - A", "p (bootstrap)", "p (randomisation)"] if other else []
        rows = table(self.title, "test set", *columns)
        for part in self.parts:
            for index, score in enumerate(part.scores):
                assert score.interval is not None
                cells = [f"{score.score:.1f}", "–".join(f"{bound:.1f}" for bound in score.interval)]
                if other:
                    c = part.comparisons[index]
                    cells += [f"{c.second:.1f}", f"{c.difference:+.2f}"]
                    cells += [f"{c.bootstrap:.4f}", f"{c.randomisation:.4f}"]
                rows.add_row(part.data, f"{len(part.sources):,}", TITLES[score.name], *cells)
        verdicts = [
            f"{part.data}: {c.verdict((part.system, part.other), len(part.sources))}"
            for part in self.parts
            for c in part.comparisons
        ]
        return [rows, *verdicts]

    def notes(self) -> list[str]:
        """Return the signatures, and the remarks on each test set."""
        signatures = dict.fromkeys(f"{TITLES[s.name]}: {s.signature}" for p in self.parts for s in p.scores)
        return [*signatures, *(f"{part.data}: {note}" for part in self.parts for note in part.notes())]


@dataclass(frozen=True, repr=False)
class ClassEvaluation(Evaluation):
    """How often each class was classified as each class."""

    system: str
    confusion: Confusion
    seconds: float
    data: str = "test"

    @property
    def title(self) -> str:
        """System and data."""
        return f"{self.system} on {self.data}"

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return self.confusion.accuracy

    def to_json(self) -> dict[str, Any]:
        """Return accuracy and confusion as plain JSON values."""
        confusion = self.confusion
        return {
            "accuracy": confusion.accuracy,
            "per_class": {name: confusion.recall(i) for i, name in enumerate(confusion.classes)},
            "confusion": confusion.counts,
            "images": confusion.total,
            "seconds": self.seconds,
        }

    def tables(self) -> list[RenderableType]:
        """Return a row for each class, and the confusions."""
        confusion = self.confusion
        title = f"{self.title}: {counted(confusion.total, 'image')}"
        scores = table(title, "class", "images", "recognised", "of those named so")
        for i, name in enumerate(confusion.classes):
            both = (confusion.recall(i), confusion.precision(i))
            shares = ("–" if share is None else f"{share:.1%}" for share in both)
            scores.add_row(name, f"{sum(confusion.counts[i]):,}", *shares)
        scores.add_section()
        scores.add_row("all", f"{confusion.total:,}", f"{confusion.accuracy:.2%}", "")
        marks = [cut(name, 6) for name in confusion.classes]
        taken = table("What is taken for what: a row for each class, a column for each answer", "", *marks)
        for i, row in enumerate(confusion.counts):
            cells = (Text(str(n) if n else "·", style="bold" if i == j else "") for j, n in enumerate(row))
            taken.add_row(confusion.classes[i], *cells)
        return [scores, taken]

    def notes(self) -> list[str]:
        """Return accuracy, speed and the commonest mistakes."""
        confusion = self.confusion
        speed = f"{confusion.total / self.seconds:,.0f} images/s"
        return [
            f"{confusion.accuracy:.2%} right, in {self.seconds:.1f} s ({speed})",
            *(
                f"  {counted(n, 'time')} {confusion.classes[i]} was taken for {confusion.classes[j]}"
                for i, j, n in confusion.worst(SHOWN)
            ),
        ]
