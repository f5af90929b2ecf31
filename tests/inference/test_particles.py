"""Particle filter against the Kalman filter, where that is exact, and against enumeration."""

import numpy as np
import pytest
from scipy import stats

from companion.components.dynamics import System, kalman_filter, simulate
from companion.components.nonlinear_dynamics import NonlinearDynamicalSystem
from companion.inference import sampling
from companion.inference.particles import gaussian_parts, particle_filter, particle_step

LINEAR = System(
    np.array([[0.9, 0.3], [-0.2, 0.8]]),
    np.array([[1.0, 0.5], [0.0, 1.0]]),
    np.array([[0.3, 0.1], [0.1, 0.2]]),
    np.diag([0.5, 0.8]),
    np.zeros(2),
    np.array([1.0, -1.0]),
    np.array([[1.0, 0.2], [0.2, 0.5]]),
)


def as_functions(system):
    return NonlinearDynamicalSystem(
        lambda z: system.A @ z,
        lambda z: system.C @ z,
        state_noise=system.Q,
        noise=system.R,
        start_mean=system.start_mean,
        start_cov=system.start_cov,
    )


def test_the_name_stands_where_it_stood():
    assert sampling.particle_filter is particle_filter


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_it_is_the_kalman_filter_where_that_is_exact(threshold):
    """Section "Points that move", and every step within 5 standard errors of the mean."""
    y = simulate(LINEAR, 6 if threshold == 0 else 30, random_state=0)[1]
    y[3, 1] = np.nan
    y[4] = np.nan
    exact = kalman_filter(y, LINEAR)
    told = particle_filter(
        *gaussian_parts(as_functions(LINEAR)), y, 20_000, threshold=threshold, random_state=0
    )
    variance = np.diagonal(exact.covs, axis1=1, axis2=2)
    # resampling adds to the error of the weights: twice the variance covers it here
    error = np.sqrt(2 * variance / told.n_effective[:, None])
    assert (np.abs(told.mean - exact.means) < 5 * error).all()
    error = np.sqrt(4 / told.n_effective[:, None]) * variance
    assert (np.abs(told.variance - variance) < 5 * error).all()
    error = np.sqrt((1 / told.n_effective).sum())
    assert told.log_prob == pytest.approx(exact.log_density.sum(), abs=5 * error)
    assert error < 0.1 or threshold == 0


def test_the_likelihood_is_right_on_average_and_its_log_is_too_small():
    """`eq-sampling-likelihood`: few points, many runs."""
    y = simulate(LINEAR, 8, random_state=1)[1]
    parts, due = gaussian_parts(as_functions(LINEAR)), kalman_filter(y, LINEAR).log_density.sum()
    logs = np.array([particle_filter(*parts, y, 60, random_state=s).log_prob for s in range(800)])
    ratio = np.exp(logs - due)
    assert abs(ratio.mean() - 1) < 5 * ratio.std() / len(ratio) ** 0.5
    assert (logs - due).mean() < -3 * logs.std() / len(logs) ** 0.5


def test_without_resampling_it_is_importance_sampling_of_whole_paths():
    """Weights are products over the steps, however small they get."""
    rng, n, y = np.random.RandomState(0), 50, [0.3, -1.0, 40.0, 2.0]
    noise = rng.standard_normal((len(y), n, 1))
    paths = np.cumsum(noise, axis=0)
    told = particle_filter(
        lambda n, rng: noise[0],
        lambda x, t, rng: x + noise[t],
        lambda seen, x: stats.norm(x[:, 0], 0.1).logpdf(seen),
        y,
        n,
        threshold=0,
        keep=True,
    )
    logs = np.cumsum([stats.norm(paths[t, :, 0], 0.1).logpdf(y[t]) for t in range(4)], axis=0)
    np.testing.assert_allclose(told.clouds, paths)
    for t in range(4):
        weights = np.exp(logs[t] - logs[t].max())
        np.testing.assert_allclose(told.weights[t], weights / weights.sum(), atol=1e-9)
    due = np.logaddexp.reduce(logs[-1]) - np.log(n)
    assert told.log_prob == pytest.approx(due, rel=1e-12)


def test_a_step_resamples_below_the_threshold_only():
    x, rng = np.arange(4.0)[:, None], np.random.RandomState(0)
    log_w, seen = np.full(4, -np.log(4)), np.log([0.7, 0.1, 0.1, 0.1])
    cloud, same, kept = particle_step(x, log_w, seen, 0.1, rng)
    np.testing.assert_allclose(np.exp(kept), cloud.weights)
    assert (same == x).all()
    cloud, new, even = particle_step(x, log_w, seen, 1.0, rng)
    assert cloud.n_effective == pytest.approx(1 / (0.49 + 0.03))
    assert np.isin(new, x).all()
    assert (new == 0).sum() in (2, 3)
    np.testing.assert_allclose(np.exp(even), 0.25)


def test_same_seed_same_cloud_and_bad_input_is_refused():
    y, parts = simulate(LINEAR, 4, random_state=0)[1], gaussian_parts(as_functions(LINEAR))
    a, b = (particle_filter(*parts, y, 20, random_state=3, keep=True) for _ in range(2))
    assert (a.clouds == b.clouds).all()
    assert a.weights.shape == (4, 20)
    assert particle_filter(*parts, y, 20, random_state=3).clouds is None
    with pytest.raises(ValueError, match="threshold=2 must be a number"):
        particle_filter(*parts, y, 20, threshold=2)
    with pytest.raises(ValueError, match="q reach"):
        particle_filter(*parts[:2], lambda seen, x: np.full(len(x), -np.inf), y, 20)


def test_functions_of_one_state_only_are_named():
    one = NonlinearDynamicalSystem(
        lambda z: np.array([float(np.ravel(z)[0])]),
        lambda z: z,
        state_noise=[[1.0]],
        noise=[[1.0]],
        start_mean=[0.0],
        start_cov=[[1.0]],
    )
    with pytest.raises(ValueError, match=r"transition returns the shape .* one state a column"):
        particle_filter(*gaussian_parts(one), np.zeros((3, 1)), 5)
