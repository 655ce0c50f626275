"""Train MarianMTModel as we train, for peers.py: batches, rates, smoothing, dropout and clipping of a run.

    python bench/peers_recipe.py RUN CHECKPOINT MINUTES

CHECKPOINT holds the run's first weights, as exported, and then those that were learned.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
from peers_train import their_step
from transformers import MarianMTModel

from seqformer import Run
from seqformer.text.batches import Batch, PairBatches
from seqformer.text.prepared import open_pairs
from seqformer.training.schedule import learning_rate


def main(run: Run, checkpoint: Path, minutes: float) -> None:
    """Train until the time is over, and print steps and epochs."""
    begin = time.monotonic()
    config, manifest = run.configs.train, run.task.manifest
    batches = PairBatches(open_pairs(run.data, "train", manifest), config.tokens_per_batch, 1)
    torch.manual_seed(1)
    model = MarianMTModel.from_pretrained(checkpoint).train()
    last = manifest.vocabulary["target"] - 2
    theirs = torch.tensor([last, 1, last, 0, *range(2, last)])  # PAD UNK BOS EOS …
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9)
    steps, epoch = 0, 0
    while True:
        for plan in batches.plan(epoch):
            progress = (time.monotonic() - begin) / (60 * minutes)
            if progress >= 1:
                model.save_pretrained(checkpoint)
                print(json.dumps({"steps": steps, "epochs": epoch}))
                return
            optimizer.param_groups[0]["lr"] = learning_rate(config, steps, progress)
            ours = batches.load(plan)
            batch = Batch(theirs[ours.source], theirs[ours.target_in], theirs[ours.target_out])
            their_step(model, optimizer, batch, "fp32")
            with torch.no_grad():  # decoding starts from this row, a vector of zeros
                model.model.shared.weight[model.config.pad_token_id] = 0
            steps += 1
        epoch += 1


if __name__ == "__main__":
    main(Run(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
