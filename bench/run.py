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

Everything runs in a scratch folder, what is timed from beginning to end as a command. The table goes to
stdout and the same figures as JSON to bench/out/figures.json.
"""

from __future__ import annotations

import gzip
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from common import HERE, arguments, command, keep, measured, prepare_multi30k, python

import seqformer
from seqformer.report.chapter import SENTENCES

SIZES = (100_000, 300_000, 930_000)  # pairs
Figures = dict[str, Any]


def scores(scratch: Path, run: str, *which: str) -> Figures:
    """Return what the command ``evaluate`` says of a run."""
    told: Figures = json.loads(command(scratch, "evaluate", "--run", run, "--json", *which)[0])
    return told


def toys(scratch: Path, options: Namespace) -> Figures:
    """Return seconds and exact match of each toy task."""
    figures: Figures = {}
    for task in ("alternating", "copy", "reverse", "sort"):
        _, seconds = command(scratch, "train", "--task", task, "--run", f"runs/{task}")
        figures[f"{task}: seconds"] = round(seconds, 1)
        figures[f"{task}: exact match"] = scores(scratch, f"runs/{task}")["exact_match"]
    return figures


def demo(scratch: Path, options: Namespace) -> Figures:
    """Return BLEU on the held-out test of the embedded corpus, and the chapter's four sentences."""
    command(scratch, "prepare")
    command(scratch, "train", "--max-minutes", 4, "--run", "runs/demo")
    told = command(scratch, "translate", *SENTENCES, "--run", "runs/demo")[0].splitlines()
    exact = sum(a == b for a, b in zip(told, SENTENCES.values(), strict=True))
    bleu = scores(scratch, "runs/demo", "--bleu")["bleu"]["score"]
    return {"demo: BLEU": round(bleu, 1), "demo: of the four sentences exact": exact}


def padding(scratch: Path, options: Namespace) -> Figures:
    """Return the share of padding in the first epoch."""
    from seqformer.tasks import open_task
    from seqformer.text.batches import PairBatches
    from seqformer.text.prepared import open_pairs

    prepared = [embedded(scratch)]
    if options.multi30k:
        prepared.append(prepare_multi30k(scratch, options.multi30k))
    figures: Figures = {}
    for folder in prepared:
        pairs = open_pairs(folder, "train", open_task(folder).manifest)
        figures[f"padding at 2,048 tokens: {folder.name}"] = round(PairBatches(pairs, 2048, 1).padding(), 4)
    return figures


def growth(scratch: Path, options: Namespace) -> Figures:
    """Return median ms of a decoding step for 64 hypotheses of the small model, by length so far."""
    import torch

    from seqformer.models import build
    from seqformer.models.attention import padding_mask
    from seqformer.models.transformer import TransformerConfig

    torch.manual_seed(0)
    shape = TransformerConfig.presets["small"]
    model = build(TransformerConfig(source_vocabulary=8000, target_vocabulary=8000, **shape)).eval()
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


def cold(scratch: Path, options: Namespace) -> Figures:
    """Return seconds from the command to the answer, and those of importing torch alone; medians of five."""
    run = next((r for r in ("runs/demo", "runs/m30k") if (scratch / r).is_dir()), None)
    if run is None:
        run = "runs/demo"
        command(scratch, "prepare")
        command(scratch, "train", "--max-steps", 50, "--run", run)
    whole, torch_alone = [], []
    for _ in range(5):
        whole.append(command(scratch, "translate", "i'm home .", "--run", run)[1])
        torch_alone.append(python(scratch, HERE / "import_torch.py")[1])
    first, second = statistics.median(whole), statistics.median(torch_alone)
    return {"cold: translate, s": round(first, 2), "cold: import torch, s": round(second, 2)}


def multi30k(scratch: Path, options: Namespace) -> Figures:
    """Return BLEU on test_2016_flickr after ten minutes of wall clock."""
    if not options.multi30k:
        return {"multi30k": "not measured: give --multi30k DIR"}
    data = prepare_multi30k(scratch, options.multi30k)
    budget = ("--preset", "small", "--max-minutes", 10)
    _, seconds = command(scratch, "train", "--data", data, *budget, "--run", "runs/m30k")
    bleu = scores(scratch, "runs/m30k", "--bleu")["bleu"]["score"]
    return {"multi30k: BLEU, beam 5": round(bleu, 1), "multi30k: seconds": round(seconds)}


