"""Several models that translate as one: the next piece has the mean of their probabilities.

B sentences, R rows (hypotheses), S source length, T target length, D width, V vocabulary, N models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqformer.models.seq2seq import AttentionMaps, PairBatch, Seq2Seq, SequenceModel, State
from seqformer.symbols import BOS, PAD


@dataclass
class EnsembleState:
    """The state of each model."""

    states: list[State]

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> None:
        """Keep these hypotheses, in this order, and these sentences (None: all)."""
        for state in self.states:
            state.select(rows, sentences)


class Ensemble(SequenceModel):
    """Models of the same pieces, of any architecture; memories lie side by side."""

    def __init__(self, models: list[Seq2Seq]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        self.longest = min((m.longest for m in models if m.longest is not None), default=None)

    @property
    def position_bytes(self) -> int:
        """The bytes of all models."""
        return sum(model.position_bytes for model in self.each)

    @property
    def each(self) -> list[Seq2Seq]:
        """The models."""
        return list(self.models)  # type: ignore[arg-type]

    def encode(self, source: Tensor, mask: Tensor) -> Tensor:
        """Encode source ids (B, S) into the memories, (B, S, sum of D)."""
        return torch.cat([model.encode(source, mask) for model in self.each], -1)

    def start(self, memory: Tensor, mask: Tensor, pieces: Tensor | None = None) -> EnsembleState:
        """Return the states before the first target token."""
        widths = [int(model.projection().shape[1]) for model in self.each]
        parts = torch.split(memory, widths, -1)
        each = zip(self.each, parts, strict=True)
        return EnsembleState([model.start(part, mask, pieces) for model, part in each])

    def step(self, tokens: Tensor, state: State) -> Tensor:
        """Feed the newest token of each hypothesis, (R,); return log-probabilities (R, V) as logits."""
        assert isinstance(state, EnsembleState)
        log_p = []
        for model, own in zip(self.each, state.states, strict=True):
            logits = model.step(tokens, own)
            logits[:, [PAD, BOS]] = float("-inf")  # they never come, in no model
            log_p.append(logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1))
        return _mean(log_p)

    def log_probabilities(self, batch: PairBatch) -> Tensor:
        """Return the log-probability (B, T) of each piece of the targets, 0 for padding."""
        return _mean([model.log_probabilities(batch) for model in self.each])

    def attention(self, source: Tensor, target_in: Tensor) -> AttentionMaps:
        """Return the mean cross-attention of each model, (N, B, 1, T, S)."""
        maps = [model.attention(source, target_in).cross.mean((0, 2)) for model in self.each]  # (B, T, S)
        return AttentionMaps(cross=torch.stack(maps)[:, :, None])


def _mean(log_p: list[Tensor]) -> Tensor:
    """Return the logarithm of the mean probability."""
    return torch.stack(log_p).logsumexp(0) - math.log(len(log_p))
