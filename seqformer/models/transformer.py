"""The Transformer of "Attention Is All You Need" (Vaswani et al. 2017), top to bottom.

B sentences, R rows (hypotheses), S source length, T target length, D width, H heads, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqformer.config import ModelConfig
from seqformer.models.attention import MultiHeadAttention, causal_mask, padding_mask
from seqformer.models.cache import KeyValueCache
from seqformer.models.dropout import Dropout
from seqformer.models.positions import position_layer
from seqformer.models.seq2seq import AttentionMaps, Seq2Seq, State

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu_,  # in place: its backward pass asks for the result only
    "gelu": functional.gelu,
    "silu": functional.silu,
}


class BlockConfig(Protocol):
    """What a block needs to know; every configuration of a model made of blocks offers it."""

    @property
    def width(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def feed_forward(self) -> int: ...
    @property
    def dropout(self) -> float: ...
    @property
    def norm(self) -> str: ...
    @property
    def activation(self) -> str: ...


class FeedForward(nn.Module):
    """Two linear layers, applied to each position alike (section 3.3)."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.inner = nn.Linear(config.width, config.feed_forward)
        self.outer = nn.Linear(config.feed_forward, config.width)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.outer(self.activation(self.inner(x)))
        return y


class Residual(nn.Module):
    """A sublayer with its residual sum, dropout and LayerNorm, written once.

    post-norm (the paper)  LayerNorm(x + sublayer(x))
    pre-norm               x + sublayer(LayerNorm(x))
    """

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.dropout = Dropout(config.dropout)
        self.pre = config.norm == "pre"

    def before(self, x: Tensor) -> Tensor:
        """What the sublayer gets."""
        normed: Tensor = self.norm(x) if self.pre else x
        return normed

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        """x, and what the sublayer made of it, joined."""
        joined: Tensor = x + self.dropout(y)
        return joined if self.pre else self.norm(joined)


class EncoderBlock(nn.Module):
    """Self-attention, then feed-forward."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(config.width, config.heads)
        self.feed_forward = FeedForward(config)
        self.first, self.second = Residual(config), Residual(config)

    def forward(self, x: Tensor, mask: Tensor | None, weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """x (B, S, D) -> the same shape, and the weights (B, H, S, S) where asked for."""
        y, maps = self.attention(self.first.before(x), mask, weights=weights)
        x = self.first.after(x, y)
        return self.second.after(x, self.feed_forward(self.second.before(x))), maps


class DecoderBlock(nn.Module):
    """Masked self-attention, attention over the memory, then feed-forward."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(config.width, config.heads)
        self.cross = MultiHeadAttention(config.width, config.heads)
        self.feed_forward = FeedForward(config)
        self.first, self.second, self.third = Residual(config), Residual(config), Residual(config)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None,
        memory: tuple[Tensor, Tensor],
        memory_mask: Tensor,
        cache: KeyValueCache | None = None,
        weights: bool = False,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """x (R, T, D) -> the same shape, own weights (R, H, T, T), cross weights (B, H, T, S)."""
        y, own = self.attention(self.first.before(x), mask, cache=cache, weights=weights)
        x = self.first.after(x, y)
        y, cross = self.cross.cross(self.second.before(x), memory, memory_mask, weights=weights)
        x = self.second.after(x, y)
        return self.third.after(x, self.feed_forward(self.third.before(x))), own, cross


@dataclass
class TransformerState:
    """Keys and values of the memory, once a sentence, and of all hypotheses of its target so far.

    A key never moves when hypotheses change places: those of a sentence lie side by side, W more with
    each step, and ``seen`` tells which of them a hypothesis descends from.
    """

    memory: list[tuple[Tensor, Tensor]]  # a layer: (B, H, S, K) twice
    mask: Tensor  # (B, 1, 1, S)
    caches: list[KeyValueCache]  # a layer: (B, H, N, K)
    seen: Tensor  # (B, W, N)
    length: int = 0  # target positions so far

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> None:
        """See :class:`seqformer.models.seq2seq.State`."""
        if sentences is not None:
            for cache in self.caches:
                cache.select(sentences)
            self.memory = [(key[sentences], value[sentences]) for key, value in self.memory]
            self.mask = self.mask[sentences]
        self.seen = self.seen.flatten(0, 1)[rows].view(len(self.mask), -1, self.seen.shape[-1])

    def step(self, width: int) -> Tensor | None:
        """Make W more hypotheses a sentence the newest: which keys each may see, (B, 1, W, N + W)."""
        newest = torch.eye(width, dtype=torch.bool, device=self.seen.device)
        self.seen = torch.cat((self.seen, newest.expand(len(self.seen), -1, -1)), -1)
        self.length += 1
        alone = self.seen.shape[-1] == self.length  # one hypothesis at every step: all is its past
        return None if alone else self.seen[:, None]


