"""Attention pooling: against the formula in NumPy, at its limits, and where no key has weight."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqformer.errors import SeqformerError
from seqformer.models.pooling import KERNELS, pool, sample, truth
from seqformer.report import pooling

KERNEL_OF = {
    "gaussian": lambda u: np.exp(-(u**2) / 2),
    "boxcar": lambda u: (u <= 1).astype(float),
    "constant": np.ones_like,
    "epanechnikov": lambda u: np.maximum(0, 1 - u**2),
}
KEYS, VALUES = sample(40, seed=3)
QUERIES = pooling.queries()


@pytest.mark.parametrize("width", [0.3, 1.0, 7.0])
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_formula(kernel: str, width: float) -> None:
    found = pool(QUERIES, KEYS, VALUES, kernel, width)
    alpha = KERNEL_OF[kernel](np.abs(QUERIES.numpy()[:, None] - KEYS.numpy()) / width)
    total = alpha.sum(1)
    covered = total > 0
    np.testing.assert_array_equal(found.covered.numpy(), covered)
    np.testing.assert_allclose(found.weights.numpy()[covered], alpha[covered] / total[covered, None])
    np.testing.assert_allclose(
        found.estimates.numpy()[covered], (alpha @ VALUES.numpy())[covered] / total[covered]
    )


def test_worked_by_hand() -> None:
    keys, values = torch.tensor([0.0, 1.0, 3.0]), torch.tensor([1.0, 5.0, 9.0])
    asked = torch.tensor([0.5, 1.0, 9.0])
    boxcar = pool(asked, keys, values, "boxcar", 1.0)
    assert boxcar.estimates.tolist() == [3.0, 3.0, 0.0] and boxcar.covered.tolist() == [True, True, False]
    bowl = pool(asked, keys, values, "epanechnikov", 2.0)  # at 0.5: 1 - 1/16 twice; at 1: 3/4 and 1
    torch.testing.assert_close(bowl.estimates[:2], torch.tensor([3.0, (0.75 * 1 + 5) / 1.75]))


def test_a_constant_kernel_gives_the_mean() -> None:
    found = pool(QUERIES, KEYS, VALUES, "constant")
    torch.testing.assert_close(found.estimates, VALUES.mean().expand_as(QUERIES))


@pytest.mark.parametrize("width", [1e-3, 1e-6])
def test_a_narrow_gaussian_gives_the_nearest_point_however_far(width: float) -> None:
    """Each exp(-u²/2) is zero in double precision here; their ratio is not."""
    found = pool(QUERIES * 100, KEYS, VALUES, "gaussian", width)
    nearest = (QUERIES[:, None] * 100 - KEYS).abs().argmin(1)
    torch.testing.assert_close(found.estimates, VALUES[nearest])
    assert found.covered.all()


@pytest.mark.parametrize("kernel", ["gaussian", "boxcar", "epanechnikov"])
def test_a_wide_kernel_gives_the_mean(kernel: str) -> None:
    found = pool(QUERIES, KEYS, VALUES, kernel, 1e6)
    torch.testing.assert_close(found.estimates, VALUES.mean().expand_as(QUERIES))


@pytest.mark.parametrize("kernel", ["boxcar", "epanechnikov"])
def test_where_no_key_has_weight_nothing_is_not_a_number(kernel: str) -> None:
    values = VALUES.clone().requires_grad_()
    found = pool(QUERIES, KEYS, values, kernel, 0.05)
    assert not found.covered.all() and (found.weights[~found.covered] == 0).all()
    assert torch.isfinite(found.estimates).all()
    torch.testing.assert_close(
        found.weights[found.covered].sum(1), torch.ones(int(found.covered.sum())).double()
    )
    found.estimates.sum().backward()
    assert values.grad is not None and torch.isfinite(values.grad).all()
    errors = pooling.kernel_errors(kernel, 0.05, KEYS, VALUES)
    assert errors.bare == int((~found.covered).sum())
    curves, _ = pooling.kernel_panels(kernel, 0.05, KEYS, VALUES)
    gaps = [not np.isfinite(y) for _, y in curves.lines["estimate"]]
    assert gaps == (~found.covered).tolist() and "no point is near x = " in curves.remark


def test_the_points() -> None:
    keys, values = sample(2000, seed=1)
    assert (keys.diff() >= 0).all() and keys.min() >= 0 and keys.max() <= 5
    noise = values - truth(keys)
    assert abs(float(noise.mean())) < 0.1 and abs(float(noise.std()) - 1) < 0.1
    assert torch.equal(sample(9, 4)[1], sample(9, 4)[1]) and not torch.equal(sample(9, 4)[1], sample(9, 5)[1])


@pytest.mark.parametrize(
    ("kernel", "width", "message"),
    [
        ("gausian", 1.0, "did you mean 'gaussian'"),
        ("boxcar", 0.0, "at least"),
        ("boxcar", float("nan"), "width nan"),
    ],
)
def test_what_is_wrong_is_named(kernel: str, width: float, message: str) -> None:
    with pytest.raises(SeqformerError, match=message):
        pool(QUERIES, KEYS, VALUES, kernel, width)
