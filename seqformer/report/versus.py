"""Several systems on one test set: their scores, and whether each differs from the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType

from seqformer.console import counted, table
from seqformer.report.evaluation import Evaluation, TextEvaluation
from seqformer.report.scores import TITLES
from seqformer.report.significance import LEVEL, Comparison, tests_to_json


@dataclass(frozen=True, repr=False)
class Versus(Evaluation):
    """The first system against each of the others, by the tests of :mod:`seqformer.report.significance`."""

    systems: list[TextEvaluation]  # at least two, on the same sentences
    comparisons: list[list[Comparison]]  # for each system but the first
    data: str  # what these sentences are, in words

    @property
    def title(self) -> str:
        """What is compared, and on what."""
        sentences = counted(len(self.systems[0].sources), "sentence")
        return f"{counted(len(self.systems), 'run')} on {self.data}: {sentences}"

    def to_json(self) -> dict[str, Any]:
        """Return scores and tests by system, as plain JSON values."""
        first = self.systems[0]
        return {
            "data": self.data,
            "sentences": len(first.sources),
            "level": self.comparisons[0][0].level,
            "scores": {each.system: {s.name: s.to_json() for s in each.scores} for each in self.systems},
            "compare": [
                tests_to_json(tests, (first.system, other.system), len(first.sources))
                for other, tests in zip(self.systems[1:], self.comparisons, strict=True)
            ],
        }

    def tables(self) -> list[RenderableType]:
        """Return a row for each score and system, then the verdicts."""
        rows = table(self.title, "score", "run", "value", "95%", "- A", "p (bootstrap)", "p (randomisation)")
        rows.columns[1].justify = "left"
        rows.columns[1].no_wrap = True
        for index, score in enumerate(self.systems[0].scores):
            for number, system in enumerate(self.systems):
                value = system.scores[index]
                assert value.interval is not None
                cells = [f"{value.score:.1f}", "–".join(f"{bound:.1f}" for bound in value.interval)]
                if number:
                    c = self.comparisons[number - 1][index]
                    cells += [f"{c.difference:+.2f}", f"{c.bootstrap:.4f}", f"{c.randomisation:.4f}"]
                mark = "A: " if not number else ""
                rows.add_row(TITLES[score.name] if not number else "", mark + system.system, *cells)
            rows.add_section()
        return [rows, *self._verdicts()]

    def _verdicts(self) -> list[str]:
        first = self.systems[0]
        return [
            c.verdict((first.system, other.system), len(first.sources))
            for index, _ in enumerate(first.scores)
            for other, tests in zip(self.systems[1:], self.comparisons, strict=True)
            for c in [tests[index]]
        ]

    def notes(self) -> list[str]:
        """Return the level of the tests, the signatures of the scores, and remarks."""
        first, tests = self.systems[0], self.comparisons[0]
        several = len(self.comparisons)
        level = f"Each of {several} runs is compared with A, so each test is made at {LEVEL:g} / {several}."
        return [
            *([level] if several > 1 else []),
            *dict.fromkeys(
                f"{TITLES[name]}: {signature}"
                for score, c in zip(first.scores, tests, strict=True)
                for name, signature in ((score.name, score.signature), *((c.name, s) for s in c.signatures))
            ),
            *dict.fromkeys(f"{each.system}: {note}" for each in self.systems for note in each.notes()),
        ]
