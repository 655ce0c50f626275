"""The figures this project claims, measured again: ``make bench`` or ``python bench/run.py NAME…``.

    toys       the toy tasks from nothing: seconds, exact match on held-out sequences
    demo       the embedded corpus, four minutes: BLEU and the four sentences of the reference chapter
    padding    share of padding in an epoch of the embedded corpus (and of Multi30k where it is given)
    growth     time per decoding step at 16, 64, 256 and 1,024 pieces
    cold       from typing `seqformer translate` to the answer, over `import torch`
    multi30k   Multi30k English-German, ten minutes (needs --multi30k DIR with train.en, val.de, …)
    precisions the embedded corpus, 600 steps with each of three seeds, in fp32 and in bf16: BLEU of each
    faults     cleaning: pairs per second; peak memory of prepare at three sizes (needs --scale FILE)
    scale      training: seconds to the first step and peak memory at three sizes (needs --scale FILE)
    kills      a small training killed 30 times, resumed, and compared with one left alone (bench/kill.py)
    images     the small Vision Transformer, ten minutes (needs --images DIR with MNIST-like IDX files)
    robust     10,000 hostile input files through translate, long lines, peak memory (bench/robust.py)
    hostile    20,000 damaged files: refused in one line, or harmless (bench/hostile.py)
    significance   how often equal systems are called different (bench/significance.py)

The ten-seed experiment of the reference chapter has its own script, bench/d2l.py.

Everything runs through the command line in a scratch folder; the table goes to stdout and the same
figures as JSON to bench/out/figures.json.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SEQFORMER = [sys.executable, "-m", "seqformer"]
FOUR = {
    "go .": "va !",
    "i lost .": "j'ai perdu .",
    "he's calm .": "il est calme .",
    "i'm home .": "je suis chez moi .",
}
Figures = dict[str, Any]


def seqformer(scratch: Path, *arguments: object) -> tuple[str, float]:
    """Run a command; its stdout and its seconds."""
    begin = time.monotonic()
    done = subprocess.run(
        [*SEQFORMER, *map(str, arguments)], cwd=scratch, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout, time.monotonic() - begin


def toys(scratch: Path, options: argparse.Namespace) -> Figures:
    """Seconds and exact match of each toy task."""
    figures: Figures = {}
    for task in ("alternating", "copy", "reverse", "sort"):
        _, seconds = seqformer(scratch, "train", "--task", task, "--run", f"runs/{task}")
        scores = json.loads(seqformer(scratch, "evaluate", "--run", f"runs/{task}", "--json")[0])
        figures[f"{task}: seconds"] = round(seconds, 1)
        figures[f"{task}: exact match"] = scores["exact_match"]
    return figures


def demo(scratch: Path, options: argparse.Namespace) -> Figures:
    """BLEU on the held-out test of the embedded corpus and the chapter's four sentences."""
    seqformer(scratch, "prepare")
    seqformer(scratch, "train", "--max-minutes", 4, "--run", "runs/demo")
    scores = json.loads(seqformer(scratch, "evaluate", "--bleu", "--run", "runs/demo", "--json")[0])
    told = seqformer(scratch, "translate", *FOUR, "--run", "runs/demo")[0].splitlines()
    return {
        "demo: BLEU": round(scores["bleu"]["score"], 1),
        "demo: of the four sentences exact": sum(a == b for a, b in zip(told, FOUR.values(), strict=True)),
    }


def padding(scratch: Path, options: argparse.Namespace) -> Figures:
    """Padding of the first epoch."""
    from seqformer.text import prepared as store
    from seqformer.text.batches import PairBatches

    _prepare(scratch, options)
    figures: Figures = {}
    for folder in sorted((scratch / "prepared").iterdir()):
        manifest = store.read_manifest(folder)
        if manifest.kind == "translation":
            pairs = PairBatches(store.open_pairs(folder, "train", manifest), 2048, 1)
            figures[f"padding at 2,048 tokens: {folder.name}"] = round(pairs.padding(), 4)
    return figures


def growth(scratch: Path, options: argparse.Namespace) -> Figures:
    """Median milliseconds of a decoding step for 64 hypotheses of the small model, by length so far."""
    import torch

    from seqformer.config import PRESETS, ModelConfig
    from seqformer.models import build
    from seqformer.models.attention import padding_mask

    torch.manual_seed(0)
    model = build(ModelConfig(8000, 8000, **PRESETS["small"])).eval()  # type: ignore[arg-type]
    source = torch.randint(4, 8000, (64, 20))
    times: list[float] = []
    with torch.inference_mode():
        mask = padding_mask(source)
        state = model.start(model.encode(source, mask), mask)
        for _ in range(1032):
            begin = time.perf_counter()
            model.step(source[:, 0], state)
            times.append(1000 * (time.perf_counter() - begin))
    near = {n: statistics.median(times[n - 8 : n + 8]) for n in (16, 64, 256, 1024)}
    return {f"ms per step at {n} pieces": round(found, 2) for n, found in near.items()}


