"""Gradients of the bound against quadrature, finite differences and PyTorch."""

import numpy as np
import pytest
import torch
from scipy.optimize import approx_fprime, minimize
from scipy.stats import multivariate_normal, norm

from companion.distributions import gaussian_kl
from companion.inference.black_box import (
    entropy,
    fit_gaussian,
    log_joint,
    log_joint_gradient,
    log_likelihood,
    logistic_bound,
    reparameterized_gradients,
    score_gradients,
)


def data(n=12, d=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, (rng.random(n) < 1 / (1 + np.exp(-2 * X[:, 0]))).astype(float)


def some_q(seed=0, d=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=d), rng.normal(size=d) * 0.4 - 0.5


def test_log_joint_by_scipy_and_its_gradient_by_differences():
    X, y = data()
    w = np.array([[0.4, -1.1], [2.0, 0.3]])
    p = 1 / (1 + np.exp(-w @ X.T))
    due = multivariate_normal(np.zeros(2), 4 * np.eye(2)).logpdf(w)
    due += (y * np.log(p) + (1 - y) * np.log1p(-p)).sum(axis=1)
    np.testing.assert_allclose(log_joint(w, X, y, 2.0), due, atol=1e-12)
    for row, found in zip(w, log_joint_gradient(w, X, y, 2.0, 3.0), strict=True):
        due = approx_fprime(row, lambda v: log_joint(v[None], X, y, 2.0, 3.0)[0], 1e-7)
        np.testing.assert_allclose(found, due, atol=1e-4)


def test_an_item_s_value_does_not_depend_on_its_neighbours():
    """Pitfall I14."""
    X, y = data()
    w = np.random.default_rng(1).normal(size=(3, 2))
    all_of_them = log_likelihood(w, X, y)
    assert all_of_them.shape == (3, 12)
    np.testing.assert_array_equal(all_of_them[:, :1], log_likelihood(w, X[:1], y[:1]))
    assert log_joint(w, X, y).shape == (3,)
    np.testing.assert_allclose(log_joint(w, X, y)[:1], log_joint(w[:1], X, y))


def bound(mean, log_std, noise, X, y, scale=1.0):
    """By draws."""
    w = mean + np.exp(log_std) * noise
    return log_joint(w, X, y, 1.5, scale).mean() + entropy(log_std)


def test_minibatches_have_the_mean_of_the_whole():
    """Pitfall I10: scaled by N / n, the KL is counted once."""
    X, y = data(12)
    mean, log_std = some_q()
    noise = np.random.default_rng(0).normal(size=(500, 2))
    parts = [bound(mean, log_std, noise, X[i : i + 4], y[i : i + 4], 3.0) for i in (0, 4, 8)]
    assert np.mean(parts) == pytest.approx(bound(mean, log_std, noise, X, y), abs=1e-9)
    wrong = [bound(mean, log_std, noise, X[i : i + 4], y[i : i + 4]) for i in (0, 4, 8)]
    assert np.sum(wrong) < bound(mean, log_std, noise, X, y) - 1  # the KL counted three times


def test_prior_and_entropy_are_the_divergence_of_gaussians():
    """Pitfall I12: random means and deviations, summed over all dimensions."""
    mean, log_std = some_q(3, 5)
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    prior = 0.0
    for m, s in zip(mean, np.exp(log_std), strict=True):
        prior += weights @ norm(0, 1.5).logpdf(m + s * nodes) / np.sqrt(2 * np.pi)
    due = gaussian_kl(
        *(torch.tensor(v) for v in (mean[None], log_std[None])), 0.0, float(np.log(1.5))
    )
    assert due.shape == (1,)
    assert -(prior + entropy(log_std)) == pytest.approx(due.item(), abs=1e-6)
    no_points = logistic_bound(mean, log_std, np.zeros((0, 5)), np.zeros(0), 1.5)
    assert -no_points == pytest.approx(due.item(), abs=1e-6)


def exact_gradient(mean, log_std, X, y):
    both = np.concatenate([mean, log_std])
    d = len(mean)
    return approx_fprime(both, lambda v: logistic_bound(v[:d], v[d:], X, y, 1.5), 1e-6)


def test_exact_bound_by_draws():
    X, y = data()
    mean, log_std = some_q()
    noise = np.random.default_rng(0).normal(size=(40_000, 2))
    values = log_joint(mean + np.exp(log_std) * noise, X, y, 1.5) + entropy(log_std)
    assert abs(values.mean() - logistic_bound(mean, log_std, X, y, 1.5)) < 5 * values.std() / 200


@pytest.mark.parametrize("seed", range(3))
def test_both_gradients_have_the_exact_mean(seed):
    """`eq-variational-score` and `eq-variational-path`."""
    (X, y), (mean, log_std) = data(seed=seed), some_q(seed)
    due = exact_gradient(mean, log_std, X, y)
    noise = np.random.default_rng(seed).normal(size=(100_000, 2))
    path = reparameterized_gradients(
        lambda w: log_joint_gradient(w, X, y, 1.5), mean, log_std, noise
    )
    found = [path] + [
        score_gradients(lambda w: log_joint(w, X, y, 1.5), mean, log_std, noise, b)
        for b in (0.0, -10.0)
    ]
    for g in found:
        assert g.shape == (100_000, 4)
        error = g.std(axis=0) / len(g) ** 0.5
        assert (abs(g.mean(axis=0) - due) < 5 * error + 1e-4).all()
    assert (path.var(axis=0) < found[1].var(axis=0)).all()


def test_climbing_ends_at_the_best_product_of_gaussians():
    X, y = data(40)
    best = minimize(lambda v: -logistic_bound(v[:2], v[2:], X, y, 1.5), np.zeros(4)).x

    def gradients(mean, log_std, noise, rng):
        rows = rng.choice(40, 10, replace=False)
        return reparameterized_gradients(
            lambda w: log_joint_gradient(w, X[rows], y[rows], 1.5, 4.0), mean, log_std, noise
        )

    state = np.random.get_state()[1].copy()  # noqa: NPY002
    found = fit_gaussian(gradients, 2, n_steps=3000, n_samples=8, random_state=0)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002
    np.testing.assert_allclose(np.r_[found.mean, found.log_std], best, atol=0.06)
    assert found.path.shape == (3000, 4)
    again = fit_gaussian(gradients, 2, n_steps=3000, n_samples=8, random_state=0)
    np.testing.assert_array_equal(found.path, again.path)
    short = fit_gaussian(gradients, 2, n_steps=1, random_state=0)
    assert short.path.shape == (1, 4)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="n_steps=0"):
        fit_gaussian(None, 2, n_steps=0)
    with pytest.raises(ValueError, match="step_size=-1"):
        fit_gaussian(None, 2, step_size=-1)
    with pytest.raises(ValueError, match="not finite at step 1: lower step_size"):
        fit_gaussian(lambda *_: np.full((1, 4), np.nan), 2)


def test_where_q_is_p_each_draw_of_the_score_gradient_is_zero():
    """log p - log q is 0 everywhere: constants and deviations of log q count."""
    mean, log_std = some_q(2)
    noise = np.random.default_rng(0).normal(size=(20, 2))
    target = norm(mean, np.exp(log_std))
    found = score_gradients(lambda w: target.logpdf(w).sum(axis=1), mean, log_std, noise)
    np.testing.assert_allclose(found, 0, atol=1e-12)