class Transformer(Seq2Seq):
    """Encoder and decoder of equal blocks over scaled embeddings with positions."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.source_embedding = nn.Embedding(config.source_vocabulary, config.width)
        self.target_embedding = (
            self.source_embedding if config.joint else nn.Embedding(config.target_vocabulary, config.width)
        )
        self.positions = position_layer(config)  # one for source and target
        self.dropout = Dropout(config.dropout)
        self.encoder = nn.ModuleList(EncoderBlock(config) for _ in range(config.encoder_layers))
        self.decoder = nn.ModuleList(DecoderBlock(config) for _ in range(config.decoder_layers))
        pre = config.norm == "pre"  # then the last sum of each stack is not yet normalised
        self.encoder_norm = nn.LayerNorm(config.width) if pre else nn.Identity()
        self.decoder_norm = nn.LayerNorm(config.width) if pre else nn.Identity()
        self.apply(initialize)
        if not pre:
            _start_small(self.encoder, 0.67 * config.encoder_layers**-0.25)
            _start_small(self.decoder, (9 * config.decoder_layers) ** -0.25)
        self.output_bias = nn.Parameter(torch.zeros(config.target_vocabulary)) if config.output_bias else None

    def encode(self, source: Tensor, mask: Tensor) -> Tensor:
        """See :class:`Seq2Seq`."""
        return self._encode(source, mask)[0]

    def start(self, memory: Tensor, mask: Tensor) -> TransformerState:
        """See :class:`Seq2Seq`."""
        return TransformerState(
            memory=[block.cross.keys_and_values(memory) for block in self.decoder],  # type: ignore[operator, union-attr]
            mask=mask,
            caches=[KeyValueCache() for _ in self.decoder],
            seen=torch.zeros(len(memory), 1, 0, dtype=torch.bool, device=memory.device),
        )

    def step(self, tokens: Tensor, state: State) -> Tensor:
        """See :class:`Seq2Seq`."""
        assert isinstance(state, TransformerState)
        x = self._embed_target(tokens[:, None], state.length).view(len(state.mask), -1, self.config.width)
        hidden, _, _ = self._decode(x, state.step(x.shape[1]), state, state.caches)  # (B, W, D)
        return self.logits(hidden.flatten(0, 1))

    def projection(self) -> Tensor:
        """The embedding matrix turned round (section 3.4)."""
        return self.target_embedding.weight

    def bias(self) -> Tensor | None:
        """See :class:`Seq2Seq`."""
        return self.output_bias

    def decode(self, source: Tensor, target_in: Tensor) -> Tensor:
        """See :class:`Seq2Seq`; all positions at once."""
        mask = padding_mask(source)
        state = self.start(self.encode(source, mask), mask)
        x = self._embed_target(target_in)
        return self._decode(x, self._target_mask(target_in), state, None)[0]

    def attention(self, source: Tensor, target_in: Tensor) -> AttentionMaps:
        """See :class:`Seq2Seq`."""
        mask = padding_mask(source)
        memory, encoder = self._encode(source, mask, weights=True)
        own_mask, state = self._target_mask(target_in), self.start(memory, mask)
        _, own, cross = self._decode(self._embed_target(target_in), own_mask, state, None, weights=True)
        return AttentionMaps(cross=torch.stack(cross), encoder=torch.stack(encoder), decoder=torch.stack(own))

    def _target_mask(self, target_in: Tensor) -> Tensor:
        """What target positions see of target_in (B, T): (T, T), or (B, 1, 1, T) where it is not causal."""
        if not self.config.causal:  # then nothing else hides the padding
            return padding_mask(target_in)
        return causal_mask(target_in.shape[1], target_in.device)

    def _encode(self, source: Tensor, mask: Tensor, weights: bool = False) -> tuple[Tensor, list[Tensor]]:
        x, maps = self._embed(self.source_embedding(source)), []
        for block in self.encoder:
            x, seen = block(x, mask, weights)
            maps.append(seen)
        return self.encoder_norm(x), maps

    def _decode(
        self,
        x: Tensor,
        mask: Tensor | None,
        state: TransformerState,
        caches: list[KeyValueCache] | None,
        weights: bool = False,
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        own_maps, cross_maps = [], []
        for layer, block in enumerate(self.decoder):
            cache = caches[layer] if caches else None
            x, own, cross = block(x, mask, state.memory[layer], state.mask, cache, weights)
            own_maps.append(own)
            cross_maps.append(cross)
        return self.decoder_norm(x), own_maps, cross_maps

    def _embed_target(self, target: Tensor, start: int = 0) -> Tensor:
        embedded = self.target_embedding(target)
        if start == 0:  # nothing comes before the first word: BOS enters as zeros, as in Marian
            embedded = functional.pad(embedded[:, 1:], (0, 0, 1, 0))
        return self._embed(embedded, start)

    def _embed(self, embedded: Tensor, start: int = 0) -> Tensor:
        scaled = embedded * math.sqrt(self.config.width)  # (B, T, D)
        placed: Tensor = self.dropout(self.positions(scaled, start))
        return placed


def initialize(module: nn.Module) -> None:
    """Glorot for linear layers, zero biases, and embeddings that have unit variance once scaled by √D."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, MultiHeadAttention):  # each of the three stacked matrices by itself
        for part in module.project.weight.chunk(3):
            nn.init.xavier_uniform_(part)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)


@torch.no_grad()
def _start_small(stack: nn.Module, factor: float) -> None:
    """Let what sublayers add be small at first: a post-norm model then learns as fast as a pre-norm one.

    The factors and the matrices they shrink (values, attention outputs, feed-forward) are those of
    T-Fixup (Huang et al. 2020, section 3.2).
    """
    for module in stack.modules():
        if isinstance(module, MultiHeadAttention):
            module.project.weight[-len(module.output.weight) :].mul_(factor)
            module.output.weight.mul_(factor)
        elif isinstance(module, FeedForward):
            module.inner.weight.mul_(factor)
            module.outer.weight.mul_(factor)
