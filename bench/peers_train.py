"""Take some training steps on prepared pairs, and print tokens per second and peak memory, for peers.py.

python bench/peers_train.py DATA TOKENS seqformer|transformers fp32|bf16 [WIDTH]
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from common import memory
from torch.nn import functional

from seqformer.tasks import open_task
from seqformer.text.batches import Batch, PairBatches
from seqformer.text.prepared import open_pairs

WARM, STEPS = 8, 20
LAYERS, HEADS = 3, 4


def our_steps(batches: Iterator[Batch], sizes: dict[str, Any], precision: str, width: int) -> Iterator[None]:
    """Train our Transformer as a run does, a batch a step."""
    from seqformer.device import DTYPES
    from seqformer.models import build
    from seqformer.models.transformer import TransformerConfig
    from seqformer.training.optimizer import FlatOptimizer

    shape = {"encoder_layers": LAYERS, "decoder_layers": LAYERS, "heads": HEADS}
    shape |= {"width": width, "feed_forward": 4 * width}
    model = build(TransformerConfig(**sizes, **shape)).to(DTYPES[precision])
    optimizer = FlatOptimizer(model, 1.0)
    for batch in batches:
        loss = model.loss(batch, 0.1)
        loss.objective.backward()
        optimizer.collect()
        optimizer.step(loss.units, 1e-4)
        yield


def their_steps(
    batches: Iterator[Batch], sizes: dict[str, Any], precision: str, width: int
) -> Iterator[None]:
    """Train transformers' Marian of the same shape, a batch a step."""
    from transformers import MarianConfig, MarianMTModel

    config = MarianConfig(
        vocab_size=sizes["target_vocabulary"], d_model=width, encoder_layers=LAYERS, decoder_layers=LAYERS,
        encoder_attention_heads=HEADS, decoder_attention_heads=HEADS, encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width, activation_function="relu", dropout=0.1, scale_embedding=True,
        pad_token_id=0, eos_token_id=3, decoder_start_token_id=2, max_position_embeddings=512,
    )  # fmt: skip
    model = MarianMTModel(config).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.9, 0.98), eps=1e-9)
    for batch in batches:
        their_step(model, optimizer, batch, precision)
        yield


def their_step(model: Any, optimizer: Any, batch: Batch, precision: str) -> None:
    """Take one step of a plain loop: smoothed cross-entropy, gradients clipped at a norm of 1."""
    pad = model.config.pad_token_id
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        logits = model(
            input_ids=batch.source,
            attention_mask=(batch.source != pad).long(),
            decoder_input_ids=batch.target_in,
        ).logits
        loss = functional.cross_entropy(
            logits.flatten(0, 1), batch.target_out.flatten(), ignore_index=pad, label_smoothing=0.1
        )
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def main(data: str, tokens_per_batch: str, system: str, precision: str, width: str = "256") -> None:
    """Measure the steps after the first few, loading their batches included."""
    task = open_task(Path(data))
    pairs = PairBatches(open_pairs(task.folder, "train", task.manifest), int(tokens_per_batch), 1)
    tokens: list[int] = []

    def loaded() -> Iterator[Batch]:
        for plan in pairs.plan(0)[: WARM + STEPS]:
            batch = pairs.load(plan)
            tokens.append(int((batch.source != 0).sum() + (batch.target_out != 0).sum()))
            yield batch

    torch.manual_seed(1)
    steps = {"seqformer": our_steps, "transformers": their_steps}[system]
    times = [time.perf_counter() for _ in steps(loaded(), task.sizes(), precision, int(width))]
    speed = sum(tokens[WARM:]) / (times[-1] - times[WARM - 1])
    print(json.dumps({"tokens/s": speed, "GB": memory("VmHWM") / 1024}))


if __name__ == "__main__":
    main(*sys.argv[1:])