def cold(scratch: Path, options: argparse.Namespace) -> Figures:
    """Seconds from the command to the answer, less those of importing torch; medians of five."""
    run = next((r for r in ("runs/demo", "runs/m30k") if (scratch / r).is_dir()), None)
    if run is None:
        seqformer(scratch, "prepare")
        seqformer(scratch, "train", "--max-steps", 50, "--run", "runs/demo")
    whole, torch_alone = [], []
    for _ in range(5):
        whole.append(seqformer(scratch, "translate", "i'm home .", "--run", run or "runs/demo")[1])
        begin = time.monotonic()
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        torch_alone.append(time.monotonic() - begin)
    first, second = statistics.median(whole), statistics.median(torch_alone)
    return {"cold: translate, s": round(first, 2), "cold: import torch, s": round(second, 2)}


def multi30k(scratch: Path, options: argparse.Namespace) -> Figures:
    """BLEU on test_2016_flickr after ten minutes of wall clock."""
    if not options.multi30k:
        return {"multi30k": "not measured: give --multi30k DIR"}
    _prepare(scratch, options)
    budget = ("--preset", "small", "--max-minutes", 10)
    _, seconds = seqformer(scratch, "train", "--data", "prepared/m30k", *budget, "--run", "runs/m30k")
    scores = json.loads(seqformer(scratch, "evaluate", "--bleu", "--run", "runs/m30k", "--json")[0])
    return {"multi30k: BLEU, beam 5": round(scores["bleu"]["score"], 1), "multi30k: seconds": round(seconds)}


def precisions(scratch: Path, options: argparse.Namespace) -> Figures:
    """BLEU on the held-out test after as many steps in fp32 as in bf16."""
    _prepare(scratch, options)
    found: dict[str, list[float]] = {"fp32": [], "bf16": []}
    for seed in (1, 2, 3):
        for precision, scores in found.items():
            run = f"runs/{precision}-{seed}"
            how = ("--precision", precision, "--seed", seed, "--max-steps", 600)
            seqformer(scratch, "train", *how, "--run", run)
            told = json.loads(seqformer(scratch, "evaluate", "--bleu", "--run", run, "--json")[0])
            scores.append(round(told["bleu"]["score"], 1))
    return {
        f"precisions: BLEU in {name}": f"{statistics.mean(scores):.1f} {scores}"
        for name, scores in found.items()
    }


def images(scratch: Path, options: argparse.Namespace) -> Figures:
    """Test accuracy of the small Vision Transformer after ten minutes."""
    if not options.images:
        return {"images": "not measured: give --images DIR"}
    where = ("--task", "images", "--images", options.images.resolve())
    _, seconds = seqformer(scratch, "train", *where, "--max-minutes", 10, "--run", "runs/images")
    scores = json.loads(seqformer(scratch, "evaluate", "--run", "runs/images", "--json")[0])
    return {"images: test accuracy": scores["accuracy"], "images: seconds": round(seconds)}


def faults(scratch: Path, options: argparse.Namespace) -> Figures:
    """How fast pairs are cleaned, and how much memory preparing the head of a large corpus takes."""
    if not options.scale:
        return {"faults": "not measured: give --scale PAIRS.tsv.gz"}
    figures: Figures = {}
    for pairs in SIZES:
        for name, code in (("cleaning", CLEANING), ("whole of prepare", PREPARING)):
            seconds, peak = child(scratch, code, _shuffled(scratch, options), pairs)
            figures[f"faults: {name}, {pairs:,}: pairs/s"] = round(pairs / seconds)
            figures[f"faults: {name}, {pairs:,}: peak MB"] = round(peak)
    return figures


def scale(scratch: Path, options: argparse.Namespace) -> Figures:
    """What training on the head of a large corpus takes before its first step, and in memory.

    The memory of a process itself; the prepared pairs are mapped and their pages the system's to drop.
    """
    if not options.scale:
        return {"scale": "not measured: give --scale PAIRS.tsv.gz"}
    figures: Figures = {}
    for pairs in SIZES:
        data = f"prepared/{pairs}"
        size = ("--max-pairs", pairs, "--vocab-size", 8000, "--out", data)
        seqformer(scratch, "prepare", _shuffled(scratch, options), *size)
        seconds, peak, plan = child(scratch, TRAINING, data)
        disk = sum(file.stat().st_size for file in (scratch / data).iterdir())
        figures[f"scale: {pairs:,}: seconds to the first step"] = round(seconds, 1)
        figures[f"scale: {pairs:,}: peak MB"] = round(peak)
        figures[f"scale: {pairs:,}: seconds to plan a part"] = round(plan, 2)
        figures[f"scale: {pairs:,}: MB on disk"] = round(disk / 2**20)
    return figures


