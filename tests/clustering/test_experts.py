"""Mixtures of experts: known parameters, special cases in scikit-learn, and theorems."""

import warnings
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.clustering.experts import (
    MixtureOfLinearRegressions,
    MixtureOfLogisticRegressions,
    fit_lines,
)


@parametrize_with_checks(
    [
        MixtureOfLinearRegressions(2, n_init=1, max_iter=50),
        MixtureOfLogisticRegressions(2, n_init=1, max_iter=50, tol=1e-4),
    ]
)
def test_estimator_checks(estimator, check):
    check(estimator)


def crossing_lines(n, rng):
    """Two lines that cross, with a gate of slope 2 for the second."""
    x = rng.uniform(-3, 3, n)
    z = (rng.uniform(size=n) < expit(2 * x - 1)).astype(int)
    noise = np.array([0.3, 0.5])[z] * rng.normal(size=n)
    return x[:, None], np.array([1.0, -0.5])[z] + np.array([1.5, -1.0])[z] * x + noise, z


def two_classifiers(n, rng):
    """The sign of the effect of feature 1 depends on feature 0."""
    X = rng.normal(size=(n, 2)) * 2
    z = (rng.uniform(size=n) < expit(3 * X[:, 0])).astype(int)
    score = np.where(z == 0, 0.5 + 2 * X[:, 1], 1 - 2 * X[:, 1])
    return X, (rng.uniform(size=n) < expit(score)).astype(int), z


def in_order(model, first):
    """Order of the experts in which their coefficients are nearest to `first`."""
    orders = [list(p) for p in permutations(range(model.n_components))]
    return min(orders, key=lambda order: np.abs(model.coef_[order] - first).sum())


def test_lines_are_recovered():
    """Section "Lines with weights": up to the order of the experts."""
    X, y, _ = crossing_lines(20_000, np.random.default_rng(0))
    model = MixtureOfLinearRegressions(2, n_init=2, random_state=0).fit(X, y)
    a, b = in_order(model, np.array([[1.5], [-1.0]]))
    np.testing.assert_allclose(model.coef_[[a, b], 0], [1.5, -1.0], atol=0.03)
    np.testing.assert_allclose(model.intercept_[[a, b]], [1, -0.5], atol=0.03)
    np.testing.assert_allclose(np.sqrt(model.noise_variance_[[a, b]]), [0.3, 0.5], atol=0.02)
    np.testing.assert_allclose(model.gate_coef_[b] - model.gate_coef_[a], 2, atol=0.15)
    np.testing.assert_allclose(model.gate_intercept_[b] - model.gate_intercept_[a], -1, atol=0.15)


def test_classifiers_are_recovered():
    X, y, _ = two_classifiers(8_000, np.random.default_rng(0))
    model = MixtureOfLogisticRegressions(2, n_init=2, tol=1e-5, random_state=0).fit(X, y)
    a, b = in_order(model, np.array([[0, 2], [0, -2]]))
    np.testing.assert_allclose(model.coef_[[a, b]], [[0, 2], [0, -2]], atol=0.35)
    np.testing.assert_allclose(model.intercept_[[a, b]], [0.5, 1], atol=0.35)
    np.testing.assert_allclose(model.gate_coef_[b] - model.gate_coef_[a], [3, 0], atol=0.6)


@pytest.mark.parametrize("kind", [MixtureOfLinearRegressions, MixtureOfLogisticRegressions])
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 4), penalty=st.sampled_from([0.0, 0.1]))
def test_em_never_lowers_the_likelihood(kind, seed, k, penalty):
    """With a penalty the penalised likelihood, without one the likelihood itself."""
    rng = np.random.default_rng(seed)
    data = crossing_lines if kind is MixtureOfLinearRegressions else two_classifiers
    X, y, _ = data(60, rng)
    model = kind(k, penalty=penalty, max_iter=25, tol=0, n_init=1, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    assert np.diff(model.lower_bounds_).min(initial=0) > -1e-10
    if penalty == 0:
        np.testing.assert_allclose(model.log_likelihood(X, y).mean(), model.lower_bound_)


def test_one_line_is_linear_regression():
    X, y, _ = crossing_lines(300, np.random.default_rng(0))
    ours, theirs = MixtureOfLinearRegressions(1).fit(X, y), LinearRegression().fit(X, y)
    np.testing.assert_allclose(ours.coef_[0], theirs.coef_, rtol=1e-10)
    np.testing.assert_allclose(ours.intercept_[0], theirs.intercept_, rtol=1e-10)
    residual = y - theirs.predict(X)
    np.testing.assert_allclose(ours.noise_variance_[0], np.mean(residual**2), rtol=1e-10)
    np.testing.assert_allclose(
        ours.log_likelihood(X, y), norm(0, np.sqrt(np.mean(residual**2))).logpdf(residual)
    )


@pytest.mark.parametrize("penalty", [0.0, 2.0])
def test_one_classifier_is_logistic_regression(penalty):
    X, y, _ = two_classifiers(300, np.random.default_rng(0))
    ours = MixtureOfLogisticRegressions(1, penalty=penalty, tol=1e-14).fit(X, y)
    strength = np.inf if penalty == 0 else 1 / penalty
    theirs = LogisticRegression(C=strength, tol=1e-12, max_iter=1000, solver="newton-cg").fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-6)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


