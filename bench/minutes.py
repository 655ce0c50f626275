"""BLEU against minutes, seqformer and MarianMTModel: python bench/minutes.py --multi30k DIR --out DIR

    --minutes 5 10 45  --seeds 1

For each budget a training of its own: `seqformer train --max-minutes M`, and MarianMTModel (transformers, a
plain loop, fp32, Adam) from the same first weights, with the same batches, rates, smoothing and dropout for
the same minutes. Both are scored on test_2016_flickr by beam 5, cased sacreBLEU, and on valid. Prints a
Markdown
table and draws --out/minutes.png. What is in --out is not trained again. Nothing else should run meanwhile.
Needs the extras "exchange" and "png".
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from statistics import mean
from typing import Any

from common import arguments, command, keep, measured, prepare_multi30k

SYSTEMS = ("seqformer", "MarianMTModel")
SPLITS = ("valid", "test")


def ours(options: Namespace, data: Path, minutes: float, seed: int) -> Path:
    """Return the run of our training."""
    run: Path = options.out / f"ours-{minutes:g}-{seed}"
    if not run.is_dir():
        budget = ("--max-minutes", minutes, "--seed", seed)
        command(options.out, "train", "--data", data.resolve(), *budget, "--run", run.resolve())
    return run


def theirs(options: Namespace, data: Path, minutes: float, seed: int) -> Path:
    """Return the run that MarianMTModel's training is imported as."""
    run: Path = options.out / f"theirs-{minutes:g}-{seed}"
    if not run.is_dir():
        first, checkpoint = (options.out / f"{kind}-{minutes:g}-{seed}" for kind in ("first", "marian"))
        small = ("--max-steps", 1, "--seed", seed, "--optimizer", "adam")
        command(options.out, "train", "--data", data.resolve(), *small, "--run", first.resolve())
        command(options.out, "export", checkpoint.resolve(), "--to", "marian", "--run", first.resolve())
        measured(options.out, "peers_recipe.py", first.resolve(), checkpoint.resolve(), minutes)
        command(options.out, "import", checkpoint.resolve(), "--run", run.resolve())
    return run


def scores(options: Namespace, run: Path) -> dict[str, float]:
    """Return BLEU on valid and on test."""
    values = {}
    for split, stem in zip(SPLITS, ("val", "test_2016_flickr"), strict=True):
        files = [options.multi30k.resolve() / f"{stem}.{language}" for language in ("en", "de")]
        told, _ = command(
            options.out, "evaluate", "--run", run.resolve(), "--source", files[0], "--reference", files[1],
            "--bleu", "--json",
        )  # fmt: skip
        values[split] = json.loads(told)["bleu"]["score"]
    return values


def draw(figures: dict[str, Any], minutes: list[float], out: Path) -> None:
    """Draw BLEU on test against minutes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for system, colour in zip(SYSTEMS, ("tab:blue", "tab:orange"), strict=True):
        each = [[s["test"] for s in figures[f"{system}, {m:g}"]] for m in minutes]
        axes.plot(minutes, [mean(values) for values in each], "o-", color=colour, label=system)
        for at, values in zip(minutes, each, strict=True):
            axes.plot([at] * len(values), values, ".", color=colour)
    axes.set(xlabel="minutes of training, two cores", ylabel="BLEU on test_2016_flickr, cased", xscale="log")
    axes.set_xticks(minutes, [f"{m:g}" for m in minutes])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(out, dpi=150)


def main() -> None:
    """Print a line of the table as soon as a budget is done."""
    parser = arguments(__doc__)
    parser.add_argument("--multi30k", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--minutes", type=float, nargs="+", default=[5, 10, 45])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    data = prepare_multi30k(options.out, options.multi30k)
    figures: dict[str, Any] = {}
    print("| minutes | seqformer: test (valid) | MarianMTModel: test (valid) |\n|---|---|---|")
    for minutes in options.minutes:
        cells = []
        for system, train in zip(SYSTEMS, (ours, theirs), strict=True):
            found = [scores(options, train(options, data, minutes, seed)) for seed in options.seeds]
            figures[f"{system}, {minutes:g}"] = found
            cells.append(" · ".join(f"{each['test']:.1f} ({each['valid']:.1f})" for each in found))
        print(f"| {minutes:g} | {' | '.join(cells)} |", flush=True)
    draw(figures, options.minutes, options.out / "minutes.png")
    keep("minutes", figures)


if __name__ == "__main__":
    main()
