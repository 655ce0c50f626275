"""The package from Python. The command line's verbs call these functions and nothing else.

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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, overload

import numpy as np
from rich.console import RenderableType

from seqformer.config import DecodeConfig, PrepareConfig, TrainConfig, names, only
from seqformer.console import html
from seqformer.decoding.translator import Translation
from seqformer.decoding.workers import Workers
from seqformer.device import choose_device
from seqformer.errors import DataError, RunError, SeqformerError, WriteError, nearest
from seqformer.images import prepare as image_preparing
from seqformer.images.batches import Bytes
from seqformer.presets import Recipe, Resolved, read_recipe, resolve
from seqformer.report import significance
from seqformer.report.attention import Attention, ClassAttention
from seqformer.report.evaluation import Evaluation, TextEvaluation
from seqformer.runs import assemble, find, lock
from seqformer.runs import resume as resuming
from seqformer.runs.create import create
from seqformer.runs.layout import Configs, is_run
from seqformer.runs.run import Run, open_predictor
from seqformer.storage.files import locked
from seqformer.storage.manifest import MANIFEST, is_prepared
from seqformer.tasks import open_task, text_task
from seqformer.tasks.classification import Classification, Classifier
from seqformer.tasks.task import Question, Task
from seqformer.text import prepare as preparing
from seqformer.text import rows
from seqformer.text.faults import Faults
from seqformer.text.rows import Pair
from seqformer.training import distributed
from seqformer.training.distributed import Processes
from seqformer.training.events import Ended
from seqformer.training.events import Event as TrainingEvent
from seqformer.training.trainer import Trainer

PREPARED, RUNS = Path("prepared"), Path("runs")
EMBEDDED = "en-fr"
PathLike = str | Path
Files = tuple[PathLike, PathLike]  # source sentences, and their translations line by line


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
    of IDX files or of PNGs by class; or nothing, for the embedded English-French corpus. ``files`` are two
    aligned files instead, ``valid`` and ``test`` such files to validate and test on; ``swap`` translates
    from the second side to the first; ``toy`` names a toy task instead. ``style="d2l"`` prepares as Dive
    into Deep Learning does; ``like`` takes text and pieces as a run has them. ``settings`` are fields of
    :class:`seqformer.config.PrepareConfig`, stronger than those of the ``recipe``.

    The folder ``out`` (``prepared/NAME`` where none is given) appears whole or not at all. Faults of the
    data are collected in ``faults``. Raises :class:`DataError` for data that cannot be used.
    """
    table = _recipe(recipe).prepare
    known = names(PrepareConfig)
    for name in settings:
        if name not in known:
            raise SeqformerError(f"there is no setting {name!r}: {nearest(name, known)}")
    settings = table | {name: value for name, value in settings.items() if value is not None}
    faults = faults or Faults()
    if toy:
        folder = Path(out) if out else PREPARED / toy
        preparing.prepare_toy(toy, folder, int(settings.get("seed", 1)))
        return Prepared(folder, open_task(folder))
    if isinstance(pairs, (str, Path)) and Path(pairs).is_dir():
        folder = Path(out) if out else PREPARED / Path(pairs).resolve().name
        image_preparing.prepare(Path(pairs), folder, int(settings.get("seed", 1)))
        return Prepared(folder, open_task(folder))
    if style:
        config = preparing.style(style)
    else:
        usual = preparing.EMBEDDED if pairs is None and files is None else PrepareConfig()
        config = replace(usual, **settings)
    tokenizer = None
    if like is not None:
        run = _open(like)
        text = text_task(run.task)
        tokenizer, own = text.tokenizer, text.manifest.config
        config = replace(config, **only(("lowercase", "split_punctuation", "model_type"), own))
    paths, read = _read(pairs, files, swap, faults)
    held_out = {
        part: _aligned(given, swap, faults)
        for part, given in (("valid", valid), ("test", test))
        if given is not None
    }
    folder = Path(out) if out else PREPARED / (_name(paths) if pairs or files else EMBEDDED)
    shown = [str(path.name if pairs is None and files is None else path) for path in paths]
    preparing.prepare(read, held_out, folder, config, like=tokenizer, files=shown, faults=faults)
    return Prepared(folder, open_task(folder), faults)


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
        return [Path("pairs")], ((t, s) for s, t in read) if swap else read
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
    """Return a name for the prepared folder: of one file its own, of two aligned files their extensions."""
    stems = [path.name.removesuffix(".gz") for path in paths]
    if len(stems) == 2 and Path(stems[0]).stem == Path(stems[1]).stem:
        return "-".join(Path(stem).suffix.lstrip(".") or stem for stem in stems)
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
    initial = None if init is None else _open(init)
    task = _data(data, toy, images, {**read.train, **settings}, events)
    if initial and not task.reads_like(initial.task):
        raise SeqformerError(
            f"{task.folder} has other {task.inputs} than {initial.folder}; prepare it like {initial.folder}"
        )
    return Plan(task, resolve(task, settings, read, initial.configs.model if initial else None), initial)


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
    if processes.first:
        opened = find.unfinished(RUNS) if run is None else _open(run)
        given = {name: value for name, value in settings.items() if value is not None}
        with lock.training(opened.folder):
            resuming.change(opened, given, None if data is None else Path(data))
        processes.say(str(opened.folder))
    else:
        opened = Run(processes.say(""))
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
    """Train a run to its end. Only the first of several processes holds it and reports events."""
    report: Callback = events if events and processes.first else lambda event: None
    with lock.training(run.folder) if processes.first else contextlib.nullcontext():
        training = (assemble.resume if resumed else assemble.begin)(run, device, started, processes)
        trainer = training.trainer
        with _stopped_by_signals(trainer, report):
            all_remarks = [*remarks, *filter(None, [training.remark])]
            report(Started(run, trainer, training.precision, training.size, all_remarks))
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
        folder = Path(data)
        if is_run(folder):
            raise DataError(f"{folder} is a run, not prepared data; to go on with its training, resume it")
        if not is_prepared(folder):
            there = ", ".join(sorted(str(p.parent) for p in folder.parent.glob(f"*/{MANIFEST}"))[:8])
            raise DataError(
                f"{folder} is not a prepared folder (no {MANIFEST})"
                + (f"; there are: {there}" if there else "")
            )
        return open_task(folder)
    with locked(PREPARED / "embedded"):  # of several that find nothing prepared, one prepares
        for manifest in sorted(PREPARED.glob(f"*/{MANIFEST}"), key=lambda p: p.stat().st_mtime, reverse=True):
            with contextlib.suppress(SeqformerError):
                task = open_task(manifest.parent)
                if task.reads_text and not task.manifest.toy:
                    return task
        made = prepare()
    report(made)
    return made.task


