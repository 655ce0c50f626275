"""Configurations are checked when made and refuse what they do not know."""

from __future__ import annotations

import pytest

from seqformer.config import DecodeConfig, ModelConfig, TrainConfig, to_json
from seqformer.errors import SeqformerError
from seqformer.storage.records import from_json


@pytest.mark.parametrize("config", [ModelConfig(9, 9), TrainConfig(max_minutes=2), DecodeConfig(beam=3)])
def test_there_and_back(config: ModelConfig | TrainConfig | DecodeConfig) -> None:
    assert from_json(type(config), to_json(config), "x") == config


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
        ({"width": 9, "heads": 3}, "sines and cosines, and directions"),
        ({"positions": "learned", "max_positions": 0}, "max positions is 0"),
        ({"norm": "pots"}, "did you mean 'post'"),
        ({"arch": "transfomer"}, "did you mean 'transformer'"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(SeqformerError, match=message):
        from_json(ModelConfig, to_json(ModelConfig(9, 9)) | change, "config.json")


def test_missing_and_other_shapes() -> None:
    with pytest.raises(SeqformerError, match="'source_vocabulary' is missing"):
        from_json(ModelConfig, {"target_vocabulary": 4}, "x")
    with pytest.raises(SeqformerError, match="expected an object"):
        from_json(TrainConfig, [1], "x")
    with pytest.raises(SeqformerError, match="beam of at least 4"):
        DecodeConfig(beam=3, n_best=4)
    with pytest.raises(SeqformerError, match="at least"):
        TrainConfig(learning_rate=float("nan"))
