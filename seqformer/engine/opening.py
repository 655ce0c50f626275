"""Which engine translates, and a run opened for CTranslate2, which is converted for it once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqformer import config
from seqformer.config import DecodeConfig
from seqformer.decoding.lines import LineTranslator
from seqformer.decoding.shortlist import Shortlist
from seqformer.engine import converted
from seqformer.engine.converted import Converted, Record
from seqformer.engine.model import FastModel
from seqformer.engine.search import Engine
from seqformer.engine.translator import SEARCH, FastTranslator
from seqformer.errors import (
    RUN_ADVICE,
    DamagedError,
    MissingExtra,
    RunError,
    SeqformerError,
    damaged,
    nearest,
)
from seqformer.runs import layout
from seqformer.runs import shortlist as shortlists
from seqformer.storage import manifest as manifests
from seqformer.storage.files import read_json
from seqformer.storage.records import from_json
from seqformer.text import familiar, tokenizer
from seqformer.text.prepared import TextManifest

if TYPE_CHECKING:  # it imports torch
    from seqformer.runs.run import Run

AUTO, TORCH, CTRANSLATE2 = ENGINES = ("auto", "torch", "ctranslate2")
PRECISIONS = {"fp32": "float32", "int8": "int8"}  # ours -> what CTranslate2 computes in
INT8 = "int8"
OLDEST = (4, 8, 1)  # older versions can be made to write beyond their memory by a file


def check(engine: str, precision: str) -> None:
    """Refuse an engine or a precision that there is not."""
    if engine not in ENGINES:
        raise SeqformerError(f"there is no engine '{engine}': {nearest(engine, ENGINES)}")
    known = (*config.PRECISIONS, INT8)
    if precision not in known:
        raise SeqformerError(f"precision '{precision}' is not known: {nearest(precision, known)}")


def lacks(engine: str, *, runs: int = 1, device: str, precision: str, workers: int) -> str:
    """Return why CTranslate2 is not the engine, whatever the run; '' if it is asked for, or can be taken."""
    if runs > 1:
        return "an ensemble is searched by torch alone"
    if workers > 1:
        return "only torch shares lines among processes"
    if precision not in PRECISIONS:
        return f"the engine ctranslate2 computes in fp32 or int8 and not in {precision}"
    if device == "cuda":
        return "the engine ctranslate2 computes on the processor here"
    try:
        ctranslate2 = _library()
    except ImportError:
        return str(MissingExtra("CTranslate2 is", "exchange"))
    found = tuple(int(number) for number in ctranslate2.__version__.split(".")[:3] if number.isdigit())
    if found < OLDEST:
        needed = ".".join(map(str, OLDEST))
        return f"CTranslate2 is {ctranslate2.__version__} here, and damaged files are safe from {needed} on"
    if engine == AUTO and device == AUTO and ctranslate2.get_cuda_device_count():
        return "torch takes the GPU"
    return ""


def asks_torch(settings: Mapping[str, Any]) -> str:
    """Return why settings of a search are for torch; '' if they are not."""
    asked = next((what for name, what in SEARCH.items() if settings.get(name)), "")
    return f"the engine ctranslate2 does not do {asked}: leave that out, or take torch" if asked else ""


def choose(engine: str, runs: Sequence[Run], *, device: str, precision: str, workers: int) -> str:
    """Return the engine for opened runs, torch or ctranslate2.

    ``auto`` takes CTranslate2 where it can be. Raises :class:`SeqformerError` where it is asked for, by name
    or by a precision that torch lacks, and cannot be.
    """
    check(engine, precision)
    why = "" if engine == TORCH else lacks(
        engine, runs=len(runs), device=device, precision=precision, workers=workers
    )  # fmt: skip
    if engine != TORCH and not why:
        try:
            _check_form(runs[0])
        except RunError as error:
            why = str(error)
    if engine == CTRANSLATE2 and why:
        raise SeqformerError(why)
    if precision == INT8 and (engine == TORCH or why):
        raise SeqformerError(f"precision int8 is for the engine ctranslate2{f': {why}' if why else ''}")
    return TORCH if engine == TORCH or why else CTRANSLATE2


def _check_form(run: Run) -> None:
    from seqformer.exchange.ctranslate2 import check_form

    if not run.task.reads_text:
        raise RunError(f"{run.folder} classifies images, with torch alone")
    check_form(run)
    if not (run.folder / layout.WEIGHTS).is_file():
        raise RunError(f"{run.folder} has no best weights yet, and only torch translates with the last ones")


def translator(run: Run, precision: str = "fp32", shortlist: bool = False) -> FastTranslator:
    """Return the translator of an opened run, converted now if it was not. Raises :class:`RunError`."""
    _check_form(run)
    lines = shortlists.kept(run) if shortlist else None
    with converted.kept(run.folder, partial(_write, run)) as made:
        opened = _translator(run.folder, made, PRECISIONS[precision], lines)
        if run.folder not in made.folder.parents:  # a temporary folder, which is gone afterwards
            opened.engine.open_both()
        return opened


def exported(run: Run, folder: Path, shortlist: bool = False) -> FastTranslator:
    """Return the translator of a run that was exported to a folder, in the types of its file."""
    made = Converted(folder, Record(converted.FORMAT, {}, {}, *_sizes(run)))
    return _translator(run.folder, made, "default", shortlists.kept(run) if shortlist else None)


def _write(run: Run, folder: Path) -> tuple[int, int, int]:
    """Convert a run into a folder, and return what its record says of the model's sizes."""
    from seqformer.exchange import ctranslate2

    ctranslate2.write(run, folder)
    return _sizes(run)


