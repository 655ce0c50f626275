"""The IDX format, in which MNIST and Fashion-MNIST are distributed (yann.lecun.com/exdb/mnist).

    00 00 08 D      two zeros, the type (08: unsigned bytes), the number of dimensions
    D sizes         big-endian 32-bit integers
    the bytes       as many as the product of the sizes

A header is believed only if as many bytes follow it.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from seqformer.errors import DataError
from seqformer.images.batches import MAX_BYTES, Bytes, Dataset, Labelled, class_names

UNSIGNED_BYTES = 8
MOST_UNPACKED = 1 << 30  # bytes of an unpacked .gz, which may be a thousand times smaller
MOST_LABELS = 1 << 26
PIECE = 1 << 20  # bytes read at a time: memory grows with the file, not with the sizes in its header
STEMS = {"train": "train", "test": "t10k"}


def holds_idx(folder: Path) -> bool:
    """Return whether a folder holds any of the four files."""
    return any(_find(folder, stem, kind) for stem in STEMS.values() for kind in ("images", "labels"))


def read_folder(folder: Path) -> Dataset:
    """Return the training and the test images of a folder of four IDX files, plain or .gz."""
    parts = {part: _read_part(folder, stem) for part, stem in STEMS.items()}
    train, test = parts["train"], parts["test"]
    if train.images.shape[1:] != test.images.shape[1:]:
        sizes = [f"{h}x{w}" for _, _, h, w in (train.images.shape, test.images.shape)]
        raise DataError(f"{folder}: training images are {sizes[0]} pixels and test images {sizes[1]}")
    count = int(train.labels.max()) + 1
    if int(test.labels.max()) >= count:
        raise DataError(f"{folder}: the test label {int(test.labels.max())} never occurs in training")
    return Dataset(train, test, class_names(test.labels, count))


def read_idx(path: Path, dimensions: int) -> Bytes:
    """Read an array of unsigned bytes with this many dimensions."""
    try:
        opened = gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb")
        with cast(BinaryIO, opened) as file:
            return _parse(file, path, dimensions)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole .gz file ({error}); get it again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def _parse(file: BinaryIO, path: Path, dimensions: int) -> Bytes:
    header = file.read(4)
    if header[:3] != bytes([0, 0, UNSIGNED_BYTES]) or len(header) < 4:
        raise DataError(
            f"{path}: not an IDX file of unsigned bytes (it begins with {header.hex() or 'nothing'})"
        )
    if header[3] != dimensions:
        raise DataError(f"{path}: it has {header[3]} dimensions where {dimensions} are expected")
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError(f"{path}: cut short in its header; get it again")
    shape = [int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4)]
    expected = math.prod(shape)
    if expected == 0:
        raise DataError(f"{path}: it holds nothing (its sizes are {_by(shape)})")
    most = MOST_LABELS if dimensions == 1 else MOST_UNPACKED if path.suffix == ".gz" else MAX_BYTES
    if expected > most:
        raise DataError(f"{path}: sizes of {_by(shape)} are more than the {_by_size(most)} read at most")
    content = bytearray()
    while len(content) <= expected and (piece := file.read(PIECE)):
        content += piece
    if len(content) != expected:
        actual = f"{len(content):,} bytes follow" if len(content) < expected else "more follow"
        raise DataError(
            f"{path}: its header promises {_by(shape)} = {expected:,} bytes and {actual}; get it again"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _by_size(count: int) -> str:
    return f"{count >> 30} GiB" if count >> 30 else f"{count >> 20} MiB"


def _by(shape: list[int]) -> str:
    return "x".join(map(str, shape))


def _find(folder: Path, stem: str, kind: str) -> Path | None:
    name = f"{stem}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _read_part(folder: Path, stem: str) -> Labelled:
    images, labels = _find(folder, stem, "images"), _find(folder, stem, "labels")
    if images is None or labels is None:
        missing = f"{stem}-images-idx3-ubyte" if images is None else f"{stem}-labels-idx1-ubyte"
        raise DataError(f"{folder}: {missing} is missing, plain or .gz, beside the other IDX files")
    pixels, marks = read_idx(images, 3), read_idx(labels, 1)
    if len(pixels) != len(marks):
        raise DataError(f"{images} has {len(pixels):,} images and {labels.name} {len(marks):,} labels")
    return Labelled(pixels[:, None], marks.astype(np.int64))
