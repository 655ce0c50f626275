"""Where a training step spends its time: python bench/train_profile.py PREPARED --presets tiny small

Takes steps as a run does (batches of --tokens, bf16 where the processor computes in it, Muon where the
preset has it), first by the clock and then under torch's profiler, and prints as a Markdown table, for each
preset: target tokens a second; the arithmetic of the matrix products, in GFLOP/s; and the share of the time
of the linear layers, of the projection to the vocabulary with its loss, of attention, normalisation and
dropout, all of them with their backward pass, of the optimizer, and of all else.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import torch
from common import arguments, keep
from torch.profiler import ProfilerActivity, profile, record_function

from seqformer.config import TrainConfig
from seqformer.device import DTYPES, choose_precision
from seqformer.models import build
from seqformer.models.transformer import TransformerConfig
from seqformer.tasks import open_task
from seqformer.text.batches import PairBatches
from seqformer.text.prepared import open_pairs
from seqformer.training.optimizer import FlatOptimizer

# what the profiler calls them; each contains what it calls
PARTS = {
    "linear layers": ("aten::linear", "AddmmBackward0", "MmBackward0"),
    "projection and loss": ("_ProjectionLoss", "_ProjectionLossBackward"),
    "attention": ("_Attention", "_AttentionBackward"),
    "normalisation": ("aten::layer_norm", "NativeLayerNormBackward0"),
    "dropout": ("_ByteMask", "_ByteMaskBackward"),
    "optimizer": ("optimizer",),
}


class Training:
    """A model of a preset that takes step after step."""

    def __init__(self, data: Path, preset: str, tokens: int, precision: str) -> None:
        task = open_task(data)
        shape = dict(TransformerConfig.presets[preset])
        muon = shape.pop("optimizer", "") == "muon"
        self.model = build(TransformerConfig(**task.sizes(), **shape)).to(DTYPES[precision])
        matrices = self.model.hidden_matrices() if muon else {}
        self.optimizer = FlatOptimizer(self.model, 1.0, TrainConfig().adam_beta2, matrices)
        pairs = PairBatches(open_pairs(data, "train", task.manifest), tokens, 1)
        self.batches = itertools.cycle(pairs.load(item) for item in pairs.plan(1, 0))

    def take(self, steps: int) -> int:
        """Take some steps; return how many target tokens they learned from."""
        units = 0
        for batch in itertools.islice(self.batches, steps):
            loss = self.model.loss(batch, 0.1)
            loss.objective.backward()
            with record_function("optimizer"):
                self.optimizer.collect()
                self.optimizer.step(loss.units, 1e-4)
            units += int(loss.units)
        return units


def measure(training: Training, steps: int) -> dict[str, Any]:
    """Return tokens a second, GFLOP/s, and the shares of the parts."""
    training.take(steps // 2)
    begin = time.perf_counter()
    speed = training.take(steps) / (time.perf_counter() - begin)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        training.take(steps)
    events = profiled.key_averages()
    times = {event.key: event.cpu_time_total for event in events}
    total = sum(event.self_cpu_time_total for event in events)
    shares = {part: sum(times.get(name, 0) for name in names) / total for part, names in PARTS.items()}
    weights = sum(weight.numel() for weight in training.model.parameters())
    # two operations a weight and token forwards, four backwards; the embeddings are the output matrix too
    figures = {"tokens/s": speed, "GFLOP/s": 6 * weights * speed / 1e9}
    return figures | shares | {"all else": 1 - sum(shares.values())}


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--presets", nargs="+", default=["tiny", "small"])
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--steps", type=int, default=30)
    given = parser.parse_args()
    precision = choose_precision("auto", torch.device("cpu"))
    figures = {
        preset: measure(Training(given.data, preset, given.tokens, precision), given.steps)
        for preset in given.presets
    }
    keep("train_profile", figures)
    print(f"{precision}, {torch.get_num_threads()} threads, batches of {given.tokens} tokens\n")
    print("| | " + " | ".join(figures) + " |\n|---" + "|---" * len(figures) + "|")
    for name in next(iter(figures.values())):
        cells = (each[name] for each in figures.values())
        print(f"| {name} | " + " | ".join(f"{c:,.0f}" if "/s" in name else f"{c:.0%}" for c in cells) + " |")


if __name__ == "__main__":
    main()
