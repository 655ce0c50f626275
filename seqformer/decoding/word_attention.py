"""The cross-attention of a model to given pairs, merged from pieces to words.

Words are those of the lines as they are given, between spaces (:mod:`seqformer.text.origins` says which
pieces a word has): the rows of the pieces of a target word are averaged, the columns of those of a source
word summed, and the column of EOS is left out.

B pairs, K heads, L layers, H heads of a layer, S source pieces with EOS, T target pieces with BOS,
M source words, N target words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seqformer.decoding import scoring
from seqformer.decoding.splitting import Part
from seqformer.errors import SeqformerError
from seqformer.formats.pharaoh import Links
from seqformer.models.merging import merge
from seqformer.symbols import BOS, EOS
from seqformer.text.batches import pad, pad_sources
from seqformer.text.origins import origins

if TYPE_CHECKING:
    from seqformer.decoding.translator import Translator

WEIGHTS = 1 << 25  # attention weights at a time; a pair that has more is not read
INPUT, OUTPUT = "input", "output"
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Head:
    """Which attention weights are read."""

    layer: int  # from 1
    head: int | None  # from 1; None: the mean of the heads
    row: str  # OUTPUT: where a target piece is predicted; INPUT: the next row, where it is fed in

    def __str__(self) -> str:
        which = "mean of heads" if self.head is None else f"head {self.head}"
        return f"layer {self.layer}, {which}, rows of the decoder's {self.row}"

    def of(self, cross: Tensor) -> Tensor:
        """Return the weights of each target piece, (B, T - 1, S), of this head among all, (L, B, H, T, S)."""
        layer = cross[self.layer - 1]
        weights = layer.mean(1) if self.head is None else layer[:, self.head - 1]
        return weights[:, 1:] if self.row == INPUT else weights[:, :-1]


@dataclass(frozen=True)
class Read:
    """A pair as the model reads it, and the words that its pieces come from."""

    source: Part
    target: Part
    source_words: list[range]  # for each source piece
    target_words: list[range]
    count: tuple[int, int]  # words of source and target: M, N

    @property
    def lengths(self) -> tuple[int, int]:
        """The pieces of both sides, with EOS and BOS: S, T."""
        return len(self.source.ids) + 1, len(self.target.ids) + 1


class WordAttention:
    """The cross-attention of a model, merged to words."""

    def __init__(self, translator: Translator) -> None:
        self.translator, self.model = translator, translator.model

    @cached_property
    def shape(self) -> tuple[int, int]:
        """The layers and the heads of each: L, H."""
        device = self.translator.device
        one = self.model.attention(torch.tensor([[EOS]], device=device), torch.tensor([[BOS]], device=device))
        return one.cross.shape[0], one.cross.shape[2]

    def candidates(self, layer: int | None = None, head: int | None = None) -> list[Head]:
        """Return every head, of both rows, or those of a layer or of a number."""
        for name, number, most in (("layer", layer, self.shape[0]), ("head", head, self.shape[1])):
            if number is not None and not 1 <= number <= most:
                raise SeqformerError(f"there is no {name} {number}: this model has {name}s 1 to {most}")
        layers = [layer] if layer else range(1, self.shape[0] + 1)
        heads = [head] if head else [None, *range(1, self.shape[1] + 1)] if self.shape[1] > 1 else [1]
        return [Head(*each) for each in product(layers, heads, (INPUT, OUTPUT))]

    def every(self, pairs: Pairs, heads: Sequence[Head]) -> list[list[Links]]:
        """Return for each head the links of all pairs."""
        found: list[list[Links]] = [[frozenset()] * len(pairs) for _ in heads]
        for i, weights in self.merged(pairs, heads):
            for each, of_head in zip(found, weights, strict=True):
                each[i] = strongest(of_head)
        return found

    def merged(self, pairs: Pairs, heads: Sequence[Head]) -> Iterator[tuple[int, Tensor]]:
        """Yield the number of each pair that is not too long, and its weights by word, (K, N, M)."""
        for i, pair, maps in self.by_piece(self.read(pairs), heads):
            words = pair.target_words, pair.source_words
            yield i, merge(maps, *words, pair.count[::-1])

    def by_piece(
        self, reads: Sequence[Read | None], heads: Sequence[Head]
    ) -> Iterator[tuple[int, Read, Tensor]]:
        """Yield each pair with its number, and its weights by piece, EOS left out: (K, T - 1, S - 1)."""
        for batch in self._batches(reads):
            with torch.inference_mode():
                source = pad_sources([pair.source.ids for _, pair in batch]).to(self.translator.device)
                target = pad([pair.target.ids for _, pair in batch], BOS, None).to(self.translator.device)
                cross = self.model.attention(source, target).cross.float()
                chosen = torch.stack([each.of(cross) for each in heads], 1).cpu()  # (B, K, T - 1, S)
            for (i, pair), maps in zip(batch, chosen, strict=True):
                rows, columns = len(pair.target.ids), len(pair.source.ids)
                yield i, pair, maps[:, :rows, :columns]

    def read(self, pairs: Pairs) -> list[Read | None]:
        """Return pairs as the model reads them; None for one of more pieces or weights than it can have."""
        translator, longest = self.translator, self.model.longest
        normalize = translator.manifest.normalizer("target")
        reads: list[Read | None] = []
        for (left, right), (source, target) in zip(pairs, scoring.read(translator, pairs), strict=True):
            words, pieces = (
                (len(left.split()), len(right.split())),
                (len(source.ids) + 1, len(target.ids) + 1),
            )
            largest = map(max, words, pieces)  # there may be words without pieces
            if self._weights(*largest) > WEIGHTS or (longest is not None and max(pieces) > longest):
                reads.append(None)
                continue
            of_source = origins(left, source.text, translator.normalizer, translator.tokenizer.source)
            of_target = origins(right, target.text, normalize, translator.tokenizer.target)
            reads.append(Read(source, target, of_source, of_target, words))
        return reads

    def _weights(self, source: int, target: int) -> int:
        """Return how many weights there are for lengths S and T, those of encoder and decoder included."""
        layers, heads = self.shape
        return layers * heads * (source * source + target * target + source * target)

    def _batches(self, reads: Sequence[Read | None]) -> Iterator[list[tuple[int, Read]]]:
        """Yield pairs of similar length with their numbers, of no more than ``WEIGHTS`` weights together."""
        some = [(i, pair) for i, pair in enumerate(reads) if pair is not None]
        batch: list[tuple[int, Read]] = []
        most = (0, 0)
        for i, pair in sorted(some, key=lambda each: each[1].lengths[::-1]):
            most = max(most[0], pair.lengths[0]), max(most[1], pair.lengths[1])
            if batch and (len(batch) + 1) * self._weights(*most) > WEIGHTS:
                yield batch
                batch, most = [], pair.lengths
            batch.append((i, pair))
        if batch:
            yield batch


def strongest(weights: Tensor) -> Links:
    """Return for weights (N, M) the link of each target word to the source word with most of its weight.

    Equal weights go to the first word; a row of zeros, of a word without pieces, has no link.
    """
    if not weights.numel():
        return frozenset()
    most, at = weights.max(-1)
    return frozenset((s, t) for t, (s, w) in enumerate(zip(at.tolist(), most.tolist(), strict=True)) if w > 0)
