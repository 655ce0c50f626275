"""Word alignment of given pairs: from the cross-attention of a model, by teacher forcing.

Each target word is linked to the source word that it looks at most. Which weights say so is a
:class:`Head`: a layer, a head of it or the mean of its heads, and a row. In the decoder a target piece has
two rows of weights:

    output   the row from which the piece is predicted; the decoder has not seen it yet
    input    the next row, where the piece is fed in (SHIFT-ATT of Chen et al. 2020, "Accurate Word Alignment
             Induction from Neural Machine Translation")

The head is chosen without gold alignments, on pairs held out from training (:func:`choose`,
:func:`choose_both`), unless it was taught to align (:mod:`seqformer.models.guidance`).

M source words, N target words, T target pieces with BOS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, product
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seqformer.decoding import scoring
from seqformer.decoding.symmetrize import check_method, symmetrize, transposed
from seqformer.decoding.word_attention import INPUT, Head, Pairs, WordAttention, strongest
from seqformer.formats.pharaoh import Links
from seqformer.models.merging import shares
from seqformer.models.seq2seq import Seq2Seq

if TYPE_CHECKING:
    from seqformer.decoding.results import Translation
    from seqformer.decoding.translator import Translator

TAUGHT = "taught by word links in training"
SAMPLE, CELLS = 50, 20_000  # pairs on which a head is chosen at most, and source words x target words in them


@dataclass(frozen=True)
class Aligner:
    """Aligns pairs by the attention of one run."""

    translator: Translator
    head: Head
    how: str  # which weights, and why

    def align(self, pairs: Pairs) -> list[Links | None]:
        """Return the links of each pair, none for a blank one; None for a pair too long for the model."""
        return [None if weights is None else strongest(weights) for weights in self.weights(pairs)]

    def weights(self, pairs: Pairs) -> list[Tensor | None]:
        """Return for each pair how much its target words look at its source words, (N, M).

        A row sums to at most 1; what is missing went to EOS. None for a pair too long for the model.
        """
        found: list[Tensor | None] = [None] * len(pairs)
        for i, weights in WordAttention(self.translator).merged(pairs, [self.head]):
            found[i] = weights[0]
        return found


@dataclass(frozen=True)
class BothAligner:
    """Aligns pairs by two runs of opposite directions, and symmetrizes what they say."""

    forward: Aligner
    backward: Aligner  # of the run that translates targets into sources
    method: str  # of :func:`symmetrize`

    @property
    def how(self) -> str:
        """Which weights of both runs, and which symmetrization."""
        return f"{self.forward.how}; reverse: {self.backward.how}; {self.method}"

    def align(self, pairs: Pairs) -> list[Links | None]:
        """Return the links of each pair, none for a blank one; None for a pair too long for a model."""
        swapped = self.backward.align([(target, source) for source, target in pairs])
        both = zip(self.forward.align(pairs), swapped, strict=True)
        return [
            None if one is None or other is None else symmetrize(self.method, one, transposed(other))
            for one, other in both
        ]


def aligner(
    forward: Translator,
    backward: Translator | None,
    sample: Pairs,
    method: str,
    *,
    layer: int | None = None,
    head: int | None = None,
    guided: tuple[bool, bool] = (False, False),
) -> Aligner | BothAligner:
    """Return what aligns pairs by one run, or by two of opposite directions with a symmetrization.

    Which weights are read is chosen on a ``sample``, of which at least one pair and at most ``CELLS`` are
    taken. ``guided`` says of both runs whether a head of theirs was taught to align: it is read then, unless
    a layer or a head is asked for. Raises :class:`SeqformerError`.
    """
    taught = taught_head(forward) if guided[0] and layer is None and head is None else None
    cells = accumulate(len(source.split()) * len(target.split()) for source, target in sample)
    sample = sample[: max(1, sum(total <= CELLS for total in cells))]
    if backward is None and taught:
        return Aligner(forward, taught, f"{taught}; {TAUGHT}")
    if backward is None:
        return Aligner(forward, *choose(forward, sample, layer, head))
    check_method(method)
    candidates = (
        [taught] if taught else WordAttention(forward).candidates(layer, head),
        [taught_head(backward)] if guided[1] else WordAttention(backward).candidates(),
    )
    one, other, shared = choose_both(forward, backward, sample, candidates)
    both = f"both directions agree in {shared:.0%} of the links"
    return BothAligner(Aligner(forward, one, str(one)), Aligner(backward, other, f"{other}; {both}"), method)


def taught_head(translator: Translator) -> Head:
    """Return the head that guided alignment teaches; each piece where it is fed in."""
    assert isinstance(translator.model, Seq2Seq)
    return Head(*translator.model.guided_head, INPUT)


def by_target(links: Links, words: int) -> list[list[int]]:
    """Return for each of so many target words the numbers of the source words that it is linked to."""
    return [sorted(s for s, t in links if t == word) for word in range(words)]


def with_alignments(
    aligner: Aligner | BothAligner,
    lines: Sequence[str],
    best: list[list[Translation]],
    shown: Callable[[str], str] = str,
) -> list[list[Translation]]:
    """Return the translations of each line, each aligned to it; ``shown`` returns a text as it is printed."""
    pairs = [(line, shown(t.text)) for line, of_line in zip(lines, best, strict=True) for t in of_line]
    found = iter(zip(aligner.align(pairs), pairs, strict=True))

    def aligned(translation: Translation) -> Translation:
        links, (_, text) = next(found)
        return replace(translation, alignment=by_target(links or frozenset(), len(text.split())))

    return [[aligned(t) for t in of_line] for of_line in best]


def agreement(one: Sequence[Links], other: Sequence[Links]) -> float:
    """Return how many links two alignments of the same pairs share, 2 |A ∩ B| / (|A| + |B|): from 0 to 1."""
    shared = sum(len(a & b) for a, b in zip(one, other, strict=True))
    return 2 * shared / max(1, sum(map(len, one)) + sum(map(len, other)))


def choose(
    translator: Translator, pairs: Pairs, layer: int | None = None, head: int | None = None
) -> tuple[Head, str]:
    """Return the head that agrees best with what the model itself needs of the source, and it in words.

    What it needs of it for a target word is the source word without which the probability of that word
    falls most (prediction difference: Li et al. 2019, "On the Word Alignment from Neural Machine
    Translation"). That costs a pass for each source word of some pairs; it says which row is the right
    one, which neither the entropy of the weights nor how much they are a one-to-one matching does.
    ``layer`` and ``head`` leave only one of them to choose from. Raises :class:`SeqformerError`.
    """
    attention = WordAttention(translator)
    candidates = attention.candidates(layer, head)
    needed = removal_links(translator, pairs)
    agreements = [agreement(each, needed) for each in attention.every(pairs, candidates)]
    best = max(range(len(candidates)), key=agreements.__getitem__)
    why = f"agrees in {agreements[best]:.0%} of the links with leaving out source words"
    return candidates[best], f"{candidates[best]}; {why}"


def choose_both(
    forward: Translator,
    backward: Translator,
    pairs: Pairs,
    candidates: tuple[list[Head], list[Head]],
) -> tuple[Head, Head, float]:
    """Return the heads of two runs of opposite directions that agree best, and their agreement.

    That is the choice of layers of Chen et al. 2020, of heads and rows too; ``candidates`` are those of both
    runs. Raises :class:`SeqformerError`.
    """
    first, second = WordAttention(forward), WordAttention(backward)
    one = first.every(pairs, candidates[0])
    swapped = second.every([(target, source) for source, target in pairs], candidates[1])
    other = [[transposed(each) for each in found] for found in swapped]
    best, i, j = max(
        (agreement(one[i], other[j]), -i, -j) for i, j in product(range(len(one)), range(len(other)))
    )
    return candidates[0][-i], candidates[1][-j], best


def removal_links(translator: Translator, pairs: Pairs) -> list[Links]:
    """Return for each pair the link of each target word to the source word that it cannot do without.

    It is the one without whose pieces the log-probability of the target word falls most; a word of which
    each makes it likelier has no link.
    """
    reads = WordAttention(translator).read(pairs)
    sources, targets = list[list[int]](), list[list[int]]()
    for given in filter(None, reads):
        for left_out in (None, *range(given.count[0])):
            pieces = zip(given.source.ids, given.source_words, strict=True)
            sources.append([i for i, words in pieces if left_out is None or left_out not in words])
            targets.append(given.target.ids)
    rows = iter(scoring.log_probabilities(translator, sources, targets))
    found = list[Links]()
    for pair in reads:
        if pair is None:
            found.append(frozenset())
            continue
        every = torch.tensor([next(rows)[:-1] for _ in range(pair.count[0] + 1)])  # (M + 1, T - 1)
        falls = every[:1] - every[1:]  # (M, T - 1)
        found.append(strongest((falls @ shares(pair.target_words, pair.count[1])).T))
    return found
