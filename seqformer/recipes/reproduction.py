"""Repeats a recipe, from files of data to a verdict: prepares, trains, scores, compares with the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from seqformer import api, presets
from seqformer.api import Event, Plan
from seqformer.console import counted, table
from seqformer.engine.model import PathLike
from seqformer.errors import RunError, SeqformerError
from seqformer.preparation import Prepared
from seqformer.presets import Unprepared
from seqformer.recipes.experiment import Expected, Experiment, Found, open_experiment
from seqformer.recipes.measure import CHAPTER, MEASURES, TOKENS, check, check_tokens, measure
from seqformer.report.report import Report
from seqformer.report.scores import Score
from seqformer.runs import find
from seqformer.runs.layout import Configs, is_run
from seqformer.runs.run import Run
from seqformer.storage.files import numbered
from seqformer.text import languages
from seqformer.training import distributed

REPRODUCED, BETTER, NOT_REPRODUCED, NO_RECORD = "reproduced", "better", "not reproduced", "no score on record"


@dataclass(frozen=True)
class Scoring:
    """The event that the training of a run has ended, and its translations are scored."""

    run: Run
    trained: bool  # now; not if it was trained before


Callback = Callable[[Event | Scoring], None]


def verdict(score: float, expected: Expected, *, fewer: bool = False) -> str:
    """Return how a score compares with the one on record; ``fewer`` is whether less is better."""
    if expected.score is None:
        return NO_RECORD
    above = round(expected.score - score if fewer else score - expected.score, 9)
    if abs(above) <= expected.within:
        return REPRODUCED
    return BETTER if above > 0 else NOT_REPRODUCED


@dataclass(frozen=True)
class Reproduction(Report):
    """What came of a recipe, beside what is on record. Made by :func:`reproduce`."""

    recipe: str
    run: Path
    seed: int
    split: str
    sentences: int
    scores: list[Score]  # of which the first decides
    expected: Expected
    minutes: float  # of training
    tokens: str = ""  # the file of references as tokens, where there is one

    @property
    def title(self) -> str:
        """The recipe, and what it was scored on."""
        data = "the book" if all(score.name in CHAPTER for score in self.scores) else self.split
        return f"{self.recipe}, seed {self.seed}, on {data}: {counted(self.sentences, 'sentence')}"

    @property
    def verdict(self) -> str:
        """``reproduced``, ``better``, ``not reproduced`` or ``no score on record``."""
        first = self.scores[0]
        return verdict(first.score, self.expected, fewer=MEASURES[first.name].fewer)

    @property
    def reproduced(self) -> bool:
        """Whether the score is that on record, or better."""
        return self.verdict in (REPRODUCED, BETTER)

    def __getitem__(self, name: str) -> Score:
        return next(score for score in self.scores if score.name == name)

    def to_json(self) -> dict[str, Any]:
        """Return scores, record and verdict as plain JSON values."""
        expected, first = self.expected, self.scores[0].name
        on_record: dict[str, float | None] | None = None
        if expected.score is not None:
            on_record = {first: expected.score, **expected.others}
            on_record |= {"spread": expected.spread, "seeds": expected.seeds, "tolerance": expected.within}
        return {
            "recipe": self.recipe,
            "run": str(self.run),
            "seed": self.seed,
            "split": self.split,
            "sentences": self.sentences,
            "scores": {score.name: score.to_json() for score in self.scores},
            "tokens": self.tokens,
            "decides": first,
            "expected": on_record,
            "verdict": self.verdict,
            "published": {"score": expected.published, "source": expected.source},
            "minutes": self.minutes,
        }

    def tables(self) -> list[RenderableType]:
        """Return a row for each score, and the verdict."""
        shown = table(self.title, "score", "value", "95%", "on record", "signature")
        shown.columns[4].justify = "left"
        for index, score in enumerate(self.scores):
            between = "–".join(f"{bound:.1f}" for bound in score.interval or ())
            other = self.expected.others.get(score.name)
            on_record = str(self.expected) if not index else "" if other is None else f"{other:.2f}"
            shown.add_row(
                MEASURES[score.name].title, f"{score.score:.2f}", between, on_record, score.signature
            )
        return [shown, self.sentence()]

    def sentence(self) -> str:
        """Return the verdict in a sentence."""
        first, expected = self.scores[0], self.expected
        this = f"{MEASURES[first.name].title}: {first.score:.2f}"
        if expected.score is None:
            return f"No score is on record yet for this recipe. {this}."
        over = f" over {expected.seeds} seeds" if expected.seeds else ""
        how = f"2 standard deviations{over}" if expected.tolerance is None else "as the recipe says"
        within, apart = f"{expected.within:.2f} ({how})", _apart(first.score, expected.score)
        record = f"the {expected.score:.2f} on record"
        if self.verdict == REPRODUCED:
            return f"Reproduced. {this}, within {within} of {record}."
        words = "Better than on record" if self.verdict == BETTER else "Not reproduced"
        return f"{words}. {this}, {apart} {record}; the tolerance is {within}."

    def notes(self) -> list[str]:
        """Return the published score, the time it took, and what the references are."""
        expected, first = self.expected, self.scores[0]
        lines = []
        if expected.published is not None:
            apart = _apart(first.score, expected.published)
            lines.append(f"Published: {expected.published:.2f} ({expected.source}); this is {apart} it.")
        record = "" if expected.minutes is None else f" (on record: {expected.minutes:g}, {expected.machine})"
        lines.append(f"Trained in {counted(round(self.minutes, 1), 'minute')}{record}.")
        if any(score.name == TOKENS for score in self.scores):
            made = f"the tokens of {self.tokens}" if self.tokens else "tokens made of the references"
            lines.append(f"{MEASURES[TOKENS].title} compares with {made}.")
        return lines


def _apart(score: float, other: float) -> str:
    return f"{abs(score - other):.2f} {'above' if score >= other else 'below'}"


def reproduce(
    recipe: PathLike,
    data: PathLike,
    *,
    run: PathLike | None = None,
    seed: int | None = None,
    events: Callback | None = None,
) -> Reproduction:
    """Repeat a recipe on the files in the folder ``data``, and say whether its score is reproduced.

    ``recipe`` is one of :func:`seqformer.recipes.experiment.names`, or a file; ``seed`` is that of the
    training, another than the recipe's. ``run`` is the folder to train in; without it, ``runs/NAME`` or the
    next number.
    A run that was begun there with the same settings on the same data is gone on with, exactly, and one that
    is finished is scored again. ``events`` is as for :func:`seqformer.train`; :class:`Scoring` comes last.
    Raises :class:`SeqformerError`, and :class:`seqformer.Interrupted` after Ctrl-C: call it again.
    """
    if distributed.join().size > 1:
        raise SeqformerError("a recipe is repeated by one process: start it without torchrun")
    report: Callback = events or (lambda event: None)
    experiment, folder = open_experiment(recipe), Path(data)
    settings: dict[str, Any] = {} if seed is None else {"seed": seed}
    files, tokens = experiment.files(folder), experiment.tokens(folder)
    check(experiment.scores, languages.parse(experiment.recipe.prepare.get("languages", ""))[1])
    presets.resolve(Unprepared(), settings, experiment.recipe)
    if run is not None and Path(run).exists() and not is_run(Path(run)):
        raise RunError(f"{run} exists and is no run; choose another folder")
    prepared = _prepare(experiment, files)
    report(prepared)
    if tokens:
        check_tokens(tokens, prepared.task.manifest.pairs[experiment.split])
    plan = api.plan(prepared, recipe=experiment.recipe, **settings)
    begun = _begun(experiment.name, None if run is None else Path(run), plan)
    trained, stood = api.complete(begun, prepared, events=report, recipe=experiment.recipe, **settings)
    report(Scoring(trained, stood != "finished"))
    scores, sentences = measure(trained, experiment.scores, experiment.split, tokens)
    progress = trained.progress()
    return Reproduction(
        recipe=experiment.name,
        run=trained.folder,
        seed=plan.resolved.train.seed,
        split=experiment.split,
        sentences=sentences,
        scores=scores,
        expected=experiment.expected,
        minutes=progress.seconds / 60 if progress else 0.0,
        tokens=str(tokens or ""),
    )


def _prepare(experiment: Experiment, files: Found) -> Prepared:
    """Prepare the files of a recipe, unless they were prepared in the same way before."""
    held_out: dict[str, Any] = {
        split: paths if len(paths) == 2 else paths[0] for split, paths in files.items() if split != "train"
    }
    train = files["train"]
    if len(train) == 2:
        return api.prepare(files=(train[0], train[1]), recipe=experiment.recipe, **held_out)
    return api.prepare(train[0], recipe=experiment.recipe, **held_out)


def _begun(name: str, folder: Path | None, plan: Plan) -> Run | Path:
    """Return the run that was begun with this plan, or the folder for a new one."""
    for place in [folder] if folder else numbered(find.RUNS / name):
        if not place.exists():
            return place
        try:
            run = Run(place)
        except SeqformerError:
            if folder:
                raise
            continue
        if not (other := _difference(run, plan)):
            return run
        if folder:
            raise RunError(f"{folder} is another training ({other}); choose another folder for this one")
    raise AssertionError("there is always a next number")


def _difference(run: Run, plan: Plan) -> str:
    """Return in what a run differs from a plan; '' if in nothing."""
    resolved = plan.resolved
    mine, planned = run.configs, Configs(resolved.model, resolved.train, resolved.decode)
    if run.info.data_fingerprint != plan.task.manifest.fingerprint:
        return f"on other data, {run.info.data}"
    for had, wanted in (
        (mine.model, planned.model),
        (mine.train, planned.train),
        (mine.decode, planned.decode),
    ):
        for name, value in vars(wanted).items():
            if getattr(had, name, None) != value:
                return f"{name.replace('_', ' ')} {getattr(had, name, 'none')} instead of {value}"
    return ""
