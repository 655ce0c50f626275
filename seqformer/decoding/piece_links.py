"""Links between the pieces of training pairs, by the attention of a model: what a shortlist is made of.

Each target piece is linked to the source piece that it looks at most, EOS left out, as
:mod:`seqformer.decoding.alignment` links words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqformer.decoding import alignment
from seqformer.decoding.shortlist import Ids, lines
from seqformer.decoding.splitting import Part
from seqformer.decoding.word_attention import Head, Pairs, Read, WordAttention
from seqformer.text import prepared

if TYPE_CHECKING:
    from seqformer.decoding.translator import Translator

PAIRS = 30_000  # at most, spread over all of them


def shortlist(translator: Translator, pairs: prepared.Pairs, sample: Pairs) -> list[str]:
    """Return the lines of the shortlist of a model, from the pairs that it was trained on.

    The attention head is chosen on a ``sample`` of sentences, as for alignments. Raises
    :class:`SeqformerError`.
    """
    every = np.arange(len(pairs))
    if not len(sample):
        sample = _texts(translator, pairs, every[: alignment.SAMPLE])
    chooser = alignment.aligner(translator, None, sample, "")
    assert isinstance(chooser, alignment.Aligner)  # of one run
    size = len(translator.tokenizer.target)
    counts = np.bincount(pairs.target.gather(every)[1], minlength=size)
    chosen = every[:: -(-len(every) // PAIRS)]
    return lines(links(translator, pairs, chosen, chooser.head), counts, translator.tokenizer)


def links(translator: Translator, pairs: prepared.Pairs, numbers: Ids, head: Head) -> tuple[Ids, Ids]:
    """Return the source ids and the target ids of all links in the pairs of these numbers."""
    reads: list[Read | None] = []
    for number in numbers.tolist():
        source, target = (Part("", side[number].tolist()) for side in (pairs.source, pairs.target))
        reads.append(Read(source, target, [], [], (0, 0)))  # of no words
    found: list[tuple[list[int], list[int]]] = []
    for _, pair, maps in WordAttention(translator).by_piece(reads, [head]):
        if maps.numel():
            looked = maps[0].argmax(-1).tolist()
            found.append(([pair.source.ids[at] for at in looked], pair.target.ids))
    sources, targets = (np.array([i for each in found for i in each[side]], np.int64) for side in (0, 1))
    return sources, targets


def _texts(translator: Translator, pairs: prepared.Pairs, numbers: Ids) -> list[tuple[str, str]]:
    sides = ((translator.tokenizer.source, pairs.source), (translator.tokenizer.target, pairs.target))
    texts = (vocabulary.decode([side[i].tolist() for i in numbers.tolist()]) for vocabulary, side in sides)
    return list(zip(*texts, strict=True))
