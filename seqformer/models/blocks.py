"""The blocks that encoders and decoders are made of (Vaswani et al. 2017, sections 3.1 and 3.3).

B sentences, R rows (hypotheses), S source length, T target length, D width, H heads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqformer.errors import SeqformerError
from seqformer.models.attention import MultiHeadAttention
from seqformer.models.cache import KeyValueCache
from seqformer.models.dropout import Dropout

NORMS = ("post", "pre")
MOST_LAYERS, MOST_WIDTH, MOST_FEED_FORWARD = 256, 1 << 16, 1 << 18  # more than any machine trains
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu_,  # in place: its backward pass needs the result only
    "gelu": functional.gelu,
    "silu": functional.silu,
}


def check_heads(width: int, heads: int) -> None:
    """Refuse a width that is not a multiple of the number of heads."""
    if width % heads:
        raise SeqformerError(f"width {width} cannot be shared among {heads} heads evenly")


class BlockConfig(Protocol):
    """The settings that a block needs; every configuration of a model made of blocks has them."""

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
    @property
    def attention_bias(self) -> bool: ...
    @property
    def attention_dropout(self) -> float: ...


def attention_layer(config: BlockConfig) -> MultiHeadAttention:
    """Return the attention of a block."""
    return MultiHeadAttention(
        config.width, config.heads, bias=config.attention_bias, dropout=config.attention_dropout
    )


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
    """The residual sum, dropout and LayerNorm around a sublayer.

    post-norm (the paper)  LayerNorm(x + sublayer(x))
    pre-norm               x + sublayer(LayerNorm(x))
    """

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.dropout = Dropout(config.dropout)
        self.pre = config.norm == "pre"

    def before(self, x: Tensor) -> Tensor:
        """Return the input of the sublayer."""
        normed: Tensor = self.norm(x) if self.pre else x
        return normed

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        """Join x and the output y of the sublayer."""
        joined: Tensor = x + self.dropout(y)
        return joined if self.pre else self.norm(joined)


class EncoderBlock(nn.Module):
    """Self-attention, then feed-forward."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.attention = attention_layer(config)
        self.feed_forward = FeedForward(config)
        self.first, self.second = Residual(config), Residual(config)

    def forward(self, x: Tensor, mask: Tensor | None, weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """Apply the block: x (B, S, D) -> the same shape, and the weights (B, H, S, S) if asked for."""
        y, maps = self.attention(self.first.before(x), mask, weights=weights)
        x = self.first.after(x, y)
        return self.second.after(x, self.feed_forward(self.second.before(x))), maps


class DecoderBlock(nn.Module):
    """Masked self-attention, attention over the memory, then feed-forward."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.attention, self.cross = attention_layer(config), attention_layer(config)
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
        cross_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Apply the block: x (R, T, D) -> (R, T, D), own weights (R, H, T, T), cross weights (B, H, T, S).

        Both weights are returned if ``weights`` are asked for, and those of cross-attention also by
        themselves.
        """
        y, own = self.attention(self.first.before(x), mask, cache=cache, weights=weights)
        x = self.first.after(x, y)
        y, cross = self.cross.cross(
            self.second.before(x), memory, memory_mask, weights=weights or cross_weights
        )
        x = self.second.after(x, y)
        return self.third.after(x, self.feed_forward(self.third.before(x))), own, cross


def initialize(module: nn.Module) -> None:
    """Initialise linear layers by Glorot, biases to zero, embeddings to unit variance once scaled by √D."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, MultiHeadAttention):  # each of the three stacked matrices by itself
        for part in module.project.weight.chunk(3):
            nn.init.xavier_uniform_(part)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)


def hidden_matrices(model: nn.Module) -> dict[str, int]:
    """Return the weights of attention and feed-forward by name, and how many matrices each stacks."""
    matrices: dict[str, int] = {}
    for name, module in model.named_modules():
        if isinstance(module, MultiHeadAttention):
            matrices |= {f"{name}.project.weight": 3, f"{name}.output.weight": 1}
        elif isinstance(module, FeedForward):
            matrices |= {f"{name}.inner.weight": 1, f"{name}.outer.weight": 1}
    return matrices


@torch.no_grad()
def start_small(stack: nn.Module, factor: float) -> None:
    """Shrink what sublayers add at first: a post-norm model then learns as fast as a pre-norm one.

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
