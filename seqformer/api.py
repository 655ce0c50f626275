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
import hashlib
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import RenderableType

from seqformer import __version__
from seqformer.config import PrepareConfig, TrainConfig, asked, names, only
from seqformer.console import html
from seqformer.device import choose_device
from seqformer.errors import DataError, RunError, SeqformerError, WriteError
from seqformer.images import prepare as image_preparing
from seqformer.inference import Files, Model, PathLike, evaluate, load, open_run
from seqformer.presets import UNPREPARED_IMAGES, Recipe, Resolved, Unprepared, read_recipe, resolve
from seqformer.runs import assemble, find, lock
from seqformer.runs import resume as resuming
from seqformer.runs.create import create
from seqformer.runs.layout import Configs, is_run
from seqformer.runs.run import Run
from seqformer.storage.files import digest, locked, neighbours
from seqformer.storage.manifest import MANIFEST, destination, is_prepared
from seqformer.tasks import open_task, text_task
from seqformer.tasks.task import Task
from seqformer.text import corpora, rows
from seqformer.text import prepare as preparing
from seqformer.text.faults import Faults
from seqformer.text.prepare import Provenance
from seqformer.text.prepared import Terms
from seqformer.text.rows import Pair
from seqformer.training import distributed
from seqformer.training.distributed import Processes
from seqformer.training.events import Ended
from seqformer.training.events import Event as TrainingEvent
from seqformer.training.trainer import Trainer

__all__ = ["Model", "Prepared", "Run", "evaluate", "load", "plan", "prepare", "resume", "train"]
PREPARED, RUNS = Path("prepared"), Path("runs")
EMBEDDED = "en-fr"
PAIRS = Path("pairs")  # stands for pairs that come from no file
PIECES = ("digits", "byte_fallback", "symbols", "character_coverage")
LIKE = (
    "lowercase",
    "split_punctuation",
    "model_type",
    "separate",
    "vocab_size",
    *PIECES,
)  # decided by the run


@dataclass(frozen=True)
class Prepared:
    """A prepared folder: what it holds, and the faults that were found in the data."""

    folder: Path
    task: Task[Any]
    faults: Faults = field(default_factory=Faults)

    def to_json(self) -> dict[str, Any]:
        """Return the manifest and the faults as plain JSON values."""
        return {"folder": str(self.folder), **vars(self.task.manifest), "faults": self.faults.report()}

    def tables(self) -> list[RenderableType]:
        """Return what was kept, what was dropped, and examples, as tables."""
        return self.task.tables()

    def __fspath__(self) -> str:
        return str(self.folder)

    def __repr__(self) -> str:
        return f"<Prepared {self.folder}: {self.task.describe()}>"

    def _repr_html_(self) -> str:
        return html(*self.tables())


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


Event = Prepared | Started | Stopping | TrainingEvent
Callback = Callable[[Event], None]


class Interrupted(KeyboardInterrupt):
    """A training was stopped by Ctrl-C or SIGTERM; its state is saved, and ``run`` can be resumed."""

    def __init__(self, run: Run, reason: str, trainer: Trainer) -> None:
        super().__init__(f"{reason}: {run.folder} can be resumed")
        self.run, self.reason, self.trainer = run, reason, trainer