def _sizes(run: Run) -> tuple[int, int, int]:
    from seqformer.exchange.names import LONGEST

    model = run.outline()
    return model.position_bytes, model.longest or 0, min(LONGEST, model.longest or LONGEST)


def ready(run: Path, precision: str = "fp32", shortlist: bool = False) -> FastModel | None:
    """Return the model of a run that keeps its converted form; None where it must be made first.

    So must a ``shortlist`` that is asked for. Torch is not imported, unless a line needs it. Raises
    :class:`RunError` for a damaged run.
    """
    made, lines = converted.current(run), shortlists.current(run) if shortlist else None
    if made is None or (shortlist and lines is None):
        return None
    with damaged(RunError, RUN_ADVICE):
        values = read_json(run / layout.CONFIG)
        decode = from_json(DecodeConfig, values["decode"], str(run / layout.CONFIG))
    return FastModel(run, _translator(run, made, PRECISIONS[precision], lines), decode)


def model(run: Run, precision: str = "fp32", shortlist: bool = False) -> FastModel:
    """Return the model of an opened run, converted now if it was not. Raises :class:`RunError`."""
    return FastModel(run.folder, translator(run, precision, shortlist), run.configs.decode)


def _library() -> Any:
    """Return CTranslate2, loaded so that its threads sleep while they wait for each other.

    By default they turn in a loop. On a machine that has other work too, one sentence then takes a hundred
    times as long: each waits for one that waits for its turn on the processor.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import ctranslate2

    return ctranslate2


def _translator(run: Path, made: Converted, computing: str, lines: list[str] | None) -> FastTranslator:
    ctranslate2 = _library()
    with damaged(RunError, RUN_ADVICE):
        manifest: TextManifest = manifests.parse(TextManifest, manifests.read_values(run), run)
        known = familiar.kept(run, manifest)
        pieces = tokenizer.load(run, manifest)

    def open_threads(batches: int, threads: int) -> Any:
        try:
            return ctranslate2.Translator(
                str(made.folder),
                device="cpu",
                compute_type=computing,
                inter_threads=batches,
                intra_threads=threads,
                files=_files(made.folder, lines),
            )
        except (RuntimeError, ValueError) as error:
            raise DamagedError(f"{made.folder}: CTranslate2 cannot open it ({error}); remove it") from None

    splits = computing == "float32"
    engine = Engine(open_threads, len(pieces.target), _threads(), splits, lines is not None)
    below = layout.read_unsure(run)
    shortlist = None if lines is None else Shortlist(lines, pieces)
    opened = FastTranslator(
        engine, made.record, pieces, manifest, partial(_by_torch, run, lines), known, shortlist=shortlist
    )
    return opened if below is None else replace(opened, unsure=below)


def _threads() -> int:
    """Return how many threads compute: as for torch, the environment can say it."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(asked)) if asked.isdigit() else os.cpu_count() or 1


def _files(folder: Path, lines: list[str] | None) -> dict[str, bytes] | None:
    """Return the files of a converted model with a shortlist beside them; None: as they lie there."""
    if lines is None:
        return None
    held = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return held | {shortlists.VMAP: shortlists.as_file(lines)}


def _by_torch(run: Path, lines: list[str] | None) -> LineTranslator:
    from seqformer.runs.run import Run

    own = Run(run).predictor("cpu")
    translator: LineTranslator = (
        own if lines is None else replace(own, shortlist=Shortlist(lines, own.tokenizer))
    )
    return translator
