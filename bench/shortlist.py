"""What a shortlist saves, and what it costs: both engines with and without one, on the same lines.

    python bench/shortlist.py RUN

First how many target pieces a batch of the run's test sentences has with it, and the BLEU of greedy search
and of a beam of 5; then seconds of all lines and of one sentence alone, in turns A B A B, each in a process
of its own with one thread. The shortlist is made before anything is measured.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from common import arguments, timed

import seqformer

ENGINES = ("torch", "ctranslate2")
TURNS, ALONE = 3, 50


def sizes(run: Path, lines: list[str]) -> str:
    """Return how many target pieces a batch has, in words."""
    model = seqformer.load(run, device="cpu", shortlist=True)
    ids, listed = model.tokenizer.source.encode(lines), model.predictor.shortlist
    batches = {count: [ids[i : i + count] for i in range(0, len(ids), count)] for count in (1, 32, len(ids))}
    mean = {count: statistics.mean(len(listed.of(each)) for each in some) for count, some in batches.items()}
    told = ", ".join(f"{size:,.0f} of {count}" for count, size in mean.items())
    return f"{len(model.tokenizer.target):,} target pieces; in a batch of sentences on average {told}"


def bleu(run: Path, beam: int) -> str:
    """Return the BLEU of both engines with and without a shortlist, in words."""
    told = []
    for engine in ENGINES:
        models = [seqformer.load(run, engine=engine, device="cpu", shortlist=each) for each in (False, True)]
        found: list[Any] = [seqformer.evaluate(model, metrics=("bleu",), beam=beam) for model in models]
        without, having = (each["bleu"].score for each in found)
        equal = sum(a == b for a, b in zip(*(each.translations for each in found), strict=True))
        lines = len(found[0].translations)
        told.append(f"{engine} {without:.2f}, with {having:.2f}, {equal} of {lines} lines equal")
    return "; ".join(told)


def main() -> None:
    """Compare, then measure."""
    parser = arguments(__doc__ or "")
    parser.add_argument("run", type=Path)
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--only-bleu", action="store_true", help="compare, and measure nothing")
    asked = parser.parse_args()
    lines = seqformer.Run(asked.run).task.sentences("test")[0]
    print(sizes(asked.run, lines), flush=True)
    for beam in asked.beams:
        print(f"BLEU, beam {beam}: {bleu(asked.run, beam)}", flush=True)
    if asked.only_bleu:
        return
    some = Path("shortlist-lines.txt")
    some.write_text("\n".join(lines) + "\n", "utf-8")
    for engine in ENGINES:
        for beam in asked.beams:
            for alone, what in ((0, f"{len(lines)} lines"), (ALONE, "one sentence")):
                times: dict[str, list[float]] = {"without": [], "with": []}
                for _ in range(TURNS):
                    for which, own in times.items():
                        how = {"engine": engine, "shortlist": which == "with"}
                        own.append(timed(asked.run, some, beam, alone, 1, **how))
                told = (f"{which} {statistics.median(own):.4f} s" for which, own in times.items())
                print(f"{engine}, beam {beam}, {what}: {', '.join(told)}", flush=True)
    some.unlink()


if __name__ == "__main__":
    main()