def prepare(
    pairs: PathLike | Iterable[PathLike] | Iterable[Pair] | None = None,
    *,
    out: PathLike | None = None,
    files: Files | None = None,
    valid: Files | None = None,
    test: Files | None = None,
    swap: bool = False,
    toy: str = "",
    style: str = "",
    like: PathLike | Run | None = None,
    recipe: PathLike | Recipe | None = None,
    faults: Faults | None = None,
    **settings: Any,
) -> Prepared:
    """Prepare sentence pairs, or labelled images, for training.

    ``pairs`` is a tab-separated file (source first), several, or any iterable of pairs of strings; a folder
    of IDX files or of PNGs by class; the name of a corpus to fetch (``tatoeba:en-fr``; see
    :mod:`seqformer.text.corpora`); or nothing, for the embedded English-French corpus. ``files`` are two
    aligned files instead, ``valid`` and ``test`` such files to validate and test on; ``swap`` translates
    from the second side to the first; ``toy`` names a toy task instead. ``style="d2l"`` prepares as Dive
    into Deep Learning does; ``like`` takes text and pieces as a run has them. ``settings`` are fields of
    :class:`seqformer.config.PrepareConfig`, stronger than those of the ``recipe``.

    The folder ``out`` (``prepared/NAME`` where none is given) appears whole or not at all, and no folder
    that holds anything else is replaced: without ``out`` the next free name is taken, and where the same was
    prepared already there is nothing to do. Faults of the data are collected in ``faults``.
    Raises :class:`DataError` for data that cannot be used.
    """
    given = asked(PrepareConfig, settings)
    settings = _recipe(recipe).prepare | given
    images = isinstance(pairs, (str, Path)) and Path(pairs).is_dir()
    for what, used in (
        (toy and f"the toy task {toy}", ("seed",)),
        (images and "a folder of images", ("seed",)),
        (style and f"style {style}", ()),
        (like is not None and "the pieces of a run", tuple(set(names(PrepareConfig)) - set(LIKE))),
    ):
        for name in given:
            if what and name not in used:
                raise SeqformerError(f"{name} does nothing beside {what}; leave one of them out")
    again = faults is not None  # who collects faults wants them, whatever is there
    faults = faults or Faults()
    seed = int(settings.get("seed", 1))
    if toy:
        make = partial(preparing.prepare_toy, toy, seed=seed)
        return _placed(PREPARED / toy, out, f"{toy}-{seed}", make, faults)
    if images:
        assert isinstance(pairs, (str, Path))
        dataset = image_preparing.read_dataset(Path(pairs), seed)

        def make_images(folder: Path, origin: str) -> None:
            image_preparing.prepare(dataset, [str(pairs)], folder, seed)

        folder = PREPARED / Path(pairs).resolve().name
        return _placed(folder, out, image_preparing.origin(dataset, seed), make_images, faults)
    if style:
        config = preparing.style(style)
    else:
        usual = preparing.EMBEDDED if pairs is None and files is None else PrepareConfig()
        config = replace(usual, **settings)
    tokenizer = earlier = None
    if like is not None:
        run = open_run(like)
        text = text_task(run.task)
        tokenizer, own, earlier = text.tokenizer, text.manifest.config, text.seen(swap)
        config = replace(config, **only(("lowercase", "split_punctuation", "model_type", *PIECES), own))
        if earlier.bits is None:
            faults.remark(
                f"What {run.folder} was trained on is not known: a sentence held out here may be among it"
            )
    corpus = _corpus(pairs, files, swap)
    if corpus is not None:
        pairs, files = None, corpus.files
        if not style:
            valid, test = valid or corpus.valid, test or corpus.test
        config = replace(config, languages=config.languages or corpus.languages)
    paths, read = _read(pairs, files, swap, faults)
    held_out = {
        part: _aligned(given, swap, faults)
        for part, given in (("valid", valid), ("test", test))
        if given is not None
    }
    shown = [str(path.name if pairs is None and files is None else path) for path in paths]
    if corpus is not None:
        shown = [corpus.title]
    terms = corpus.terms if corpus else Terms()

    def make_text(folder: Path, origin: str) -> None:
        source = Provenance(tuple(shown), origin, terms)
        preparing.prepare(
            read, held_out, folder, config,
            like=tokenizer, earlier=earlier, provenance=source, faults=faults,
        )  # fmt: skip

    origin = _origin(
        [config, swap, None if tokenizer is None else sorted(tokenizer.files().items())],
        paths if paths[0] != PAIRS else pairs,
        [file for given in (valid, test) for file in given or ()],
    )
    folder = PREPARED / (corpus.name if corpus else _name(paths) if pairs or files else EMBEDDED)
    return _placed(folder, out, origin, make_text, faults, again=again)


def _placed(
    folder: Path,
    out: PathLike | None,
    origin: str,
    make: Callable[..., object],
    faults: Faults,
    *,
    again: bool = False,
) -> Prepared:
    """Prepare into ``out``, or into ``folder`` or the next free name, unless the same is there already."""
    wanted = folder if out is None else Path(out)
    with locked(wanted):
        place, there = destination(wanted, origin, fixed=out is not None)
        if there and not again:
            faults.remark(f"{place} has the same data, prepared in the same way: nothing to do.")
        else:
            if place != wanted:
                faults.remark(f"{wanted} holds other data and stays as it is; this is {place}.")
            make(place, origin=origin)
    return Prepared(place, open_task(place), faults)


