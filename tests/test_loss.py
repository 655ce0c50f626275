"""The chunked projection and loss is the ordinary one, in value and in gradient."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from seqformer.models import loss as module
from seqformer.models.dropout import Dropout
from seqformer.models.loss import projection_loss


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_equals_the_unchunked_loss(smoothing: float, scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOGITS", 64 * 23)  # several chunks
    torch.manual_seed(0)
    target = torch.randint(0, 23, (201,))

    def inputs() -> tuple[torch.Tensor, torch.Tensor]:
        torch.manual_seed(1)
        return torch.randn(201, 8).double().requires_grad_(), torch.randn(23, 8).double().requires_grad_()

    hidden, weight = inputs()
    ours = projection_loss(hidden, weight, target, smoothing)
    (ours.objective * scale).backward()
    plain_hidden, plain_weight = inputs()
    expected = functional.cross_entropy(
        plain_hidden @ plain_weight.T, target, reduction="sum", label_smoothing=smoothing
    )
    (expected * scale).backward()
    with torch.no_grad():
        unrecorded = projection_loss(hidden, weight, target, smoothing)
        unsmoothed = functional.cross_entropy(hidden @ weight.T, target, reduction="sum")
    for found in (ours, unrecorded):
        assert found.units == 201
        torch.testing.assert_close(found.objective.double(), expected, rtol=1e-5, atol=1e-4)
        torch.testing.assert_close(found.plain.double(), unsmoothed, rtol=1e-5, atol=1e-4)
        assert not found.plain.requires_grad  # for people alone
    torch.testing.assert_close(hidden.grad, plain_hidden.grad, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(weight.grad, plain_weight.grad, rtol=1e-6, atol=1e-6)


def test_dropout_keeps_the_mean_and_drops_the_rate() -> None:
    torch.manual_seed(0)
    x = torch.ones(400, 1001, requires_grad=True)
    dropped = Dropout(0.1)(x)
    zeros = float((dropped == 0).float().mean())
    assert abs(zeros - 26 / 256) < 0.002 and abs(float(dropped.detach().mean()) - 1) < 0.002
    dropped.sum().backward()
    torch.testing.assert_close(x.grad, dropped.detach())  # of ones: the mask itself


def test_dropout_follows_the_seed_and_rests_in_evaluation() -> None:
    layer, x = Dropout(0.5), torch.randn(7, 9)
    torch.manual_seed(4)
    first = layer(x)
    torch.manual_seed(4)
    assert torch.equal(first, layer(x))
    assert not torch.equal(first, layer(x))
    assert torch.equal(layer.eval()(x), x)
