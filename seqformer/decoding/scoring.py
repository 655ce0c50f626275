"""Scoring of given translations: their log-probability in a model, by teacher forcing.

B sentences, T target length, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

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
    source, target = translator.tokenizer.source, translator.tokenizer.target
    normalize = translator.manifest.normalizer("target")
    normal = [(translator.normalizer(left), normalize(right)) for left, right in pairs]
    hidden = [translator.shield.hide_both(left, right) for left, right in normal]
    sources = source.encode([left for left, _ in hidden])
    targets = target.encode([right for _, right in hidden])
    longest = translator.model.longest
    for number, (left, right) in enumerate(zip(sources, targets, strict=True), 1):
        if longest is not None and max(len(left), len(right)) >= longest:
            raise SeqformerError(f"pair {number}: longer than the {longest:,} pieces that this model reads")
    order = sorted(range(len(pairs)), key=lambda i: (len(targets[i]), len(sources[i])))
    scored: list[Scored] = [Scored(0.0, [], [])] * len(pairs)
    while order:
        longest_target = len(targets[order[-1]]) + 1
        size = max(1, NUMBERS // (longest_target * len(target)))
        order, some = order[:-size], order[-size:]
        batch = Batch(
            pad_sources([sources[i] for i in some]),
            pad([targets[i] for i in some], BOS, None),
            pad([targets[i] for i in some], None, EOS),
        ).to(translator.device)
        with torch.inference_mode():
            rows = translator.model.log_probabilities(batch).tolist()
        for i, row in zip(some, rows, strict=True):
            each = row[: len(targets[i]) + 1]
            scored[i] = Scored(sum(each), [*target.pieces(targets[i]), "</s>"], each)
    return scored
