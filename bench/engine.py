"""CTranslate2 and torch on the same lines: whether they print the same, and how soon.

    python bench/engine.py RUN FILE [--most 1000]

For greedy search and a beam of 5: how many best lines are equal, how many of the others are near ties
(scores within 1e-3), and the largest difference of scores. Then seconds, in turns A B A B: a cold start of
the command with one sentence, one sentence of a model that is open, and all lines, each engine with the
number of threads that is fastest here for it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from common import arguments, timed

import seqformer
from seqformer.decoding.results import Translation
from seqformer.formats.corpus import read_lines

NEAR = 1e-3  # nats a piece
ENGINES = ("torch", "ctranslate2")
TURNS, ALONE = 3, 30


def compare(run: Path, lines: list[str], beam: int) -> str:
    """Return how many lines are equal, in words."""
    found: list[list[Translation]] = [
        seqformer.load(run, engine=engine, device="cpu").translate(lines, beam=beam) for engine in ENGINES
    ]
    both = list(zip(*found, strict=True))
    equal = [(a, b) for a, b in both if a.text == b.text]
    near = sum(a.text != b.text and abs(a.score - b.score) <= NEAR for a, b in both)
    most = max(abs(a.score - b.score) for a, b in equal)
    flags = sum(a.warnings != b.warnings for a, b in equal)
    return (
        f"{len(equal)} of {len(lines)} equal, {near} near ties, {len(both) - len(equal) - near} others; "
        f"scores of equal lines differ by {most:.1e} at most, flags of {flags}"
    )


def cold(run: Path, line: str, engine: str, threads: int) -> float:
    """Return the seconds of the command with one sentence."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "seqformer", "translate", line, "--run", run, "--engine", engine]
    subprocess.run(
        command, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": str(threads)}
    )
    return time.perf_counter() - begin


def in_turns(what: str, measure: Callable[[str, int], float]) -> None:
    """Measure both engines in turns, with the best number of threads of each, and print it."""
    counts = sorted({1, os.cpu_count() or 1})
    best = {e: min(counts, key=lambda n, e=e: measure(e, n)) for e in ENGINES}  # type: ignore[misc]
    times: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    for _ in range(TURNS):
        for engine in ENGINES:
            times[engine].append(measure(engine, best[engine]))
    for engine in ENGINES:
        seconds = ", ".join(f"{t:.3f}" for t in times[engine])
        median = statistics.median(times[engine])
        print(f"{what}: {engine}, {best[engine]} threads: {median:.3f} s ({seconds})", flush=True)


def main() -> None:
    """Compare, then measure."""
    parser = arguments(__doc__ or "")
    parser.add_argument("run", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--most", type=int, default=1000)
    parser.add_argument("--only-lines", action="store_true", help="compare, and measure nothing")
    asked = parser.parse_args()
    lines = list(read_lines(asked.file))[: asked.most]
    for beam in (1, 5):
        print(f"beam {beam}: {compare(asked.run, lines, beam)}", flush=True)
    if asked.only_lines:
        return
    some = Path("engine-lines.txt")
    some.write_text("\n".join(lines) + "\n", "utf-8")
    in_turns("cold start", lambda engine, threads: cold(asked.run, lines[0], engine, threads))
    for beam in (1, 5):
        for alone, what in ((ALONE, "one sentence"), (0, f"{len(lines)} lines")):
            in_turns(
                f"{what}, beam {beam}",
                lambda engine, threads, beam=beam, alone=alone: timed(  # type: ignore[misc]
                    asked.run, some, beam, alone, threads, engine=engine
                ),
            )
    some.unlink()


if __name__ == "__main__":
    main()