def precisions(scratch: Path, options: Namespace) -> Figures:
    """Return BLEU on the held-out test after as many steps in fp32 as in bf16."""
    found: dict[str, list[float]] = {"fp32": [], "bf16": []}
    for seed, name in product((1, 2, 3), found):
        where = scratch / f"runs/{name}-{seed}"
        run = seqformer.train(embedded(scratch), run=where, precision=name, seed=seed, max_steps=600)
        found[name].append(round(seqformer.evaluate(run, metrics=["bleu"])["bleu"].score, 1))
    return {f"precisions: BLEU in {name}": f"{statistics.mean(s):.1f} {s}" for name, s in found.items()}


def images(scratch: Path, options: Namespace) -> Figures:
    """Return the test accuracy of the small Vision Transformer after ten minutes."""
    if not options.images:
        return {"images": "not measured: give --images DIR"}
    where = ("--task", "images", "--images", options.images.resolve())
    _, seconds = command(scratch, "train", *where, "--max-minutes", 10, "--run", "runs/images")
    accuracy = scores(scratch, "runs/images")["accuracy"]
    return {"images: test accuracy": accuracy, "images: seconds": round(seconds)}


def faults(scratch: Path, options: Namespace) -> Figures:
    """Return how fast pairs are cleaned, and the memory that preparing the head of a large corpus takes."""
    if not options.scale:
        return {"faults": "not measured: give --scale PAIRS.tsv.gz"}
    figures: Figures = {}
    for pairs in SIZES:
        for name, program in (("cleaning", "clean_pairs.py"), ("whole of prepare", "prepare_pairs.py")):
            found = measured(scratch, program, shuffled(scratch, options), pairs)
            figures[f"faults: {name}, {pairs:,}: pairs/s"] = round(pairs / found["seconds"])
            figures[f"faults: {name}, {pairs:,}: peak MB"] = round(found["peak"])
    return figures


def scale(scratch: Path, options: Namespace) -> Figures:
    """Return what training on the head of a large corpus takes before its first step, and in memory."""
    if not options.scale:
        return {"scale": "not measured: give --scale PAIRS.tsv.gz"}
    figures: Figures = {}
    for pairs in SIZES:
        data = scratch / f"prepared/{pairs}"
        seqformer.prepare(shuffled(scratch, options), max_pairs=pairs, vocab_size=8000, out=data)
        found = measured(scratch, "first_step.py", data)
        disk = sum(file.stat().st_size for file in data.iterdir())
        figures[f"scale: {pairs:,}: seconds to the first step"] = round(found["first"], 1)
        figures[f"scale: {pairs:,}: peak MB"] = round(found["peak"])
        figures[f"scale: {pairs:,}: seconds to plan a part"] = round(found["plan"], 2)
        figures[f"scale: {pairs:,}: MB on disk"] = round(disk / 2**20)
    return figures


def shuffled(scratch: Path, options: Namespace) -> Path:
    """Return the large corpus in random order: of a sorted one, more pairs are also more languages."""
    made = scratch / "shuffled.tsv"
    if not made.exists():
        opened = gzip.open if options.scale.suffix == ".gz" else open
        with opened(options.scale, "rt", encoding="utf-8", newline="\n") as file:
            lines = file.readlines()
        random.Random(1).shuffle(lines)
        made.write_text("".join(lines), "utf-8", newline="\n")
    return made


def embedded(scratch: Path) -> Path:
    """Prepare the embedded corpus, unless that is done, and return where."""
    folder = scratch / "prepared/en-fr"
    if not folder.is_dir():
        seqformer.prepare(out=folder)
    return folder


def script(name: str, scratch: Path, options: Namespace) -> Figures:
    """Return whether all is well by a script of its own, which prints its table itself."""
    return {f"{name}: all well": subprocess.run([sys.executable, HERE / name]).returncode == 0}


FUNCTIONS = (toys, demo, padding, growth, cold, multi30k, precisions, faults, scale, images)
SCRIPTS = {"kills": "kill.py"} | {name: f"{name}.py" for name in ("robust", "hostile", "significance")}
BENCHES: dict[str, Callable[[Path, Namespace], Figures]] = {bench.__name__: bench for bench in FUNCTIONS}
BENCHES |= {name: partial(script, file) for name, file in SCRIPTS.items()}


def main() -> None:
    """Run the named benches, all by default, and print one table."""
    parser = arguments(__doc__)
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
    keep("figures", figures)


if __name__ == "__main__":
    main()
