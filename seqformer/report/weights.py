"""Where the parameters of a model are: counted by part, shared matrices once."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import RenderableType
from torch import nn

from seqformer.console import counted, table
from seqformer.models.seq2seq import Seq2Seq
from seqformer.report.panels import Bars, Figure, Panel

# a word in the name of a parameter -> the part that it is of
PARTS = {
    "source_embedding": "source embedding", "target_embedding": "target embedding", "positions": "positions",
    "attention": "self-attention", "cross": "cross-attention", "attend": "attention",
    "feed_forward": "feed-forward", "norm": "norms", "encoder_norm": "last norm", "decoder_norm": "last norm",
    "units": "GRU", "bridge": "first decoder state", "output": "output layer", "output_bias": "output bias",
    "patches": "patch embedding", "class_token": "class token", "head": "output layer",
}  # fmt: skip
STACKS, OF_DECODER = ("encoder", "decoder"), ("units", "attend")  # the latter of a GRU model
SHARED = "shared embedding"


@dataclass(frozen=True)
class Part:
    """The parameters of one kind in one stack, or outside both."""

    name: str
    layers: int  # blocks that have such a part, all of one size; 0 outside of blocks
    parameters: int  # of all layers


@dataclass(frozen=True)
class Weights(Figure):
    """The parameters of a model by part. Made by :func:`count`."""

    system: str
    description: str
    parts: list[Part]
    parameters: int  # in all
    tied: list[str]  # what one matrix is used for, where that is more than one thing

    @property
    def title(self) -> str:
        """The model and its size."""
        return f"{self.system}: {counted(self.parameters, 'parameter')}"

    @property
    def answer(self) -> str:
        """Where most parameters are, and what tying saves."""
        largest = max(self.parts, key=lambda part: part.parameters)
        *others, last = self.tied or [""]
        tied = (
            f"One matrix is {', '.join(others)} and {last} at once, and counted once (section 3.4)."
            if others
            else "Every matrix has one use: none is shared."
        )
        return (
            f"The largest share, {largest.parameters / self.parameters:.0%}, belongs to the {largest.name}: "
            f"an embedding grows with the vocabulary, a layer with the square of the width. {tied}"
        )

    def panels(self) -> list[list[Panel]]:
        """Return the share of each part."""
        shares = {part.name: part.parameters / self.parameters for part in self.parts}
        return [[Bars("Share of the parameters", "share", shares)]]

    def tables(self) -> list[RenderableType]:
        """Return a row for each part, and the shares as bars."""
        rows = table(self.title, "part", "layers", "in each", "parameters", "share", caption=self.description)
        for part in self.parts:
            blocks = (str(part.layers), f"{part.parameters // part.layers:,}") if part.layers else ("", "")
            share = f"{part.parameters / self.parameters:.1%}"
            rows.add_row(part.name, *blocks, f"{part.parameters:,}", share)
        rows.add_section()
        rows.add_row("all", "", "", f"{self.parameters:,}", "100.0%")
        return [rows, *self.drawn()]


def count(system: str, description: str, model: nn.Module) -> Weights:
    """Return the parameters of a model by part, encoder first; the model may be without memory (meta).

    A matrix that is several things at once (section 3.4 of Vaswani et al. 2017) is counted once, under the
    first of its names.
    """
    tied = _tied(model)
    sizes: dict[str, int] = {}
    blocks: dict[str, set[str]] = {}
    for name, weights in model.named_parameters():  # a shared matrix comes once
        part = SHARED if _part(name) in tied else _part(name)
        sizes[part] = sizes.get(part, 0) + weights.numel()
        blocks.setdefault(part, set()).update(filter(str.isdecimal, name.split(".")))
    order = sorted(sizes, key=lambda part: part.startswith("output"))  # last, as the data pass through it
    parts = [Part(part, len(blocks[part]), sizes[part]) for part in order]
    return Weights(system, description, parts, sum(sizes.values()), tied)


def _part(name: str) -> str:
    """Return the part that a parameter is of, with its stack."""
    words = name.split(".")
    what = next((PARTS[word] for word in words if word in PARTS), words[0].replace("_", " "))
    stacks = (stack for stack in STACKS if words[0].startswith(stack))
    stack = "decoder" if words[0] in OF_DECODER else next(stacks, "")
    return f"{stack} {what}".strip()


def _tied(model: nn.Module) -> list[str]:
    """Return the uses of the matrix that has several; empty where each has one."""
    uses: dict[int, dict[str, None]] = {}
    for name, weights in model.named_parameters(remove_duplicate=False):
        uses.setdefault(id(weights), {})[_part(name)] = None
    if isinstance(model, Seq2Seq):
        uses[id(model.projection())]["output layer"] = None
    return next((list(names) for names in uses.values() if len(names) > 1), [])
