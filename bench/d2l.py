"""The experiment of Dive into Deep Learning, over several seeds: python bench/d2l.py fra.txt.gz [--seeds 10]

Prepares the first 640 pairs of a ManyThings file as the book does, trains its two models and ours for
these pairs with each seed, and prints as a Markdown table how many of its four sentences come out
exactly and their mean BLEU (up to bigrams, the book's formula). The book, with one seed: 3 of 4 by the
Transformer, 2 of 4 by Bahdanau's model. The same in plain PyTorch, without this package, over seeds 1 to
10: 2.9 ± 0.1 and 2.7 ± 0.15 (standard errors); 3.0 ± 0.0 if the second does not read the padding, as it
does in the book and not here.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from common import arguments

import seqformer

PRESETS = {"d2l": "Transformer", "d2l-bahdanau": "Bahdanau", "d2l-best": "best"}


def main() -> None:
    """Print the table, a line as soon as all models of a seed are trained."""
    parser = arguments(__doc__)
    parser.add_argument("file", type=Path, help="fra.txt of ManyThings, plain or .gz")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    options = parser.parse_args()
    columns: dict[str, list[Any]] = {preset: [] for preset in options.presets}
    with tempfile.TemporaryDirectory() as scratch:
        data = seqformer.prepare(options.file, style="d2l", out=Path(scratch) / "data")
        print(f"| seed | {' | '.join(f'{PRESETS[preset]} | BLEU' for preset in columns)} |")
        print("|---" * (1 + 2 * len(columns)) + "|", flush=True)
        for seed in range(1, options.seeds + 1):
            for preset, column in columns.items():
                where = {"run": Path(scratch) / f"{preset}-{seed}", "device": options.device}
                run = seqformer.train(data, preset=preset, seed=seed, **where)
                column.append(seqformer.evaluate(run, chapter=True, device=options.device))
            cells = (f"{c[-1].exact} of 4 | {c[-1].mean:.3f}" for c in columns.values())
            print(f"| {seed} | {' | '.join(cells)} |", flush=True)
    means = (f"{spread([e.exact for e in c])} | {mean(e.mean for e in c):.3f}" for c in columns.values())
    print(f"| mean | {' | '.join(means)} |")
    for preset, column in columns.items():
        for rows in zip(*(evaluation.rows for evaluation in column), strict=True):
            right = sum(bleu == 1 for _, _, _, bleu in rows)
            print(f"{preset}: '{rows[0][0]}' is exact with {right} of {len(column)} seeds")


def spread(values: list[int]) -> str:
    """Return the mean of some seeds and its standard error."""
    error = f" ± {stdev(values) / len(values) ** 0.5:.2f}" if len(values) > 1 else ""
    return f"{mean(values):.1f}{error}"


if __name__ == "__main__":
    main()
