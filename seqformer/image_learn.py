"""What a training on images consists of: its batches and its validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from seqformer.errors import RunError
from seqformer.images.dataset import ImageBatches
from seqformer.images.folder import read_dataset
from seqformer.models.vit import VisionTransformer
from seqformer.run_folder import Lessons
from seqformer.training.distributed import Processes
from seqformer.training.events import Validation

if TYPE_CHECKING:
    from seqformer.image_run import ImageRun


def image_lessons(
    run: ImageRun, model: VisionTransformer, device: torch.device, processes: Processes
) -> Lessons:
    """The training images but for a held-out part, and a validation that classifies that part."""
    config = run.train_config
    dataset = read_dataset(run.data, config.seed)
    if dataset.fingerprint() != run.info["data_fingerprint"]:
        raise RunError(
            f"{run.data} holds other images than when this run began; restore them, or start a new run"
        )
    train, held_out = dataset.split(config.seed)
    size = max(1, config.tokens_per_batch // run.model_config.tokens)
    valid = ImageBatches(held_out, size, 0)

    def validate() -> Validation:
        right, total, units = 0.0, 0.0, 0
        for plan in valid.in_order()[processes.share]:
            batch = valid.load(plan).to(device)
            logits = model.classify(batch.images).float()
            total += float(functional.cross_entropy(logits, batch.labels, reduction="sum"))
            right += float((logits.argmax(-1) == batch.labels).sum())
            units += len(batch.labels)
        total, units = processes.totals(total, units)
        right, _ = processes.totals(right, 0)
        values = {"valid_loss": total / units, "accuracy": right / units}
        # equally many right answers: the surer ones are better
        return Validation(values["accuracy"] - 1e-6 * values["valid_loss"], values)

    return Lessons(
        batches=ImageBatches(train, size, config.seed),
        validate=validate,
        size=f"{size * config.accumulate} images of {len(train):,}; {len(held_out):,} validate",
    )
