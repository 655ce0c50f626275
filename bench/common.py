"""What several benches share: Python in a folder and process of its own, Multi30k prepared, figures kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def python(folder: Path, *arguments: object, stderr: int | None = None) -> tuple[str, float]:
    """Run Python in a folder, and return its stdout and its seconds; where it fails, leave."""
    begin = time.monotonic()
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=stderr, text=True)
    if done.returncode:
        sys.exit(f"{done.stderr or ''}failed: {' '.join(command)}")
    return done.stdout, time.monotonic() - begin


def command(folder: Path, *arguments: object) -> tuple[str, float]:
    """Run a command of seqformer in a folder, and return its stdout and its seconds."""
    return python(folder, "-m", "seqformer", *arguments)


def measured(folder: Path, program: str, *arguments: object) -> dict[str, Any]:
    """Run a program of bench/, and return the figures that it prints last, as JSON."""
    told, _ = python(folder, HERE / program, *arguments, stderr=subprocess.PIPE)
    figures: dict[str, Any] = json.loads(told.splitlines()[-1])
    return figures


TIMED = """
import json, sys, time, seqformer
run, file, beam, alone, how = sys.argv[1:6]
lines = open(file, encoding="utf-8").read().split("\\n")[:-1]
model = seqformer.load(run, device="cpu", **json.loads(how))
model.translate(lines[:3], beam=int(beam))
times = []
for each in ([[line] for line in lines[: int(alone)]] if int(alone) else [lines]):
    begin = time.perf_counter()
    model.translate(each, beam=int(beam))
    times.append(time.perf_counter() - begin)
print(sorted(times)[len(times) // 2])
"""


def timed(run: Path, file: Path, beam: int, alone: int, threads: int, **how: Any) -> float:
    """Return the seconds of all lines of a file, or the median of its first ``alone``, in a new process.

    ``how`` is what the run is loaded with.
    """
    done = subprocess.run(
        [sys.executable, "-c", TIMED, str(run), str(file), str(beam), str(alone), json.dumps(how)],
        check=True, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": str(threads)},
    )  # fmt: skip
    return float(done.stdout)


def memory(kind: str) -> float:
    """Return what Linux tells of this process in MiB: VmHWM, the most so far; RssAnon, its own now.

    Not ru_maxrss: that of a new process begins with what the process that started it holds.
    """
    return int(Path("/proc/self/status").read_text().split(f"{kind}:")[1].split()[0]) / 1024


def prepare_multi30k(folder: Path, raw: Path) -> Path:
    """Prepare Multi30k English-German under a folder, unless that is done, and return where."""
    import seqformer

    out = folder / "prepared/m30k"
    if not out.is_dir():
        parts = ("train", "val", "test_2016_flickr")
        train, valid, test = ((raw / f"{part}.en", raw / f"{part}.de") for part in parts)
        seqformer.prepare(files=train, valid=valid, test=test, vocab_size=8000, out=out)
    return out


def arguments(text: str) -> ArgumentParser:
    """Return a parser of options whose help is the docstring of a bench, as it is."""
    return ArgumentParser(description=text, formatter_class=RawDescriptionHelpFormatter)


def keep(name: str, figures: dict[str, Any]) -> None:
    """Write figures to bench/out/NAME.json."""
    (HERE / "out").mkdir(exist_ok=True)
    (HERE / "out" / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
