"""What helps a small model, paired by seed: python bench/helps.py --multi30k DIR --out DIR [NAME …]

    --steps 3000  --seeds 1 2  --pair en-de

Trains the published size (preset tiny, dropout 0.3, batches of 4,096 tokens) with each seed as it is and
with each change NAME of the list below, all of them where none is named, for the same number of updates,
and scores the best weights on the whole of valid (never on test) by beam 5. Prints as a Markdown table the
gain over the same seed without the change, its standard error over the seeds, and the time beside it.

What is trained already in --out is not trained again, so seeds and changes can be added, by several
processes at once too. Compare times only where one process ran alone.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from common import arguments

import seqformer
from seqformer.runs.layout import is_run

USUAL: dict[str, Any] = {
    "preset": "tiny", "dropout": 0.3, "tokens_per_batch": 4096, "learning_rate": 3e-3, "warmup": 400,
}  # fmt: skip
CHANGES: dict[str, dict[str, Any]] = {
    "Adam for all weights": {"optimizer": "adam"},
    "Adam for all weights, learning rate 4e-3": {"optimizer": "adam", "learning_rate": 4e-3},
    "ema 0.99": {"ema": 0.99},
    "ema 0.999": {"ema": 0.999},
    "mean of the last 5 validations": {"keep_last": 5},
    "inverse-sqrt": {"schedule": "inverse-sqrt"},
    "inverse-sqrt, ema 0.999": {"schedule": "inverse-sqrt", "ema": 0.999},
    "label smoothing 0.2": {"label_smoothing": 0.2},
    "label smoothing 0.3": {"label_smoothing": 0.3},
    "label smoothing 0.4": {"label_smoothing": 0.4},
    "dropout 0.2": {"dropout": 0.2},
    "dropout 0.4": {"dropout": 0.4},
    "learning rate 2e-3": {"learning_rate": 2e-3},
    "learning rate 4e-3": {"learning_rate": 4e-3},
    "learning rate 6e-3": {"learning_rate": 6e-3},
    "two passes": {"consistency": 5.0},
    "two passes in the last half": {"consistency": 5.0, "consistency_from": 0.5},
    "two passes in the last third": {"consistency": 5.0, "consistency_from": 2 / 3},
    "BPE-dropout 0.1": {"bpe_dropout": 0.1},
    "BPE-dropout 0.05": {"bpe_dropout": 0.05},
    "word dropout 0.05": {"word_dropout": 0.05},
    "attention dropout 0.1": {"attention_dropout": 0.1},
    "Adam's second beta 0.999": {"adam_beta2": 0.999},
    "pre-norm": {"norm": "pre"},
    "two heads": {"heads": 2},
    "eight heads": {"heads": 8},
    "6+2 layers": {"encoder_layers": 6, "decoder_layers": 2},
    "6+3 layers": {"encoder_layers": 6, "decoder_layers": 3},
    "gelu": {"activation": "gelu"},
}


def prepare(options: Any) -> Path:
    """Prepare Multi30k under --out, unless that is done, and return where."""
    data: Path = options.out / f"m30k-{options.pair}"
    if not data.is_dir():
        source, target = options.pair.split("-")
        train, valid, test = (
            tuple(options.multi30k / f"{part}.{side}" for side in (source, target))
            for part in ("train", "val", "test_2016_flickr")
        )
        seqformer.prepare(files=train, valid=valid, test=test, out=data, vocab_size=options.vocabulary)
    return data


def score(data: Path, options: Any, name: str, settings: dict[str, Any], seed: int) -> tuple[float, float]:
    """Return BLEU on valid, and the minutes of the training, which is made where it is not there."""
    folder: Path = options.out / f"{options.pair}-{options.steps}" / f"{name.replace(' ', '_')}-{seed}"
    if is_run(folder):
        run = seqformer.load(folder)
        progress = run.progress()
        if progress is None or not progress.finished:
            run = seqformer.resume(folder)
    else:
        run = seqformer.train(data, run=folder, seed=seed, max_steps=options.steps, **(USUAL | settings))
    progress = run.progress()
    assert progress
    evaluation = seqformer.evaluate(run, split="valid", precision="bf16")
    return evaluation.scores[0].score, progress.seconds / 60


def main() -> None:
    """Print a line of the table as soon as all seeds of a change are trained."""
    parser = arguments(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CHANGES))
    parser.add_argument("--multi30k", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--pair", default="en-de")
    parser.add_argument("--vocabulary", type=int, default=8000)
    options = parser.parse_args()
    for name in options.names:
        if name not in CHANGES:
            parser.error(f"there is no change {name!r}")
    data = prepare(options)
    usual = {seed: score(data, options, "as it is", {}, seed) for seed in options.seeds}
    mean_bleu, minutes = (mean(each[i] for each in usual.values()) for i in (0, 1))
    print(f"| {options.steps:,} updates | BLEU on valid | gain | minutes |\n|---|---|---|---|")
    print(f"| as it is | {mean_bleu:.2f} | | {minutes:.1f} |", flush=True)
    for name in options.names or CHANGES:
        scores = {seed: score(data, options, name, CHANGES[name], seed) for seed in options.seeds}
        gains = [scores[seed][0] - usual[seed][0] for seed in options.seeds]
        error = f" ± {stdev(gains) / sqrt(len(gains)):.2f}" if len(gains) > 1 else ""
        bleu, minutes = (mean(each[i] for each in scores.values()) for i in (0, 1))
        print(f"| {name} | {bleu:.2f} | {mean(gains):+.2f}{error} | {minutes:.1f} |", flush=True)


if __name__ == "__main__":
    main()
