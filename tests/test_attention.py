"""Attention: what is masked has no weight, and two ways to compute it agree."""

from __future__ import annotations

import pytest
import torch

from seqformer.models import attention
from seqformer.models.attention import MultiHeadAttention, attend, causal_mask, masked_softmax, padding_mask


def test_masked_entries_have_exactly_no_weight() -> None:
    mask = torch.tensor([[True, True, False], [False, True, True]])
    weights = masked_softmax(torch.randn(4, 2, 3), mask)
    assert (weights[:, ~mask] == 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(4, 2))


def test_a_row_that_sees_nothing_is_zero_forward_and_backward() -> None:
    scores = torch.randn(2, 3, requires_grad=True)
    weights = masked_softmax(scores, torch.tensor([[True, True, True], [False, False, False]]))
    assert (weights[1] == 0).all()
    (weights * torch.randn(2, 3)).sum().backward()
    assert scores.grad is not None and torch.isfinite(scores.grad).all() and (scores.grad[1] == 0).all()


def test_equal_keys_share_the_attention_evenly() -> None:
    value = torch.randn(1, 5, 3)
    out, weights = attend(torch.randn(1, 2, 4), torch.ones(1, 5, 4), value, weights=True)
    assert weights is not None
    torch.testing.assert_close(weights, torch.full((1, 2, 5), 0.2))
    torch.testing.assert_close(out, value.mean(1, keepdim=True).expand(1, 2, 3))


def test_the_formula() -> None:
    q, k, v = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([[1.0], [3.0]])
    first = torch.exp(torch.tensor(2 / 2**0.5))
    out, _ = attend(q, k, v)
    torch.testing.assert_close(out, ((first * 1 + 3) / (first + 1)).view(1, 1))


@pytest.mark.parametrize("masked", [False, True])
def test_fused_equals_explicit(masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = (torch.randn(2, 3, 7, 8, dtype=torch.double) for _ in range(3))
    mask = causal_mask(7) if masked else None
    explicit, _ = attend(q, k, v, mask)
    monkeypatch.setattr(attention, "FUSED_FROM", 1)
    fused, none = attend(q, k, v, mask)
    assert none is None
    torch.testing.assert_close(fused, explicit)


def test_masks() -> None:
    assert padding_mask(torch.tensor([[5, 6, 0]])).tolist() == [[[[True, True, False]]]]
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]


def test_hypotheses_of_a_sentence_attend_as_they_would_alone() -> None:
    module = MultiHeadAttention(8, 2)
    memory = module.keys_and_values(torch.randn(3, 5, 8))
    x = torch.randn(6, 1, 8)  # two hypotheses for each of three sentences
    together, _ = module.cross(x, memory, None)
    twice = tuple(part.repeat_interleave(2, 0) for part in memory)
    alone, _ = module.cross(x, twice, None)  # type: ignore[arg-type]
    torch.testing.assert_close(together, alone)
