"""The attention of a model to one input: data, tables and pictures from one object.

L layers, H heads, S source length, T target length, C channels.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console, RenderableType
from torch import Tensor

from seqformer.errors import SeqformerError, nearest
from seqformer.images.batches import Bytes
from seqformer.models.merging import merge
from seqformer.report import grid, heatmap, picture
from seqformer.report.drawing import Picture
from seqformer.report.heatmap import NAMES, START, Heatmap
from seqformer.report.medium import SCREEN, Medium, medium
from seqformer.report.picture import Panel
from seqformer.report.report import Report
from seqformer.storage.files import cannot_write

MOST_ROWS = 200  # and columns of a table
KINDS = ("cross", "encoder", "decoder", "all")
# kind -> the sides that are its rows and its columns
SIDES = {
    "cross": ("target_out", "source"),
    "encoder": ("source", "source"),
    "decoder": ("target_in", "target_in"),
}
_BYTES = re.compile("(?:<0x[0-9A-F]{2}>)+")
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
    def picture(self, font: Path | None = None, made_for: Medium = SCREEN) -> Picture:
        """Return a picture of all maps selected, with the ``font`` of a file before any other."""

    @abstractmethod
    def kinds(self) -> dict[str, Look]:
        """Return all maps of each kind, under a name for a file."""

    def figure(self) -> Any:
        """Return all maps selected as a figure of matplotlib."""
        return self.picture().figure

    def save(
        self, path: str | Path, font: str | Path | None = None, made_for: str = SCREEN.name
    ) -> list[str]:
        """Write the picture of all maps selected, complete or not at all, as PNG, SVG or PDF by its name.

        ``font`` is a font file to draw with; ``made_for`` is slide, paper or screen. Returns remarks:
        characters that no font has, and labels that had to be left out. Raises :class:`SeqformerError`.
        """
        drawn = self.picture(None if font is None else Path(font), medium(made_for))
        drawn.save(Path(path))
        return drawn.remarks

    def save_all(
        self, folder: str | Path, font: str | Path | None = None, made_for: str = SCREEN.name
    ) -> dict[Path, list[str]]:
        """Write a picture of all heads for each kind of attention into a folder, made if need be.

        The format is what such readers open most easily: SVG for a screen, PDF for a paper, PNG for slides.
        Returns the files with the remarks on each, as :meth:`save` does.
        """
        suffix = medium(made_for).suffix
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(Path(folder), error) from None
        return {
            (path := Path(folder) / f"{name}{suffix}"): look.save(path, font, made_for)
            for name, look in self.kinds().items()
        }

    def notes(self) -> list[str]:
        """Return remarks on the tables."""
        return [self.title]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.title}>"


@dataclass(frozen=True, repr=False)
class Attention(Look):
    """The attention of one translation: a row for each query, a column for each key.

    ``cross`` rows are the pieces being produced; ``decoder`` rows and columns are the pieces fed in.
    ``text`` and ``translation`` are the sentences as people write them.
    """

    weights: dict[str, Tensor]  # kind -> (L, H, rows, columns); each row sums to 1
    source: list[str]  # S pieces, EOS last
    target_in: list[str]  # T pieces, BOS first
    target_out: list[str]  # T pieces, EOS last
    maps: tuple[Heatmap, ...] = ()
    text: str = ""
    translation: str = ""

    @property
    def title(self) -> str:
        """The sentence and its translation."""
        return f"{self.text} → {self.translation}"

    def by_words(self) -> Attention:
        """Return the same by words: the rows of a word's pieces averaged, their columns summed.

        Words are what stands between spaces as the model reads and writes it, without the punctuation around
        them; symbols such as </s> stay.
        This is how weights of pieces become those of words in Clark et al. (2019, section 4.1).
        """
        sides = {name: getattr(self, name) for name in ("source", "target_in", "target_out")}
        words = {name: _words(pieces) for name, pieces in sides.items()}
        merged = {
            name: [_spelled([p for p, w in zip(pieces, words[name], strict=True) if w.start == word])
                   for word in range(words[name][-1].stop)]
            for name, pieces in sides.items()
        }  # fmt: skip
        weights = {}
        for kind, of_kind in self.weights.items():
            rows, columns = SIDES[kind]
            count = len(merged[rows]), len(merged[columns])
            weights[kind] = merge(of_kind, words[rows], words[columns], count)
        pieces = merged["source"], merged["target_in"], merged["target_out"]
        return Attention(weights, *pieces, text=self.text, translation=self.translation)

    def select(
        self, *, kind: str = "cross", layer: int | None = None, head: int | None = None, average: bool = False
    ) -> Attention:
        """Return the same with some of its maps: those of a kind, a layer, a head, or the mean of heads."""
        if kind not in KINDS:
            raise SeqformerError(f"there is no attention '{kind}': {nearest(kind, KINDS)}")
        if kind != "all" and kind not in self.weights:
            raise SeqformerError(f"this model has no {kind} attention; it has cross attention")
        maps = []
        for name in [k for k in SIDES if k in self.weights] if kind == "all" else [kind]:
            rows, columns = (getattr(self, side) for side in SIDES[name])
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

    def picture(self, font: Path | None = None, made_for: Medium = SCREEN) -> Picture:
        """Return a grid of all maps."""
        return grid.paint(grid.blocks(self._maps), [self.text, self.translation], font, made_for)

    def kinds(self) -> dict[str, Look]:
        """Return all maps of each kind that the model has."""
        return {kind: self.select(kind=kind) for kind in SIDES if kind in self.weights}

    @property
    def _maps(self) -> tuple[Heatmap, ...]:
        return self.maps or self.select().maps


def _words(pieces: Sequence[str]) -> list[range]:
    """Return for each piece the word that it is of, from 0.

    Words are set apart by ▁; a symbol is a word of its own, and so is punctuation at an end of a word.
    """
    starts = [
        at
        for at, piece in enumerate(pieces)
        if at == 0 or piece.startswith(START) or piece in NAMES or pieces[at - 1] in NAMES
    ]
    words, number = [], -1
    for begin, end in pairwise([*starts, len(pieces)]):
        letters = [at for at in range(begin, end) if any(map(str.isalnum, pieces[at]))]
        for at in range(begin, end):
            number += at == begin or (bool(letters) and at in (letters[0], letters[-1] + 1))
            words.append(range(number, number + 1))
    return words


def _spelled(pieces: Sequence[str]) -> str:
    """Return what the pieces of a word spell, bytes as the characters that they make."""
    spelled = "".join(pieces).removeprefix(START)
    return _BYTES.sub(
        lambda match: bytes.fromhex(re.sub("<0x|>", "", match[0])).decode("utf-8", "replace"), spelled
    )


def beside(looks: Sequence[Attention], text: str, translation: str) -> Attention:
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
    return Attention(weights, source, target_in, target_out, text=text, translation=translation)


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

    def picture(self, font: Path | None = None, made_for: Medium = SCREEN) -> Picture:
        """Return a grid of all maps, the image first."""
        return picture.paint(self.image, self._maps, self.title, font, made_for)

    def kinds(self) -> dict[str, Look]:
        """Return all maps: of the class token."""
        return {"class-token": self.select()}

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