def _origin(settings: list[Any], pairs: Any, held_out: Iterable[PathLike]) -> str:
    """Return a digest of settings, and of files or pairs; '' for pairs that can be read only once."""
    if not isinstance(pairs, (list, tuple)):
        return ""
    mark = hashlib.blake2b(repr([__version__, *settings]).encode(), digest_size=16)
    for each in (*pairs, "", *held_out):
        is_file = isinstance(each, Path) or (isinstance(each, str) and each)
        mark.update((digest(Path(each)) if is_file else repr(each)).encode("utf-8", "surrogatepass") + b"\n")
    return mark.hexdigest()


def _corpus(pairs: object, files: Files | None, swap: bool) -> corpora.Corpus | None:
    """Return the corpus that is named instead of a file; None for files."""
    name = corpora.name_of(pairs)
    if not name:
        return None
    if files is not None:
        raise SeqformerError(f"give either a corpus by name ({name}) or two aligned files, not both")
    if swap:
        raise SeqformerError(f"{name}: name its languages the other way round instead of swapping the sides")
    return corpora.fetch(name)


def _read(
    pairs: PathLike | Iterable[PathLike] | Iterable[Pair] | None,
    files: Files | None,
    swap: bool,
    faults: Faults,
) -> tuple[list[Path], Iterable[Pair]]:
    """Return the files behind the pairs, and the pairs."""
    if pairs is not None and files is not None:
        raise SeqformerError("give either tab-separated files, or two aligned files, not both")
    if files is not None:
        return list(map(Path, files)), _aligned(files, swap, faults)
    given = rows.embedded() if pairs is None else [pairs] if isinstance(pairs, (str, Path)) else pairs
    if not isinstance(given, (list, tuple)) or not all(isinstance(each, (str, Path)) for each in given):
        read = rows.numbered(given, faults)  # type: ignore[arg-type]
        return [PAIRS], ((t, s) for s, t in read) if swap else read
    paths = [Path(path) for path in given]
    _check(paths)
    read = rows.read_tsv(paths, faults)
    return paths, ((t, s) for s, t in read) if swap else read


def _aligned(files: Files, swap: bool, faults: Faults) -> Iterable[Pair]:
    source, target = (Path(path) for path in (reversed(files) if swap else files))
    _check([source, target])
    return rows.read_aligned(source, target, faults)


def _check(paths: list[Path]) -> None:
    """Refuse missing files before any work begins."""
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: there is no such file")


def _name(paths: list[Path]) -> str:
    """Return a name for the prepared folder: that of the file; ``train.en-fr`` for train.en and train.fr."""
    stems = [path.name.removesuffix(".gz") for path in paths]
    if len(stems) == 2 and Path(stems[0]).stem == Path(stems[1]).stem:
        return stems[0] + "-" + Path(stems[1]).suffix.lstrip(".")
    return Path(stems[0]).stem


@dataclass(frozen=True)
class Plan:
    """What would be trained: data, configurations, and the run to begin with."""

    task: Task[Any]
    resolved: Resolved
    initial: Run | None = None


