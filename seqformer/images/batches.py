"""Labelled images, in memory or mapped from a file, and their batches in a repeatable order.

N images, B images of a batch, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqformer.errors import DataError
from seqformer.storage.share import Indices, choose

Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

MAX_BYTES = 4 << 30  # of images that are read into memory

# IDX files name no classes; these labels are recognised by their hash
FASHION_LABELS = "4cec6ec68b350c42"
FASHION = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip


@dataclass(frozen=True)
class Labelled:
    """Images and their labels."""

    images: Bytes  # (N, C, H, W)
    labels: Labels  # (N,)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Indices) -> Labelled:
        """Return the images of these indices, in this order."""
        return Labelled(self.images[indices], self.labels[indices])

    def contents(self) -> Iterator[bytes]:
        """Yield the pixels of each image as bytes."""
        return (image.tobytes() for image in self.images)


@dataclass(frozen=True)
class Dataset:
    """The images of a folder, all of one size."""

    train: Labelled
    test: Labelled
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise DataError("all training images have one label: there is nothing to learn")
        if len(self.train) < 2:
            raise DataError("a single training image leaves none to validate with")


def class_names(test: Labels, count: int) -> tuple[str, ...]:
    """Return names for numbered classes: those of Fashion-MNIST for its labels, else the numbers."""
    if hashlib.blake2b(test.astype(np.uint8).tobytes()).hexdigest()[:16] == FASHION_LABELS:
        return FASHION
    return tuple(map(str, range(count)))


@dataclass(frozen=True)
class ImageBatch:
    """Images, each value between 0 and 1, and their labels."""

    images: Tensor  # (B, C, H, W)
    labels: Tensor  # (B,)

    def to(self, device: torch.device) -> ImageBatch:
        """Return the same batch on a device."""
        return ImageBatch(self.images.to(device), self.labels.to(device))


def as_tensor(images: Bytes) -> Tensor:
    """Return bytes (B, C, H, W) as numbers from 0 to 1."""
    return torch.from_numpy(np.array(images)).float() / 255


class ImageBatches:
    """The batches of labelled images. Each epoch has its own order, which depends on seed and epoch alone."""

    parts = 1  # of an epoch

    def __init__(self, labelled: Labelled, size: int, seed: int, share: float = 1.0) -> None:
        self.labelled = labelled
        self.size = size
        self.seed = seed
        every = np.arange(len(labelled))
        self.chosen = every if share == 1 else choose(labelled.contents(), len(labelled), share)

    def plan(self, epoch: int, part: int = 0) -> list[Indices]:
        """Return the images of each batch of an epoch; each image is in exactly one batch."""
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.chosen))
        return self._cut(self.chosen[order])

    def in_order(self) -> list[Indices]:
        """Return the batches without shuffling, for validation."""
        return self._cut(self.chosen)

    def load(self, indices: Indices) -> ImageBatch:
        """Return the images of one batch."""
        some = self.labelled.take(indices)
        return ImageBatch(as_tensor(some.images), torch.from_numpy(some.labels))

    def _cut(self, order: Indices) -> list[Indices]:
        return [order[begin : begin + self.size] for begin in range(0, len(order), self.size)]