def test_flat_gate_and_lines_is_a_gaussian_mixture():
    """A feature that says nothing leaves a Gaussian mixture of y, as scikit-learn fits it."""
    rng = np.random.default_rng(0)
    y = np.where(rng.uniform(size=400) < 0.3, -3, 2) + rng.normal(size=400)
    ours = MixtureOfLinearRegressions(2, penalty=0, tol=1e-13, max_iter=2000, random_state=0)
    ours.fit(np.zeros((400, 1)), y)
    theirs = GaussianMixture(2, reg_covar=0, tol=1e-13, max_iter=2000, random_state=0)
    theirs.fit(y[:, None])
    np.testing.assert_allclose(np.sort(ours.intercept_), np.sort(theirs.means_.ravel()), atol=1e-4)
    np.testing.assert_allclose(
        np.sort(ours.gate_proba([[0.0]])[0]), np.sort(theirs.weights_), atol=1e-4
    )


def test_weighted_lines_are_scikit_learns():
    """`eq-experts-lines`: each line by least squares with its responsibilities as weights."""
    rng = np.random.default_rng(0)
    X, y, _ = crossing_lines(50, rng)
    A, shares = np.column_stack([X, np.ones(50)]), rng.dirichlet([1, 1], size=50)
    coefs, variances = fit_lines(A, y, shares, 1e-9)
    for i, share in enumerate(shares.T):
        theirs = LinearRegression().fit(X, y, sample_weight=share)
        np.testing.assert_allclose(coefs[i], [theirs.coef_[0], theirs.intercept_], rtol=1e-9)
        error = np.average((y - theirs.predict(X)) ** 2, weights=share)
        np.testing.assert_allclose(variances[i], error, rtol=1e-9)


def test_density_of_y_integrates_to_one_and_predict_is_its_mean():
    """`eq-experts-density`, by quadrature."""
    X, y, _ = crossing_lines(200, np.random.default_rng(0))
    model = MixtureOfLinearRegressions(3, n_init=1, random_state=0).fit(X, y)
    for x in ([[-1.5]], [[0.4]]):

        def density(y, x=x):
            return np.exp(model.log_likelihood(x, [y])[0])

        assert abs(quad(density, -40, 40, points=[-3, 0, 3], limit=400)[0] - 1) < 1e-6
        mean = quad(lambda y: y * density(y), -40, 40, points=[-3, 0, 3], limit=400)[0]
        np.testing.assert_allclose(model.predict(x)[0], mean, atol=1e-6)


def test_probabilities_of_the_labels_sum_to_one():
    X, y, _ = two_classifiers(200, np.random.default_rng(0))
    names = np.array(["no", "yes"])
    model = MixtureOfLogisticRegressions(2, n_init=1, random_state=0).fit(X, names[y])
    proba = model.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_allclose(model.log_likelihood(X, names[y]), np.log(proba[range(200), y]))
    assert set(model.predict(X)) <= {"no", "yes"}
    assert model.score(X, names[y]) > LogisticRegression().fit(X, y).score(X, y) + 0.15


def test_responsibilities_are_bayes_rule():
    X, y, z = crossing_lines(400, np.random.default_rng(0))
    model = MixtureOfLinearRegressions(2, random_state=0).fit(X, y)
    joint = model.gate_proba(X) * norm(
        model.predict_experts(X), np.sqrt(model.noise_variance_)
    ).pdf(y[:, None])
    np.testing.assert_allclose(
        model.responsibilities(X, y), joint / joint.sum(axis=1, keepdims=True)
    )
    agree = (model.responsibilities(X, y).argmax(axis=1) == z).mean()
    assert max(agree, 1 - agree) > 0.9


