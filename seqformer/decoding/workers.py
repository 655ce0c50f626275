"""Translation by several processes, each with its own model and its share of the lines.

On few cores two processes of one thread translate faster than one process of two: neither
waits for the other between the many small steps of decoding.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import numpy as np
import torch

from seqformer.config import DecodeConfig
from seqformer.decoding.constraints import Constraints
from seqformer.decoding.parent import end_with_parent
from seqformer.decoding.results import Translation
from seqformer.decoding.translator import Translator
from seqformer.errors import SeqformerError

JOBS = 3  # for each process: the first to be done takes the next
Open = Callable[[], Translator]  # called in each process, so it must be picklable

_translator: Translator | None = None  # that of a worker process


class Workers:
    """Processes that together translate as one :class:`Translator` does, in the order of the lines."""

    def __init__(self, open_translator: Open, count: int) -> None:
        threads = max(1, (os.cpu_count() or 1) // count)
        self.count = count
        self._pool = ProcessPoolExecutor(count, get_context("spawn"), _begin, (open_translator, threads))

    def translate(
        self,
        lines: list[str],
        config: DecodeConfig,
        *,
        constraints: Constraints = Constraints(),  # noqa: B008 (it is immutable)
    ) -> list[list[Translation]]:
        """Translate as :meth:`Translator.translate` does; :class:`SeqformerError` if a process dies."""
        if not lines:
            return []
        results: list[list[Translation]] = [[] for _ in lines]
        shares = _shares(lines, JOBS * self.count)
        try:
            jobs = [
                self._pool.submit(_translate, [lines[i] for i in share], config, constraints)
                for share in shares
            ]
            for share, job in zip(shares, jobs, strict=True):
                for i, best in zip(share, job.result(), strict=True):
                    results[i] = best
        except BrokenProcessPool:
            raise SeqformerError("a worker process died; one process alone will show what is wrong") from None
        return results

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)


def _shares(lines: list[str], count: int) -> list[list[int]]:
    """Return indices of the lines in at most ``count`` shares of equal work, longest first."""
    order = sorted(range(len(lines)), key=lambda i: -len(lines[i]))
    work = np.cumsum([len(lines[i]) + 1 for i in order])
    edges = np.searchsorted(work, work[-1] * np.arange(1, count) / count)
    return [part.tolist() for part in np.split(np.asarray(order), edges) if len(part)]


def _begin(open_translator: Open, threads: int) -> None:
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first process, which ends the others
    torch.set_num_threads(threads)
    global _translator  # a process of a pool has no other place for what its jobs share
    _translator = open_translator()


def _translate(lines: list[str], config: DecodeConfig, constraints: Constraints) -> list[list[Translation]]:
    assert _translator is not None
    return _translator.translate(lines, config, constraints=constraints)
