"""Tensors by name in safetensors files: read by the library, written a tensor at a time.

The library's own writer first makes a file of random name beside the wanted one, and leaves it there
when the process is killed; its other writer holds the file in memory twice.

    8 bytes            length of the header, little-endian
    header             JSON: name -> dtype, shape, where its bytes begin and end; padded with spaces
    tensors            row by row, little-endian, the widest dtypes first so that all are aligned
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from seqformer.errors import DamagedError
from seqformer.storage.files import write_whole

OURS, ANY = ("F32",), ("F32", "F16", "BF16")  # types of weights in a file: of runs, of any program
MOST_HEADER = 16 << 20  # bytes
Shapes = Mapping[str, tuple[int, ...]]
_DTYPES = {torch.float32: "F32", torch.uint8: "U8"}  # weights and averages; states of generators
_ALIGNED = 8  # bytes


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write the tensors by name, and the metadata, as the file ``path``; OSError if that fails."""
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    end = 0
    for name in order:
        tensor = tensors[name]
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNED)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            file.write(tensors[name].detach().cpu().contiguous().numpy().data)


def save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Write weights by name, complete or not at all."""
    write_whole(path, lambda beside: write_tensors(beside, weights, {}))


def load_weights(path: Path, kinds: tuple[str, ...] = OURS) -> dict[str, Tensor]:
    """Return weights that :func:`save_weights`, or another program, wrote in one of these types, as fp32."""
    return read_tensors(path, kinds)[0]


def read_tensors(path: Path, kinds: tuple[str, ...] = OURS) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return all tensors, finite and as fp32 (those of ``rng/…`` as bytes), and the metadata."""
    with _open(path) as file:
        return {name: _tensor(file, name, path, kinds) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata alone."""
    with _open(path) as file:
        return file.metadata() or {}


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor, before memory is allocated for it."""
    with _open(path) as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def check_shapes(path: Path, expected: Shapes, *, prefix: str = "") -> None:
    """Refuse a file whose tensors differ in name or shape from those of a model.

    Tensors whose names do not begin with ``prefix`` are ignored.
    """
    held = {name.removeprefix(prefix): s for name, s in read_shapes(path).items() if name.startswith(prefix)}
    for name in sorted(set(expected) ^ set(held)):
        raise DamagedError(f"{path}: the weights {name!r} are {'missing' if name in expected else 'unknown'}")
    for name, shape in expected.items():
        if held[name] != shape:
            shapes = f"{list(held[name])}, expected {list(shape)}"
            raise DamagedError(f"{path}: the weights {name!r} have the shape {shapes}")


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Any]:
    """Open a file and read its list of tensors, which must not be larger than ``MOST_HEADER``."""
    try:
        if not path.is_file():
            raise DamagedError(f"{path}: there is no such file")
        with open(path, "rb") as raw:
            header = int.from_bytes(raw.read(8), "little")
        if header > MOST_HEADER:
            raise DamagedError(
                f"{path}: not a whole safetensors file: its header would be {header:,} bytes long"
            )
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, ValueError) as error:
        raise DamagedError(f"{path}: not a whole safetensors file ({error})") from None


def _tensor(file: Any, name: str, path: Path, kinds: tuple[str, ...]) -> Tensor:
    kind, expected = file.get_slice(name).get_dtype(), ("U8",) if name.startswith("rng/") else kinds
    if kind not in expected:
        raise DamagedError(f"{path}: {name!r} is of the type {kind}, expected {' or '.join(expected)}")
    tensor: Tensor = file.get_tensor(name)
    if kind == "U8":
        return tensor
    if not tensor.isfinite().all():
        raise DamagedError(f"{path}: {name!r} holds numbers that are not finite")
    return tensor.float()