def plan(
    data: PathLike | Prepared | None = None,
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
    read = _recipe(recipe)
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
    data: PathLike | Prepared | None = None,
    *,
    run: PathLike | None = None,
    toy: str = "",
    images: PathLike | None = None,
    init: PathLike | Run | None = None,
    recipe: PathLike | Recipe | None = None,
    device: str = "auto",
    events: Callback | None = None,
    started: float | None = None,
    **settings: Any,
) -> Run:
    """Train a new run on a prepared folder, and return it.

    Without ``data``: the toy task ``toy``, the folder ``images``, the newest prepared text, or else the
    embedded corpus is prepared. ``run`` is the folder to make (``runs/NAME``, the next free name, where
    none is given); ``init`` a run whose weights it begins with. ``settings`` are ``preset``, ``arch`` and
    the fields of the architecture's configuration and of :class:`seqformer.config.TrainConfig`, such as
    ``max_minutes=10``; what beats what is told in :mod:`seqformer.presets`.

    ``events`` is called with each event: :class:`Prepared`, :class:`Started`, those of
    :mod:`seqformer.training.events`, and :class:`Stopping`; without one nothing is printed. The wall-clock
    budget begins now, or at ``started`` (time.monotonic). Ctrl-C saves and raises :class:`Interrupted`.
    Raises :class:`SeqformerError` where something cannot be used, or the training diverges.
    """
    started = time.monotonic() if started is None else started
    processes = distributed.join()
    if not processes.first:
        return _run(Run(processes.say("")), device, started, processes, events, [], resumed=False)
    made = plan(
        data, toy=toy, images=images, init=init, recipe=recipe, device=device, events=events, **settings
    )
    resolved = made.resolved
    configs = Configs(resolved.model, resolved.train, resolved.decode)
    folder = Path(run) if run else RUNS / made.task.manifest.name
    opened = create(folder, made.task, configs, made.initial, numbered=run is None)
    with lock.training(opened.folder):
        processes.say(str(opened.folder))
        return _run(opened, device, started, processes, events, resolved.remarks, resumed=False)


def resume(
    run: PathLike | Run | None = None,
    *,
    data: PathLike | Prepared | None = None,
    device: str = "auto",
    events: Callback | None = None,
    started: float | None = None,
    **settings: Any,
) -> Run:
    """Go on with a run exactly where it stopped: the one given, or the newest unfinished one.

    ``data`` says where the same prepared folder lies now; ``settings`` may change the limits,
    ``patience`` and ``validate_every``. Otherwise as :func:`train`.
    """
    started = time.monotonic() if started is None else started
    processes = distributed.join()
    if not processes.first:
        return _run(Run(processes.say("")), device, started, processes, events, [], resumed=True)
    opened = find.unfinished(RUNS) if run is None else open_run(run)
    given = {name: value for name, value in settings.items() if value is not None}
    with lock.training(opened.folder):
        resuming.change(opened, given, None if data is None else Path(data))
        processes.say(str(opened.folder))
        return _run(opened, device, started, processes, events, [], resumed=True)


def _run(
    run: Run,
    device: str,
    started: float,
    processes: Processes,
    events: Callback | None,
    remarks: list[str],
    *,
    resumed: bool,
) -> Run:
    """Train a run, which the first process holds, to its end; that process alone reports events."""
    report: Callback = events if events and processes.first else lambda event: None
    training = (assemble.resume if resumed else assemble.begin)(run, device, started, processes)
    trainer = training.trainer
    with _stopped_by_signals(trainer, report):
        report(Started(run, trainer, training.precision, training.size, [*remarks, *training.remarks]))
        try:
            for event in trainer.run():
                report(event)
        except WriteError as error:
            raise WriteError(f"{error} in {run.folder}: free some space, then resume it") from None
        except RunError:
            raise
        except SeqformerError as error:
            raise RunError(f"{run.folder}: {error}") from None
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
    data: PathLike | Prepared | None,
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
    if data is not None:
        return _existing(Path(data))
    with locked(PREPARED / "embedded"):  # of several that find nothing prepared, one prepares
        for manifest in sorted(PREPARED.glob(f"*/{MANIFEST}"), key=lambda p: p.stat().st_mtime, reverse=True):
            with contextlib.suppress(SeqformerError):
                task = open_task(manifest.parent)
                if task.reads_text and not task.manifest.toy:
                    return task
        made = prepare()
    report(made)
    return made.task


def _existing(folder: Path) -> Task[Any]:
    """Return the task of a prepared folder; the error says what a folder is that is not one."""
    if is_run(folder):
        raise DataError(f"{folder} is a run, not prepared data; to go on with its training, resume it")
    if not is_prepared(folder):
        there = ", ".join(neighbours(folder, MANIFEST)[:8])
        raise DataError(
            f"{folder} is not a prepared folder (no {MANIFEST})" + (f"; there are: {there}" if there else "")
        )
    return open_task(folder)


def _recipe(recipe: PathLike | Recipe | None) -> Recipe:
    if recipe is None:
        return Recipe()
    return recipe if isinstance(recipe, Recipe) else read_recipe(Path(recipe))
