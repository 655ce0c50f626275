"""A folder of PNGs by class: ``train/CLASS/*.png`` and ``test/CLASS/*.png``, or ``CLASS/*.png`` alone.

Without a test folder, a hash of each file's name and the seed decides which split it is in: a file
keeps its split whatever files are added.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from seqformer.errors import DataError, MissingExtra
from seqformer.images.batches import MAX_BYTES, Bytes, Dataset, Labelled
from seqformer.images.split import is_test

GREY = ("1", "L", "LA", "I", "I;16")  # Pillow's modes without colour
LONGEST_SIDE = 1024  # pixels

Files = list[tuple[Path, int]]  # each with the number of its class


def read_folder(folder: Path, seed: int) -> Dataset:
    """Return the pictures of a folder, by class. Raises :class:`DataError`."""
    train, test, classes = _listed(folder, seed)
    if not train and not test:
        raise DataError(
            f"{folder} holds neither IDX files (train-images-idx3-ubyte, plain or .gz, and three more) "
            "nor a folder of PNGs for each class"
        )
    for part, files in (("training", train), ("test", test)):
        if not files:
            raise DataError(
                f"{folder}: there are no {part} images; add some, or give a train and a test folder"
            )
    pixels = read_pngs([path for path, _ in train + test])
    labels = np.array([label for _, label in train + test], np.int64)
    cut = len(train)
    return Dataset(Labelled(pixels[:cut], labels[:cut]), Labelled(pixels[cut:], labels[cut:]), classes)


def _listed(folder: Path, seed: int) -> tuple[Files, Files, tuple[str, ...]]:
    """Return the files of train and of test, and the names of the classes."""
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        classes = _classes(folder / "train")
        for name in _classes(folder / "test"):
            if name not in classes:
                raise DataError(f"{folder / 'test' / name}: this class has no images in {folder / 'train'}")
        return _files(folder / "train", classes), _files(folder / "test", classes), classes
    classes = _classes(folder)
    files = _files(folder, classes)
    held = [is_test(f"{seed}/{classes[label]}/{path.name}") for path, label in files]
    train = [file for file, test in zip(files, held, strict=True) if not test]
    return train, [file for file, test in zip(files, held, strict=True) if test], classes


def _classes(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and any(path.glob("*.png"))))


def _files(folder: Path, classes: tuple[str, ...]) -> Files:
    return [
        (path, label) for label, name in enumerate(classes) for path in sorted((folder / name).glob("*.png"))
    ]


def read_pngs(paths: list[Path], channels: int = 0) -> Bytes:
    """Read pictures of one size as (N, C, H, W): one channel if all are grey, else three; or as given."""
    opened = [_open(path) for path in paths]
    (width, height), first = opened[0].size, paths[0]
    for image, path in zip(opened, paths, strict=True):
        if image.size != (width, height):
            raise DataError(
                f"{path} is {image.height}x{image.width} pixels and {first} {height}x{width}; "
                "scale all to one size"
            )
    channels = channels or (1 if all(image.mode in GREY for image in opened) else 3)
    if len(paths) * channels * height * width > MAX_BYTES:
        raise DataError(f"{len(paths):,} pictures of {height}x{width} pixels are more than fits in memory")
    pixels = np.empty((len(paths), channels, height, width), np.uint8)
    for row, path in zip(pixels, paths, strict=True):
        row[:] = _pixels(path, channels)
    return pixels


def _open(path: Path) -> Any:
    """Open a picture, reading only its header."""
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtra("reading PNGs needs Pillow, which is", "png") from None
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is not a file")
        with Image.open(path, formats=["PNG"]) as image:
            if max(image.size) > LONGEST_SIDE:
                raise DataError(
                    f"{path} is {image.height}x{image.width} pixels; at most {LONGEST_SIDE} a side are read"
                )
            return image
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except DataError:
        raise
    except Exception as error:  # whatever Pillow raises for damaged bytes
        raise DataError(f"{path}: not a PNG picture ({error})") from None


def _pixels(path: Path, channels: int) -> Bytes:
    """Return the pixels of a picture, (C, H, W)."""
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            deep = image.mode.startswith("I")  # 16 bits a pixel
            picture = image.point(lambda value: value / 256).convert("L") if deep else image
            values: Bytes = np.asarray(picture.convert("L" if channels == 1 else "RGB"), np.uint8)
    except Exception as error:  # as above
        raise DataError(f"{path}: not a whole PNG picture ({error})") from None
    return values[None] if channels == 1 else values.transpose(2, 0, 1)
