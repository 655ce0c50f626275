"""Beside the peers, same machine, data, batches and weights: python bench/peers.py NAME…

    train     tokens per second (source and target, no padding) and peak memory of a training step, against
              transformers' MarianMTModel in a plain loop over the same batches, fp32 and bf16
    widths    training at widths of 128, 256 and 512
    decode    sentences and tokens per second, greedy and beam 5, against generate() and CTranslate2
    latency   one sentence at a time: median and 95th percentile in milliseconds
    recipe    BLEU of MarianMTModel after ten minutes of training by our recipe, from our first weights

Needs the extra "exchange" and --multi30k DIR (train.en, val.de, …). Decoding takes --run, a post-norm run
trained on it, or trains one for ten minutes first. Every measurement is a process of its own
(peers_train.py, peers_decode.py, peers_recipe.py), and rounds alternate A B A B; the table shows the median
and the range. The figures go to bench/out/peers.json too.
"""

from __future__ import annotations

import json
import tempfile
from argparse import Namespace
from pathlib import Path
from statistics import median
from typing import Any

from common import arguments, command, keep, measured, prepare_multi30k

TOKENS = 4096  # of a batch in training
NAMES = ["train", "widths", "decode", "latency", "recipe"]
TRAINERS = ("seqformer fp32", "transformers fp32", "seqformer bf16", "transformers bf16")
WIDTHS = ("seqformer bf16 128", "seqformer bf16 256", "seqformer bf16 512")
DECODERS = (
    "seqformer fp32", "seqformer bf16", "ctranslate2 float32", "ctranslate2 int8", "transformers fp32",
)  # fmt: skip
Figures = dict[str, dict[str, list[float]]]  # system -> figure -> its values, a round each


class Bench:
    """The data, the run and the figures so far, in a scratch folder."""

    def __init__(self, scratch: Path, options: Namespace) -> None:
        self.scratch, self.options = scratch, options
        self.raw = options.multi30k.resolve()
        self.data = prepare_multi30k(scratch, self.raw)
        self.figures: dict[str, Any] = {}

    def rounds(self, title: str, name: str, systems: tuple[str, ...], program: str, *more: object) -> None:
        """Measure every system so many times, A B C A B C, print a table, and compare the translations."""
        found: Figures = {system: {} for system in systems}
        output: dict[str, list[str]] = {}
        for _ in range(self.options.rounds):
            for system, values in found.items():
                result = measured(self.scratch, program, *more, *system.split())
                output.setdefault(system, result.pop("output", []))
                for figure, value in result.items():
                    values.setdefault(figure, []).append(value)
        show(title, found)
        self.figures[name] = found
        for system, lines in output.items():
            if lines:
                same = sum(a == b for a, b in zip(lines, output["ctranslate2 float32"], strict=True))
                print(f"{system}: {same} of {len(lines)} lines as ctranslate2 float32")

    def train(self) -> None:
        """Measure training."""
        title = f"Training, batches of {TOKENS:,} tokens"
        self.rounds(title, "train", TRAINERS, "peers_train.py", self.data, TOKENS)

    def widths(self) -> None:
        """Measure training by width."""
        title = f"Training by width, batches of {TOKENS:,} tokens"
        self.rounds(title, "widths", WIDTHS, "peers_train.py", self.data, TOKENS)

    def run(self) -> Path:
        """Return the run to decode with, trained now where none is given, its other forms beside it."""
        run = (self.options.run or self.scratch / "run").resolve()
        if not run.is_dir():
            budget = ("--preset", "small", "--max-minutes", 10)
            command(self.scratch, "train", "--data", self.data, *budget, "--run", run)
        for form in ("marian", "ctranslate2"):
            if not (self.scratch / form).is_dir():
                command(self.scratch, "export", form, "--to", form, "--run", run)
        return run

    def decode(self, what: str = "all") -> None:
        """Measure decoding of the whole test set, or line by line."""
        run, test = self.run(), self.raw / "test_2016_flickr.en"
        name = "decode" if what == "all" else what
        for beam in (1, 5):
            title = f"{name}, beam {beam}"
            self.rounds(title, f"{name} {beam}", DECODERS, "peers_decode.py", run, test, what, beam)

    def latency(self) -> None:
        """Measure decoding line by line."""
        self.decode("latency")

    def recipe(self) -> None:
        """Print BLEU (beam 5, cased) of what MarianMTModel has learned, translated by seqformer."""
        first = ("--preset", "small", "--max-steps", 1, "--run", "first")
        command(self.scratch, "train", "--data", self.data, *first)
        command(self.scratch, "export", "theirs", "--to", "marian", "--run", "first")
        learned = measured(self.scratch, "peers_recipe.py", "first", "theirs", self.options.minutes)
        command(self.scratch, "import", "theirs", "--run", "learned")
        source, reference = (self.raw / f"test_2016_flickr.{language}" for language in ("en", "de"))
        files = ("--source", source, "--reference", reference)
        told = command(self.scratch, "evaluate", "--run", "learned", *files, "--bleu", "--json")[0]
        learned["BLEU"] = round(json.loads(told)["bleu"]["score"], 1)
        print(f"\nMarianMTModel by our recipe: {learned}")
        self.figures["recipe"] = {"transformers fp32": learned}


def show(title: str, found: Figures) -> None:
    """Print a Markdown table: median and range of each figure."""
    figures = list(next(iter(found.values())))
    print(f"\n{title}\n\n| | {' | '.join(figures)} |\n|---|{'---|' * len(figures)}")
    for system, values in found.items():
        cells = (f"{_short(median(v))} ({_short(min(v))}–{_short(max(v))})" for v in values.values())
        print(f"| {system} | {' | '.join(cells)} |", flush=True)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    """Measure what was named, all by default."""
    parser = arguments(__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []])
    parser.add_argument("--multi30k", type=Path, required=True)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=10, help="of the recipe's training")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch), options)
        for name in options.names or NAMES:
            getattr(bench, name)()
    keep("peers", bench.figures)


if __name__ == "__main__":
    main()
