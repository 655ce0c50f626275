"""The experiment of Dive into Deep Learning, over several seeds: python bench/d2l.py fra.txt.gz [--seeds 10]

Prepares the first 640 pairs of a ManyThings file as the book does, trains both of its models with each
seed, and prints as a Markdown table how many of its four sentences come out exactly and their mean
BLEU (up to bigrams, the book's formula). The book, with one seed: 3 of 4 by the Transformer, 2 of 4 by
Bahdanau's model. Everything goes through the command line, as a reader would do it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PRESETS = ("d2l", "d2l-bahdanau")


def seqformer(folder: Path, *arguments: object) -> str:
    """Run the command line in ``folder``; stdout comes back."""
    command = [sys.executable, "-m", "seqformer", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def measure(folder: Path, preset: str, seed: int, device: str) -> dict[str, Any]:
    """Train once; what ``evaluate --reference-sentences`` finds."""
    run = f"runs/{preset}-{seed}"
    seqformer(folder, "train", "--preset", preset, "--seed", seed, "--run", run, "--device", device)
    found: dict[str, Any] = json.loads(
        seqformer(folder, "evaluate", "--run", run, "--reference-sentences", "--json", "--device", device)
    )
    return found


def main() -> None:
    """Print the table, a line as soon as both models of a seed are trained."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="fra.txt of ManyThings, plain or .gz")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        seqformer(folder, "prepare", options.file.resolve(), "--style", "d2l")
        print("| seed | Transformer | BLEU | Bahdanau | BLEU |\n|---|---|---|---|---|", flush=True)
        columns: list[list[dict[str, Any]]] = [[] for _ in PRESETS]
        for seed in range(1, options.seeds + 1):
            for column, preset in zip(columns, PRESETS, strict=True):
                column.append(measure(folder, preset, seed, options.device))
            cells = " | ".join(f"{c[-1]['exact']} of 4 | {c[-1]['bleu']:.3f}" for c in columns)
            print(f"| {seed} | {cells} |", flush=True)
        means = [
            f"{sum(r[key] for r in c) / len(c):.{digits}f}"
            for c in columns
            for key, digits in (("exact", 1), ("bleu", 3))
        ]
        print(f"| mean | {' | '.join(means)} |")
        for preset, column in zip(PRESETS, columns, strict=True):
            for number, sentence in enumerate(column[0]["sentences"]):
                right = sum(r["sentences"][number]["bleu"] == 1 for r in column)
                print(f"{preset}: '{sentence['source']}' is exact with {right} of {len(column)} seeds")


if __name__ == "__main__":
    main()
