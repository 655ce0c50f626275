"""Which engine ``translate`` opens a run with: torch is imported only where it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqformer.cli.options import name_run, open_runs, translates
from seqformer.console import note
from seqformer.errors import SeqformerError

if TYPE_CHECKING:
    from seqformer.engine.model import FastModel, LineModel
    from seqformer.runs.run import Run

FAST = "Engine: CTranslate2; --engine torch takes PyTorch."


def open_model(
    folders: list[Path] | None, engine: str, alone: list[str], settings: dict[str, Any], how: dict[str, Any]
) -> LineModel:
    """Return the runs asked for, or the newest that translates, opened with an engine that does all of it.

    ``alone`` are options given that torch alone has; ``settings`` are those of the search, and ``how`` are
    device, precision, workers and shortlist. Raises :class:`SeqformerError`.
    """
    from seqformer.engine import opening

    shortlist = how.pop("shortlist")
    opening.check(engine, how["precision"])
    why = f"{alone[0]} is for torch alone; leave it out, or --engine and int8" if alone else ""
    if engine != opening.TORCH and not why:
        why = opening.lacks(engine, runs=len(folders or "1"), **how) or opening.asks_torch(settings)
    if why and (engine == opening.CTRANSLATE2 or how["precision"] == opening.INT8):
        raise SeqformerError(why)
    fast, runs = engine != opening.TORCH and not why, None
    found = _ready(folders, how["precision"], shortlist) if fast else None
    if fast and found is None:
        runs = open_runs(folders, translates, "that translates")
        if opening.choose(engine, runs, **how) == opening.CTRANSLATE2:
            announce(runs, shortlist)
            found = opening.model(runs[0], how["precision"], shortlist)
    if found is not None and (why := opening.asks_torch(vars(found.decode_config(**settings)))):
        found = None
        if engine == opening.CTRANSLATE2 or how["precision"] == opening.INT8:
            raise SeqformerError(why)
    if found is not None:
        if engine == opening.AUTO:
            note(FAST)
        return found
    from seqformer import api

    runs = runs or open_runs(folders, translates, "that translates")
    announce(runs, shortlist)
    return api.load(runs, **how, shortlist=shortlist)


def announce(runs: Sequence[Run], shortlist: bool) -> None:
    """Say that the shortlist of a run must be made first, which takes a while."""
    from seqformer.runs.shortlist import current

    if shortlist and len(runs) == 1 and current(runs[0].folder) is None:
        note(f"Making the shortlist of {runs[0].folder} from its training pairs; it is kept there.")


def _ready(folders: list[Path] | None, precision: str, shortlist: bool) -> FastModel | None:
    """Return the model of the run that is meant, if that keeps its converted form."""
    from seqformer.engine import opening
    from seqformer.runs import find

    folder = next(iter(folders or find.folders(find.RUNS)), None)
    found = None if folder is None else opening.ready(folder, precision, shortlist)
    if found is None or (not folders and found.manifest.toy):
        return None
    if not folders:
        name_run(found.folder, "translation")
    return found
