"""Models: their inputs are ids, pixels and masks, never text.

A new architecture is one file (its configuration and presets, its state, the model) and one line here.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from torch import nn

from seqformer.errors import DamagedError, nearest
from seqformer.models.bahdanau import Bahdanau, BahdanauConfig
from seqformer.models.seq2seq import Seq2SeqConfig
from seqformer.models.transformer import Transformer, TransformerConfig
from seqformer.models.vit import VisionTransformer, VitConfig
from seqformer.storage.records import from_json

ARCHITECTURES: dict[str, tuple[type[Any], type[nn.Module]]] = {
    "transformer": (TransformerConfig, Transformer),
    "bahdanau": (BahdanauConfig, Bahdanau),
    "vit": (VitConfig, VisionTransformer),
}
ModelConfig = Seq2SeqConfig | VitConfig


def build(config: ModelConfig) -> Any:
    """Return a model of the configured architecture, freshly initialised."""
    return ARCHITECTURES[config.arch][1](config)


def to_json(config: ModelConfig) -> dict[str, Any]:
    """Return the configuration as plain JSON values, the name of the architecture first."""
    return {"arch": config.arch, **dataclasses.asdict(config)}


def config_from_json(values: object, where: str) -> ModelConfig:
    """Return the configuration that :func:`to_json` wrote; :class:`DamagedError` names a wrong field."""
    if not isinstance(values, dict) or values.get("arch") not in ARCHITECTURES:
        arch = values.get("arch") if isinstance(values, dict) else values
        raise DamagedError(
            f"{where}: architecture {arch!r} is not known: {nearest(str(arch), ARCHITECTURES)}"
        )
    kind: type[ModelConfig] = ARCHITECTURES[values["arch"]][0]
    return from_json(kind, {name: value for name, value in values.items() if name != "arch"}, where)
