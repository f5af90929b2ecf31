"""Infomax against automatic derivatives, integrals, and what it must find."""

import warnings

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.components.contrasts import amari_distance, entropy
from companion.components.infomax import (
    InfomaxICA,
    infomax_gradient,
    log_likelihood,
    log_logistic,
    relative_gradient,
)

NO_DENSITY = "fits one component of three features, and calls score_samples, which refuses that"
EXPECTED = {"check_methods_sample_order_invariance": NO_DENSITY}
EXPECTED["check_methods_subset_invariance"] = NO_DENSITY


@parametrize_with_checks([InfomaxICA()], expected_failed_checks=lambda estimator: EXPECTED)
def test_estimator_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


def mixture(n=5000, k=3, seed=0):
    """Laplace sources, a mixing matrix, and the mixtures."""
    rng = np.random.default_rng(seed)
    S, A = rng.laplace(size=(n, k)), rng.normal(size=(k, k)) + np.eye(k)
    return S, A, S @ A.T + rng.normal(size=k)


def test_log_logistic_is_that_of_scipy_also_far_out():
    u = np.array([-800.0, -3.0, 0.0, 0.5, 40.0, 1000.0])
    np.testing.assert_allclose(log_logistic(u), stats.logistic.logpdf(u))


def test_gradient_is_that_of_torch():
    """`eq-contrasts-gradient`, of log |det J| computed from the Jacobian of y = sigma(Wx)."""
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(200, 3)), rng.normal(size=(3, 3))
    w, x = torch.tensor(W, requires_grad=True), torch.tensor(X)

    def log_jacobian(row):
        jacobian = torch.autograd.functional.jacobian(
            lambda r: torch.sigmoid(w @ r), row, create_graph=True
        )
        return torch.linalg.slogdet(jacobian)[1]

    value = torch.stack([log_jacobian(row) for row in x]).mean()
    (gradient,) = torch.autograd.grad(value, w)
    assert np.isclose(log_likelihood(W, X), value.item())
    np.testing.assert_allclose(infomax_gradient(W, X), gradient.numpy(), atol=1e-10)
    np.testing.assert_allclose(relative_gradient(W, X), gradient.numpy() @ W.T, atol=1e-10)


def test_the_natural_gradient_does_not_see_the_mixture():
    """`eq-contrasts-gradient`: B A takes the same path, however x is mixed."""
    S, A, _ = mixture()
    other = np.diag([100.0, 1, 0.01]) @ A
    paths = []
    for mixing in (A, other):
        W = np.linalg.inv(mixing)  # the same W A to begin with
        W = (np.eye(3) + 0.3) @ W
        for _ in range(20):
            W = W + 0.3 * relative_gradient(W, S @ mixing.T) @ W
        paths.append(W @ mixing)
    np.testing.assert_allclose(paths[0], paths[1], atol=1e-9)


def test_the_likelihood_never_falls_and_the_gradient_ends_at_zero():
    _, A, X = mixture()
    model = InfomaxICA(random_state=0, tol=1e-7).fit(X)
    assert np.diff(model.log_likelihoods_).min() >= 0
    assert model.n_iter_ == len(model.log_likelihoods_)
    assert np.abs(relative_gradient(model.components_, X - model.mean_)).max() < 1e-6
    assert amari_distance(model.components_, A) < 0.05
    np.testing.assert_allclose(model.mixing_ @ model.components_, np.eye(3), atol=1e-10)
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), X, atol=1e-10)


def test_density_sums_to_one_on_a_grid():
    """`eq-contrasts-density`."""
    _, _, X = mixture(k=2)
    model = InfomaxICA(random_state=0).fit(X)
    side = np.linspace(-60, 60, 1201)
    plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    total = np.exp(model.score_samples(plane)).sum() * (side[1] - side[0]) ** 2
    assert abs(total - 1) < 1e-4
    assert np.isclose(model.score(X), model.score_samples(X).mean())


def test_nothing_near_it_is_more_likely():
    _, _, X = mixture(k=2)
    model = InfomaxICA(random_state=0, tol=1e-8).fit(X)
    centred, best = X - model.mean_, model.score(X)
    assert np.isclose(best, log_likelihood(model.components_, centred))
    rng = np.random.default_rng(0)
    for _ in range(20):
        nudge = np.eye(2) + 0.05 * rng.normal(size=(2, 2))
        assert log_likelihood(nudge @ model.components_, centred) < best


def test_in_one_dimension_the_best_slope_makes_the_output_uniform():
    """Section "Infomax: the output of most entropy": the best sigma is the cdf."""
    x = stats.logistic.ppf((np.arange(20_000) + 0.5) / 20_000)[:, None]
    model = InfomaxICA(random_state=0, tol=1e-8).fit(x)
    assert abs(abs(model.components_.item()) - 1) < 0.01
    y = stats.logistic.cdf(x[:, 0] * model.components_.item())
    assert stats.kstest(y, "uniform").statistic < 0.01
    assert entropy(y) > -0.005  # 0 nats is the most that (0, 1) has room for


def test_fewer_components():
    S, _, _ = mixture()
    X = S @ np.random.default_rng(1).normal(size=(3, 5))
    model = InfomaxICA(random_state=0).fit(X)
    assert model.components_.shape == (3, 5)
    assert (np.abs(np.corrcoef(model.transform(X).T, S.T)[:3, 3:]).max(axis=1) > 0.98).all()
    with pytest.raises(ValueError, match=r"n_components=3 is less than the 5 features"):
        model.score_samples(X)


def test_the_seed_chooses_the_start():
    X = mixture()[2]
    starts = [InfomaxICA(random_state=seed).fit(X).log_likelihoods_[0] for seed in (1, 1, 2)]
    assert starts[0] == starts[1] != starts[2]


def test_without_convergence_it_warns():
    with pytest.warns(ConvergenceWarning, match="max_iter=2: raise"):
        InfomaxICA(max_iter=2, random_state=0).fit(mixture()[2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": 0}, r"learning_rate=0"),
        ({"max_iter": 0}, r"max_iter=0"),
        ({"tol": -1}, r"tol=-1"),
        ({"n_components": 9}, r"n_components=9.*3 directions"),
        ({"w_init": np.eye(2)}, r"w_init has shape"),
        ({"w_init": np.zeros((3, 3))}, r"w_init is singular.*pass an invertible"),
        ({"w_init": np.ones((3, 3))}, r"w_init is singular.*pass an invertible"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        InfomaxICA(**arguments).fit(mixture()[2])
