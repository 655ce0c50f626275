"""From a folder of images to a prepared folder: read, split, store, describe."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from seqformer.errors import DataError
from seqformer.images import idx, png
from seqformer.images.batches import Dataset, Labelled
from seqformer.images.prepared import ImageManifest, split_files
from seqformer.images.split import split
from seqformer.storage.files import whole_folder
from seqformer.storage.manifest import MANIFEST

TASK = "classification"


def read_dataset(folder: Path, seed: int) -> Dataset:
    """Return the images of a folder, IDX files or PNGs by class. Raises :class:`DataError`.

    ``seed`` decides which PNGs are for test where there is no test folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder")
    return idx.read_folder(folder) if idx.holds_idx(folder) else png.read_folder(folder, seed)


def origin(dataset: Dataset, seed: int) -> str:
    """Return a digest of all images and the seed: what a prepared folder is made of."""
    return f"{_fingerprint(dataset.classes, dataset.train, dataset.test)}-{seed}"


def prepare(dataset: Dataset, files: list[str], out: Path, seed: int = 1) -> ImageManifest:
    """Prepare labelled images into the folder ``out``, which is then complete or absent.

    ``seed`` decides which training images are for validation.
    """
    train, valid = split(dataset.train, seed)
    splits = {"train": train, "valid": valid, "test": dataset.test}
    _, channels, height, width = dataset.train.images.shape
    with whole_folder(out, replaces=MANIFEST) as made:
        for name, part in splits.items():
            pixels, labels = split_files(name)
            np.save(made / pixels, part.images, allow_pickle=False)
            np.save(made / labels, part.labels, allow_pickle=False)
        manifest = ImageManifest(
            task=TASK,
            name=out.name,
            seed=seed,
            pairs={name: len(part) for name, part in splits.items()},
            fingerprint=_fingerprint(dataset.classes, train, valid),
            files=files,
            origin=origin(dataset, seed),
            classes=list(dataset.classes),
            channels=channels,
            image_height=height,
            image_width=width,
        )
        manifest.write(made)
    return manifest


def _fingerprint(classes: tuple[str, ...], *splits: Labelled) -> str:
    """Return a digest of these images, labels and classes."""
    marks = hashlib.blake2b(repr(classes).encode())
    for part in splits:
        marks.update(repr(part.images.shape).encode())
        marks.update(np.ascontiguousarray(part.images).data)
        marks.update(part.labels.astype("<i8").tobytes())
    return marks.hexdigest()[:16]
