"""How well a model translates sentences longer than any it was trained on: whole, or cut at its longest.

A model is trained on the pairs of at most ``--pieces`` source pieces, then translates longer ones of the test
set, in classes by how many times longer they are: whole (``--whole``), and cut as if nothing longer could be
read. chrF of both, for each class. The slack of :mod:`seqformer.decoding.splitting` is chosen by this.

    python bench/lengths.py                              the embedded corpus
    python bench/lengths.py --pairs train.en train.de --test test.en test.de --pieces 14 --minutes 8
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import seqformer
from seqformer.decoding import splitting
from seqformer.decoding.translator import Translator
from seqformer.formats.corpus import read_aligned
from seqformer.report.scores import corpus_score

EDGES = (0.0, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 9.0)  # times the longest source in training


def main() -> None:
    """Train, translate, and print a row for each class of lengths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", nargs=2, type=Path, metavar="F", help="sources and targets to train on")
    parser.add_argument("--test", nargs=2, type=Path, metavar="F", help="sources and targets to translate")
    parser.add_argument("--pieces", type=int, default=8, help="of the longest source to train on")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        every: dict[str, Any] = {} if options.pairs is None else {"files": tuple(options.pairs)}
        longest = options.pieces
        whole = seqformer.prepare(out=Path(folder) / "all", **every)
        short = seqformer.prepare(out=Path(folder) / "short", max_pieces=longest, **every)
        run = seqformer.train(short, run=Path(folder) / "run", max_minutes=options.minutes, seed=options.seed)
        if options.test:
            pairs = list(read_aligned(*options.test))
        else:
            pairs = whole.task.pairs("test") + whole.task.pairs("valid")  # type: ignore[attr-defined]
        translator: Translator = seqformer.load(run).predictor
        report(translator, pairs, run.configs.decode)


def report(translator: Translator, pairs: list[tuple[str, str]], config: Any) -> None:
    """Print chrF, whole and cut, for each class."""
    lengths = [
        len(ids) for ids in translator.tokenizer.source.encode([translator.normalizer(s) for s, _ in pairs])
    ]
    reach = translator.divider.reach
    print(f"longest source in training: {reach} pieces")
    print("times the longest   sentences   chrF whole   chrF cut")
    normalise = translator.manifest.normalizer("target")
    for low, high in pairwise(EDGES):
        chosen = [pair for pair, n in zip(pairs, lengths, strict=True) if low * reach < n <= high * reach]
        if not chosen:
            continue
        sources, references = [s for s, _ in chosen], [normalise(t) for _, t in chosen]
        scores = []
        for slack in (None, 1.0):
            splitting.SLACK = slack or 1.0
            settings = replace(config, whole=slack is None)
            texts = [best[0].text for best in translator.translate(sources, settings)]
            scores.append(corpus_score("chrf", texts, references).score)
        print(
            f"{f'{low:g} to {high:g}':17} {len(chosen):11,} {scores[0]:12.1f} {scores[1]:10.1f}", flush=True
        )


if __name__ == "__main__":
    main()
