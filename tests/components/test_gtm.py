"""The generative topographic mapping against scikit-learn's mixture, PCA and derivatives."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.components.gtm import (
    GenerativeTopographicMapping,
    basis,
    e_step,
    grid,
    m_step,
)
from companion.components.pca import PCA

seeds = st.integers(0, 10_000)
GTM = GenerativeTopographicMapping


@parametrize_with_checks([GTM(1, n_grid=8, n_basis=3)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def arc(n=300, noise=0.05, seed=0):
    """A half circle in the plane, and where on it a point lies."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, np.pi, n)
    return np.stack([np.cos(angle), np.sin(angle)], 1) + noise * rng.normal(size=(n, 2)), angle


@given(seed=seeds, q=st.integers(1, 2))
def test_e_step_is_scikit_learns_mixture(seed, q):
    """`eq-demixed-gtm`: equal weights, round covariances, means on the sheet."""
    rng = np.random.default_rng(seed)
    Z = grid(4, q)
    nodes = basis(Z, grid(3, q), 0.8) @ rng.normal(size=(1 + q + 3**q, 3))
    noise, X = rng.uniform(0.1, 2), rng.normal(size=(20, 3)) * 2
    reference = GaussianMixture(len(nodes), covariance_type="spherical")
    reference.weights_ = np.full(len(nodes), 1 / len(nodes))
    reference.means_, reference.precisions_cholesky_ = nodes, np.full(len(nodes), noise**-0.5)
    log_likelihood, shares = e_step(X, nodes, noise)
    np.testing.assert_allclose(log_likelihood, reference.score_samples(X), atol=1e-9)
    np.testing.assert_allclose(shares, reference.predict_proba(X), atol=1e-9)


