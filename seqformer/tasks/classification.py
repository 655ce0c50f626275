"""Classification: images, and one class for each.

B images, C channels, H height (or heads, in weights), W width, P patches, L layers, Y classes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from rich.console import RenderableType
from rich.markup import escape
from torch import Tensor
from torch.nn import functional

from seqformer.config import DecodeConfig, TrainConfig
from seqformer.console import counted, table, visible
from seqformer.errors import DataError, SeqformerError, nearest
from seqformer.images.batches import Bytes, ImageBatches, Labelled, as_tensor
from seqformer.images.png import read_pngs
from seqformer.images.prepared import ImageManifest, open_split, split_files
from seqformer.models.trace import trace_image
from seqformer.models.vit import VisionTransformer
from seqformer.report import best
from seqformer.report.attention import ClassAttention
from seqformer.report.classification import confusion
from seqformer.report.evaluation import ClassEvaluation
from seqformer.report.explanation import Explanation, explained
from seqformer.report.scores import Score, proportion_interval
from seqformer.tasks.task import Question, Task, TrainingData
from seqformer.training.distributed import Processes
from seqformer.training.events import Validation

BATCH = 256  # images classified at a time
SPLITS = ("test",)


@dataclass(frozen=True)
class Classifier:
    """A trained model on a device."""

    model: VisionTransformer
    classes: list[str]
    device: torch.device

    def classify(self, images: Bytes) -> Tensor:
        """images (N, C, H, W) -> probabilities (N, Y), on the processor."""
        parts = []
        with torch.inference_mode():
            for begin in range(0, len(images), BATCH):
                batch = as_tensor(images[begin : begin + BATCH]).to(self.device)
                parts.append(self.model.classify(batch).float().softmax(-1).cpu())
        return torch.cat(parts)

    def look(self, name: str, image: Bytes, label: int | None = None) -> ClassAttention:
        """Classify one image (C, H, W) and return what every head of every layer looked at."""
        with torch.inference_mode():
            maps = self.model.attention(as_tensor(image[None]).to(self.device))  # (L, 1, H, 1+P, 1+P)
        token = maps[:, 0, :, 0].float().cpu()  # the class token's row: (L, H, 1+P)
        return ClassAttention(
            name=name,
            image=image,
            classes=self.classes,
            probabilities=self.classify(image[None])[0].tolist(),
            patches=token[..., 1:].reshape(*token.shape[:2], *self.model.config.grid),
            itself=token[..., 0],
            label=label,
        )


class Classification(Task[ImageManifest]):
    """Labelled images, learned by a Vision Transformer."""

    manifest_kind = ImageManifest
    units = "images"
    architectures = ("vit",)
    metrics = ("accuracy",)
    reads_text = False
    inputs = "images or classes"
    best_by = ("accuracy", "loss")

    @property
    def title(self) -> str:
        """What is learned."""
        return f"{len(self.manifest.classes)} classes of images"

    @property
    def score(self) -> str:
        """The value that says whether it learned."""
        return "accuracy"

    @property
    def usual_best_by(self) -> str:
        """The share of right answers."""
        return "accuracy"

    @property
    def chance(self) -> float:
        """What guessing scores."""
        return 1 / len(self.manifest.classes)

    def batches(self, tokens: int) -> int:
        """Return about how many batches an epoch has, with patches of 4 x 4 pixels."""
        held = self.manifest
        return max(1, held.pairs["train"] * (held.image_height * held.image_width // 16) // tokens)

    @property
    def units_in_epoch(self) -> int:
        """The training images."""
        return self.examples

    def sizes(self) -> dict[str, Any]:
        """Return size, channels and number of classes."""
        held = self.manifest
        return {
            "image_height": held.image_height,
            "image_width": held.image_width,
            "channels": held.channels,
            "classes": len(held.classes),
        }

    def reads_like(self, other: Task[Any]) -> bool:
        """Return whether images and classes are of the same kinds."""
        return self.sizes() == other.sizes()

    def check_training(self, config: TrainConfig) -> None:
        """Refuse what changes pieces of text."""
        for name in ("bpe_dropout", "word_dropout", "guide"):
            if getattr(config, name):
                raise SeqformerError(f"{name.replace('_', ' ')} does nothing for images; leave it out")

    def kept_files(self) -> list[str]:
        """Return the files of the test split."""
        return [*split_files("test")]

    def describe(self) -> str:
        """Return the data in words."""
        held = self.manifest
        size = f"{held.image_height}x{held.image_width}x{held.channels}"
        return f"{held.name}: {held.pairs['train']:,} images of {size}, {len(held.classes)} classes"

    def tables(self) -> list[RenderableType]:
        """Return the images of each split, and the classes."""
        images = table("Images", "", "images")
        for name, count in self.manifest.pairs.items():
            images.add_row(name, f"{count:,}")
        images.caption = escape(visible("classes: " + ", ".join(self.manifest.classes)))
        return [images]

    def next_commands(self, run: str) -> list[str]:
        """Return what can be done with a trained run."""
        return [f"seqformer evaluate --run {run}", f"seqformer attention 0 --run {run}"]

    @cached_property
    def test(self) -> Labelled:
        """The test images."""
        with self.reading():
            return open_split(self.folder, "test", self.manifest)

    def training_data(
        self, model: VisionTransformer, config: TrainConfig, device: torch.device, processes: Processes
    ) -> TrainingData:
        """Return the training images, and a validation that classifies those held out."""
        size = config.sentences_per_batch or max(1, config.tokens_per_batch // model.config.tokens)
        with self.reading():
            train, valid = (open_split(self.folder, part, self.manifest) for part in ("train", "valid"))
        batches, best_by = ImageBatches(valid, size, 0), self.judged_by(config.best_by)

        def validate() -> Validation:
            right, total, units = 0.0, 0.0, 0
            for plan in batches.in_order()[processes.share]:
                batch = batches.load(plan).to(device)
                logits = model.classify(batch.images).float()
                total += float(functional.cross_entropy(logits, batch.labels, reduction="sum"))
                right += float((logits.argmax(-1) == batch.labels).sum())
                units += len(batch.labels)
            total, right, units = processes.totals(total, right, units)
            values = {best.LOSS: total / units, "accuracy": right / units}
            return Validation(
                score=best.rank(best_by, values),
                values=values,
                best_by=best_by,
                nothing=best.is_nothing(best_by, values[best_by]),
            )

        images = counted(size * config.accumulate, "image")
        return TrainingData(
            batches=ImageBatches(train, size, config.seed, config.share),
            validate=validate,
            size=f"{images} of {self.share_of(config):,}; {len(valid):,} validate",
            remarks=self.share_remarks(config),
        )

    def predictor(self, model: VisionTransformer, device: torch.device) -> Classifier:
        """Return the classifier."""
        return Classifier(model, self.manifest.classes, device)

    def evaluate(self, predictor: Classifier, system: str, question: Question) -> ClassEvaluation:
        """Return accuracy and confusion on the test images."""
        for name in question.metrics:
            if name not in self.metrics:
                raise SeqformerError(f"images have no score '{name}': {nearest(name, self.metrics)}")
        if question.chapter or question.source or question.references or question.tokenize:
            raise SeqformerError(f"{system} classifies images: it is evaluated on its test images alone")
        if question.split not in SPLITS:
            raise SeqformerError(f"there is no split '{question.split}': {nearest(question.split, SPLITS)}")
        begin = time.perf_counter()
        answers = predictor.classify(self.test.images).argmax(-1).tolist()
        seconds = time.perf_counter() - begin
        return ClassEvaluation(
            system, confusion(self.manifest.classes, self.test.labels.tolist(), answers), seconds
        )

    def held_out_score(self, predictor: Classifier, config: DecodeConfig) -> Score:
        """Return the accuracy on all validation images."""
        with self.reading():
            valid = open_split(self.folder, "valid", self.manifest)
        right = predictor.classify(valid.images).argmax(-1).numpy() == valid.labels
        accuracy = float(right.mean())
        return Score("accuracy", accuracy, "", proportion_interval(accuracy, len(valid)))

    def look(self, predictor: Classifier, what: str, config: DecodeConfig) -> ClassAttention:
        """Return what the class token looked at in a test image, by its number, or in a PNG."""
        return predictor.look(*self._image(what))

    def explain(self, predictor: Classifier, what: str, config: DecodeConfig) -> Explanation:
        """Classify a test image, by its number, or a PNG, and return every number on the way."""
        name, image, _ = self._image(what)
        classes, model = self.manifest.classes, predictor.model
        traced = trace_image(model, as_tensor(image[None])[0].to(predictor.device))
        patches = [f"patch {n}" for n in range(1, model.config.tokens)]
        return Explanation(
            given=name,
            answer=classes[int(traced[-1].values.argmax())],
            text=name,
            pieces={"patch": patches, "token": ["class token", *patches], "class token": ["class token"]},
            ids=[],
            boxes=explained(traced, model.config),
            vocabulary=classes,
        )

    def _image(self, what: str) -> tuple[str, Bytes, int | None]:
        """Return name, image and label of a test image, by its number, or of a PNG."""
        if not what.isdecimal():
            if not what.lower().endswith(".png"):
                raise SeqformerError(
                    f"{self.folder} looks at images: give the number of a test image or a .png file"
                )
            return what, self.read_png(Path(what)), None
        if len(what) > 9 or int(what) >= len(self.test):
            raise SeqformerError(
                f"there is no test image {what}: {self.folder} has 0 to {len(self.test) - 1}"
            )
        number = int(what)
        return f"test image {what}", self.test.images[number], int(self.test.labels[number])

    def read_png(self, path: Path) -> Bytes:
        """Return a picture as the model takes it, (C, H, W). Raises :class:`DataError`."""
        held = self.manifest
        if held.channels not in (1, 3):
            raise DataError(f"{path}: this model takes images of {held.channels} channels, which no PNG has")
        image: Bytes = read_pngs([path], held.channels)[0]
        if image.shape[1:] != (held.image_height, held.image_width):
            raise DataError(
                f"{path} is {image.shape[1]}x{image.shape[2]} pixels and {self.folder} was trained on "
                f"{held.image_height}x{held.image_width}; scale it to that size first"
            )
        return image