def _shuffled(scratch: Path, options: argparse.Namespace) -> Path:
    """The large corpus in random order: of a sorted one, more pairs are also more languages."""
    made = scratch / "shuffled.tsv"
    if not made.exists():
        opened = gzip.open if options.scale.suffix == ".gz" else open
        with opened(options.scale, "rt", encoding="utf-8", newline="\n") as file:
            lines = file.readlines()
        random.Random(1).shuffle(lines)
        made.write_text("".join(lines), "utf-8", newline="\n")
    return made


def child(scratch: Path, code: str, *arguments: object) -> list[float]:
    """The numbers that a process of its own prints, because the peak of memory is that of a process."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=scratch, stdout=subprocess.PIPE, text=True, check=True)
    return [float(number) for number in done.stdout.split()]


SIZES = (100_000, 300_000, 930_000)  # pairs
PEAK = "; import resource; print(time.monotonic() - begin, resource.getrusage(%s).ru_maxrss / 1024)"
CLEANING = (
    """
import sys, time
from itertools import islice
from pathlib import Path
from seqformer.text.clean import Cleaner, clean
from seqformer.text.corpus import Filter, Normalizer, read_tsv
begin = time.monotonic()
cleaner = Cleaner(Normalizer(), Filter())
pairs = islice(read_tsv([Path(sys.argv[1])], cleaner.faults), int(sys.argv[2]))
clean(pairs, frozenset(), cleaner, Path("clean.tsv"))"""
    + PEAK % "resource.RUSAGE_SELF"
)
PREPARING = (
    """
import subprocess, sys, time
begin = time.monotonic()
command = [sys.executable, "-m", "seqformer", "prepare", sys.argv[1], "--max-pairs", sys.argv[2]]
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
subprocess.run([*command, "--out", "prepared/scale"], check=True, **quiet)"""
    + PEAK % "resource.RUSAGE_CHILDREN"
)
TRAINING = """
import sys, time
from pathlib import Path
from threading import Thread
from seqformer.runs import run
from seqformer.runs import assemble as learn
from seqformer.config import PRESETS, ModelConfig, TrainConfig
from seqformer.text.prepared import read_manifest
from seqformer.training.events import Stepped

def own():
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) / 1024

peak, ended = 0.0, False
def watch():
    global peak
    while not ended:
        peak = max(peak, own())
        time.sleep(0.002)

Thread(target=watch, daemon=True).start()
begin = time.monotonic()
data = Path(sys.argv[1])
sizes = read_manifest(data).vocabulary
model = ModelConfig(sizes["source"], sizes["target"], **PRESETS["tiny"])
opened = run.create(Path("runs") / data.name, data, model, TrainConfig(max_steps=30, validate_every=1000))
trainer = learn.begin(opened, "cpu").trainer
first = None
for event in trainer.run():
    if isinstance(event, Stepped) and first is None:
        first = time.monotonic() - begin
planned = time.monotonic()
trainer.batches.plan(0, trainer.batches.parts - 1)
planned, ended = time.monotonic() - planned, True
print(first, peak, planned)"""


def script(name: str, scratch: Path, options: argparse.Namespace) -> Figures:
    """Whether all is well by a script of its own; it prints its table itself."""
    return {f"{name}: all well": subprocess.run([sys.executable, HERE / name]).returncode == 0}


def _prepare(scratch: Path, options: argparse.Namespace) -> None:
    if not (scratch / "prepared/en-fr").is_dir():
        seqformer(scratch, "prepare")
    if options.multi30k and not (scratch / "prepared/m30k").is_dir():
        parts = {"": "train", "valid-": "val", "test-": "test_2016_flickr"}
        files: list[object] = []
        for option, name in parts.items():
            for side, language in (("source", "en"), ("target", "de")):
                files += [f"--{option}{side}", options.multi30k.resolve() / f"{name}.{language}"]
        seqformer(scratch, "prepare", *files, "--vocab-size", 8000, "--out", "prepared/m30k")


BENCHES = {
    f.__name__: f for f in (toys, demo, padding, growth, cold, multi30k, precisions, faults, scale, images)
} | {
    name: partial(script, f"{file}.py")
    for name, file in (("kills", "kill"), ("robust",) * 2, ("hostile",) * 2, ("significance",) * 2)
}


def main() -> None:
    """Run the named benches, all by default, and print one table."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], help="which; all where none is named")
    parser.add_argument("--multi30k", type=Path, help="folder with the raw Multi30k files")
    parser.add_argument("--scale", type=Path, help="a large TSV file of pairs, plain or .gz")
    parser.add_argument("--images", type=Path, help="folder with IDX files")
    options = parser.parse_args()
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.names or BENCHES:
            figures |= BENCHES[name](Path(scratch), options)
    for name, value in figures.items():
        print(f"{name:50} {value}")
    out = HERE / "out"
    out.mkdir(exist_ok=True)
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
