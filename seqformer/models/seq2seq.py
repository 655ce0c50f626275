"""The interface of an encoder-decoder: all that search and training use of a model.

B sentences, R rows (hypotheses; a multiple of B), S source length, T target length, V vocabulary,
L layers, H heads, D width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqformer.config import Config, number
from seqformer.errors import SeqformerError
from seqformer.models import blocks
from seqformer.models.blocks import MOST_LAYERS, MOST_WIDTH
from seqformer.models.consistency import consistent_loss
from seqformer.models.guidance import guided_loss
from seqformer.models.loss import Loss, projection_loss
from seqformer.symbols import BOS, PAD

MOST_VOCABULARY = 1 << 24

# what both models of Dive into Deep Learning share, "The Bahdanau Attention Mechanism" and "The Transformer
# Architecture": 512 pairs in four random batches, one learning rate, no label smoothing, and the last
# weights kept: the only validation is that of the last step
CHAPTER: dict[str, Any] = {
    "width": 256, "encoder_layers": 2, "decoder_layers": 2, "output_bias": True, "sentences_per_batch": 128,
    "schedule": "constant", "warmup": 0, "adam_beta2": 0.999, "clip": 1.0, "label_smoothing": 0.0,
    "precision": "fp32",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Seq2SeqConfig(Config):
    """The settings that all encoder-decoders share; presets set some of them, and of training."""

    arch: ClassVar[str]
    presets: ClassVar[dict[str, dict[str, Any]]]
    source_vocabulary: int = number(least=1, most=MOST_VOCABULARY)  # pieces, special symbols included
    target_vocabulary: int = number(least=1, most=MOST_VOCABULARY)
    joint: bool = True  # one matrix for source and target embeddings (section 3.4)
    encoder_layers: int = number(3, least=1, most=MOST_LAYERS)
    decoder_layers: int = number(3, least=1, most=MOST_LAYERS)
    width: int = number(256, least=1, most=MOST_WIDTH)  # D, the paper's d_model
    dropout: float = number(0.1, below=1)
    output_bias: bool = False  # added to the logits; Marian's models have one
    attention_dropout: float = number(0.0, below=1)  # of attention weights

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.joint and self.source_vocabulary != self.target_vocabulary:
            raise SeqformerError("a joint vocabulary has one size for source and target")

    def describe(self) -> str:
        """Return the shape in words."""
        return f"{self.arch}, {self.encoder_layers}+{self.decoder_layers} layers, width {self.width}"


class PairBatch(Protocol):
    """Padded ids of sentence pairs, as training needs them."""

    @property
    def source(self) -> Tensor: ...  # (B, S)
    @property
    def target_in(self) -> Tensor: ...  # (B, T)
    @property
    def target_out(self) -> Tensor: ...  # (B, T)
    @property
    def links(self) -> Tensor | None: ...  # (B, T, S), see :mod:`seqformer.models.guidance`


@dataclass(frozen=True)
class Output:
    """What makes logits of hidden states: of all V target pieces, or of those that alone may come."""

    matrix: Tensor  # (V, D)
    bias: Tensor | None  # (V,)

    def __call__(self, hidden: Tensor) -> Tensor:
        """Project hidden states (…, D) to logits (…, V)."""
        return functional.linear(hidden, self.matrix, self.bias)


class State(Protocol):
    """What a decoder carries from one step to the next, for R hypotheses of B sentences."""

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> None:
        """Keep these hypotheses, in this order, and of the memory these sentences (None: all).

        The hypotheses of one sentence must follow each other, equally many for each sentence.
        """


@dataclass(frozen=True)
class AttentionMaps:
    """Attention weights, each row of which sums to 1; None if a model has no such attention."""

    cross: Tensor  # (L, B, H, T, S)
    encoder: Tensor | None = None  # (L, B, H, S, S)
    decoder: Tensor | None = None  # (L, B, H, T, T)


class SequenceModel(nn.Module, ABC):
    """What can be searched, scored and inspected: an encoder-decoder, or several as one."""

    longest: int | None = None  # pieces of a source or a target, BOS or EOS included; None: any number

    @property
    @abstractmethod
    def position_bytes(self) -> int:
        """The bytes that decoding keeps for each position of each hypothesis."""

    @abstractmethod
    def encode(self, source: Tensor, mask: Tensor) -> Tensor:
        """Encode source ids (B, S), mask (B, 1, 1, S), into the memory (B, S, D)."""

    @abstractmethod
    def start(self, memory: Tensor, mask: Tensor, pieces: Tensor | None = None) -> State:
        """Return the state before the first target token, with one hypothesis for each sentence.

        ``pieces`` (C,) are the ids that alone may come, ascending, special symbols among them; None: all.
        """

    @abstractmethod
    def step(self, tokens: Tensor, state: State) -> Tensor:
        """Feed the newest token of each hypothesis, (R,), and return logits (R, V) for the next.

        Where some pieces alone may come, they are of those, (R, C); tokens are ids all the same.
        """

    @abstractmethod
    def log_probabilities(self, batch: PairBatch) -> Tensor:
        """Return the log-probability (B, T) of each target piece as the search has it, 0 for padding."""

    @abstractmethod
    def attention(self, source: Tensor, target_in: Tensor) -> AttentionMaps:
        """Return the weights of every layer and head for sources (B, S) and targets (B, T)."""


class Seq2Seq(SequenceModel):
    """An encoder-decoder that can be trained, too."""

    laid_out: Tensor | None = None  # the output matrix, column after column in memory
    guided_head = (1, 1)  # layer and head, both from 1, that is taught by links

    @abstractmethod
    def decode(self, source: Tensor, target_in: Tensor) -> Tensor:
        """Return hidden states (B, T, D) of all positions of the targets (B, T), by teacher forcing."""

    @abstractmethod
    def guided(self, source: Tensor, target_in: Tensor) -> tuple[Tensor, Tensor]:
        """Return what ``decode`` does, and the weights (B, T, S) of the head that is taught by links."""

    @abstractmethod
    def projection(self) -> Tensor:
        """Return the matrix (V, D) whose product with a hidden state is the logits."""

    def bias(self) -> Tensor | None:
        """Return the bias of the logits, (V,); None if the model has none."""
        return None

    def logits(self, hidden: Tensor) -> Tensor:
        """Project hidden states (…, D) to logits (…, V)."""
        return self.output_of(None)(hidden)

    def output_of(self, pieces: Tensor | None) -> Output:
        """Return what makes the logits of these pieces (C,); None: of all."""
        bias = self.bias()
        matrix = self.projection() if self.laid_out is None else self.laid_out
        if pieces is None:
            return Output(matrix, bias)
        return Output(matrix.t()[:, pieces].t(), None if bias is None else bias[pieces])  # (C, D), laid out

    def loss(
        self, batch: PairBatch, smoothing: float = 0.0, consistency: float = 0.0, guide: float = 0.0
    ) -> Loss:
        """Return the cross-entropy in nats, summed over the target tokens, and their number.

        With ``consistency`` the batch passes twice, and that much of how the passes differ is added
        (:mod:`seqformer.models.consistency`); with ``guide`` that much of how far a head is from the links
        of the batch (:mod:`seqformer.models.guidance`).
        """
        real = batch.target_out != PAD
        wanted = batch.target_out[real]  # (N,)
        passes = 2 if consistency else 1
        sides = [torch.cat((side,) * passes) for side in (batch.source, batch.target_in)]
        if guide:
            assert batch.links is not None
            states, weights = self.guided(*sides)
            distance = guided_loss(weights, torch.cat((batch.links,) * passes)) / passes
        else:
            states, distance = self.decode(*sides), None
        loss = self._loss(states[real.repeat(passes, 1)], wanted, smoothing, consistency)
        return loss if distance is None else loss._replace(objective=loss.objective + guide * distance)

    def _loss(self, hidden: Tensor, wanted: Tensor, smoothing: float, consistency: float) -> Loss:
        """Return the loss of hidden states (N, D), or of two passes (2N, D), for the wanted pieces (N,)."""
        projection, bias = self.projection(), self.bias()
        if bias is not None:  # a bias is the weight of one more feature that is always 1
            hidden = functional.pad(hidden, (0, 1), value=1.0)
            projection = torch.cat((projection, bias[:, None]), 1)
        if consistency:
            return consistent_loss(hidden, projection, wanted, smoothing, consistency)
        return projection_loss(hidden, projection, wanted, smoothing)

    def log_probabilities(self, batch: PairBatch) -> Tensor:
        """Return the log-probability (B, T) of each target piece as the search has it, 0 for padding.

        PAD and BOS, which never come, have no share of the probability.
        """
        logits = self.logits(self.decode(batch.source, batch.target_in)).float()  # (B, T, V)
        logits[:, :, [PAD, BOS]] = float("-inf")
        chosen = logits.log_softmax(-1).gather(-1, batch.target_out[:, :, None])[:, :, 0]
        return chosen.masked_fill(batch.target_out == PAD, 0.0)

    def hidden_matrices(self) -> dict[str, int]:
        """Return the matrices of hidden layers by name, and how many are stacked in each."""
        return blocks.hidden_matrices(self)


def lay_out(model: nn.Module) -> None:
    """Prepare a model, or each of an ensemble, for answers: its weights must not change any more.

    On a CPU the product of a few rows with the output matrix, in fp32, reads all of it and does little else.
    With the matrix laid out column after column it takes half of the time for one row and three quarters for
    twenty, at the cost of a second copy; for many rows it makes no difference, nor in bf16.
    """
    for each in model.modules():
        if isinstance(each, Seq2Seq):
            matrix = each.projection().detach()
            if matrix.device.type == "cpu" and matrix.dtype == torch.float32:
                each.laid_out = matrix.t().contiguous().t()
