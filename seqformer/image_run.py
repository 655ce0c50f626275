"""A run of images: one folder with everything that classifying, evaluating and looking inside need.

Beside what every run has (:mod:`seqformer.run_folder`):

classes.json                       the names of the classes, in order
test-images.npy test-labels.npy    the test images as bytes (N, C, H, W), and their classes (N,)

B images, C channels, H height (or heads, in weights), W width, P patches, L layers, Y classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqformer.config import TrainConfig, VitConfig
from seqformer.device import choose_device
from seqformer.errors import DataError, RunError
from seqformer.files import read_json, whole_folder, write_json
from seqformer.images.dataset import Bytes, Dataset, Labelled, as_tensor
from seqformer.images.folder import read_pngs
from seqformer.models.vit import VisionTransformer
from seqformer.run_folder import (
    IMAGES,
    INFO,
    Lessons,
    RunFolder,
    check_new,
    new_info,
    read_info,
    write_configs,
)
from seqformer.training.distributed import Processes

CLASSES, TEST_IMAGES, TEST_LABELS = "classes.json", "test-images.npy", "test-labels.npy"
BATCH = 256  # images classified at a time


@dataclass(frozen=True)
class Seen:
    """One image, what it was taken for, and what the class token looked at."""

    image: Bytes  # (C, H, W)
    probabilities: list[float]  # Y, they sum to 1
    patches: Tensor  # (L, H, rows, columns): what the class token gives to each patch …
    itself: Tensor  # (L, H): … and to itself; both together sum to 1


@dataclass(frozen=True)
class Classifier:
    """A trained model on a device."""

    model: VisionTransformer
    device: torch.device

    def classify(self, images: Bytes) -> Tensor:
        """images (N, C, H, W) -> probabilities (N, Y), on the processor."""
        found = []
        with torch.inference_mode():
            for begin in range(0, len(images), BATCH):
                batch = as_tensor(images[begin : begin + BATCH]).to(self.device)
                found.append(self.model.classify(batch).float().softmax(-1).cpu())
        return torch.cat(found)

    def look(self, image: Bytes) -> Seen:
        """Classify one image (C, H, W) and show what every head of every layer looked at."""
        with torch.inference_mode():
            maps = self.model.attention(as_tensor(image[None]).to(self.device))  # (L, 1, H, 1+P, 1+P)
        token = maps[:, 0, :, 0].float().cpu()  # the class token's row: (L, H, 1+P)
        return Seen(
            image=image,
            probabilities=self.classify(image[None])[0].tolist(),
            patches=token[..., 1:].reshape(*token.shape[:2], *self.model.config.grid),
            itself=token[..., 0],
        )


class ImageRun(RunFolder[VitConfig, VisionTransformer]):
    """A run that classifies images."""

    config_kind = VitConfig
    units = "images"
    score = "accuracy"

    def __init__(self, folder: Path) -> None:
        if read_info(folder)["task"] != IMAGES:
            raise RunError(f"{folder} is a run of text, and images were asked for; name another --run")
        super().__init__(folder)

    def describe(self) -> list[tuple[str, str]]:
        """See :class:`RunFolder`."""
        model = self.model_config
        size = f"{model.image_height}x{model.image_width}x{model.channels}"
        resized = f" (resized to {model.resize}x{model.resize})" if model.resize else ""
        return [
            ("data", f"{self.data}: images of {size}{resized}, {model.classes} classes"),
            (
                "model",
                f"Vision Transformer, {model.tokens - 1} patches of {model.patch}x{model.patch}, "
                f"{model.encoder_layers} layers, width {model.width}, {model.heads} heads, "
                f"feed-forward {model.feed_forward}",
            ),
        ]

    def next_commands(self) -> list[str]:
        """See :class:`RunFolder`."""
        return [f"seqformer evaluate --run {self.folder}", f"seqformer attention 0 --run {self.folder}"]

    def build(self) -> VisionTransformer:
        """See :class:`RunFolder`."""
        return VisionTransformer(self.model_config)

    def objective(self, model: VisionTransformer) -> Callable[[Any], tuple[Tensor, int]]:
        """See :class:`RunFolder`."""
        return partial(model.loss, smoothing=self.train_config.label_smoothing)

    def lessons(self, model: VisionTransformer, device: torch.device, processes: Processes) -> Lessons:
        """See :class:`RunFolder`."""
        from seqformer.image_learn import image_lessons

        return image_lessons(self, model, device, processes)

    @cached_property
    def classes(self) -> list[str]:
        """The names of the classes."""
        names = read_json(self.folder / CLASSES)
        whole = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if not whole or len(names) != self.model_config.classes:
            raise RunError(
                f"{self.folder / CLASSES}: expected the names of {self.model_config.classes} classes"
            )
        return [str(name) for name in names]

    @cached_property
    def test(self) -> Labelled:
        """The test images."""
        config = self.model_config
        images = _array(self.folder / TEST_IMAGES, "uint8", 4)
        labels = _array(self.folder / TEST_LABELS, "int64", 1)
        expected = (len(labels), config.channels, config.image_height, config.image_width)
        if images.shape != expected:
            raise RunError(f"{self.folder / TEST_IMAGES}: its shape is {images.shape}, expected {expected}")
        if not len(labels) or labels.min() < 0 or labels.max() >= config.classes:
            raise RunError(f"{self.folder / TEST_LABELS}: expected classes from 0 to {config.classes - 1}")
        return Labelled(images, labels)

    def picture(self, path: Path) -> Bytes:
        """A PNG as this run's model takes it: (C, H, W)."""
        config = self.model_config
        if config.channels not in (1, 3):
            raise DataError(
                f"{path}: this model takes images of {config.channels} channels, which no PNG has"
            )
        image: Bytes = read_pngs([path], config.channels)[0]
        if image.shape[1:] != (config.image_height, config.image_width):
            raise DataError(
                f"{path} is {image.shape[1]}x{image.shape[2]} pixels and {self.folder} was trained on "
                f"{config.image_height}x{config.image_width}; scale it to that size first"
            )
        return image

    def classifier(self, device: str = "auto") -> Classifier:
        """The run as a classifier."""
        chosen = choose_device(device)
        return Classifier(self.load_model(chosen), chosen)


def create(folder: Path, data: Path, dataset: Dataset, model: VitConfig, train: TrainConfig) -> ImageRun:
    """A new run folder, whole, for the images of a folder. An existing folder is never overwritten."""
    check_new(folder)
    with whole_folder(folder, replaces=INFO) as new:
        write_json(new / INFO, new_info(folder, IMAGES, data, dataset.fingerprint()))
        write_configs(new, model, train)
        write_json(new / CLASSES, list(dataset.classes))
        np.save(new / TEST_IMAGES, dataset.test.images, allow_pickle=False)
        np.save(new / TEST_LABELS, dataset.test.labels, allow_pickle=False)
    return ImageRun(folder)


def _array(path: Path, dtype: str, dimensions: int) -> Any:
    """A .npy file, mapped, so that its header is held against its size before anything is read."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # NumPy reads a header as Python, a zip or a pickle, each with its errors
        raise RunError(f"{path}: not a whole .npy file ({error})") from None
    if not isinstance(found, np.ndarray) or found.dtype != np.dtype(dtype) or found.ndim != dimensions:
        raise RunError(f"{path}: expected a .npy file of {dtype} with {dimensions} dimensions")
    return found
