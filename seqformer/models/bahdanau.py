"""The encoder-decoder of Bahdanau et al. 2015 ("Neural Machine Translation by Jointly Learning to Align
and Translate"), with gated recurrent units as in Dive into Deep Learning, "The Bahdanau Attention Mechanism".

B sentences, R rows (hypotheses; a multiple of B), S source length, T target length, D width, L decoder
layers, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqformer.config import number, one_of
from seqformer.errors import SeqformerError
from seqformer.models.attention import AdditiveAttention, padding_mask
from seqformer.models.blocks import MOST_LAYERS
from seqformer.models.dropout import Dropout
from seqformer.models.seq2seq import CHAPTER, AttentionMaps, Output, Seq2Seq, Seq2SeqConfig, State


def _glorot(module: nn.Module) -> None:
    """Initialise linear and recurrent weights by Glorot, biases to zero; embeddings keep unit variance."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.GRU):
        for name, parameter in module.named_parameters():
            if "weight" in name:
                for gate in parameter.data.chunk(3):  # reset, update, new
                    nn.init.xavier_uniform_(gate)
            else:
                nn.init.zeros_(parameter)


def _xavier(module: nn.Module) -> None:
    """Initialise the same by Glorot, but the gates as one matrix, and biases as PyTorch does (d2l)."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, nn.GRU):
        for name, parameter in module.named_parameters():
            if "weight" in name:
                nn.init.xavier_uniform_(parameter)


FIRST_WEIGHTS = {"glorot": _glorot, "xavier": _xavier}


@dataclass(frozen=True, kw_only=True)
class BahdanauConfig(Seq2SeqConfig):
    """The shape of a recurrent encoder-decoder."""

    arch: ClassVar = "bahdanau"
    presets: ClassVar = {
        "gru": {},
        "d2l-bahdanau": CHAPTER | {
            "dropout": 0.4, "dropout_embeddings": False, "attention_dropout": 0.4, "initialization": "xavier",
            "learning_rate": 5e-3, "max_epochs": 15, "validate_every": 60,
        },
    }  # fmt: skip
    encoder_layers: int = number(2, least=1, most=MOST_LAYERS)
    decoder_layers: int = number(2, least=1, most=MOST_LAYERS)
    dropout: float = number(0.2, below=1)
    bidirectional: bool = False  # the encoder reads the source in both directions
    initialization: str = one_of("glorot", tuple(FIRST_WEIGHTS))
    dropout_embeddings: bool = True  # dropout of embeddings too, not of what passes between layers alone

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bidirectional and self.width % 2:
            raise SeqformerError(f"width {self.width} is odd: the two directions share it evenly")

    def describe(self) -> str:
        """Return the shape in words."""
        return super().describe() + (", bidirectional" if self.bidirectional else "")

    @staticmethod
    def preset_for(examples: int) -> str:
        """Return the preset that suits this many training pairs."""
        return "gru"


@dataclass
class BahdanauState:
    """The encoder states of each sentence, and the decoder's hidden states of each hypothesis."""

    keys: Tensor  # (B, S, D), projected for additive attention
    values: Tensor  # (B, S, D)
    mask: Tensor  # (B, 1, S)
    hidden: Tensor  # (L, R, D)
    output: Output

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> None:
        """Keep these hypotheses, in this order, and these sentences (None: all)."""
        self.hidden = self.hidden[:, rows]
        if sentences is not None:
            self.keys, self.values = self.keys[sentences], self.values[sentences]
            self.mask = self.mask[sentences]


class Encoder(nn.Module):
    """Gated recurrent units over the source; if in both directions, each has half of the width."""

    def __init__(self, config: BahdanauConfig) -> None:
        super().__init__()
        self.both = config.bidirectional
        self.units = nn.GRU(
            config.width,
            config.width // (2 if self.both else 1),
            config.encoder_layers,
            batch_first=True,
            dropout=config.dropout if config.encoder_layers > 1 else 0.0,
            bidirectional=self.both,
        )

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Encode: embedded (B, S, D), mask (B, 1, 1, S) -> states of the last layer (B, S, D).

        Packing makes the backward direction begin at the last word, not in the padding.
        """
        lengths = mask[:, 0, 0].sum(-1).cpu()
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(
            self.units(packed)[0], batch_first=True, total_length=embedded.shape[1]
        )
        return states

    def whole(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return the states (B, D) that have read a whole sentence: at its end, backwards at its start."""
        rows = torch.arange(len(states), device=states.device)
        last = states[rows, mask[:, 0, 0].sum(-1) - 1]
        if not self.both:
            return last
        half = states.shape[-1] // 2
        return torch.cat((last[:, :half], states[:, 0, half:]), -1)


