"""Labelled images on disk, memory-mapped.

A prepared folder holds

    manifest.json                   what it holds, how it was made, the classes (:class:`ImageManifest`)
    {train,valid,test}-images.npy   pixels as bytes (N, C, H, W)
    {train,valid,test}-labels.npy   the number of each image's class (N,)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqformer.errors import DamagedError
from seqformer.images.batches import Labelled
from seqformer.storage.manifest import Manifest


@dataclass(kw_only=True)
class ImageManifest(Manifest):
    """What a prepared folder of images holds."""

    classes: list[str]
    channels: int
    image_height: int  # pixels
    image_width: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.classes) < 2 or min(self.channels, self.image_height, self.image_width) < 1:
            raise DamagedError("the size of the images, or the list of classes, is not one that can be")


def split_files(split: str) -> tuple[str, str]:
    """Return the names of the files of a split: pixels and labels."""
    return f"{split}-images.npy", f"{split}-labels.npy"


def open_split(folder: Path, split: str, manifest: ImageManifest) -> Labelled:
    """Return the images of ``train``, ``valid`` or ``test``, mapped. Raises :class:`DamagedError`."""
    pixels, marks = (folder / name for name in split_files(split))
    for path in (pixels, marks):
        manifest.check_digest(folder, path.name)
    images, labels = _array(pixels, "uint8", 4), _array(marks, "int64", 1)
    expected = (manifest.pairs[split], manifest.channels, manifest.image_height, manifest.image_width)
    if images.shape != expected:
        raise DamagedError(f"{pixels}: its shape is {images.shape}, expected {expected}")
    if len(labels) != len(images) or labels.min() < 0 or labels.max() >= len(manifest.classes):
        raise DamagedError(f"{marks}: expected {len(images)} classes from 0 to {len(manifest.classes) - 1}")
    return Labelled(images, labels)


def _array(path: Path, dtype: str, dimensions: int) -> Any:
    """Map a .npy file, so that its header is checked against its size before anything is read."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # NumPy reads a header as Python, a zip or a pickle, each with its own errors
        raise DamagedError(f"{path}: not a whole .npy file ({error})") from None
    if not isinstance(array, np.ndarray) or array.dtype != np.dtype(dtype) or array.ndim != dimensions:
        raise DamagedError(f"{path}: expected a .npy file of {dtype} with {dimensions} dimensions")
    if not len(array):
        raise DamagedError(f"{path}: it holds nothing")
    return array
