"""Every number that ``explain`` shows, against an independent pass in NumPy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy_models
import pytest
import torch
from conftest import Command

from seqformer import api
from seqformer.errors import SeqformerError
from seqformer.models import build
from seqformer.models.bahdanau import BahdanauConfig
from seqformer.models.trace import Traced, trace, trace_image
from seqformer.models.transformer import TransformerConfig
from seqformer.models.vit import VitConfig
from seqformer.report.explanation import explained

SOURCE, TARGET = [5, 7, 9, 6, 3], [2, 8, 4, 11]
SMALL: dict[str, Any] = {"source_vocabulary": 13, "target_vocabulary": 13, "width": 8, "dropout": 0.0}
BLOCKS = SMALL | {"heads": 2, "feed_forward": 12, "encoder_layers": 2, "decoder_layers": 2}
MODELS = [
    TransformerConfig(**BLOCKS),
    TransformerConfig(**BLOCKS, norm="pre", activation="gelu", positions="learned", max_positions=20),
    TransformerConfig(
        **BLOCKS | {"joint": False, "target_vocabulary": 14}, tie_output=False, output_bias=True
    ),
    TransformerConfig(**BLOCKS, attention_bias=False, learned_start=True, initialization="torch"),
    BahdanauConfig(**SMALL),
    BahdanauConfig(**SMALL | {"joint": False, "decoder_layers": 1}, bidirectional=True, output_bias=True),
]


def close(traced: list[Traced], numbers: numpy_models.Numbers) -> None:
    assert [(t.part, t.name) for t in traced] and {(t.part, t.name) for t in traced} == set(numbers)
    for each in traced:
        wanted = numbers[each.part, each.name]
        assert tuple(each.values.shape) == wanted.shape, (each.part, each.name)
        np.testing.assert_allclose(
            each.values.double().numpy(), wanted, atol=1e-4, rtol=1e-4, err_msg=f"{each.part}: {each.name}"
        )


def weights_of(model: torch.nn.Module) -> numpy_models.Weights:
    return {name: value.double().numpy() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("config", MODELS, ids=lambda c: c.describe())
def test_numbers_equal_those_of_an_independent_pass(config: Any) -> None:
    torch.manual_seed(1)
    model: Any = build(config).eval()
    for value in model.parameters():  # norms and biases that do something
        value.data += 0.1 * torch.randn_like(value)
    source, target = torch.tensor(SOURCE), torch.tensor(TARGET)
    traced = trace(model, source, target)
    again = getattr(numpy_models, config.arch)(weights_of(model), config, SOURCE, TARGET)
    close(traced, again)
    with torch.no_grad():
        logits = model.logits(model.decode(source[None], target[None]))[0]
        maps = model.attention(source[None], target[None])
    found = {(t.part, t.name): t.values for t in traced}
    torch.testing.assert_close(found["output", "logits"], logits, atol=1e-5, rtol=1e-5)
    last = "decoder 2, cross-attention" if config.arch == "transformer" else "attention"
    weights = found[last, "weights"]
    torch.testing.assert_close(weights.view(-1, *weights.shape[-2:]), maps.cross[-1, 0], atol=1e-5, rtol=1e-5)
    assert all(box.formula and box.why for box in explained(traced, config))


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_numbers_of_an_image(norm: str) -> None:
    torch.manual_seed(1)
    config = VitConfig(
        image_height=8, image_width=12, channels=2, classes=3, patch=4, width=8, heads=2, feed_forward=12,
        encoder_layers=2, dropout=0.0, norm=norm,
    )  # fmt: skip
    model: Any = build(config).eval()
    for value in model.parameters():
        value.data += 0.1 * torch.randn_like(value)
    image = torch.rand(2, 8, 12)
    traced = trace_image(model, image)
    close(traced, numpy_models.vit(weights_of(model), config, image.double().numpy()))
    with torch.no_grad():
        torch.testing.assert_close(traced[-2].values, model.classify(image[None]), atol=1e-5, rtol=1e-5)


def test_a_sentence_is_explained_as_it_is_translated(trained: Path, command: Command) -> None:
    model = api.load(trained)
    for beam in (1, 3):
        told = model.explain("le chat mange", beam=beam)
        best = model.translate("le chat mange", beam=beam)
        assert told.answer == best.text and told.pieces["target"] == ["<s>", *best.tokens]
        assert told.pieces["source"][-1] == "</s>" and len(told.ids) == len(told.pieces["source"])
        ended = [(pieces, score) for step in told.beams for pieces, score in step.ended]
        assert max(score for _, score in ended) == pytest.approx(best.score, abs=1e-5)
        assert all(len(step.alive) <= beam for step in told.beams)
        assert len(told.beams[0].alive[0][0]) == 1
    code, out, _ = command("explain", "le chat mange", "--run", trained, "--json")
    values = json.loads(out)
    assert code == 0 and len(values["boxes"]) == len(told.boxes) and values["answer"] == told.answer
    probabilities = np.asarray(values["boxes"][-1]["values"])
    assert probabilities.sum(-1) == pytest.approx(np.ones(len(probabilities)), abs=1e-4)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--box", "wieghts"), "did you mean 'weights'"),
        (("--layer", 9), "there is no layer 9"),
        (("--head", 9), "there is no head 9"),
        (("--step", 99), "there is no step 99"),
    ],
)
def test_what_is_not_there(trained: Path, command: Command, options: tuple[Any, ...], why: str) -> None:
    code, out, err = command("explain", "le chat", "--run", trained, *options)
    assert code and why in err and not out


def test_one_box_one_head_one_step(trained: Path, command: Command) -> None:
    code, out, _ = command(
        "explain", "le chat mange", "--run", trained, "--box", "weights", "--head", 1, "--step", 2
    )
    assert code == 0 and "cross-attention: weights" in out and "head 1" in out and "head 2" not in out
    with pytest.raises(SeqformerError, match="blank"):
        api.load(trained).explain("  ")
    with pytest.raises(SeqformerError, match="one model"):
        api.load([trained, trained]).explain("le chat")
