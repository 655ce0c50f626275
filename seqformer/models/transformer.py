"""The Transformer of "Attention Is All You Need" (Vaswani et al. 2017), top to bottom.

B sentences, R rows (hypotheses), S source length, T target length, D width, H heads, V vocabulary.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqformer.config import number, one_of
from seqformer.errors import SeqformerError
from seqformer.models.attention import causal_mask, padding_mask
from seqformer.models.blocks import (
    ACTIVATIONS,
    MOST_FEED_FORWARD,
    NORMS,
    DecoderBlock,
    EncoderBlock,
    check_heads,
    initialize,
    start_small,
)
from seqformer.models.cache import KeyValueCache
from seqformer.models.dropout import Dropout
from seqformer.models.positions import POSITIONS, position_layer
from seqformer.models.seq2seq import CHAPTER, AttentionMaps, Output, Seq2Seq, Seq2SeqConfig, State

# small: by Glorot, embeddings of unit variance once scaled, and with post-norm smaller still, as in T-Fixup;
# torch: PyTorch's defaults, embeddings of unit variance before they are scaled
FIRST_WEIGHTS = ("small", "torch")

# d2l's own, and what suits its 512 pairs best by BLEU on the 128 others
BOOK: dict[str, Any] = {
    "norm": "post", "heads": 4, "feed_forward": 64, "initialization": "torch", "tie_output": False,
    "attention_bias": False, "learned_start": True,
}  # fmt: skip
BEST: dict[str, Any] = {
    "dropout": 0.3, "attention_dropout": 0.1, "label_smoothing": 0.2, "sentences_per_batch": 64,
    "schedule": "linear", "learning_rate": 1.5e-3, "warmup": 20, "max_epochs": 40, "validate_every": 40,
}  # fmt: skip


def _of(*, layers: int, **sizes: int) -> dict[str, Any]:
    """Return a preset of so many layers on each side; Muon trains each of these models faster than Adam."""
    return {"encoder_layers": layers, "decoder_layers": layers, **sizes, "optimizer": "muon"}


def _deep(decoder_layers: int) -> dict[str, Any]:
    """Return a preset that translates fast: the encoder runs once a sentence, the decoder once a piece.

    Kasai et al. (2021, "Deep Encoder, Shallow Decoder") show that such a model loses hardly anything where it
    learns from the translations of another. With 8,000 pieces and one decoder layer the weights take 4 MB in
    int8, as CTranslate2 writes them.
    """
    sizes = {"width": 160, "heads": 5, "feed_forward": 448}
    return {"encoder_layers": 6, "decoder_layers": decoder_layers, **sizes, "optimizer": "muon"}


@dataclass(frozen=True, kw_only=True)
class TransformerConfig(Seq2SeqConfig):
    """The shape of a Transformer (section 3 and table 3)."""

    arch: ClassVar = "transformer"
    # the paper's base model, smaller ones that learn on two processor cores, and those of d2l
    presets: ClassVar = {
        "toy": {"encoder_layers": 2, "decoder_layers": 2, "width": 128, "heads": 8, "feed_forward": 256},
        "tiny": _of(layers=4, width=128, heads=4, feed_forward=256),
        "small": _of(layers=3, width=256, heads=4, feed_forward=1024),
        "base": _of(layers=6, width=512, heads=8, feed_forward=2048),
        "deep-shallow": _deep(decoder_layers=1),
        "deep-shallow-2": _deep(decoder_layers=2),
        "d2l": CHAPTER | BOOK | {
            "dropout": 0.2, "attention_dropout": 0.2, "learning_rate": 1.5e-3, "max_epochs": 30,
            "validate_every": 120,
        },
        "d2l-best": CHAPTER | BOOK | BEST,
    }  # fmt: skip
    heads: int = number(4, least=1)  # H
    feed_forward: int = number(1024, least=1, most=MOST_FEED_FORWARD)  # the paper's d_ff
    norm: str = one_of("post", NORMS)  # LayerNorm after each residual sum (the paper), or before sublayers
    positions: str = one_of("sinusoidal", POSITIONS)
    max_positions: int = number(512, least=1, most=1 << 24)  # of learned positions; sinusoids have no end
    causal: bool = True  # False, an experiment: in training each target position sees those after it
    activation: str = one_of("relu", tuple(ACTIVATIONS))
    initialization: str = one_of("small", FIRST_WEIGHTS)
    tie_output: bool = True  # the target embeddings are the output matrix too (section 3.4)
    attention_bias: bool = True  # in the projections of attention
    learned_start: bool = False  # decoding begins from a vector that is learned, and not from zeros

    def __post_init__(self) -> None:
        super().__post_init__()
        check_heads(self.width, self.heads)
        if self.width % 2 and self.positions.startswith("sinusoidal"):
            raise SeqformerError(f"width {self.width} is odd: sines and cosines come in pairs")

    def describe(self) -> str:
        """Return the shape in words, with the settings that differ from their defaults."""
        usual = {each.name: each.default for each in dataclasses.fields(self)}
        changed = (
            "norm", "positions", "causal", "activation", "output_bias", "attention_dropout", "initialization",
            "tie_output", "attention_bias", "learned_start",
        )  # fmt: skip
        own = ["heads", "feed_forward", *(n for n in changed if getattr(self, n) != usual[n])]
        return ", ".join([super().describe(), *(f"{n.replace('_', ' ')} {getattr(self, n)}" for n in own)])

    @staticmethod
    def preset_for(examples: int) -> str:
        """Return the preset that suits this many training pairs."""
        return "tiny" if examples < 20_000 else "small" if examples < 300_000 else "base"


@dataclass
class TransformerState:
    """Keys and values of the memory of each sentence, and of all hypotheses of its target so far.

    A key never moves when hypotheses are reordered: those of a sentence lie side by side, W more with
    each step, and ``seen`` marks those that a hypothesis descends from.
    """

    memory: list[tuple[Tensor, Tensor]]  # a layer: (B, H, S, K) twice
    mask: Tensor  # (B, 1, 1, S)
    caches: list[KeyValueCache]  # a layer: (B, H, N, K)
    seen: Tensor  # (B, W, N)
    output: Output
    length: int = 0  # target positions so far

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> None:
        """Keep these hypotheses, in this order, and these sentences (None: all)."""
        if sentences is not None:
            for cache in self.caches:
                cache.select(sentences)
            self.memory = [(key[sentences], value[sentences]) for key, value in self.memory]
            self.mask = self.mask[sentences]
        self.seen = self.seen.flatten(0, 1)[rows].view(len(self.mask), -1, self.seen.shape[-1])

    def step(self, width: int) -> Tensor | None:
        """Add W keys a sentence; return which keys the hypotheses may see, (B, 1, W, N + W), or None: all."""
        newest = torch.eye(width, dtype=torch.bool, device=self.seen.device)
        self.seen = torch.cat((self.seen, newest.expand(len(self.seen), -1, -1)), -1)
        self.length += 1
        alone = self.seen.shape[-1] == self.length  # one hypothesis at every step: all keys are its own
        return None if alone else self.seen[:, None]


class Transformer(Seq2Seq):
    """Encoder and decoder of equal blocks over scaled embeddings with positions."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.source_embedding = nn.Embedding(config.source_vocabulary, config.width)
        self.target_embedding = (
            self.source_embedding if config.joint else nn.Embedding(config.target_vocabulary, config.width)
        )
        self.positions = position_layer(
            config.positions, config.width, config.max_positions
        )  # one for source and target
        self.dropout = Dropout(config.dropout)
        self.encoder = nn.ModuleList(EncoderBlock(config) for _ in range(config.encoder_layers))
        self.decoder = nn.ModuleList(DecoderBlock(config) for _ in range(config.decoder_layers))
        pre = config.norm == "pre"  # then the last sum of each stack is not yet normalised
        self.encoder_norm = nn.LayerNorm(config.width) if pre else nn.Identity()
        self.decoder_norm = nn.LayerNorm(config.width) if pre else nn.Identity()
        size = config.target_vocabulary
        self.output = None if config.tie_output else nn.Linear(config.width, size, bias=False)
        self.output_bias = nn.Parameter(torch.zeros(size)) if config.output_bias else None
        self.guided_head = (max(1, config.decoder_layers - 1), 1)
        self.longest = config.max_positions if config.positions == "learned" else None
        if config.initialization == "small":
            self._initialize()

    def _initialize(self) -> None:
        """Draw the first weights anew: PyTorch's defaults suit a post-norm model less."""
        self.apply(initialize)
        if self.config.norm == "post":
            start_small(self.encoder, 0.67 * self.config.encoder_layers**-0.25)
            start_small(self.decoder, (9 * self.config.decoder_layers) ** -0.25)

    @property
    def position_bytes(self) -> int:
        """The bytes of fp32 keys and values; the cache makes twice the room it needs."""
        return 2 * 2 * 4 * self.config.width * self.config.decoder_layers

    def encode(self, source: Tensor, mask: Tensor) -> Tensor:
        """Encode source ids (B, S) into the memory (B, S, D)."""
        return self._encode(source, mask)[0]

    def start(self, memory: Tensor, mask: Tensor, pieces: Tensor | None = None) -> TransformerState:
        """Return the state before the first target token, from a memory (B, S, D)."""
        return TransformerState(
            memory=[block.cross.keys_and_values(memory) for block in self.decoder],  # type: ignore[operator, union-attr]
            mask=mask,
            caches=[KeyValueCache() for _ in self.decoder],
            seen=torch.zeros(len(memory), 1, 0, dtype=torch.bool, device=memory.device),
            output=self.output_of(pieces),
        )

    def step(self, tokens: Tensor, state: State) -> Tensor:
        """Feed the newest token of each hypothesis, (R,), and return logits (R, V) for the next."""
        assert isinstance(state, TransformerState)
        x = self._embed_target(tokens[:, None], state.length).view(len(state.mask), -1, self.config.width)
        hidden, _, _ = self._decode(x, state.step(x.shape[1]), state, state.caches)  # (B, W, D)
        return state.output(hidden.flatten(0, 1))

    def projection(self) -> Tensor:
        """Return the output matrix (V, D): that of the target embeddings, if tied."""
        return (self.output or self.target_embedding).weight

    def bias(self) -> Tensor | None:
        """Return the bias of the logits, (V,), or None."""
        return self.output_bias

    def decode(self, source: Tensor, target_in: Tensor) -> Tensor:
        """Return hidden states (B, T, D) of targets (B, T), all positions at once."""
        mask = padding_mask(source)
        state = self.start(self.encode(source, mask), mask)
        x = self._embed_target(target_in)
        return self._decode(x, self._target_mask(target_in), state, None)[0]

    def guided(self, source: Tensor, target_in: Tensor) -> tuple[Tensor, Tensor]:
        """Return hidden states (B, T, D) of targets (B, T), and the weights (B, T, S) of the guided head.

        It is the first head of the last layer but one. All other attention is computed as ever.
        """
        mask, layer = padding_mask(source), self.guided_head[0] - 1
        state = self.start(self.encode(source, mask), mask)
        x = self._embed_target(target_in)
        hidden, _, cross = self._decode(x, self._target_mask(target_in), state, None, cross_of=layer)
        return hidden, cross[layer][:, 0]

    def attention(self, source: Tensor, target_in: Tensor) -> AttentionMaps:
        """Return the weights of every layer and head for sources (B, S) and targets (B, T)."""
        mask = padding_mask(source)
        memory, encoder = self._encode(source, mask, weights=True)
        own_mask, state = self._target_mask(target_in), self.start(memory, mask)
        _, own, cross = self._decode(self._embed_target(target_in), own_mask, state, None, weights=True)
        return AttentionMaps(cross=torch.stack(cross), encoder=torch.stack(encoder), decoder=torch.stack(own))

    def _target_mask(self, target_in: Tensor) -> Tensor:
        """Return what target positions see of target_in (B, T): (T, T), or (B, 1, 1, T) if not causal."""
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
        cross_of: int | None = None,  # the layer of which only the weights of cross-attention are needed
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        own_maps, cross_maps = [], []
        for layer, block in enumerate(self.decoder):
            cache = caches[layer] if caches else None
            x, own, cross = block(
                x, mask, state.memory[layer], state.mask, cache, weights, cross_weights=layer == cross_of
            )
            own_maps.append(own)
            cross_maps.append(cross)
        return self.decoder_norm(x), own_maps, cross_maps

    def target_rows(self, target: Tensor, start: int = 0) -> Tensor:
        """Return the embeddings (B, T, D) of targets (B, T), whose first position is number ``start``."""
        embedded: Tensor = self.target_embedding(target)
        # nothing comes before the first word: BOS enters as zeros, as in Marian, if nothing is learned
        if start == 0 and not self.config.learned_start:
            embedded = functional.pad(embedded[:, 1:], (0, 0, 1, 0))
        return embedded

    def _embed_target(self, target: Tensor, start: int = 0) -> Tensor:
        return self._embed(self.target_rows(target, start), start)

    def _embed(self, embedded: Tensor, start: int = 0) -> Tensor:
        scaled = embedded * math.sqrt(self.config.width)  # (B, T, D)
        placed: Tensor = self.dropout(self.positions(scaled, start))
        return placed
