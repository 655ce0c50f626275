"""An image, and over it the attention to it: in half-block cells for a terminal, and as a PNG.

C channels, H height, W width; a panel's weights are a grid of patches that covers the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.columns import Columns
from rich.console import Group
from rich.text import Text

from seqformer.console import cut, visible
from seqformer.report.png import Picture

WIDEST = 25  # cells of a panel; three fit side by side in 80 columns
TITLE = 120  # cells of a picture's title, at most
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
    image: npt.NDArray[np.uint8], panels: Sequence[Panel], title: str, font: Path | None = None
) -> Picture:
    """Return a picture: a row for each layer, the image first and then a column for each head."""
    title = cut(visible(title), TITLE)
    layers, heads = sorted({p.layer for p in panels}), sorted({p.head for p in panels})
    drawn = Picture(2.0 * (len(heads) + 1) + 0.9, 2.2 * len(layers) + 0.7, [title], font)
    with drawn.style():
        _paint(drawn.figure, image, panels, title)
    return drawn


def _paint(figure: Any, image: npt.NDArray[np.uint8], panels: Sequence[Panel], title: str) -> None:
    layers = sorted({p.layer for p in panels})
    heads = sorted({p.head for p in panels})
    grid = figure.subplots(len(layers), len(heads) + 1, squeeze=False)
    most = max(float(p.weights.max()) for p in panels if p.weights is not None)
    colours = np.asarray(image).transpose(1, 2, 0)
    picture = colours if colours.shape[-1] == 3 else colours.mean(-1)
    height, width = picture.shape[:2]
    extent = (0, width, height, 0)
    for row in grid:
        _show(row[0], picture, extent, "image")
        for axes in row[1:]:
            axes.axis("off")
    shown: Any = None
    for p in panels:
        assert p.weights is not None
        axes = grid[layers.index(p.layer)][1 + heads.index(p.head)]
        axes.axis("on")
        _show(axes, picture, extent, f"{p.title}\n{p.itself:.0%} to itself")
        shown = axes.imshow(p.weights, cmap="inferno", vmin=0, vmax=most, alpha=0.65, extent=extent)
    figure.suptitle(title, fontsize=11)
    figure.colorbar(shown, ax=grid, fraction=0.02, label="weight of a patch")


def _show(axes: Any, picture: Any, extent: tuple[int, int, int, int], title: str) -> None:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=9)