def test_m_step_is_the_minimum_of_the_weighted_error():
    """The weights by a general optimiser; the noise by its derivative."""
    rng = np.random.default_rng(0)
    features, X = basis(grid(6, 1), grid(3, 1), 0.7), rng.normal(size=(15, 2))
    shares = rng.dirichlet(np.ones(6), size=15)
    penalties, noise = np.array([0, 0, 1.0, 1.0, 1.0]), 0.5

    def bound(flat):
        nodes = features @ flat.reshape(5, 2)
        squares = ((X[:, None] - nodes) ** 2).sum(-1)
        return (shares * squares).sum() / (2 * noise) + 0.5 * (
            penalties[:, None] * flat.reshape(5, 2) ** 2
        ).sum()

    weights, variance = m_step(X, shares, features, noise, penalties)
    best = minimize(bound, np.zeros(10), method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(weights.ravel(), best, atol=1e-4)
    squares = ((X[:, None] - features @ weights) ** 2).sum(-1)
    assert np.isclose(variance, (shares * squares).sum() / X.size)


@settings(max_examples=15, deadline=None)
@given(seed=seeds, q=st.integers(1, 2), penalty=st.sampled_from([0.01, 1.0]))
def test_em_never_lowers_the_objective(seed, q, penalty):
    X = np.random.default_rng(seed).normal(size=(40, 3)) @ np.diag([2, 1, 0.5])
    model = GTM(q, n_grid=6, n_basis=3, penalty=penalty, tol=0, max_iter=30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X)
    assert np.diff(model.loglike_).min(initial=0) > -1e-8


def test_the_likelihood_is_that_of_the_fitted_mixture():
    X, _ = arc()
    model = GTM(1, penalty=0.5).fit(X)
    price = 0.25 * (model.weights_[2:] ** 2).sum()
    assert np.isclose(model.loglike_[-1], model.score_samples(X).sum() - price)
    assert np.isclose(model.score(X), model.score_samples(X).mean())
    np.testing.assert_allclose(model.inverse_transform(model.grid_), model.nodes_)


def test_without_bumps_the_sheet_is_the_principal_plane():
    rng = np.random.default_rng(0)
    X = (
        rng.normal(size=(2000, 5))
        * [4, 3, 0.5, 0.5, 0.5]
        @ np.linalg.qr(rng.normal(size=(5, 5)))[0]
    )
    model = GTM(2, n_basis=0, tol=1e-2, max_iter=500).fit(X)
    plane = model.weights_[1:3]
    assert np.rad2deg(max(subspace_angles(plane.T, PCA(2).fit(X).components_.T))) < 1.5
    assert model.noise_variance_ < 1.2 * PCA(2).fit(X).noise_variance_


def test_a_line_bends_into_an_arc_where_pca_cannot():
    X, angle = arc()
    model = GTM(1, n_grid=40, n_basis=6, penalty=0.01).fit(X)
    assert abs(np.corrcoef(model.transform(X)[:, 0], angle)[0, 1]) > 0.99
    assert abs(np.linalg.norm(model.nodes_, axis=1) - 1).max() < 0.1
    assert abs(np.corrcoef(PCA(1).fit_transform(X)[:, 0], angle)[0, 1]) < 0.999
    assert np.sqrt(model.noise_variance_) < 0.08


def test_units_do_not_matter():
    """With the price in the unit of the data."""
    X, _ = arc()
    one = GTM(1, penalty=0.01).fit(X)
    other = GTM(1, penalty=0.01 * 1e14).fit(X * 1e-7)
    assert np.isclose(other.noise_variance_ * 1e14, one.noise_variance_)
    np.testing.assert_allclose(other.nodes_ * 1e7, one.nodes_, atol=1e-6)


def test_noise_stops_at_the_floor():
    X, _ = arc(noise=0)
    model = GTM(1, n_grid=100, penalty=1e-3, min_noise_variance=0.01).fit(X)
    assert np.isclose(model.noise_variance_, 0.01 * X.var(axis=0).mean())


def test_one_bump_stands_in_the_middle():
    np.testing.assert_array_equal(grid(1, 2), [[0, 0]])


def test_a_high_price_keeps_the_sheet_flat():
    X, _ = arc()
    flat = GTM(1, n_basis=0).fit(X)
    stiff = GTM(1, n_basis=5, penalty=1e8).fit(X)
    np.testing.assert_allclose(stiff.nodes_, flat.nodes_, atol=1e-2)


@pytest.mark.parametrize("q", [1, 2])
def test_magnification_is_the_area_by_finite_differences(q):
    rng = np.random.default_rng(0)
    model = GTM(q, n_grid=8, n_basis=4, width=0.7, max_iter=500)
    model.fit(rng.normal(size=(100, 3)) ** 3)
    Z, step = rng.uniform(-0.9, 0.9, size=(10, q)), 1e-6
    J = np.stack(
        [
            (model.inverse_transform(Z + step * e) - model.inverse_transform(Z - step * e))
            / (2 * step)
            for e in np.eye(q)
        ],
        axis=1,
    )
    area = np.sqrt(np.linalg.det(J @ np.swapaxes(J, 1, 2)))
    np.testing.assert_allclose(model.magnification(Z), area, rtol=1e-5)


def test_width_is_in_units_of_the_distance_between_bumps():
    X, _ = arc()
    model = GTM(1, n_basis=5, width=0.7).fit(X)
    features = basis(model.grid_, grid(5, 1), 0.7 * 0.5)  # five bumps on [-1, 1] are 0.5 apart
    np.testing.assert_allclose(model.nodes_, features @ model.weights_ + model.mean_)


def test_samples_have_the_density():
    model = GTM(1, n_grid=20, penalty=0.01).fit(arc()[0])
    X, Z = model.sample(20_000)
    assert (model.sample(5)[0] == model.sample(5)[0]).all()
    error = X - model.inverse_transform(Z)
    assert np.isclose(error.var(), model.noise_variance_, rtol=0.03)
    mixture_mean = model.nodes_.mean(axis=0)
    assert (abs(X.mean(axis=0) - mixture_mean) < 5 * X.std(axis=0) / np.sqrt(len(X))).all()


def test_warns_at_max_iter():
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        GTM(1, tol=0, max_iter=2).fit(arc()[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 3}, "n_components=3"),
        ({"n_grid": 1}, r"n_grid=1 .*n_grid\^2 nodes, at least 2\^2 and at most 100,000"),
        ({"n_grid": 1000}, r"n_grid=1000 .*at most 100,000"),
        ({"n_basis": -1}, r"n_basis=-1 .*n_basis\^2 bumps, none for a flat sheet"),
        ({"n_basis": 1000}, r"n_basis=1000 .*at most 100,000"),
        ({"width": 0}, "width=0"),
        ({"penalty": 0}, "penalty=0 .*take a small one"),
        ({"tol": -1}, "tol=-1"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"min_noise_variance": 0}, "min_noise_variance=0"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        GTM(**options).fit(arc()[0])


def test_sample_size_is_checked():
    with pytest.raises(ValueError, match="n_samples=0"):
        GTM(1).fit(arc()[0]).sample(0)
