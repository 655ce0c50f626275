"""Writes the safetensors format, a tensor at a time.

The library's own writer puts a file of random name beside the one it is asked for, and leaves it there
when the process is killed; its other one holds the whole file in memory twice. Reading is the library's.

    8 bytes            length of the header, little-endian
    header             JSON: name -> dtype, shape, where its bytes begin and end; padded with spaces
    tensors            row by row, little-endian, the widest dtypes first so that all are aligned
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

_DTYPES = {torch.float32: "F32", torch.uint8: "U8"}  # weights and averages; states of generators
_ALIGNED = 8  # bytes


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """The tensors by name, and the metadata, as the file ``path``; OSError where it cannot be written."""
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
