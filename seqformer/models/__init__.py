"""Encoder-decoder models. They see ids and masks, never text."""

from __future__ import annotations

from seqformer.config import ModelConfig
from seqformer.models.seq2seq import Seq2Seq


def build(config: ModelConfig) -> Seq2Seq:
    """A model of the configured architecture, freshly initialised."""
    from seqformer.models.bahdanau import Bahdanau
    from seqformer.models.transformer import Transformer

    kinds: dict[str, type[Bahdanau] | type[Transformer]] = {"transformer": Transformer, "bahdanau": Bahdanau}
    return kinds[config.arch](config)
