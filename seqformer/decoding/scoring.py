"""Scoring of given translations: their log-probability in a model, by teacher forcing.

B sentences, T target length, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from seqformer.decoding.splitting import Part
from seqformer.errors import SeqformerError
from seqformer.symbols import BOS, EOS
from seqformer.text.batches import Batch, pad, pad_sources

if TYPE_CHECKING:
    from seqformer.decoding.translator import Translator

NUMBERS = 1 << 24  # logits at a time


@dataclass(frozen=True)
class Scored:
    """How probable a translation is, in nats."""

    log_probability: float  # of all its pieces and EOS
    tokens: list[str]  # the pieces, and EOS
    each: list[float]  # the log-probability of each

    @property
    def mean(self) -> float:
        """The mean log-probability of a piece."""
        return self.log_probability / len(self.each)


def score(translator: Translator, pairs: Sequence[tuple[str, str]]) -> list[Scored]:
    """Return how probable each target is as a translation of its source, both normalised as in training.

    Nothing is split or cut. Raises :class:`SeqformerError` for a line longer than the model can read.
    """
    parts = read(translator, pairs)
    longest = translator.model.longest
    for number, (left, right) in enumerate(parts, 1):
        if longest is not None and max(len(left.ids), len(right.ids)) >= longest:
            raise SeqformerError(f"pair {number}: longer than the {longest:,} pieces that this model reads")
    targets = [right.ids for _, right in parts]
    every = log_probabilities(translator, [left.ids for left, _ in parts], targets)
    pieces = translator.tokenizer.target.pieces
    return [Scored(sum(each), [*pieces(ids), "</s>"], each) for ids, each in zip(targets, every, strict=True)]


def read(translator: Translator, pairs: Sequence[tuple[str, str]]) -> list[tuple[Part, Part]]:
    """Return pairs as the model reads them: normalised, placeholders of both sides hidden, as pieces."""
    source, target = translator.tokenizer.source, translator.tokenizer.target
    normalize = translator.manifest.normalizer("target")
    normal = [(translator.normalizer(left), normalize(right)) for left, right in pairs]
    hidden = [translator.shield.hide_both(left, right) for left, right in normal]
    lefts, rights = [left for left, _ in hidden], [right for _, right in hidden]
    encoded = zip(lefts, source.encode(lefts), rights, target.encode(rights), strict=True)
    return [(Part(left, ids), Part(right, others)) for left, ids, right, others in encoded]


def log_probabilities(
    translator: Translator, sources: list[list[int]], targets: list[list[int]]
) -> list[list[float]]:
    """Return the log-probability, in nats, of each piece of each target, EOS last."""
    order = sorted(range(len(targets)), key=lambda i: (len(targets[i]), len(sources[i])))
    every: list[list[float]] = [[]] * len(targets)
    while order:
        longest_target = len(targets[order[-1]]) + 1
        size = max(1, NUMBERS // (longest_target * len(translator.tokenizer.target)))
        order, some = order[:-size], order[-size:]
        batch = Batch(
            pad_sources([sources[i] for i in some]),
            pad([targets[i] for i in some], BOS, None),
            pad([targets[i] for i in some], None, EOS),
        ).to(translator.device)
        with torch.inference_mode():
            rows = translator.model.log_probabilities(batch).tolist()
        for i, row in zip(some, rows, strict=True):
            every[i] = row[: len(targets[i]) + 1]
    return every
