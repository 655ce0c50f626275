"""Kills a small training with SIGKILL again and again, resumes it, and compares: ``python bench/kill.py``.

One training runs from beginning to end. Then the same is begun anew and killed, half of the times at a
random moment (starting up, learning, validating, ending), half of the times on a file event: some files
of the run are written beside their place, as NAME.tmp, and the kill comes within a few milliseconds of
such a file's appearance. Each time it is resumed with ``seqformer train --resume --run DIR`` and nothing
else; once it has ended it is compared with the training that was left alone, and begun anew, until the
kills are used up. Equal means: the same bytes of weights.safetensors and metrics.jsonl; the same tensors
in state.safetensors and the same metadata but for clocks.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from common import arguments, command

from seqformer.storage.tensors import read_tensors

RECIPE = (
    *("--preset", "toy", "--dropout", "0.1", "--max-steps", "96", "--validate-every", "6", "--warmup", "20"),
    *("--tokens-per-batch", "256", "--accumulate", "2", "--precision", "fp32", "--device", "cpu"),
)
FOLDER = Path("runs/killed")
CLOCKS = ("seconds", "validation_seconds", "validating_seconds")
POLL = 1e-4  # seconds


def write_pairs(path: Path, pairs: int = 600) -> None:
    """Write sequences of digits and their reversals."""
    rng = random.Random(1)
    lines = ([rng.choice("0123456789") for _ in range(rng.randint(3, 12))] for _ in range(pairs))
    path.write_text("".join(f"{' '.join(x)}\t{' '.join(reversed(x))}\n" for x in lines), "utf-8")


def start(scratch: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start a training, in the scratch folder, on one thread."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    train = [sys.executable, "-m", "seqformer", "train", *options]
    quiet = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL}
    return subprocess.Popen(train, cwd=scratch, env=environment, **quiet)


def begin(scratch: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start the training from its beginning."""
    return start(scratch, "--data", "prepared/pairs", "--run", str(folder), *RECIPE)


def wait(child: subprocess.Popen[bytes], until: Callable[[], bool]) -> bool:
    """Wait for a moment, and return whether it came before the training ended."""
    while not until():
        if child.poll() is not None:
            return False
        time.sleep(POLL)
    return True


def random_time(rng: random.Random, longest: float) -> Callable[[], bool]:
    """Return a moment within ``longest`` seconds from now."""
    moment = time.monotonic() + rng.uniform(0, longest)
    return lambda: time.monotonic() >= moment


def during_a_write(rng: random.Random, run: Path) -> Callable[[], bool]:
    """Return a moment within 4 ms of the appearance of one of the next files that are being written."""
    left, there = rng.randint(1, 12), False
    names = [run / f"{name}.safetensors.tmp" for name in ("state", "weights")]
    moment = float("inf")

    def come() -> bool:
        nonlocal left, there, moment
        now = any(map(os.path.exists, names))
        if now and not there:
            left -= 1
            if not left:
                moment = time.monotonic() + rng.uniform(0, 0.004)
        there = now
        return time.monotonic() >= moment

    return come


def run_with_kills(scratch: Path, rng: random.Random, kills: int, longest: float) -> Counter[str]:
    """Run the training to its end, killed up to ``kills`` times, and return where the kills fell."""
    counts: Counter[str] = Counter()
    run = scratch / FOLDER
    while True:
        begun = time.time()
        child = start(scratch, "--resume", "--run", str(FOLDER)) if run.is_dir() else begin(scratch, FOLDER)
        if counts["kills"] < kills:
            on_event = rng.random() < 0.5
            moment = during_a_write(rng, run) if on_event else random_time(rng, longest)
            if wait(child, moment):
                child.kill()
        _, told = child.communicate()
        if child.returncode >= 0:
            assert child.returncode == 0, told.decode()
            return counts
        counts["kills"] += 1
        counts[place := where(run, begun)] += 1
        print(f"kill {counts['kills']}: {place}", file=sys.stderr)


def where(run: Path, begun: float) -> str:
    """Return what a training was doing that began then and was killed, as far as its folder tells."""
    if not run.is_dir():
        return "before there was a run"
    if any(path.stat().st_mtime >= begun for path in run.glob("*.tmp")):  # not of an earlier kill
        return "during a write"
    if not (run / "state.safetensors").exists():
        return "before the first save"
    return "between writes"


def state(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return tensors and metadata of a state, by name, without clocks."""
    tensors, texts = read_tensors(path)
    metadata = {name: json.loads(text) for name, text in texts.items()}
    metadata |= metadata.pop("progress")
    return tensors, {name: value for name, value in metadata.items() if name not in CLOCKS}


def differences(one: Path, other: Path) -> list[str]:
    """Return the names of what differs between two ended runs."""
    found = [
        name
        for name in ("weights.safetensors", "metrics.jsonl")
        if (one / name).read_bytes() != (other / name).read_bytes()
    ]
    (ours, our_facts), (theirs, their_facts) = (state(run / "state.safetensors") for run in (one, other))
    names = sorted(set(our_facts) | set(their_facts))
    found += [f"state.safetensors: {n}" for n in names if our_facts.get(n) != their_facts.get(n)]
    found += [
        f"state.safetensors: {name}"
        for name in sorted(set(ours) | set(theirs))
        if name not in ours or name not in theirs or not torch.equal(ours[name], theirs[name])
    ]
    found += [f"left behind: {path.name}" for path in other.iterdir() if not (one / path.name).exists()]
    return found


def measure(scratch: Path, kills: int = 30, seed: int = 1) -> dict[str, Any]:
    """Kill, resume and compare, and return the figures."""
    write_pairs(scratch / "pairs.tsv")
    command(scratch, "prepare", "pairs.tsv", "--model-type", "word")
    clock = time.monotonic()
    told = (child := begin(scratch, Path("runs/whole"))).communicate()[1]
    assert child.returncode == 0, told.decode()
    seconds = time.monotonic() - clock
    rng, counts, found = random.Random(seed), Counter[str](), list[str]()
    while counts["kills"] < kills:
        counts += run_with_kills(scratch, rng, kills - counts["kills"], 0.7 * seconds)
        counts["runs compared"] += 1
        found += differences(scratch / "runs/whole", scratch / FOLDER)
        shutil.rmtree(scratch / FOLDER)
    figures: dict[str, Any] = {"uninterrupted: seconds": round(seconds, 1), "kills": counts.pop("kills")}
    compared = counts.pop("runs compared")
    figures |= {f"kills {place}": count for place, count in sorted(counts.items())}
    return figures | {"runs compared": compared, "differences": ", ".join(sorted(set(found))) or 0}


def main() -> None:
    """Print the figures as a table; exit with 1 where anything differs."""
    parser = arguments(__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(Path(scratch), options.kills, options.seed)
    for name, value in figures.items():
        print(f"{name:30} {value}")
    sys.exit(figures["differences"] != 0)


if __name__ == "__main__":
    main()
