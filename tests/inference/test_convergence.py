"""Chains of known memory, plain sums, and the diagnostics of ArviZ."""

import numpy as np
import pytest
from arviz_stats.base import array_stats

from companion.inference import sampling
from companion.inference.convergence import autocorrelation, effective_sample_size, r_hat


def series(rho, n, seed, start=0.0, m=1):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(m, n)) * (1 - rho**2) ** 0.5
    x = np.empty((m, n))
    x[:, 0] = start + rng.normal(size=m)
    for t in range(1, n):
        x[:, t] = rho * x[:, t - 1] + noise[:, t]
    return x


def test_the_effective_size_is_that_of_theory():
    """Pitfall I15."""
    iid = np.random.default_rng(0).normal(size=10_000)
    assert 0.9 < effective_sample_size(iid) / 10_000 < 1.1
    for rho in (0.5, 0.9):
        x = series(rho, 200_000, 1)
        due = (1 - rho) / (1 + rho)
        assert effective_sample_size(x) / 200_000 == pytest.approx(due, rel=0.08)
    assert effective_sample_size(series(0.9, 5000, 2, m=4) * 1e6 + 1e9) == pytest.approx(
        effective_sample_size(series(0.9, 5000, 2, m=4)), rel=1e-3
    ), "origin and unit do not matter"


def test_autocorrelation_is_that_of_plain_sums():
    x = series(0.7, 60, 3)[0]
    c = x - x.mean()
    due = [(c[: 60 - k] * c[k:]).sum() / (c @ c) for k in range(60)]
    np.testing.assert_allclose(autocorrelation(x), due, atol=1e-12)


def test_chains_that_have_not_met_are_found():
    met = series(0.5, 2000, 4, m=4)
    assert r_hat(met) < 1.01
    apart = met + np.arange(4)[:, None] * 3
    assert r_hat(apart) > 1.5
    assert effective_sample_size(apart) < 0.02 * effective_sample_size(met)
    drift = met + np.linspace(0, 5, 2000)
    assert r_hat(drift) > 1.2, "each chain is cut in two"
    assert r_hat(3 * met - 7) == pytest.approx(r_hat(met))
    with pytest.raises(ValueError, match="n at least 4"):
        r_hat(np.zeros((2, 3)))


SHAPES = [(2, 4), (3, 5), (2, 6), (4, 7), (1, 400), (4, 101), (3, 1000), (8, 33)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rho", [-0.9, -0.3, 0.0, 0.6, 0.97])
def test_both_are_those_of_arviz(shape, rho):
    """`eq-chains-effective` and `eq-chains-rhat`: the plain variants, without ranks."""
    for seed in range(8):
        x = series(rho, shape[1], seed, m=shape[0])
        if seed == 7:
            x[0] += 4
        due = array_stats.ess(x, method="identity")
        assert effective_sample_size(x) == pytest.approx(due, rel=1e-9)
        if shape[0] > 1:
            assert r_hat(x) == pytest.approx(array_stats.rhat(x, method="split"), rel=1e-9)


def test_a_split_is_what_the_effective_size_of_means_has_more():
    x = series(0.8, 501, 0, m=3)
    halves = np.concatenate([x[:, :250], x[:, -250:]])
    assert effective_sample_size(halves) == pytest.approx(array_stats.ess(x, method="mean"))


def test_chains_that_never_move():
    assert effective_sample_size(np.ones((2, 10))) == 20
    assert r_hat(np.ones((2, 10))) == 1
    assert r_hat(np.arange(2.0)[:, None] * np.ones((2, 10))) == np.inf
    assert np.array_equal(autocorrelation(np.ones(5)), np.ones(5))


def test_the_names_stay_where_they_were():
    assert sampling.r_hat is r_hat
    assert sampling.effective_sample_size is effective_sample_size
