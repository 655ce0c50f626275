"""``distil``: a teacher translates the training sources, and a student learns from its translations.

Sequence-level knowledge distillation (Kim & Rush 2016, "Sequence-Level Knowledge Distillation", section 3.2):
the student is trained on the best hypotheses of the teacher's beam search in place of the references. They
are more regular than what people write, so that a smaller model can learn them, and one that needs no beam.

    distillations/NAME-…      the translations so far, in parts: the digits stand for teacher and sources
    prepared/NAME-distilled   the prepared folder: sources and translations, valid and test as before
    runs/NAME-distilled       the student

The same question goes on where it was stopped, and nothing is translated twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from seqformer import api
from seqformer.config import DecodeConfig, asked
from seqformer.console import table
from seqformer.engine.model import PathLike
from seqformer.errors import RunError, SeqformerError, nearest
from seqformer.formats import streams
from seqformer.inference.model import open_runs
from seqformer.preparation import Prepared
from seqformer.presets import Recipe, recipe_from
from seqformer.report.report import Report
from seqformer.runs import find
from seqformer.runs.layout import Configs, is_run
from seqformer.runs.run import Run
from seqformer.storage.files import numbered
from seqformer.studies import teacher as teaching
from seqformer.studies.selection import ORIGINALS
from seqformer.studies.teacher import Question
from seqformer.tasks import text_task
from seqformer.training import distributed

PRESET = "deep-shallow"  # of a student, where nothing else is asked for
KEEP = 0.95  # share of the translations without signs
ELSEWHERE = ("toy", "images", "init")  # of train; a student learns from the translations alone


@dataclass(frozen=True)
class Translated:
    """So many lines of all are translated."""

    done: int
    total: int


@dataclass(frozen=True)
class Distilled:
    """The translations are prepared data."""

    prepared: Prepared


@dataclass(frozen=True)
class Student:
    """The training of the student comes next, goes on, or is there already."""

    folder: Path
    state: str  # "new", "resumed" or "finished"


Event = api.Event | Translated | Distilled | Student
Callback = Callable[[Event], None]


@dataclass(frozen=True)
class Distillation(Report):
    """What a teacher translated, what was left out of that and why, and the student."""

    prepared: Prepared
    run: Run | None  # the student; None where the data alone were asked for

    @property
    def title(self) -> str:
        """Teachers and data."""
        held = text_task(self.prepared.task).manifest
        return f"{self.prepared.folder}, translated by {' + '.join(held.teachers.values())}"

    def to_json(self) -> dict[str, Any]:
        """Return where data and student are, and what was left out, as plain JSON values."""
        held = text_task(self.prepared.task).manifest
        return {
            "prepared": str(self.prepared.folder),
            "run": None if self.run is None else str(self.run.folder),
            "teachers": held.teachers,
            "distillation": held.distillation,
            "read": held.read,
            "unchanged": held.unchanged,
            "dropped": held.dropped,
            "train": held.pairs["train"],
        }

    def tables(self) -> list[RenderableType]:
        """Return how many pairs are trained on, and how many were left out for each reason."""
        held = text_task(self.prepared.task).manifest
        shown = table(f"Translations by {' + '.join(held.teachers.values())}", "", "pairs")
        shown.add_row("translated", f"{held.distillation['translated']:,}")
        for what, counts in (("keeps its target", held.unchanged), ("dropped", held.dropped)):
            for reason, count in sorted(counts.items(), key=lambda item: -item[1]):
                shown.add_row(f"{what}: {reason}", f"{count:,}")
        shown.add_row("train", f"{held.pairs['train']:,}")
        return [shown]

    def notes(self) -> list[str]:
        """Return remarks on the teacher."""
        return self.prepared.faults.remarks


def distil(
    teacher: PathLike | Run | Sequence[PathLike | Run],
    *,
    data: PathLike | Prepared | None = None,
    monolingual: PathLike | Sequence[PathLike] = (),
    beam: int | None = None,
    keep: float = KEEP,
    originals: str = ORIGINALS[0],
    other_pieces: bool = False,
    out: PathLike | None = None,
    run: PathLike | None = None,
    only_data: bool = False,
    recipe: PathLike | Recipe | None = None,
    device: str = "auto",
    precision: str = "fp32",
    workers: int = 1,
    events: Callback | None = None,
    **settings: Any,
) -> Distillation:
    """Let a teacher translate its training sources, and train a student on the translations.

    ``teacher`` is a run, or several that translate as an ensemble. ``data`` is the prepared folder whose
    training sources are translated, that of the first teacher where none is named; the lines of
    ``monolingual`` files are translated too. A translation with a sign that it is bad is dropped, see
    :mod:`seqformer.studies.selection`; of the others the share ``keep`` stays that the teacher finds the most
    probable, by the mean of a piece. ``originals`` are the pairs of ``data`` that are trained on as they are:
    those whose translation is ``dropped``, ``all``, beside the translations, or ``none``. The teacher must
    have the pieces of ``data``; with ``other_pieces`` it need not, and its translations are cut into those.

    ``out`` is the prepared folder to make (``prepared/NAME-distilled`` where none is named), and ``run`` the
    student's (``runs/NAME-distilled``); with ``only_data`` no student is trained. Its preset is deep-shallow
    unless ``settings`` or ``recipe``, which are as for :func:`seqformer.train`, say otherwise. ``device``,
    ``precision`` and ``workers`` are as for :func:`seqformer.load`.

    The same call goes on where it was stopped; translations are kept in ``distillations/``, to be chosen from
    otherwise. ``events`` is called with :class:`Translated`,
    :class:`Distilled`, :class:`Student` and the events of a training. Raises :class:`SeqformerError`, and
    :class:`seqformer.Interrupted` at Ctrl-C during the training.
    """
    if distributed.join().size > 1:
        raise SeqformerError("a distillation runs in one process; leave out torchrun, or ask for workers")
    if not 0 < keep <= 1:
        raise SeqformerError(f"the share to keep is {keep}: it must be above 0 and at most 1")
    if originals not in ORIGINALS:
        raise SeqformerError(f"original pairs of kind {originals!r}: {nearest(originals, ORIGINALS)}")
    read = recipe_from(recipe)
    if only_data:
        _refuse_training(settings | {"recipe": recipe, "run": run})
    given = _training(settings, read)
    runs = open_runs(teacher)
    for each in runs:
        if not each.task.reads_text:
            raise RunError(f"{each.folder} classifies images, and a teacher translates; name another run")
    folder = runs[0].training_task().folder if data is None else Path(data)
    how = {"recipe": read, "device": device, **given}
    task = text_task(api.existing(folder))
    api.plan(folder, **how)  # wrong settings are told before anything is translated
    faults = teaching.checked(runs, task, other_pieces=other_pieces)
    named = [monolingual] if isinstance(monolingual, (str, Path)) else monolingual
    files = tuple(map(Path, named))
    streams.check(files)
    decode = replace(runs[0].configs.decode, **asked(DecodeConfig, {"beam": beam}), n_best=1)
    report: Callback = events or (lambda event: None)
    question = Question(runs, task, files, decode, precision, device, workers)
    prepared = teaching.prepare(
        question,
        keep,
        originals=originals,
        out=out,
        faults=faults,
        report=lambda done, total: report(Translated(done, total)),
    )
    report(Distilled(prepared))
    student = None if only_data else _train(prepared, run, report, **how)
    return Distillation(prepared, student)


def _refuse_training(settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        if value is not None:
            raise SeqformerError(f"{name} does nothing where no student is trained; leave it out")


def _training(settings: dict[str, Any], recipe: Recipe) -> dict[str, Any]:
    """Return the settings of the student's training; refuse what it cannot have."""
    given = {name: value for name, value in settings.items() if value is not None}
    for name in ELSEWHERE:
        if name in given:
            raise SeqformerError(f"{name} is not for a student, which learns from translations; leave it out")
    if not {"preset", "arch", "width"} & (given.keys() | recipe.model.keys()):
        given["preset"] = PRESET
    return given


def _train(prepared: Prepared, run: PathLike | None, report: Callback, **how: Any) -> Run:
    """Return the student: trained now, or to its end, or finished already."""
    resolved = api.plan(prepared, **how).resolved
    configs = Configs(resolved.model, resolved.train, resolved.decode)
    first = find.RUNS / prepared.folder.name if run is None else Path(run)
    for place in numbered(first):
        if not place.exists():
            break
        with contextlib.suppress(RunError):
            held = Run(place) if is_run(place) else None
            if held and (held.info.data_fingerprint, held.configs) == (
                prepared.task.manifest.fingerprint,
                configs,
            ):
                break
        if run is not None:
            raise RunError(
                f"{run} holds another training, or something else; choose another folder, or ask with the "
                "same teacher and settings as before"
            )

    def stands(state: str) -> None:
        report(Student(place, state))

    return api.complete(place, prepared, events=report, stands=stands, **how)[0]
