"""Do the tests of ``evaluate --compare`` call equal systems different as often as they say: 5% of the time?

Two systems of unlike strengths are made of references with words lost, swapped and replaced. For each
trial random sentences are taken and the two outputs of each are given to A and B by the toss of a coin: A
and B are then equally good by construction, whatever the two systems were, and p < 0.05 is a false alarm.
The verdict of ``--compare`` asks for both tests: sacrebleu's bootstrap alone is too quick.

    python bench/significance.py                      the embedded corpus' references
    python bench/significance.py --outputs F G R      two files of translations and their references
"""

from __future__ import annotations

import math
import random
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

from seqformer.formats.corpus import open_corpus, read_lines
from seqformer.report import significance
from seqformer.text.faults import Faults
from seqformer.text.rows import embedded


def damaged(line: str, share: float, words: list[str], chance: random.Random) -> str:
    """Return a line in which about a share of the words is lost, put in another place or replaced."""
    kept: list[str] = []
    for word in line.split():
        if chance.random() >= share:
            kept.append(word)
        elif chance.random() < 0.5:
            kept.insert(chance.randint(0, len(kept)), chance.choice((word, chance.choice(words))))
    return " ".join(kept)


def synthetic(count: int, chance: random.Random) -> tuple[list[str], list[str], list[str]]:
    """Make outputs of two systems, and return them and their references."""
    corpus = open_corpus(embedded(), Faults())
    references = chance.sample([target for _, target in corpus.pairs], count)
    words = sorted({word for line in references for word in line.split()})
    first, second = ([damaged(line, share, words, chance) for line in references] for share in (0.25, 0.35))
    return first, second, references


def false_alarms(
    outputs: tuple[list[str], list[str], list[str]],
    trials: int,
    sentences: int,
    chance: random.Random,
    names: tuple[str, ...] = ("bleu", "chrf"),
) -> dict[str, list[float]]:
    """Return the p-value of each trial under the null hypothesis, by score and test."""
    found: dict[str, list[float]] = {}
    rows = list(zip(*outputs, strict=True))
    for _ in range(trials):
        drawn = [
            (a, b, r) if chance.random() < 0.5 else (b, a, r) for a, b, r in chance.sample(rows, sentences)
        ]
        first, second, references = (list(column) for column in zip(*drawn, strict=True))
        for c in significance.compare(names, first, second, references):
            found.setdefault(f"{c.name}: bootstrap", []).append(c.bootstrap)
            found.setdefault(f"{c.name}: randomisation", []).append(c.randomisation)
            found.setdefault(f"{c.name}: verdict", []).append(max(c.bootstrap, c.randomisation))
    return found


def within(alarms: int, trials: int, level: float = significance.LEVEL) -> tuple[float, float]:
    """Return the 95% interval of a share (Wilson 1927), so that chance is not read as a fault."""
    z, share = 1.96, alarms / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2)) / (1 + z * z / trials)
    return max(0.0, middle - half), middle + half


def main() -> None:
    """Print how often each test raised a false alarm; exit with 1 where the verdict does so above 5%."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=250)
    parser.add_argument("--sentences", type=int, default=150, help="a trial")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--outputs", nargs=3, type=Path, metavar="F", help="two outputs and references")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    if options.outputs:
        first, second, references = (list(read_lines(path)) for path in options.outputs)
        outputs = (first, second, references)
    else:
        outputs = synthetic(5 * options.sentences, chance)
    begin = time.monotonic()
    found = false_alarms(outputs, options.trials, options.sentences, chance)
    print(f"{'equal systems called different':34} {'share':>6}  95% of that share")
    wrong = False
    for name, values in found.items():
        alarms = sum(p < significance.LEVEL for p in values)
        low, high = within(alarms, len(values))
        wrong = wrong or (name.endswith("verdict") and low > significance.LEVEL)
        print(f"{name:34} {alarms / len(values):6.1%}  {low:.1%} to {high:.1%}")
    took = time.monotonic() - begin
    print(f"{options.trials} trials of {options.sentences} sentences, seed {options.seed}, {took:.0f} s")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
