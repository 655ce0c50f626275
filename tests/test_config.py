"""Configurations are checked when made and refuse what they do not know."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from seqformer.config import Config, DecodeConfig, PrepareConfig, TrainConfig
from seqformer.errors import SeqformerError
from seqformer.models import (
    BahdanauConfig,
    ModelConfig,
    TransformerConfig,
    VitConfig,
    config_from_json,
    to_json,
)
from seqformer.storage.records import from_json

SIZES: dict[str, Any] = {"source_vocabulary": 9, "target_vocabulary": 9}


@pytest.mark.parametrize(
    "config", [TrainConfig(max_minutes=2), DecodeConfig(beam=3), PrepareConfig(lowercase=True)]
)
def test_there_and_back(config: Config) -> None:
    assert from_json(type(config), dataclasses.asdict(config), "x") == config


@pytest.mark.parametrize(
    "config",
    [
        TransformerConfig(**SIZES, width=32, norm="pre"),
        BahdanauConfig(**SIZES, bidirectional=True),
        VitConfig(image_height=28, image_width=28, channels=1, classes=10),
    ],
)
def test_a_model_there_and_back(config: ModelConfig) -> None:
    """The architecture is written first, and found again by its name."""
    values = to_json(config)
    assert next(iter(values)) == "arch" and config_from_json(values, "x") == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widht": 3}, "did you mean 'width'"),
        ({"width": "wide"}, "'width' is 'wide', expected int"),
        ({"width": True}, "expected int"),
        ({"heads": 3}, "cannot be shared among 3 heads"),
        ({"width": 0}, "at least 1"),
        ({"dropout": 1.0}, "below 1"),
        ({"positions": "lerned"}, "did you mean 'learned'"),
        ({"width": 9, "heads": 3}, "sines and cosines come in pairs"),
        ({"arch": "bahdanau", "bidirectional": True, "width": 9}, "the two directions share it evenly"),
        ({"arch": "bahdanau", "heads": 2}, "'heads' is not a field of BahdanauConfig"),
        ({"joint": True, "target_vocabulary": 8}, "a joint vocabulary has one size"),
        ({"positions": "learned", "max_positions": 0}, "max positions is 0"),
        ({"norm": "pots"}, "did you mean 'post'"),
        ({"arch": "transfomer"}, "did you mean 'transformer'"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(SeqformerError, match=message):
        config_from_json({"arch": "transformer", **SIZES, **change}, "config.json")


def test_what_an_older_version_wrote_has_the_usual_value() -> None:
    later = ["initialization", "tie_output", "attention_bias", "attention_dropout", "learned_start"]
    config = TransformerConfig(**SIZES, width=32)
    values = {name: value for name, value in to_json(config).items() if name not in later}
    assert config_from_json(values, "x") == config
    recipe = dataclasses.asdict(TrainConfig(max_steps=3))
    del recipe["adam_beta2"], recipe["sentences_per_batch"]
    assert from_json(TrainConfig, recipe, "x") == TrainConfig(max_steps=3)


def test_missing_and_other_shapes() -> None:
    with pytest.raises(SeqformerError, match="'source_vocabulary' is missing"):
        config_from_json({"arch": "transformer", "target_vocabulary": 4}, "x")
    with pytest.raises(SeqformerError, match=r"architecture .* is not known"):
        config_from_json(SIZES, "x")
    with pytest.raises(SeqformerError, match="expected an object"):
        from_json(TrainConfig, [1], "x")
    with pytest.raises(SeqformerError, match="beam of at least 4"):
        DecodeConfig(beam=3, n_best=4)
    with pytest.raises(SeqformerError, match="at least"):
        TrainConfig(learning_rate=float("nan"))
