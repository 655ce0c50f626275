"""Guided alignment: known word alignments teach a head of cross-attention where to look.

To the cross-entropy of the translation that between the links of a target piece and the weights of the head
is added (Chen et al. 2016, "Guided Alignment Training for Topic-Aware Neural Machine Translation"; of one
head: Garg et al. 2019, "Jointly Learning to Align and Translate with Transformer Models", equation 5):

    - Σ over target pieces t, source pieces s:  links[t, s] · log weights[t, s]

The row that learns the links of a target piece is the one where the piece is fed in, so the head knows the
word that it aligns (Chen et al. 2020, "Accurate Word Alignment Induction from Neural Machine Translation").

B sentences, T target length, S source length.
"""

from __future__ import annotations

import torch
from torch import Tensor


def guided_loss(weights: Tensor, links: Tensor) -> Tensor:
    """Return the cross-entropy of the weights of a head against links, both (B, T, S), in nats, summed.

    A row of links sums to 1, or to 0 where a piece has none: then it says nothing of the weights.
    """
    logs = weights.float().clamp_min(torch.finfo(torch.float32).tiny).log()
    return -(links * logs).sum()
