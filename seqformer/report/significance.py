"""Tests of whether one system is better than another, or just lucky with these sentences.

Both tests are sacrebleu's own (Koehn 2004; Riezler and Maxwell 2005). Each asks how often a difference as
large as the one seen would occur if the two systems were equally good: paired bootstrap resamples the
sentences, paired approximate randomisation swaps the outputs of random sentences between the systems.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType

from seqformer.console import table
from seqformer.report.scores import ERRORS, RESAMPLES, TITLES, Streams, bounded, metric_for

TRIALS = 10_000  # of approximate randomisation
LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """One score of two systems A and B on the same sentences."""

    name: str
    first: float  # the score of A
    second: float  # and of B
    bootstrap: float  # p-values, two-sided
    randomisation: float
    signatures: tuple[str, str]  # of the two tests; both systems are scored alike
    level: float = LEVEL  # below which both p-values must be

    @property
    def difference(self) -> float:
        """The score of B minus that of A."""
        return self.second - self.first

    @property
    def shown(self) -> bool:
        """Whether both tests find a difference; the bootstrap alone finds one too often between equals."""
        return max(self.bootstrap, self.randomisation) < self.level

    def verdict(self, names: tuple[str, str], sentences: int) -> str:
        """Return the conclusion in words."""
        title, these = TITLES[self.name], f"{sentences:,} sentence{'s' if sentences != 1 else ''}"
        if self.shown:
            higher = self.difference > 0
            better = names[1] if higher != (self.name in ERRORS) else names[0]
            often = max(1, round(1 / max(self.bootstrap, self.randomisation)))
            return (
                f"{title}: {better} is better; equal systems would differ as much in about "
                f"1 of {min(often, 1000):,} such tests"
            )
        if min(self.bootstrap, self.randomisation) < self.level:
            return f"{title}: the two tests disagree, so these {these} do not settle which is better"
        return f"{title}: no difference that these {these} can show"


def compare(
    names: Iterable[str],
    first: list[str],
    second: list[str],
    references: list[str],
    tokenize: str = "",
    others: Streams = (),
    level: float = LEVEL,
) -> list[Comparison]:
    """Run both tests for each score named, on as many translations by A and by B as references.

    ``tokenize`` names the tokenizer of BLEU; '' is the one that suits the references. ``others`` are further
    references, see :func:`seqformer.report.scores.corpus_score`. ``level`` is that of the tests.
    """
    comparisons = []
    for name in names:
        metric = metric_for(name, references, tokenize)
        every = [references, *others]
        tested = {
            kind: _test(name, metric, kind, bounded(wanted, len(references)), (first, second), every)
            for kind, wanted in (("bs", RESAMPLES), ("ar", TRIALS))
        }
        scores = [result.score for result in tested["bs"][0]]
        # sacrebleu calls a system and its copy different, as no resample of theirs differs by more than 0
        p = {kind: 1.0 if scores[0] == scores[1] else float(t[0][1].p_value) for kind, t in tested.items()}
        signatures = (tested["bs"][1], tested["ar"][1])
        first_score, second_score = map(float, scores)
        made = Comparison(name, first_score, second_score, p["bs"], p["ar"], signatures, level)
        comparisons.append(made)
    return comparisons


def _test(
    name: str,
    metric: Any,
    kind: str,
    samples: int,
    systems: tuple[list[str], list[str]],
    references: list[list[str]],
) -> tuple[list[Any], str]:
    """Return sacrebleu's results for A and B, and the signature of the test."""
    from sacrebleu.significance import PairedTest

    test = PairedTest(
        list(zip("AB", systems, strict=True)),
        {name: metric},
        references,
        test_type=kind,
        n_samples=samples,
    )
    signatures, scores = test()
    (title,) = signatures
    return scores[title], str(signatures[title])


def tests_to_json(comparisons: list[Comparison], names: tuple[str, str], sentences: int) -> dict[str, Any]:
    """Return the test results of systems A and B as plain JSON values."""
    return {
        "with": names[1],
        **{
            c.name: {
                "score": c.second,
                "difference": c.difference,
                "p_bootstrap": c.bootstrap,
                "p_randomisation": c.randomisation,
                "signature_bootstrap": c.signatures[0],
                "signature_randomisation": c.signatures[1],
                "different": c.shown,
                "verdict": c.verdict(names, sentences),
            }
            for c in comparisons
        },
    }


def tests_table(
    comparisons: list[Comparison], names: tuple[str, str], sentences: int
) -> list[RenderableType]:
    """Return a row for each score, then the verdicts and the signatures of the tests."""
    rows = table(
        f"A: {names[0]}, B: {names[1]}, on the same {sentences:,} sentences",
        "score", "A", "B", "B - A", "p (bootstrap)", "p (randomisation)",
    )  # fmt: skip
    how = table("The two tests, for A and B alike", "test", "signature")
    how.columns[1].justify = "left"
    for c in comparisons:
        p = (f"{value:.4f}" for value in (c.bootstrap, c.randomisation))
        rows.add_row(TITLES[c.name], f"{c.first:.1f}", f"{c.second:.1f}", f"{c.difference:+.2f}", *p)
        for name, signature in zip(("bootstrap", "randomisation"), c.signatures, strict=True):
            how.add_row(name, f"{TITLES[c.name]} {signature}")
    return [rows, *(c.verdict(names, sentences) for c in comparisons), "", how]
