"""Lines in, translations out, in the order of the lines."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from seqformer.config import DecodeConfig
from seqformer.decoding.search import search
from seqformer.models.seq2seq import Seq2Seq
from seqformer.text.batching import pad_sources
from seqformer.text.corpus import Normalizer
from seqformer.text.tokenizer import Tokenizer

BATCH_TOKENS = 8192  # source pieces x hypotheses in a batch at most, padding included
SPARE = 10  # pieces a translation may be longer than the training data suggest


@dataclass(frozen=True)
class Translation:
    """One translation of one line."""

    text: str
    ids: list[int]  # target pieces, without BOS and EOS
    score: float  # mean log-probability of a piece where the length penalty is 1
    log_probability: float


@dataclass(frozen=True)
class Translator:
    """A model with the text processing it was trained with."""

    model: Seq2Seq
    tokenizer: Tokenizer
    normalizer: Normalizer
    length_ratio: float  # the largest target/source length in training
    device: torch.device

    def translate(self, lines: list[str], config: DecodeConfig) -> list[list[Translation]]:
        """The n-best translations of each line, best first; a blank line has one blank translation."""
        normalized = [self.normalizer(line) for line in lines]
        encoded = self.tokenizer.source.encode(normalized)
        results = [[Translation("", [], 0.0, 0.0)] for _ in lines]
        for batch in self._batches([len(ids) for ids in encoded], config.beam):
            source = pad_sources([encoded[i] for i in batch]).to(self.device)
            limits = torch.tensor([self._limit(len(encoded[i]), config) for i in batch])
            for index, hypotheses in zip(batch, search(self.model, source, limits, config), strict=True):
                texts = self.tokenizer.target.decode([h.ids for h in hypotheses])
                results[index] = [
                    Translation(text, h.ids, h.score, h.log_probability)
                    for text, h in zip(texts, hypotheses, strict=True)
                ]
        return results

    def _limit(self, length: int, config: DecodeConfig) -> int:
        return config.max_length or math.ceil(self.length_ratio * (length + 1)) + SPARE

    def _batches(self, lengths: list[int], beam: int) -> Iterator[list[int]]:
        """Indices of the lines that are not blank, longest first, alike in length."""
        order = sorted((i for i, n in enumerate(lengths) if n), key=lambda i: -lengths[i])
        begin = 0
        while begin < len(order):
            size = max(1, BATCH_TOKENS // ((lengths[order[begin]] + 1) * beam))
            yield order[begin : begin + size]
            begin += size
