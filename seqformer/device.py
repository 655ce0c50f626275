"""The device and the precision that a model computes in."""

from __future__ import annotations

import torch

from seqformer.config import PRECISIONS
from seqformer.errors import SeqformerError, nearest

DEVICES = ("auto", "cpu", "cuda")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def choose_device(name: str) -> torch.device:
    """Return the device; ``auto`` takes an NVIDIA GPU if there is one."""
    if name not in DEVICES:
        raise SeqformerError(f"there is no device '{name}': {nearest(name, DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise SeqformerError("device cuda: torch finds no NVIDIA GPU here; use cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def choose_precision(name: str, device: torch.device) -> str:
    """Return the precision; ``auto`` takes bf16 if the hardware supports it, else fp32."""
    if name not in PRECISIONS:
        raise SeqformerError(f"precision '{name}' is not known: {nearest(name, PRECISIONS)}")
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    able = torch.cpu.get_capabilities()
    return "bf16" if able.get("amx_bf16") or able.get("avx512_bf16") else "fp32"
