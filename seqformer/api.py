"""The package from Python: preparing, training, using and evaluating, as the command line's verbs do it.

Export and import are in :mod:`seqformer.exchange`.

>>> import seqformer
>>> seqformer.prepare("pairs.tsv", out="prepared/mine")
>>> run = seqformer.train("prepared/mine", run="runs/mine", max_minutes=10)
>>> model = seqformer.load(run)
>>> print(model.translate("i'm home ."))
je suis chez moi .

Whatever a user can get wrong raises :class:`seqformer.SeqformerError`, in one line.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from seqformer.config import TrainConfig, names, only
from seqformer.device import choose_device
from seqformer.engine.model import PathLike
from seqformer.errors import DataError, RunError, SeqformerError, WriteError
from seqformer.inference.evaluation import calibrate, evaluate
from seqformer.inference.model import Model, average, load, open_run
from seqformer.preparation import PREPARED, Prepared, mixed, prepare
from seqformer.presets import UNPREPARED_IMAGES, Recipe, Resolved, Unprepared, recipe_from, resolve
from seqformer.runs import assemble, find, lock, loggers, mirror
from seqformer.runs import resume as resuming
from seqformer.runs.create import create
from seqformer.runs.find import RUNS
from seqformer.runs.follow import Follower
from seqformer.runs.layout import Configs, is_run
from seqformer.runs.run import Run
from seqformer.storage.files import locked, neighbours
from seqformer.storage.manifest import MANIFEST, is_prepared
from seqformer.tasks import open_task
from seqformer.tasks.task import Task
from seqformer.training import distributed
from seqformer.training.distributed import Processes
from seqformer.training.events import Ended
from seqformer.training.events import Event as TrainingEvent
from seqformer.training.trainer import Trainer

__all__ = [
    "Model",
    "Prepared",
    "Run",
    "average",
    "calibrate",
    "evaluate",
    "load",
    "plan",
    "prepare",
    "resume",
    "train",
]


@dataclass(frozen=True)
class Started:
    """The first event of a training: everything is ready."""

    run: Run
    trainer: Trainer
    precision: str
    size: str  # of a batch, in words
    remarks: list[str]


@dataclass(frozen=True)
class Stopping:
    """Ctrl-C or SIGTERM came; the state is saved after this step. Sent from within a signal handler."""

    reason: str


@dataclass(frozen=True)
class NothingLeft:
    """A training that was to be resumed needs no more of it."""

    run: Run
    reason: str


@dataclass(frozen=True)
class NotLogged:
    """The log that a training is followed with failed, or lacks something; the training goes on."""

    why: str


Event = Prepared | Started | Stopping | NothingLeft | NotLogged | TrainingEvent
Callback = Callable[[Event], None]
# a prepared folder, or several of the same pieces with their weights
Data = PathLike | Prepared | Mapping[str, float] | Mapping[Path, float] | None


class Interrupted(KeyboardInterrupt):
    """A training was stopped by Ctrl-C or SIGTERM; its state is saved, and ``run`` can be resumed."""

    def __init__(self, run: Run, reason: str, trainer: Trainer) -> None:
        super().__init__(f"{reason}: {run.folder} can be resumed")
        self.run, self.reason, self.trainer = run, reason, trainer


@dataclass(frozen=True)
class Plan:
    """What would be trained: data, configurations, and the run to begin with."""

    task: Task[Any]
    resolved: Resolved
    initial: Run | None = None


def plan(
    data: Data = None,
    *,
    toy: str = "",
    images: PathLike | None = None,
    init: PathLike | Run | None = None,
    recipe: PathLike | Recipe | None = None,
    device: str = "auto",
    events: Callback | None = None,
    **settings: Any,
) -> Plan:
    """Return what :func:`train` would train with these arguments; data are prepared where that is needed."""
    choose_device(device)
    TrainConfig(**only(names(TrainConfig), settings))  # wrong numbers are told before anything is prepared
    read = recipe_from(recipe)
    initial = None if init is None else open_run(init)
    model = initial.configs.model if initial else None
    if images is not None and not Path(images).is_dir():
        raise DataError(f"{images}: there is no such folder of images")
    if data is None:
        resolve(Unprepared() if images is None else UNPREPARED_IMAGES, settings, read, model)
    task = _data(data, toy, images, {**read.train, **settings}, events)
    if initial and not task.reads_like(initial.task):
        raise SeqformerError(
            f"{task.folder} has other {task.inputs} than {initial.folder}; prepare it like {initial.folder}"
        )
    return Plan(task, resolve(task, settings, read, model), initial)


def train(
    data: Data = None,
    *,
    run: PathLike | None = None,
    toy: str = "",
    images: PathLike | None = None,
    init: PathLike | Run | None = None,
    recipe: PathLike | Recipe | None = None,
    device: str = "auto",
    events: Callback | None = None,
    started: float | None = None,
    log: str | None = None,
    **settings: Any,
) -> Run:
    """Train a new run on a prepared folder, or on several, and return it.

    Several are given with their weights, ``{"prepared/a": 3, "prepared/b": 1}``: of the first come three
    pairs for each of the second. They must have the same pieces.

    Without ``data``: the toy task ``toy``, the folder ``images``, the newest prepared text, or else the
    embedded corpus is prepared. ``run`` is the folder to make (``runs/NAME``, the next free name, where
    none is given); ``init`` a run whose weights it begins with. ``settings`` are ``preset``, ``arch`` and
    the fields of the architecture's configuration and of :class:`seqformer.config.TrainConfig`, such as
    ``max_minutes=10``; what beats what is told in :mod:`seqformer.presets`.

    ``events`` is called with each event: :class:`Prepared`, :class:`Started`, those of
    :mod:`seqformer.training.events`, :class:`Stopping` and :class:`NotLogged`; without one nothing is
    printed. The wall-clock budget begins now, or at ``started`` (time.monotonic). ``log`` is a logger to
    follow it with, one of :data:`seqformer.runs.loggers.LOGGERS`. Ctrl-C saves and raises
    :class:`Interrupted`.
    Raises :class:`SeqformerError` where something cannot be used, or the training diverges.
    """
    started = time.monotonic() if started is None else started
    loggers.check(log or loggers.NONE)
    processes = distributed.join()
    if not processes.first:
        return _follow(data, device, started, processes, resumed=False)
    made = plan(
        data, toy=toy, images=images, init=init, recipe=recipe, device=device, events=events, **settings
    )
    resolved = made.resolved
    configs = Configs(resolved.model, resolved.train, resolved.decode)
    folder = Path(run) if run else RUNS / made.task.manifest.name
    opened = create(folder, made.task, configs, made.initial, numbered=run is None)
    with lock.training(opened.folder):
        mirror.offer(opened.folder, processes)
        return _run(opened, device, started, processes, events, resolved.remarks, log, resumed=False)


def resume(
    run: PathLike | Run | None = None,
    *,
    data: PathLike | Prepared | None = None,
    device: str = "auto",
    events: Callback | None = None,
    started: float | None = None,
    log: str | None = None,
    **settings: Any,
) -> Run:
    """Go on with a run exactly where it stopped: the one given, or the newest unfinished one.

    ``data`` says where the same prepared folder lies now; ``settings`` may change the limits,
    ``patience`` and ``validate_every``; a limit replaces all earlier ones. Where nothing is left to do, the
    run is returned at once, after the event :class:`NothingLeft`. It goes on in the same log, unless ``log``
    names another, or ``none``. Otherwise as :func:`train`.
    """
    started = time.monotonic() if started is None else started
    loggers.check(log or loggers.NONE)
    processes = distributed.join()
    if not processes.first:
        return _follow(data, device, started, processes, resumed=True)
    opened = find.unfinished(RUNS) if run is None else open_run(run)
    given = {name: value for name, value in settings.items() if value is not None}
    with lock.training(opened.folder):
        resuming.change(opened, given, None if data is None else Path(data))
        if processes.size == 1 and (reason := resuming.nothing_left(opened)):
            if events:
                events(NothingLeft(opened, reason))
            return opened
        mirror.offer(opened.folder, processes)
        return _run(opened, device, started, processes, events, [], log, resumed=True)


def complete(
    run: PathLike | Run,
    data: PathLike | Prepared,
    *,
    device: str = "auto",
    events: Callback | None = None,
    stands: Callable[[str], object] = lambda how: None,
    **settings: Any,
) -> tuple[Run, str]:
    """Return a run trained to its end, and how it stood before: ``new``, ``resumed`` or ``finished``.

    ``stands`` is told that before any training; all else is as for :func:`train` and :func:`resume`.
    """
    folder = run.folder if isinstance(run, Run) else Path(run)
    if not is_run(folder):
        stands("new")
        return train(data, run=folder, device=device, events=events, **settings), "new"
    begun = open_run(run)
    progress = begun.progress()
    how = "finished" if progress is not None and progress.finished else "resumed"
    stands(how)
    return (begun if how == "finished" else resume(begun, data=data, device=device, events=events)), how


def _follow(data: Data, device: str, started: float, processes: Processes, *, resumed: bool) -> Run:
    """Train as one of the other processes: the first decides all, but ``data`` may lie elsewhere here.

    The folder of the run that is returned is there only if this process sees that of the first.
    """
    with mirror.seen(processes) as folder:
        own = None if data is None or isinstance(data, Mapping) else Path(data)
        run = Run(folder, training_task=open_task(own) if own and is_prepared(own) else None)
        return _run(run, device, started, processes, None, [], None, resumed=resumed)


def _run(
    run: Run,
    device: str,
    started: float,
    processes: Processes,
    events: Callback | None,
    remarks: list[str],
    log: str | None,
    *,
    resumed: bool,
) -> Run:
    """Train a run, which the first process holds, to its end; that process alone reports events."""
    report: Callback = events if events and processes.first else lambda event: None
    follower = Follower(run, log, lambda why: report(NotLogged(why)), first=processes.first)
    training = (assemble.resume if resumed else assemble.begin)(run, device, started, processes)
    trainer = training.trainer
    with _stopped_by_signals(trainer, report):
        report(Started(run, trainer, training.precision, training.size, [*remarks, *training.remarks]))
        try:
            follower.begin(trainer)
            for event in trainer.run():
                follower(event)
                report(event)
        except WriteError as error:
            raise WriteError(f"{error} in {run.folder}: free some space, then resume it") from None
        except RunError:
            raise
        except SeqformerError as error:
            raise RunError(f"{run.folder}: {error}") from None
        finally:
            follower.close()
    if isinstance(event, Ended) and event.interrupted:
        raise Interrupted(run, event.reason, trainer)
    return run


@contextlib.contextmanager
def _stopped_by_signals(trainer: Trainer, report: Callback) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM of the block ask the trainer to stop, and the second end at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(reason: str, number: int, frame: FrameType | None) -> None:
        if trainer.stopping:
            raise SystemExit(128 + number)
        trainer.stop(reason)
        report(Stopping(reason))

    signals = ((signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM"))
    before = {number: signal.signal(number, partial(stop, reason)) for number, reason in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _data(
    data: Data,
    toy: str,
    images: PathLike | None,
    settings: dict[str, Any],
    events: Callback | None,
) -> Task[Any]:
    """Return the task of the prepared folder to train on, made now where that is wanted."""
    report: Callback = events or (lambda event: None)
    if (data is not None) + bool(toy) + (images is not None) > 1:
        raise SeqformerError("name one of: a prepared folder, a toy task, a folder of images")
    seed = int(settings.get("seed") or 1)
    if toy:
        return prepare(toy=toy, seed=seed).task
    if images is not None:
        made = prepare(images, seed=seed)
        report(made)
        return made.task
    if isinstance(data, Mapping):
        for folder in data:
            existing(Path(folder))
        return mixed(data, seed).task
    if data is not None:
        return existing(Path(data))
    with locked(PREPARED / "embedded"):  # of several that find nothing prepared, one prepares
        for manifest in sorted(PREPARED.glob(f"*/{MANIFEST}"), key=lambda p: p.stat().st_mtime, reverse=True):
            with contextlib.suppress(SeqformerError):
                task = open_task(manifest.parent)
                if task.reads_text and not task.manifest.toy:
                    return task
        made = prepare()
    report(made)
    return made.task


def existing(folder: Path) -> Task[Any]:
    """Return the task of a prepared folder; the error says what a folder is that is not one."""
    if is_run(folder):
        raise DataError(f"{folder} is a run, not prepared data; to go on with its training, resume it")
    if not is_prepared(folder):
        there = ", ".join(neighbours(folder, MANIFEST)[:8])
        raise DataError(
            f"{folder} is not a prepared folder (no {MANIFEST})" + (f"; there are: {there}" if there else "")
        )
    return open_task(folder)
