"""Processes that translate for a service: each holds every model, and answers one batch at a time.

A process that dies is replaced; what it was about to answer is asked for again by its caller.
"""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from seqformer.decoding.parent import end_with_parent
from seqformer.errors import SeqformerError

Answer = tuple[str, tuple[str, ...]]  # a translation, and the signs that it is likely bad

_models: dict[str, Any] = {}  # those of a worker process, by their pair


class Died(Exception):
    """A process ended before it answered."""


@dataclass(frozen=True)
class Opening:
    """What each process opens, and how."""

    folders: dict[str, Path]  # of runs, by their pair
    device: str = "auto"
    precision: str = "fp32"
    engine: str = "auto"
    beam: int | None = None  # None: as the run says
    detokenize: bool = False
    threads: int = 1


def open_translator(folder: Path, opening: Opening) -> Any:
    """Return the model that translates for a run: the one place that decides which engine does."""
    from seqformer.inference.model import load

    return load(folder, device=opening.device, precision=opening.precision, engine=opening.engine)


class Process:
    """One process with all models."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._pool = self._new()
        self.restarts = 0

    def _new(self) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(1, get_context("spawn"), _begin)
        self._opened = pool.submit(_open, self._opening)
        return pool

    async def ready(self) -> None:
        """Wait until the models are open. Raises :class:`SeqformerError`."""
        try:
            await asyncio.wrap_future(self._opened)
        except BrokenProcessPool:
            raise SeqformerError(
                "a process that should translate died as it began; is there memory?"
            ) from None

    async def translate(self, pair: str, lines: list[str], alternatives: int) -> list[list[Answer]]:
        """Return the best answers of each line, best first: one, and as many alternatives as there are.

        Raises :class:`Died`, after a new process has begun.
        """
        answers: list[list[Answer]] = await self._asked(_translate, pair, lines, alternatives)
        return answers

    async def write_page(self, pair: str, out: Path) -> None:
        """Write the page that explains a run. Raises :class:`SeqformerError`, or :class:`Died`."""
        await self._asked(_write_page, self._opening.folders[pair], out)

    async def _asked(self, job: Any, *given: Any) -> Any:
        pool, opened = self._pool, self._opened
        try:
            await asyncio.wrap_future(opened)
            return await asyncio.wrap_future(pool.submit(job, *given))
        except BrokenProcessPool:
            if pool is self._pool:
                pool.shutdown(wait=False)
                self._pool = self._new()
                self.restarts += 1
            raise Died from None

    def close(self) -> None:
        """End the process, after what it is at."""
        self._pool.shutdown(cancel_futures=True)


def processes(opening: Opening, count: int) -> list[Process]:
    """Return processes that share the cores."""
    threads = max(1, (os.cpu_count() or 1) // count)
    return [Process(replace(opening, threads=threads)) for _ in range(count)]


def _begin() -> None:
    """Leave signals to the first process, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_with_parent()


def _open(opening: Opening) -> None:
    os.environ["OMP_NUM_THREADS"] = str(opening.threads)  # for either engine, which is not loaded yet
    for pair, folder in opening.folders.items():
        model = open_translator(folder, opening)
        ordinary = model.detokenizer if opening.detokenize else str
        _models[pair] = model, model.decode_config(beam=opening.beam), ordinary
        _translate(pair, ["."], 0)  # refuses a beam that cannot be, and has all loaded


def _translate(pair: str, lines: list[str], alternatives: int) -> list[list[Answer]]:
    model, config, ordinary = _models[pair]
    if alternatives:
        best = alternatives + 1
        config = replace(config, n_best=best, beam=max(config.beam, best))
    found = model.predictor.translate(lines, config)
    return [[(ordinary(t.text), t.warnings) for t in of_line] for of_line in found]


def _write_page(folder: Path, out: Path) -> None:
    from seqformer.page import bundle
    from seqformer.runs.run import Run

    bundle.write(Run(folder), out)