def test_sample_y_has_the_moments():
    X, y, _ = crossing_lines(300, np.random.default_rng(0))
    model = MixtureOfLinearRegressions(2, random_state=0).fit(X, y)
    x = np.full((20_000, 1), 0.7)
    draws = model.sample_y(x, random_state=0)
    assert abs(draws.mean() - model.predict(x[:1])[0]) < 5 * draws.std() / np.sqrt(len(x))
    gate, means = model.gate_proba(x[:1])[0], model.predict_experts(x[:1])[0]
    second = gate @ (model.noise_variance_ + means**2)
    assert abs(draws.var() - (second - model.predict(x[:1])[0] ** 2)) < 0.05 * draws.var()
    np.testing.assert_array_equal(draws, model.sample_y(x, random_state=0))


def test_sample_labels_have_the_probability():
    X, y, _ = two_classifiers(300, np.random.default_rng(0))
    model = MixtureOfLogisticRegressions(2, n_init=1, random_state=0).fit(X, y)
    x = np.tile(X[:1], (20_000, 1))
    share = (model.sample_y(x, random_state=0) == 1).mean()
    p = model.predict_proba(X[:1])[0, 1]
    assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / len(x)) + 1e-9


def test_same_seed_same_fit():
    X, y, _ = crossing_lines(100, np.random.default_rng(0))
    fits = [MixtureOfLinearRegressions(2, random_state=3).fit(X, y) for _ in range(2)]
    np.testing.assert_array_equal(fits[0].coef_, fits[1].coef_)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_components": 0}, "n_components=0"),
        ({"n_components": 60}, "n_components=60.*at most"),
        ({"penalty": -1}, "penalty=-1"),
        ({"tol": -1}, "tol=-1"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"n_init": 0}, "n_init=0"),
    ],
)
@pytest.mark.parametrize("kind", [MixtureOfLinearRegressions, MixtureOfLogisticRegressions])
def test_bad_arguments_are_named(kind, arguments, message):
    data = crossing_lines if kind is MixtureOfLinearRegressions else two_classifiers
    X, y, _ = data(50, np.random.default_rng(0))
    with pytest.raises(ValueError, match=message):
        kind(**arguments).fit(X, y)


def test_bad_data_is_named():
    X, y, _ = crossing_lines(50, np.random.default_rng(0))
    with pytest.raises(ValueError, match="min_variance=0"):
        MixtureOfLinearRegressions(min_variance=0).fit(X, y)
    with pytest.raises(ValueError, match="inconsistent"):
        MixtureOfLinearRegressions().fit(X, y[:-1])
    with pytest.raises(ValueError, match="NaN"):
        MixtureOfLinearRegressions().fit(X, np.full(50, np.nan))
    model = MixtureOfLinearRegressions(1).fit(X, y)
    with pytest.raises(ValueError, match=r"y has shape \(49,\).*one y for each"):
        model.log_likelihood(X, y[:-1])
    with pytest.raises(ValueError, match=r"3 class.*exactly two"):
        MixtureOfLogisticRegressions().fit(X, np.arange(50) % 3)


def test_warns_at_max_iter():
    X, y, _ = crossing_lines(50, np.random.default_rng(0))
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        MixtureOfLinearRegressions(max_iter=1).fit(X, y)


@pytest.mark.parametrize("penalty", [0.0, 0.5])
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 738886.0), (86400.0, 1704067200.0), (1e-9, 0)])
def test_dates_are_as_good_as_days(penalty, scale, shift):
    """The gate keeps its slope where x is far from 0, as `date.toordinal` and Unix seconds are."""
    rng = np.random.default_rng(0)
    day = rng.uniform(0, 365, 400)
    late = day > 182
    y = np.where(late, 2, -1) * (day - 182) / 60 + 0.1 * rng.normal(size=400)
    X, there = day[:, None], scale * day[:, None] + shift
    settings = {"penalty": penalty, "random_state": 0}
    one = MixtureOfLinearRegressions(2, **settings).fit(X, y)
    settings["penalty"] *= scale**2  # it is of coefficients, in units of one over x
    other = MixtureOfLinearRegressions(2, **settings).fit(there, y)
    np.testing.assert_allclose(other.gate_proba(there), one.gate_proba(X), atol=1e-3)
    np.testing.assert_allclose(scale * other.coef_, one.coef_, rtol=1e-4)
    right = ((one.gate_proba(X)[:, 0] > 0.5) == late).mean()
    assert max(right, 1 - right) > 0.97
