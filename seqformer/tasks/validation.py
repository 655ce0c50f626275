"""The validation of an encoder-decoder: losses over all held-out pairs, scores of translations of some.

The pairs that are translated are drawn by the fingerprints of their texts: from all over the file, the same
in every run on the same data, and whatever the order of the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from seqformer.config import DecodeConfig
from seqformer.decoding.translator import Translator
from seqformer.models.seq2seq import Seq2Seq
from seqformer.report import best, collapse, scores
from seqformer.report.best import LOSS
from seqformer.text.batches import Batch, PairBatches
from seqformer.text.rows import Pair
from seqformer.text.split import fingerprint
from seqformer.training.distributed import Processes
from seqformer.training.events import Validation

VALID_PAIRS, VALID_WORDS = 200, 1000  # sentences translated at each validation; of single words more
OTHER_PAIRS = 100  # whose loss is also taken with another pair's source
OTHER = "valid_loss_other_source"
LOOP = (2, 5)  # in validation a translation is cut at so many times its reference, and pieces more
SHARES = {"exact_match": scores.exact_match, "token_accuracy": scores.token_accuracy}


def drawn(pairs: list[Pair]) -> list[int]:
    """Return the numbers of all pairs in an order that their texts alone decide, as if at random."""
    marks = [(fingerprint(source), fingerprint(target)) for source, target in pairs]
    return sorted(range(len(pairs)), key=marks.__getitem__)


@dataclass(frozen=True)
class Sample:
    """The sentences that are translated."""

    sources: list[str]
    references: list[str]
    others: list[list[str]]  # further references, '' where a sentence has none
    limits: list[int]  # pieces that its translation may have

    @classmethod
    def of(cls, columns: list[list[str]], translator: Translator) -> Sample:
        """Return a sample of sources, references, and further references."""
        sources, references, *others = columns
        lengths = map(len, translator.tokenizer.target.encode(references))
        return cls(sources, references, others, [LOOP[0] * length + LOOP[1] for length in lengths])

    @property
    def middle(self) -> int:
        """The sentence whose source is neither long nor short, to be shown."""
        return sorted(range(len(self.sources)), key=lambda i: len(self.sources[i]))[len(self.sources) // 2]


@dataclass(frozen=True)
class Measures:
    """What is measured of the translations."""

    names: tuple[str, ...]  # the values to report
    best_by: str  # the one that decides …
    ties: tuple[str, ...] = ()  # … and those that decide where it is the same
    tokenizer: str = ""  # of BLEU

    def of(self, texts: list[str], sample: Sample) -> dict[str, float]:
        """Return the scores of translations by name, that which decides among them."""
        named = [*self.names, *({self.best_by} - {*self.names, LOSS})]
        return {name: self._score(name, texts, sample) for name in named}

    def _score(self, name: str, texts: list[str], sample: Sample) -> float:
        if name in SHARES:
            return SHARES[name](texts, sample.references, sample.others)
        return scores.corpus_score(
            name, texts, sample.references, tokenize=self.tokenizer, others=sample.others
        ).score


def validator(
    translator: Translator,
    batches: PairBatches,
    order: list[int],
    sample: Sample,
    measures: Measures,
    processes: Processes,
) -> Callable[[], Validation]:
    """Return what validates a model under training. ``order`` is that in which its pairs are drawn."""
    own, rest = batches.apart(np.array(order), OTHER_PAIRS)
    pairs = sum(map(len, own))
    model = translator.model
    assert isinstance(model, Seq2Seq)
    causal = getattr(model.config, "causal", True)

    def summed(some: Iterable[Batch]) -> tuple[float, int]:
        """Return the loss of this process's share of the batches and all others' together, and its units."""
        total, units = 0.0, 0
        for batch in some:
            sums = model.loss(batch.to(translator.device))
            total, units = total + float(sums.plain), units + sums.units
        total, _, units = processes.totals(total, 0.0, units)
        return total, units

    def validate() -> Validation:
        share = processes.share
        right, units = summed(batches.load(plan) for plan in own[share])
        others, further = summed(batches.load(plan) for plan in rest[share])
        values = {LOSS: (right + others) / (units + further)}
        if not math.isfinite(values[LOSS]):  # nothing can be searched for
            return Validation(math.nan, values)
        mine = translator.translate(sample.sources[share], DecodeConfig(beam=1), sample.limits[share])
        texts = processes.gather([found[0].text for found in mine])
        losses = None
        if own:
            other, _ = summed(batches.load(plan).with_next_sources() for plan in own[share])
            losses = collapse.Losses(right / units, other / units, pairs)
            values[OTHER] = losses.other
        values |= measures.of(texts, sample)
        return Validation(
            score=best.rank(measures.best_by, values, measures.ties),
            values=values,
            sample=(sample.sources[sample.middle], texts[sample.middle], sample.references[sample.middle]),
            warning=collapse.warning(sample.sources, texts, sample.references, losses, causal),
            best_by=measures.best_by,
            nothing=best.is_nothing(measures.best_by, values[measures.best_by]),
        )

    return validate
