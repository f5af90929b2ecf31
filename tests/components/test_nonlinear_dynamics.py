"""Extended and unscented filters against the linear one, autograd, sampling and theorems."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.components.dynamics import kalman_filter, kalman_smoother, simulate
from companion.components.nonlinear_dynamics import (
    METHODS,
    NonlinearDynamicalSystem,
    jacobian,
    push_extended,
    push_unscented,
    sigma_points,
)
from tests.components.test_dynamics import random_system

seeds = st.integers(0, 10**6)


def gaussian(rng, k):
    root = rng.normal(size=(k, k))
    return rng.normal(size=k), root @ root.T + 0.1 * np.eye(k)


def as_functions(s, method):
    """A linear system in the form of a nonlinear one."""
    return NonlinearDynamicalSystem(
        lambda z: s.A @ z,
        lambda z: s.C @ z + s.offset,
        state_noise=s.Q,
        noise=s.R,
        start_mean=s.start_mean,
        start_cov=s.start_cov,
        method=method,
        jacobians=(lambda z: s.A, lambda z: s.C),
    )


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, max_examples=20)
@given(seed=seeds, k=st.integers(1, 4), d=st.integers(1, 3), lost=st.sampled_from([0.0, 0.4]))
def test_a_linear_system_gives_the_kalman_filter(method, seed, k, d, lost):
    """`eq-smooth_factors-push`: filter, smoother and likelihood, rows with nan too."""
    rng = np.random.default_rng(seed)
    s = random_system(rng, k, d)
    _, X = simulate(s, 8, seed)
    X[rng.uniform(size=X.shape) < lost] = np.nan
    model = as_functions(s, method)
    linear = kalman_filter(X, s)
    close = {"rtol": 0, "atol": 1e-10 * max(1, np.abs(linear.predicted_covs).max())}
    for ours, theirs in zip(model.filter(X), linear, strict=True):
        np.testing.assert_allclose(ours, theirs, **close)
    for ours, theirs in zip(model.smooth(X), kalman_smoother(linear, s.A), strict=True):
        np.testing.assert_allclose(ours, theirs, **close)


@pytest.mark.parametrize("method", METHODS)
def test_a_start_that_is_known_exactly(method):
    """Then neither the start nor the first prediction has an inverse, or a Cholesky factor."""
    exact = {"start_cov": np.zeros((2, 2)), "Q": np.diag([1.0, 0.0])}
    s = random_system(np.random.default_rng(0), 2, 2)._replace(**exact)
    _, X = simulate(s, 6, 0)
    model, linear = as_functions(s, method), kalman_filter(X, s)
    for ours, theirs in zip(model.filter(X), linear, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-10)
    for ours, theirs in zip(model.smooth(X), kalman_smoother(linear, s.A), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_the_smoother_regresses_on_the_bent_function():
    """The gain is Cov(z, f(z)) / Var(z'); for a cube, Cov(z, z^3) = 3 v (m^2 + v)."""
    m, v = 0.5, 0.4
    model = NonlinearDynamicalSystem(
        lambda z: z**3,
        lambda z: z,
        state_noise=0.1,
        noise=0.2,
        start_mean=m,
        start_cov=v,
    )
    X = np.array([[np.nan], [1.0]])
    f, s = model.filter(X), model.smooth(X)
    gain = 3 * v * (m**2 + v) / f.predicted_covs[1, 0, 0]
    shift = gain * (f.means[1] - f.predicted_means[1])
    np.testing.assert_allclose(s.means[0], m + shift)


@pytest.mark.parametrize(("kappa", "variance"), [(None, 3), (0.0, 2), (2.0, 4)])
def test_kappa_says_how_far_out_the_points_are(kappa, variance):
    """Of z^2, z ~ N(0, I) in the plane: the points give k + kappa - 1, to which Q adds 1."""
    model = NonlinearDynamicalSystem(
        lambda z: z**2,
        lambda z: z,
        state_noise=np.eye(2),
        noise=np.eye(2),
        start_mean=np.zeros(2),
        start_cov=np.eye(2),
        kappa=kappa,
    )
    found = model.filter(np.full((2, 2), np.nan)).predicted_covs[1, 0, 0]
    np.testing.assert_allclose(found, variance)


def pendulum(z):
    return np.array([z[0] + 0.1 * z[1], z[1] - 0.981 * np.sin(z[0])])


def test_jacobian_equals_autograd():
    def same(z):
        return torch.stack([z[0] + 0.1 * z[1], z[1] - 0.981 * torch.sin(z[0])])

    z = np.array([0.7, -1.2])
    exact = torch.autograd.functional.jacobian(same, torch.tensor(z))
    np.testing.assert_allclose(jacobian(pendulum, z), exact.numpy(), atol=1e-9)


@given(seed=seeds, k=st.integers(1, 5), kappa=st.floats(0, 4))
def test_sigma_points_have_the_moments(seed, k, kappa):
    mean, cov = gaussian(np.random.default_rng(seed), k)
    points, weights = sigma_points(mean, cov, kappa)
    assert points.shape == (2 * k + 1, k)
    np.testing.assert_allclose(weights.sum(), 1)
    np.testing.assert_allclose(weights @ points, mean, atol=1e-10)
    spread = points - mean
    np.testing.assert_allclose((weights[:, None] * spread).T @ spread, cov, atol=1e-9)


@given(seed=seeds, k=st.integers(1, 5))
def test_the_mean_of_a_quadratic_function_is_exact(seed, k):
    """The theorem behind the unscented transform: E[z'Bz + b'z] = tr(B cov) + m'Bm + b'm."""
    rng = np.random.default_rng(seed)
    mean, cov = gaussian(rng, k)
    B, b = rng.normal(size=(k, k)), rng.normal(size=k)
    center, _, cross = push_unscented(lambda z: np.array([z @ B @ z + b @ z]), mean, cov)
    np.testing.assert_allclose(center, np.trace(B @ cov) + mean @ B @ mean + b @ mean, atol=1e-8)
    np.testing.assert_allclose(cross[:, 0], cov @ ((B + B.T) @ mean + b), atol=1e-8)


def test_variance_of_a_square_in_one_dimension_is_exact():
    """With kappa = 2 the three points are those of Gauss and Hermite: right up to degree 5."""
    m, v = 0.7, 2.0
    center, spread, cross = push_unscented(lambda z: z**2, np.array([m]), np.array([[v]]))
    np.testing.assert_allclose(
        [center.item(), spread.item(), cross.item()], [m**2 + v, 2 * v**2 + 4 * m**2 * v, 2 * m * v]
    )
    flat = push_extended(lambda z: z**2, np.zeros(1), np.array([[v]]))
    np.testing.assert_allclose(np.concatenate([f.ravel() for f in flat]), 0, atol=1e-9)


def ship(method, **changes):
    """Sails straight on, with an unknown heading; its position is seen."""
    arguments = {
        "state_noise": np.diag([1e-4, 1e-4, 1e-6]),
        "noise": 0.01 * np.eye(2),
        "start_mean": np.zeros(3),
        "start_cov": np.diag([1e-4, 1e-4, 0.25]),
        "method": method,
    }
    return NonlinearDynamicalSystem(
        lambda z: z + np.array([np.cos(z[2]), np.sin(z[2]), 0.0]),
        lambda z: z[:2],
        **arguments | changes,
    )


def test_polar_moments_are_nearer_to_sampling_with_points_than_with_the_tangent():
    """Section "Where the tangent lies": a banana."""
    mean, cov = np.array([10.0, 0.0]), np.diag([0.01, 0.16])

    def cartesian(z):
        return np.array([z[0] * np.cos(z[1]), z[0] * np.sin(z[1])])

    draws = np.random.default_rng(0).multivariate_normal(mean, cov, 200_000)
    cloud = cartesian(draws.T).T
    tangent, points = (push(cartesian, mean, cov) for push in (push_extended, push_unscented))
    truth = cloud.mean(axis=0)
    assert np.abs(points[0] - truth).max() < 0.05 < 0.5 < np.abs(tangent[0] - truth).max()
    assert np.linalg.norm(points[1] - np.cov(cloud.T)) < np.linalg.norm(
        tangent[1] - np.cov(cloud.T)
    )


def surprise(model, seed):
    """Squared error of the position after the first fix, in units of its claimed variance."""
    X, Z = model.sample(11, random_state=seed)
    X[:-1] = np.nan
    filtered = model.filter(X)
    error = (filtered.means[-1] - Z[-1])[:2]
    return error @ np.linalg.solve(filtered.covs[-1][:2, :2], error)


def test_the_extended_filter_is_overconfident_where_the_unscented_is_not():
    """Section "Where the tangent lies": 2 is expected, 5.99 exceeded once in twenty."""
    extended, unscented = (
        np.array([surprise(ship(method), seed) for seed in range(200)]) for method in METHODS
    )
    assert (extended > 5.99).mean() > 0.5
    assert (unscented > 5.99).mean() < 0.2


@pytest.mark.parametrize("method", METHODS)
def test_a_pendulum_is_followed(method):
    model = NonlinearDynamicalSystem(
        pendulum,
        lambda z: np.sin(z[:1]),
        state_noise=np.diag([1e-4, 1e-2]),
        noise=[[0.1]],
        start_mean=[1.2, 0.0],
        start_cov=0.1 * np.eye(2),
        method=method,
    )
    X, Z = model.sample(200, random_state=0)
    filtered, smoothed = model.filter(X), model.smooth(X)
    error = [np.sqrt(((means - Z)[:, 0] ** 2).mean()) for means in (filtered.means, smoothed.means)]
    assert error[1] < error[0] < 0.3
    assert model.score(X) > model.score(X[::-1])


def test_samples_have_the_moments():
    """Two steps of the ship: the second position is on a banana, and seen with noise."""
    model = ship("unscented")
    draws = np.random.RandomState(0)
    rows = np.array([model.sample(2, draws)[0][1] for _ in range(3000)])
    mean = np.exp(-0.25 / 2)  # E[cos h] for h ~ N(0, 0.25)
    variance = 0.5 * (1 + np.exp(-2 * 0.25)) - mean**2 + 1e-4 + 1e-4 + 0.01
    assert abs(rows[:, 0].mean() - mean) < 5 * np.sqrt(variance / 3000)
    np.testing.assert_allclose(rows[:, 0].var(), variance, rtol=0.15)
    np.testing.assert_array_equal(model.sample(4, 1)[0], model.sample(4, 1)[0])


def test_derivatives_that_are_given_are_used():
    used = []

    def slope(z):
        used.append(z)
        return np.array([[1.0, 0, -np.sin(z[2])], [0, 1, np.cos(z[2])], [0, 0, 1]])

    by_hand = ship("extended", jacobians=(slope, None))
    X, _ = by_hand.sample(5, random_state=0)
    np.testing.assert_allclose(by_hand.filter(X).means, ship("extended").filter(X).means, atol=1e-6)
    assert len(used) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "ensemble"}, "method='ensemble'.*'extended'"),
        ({"kappa": -1.0}, "kappa=-1.0"),
        ({"state_noise": np.eye(2)}, r"state_noise.*\(2, 2\).*\(3, 3\)"),
        ({"start_cov": np.eye(4)}, r"start_cov.*\(4, 4\).*\(3, 3\)"),
        ({"noise": np.eye(3)}, r"observation returns the shape \(2,\)"),
    ],
)
def test_bad_arguments_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        ship(**{"method": "unscented"} | changes)


def test_bad_rows_are_named():
    with pytest.raises(ValueError, match=r"X has shape \(4,\).*nan where unseen"):
        ship("extended").filter(np.zeros(4))
    with pytest.raises(ValueError, match="n_steps=0"):
        ship("extended").sample(0)
