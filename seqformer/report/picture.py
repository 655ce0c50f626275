"""An image and the attention to its patches: in half-block cells for a terminal, and as a picture.

C channels, H height, W width; a panel's weights are a grid of patches that covers the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.columns import Columns
from rich.console import Group
from rich.text import Text

from seqformer.report import grid
from seqformer.report.drawing import Picture
from seqformer.report.grid import Block, Map
from seqformer.report.medium import SCREEN, Medium

WIDEST = 25  # cells of a panel; three fit side by side in 80 columns
SHADES = " ░▒▓█"  # for terminals without colours
GLOW = np.array([255.0, 140.0, 0.0])  # the colour of attention
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """One head's attention to an image, or without weights the image itself."""

    title: str
    weights: Floats | None = None  # (rows, columns)
    itself: float = 0.0  # the attention of the class token to itself
    layer: int = 0  # from 1
    head: int = 0  # from 1; 0 for the mean over heads

    @property
    def caption(self) -> str:
        """The title and the weight of the brightest patch."""
        return self.title if self.weights is None else f"{self.title}, to {self.weights.max():.0%}"


def draw(image: npt.NDArray[np.uint8], panels: Sequence[Panel], colour: bool) -> Columns:
    """Draw panels side by side in 80 columns; image (C, H, W). Each is scaled to its largest weight."""
    picture = np.asarray(image, np.float64).mean(0) / 255  # (H, W), grey
    return Columns(
        [Group(Text(p.caption[:WIDEST]), _panel(picture, p, colour), "") for p in panels], padding=(0, 1)
    )


def _panel(picture: Floats, panel: Panel, colour: bool) -> Text:
    height, width = picture.shape
    columns = min(width, WIDEST)
    rows = max(2, round(height * columns / width / 2) * 2)  # a cell shows two, one above the other
    grey = sample(picture, rows, columns)
    light = np.zeros_like(grey) if panel.weights is None else _scaled(sample(panel.weights, rows, columns))
    if not colour:
        return _shaded(grey if panel.weights is None else light)
    shown = np.repeat(grey[..., None] * 255, 3, -1)  # (rows, columns, red green blue)
    if panel.weights is not None:
        shown = (1 - 0.75 * light[..., None]) * shown * 0.7 + 0.75 * light[..., None] * GLOW
    return _half_blocks(shown.round().astype(int))


def sample(values: Floats, rows: int, columns: int) -> Floats:
    """Return the nearest value of a grid at the middle of each of rows x columns cells."""
    down = ((np.arange(rows) + 0.5) * values.shape[0] / rows).astype(int)
    across = ((np.arange(columns) + 0.5) * values.shape[1] / columns).astype(int)
    sampled: Floats = values[down][:, across]
    return sampled


def _scaled(weights: Floats) -> Floats:
    scaled: Floats = weights / max(float(weights.max()), 1e-12)
    return scaled


def _half_blocks(pixels: npt.NDArray[np.int64]) -> Text:
    """Draw pixels (rows, columns, 3), of each two the upper as ▀ and the lower as its background."""
    drawn = Text(no_wrap=True)
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        for ink, ground in zip(upper.tolist(), lower.tolist(), strict=True):
            drawn.append(
                "▀", style=f"rgb({ink[0]},{ink[1]},{ink[2]}) on rgb({ground[0]},{ground[1]},{ground[2]})"
            )
        drawn.append("\n")
    return drawn


def _shaded(values: Floats) -> Text:
    cells = (values[::2] + values[1::2]) / 2
    levels = np.minimum((cells * len(SHADES)).astype(int), len(SHADES) - 1)
    return Text("\n".join("".join(SHADES[level] for level in row) for row in levels.tolist()), no_wrap=True)


def paint(
    image: npt.NDArray[np.uint8],
    panels: Sequence[Panel],
    title: str,
    font: Path | None = None,
    medium: Medium = SCREEN,
) -> Picture:
    """Return a picture: the image (C, H, W) once, with its patches, and beside it a map for each head.

    The image's edges are drawn over the maps; their colours are those of the scale.
    """
    colours = np.asarray(image).transpose(1, 2, 0)
    grey = colours.mean(-1)
    weights = [p.weights for p in panels if p.weights is not None]
    down, across = weights[0].shape
    pixels = colours if colours.shape[-1] == 3 else grey
    heads = len({p.head for p in panels})
    maps = [
        Map(f"{p.title}: {p.itself:.0%}", f"{p.layer}.{p.head or 'mean'}: {p.itself:.0%}", p.weights)
        for p in panels
    ]
    drawn = [
        Block("image", [Map("", "", pixels)], (down, across), 1, is_image=True),
        Block(
            "attention of the class token to each patch; %: to itself",
            maps,
            (down, across),
            heads if heads > 1 else len(maps),
            outline=grey,
        ),
    ]
    most = max(float(w.max()) for w in weights)
    return grid.paint(drawn, [title], font, medium, (most, "weight of a patch"))