class Bahdanau(Seq2Seq):
    """A recurrent decoder that attends to all encoder states before each word.

    A small layer makes its first hidden states from the encoder states that have read the whole source
    (appendix A.2.2), so encoder and decoder may differ in layers and directions.
    """

    def __init__(self, config: BahdanauConfig) -> None:
        super().__init__()
        self.config = config
        width, layers = config.width, config.decoder_layers
        self.source_embedding = nn.Embedding(config.source_vocabulary, width)
        self.target_embedding = (
            self.source_embedding if config.joint else nn.Embedding(config.target_vocabulary, width)
        )
        self.dropout = Dropout(config.dropout if config.dropout_embeddings else 0.0)
        self.encoder = Encoder(config)
        self.bridge = nn.Linear(width, layers * width)
        self.attend = AdditiveAttention(width, width, width, config.attention_dropout)
        self.units = nn.GRU(
            2 * width, width, layers, batch_first=True, dropout=config.dropout if layers > 1 else 0.0
        )
        self.output = nn.Linear(width, config.target_vocabulary, bias=config.output_bias)
        self.apply(FIRST_WEIGHTS[config.initialization])

    @property
    def position_bytes(self) -> int:
        """The bytes of a source position, fp32: its state and its key; targets need none."""
        return 2 * 4 * self.config.width

    def hidden_matrices(self) -> dict[str, int]:
        """Return the matrices of units (of three gates each), attention and bridge, and the gates of each."""
        stacked = {name: 3 for name, _ in self.named_parameters() if "units.weight" in name}
        return stacked | dict.fromkeys(("attend.query.weight", "attend.key.weight", "bridge.weight"), 1)

    def encode(self, source: Tensor, mask: Tensor) -> Tensor:
        """Encode source ids (B, S) into the memory (B, S, D), the states of the last layer."""
        states: Tensor = self.encoder(self.dropout(self.source_embedding(source)), mask)
        return states

    def start(self, memory: Tensor, mask: Tensor, pieces: Tensor | None = None) -> BahdanauState:
        """Return the state before the first target token, from a memory (B, S, D)."""
        first = torch.tanh(self.bridge(self.encoder.whole(memory, mask)))  # (B, L * D)
        return BahdanauState(
            keys=self.attend.key(memory),
            values=memory,
            mask=mask[:, 0],
            hidden=first.view(len(memory), self.config.decoder_layers, -1).transpose(0, 1).contiguous(),
            output=self.output_of(pieces),
        )

    def step(self, tokens: Tensor, state: State) -> Tensor:
        """Feed the newest token of each hypothesis, (R,), and return logits (R, V) for the next."""
        assert isinstance(state, BahdanauState)
        hidden, _ = self._decode(tokens[:, None], state)
        return state.output(hidden[:, 0])

    def projection(self) -> Tensor:
        """Return the output matrix (V, D)."""
        return self.output.weight

    def bias(self) -> Tensor | None:
        """Return the bias of the logits, (V,), or None."""
        return self.output.bias

    def decode(self, source: Tensor, target_in: Tensor) -> Tensor:
        """Return hidden states (B, T, D) of targets (B, T), one by one: each query needs the state before."""
        mask = padding_mask(source)
        return self._decode(target_in, self.start(self.encode(source, mask), mask))[0]

    def guided(self, source: Tensor, target_in: Tensor) -> tuple[Tensor, Tensor]:
        """Return hidden states (B, T, D) of targets (B, T), and the weights (B, T, S) of the only head."""
        mask = padding_mask(source)
        return self._decode(target_in, self.start(self.encode(source, mask), mask))

    def attention(self, source: Tensor, target_in: Tensor) -> AttentionMaps:
        """Return the weights of the only layer and head for sources (B, S) and targets (B, T)."""
        mask = padding_mask(source)
        _, weights = self._decode(target_in, self.start(self.encode(source, mask), mask))
        return AttentionMaps(cross=weights[None, :, None])

    def _decode(self, target: Tensor, state: BahdanauState) -> tuple[Tensor, Tensor]:
        """Feed targets (R, T), updating the state: hidden states (R, T, D), weights (B, R/B * T, S)."""
        hidden, weights = [], []
        for embedded in self.dropout(self.target_embedding(target)).unbind(1):  # (R, D)
            context, row_weights = self._look(state)
            fed = torch.cat((context, embedded), -1)[:, None]  # (R, 1, 2D)
            out, state.hidden = self.units(fed, state.hidden)
            hidden.append(out)
            weights.append(row_weights)
        return torch.cat(hidden, 1), torch.cat(weights, 1)

    def _look(self, state: BahdanauState) -> tuple[Tensor, Tensor]:
        """Return the context (R, D) of each hypothesis and its weights (B, R/B, S).

        The hypotheses of one sentence follow each other and share its keys as further queries.
        """
        query = state.hidden[-1]  # (R, D)
        query = query.view(len(state.keys), -1, query.shape[-1])  # (B, R/B, D)
        context, weights = self.attend(query, state.keys, state.values, state.mask)
        return context.flatten(0, 1), weights