def _recipe(recipe: PathLike | Recipe | None) -> Recipe:
    if recipe is None:
        return Recipe()
    return recipe if isinstance(recipe, Recipe) else read_recipe(Path(recipe))


def _open(run: PathLike | Run) -> Run:
    return run if isinstance(run, Run) else Run(run)


@dataclass(frozen=True)
class Classified:
    """What one image was taken for."""

    label: str
    probability: float
    probabilities: dict[str, float]  # a class; they sum to 1

    def __str__(self) -> str:
        return self.label


class Model:
    """A trained run that answers. Made by :func:`load`."""

    def __init__(self, run: Run, device: str = "auto", precision: str = "fp32", workers: int = 1) -> None:
        self.run = run
        if workers > 1:
            choose_device(device)
            self.predictor = Workers(partial(open_predictor, run.folder, device, precision), workers)
        else:
            self.predictor = run.predictor(device, precision)

    def __repr__(self) -> str:
        return f"<Model of {self.run!r}>"

    def decode_config(self, **settings: Any) -> DecodeConfig:
        """Return how to search: as the run's recipe says, but for what is not None among ``settings``."""
        known = names(DecodeConfig)
        for name in settings:
            if name not in known:
                raise SeqformerError(f"there is no setting {name!r}: {nearest(name, known)}")
        return replace(self.run.configs.decode, **{k: v for k, v in settings.items() if v is not None})

    @overload
    def translate(self, text: str, **settings: Any) -> Any: ...
    @overload
    def translate(self, text: Iterable[str], **settings: Any) -> list[Any]: ...
    def translate(self, text: str | Iterable[str], **settings: Any) -> Any:
        """Translate a sentence, or each of several in their order; blank ones stay blank.

        Returns a :class:`Translation` for a sentence (its str is the text), the ``n_best`` best, best first,
        where more than one is asked for, and a list of that for several sentences. ``settings`` are fields of
        :class:`seqformer.config.DecodeConfig`: ``beam``, ``length_penalty``, ``n_best``, ``max_length``.
        """
        self._expect(text=True)
        config = self.decode_config(**settings)
        lines = [text] if isinstance(text, str) else list(text)
        best: list[list[Translation]] = self.predictor.translate(lines, config)
        answers = [b[0] for b in best] if config.n_best == 1 else best
        return answers[0] if isinstance(text, str) else answers

    def attention(self, what: str, *, beam: int = 5) -> Attention | ClassAttention:
        """Return what every head of every layer looked at in one input.

        ``what`` is a sentence, which is translated; or the number of a test image, or a PNG.
        """
        return self.run.task.look(self.predictor, what, beam)  # type: ignore[return-value]

    @overload
    def classify(self, images: PathLike | Bytes) -> Classified: ...
    @overload
    def classify(self, images: list[Any]) -> list[Classified]: ...
    def classify(self, images: Any) -> Any:
        """Classify an image, or each of a list: paths of PNGs, or bytes (C, H, W) or (H, W)."""
        self._expect(text=False)
        task, classifier = self.run.task, self.predictor
        assert isinstance(task, Classification) and isinstance(classifier, Classifier)
        several = isinstance(images, list)
        pixels = [self._pixels(task, image) for image in (images if several else [images])]
        answers = []
        for row in classifier.classify(np.stack(pixels)).tolist() if pixels else []:
            best = max(range(len(row)), key=row.__getitem__)
            answers.append(
                Classified(
                    classifier.classes[best], row[best], dict(zip(classifier.classes, row, strict=True))
                )
            )
        return answers if several else answers[0]

    @staticmethod
    def _pixels(task: Classification, image: Any) -> Bytes:
        if isinstance(image, (str, Path)):
            return task.read_png(Path(image))
        held = task.manifest
        pixels = np.asarray(image)
        pixels = pixels[None] if pixels.ndim == 2 else pixels
        expected = (held.channels, held.image_height, held.image_width)
        if pixels.dtype != np.uint8 or pixels.shape != expected:
            raise SeqformerError(
                f"an image must be bytes of the shape {expected}, not {pixels.dtype} of {pixels.shape}"
            )
        return pixels

    def _expect(self, *, text: bool) -> None:
        if self.run.task.reads_text != text:
            does = "translates" if self.run.task.reads_text else "classifies images"
            raise RunError(f"{self.run.folder} {does}; name another run")

    def close(self) -> None:
        """End the worker processes, where there are some."""
        if isinstance(self.predictor, Workers):
            self.predictor.close()


