"""``forecast``: trainings on an eighth, a quarter and a half, and what all the data would give.

A forecast is a folder, ``forecasts/NAME``:

forecast.json             what was asked, and the scores so far
eighth/ quarter/ half/    a run each

The same question goes on where it was stopped.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seqformer import api
from seqformer.config import LIMITS, TrainConfig
from seqformer.console import counted
from seqformer.engine.model import PathLike
from seqformer.errors import DamagedError, DataError, RunError, SeqformerError
from seqformer.models import to_json
from seqformer.preparation import Prepared
from seqformer.presets import Recipe, recipe_from
from seqformer.report.forecast import Forecast, Point, foretell
from seqformer.runs.run import Run
from seqformer.storage.files import locked, numbered, read_json, write_json
from seqformer.storage.records import from_json
from seqformer.tasks.task import Task
from seqformer.training import distributed

FORECASTS, FORECAST = Path("forecasts"), "forecast.json"
SHARES = {"eighth": 1 / 8, "quarter": 1 / 4, "half": 1 / 2}
MINUTES = 5.0  # of each training, where nothing else limits it
FEWEST = 100  # examples of the smallest share
ELSEWHERE = ("toy", "images", "init", "share")  # of train; a forecast is asked about prepared data alone


@dataclass(frozen=True)
class Turn:
    """The training on a share comes next, goes on, or is there already."""

    name: str
    examples: int
    folder: Path
    state: str  # "new", "resumed" or "finished"


Callback = Callable[[api.Event | Turn], None]


def forecast(
    data: PathLike | Prepared | None = None,
    *,
    max_minutes: float | None = None,
    out: PathLike | None = None,
    recipe: PathLike | Recipe | None = None,
    device: str = "auto",
    events: Callback | None = None,
    **settings: Any,
) -> Forecast:
    """Train on an eighth, a quarter and a half, and say what all the data and twice as many would give.

    Each training takes ``max_minutes``, or what else ``settings`` and ``recipe`` limit it to; five minutes
    where nothing does. All have the model that suits the whole. ``data``, ``recipe``, ``device`` and
    ``settings`` are as for :func:`seqformer.train`. ``out`` is the folder that keeps the trainings
    (``forecasts/NAME`` where none is given): the same question asked again goes on there where it was
    stopped, and trains nothing twice. ``events`` is called with :class:`Turn` before each training and with
    the events of a training. Raises :class:`SeqformerError`, and :class:`seqformer.Interrupted` at Ctrl-C.
    """
    if distributed.join().size > 1:
        raise SeqformerError("a forecast trains in one process; leave out torchrun")
    read = recipe_from(recipe)
    for name in ELSEWHERE:
        if settings.get(name) is not None or name in read.train:
            raise SeqformerError(
                f"{name} is not for a forecast, which takes shares of prepared data; leave it out"
            )
    given = {name: value for name, value in settings.items() if value is not None}
    given |= _minutes(max_minutes, read.train | given)
    plan = api.plan(data, recipe=read, device=device, events=events, **given)
    _check(plan.task)
    folder = _open(plan, None if out is None else Path(out))
    points = _points(folder)
    for name, share in SHARES.items():
        if name not in points:
            run = _train(plan.task, folder / name, share, events, recipe=read, device=device, **given)
            points[name] = _measure(plan.task, run, share, device)
            _write(folder, read_json(folder / FORECAST)["question"], points)
        elif events:
            events(Turn(name, points[name].examples, folder / name, "finished"))
    limits = plan.resolved.train.limits
    return foretell(
        plan.task.manifest.name,
        plan.task.score,
        "pairs" if plan.task.reads_text else "images",
        " or ".join(counted(number, name.removesuffix("s")) for name, number in limits.items()),
        [points[name] for name in SHARES],
        examples=plan.task.examples,
        same_epochs=set(limits) == {"epochs"},
    )


def _minutes(asked: float | None, settings: dict[str, Any]) -> dict[str, float]:
    """Return the minutes of a training as a setting: the usual ones where nothing else limits it."""
    if asked is None and any(settings.get(limit) for limit in LIMITS):
        return {}
    return {"max_minutes": asked or MINUTES}


def _check(task: Task[Any]) -> None:
    """Refuse data whose eighth teaches nothing, and data of which nothing is held out."""
    if task.examples < FEWEST / min(SHARES.values()):
        least = math.ceil(FEWEST / min(SHARES.values()))
        raise DataError(
            f"{task.folder} has {counted(task.examples, 'training example')}, too few to train on an eighth "
            f"of them: a forecast needs at least {least:,}"
        )
    if task.manifest.by_heart:
        raise DataError(f"{task.folder} holds nothing out, so that there is no score to forecast")


def _open(plan: api.Plan, out: Path | None) -> Path:
    """Return the folder of this question, which is made where there is none yet."""
    train = asdict(plan.resolved.train)
    question = {
        "data": plan.task.manifest.fingerprint,
        "model": to_json(plan.resolved.model),
        "train": {name: value for name, value in train.items() if name != "share"},
        "decode": asdict(plan.resolved.decode),
    }
    first = FORECASTS / plan.task.manifest.name if out is None else out
    with locked(first):
        for place in numbered(first):
            if not place.exists() or (place.is_dir() and not any(place.iterdir())):
                place.mkdir(parents=True, exist_ok=True)
                _write(place, question, {})
                return place
            with contextlib.suppress(DamagedError):
                if _read(place)["question"] == question:
                    return place
            if out is not None:
                raise RunError(
                    f"{out} holds another forecast, or something else; choose another folder, or ask with "
                    "the same data and settings as before"
                )
    raise AssertionError("there is always a next number")


def _write(folder: Path, question: dict[str, Any], points: dict[str, Point]) -> None:
    held = {name: asdict(point) for name, point in points.items()}
    write_json(folder / FORECAST, {"question": question, "points": held})


def _read(folder: Path) -> dict[str, Any]:
    values = read_json(folder / FORECAST)
    if not isinstance(values, dict) or set(values) != {"question", "points"}:
        raise DamagedError(f"{folder / FORECAST}: not a forecast of this version")
    return values


def _points(folder: Path) -> dict[str, Point]:
    """Return the scores of the trainings that are finished."""
    where, held = str(folder / FORECAST), _read(folder)["points"]
    if not isinstance(held, dict) or not set(held) <= set(SHARES):
        raise RunError(f"{where}: damaged; remove it, or choose another folder")
    try:
        return {name: from_json(Point, values, where) for name, values in held.items()}
    except DamagedError as error:
        raise RunError(f"{error}; the file is damaged: remove its folder, or choose another") from None


def _train(
    task: Task[Any], folder: Path, share: float, events: Callback | None, *, device: str, **settings: Any
) -> Run:
    """Return the run of a share: trained now, or to its end, or finished already."""
    report: Callback = events or (lambda event: None)
    examples = task.share_of(TrainConfig(share=share))
    return api.complete(
        folder,
        task.folder,
        device=device,
        events=events,
        stands=lambda how: report(Turn(folder.name, examples, folder, how)),
        share=share,
        **settings,
    )[0]


def _measure(task: Task[Any], run: Run, share: float, device: str) -> Point:
    """Return how the best weights of a run score on all of valid."""
    score = task.held_out_score(run.predictor(device), run.configs.decode)
    progress = run.progress()
    assert progress and score.interval
    return Point(
        share=share,
        examples=task.share_of(run.configs.train),
        score=score.score,
        low=score.interval[0],
        high=score.interval[1],
        steps=progress.step,
        epochs=progress.units / task.units_in_epoch / share,
        seconds=progress.seconds,
        run=str(run.folder),
    )
