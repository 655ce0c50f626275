"""Attention: what is masked has no weight, and two ways to compute it agree."""

from __future__ import annotations

import pytest
import torch

from seqformer.models import fused
from seqformer.models.attention import (
    AdditiveAttention,
    MultiHeadAttention,
    attend,
    causal_mask,
    length_mask,
    masked_softmax,
    padding_mask,
    score_additive,
    score_dot_product,
)


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
def test_the_kernel_of_torch_equals_the_formula(masked: bool) -> None:
    q, k, v = (torch.randn(2, 3, 7, 8, dtype=torch.double) for _ in range(3))
    mask = causal_mask(7) if masked else None
    explicit, _ = attend(q, k, v, mask, weights=True)
    with torch.no_grad():
        fast, none = attend(q, k, v, mask)
    assert none is None
    torch.testing.assert_close(fast, explicit)


MASKS = {
    "none": lambda queries, keys: None,
    "causal": lambda queries, keys: torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries),
    "padding": lambda queries, keys: padding_mask(torch.ones(2, keys).tril(keys - 2)),
    "blind": lambda queries, keys: torch.ones(queries, keys, dtype=torch.bool).tril(
        -1
    ),  # query 1 sees nothing
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize(("queries", "keys"), [(2, 3), (9, 15), (16, 16), (5, 17)])
def test_attention_in_training_equals_the_formula_forward_and_backward(
    name: str, queries: int, keys: int
) -> None:
    mask, shapes = MASKS[name](queries, keys), [(2, 3, size, 4) for size in (queries, keys, keys)]
    ours = [torch.randn(shape, dtype=torch.double, requires_grad=True) for shape in shapes]
    plain = [x.detach().clone().requires_grad_() for x in ours]
    out, _ = attend(*ours, mask)  # type: ignore[misc]
    assert "_Attention" in type(out.grad_fn).__name__
    expected = masked_softmax(score_dot_product(*plain[:2]), mask) @ plain[2]
    torch.testing.assert_close(out, expected)
    gradient = torch.randn_like(out)
    out.backward(gradient)
    expected.backward(gradient)
    for x, y in zip(ours, plain, strict=True):
        torch.testing.assert_close(x.grad, y.grad)


def test_attention_in_bf16_is_near_that_in_fp32_forward_and_backward() -> None:
    low = [torch.randn(2, 3, 9, 4).bfloat16().requires_grad_() for _ in range(3)]
    high = [x.detach().float().requires_grad_() for x in low]
    outs = [attend(*inputs, causal_mask(9))[0] for inputs in (low, high)]  # type: ignore[misc]
    for out in outs:
        out.float().square().sum().backward()
    for near, exact in zip(
        [outs[0], *(x.grad for x in low)], [outs[1], *(x.grad for x in high)], strict=True
    ):
        assert near.dtype == torch.bfloat16
        torch.testing.assert_close(near.float(), exact, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("size", [1, 15, 16, 17])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.double])
def test_softmax_is_that_of_torch_and_keeps_its_type(size: int, dtype: torch.dtype) -> None:
    scores = (3 * torch.randn(4, size)).to(dtype)
    weights = fused.softmax(scores)
    assert weights.dtype == dtype and weights.shape == scores.shape
    torch.testing.assert_close(weights, scores.double().softmax(-1).to(dtype))


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


def test_lengths_of_sequences_and_of_queries() -> None:
    """The chapter's masked softmax: one length a sequence, then one a query."""
    scores = torch.rand(2, 2, 4)
    for lengths in (torch.tensor([2, 3]), torch.tensor([[1, 3], [2, 4]])):
        weights = masked_softmax(scores, length_mask(lengths, 4))
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2))
        for row in range(2):
            for query in range(2):
                seen = int(lengths[row] if lengths.dim() == 1 else lengths[row, query])
                assert (weights[row, query, seen:] == 0).all() and (weights[row, query, :seen] > 0).all()


def test_a_length_of_zero_sees_nothing() -> None:
    assert length_mask(torch.tensor([0, 2]), 3).tolist() == [[[False] * 3], [[True, True, False]]]


def test_additive_attention_over_equal_keys_is_the_mean_of_the_seen_values() -> None:
    """The chapter's example: queries of 20 and keys of 2 features, ten equal keys, 2 and 6 of them valid."""
    queries, keys = torch.randn(2, 1, 20), torch.ones(2, 10, 2)
    values = torch.arange(40, dtype=torch.float32).view(1, 10, 4).repeat(2, 1, 1)
    module = AdditiveAttention(20, 2, 8)
    mask = length_mask(torch.tensor([2, 6]), 10)
    out, weights = module(queries, module.key(keys), values, mask)
    assert out.shape == (2, 1, 4) and weights.shape == (2, 1, 10)
    torch.testing.assert_close(out[0, 0], torch.tensor([2.0, 3.0, 4.0, 5.0]))
    torch.testing.assert_close(out[1, 0], torch.tensor([10.0, 11.0, 12.0, 13.0]))
    # and by scaled dot products, for queries as wide as the keys
    out, _ = attend(torch.randn(2, 1, 2), keys, values, mask)
    torch.testing.assert_close(out[:, 0], torch.tensor([[2.0, 3, 4, 5], [10.0, 11, 12, 13]]))


def test_the_additive_formula() -> None:
    query, key, vector = torch.randn(2, 3, 5), torch.randn(2, 4, 5), torch.randn(5)
    scores = score_additive(query, key, vector)
    for b in range(2):
        for t in range(3):
            for s in range(4):
                expected = sum(vector[a] * torch.tanh(query[b, t, a] + key[b, s, a]) for a in range(5))
                torch.testing.assert_close(scores[b, t, s], torch.as_tensor(expected))


def test_additive_attention_that_sees_nothing_is_zero_forward_and_backward() -> None:
    module = AdditiveAttention(3, 3, 4)
    memory = torch.randn(2, 5, 3, requires_grad=True)
    out, weights = module(
        torch.randn(2, 2, 3), module.key(memory), memory, length_mask(torch.tensor([0, 5]), 5)
    )
    assert (out[0] == 0).all() and (weights[0] == 0).all()
    out.sum().backward()
    for gradient in [memory.grad, *(p.grad for p in module.parameters())]:
        assert gradient is not None and torch.isfinite(gradient).all()
    assert memory.grad is not None and (memory.grad[0] == 0).all()


def test_dot_products_are_scaled_by_the_root_of_the_width() -> None:
    scores = score_dot_product(torch.tensor([[1.0, 2, 3, 4]]), torch.tensor([[1.0, 1, 1, 1], [0, 0, 0, 2]]))
    assert scores.tolist() == [[5.0, 4.0]]
