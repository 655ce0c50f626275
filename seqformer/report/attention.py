"""The attention of a model to one input: data, tables and pictures from one object.

L layers, H heads, S source length, T target length, C channels.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console, RenderableType
from torch import Tensor

from seqformer.errors import SeqformerError, nearest
from seqformer.images.batches import Bytes
from seqformer.report import grid, heatmap, picture
from seqformer.report.heatmap import Heatmap, plain
from seqformer.report.picture import Panel
from seqformer.report.png import Picture
from seqformer.report.report import Report

MOST_ROWS = 200  # and columns of a table
KINDS = ("cross", "encoder", "decoder", "all")
Map = TypeVar("Map", Heatmap, Panel)


class Look(Report):
    """The attention of a model to one input, and its answer; tables show the last layer selected."""

    @abstractmethod
    def select(
        self, *, kind: str = "cross", layer: int | None = None, head: int | None = None, average: bool = False
    ) -> Look:
        """Return the same with some of its maps; layers and heads are counted from 1.

        ``average`` takes the mean over the heads.
        """

    @abstractmethod
    def picture(self, font: Path | None = None) -> Picture:
        """Return a picture of all maps selected, with the ``font`` of a file before any other."""

    def figure(self) -> Any:
        """Return all maps selected as a figure of matplotlib."""
        return self.picture().figure

    def save(self, path: str | Path, font: str | Path | None = None) -> list[str]:
        """Write the picture of all maps selected as a PNG, complete or not at all.

        ``font`` is a font file to draw with. Returns remarks: characters that no font has, and what was left
        out of a picture that would be too large.
        """
        drawn = self.picture(None if font is None else Path(font))
        drawn.save(Path(path))
        return drawn.remarks

    def notes(self) -> list[str]:
        """Return remarks on the tables."""
        return [self.title]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.title}>"


@dataclass(frozen=True, repr=False)
class Attention(Look):
    """The attention of one translation: a row for each query, a column for each key.

    ``cross`` rows are the pieces being produced; ``decoder`` rows and columns are the pieces fed in.
    """

    weights: dict[str, Tensor]  # kind -> (L, H, rows, columns); each row sums to 1
    source: list[str]  # S pieces, EOS last
    target_in: list[str]  # T pieces, BOS first
    target_out: list[str]  # T pieces, EOS last
    maps: tuple[Heatmap, ...] = ()

    @property
    def title(self) -> str:
        """The source and its translation."""
        return " → ".join(self._sides)

    @property
    def _sides(self) -> list[str]:
        return [" ".join(map(plain, pieces[:-1])) for pieces in (self.source, self.target_out)]

    def select(
        self, *, kind: str = "cross", layer: int | None = None, head: int | None = None, average: bool = False
    ) -> Attention:
        """Return the same with some of its maps: those of a kind, a layer, a head, or the mean of heads."""
        if kind not in KINDS:
            raise SeqformerError(f"there is no attention '{kind}': {nearest(kind, KINDS)}")
        if kind != "all" and kind not in self.weights:
            raise SeqformerError(f"this model has no {kind} attention; it has cross attention")
        labels = {
            "cross": (self.target_out, self.source),
            "encoder": (self.source, self.source),
            "decoder": (self.target_in, self.target_in),
        }
        maps = []
        for name in [k for k in labels if k in self.weights] if kind == "all" else [kind]:
            rows, columns = labels[name]
            for number, of_layer in enumerate(self.weights[name], 1):  # (H, rows, columns)
                heads = of_layer.mean(0, keepdim=True) if average else of_layer
                for index, matrix in enumerate(heads.tolist(), 1):
                    maps.append(Heatmap(name, number, 0 if average else index, matrix, rows, columns))
        return replace(self, maps=_chosen(maps, layer, head, average))

    def to_json(self) -> dict[str, Any]:
        """Return pieces and maps as plain JSON values."""
        maps = [
            {
                "kind": m.kind,
                "layer": m.layer,
                "head": m.head or None,
                "rows": m.rows,
                "columns": m.columns,
                "weights": m.weights,
            }
            for m in self._maps
        ]
        return {"source": self.source, "target": self.target_out, "maps": maps}

    def tables(self) -> list[RenderableType]:
        """Return a table of shaded cells for each map of the last layer of its kind."""
        last = {m.kind: m.layer for m in self._maps}
        shown = [m for m in self._maps if m.layer == last[m.kind]]
        if max(max(len(m.rows), len(m.columns)) for m in shown) > MOST_ROWS:
            size = f"{len(shown[0].rows):,} x {len(shown[0].columns):,}"
            return [f"{size} weights are too many for tables; a picture or JSON shows them"]
        return [heatmap.draw(m) for m in shown]

    def picture(self, font: Path | None = None) -> Picture:
        """Return a grid of all maps."""
        return grid.paint(self._maps, self._sides, font)

    @property
    def _maps(self) -> tuple[Heatmap, ...]:
        return self.maps or self.select().maps


def beside(looks: Sequence[Attention]) -> Attention:
    """Return the attention of several translations as one: each in its own rows and columns, zeros beside."""
    weights = {}
    for kind, first in looks[0].weights.items():
        maps = [look.weights[kind] for look in looks]
        rows, columns = (sum(m.shape[axis] for m in maps) for axis in (2, 3))
        weights[kind] = first.new_zeros(*first.shape[:2], rows, columns)  # (L, H, rows, columns)
        row = column = 0
        for m in maps:
            weights[kind][..., row : row + m.shape[2], column : column + m.shape[3]] = m
            row, column = row + m.shape[2], column + m.shape[3]
    source, target_in, target_out = (
        [piece for look in looks for piece in getattr(look, name)]
        for name in ("source", "target_in", "target_out")
    )
    return Attention(weights, source, target_in, target_out)


@dataclass(frozen=True, repr=False)
class ClassAttention(Look):
    """One image, the class that the model predicts, and the attention of the class token."""

    name: str  # of the image
    image: Bytes  # (C, height, width)
    classes: list[str]
    probabilities: list[float]  # one for each class; they sum to 1
    patches: Tensor  # (L, H, rows, columns): the attention of the class token to each patch …
    itself: Tensor  # (L, H): … and to itself; both together sum to 1
    label: int | None = None  # the number of the right class, if known
    maps: tuple[Panel, ...] = ()

    @property
    def title(self) -> str:
        """The image and the answer."""
        best = max(range(len(self.classes)), key=self.probabilities.__getitem__)
        taken = f"{self.classes[best]} ({self.probabilities[best]:.0%})"
        if self.label is None:
            return f"{self.name}: taken for {taken}"
        rightly = "rightly" if best == self.label else f"{self.classes[self.label]},"
        return f"{self.name}: {rightly} taken for {taken}"

    def select(
        self, *, kind: str = "cross", layer: int | None = None, head: int | None = None, average: bool = False
    ) -> ClassAttention:
        """Return the same with some of its maps; there is one kind of them."""
        patches, itself = self.patches.double(), self.itself.double()
        if average:
            patches, itself = patches.mean(1, keepdim=True), itself.mean(1, keepdim=True)
        maps = []
        for number, (of_layer, own) in enumerate(zip(patches, itself, strict=True), 1):
            for index, (weights, share) in enumerate(zip(of_layer, own, strict=True), 1):
                title = f"layer {number}, " + ("mean of heads" if average else f"head {index}")
                maps.append(Panel(title, weights.numpy(), float(share), number, 0 if average else index))
        return replace(self, maps=_chosen(maps, layer, head, average))

    def to_json(self) -> dict[str, Any]:
        """Return probabilities and maps as plain JSON values."""
        maps = [
            {
                "layer": p.layer,
                "head": p.head or None,
                "class_token": p.itself,
                "patches": None if p.weights is None else p.weights.tolist(),
            }
            for p in self._maps
        ]
        return {
            "label": None if self.label is None else self.classes[self.label],
            "probabilities": dict(zip(self.classes, self.probabilities, strict=True)),
            "maps": maps,
        }

    def tables(self) -> list[RenderableType]:
        """Return the image, and the attention of the heads of the last layer."""
        colour = Console().color_system is not None
        return [picture.draw(self.image, [Panel("image"), *self._last], colour)]

    def notes(self) -> list[str]:
        """Return remarks on the panels."""
        last = self._last
        return [
            f"What the class token looks at in layer {last[0].layer} "
            "(brightest patch: the share named above it).",
            "It looks at itself with " + ", ".join(f"{p.itself:.0%} ({p.title})" for p in last),
            self.title,
        ]

    def picture(self, font: Path | None = None) -> Picture:
        """Return a grid of all maps, the image first."""
        return picture.paint(self.image, self._maps, self.title, font)

    @property
    def _maps(self) -> tuple[Panel, ...]:
        return self.maps or self.select().maps

    @property
    def _last(self) -> list[Panel]:
        return [p for p in self._maps if p.layer == self._maps[-1].layer]


def _chosen(maps: Sequence[Map], layer: int | None, head: int | None, average: bool) -> tuple[Map, ...]:
    if head is not None and average:
        raise SeqformerError("one head and the average over heads exclude each other")
    for name, number, most in (
        ("layer", layer, max(m.layer for m in maps)),
        ("head", head, max(m.head for m in maps)),
    ):
        if number is not None and not 1 <= number <= most:
            raise SeqformerError(f"there is no {name} {number}: this model has {name}s 1 to {most}")
    return tuple(m for m in maps if layer in (None, m.layer) and head in (None, m.head))
