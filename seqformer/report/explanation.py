"""One sentence, or one image, on its way through a model: the paper's figure, box by box, with its numbers.

A box is what one step of the model computes (:mod:`seqformer.models.trace`), with its name in the words of
the field, its shape, its formula, and why it is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from rich.cells import set_cell_size
from rich.console import Group, RenderableType
from rich.text import Text
from torch import Tensor

from seqformer.console import counted, table
from seqformer.errors import SeqformerError, nearest
from seqformer.models.trace import Traced
from seqformer.report import heatmap
from seqformer.report.heatmap import Heatmap, plain
from seqformer.report.report import Report

BEST = 5  # pieces shown of a distribution
CELLS = 32  # of a strip; each is the mean of neighbouring values where there are more
SHOWN = 8  # values of a row that is opened
COLUMNS, FEW = 10, 4  # of a matrix, and rows of other boxes, in the figure
BARS = "▁▂▃▄▅▆▇█"

# name of a box -> its formula, and why it is there. A name may be told apart by the end of its part.
TOLD: dict[str, tuple[str, str]] = {
    "embedding": ("E[x]", "Each piece is a row of a matrix that is learned: alike pieces get alike rows."),
    "scaled embedding": (
        "E[x] · √D",
        "The same matrix makes the logits, so its rows are short; √D lifts them to the positions' size.",
    ),
    "positions": (
        "P[t, 2i] = sin(t / 10000^(2i/D)), P[t, 2i+1] = cos(…)",
        "Attention itself sees a set, not a sequence: without positions any order of the words is the same.",
    ),
    "input": (
        "E[x] · √D + P",
        "Added, not put beside: a width of D stays D, and the layers learn which directions mean what.",
    ),
    "query": ("Q = X Wq, viewed as H heads of K = D/H", "What each position asks for, in each head."),
    "key": ("K = X Wk, viewed as H heads", "What each position offers to be found by."),
    "value": ("V = X Wv, viewed as H heads", "What each position hands over where it is found."),
    "decoder self-attention key": (
        "K = X Wk, viewed as H heads",
        "Step by step only the newest row is computed; those before it are kept in a cache …",
    ),
    "decoder self-attention value": ("V = X Wv, viewed as H heads", "… as are those of the values."),
    "cross-attention query": ("Q = X Wq", "Queries come from the target so far …"),
    "cross-attention key": ("K = M Wk, M the memory", "… keys from the source, once for all steps …"),
    "cross-attention value": ("V = M Wv, M the memory", "… and so do values: what is said of the source."),
    "scores": (
        "Q Kᵀ / √K",
        "A product of K random numbers has variance K; the root keeps it at 1, where softmax still learns.",
    ),
    "mask": ("row t sees columns 1 … t", "The future is hidden, so all positions can be trained at once."),
    "weights": ("softmax(scores), 0 where hidden", "How much each position is looked at; a row sums to 1."),
    "heads": ("weights · V", "Each head's answer: a mean of values, by its own weights."),
    "joined heads": ("[head 1; …; head H] Wo", "Heads stand side by side again, and Wo mixes them."),
    "residual": ("x + sublayer(x)", "What was known stays; a layer only adds, and gradients pass."),
    "norm": (
        "(x - mean) / √(variance + ε) · γ + β",
        "Each position is brought to one scale: after the sum in the paper (post-norm), before each sublayer "
        "in pre-norm.",
    ),
    "inner": ("max(0, x W1 + b1)", "Each position for itself, in a wider space, with a bend."),
    "outer": ("inner · W2 + b2", "And back to width D."),
    "memory": ("encoder output", "The whole source as the decoder sees it, read anew at every step."),
    "logits": ("x Eᵀ", "A score for each piece of the vocabulary, by the embeddings themselves if tied."),
    "probabilities": ("softmax(logits)", "What comes next; the search takes it from here."),
    # the recurrent model
    "states": ("h = GRU(x, h before)", "One state after each word: what was read so far."),
    "first state": ("tanh(W h)", "The decoder begins with what the encoder has at its end."),
    "attention key": ("Wk h", "Each encoder state, projected once, to be compared with."),
    "attention query": ("Wq s", "The decoder's state before this word asks …"),
    "attention scores": ("vᵀ tanh(Wq s + Wk h)", "… and a small layer says how well each source word fits."),
    "attention weights": ("softmax(scores)", "The alignment: how much each source word is looked at."),
    "context": ("Σ weight · h", "The mean of encoder states by these weights …"),
    "decoder state": ("s = GRU([context; E[y]], s)", "… enters the decoder with the word before."),
    # the Vision Transformer
    "patches": ("N pixels each, cut side by side", "An image becomes a sequence, as a text does."),
    "image embedding": ("x E", "One matrix for all patches, as a convolution with wide strides."),
    "with class token": ("[class; patches]", "One more, learned, that collects what the class needs."),
    "image positions": ("P, learned", "Where each patch lies, else the image is a set of patches."),
    "image input": ("[class; x E] + P", "What the first block reads."),
    "class token": ("LayerNorm(z₀)", "Only the class token is read: by now it has looked at all patches."),
}  # fmt: skip


@dataclass(frozen=True)
class Box:
    """One step of a model, on one input."""

    part: str  # such as "encoder 2, self-attention"
    name: str
    values: Tensor
    axes: tuple[str, ...]  # what rows and columns are, the last the innermost
    formula: str
    why: str

    @property
    def layer(self) -> int:
        """The layer it is of, from 1; 0 for none."""
        word = self.part.split(",")[0].rpartition(" ")[2]
        return int(word) if word.isdecimal() else 0

    @property
    def shape(self) -> str:
        """The shape, with the letters of the field."""
        letters = {"source": "S", "target": "T", "head": "H", "token": "1+P", "patch": "P", "layer": "L"}
        names = [letters.get(axis, axis) for axis in self.axes]
        return f"({', '.join(names)}) = " + " × ".join(map(str, self.values.shape))

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        values = self.values.int() if self.values.dtype == torch.bool else self.values.float()
        return {
            "part": self.part, "name": self.name, "shape": list(values.shape), "axes": list(self.axes),
            "formula": self.formula, "why": self.why, "values": values.tolist(),
        }  # fmt: skip


@dataclass(frozen=True)
class Beam:
    """The hypotheses after one step of the search, best first, as pieces; and those that ended at it."""

    alive: list[tuple[list[str], float]]  # pieces, log-probability in nats
    ended: list[tuple[list[str], float]]  # … and their score


@dataclass(frozen=True)
class Explanation(Report):
    """All boxes of one input, in order."""

    given: str
    answer: str
    text: str  # normalised
    pieces: dict[str, list[str]]  # axis -> what its rows are
    ids: list[int]  # of the source pieces
    boxes: list[Box]
    beams: list[Beam] = field(default_factory=list)
    vocabulary: list[str] = field(default_factory=list)  # of what is answered: pieces, or classes
    remarks: list[str] = field(default_factory=list)
    layer: int = 1  # that is shown
    head: int | None = None
    step: int | None = None
    opened: str = ""  # the box that is shown alone

    @property
    def title(self) -> str:
        """The input and the answer."""
        return f"{self.given} → {self.answer}"

    def select(
        self, *, box: str = "", layer: int | None = None, head: int | None = None, step: int | None = None
    ) -> Explanation:
        """Return the same with one box open, or with another layer, one head, one step of the decoder.

        All are counted from 1. Raises :class:`SeqformerError` for what is not there.
        """
        names = list(dict.fromkeys(each.name for each in self.boxes))
        if box and box not in names:
            raise SeqformerError(f"there is no box '{box}': {nearest(box, names)}")
        layers = max(each.layer for each in self.boxes)
        heads = max((len(b.values) for b in self.boxes if b.axes[0] == "head"), default=0)
        steps = len(self.pieces.get("target", []))
        for name, number, most in (("layer", layer, layers), ("head", head, heads), ("step", step, steps)):
            if number is not None and not 1 <= number <= most:
                there = f"this model has {counted(most, name)}" if most else f"this model has no {name}"
                raise SeqformerError(f"there is no {name} {number}: {there}")
        return replace(self, opened=box, layer=layer or self.layer, head=head, step=step)

    def to_json(self) -> dict[str, Any]:
        """Return all boxes, and the search, as plain JSON values."""
        return {
            "given": self.given, "normalised": self.text, "pieces": self.pieces, "ids": self.ids,
            "answer": self.answer,
            "boxes": [each.to_json() for each in self.boxes],
            "beams": [{"alive": each.alive, "ended": each.ended} for each in self.beams],
        }  # fmt: skip

    def tables(self) -> list[RenderableType]:
        """Return the figure from top to bottom, or the box that is open."""
        if self.opened:
            return [
                self._open(each) for each in self.boxes if each.name == self.opened and self._chosen(each)
            ]
        return list(self._figure())

    def notes(self) -> list[str]:
        """Return remarks on what is shown."""
        return self.remarks

    def _chosen(self, each: Box) -> bool:
        return not each.layer or each.layer == self.layer

    def _figure(self) -> Iterator[RenderableType]:
        yield self._start()
        part, left_out = "", 0
        for each in self.boxes:
            if not self._chosen(each):
                left_out += 1
                continue
            if each.part != part:
                part = each.part
                yield Text(f"\n{part}", style="bold underline")
            yield self._overview(each)
        if left_out:
            others = ", ".join(str(n) for n in sorted({b.layer for b in self.boxes} - {0, self.layer}))
            yield Text(f"\nOther layers are alike: --layer {others}.", style="dim")
        if self.beams:
            yield self._search()

    def _start(self) -> RenderableType:
        rows = table("The input", "", "")
        rows.columns[1].justify = "left"
        rows.add_row("given", self.given)
        if self.text != self.given:
            rows.add_row("normalised", self.text)
        for axis, pieces in self.pieces.items():
            if axis in ("source", "target"):
                rows.add_row({"source": "source pieces", "target": "target, shifted"}[axis], " ".join(pieces))
        if self.ids:
            rows.add_row("ids", " ".join(map(str, self.ids)))
        return rows

    def _labels(self, axis: str, count: int) -> list[str]:
        known = self.pieces.get(axis)
        return [plain(p) for p in known] if known else [f"{axis} {n}" for n in range(1, count + 1)]

    def _overview(self, each: Box) -> RenderableType:
        head = Text.assemble((each.name, "bold"), f"   {each.formula}   ", (each.shape, "dim"))
        why = Text(f"  {each.why}", style="italic")
        values = each.values
        if each.name == "probabilities":
            return Group(head, why, *self._best(values))
        if each.axes[-1] == "V":
            return Group(head, why)
        if each.axes[0] == "head":
            values, note = (values[(self.head or 1) - 1], f"  head {self.head or 1}")
            why.append(note, style="dim")
        if each.axes[-1] in self.pieces:
            return Group(head, why, *self._matrix(values, each))
        return Group(head, why, *self._strips(values, each.axes[-2]))

    def _rows(self, values: Tensor, axis: str) -> Iterator[tuple[str, Tensor]]:
        labels = self._labels(axis, len(values))
        for number, (label, row) in enumerate(zip(labels, values, strict=True), 1):
            if axis != "target" or self.step in (None, number):
                yield label, row

    def _matrix(self, values: Tensor, each: Box) -> Iterator[Text]:
        """Yield a line of numbers for each row, under the names of the columns."""
        columns = self._labels(each.axes[-1], values.shape[-1])
        more = " …" if len(columns) > COLUMNS else ""
        yield Text(
            " " * 16 + "".join(f" {set_cell_size(name, 5)}" for name in columns[:COLUMNS]) + more, "dim"
        )
        for label, row in self._rows(values, each.axes[-2]):
            cells = (f"{v:5.0f}" if each.name == "mask" else f"{v:5.2f}" for v in row[:COLUMNS].tolist())
            yield Text(f"  {set_cell_size(label, 13)} " + "".join(f" {cell}" for cell in cells) + more)

    def _strips(self, values: Tensor, axis: str) -> Iterator[Text]:
        """Yield a line of bars for each row, or the first few: the higher the larger the value."""
        low, high = float(values.min()), float(values.max())
        rows = list(self._rows(values, axis))
        for label, row in rows[:FEW]:
            line = Text(f"  {set_cell_size(label, 13)}  ")
            means = [float(part.mean()) for part in row.tensor_split(min(CELLS, len(row)))]
            scale = (len(BARS) - 1) / ((high - low) or 1)
            line.append("".join(BARS[min(int((m - low) * scale), len(BARS) - 1)] for m in means))
            line.append("  " + " ".join(f"{v:.2f}" for v in row[:2].tolist()) + " …", style="dim")
            yield line
        if len(rows) > FEW:
            yield Text(f"  … {counted(len(rows) - FEW, 'more row')}", style="dim")

    def _best(self, values: Tensor) -> Iterator[Text]:
        for label, row in self._rows(values, "target" if "target" in self.pieces else "class token"):
            chances, ids = row.topk(min(BEST, len(row)))
            shown = "  ".join(
                f"{plain(self.vocabulary[i])} {p:.0%}"
                for p, i in zip(chances.tolist(), ids.tolist(), strict=True)
            )
            yield Text(f"  {set_cell_size(label, 13)} → {shown}")

    def _open(self, each: Box) -> RenderableType:
        """Return one box with all its heads, or the chosen one, and more of its numbers."""
        shown: list[RenderableType] = [
            Text(f"{each.part}: {each.name}", style="bold"), Text(f"{each.formula}   {each.shape}"),
            Text(each.why, style="italic"),
        ]  # fmt: skip
        heads = [(0, each.values)]
        if each.axes[0] == "head":
            heads = [(n, v) for n, v in enumerate(each.values, 1) if self.head in (None, n)]
        for number, values in heads:
            if each.name == "probabilities":
                shown += self._best(values)
            elif each.name == "weights":
                rows = list(self._rows(values, each.axes[-2]))
                maps = Heatmap(
                    each.part, each.layer, number, [row.tolist() for _, row in rows],
                    [label for label, _ in rows], self._labels(each.axes[-1], values.shape[-1]),
                )  # fmt: skip
                shown.append(heatmap.draw(maps))
            else:
                shown.append(self._numbers(each, number, values))
        return Group(*shown, "")

    def _numbers(self, each: Box, head: int, values: Tensor) -> RenderableType:
        width = values.shape[-1]
        known = each.axes[-1] in self.pieces
        columns = self._labels(each.axes[-1], width) if known else [str(n) for n in range(1, width + 1)]
        rows = table(f"head {head}" if head else "", "", *columns[:SHOWN], *(["…"] if width > SHOWN else []))
        for label, row in self._rows(values, each.axes[-2]):
            few = [f"{float(v):.3f}" for v in row[:SHOWN]]
            rows.add_row(label, *few, *(["…"] if width > SHOWN else []))
        return rows

    def _search(self) -> RenderableType:
        rows = table("The search, step by step", "step", "log-probability", "hypothesis")
        rows.columns[2].justify = "left"
        for number, beam in enumerate(self.beams, 1):
            if self.step not in (None, number):
                continue
            for pieces, score in beam.alive:
                rows.add_row(str(number), f"{score:.2f}", " ".join(map(plain, pieces)))
            for pieces, score in beam.ended:
                rows.add_row(str(number), f"{score:.2f}", " ".join(map(plain, pieces)) + "   ends: its score")
        return rows


def explained(traced: Sequence[Traced], config: Any) -> list[Box]:
    """Return the boxes of what :func:`seqformer.models.trace.trace` returns, of a model of this shape."""
    otherwise = _formulas(config)
    made = []
    for each in traced:
        stack, kind = each.part.split()[0], each.part.rpartition(", ")[2]
        keys = (f"{stack} {kind} {each.name}", f"{kind} {each.name}", each.name)
        formula, why = next(TOLD[key] for key in keys if key in TOLD)
        formula = otherwise.get(each.name, formula)
        made.append(Box(each.part, each.name, each.values.float().cpu(), each.axes, formula, why))
    return made


def _formulas(config: Any) -> dict[str, str]:
    """Return the formulas that are otherwise in a model of this shape than in the paper."""
    formulas = {}
    activation = getattr(config, "activation", "relu")
    if activation != "relu":
        formulas["inner"] = f"{activation}(x W1 + b1)"
    positions = getattr(config, "positions", "sinusoidal")
    if positions != "sinusoidal":
        formulas["positions"] = {"learned": "P[t], learned", "none": "none"}.get(
            positions, "sines in the first half, cosines in the second"
        )
    if not getattr(config, "tie_output", False):
        formulas["logits"] = "x W + b" if getattr(config, "output_bias", True) else "x W"
    elif config.output_bias:
        formulas["logits"] = "x Eᵀ + b"
    return formulas
