"""Word alignment beside eflomal: python bench/alignment.py --run RUN --source F --target F [--gold F]

Needs eflomal on the path (pip install eflomal) and aligns the same words with it. eflomal learns from text:
--train-source and --train-target name more pairs for it, such as those the run was trained on. Without a gold
file eflomal is the gold: sure links are those of both of its directions, possible ones those of either.
--hand scores fifty pairs of Multi30k's test_2016_flickr, every twentieth, whose links are in
bench/alignment.gold: set by hand for the words between spaces, 441 sure and 72 possible; a full stop that is
part of a word has no link of its own. Prints the alignment error rate of each and how far each agrees with
eflomal (2 |A ∩ B| / (|A| + |B|)): with the head that was chosen, and with all others; with --reverse RUN, a
run of the other direction, symmetrized too. What eflomal reads is in lower case with punctuation set apart,
which is better for it; its links are brought back to the words.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from common import arguments

import seqformer
from seqformer.decoding.alignment import Aligner, BothAligner, agreement
from seqformer.decoding.symmetrize import METHODS, symmetrize
from seqformer.decoding.word_attention import WordAttention
from seqformer.formats.corpus import read_aligned
from seqformer.formats.pharaoh import Gold, Links, gold_links, read_gold
from seqformer.report.alignment import AlignmentEvaluation
from seqformer.text import punctuation

Pairs = list[tuple[str, str]]
HAND = Path(__file__).with_name("alignment.gold")


def tokens(word: str) -> list[str]:
    """Return a word as eflomal reads it."""
    return punctuation.split(word).lower().split()


def eflomal(pairs: Pairs, more: Pairs) -> tuple[list[Links], list[Links]]:
    """Return the links of eflomal for pairs in both directions; it learns from more pairs, too."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side, file in enumerate("st"):
            lines = [
                " ".join(t for word in pair[side].split() for t in tokens(word)) for pair in pairs + more
            ]
            (folder / file).write_text("\n".join(lines) + "\n", "utf-8")
        options = ["-s", "s", "-t", "t", "--model", "3", "-f", "forward", "-r", "reverse"]
        subprocess.run(["eflomal-align", *options], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        found = [[each.sure for each in read_gold(folder / file)] for file in ("forward", "reverse")]
    forward, reverse = (
        [_of_words(links, pair) for links, pair in zip(each, pairs, strict=False)] for each in found
    )
    return forward, reverse


def _of_words(links: Links, pair: tuple[str, str]) -> Links:
    source, target = ([i for i, word in enumerate(line.split()) for _ in tokens(word)] for line in pair)
    return frozenset((source[s], target[t]) for s, t in links)


def by_hand(pairs: Pairs) -> list[Gold | None]:
    """Return the links set by hand, and None for the other pairs of test_2016_flickr."""
    gold: list[Gold | None] = [None] * len(pairs)
    for row in HAND.read_text("utf-8").splitlines():
        number, links = row.split("\t")
        at = int(number) - 1
        gold[at] = right = gold_links(links.split(), f"{HAND.name}, line {number}")
        right.check(*pairs[at], f"{HAND.name}, line {number}")
    return gold


def error_rate(found: list[Links], gold: Sequence[Gold | None]) -> float:
    """Return the alignment error rate over the pairs that have gold links."""
    score = AlignmentEvaluation("", "")
    for links, right in zip(found, gold, strict=True):
        if right is not None:
            score.add(links, right.sure, right.possible)
    return score.error_rate or 0.0


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__)
    for name in ("--run", "--source", "--target"):
        parser.add_argument(name, type=Path, required=True)
    for name in ("--reverse", "--gold", "--train-source", "--train-target"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--hand", action="store_true")
    options = parser.parse_args()
    pairs = list(read_aligned(options.source, options.target))
    more = list(read_aligned(options.train_source, options.train_target)) if options.train_source else []
    forward, reverse = eflomal(pairs, more)
    theirs = {
        f"eflomal, {m}": [symmetrize(m, *both) for both in zip(forward, reverse, strict=True)]
        for m in METHODS
    }
    theirs = {"eflomal, forward": forward, "eflomal, reverse": reverse} | theirs
    usual = theirs["eflomal, grow-diag-final"]
    if options.gold or options.hand:
        gold = list(read_gold(options.gold)) if options.gold else by_hand(pairs)
    else:
        gold = [Gold(one & other, one | other) for one, other in zip(forward, reverse, strict=True)]
    print("| | AER | agreement with eflomal |\n|---|---|---|")

    def show(name: str, found: list[Links]) -> None:
        print(f"| {name} | {error_rate(found, gold):.3f} | {agreement(found, usual):.3f} |", flush=True)

    for name, found in theirs.items() if options.gold or options.hand else ():
        show(name, found)
    model = seqformer.load(options.run)
    begin = time.perf_counter()
    aligners: list[Aligner | BothAligner] = [model.aligner()]
    print(f"chosen in {time.perf_counter() - begin:.1f} s", flush=True)
    if options.reverse:
        aligners += [model.aligner(reverse=options.reverse, symmetrize=method) for method in METHODS]
    for aligner in aligners:
        begin = time.perf_counter()
        show(aligner.how, [links or frozenset() for links in aligner.align(pairs)])
        print(f"{len(pairs) / (time.perf_counter() - begin):.0f} pairs/s", flush=True)
    attention = WordAttention(model.predictor)
    candidates = attention.candidates()
    for head, found in zip(candidates, attention.every(pairs, candidates), strict=True):
        show(str(head), found)


if __name__ == "__main__":
    main()