def load(run: PathLike | Run, *, device: str = "auto", precision: str = "fp32", workers: int = 1) -> Model:
    """Open a run as a model that translates or classifies.

    ``precision`` is what it computes in: fp32, bf16, or auto for the faster one here. ``workers`` are
    processes that share many sentences. Raises :class:`RunError`.
    """
    if workers < 1:
        raise SeqformerError(f"workers is {workers}: it must be at least 1")
    opened = _open(run)
    if workers > 1 and not opened.task.reads_text:
        raise RunError(f"{opened.folder} classifies images, in one process")
    return Model(opened, device, precision, workers)


def evaluate(
    run: PathLike | Run,
    *,
    split: str = "test",
    metrics: Iterable[str] = (),
    files: Files | None = None,
    compare: PathLike | None = None,
    chapter: bool = False,
    device: str = "auto",
    precision: str = "fp32",
    **settings: Any,
) -> Evaluation:
    """Score a run on held-out data.

    ``metrics`` are bleu, chrf and ter for text (bleu and chrf where none is named); ``files`` are sources
    and references instead of a ``split``; ``compare`` is another run, or a file of translations, that is
    tested for significance; ``chapter`` asks for the four sentences of Dive into Deep Learning instead.
    ``settings`` are fields of :class:`seqformer.config.DecodeConfig`. Raises :class:`SeqformerError`.
    """
    if compare is not None and not Path(compare).exists():
        raise SeqformerError(f"{compare}: there is no such run or file to compare with")
    opened = _open(run)
    model = load(opened, device=device, precision=precision)
    source, reference = (None, None) if files is None else (Path(files[0]), Path(files[1]))
    question = Question(split, tuple(metrics), source, reference, chapter, model.decode_config(**settings))
    result = opened.task.evaluate(model.predictor, str(opened.folder), question)
    if compare is None:
        return result
    if not isinstance(result, TextEvaluation) or not result.scores:
        raise SeqformerError("a comparison needs a score: bleu, chrf or ter")
    theirs = _translations(Path(compare), result.sources, question.decode, device, precision)
    tests = significance.compare(
        [score.name for score in result.scores], result.translations, theirs, result.references
    )
    return replace(result, other=str(compare), comparisons=tests)


def _translations(
    other: Path, sources: list[str], config: DecodeConfig, device: str, precision: str
) -> list[str]:
    """Return what the other system makes of the same sources: a run translates them, a file holds them."""
    if other.is_dir():
        best = load(other, device=device, precision=precision).predictor.translate(sources, config)
        return [b[0].text for b in best]
    lines = list(rows.read_lines(other))
    if len(lines) != len(sources):
        raise SeqformerError(
            f"{other} has {len(lines):,} lines and there are {len(sources):,} sentences; "
            "line n must translate sentence n"
        )
    return lines
