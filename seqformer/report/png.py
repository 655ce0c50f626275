"""Figures of matplotlib, an optional extra, without a window; files are complete or absent."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from seqformer.errors import MissingExtra, SeqformerError
from seqformer.storage.files import write_whole

DPI = 130


def check(path: Path) -> None:
    """Check that a picture can be made and written to ``path``, before any work is done for it."""
    if path.suffix.lower() != ".png":
        raise SeqformerError(f"{path}: the name of a picture must end in .png")
    if not path.absolute().parent.is_dir():
        raise SeqformerError(f"{path}: the folder {path.parent} does not exist")
    new_figure()


def new_figure(width: float = 1.0, height: float = 1.0) -> Any:
    """Return an empty figure, in inches. Raises :class:`MissingExtra`."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("pictures need matplotlib, which is", "png") from None
    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Any, path: Path) -> None:
    """Write a figure, complete or not at all."""
    check(path)
    write_whole(path, lambda beside: figure.savefig(beside, format="png", dpi=DPI))


def to_bytes(figure: Any) -> bytes:
    """Return a figure as the bytes of a PNG, for notebooks."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()
