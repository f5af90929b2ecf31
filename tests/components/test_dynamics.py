"""Kalman filter, smoother and EM against the dense joint Gaussian, SciPy and theorems."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_lyapunov
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.decomposition import FactorAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.components.dynamics import (
    LinearDynamicalSystem,
    System,
    correct,
    e_step,
    fit_observation,
    kalman_filter,
    kalman_smoother,
    m_step,
    predict,
    simulate,
    start_system,
)

seeds = st.integers(0, 10**6)
IN_TIME = "the rows of X are a sequence: a row's state depends on the rows around it"
NOT_APPLICABLE = {
    "check_methods_subset_invariance": IN_TIME,
    "check_methods_sample_order_invariance": IN_TIME,
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [LinearDynamicalSystem(max_iter=3)], expected_failed_checks=lambda _: NOT_APPLICABLE
)
def test_estimator_checks(estimator, check):
    check(estimator)


def random_system(rng, k, d):
    """A system with no zeros anywhere, and a full R."""

    def covariance(size):
        factor = rng.normal(size=(size, size))
        return factor @ factor.T + 0.3 * np.eye(size)

    return System(
        A=rng.normal(size=(k, k)) * 0.7 / np.sqrt(k),
        C=rng.normal(size=(d, k)),
        Q=covariance(k),
        R=covariance(d),
        offset=rng.normal(size=d),
        start_mean=rng.normal(size=k),
        start_cov=covariance(k),
    )


def dense(system, n):
    """Mean and covariance of all states and all rows together, by their definition."""
    k, d = len(system.A), len(system.C)
    means, covs = [system.start_mean], np.zeros((n, n, k, k))
    covs[0, 0] = system.start_cov
    for t in range(1, n):
        means.append(system.A @ means[-1])
        covs[t, t] = system.A @ covs[t - 1, t - 1] @ system.A.T + system.Q
    for t in range(n):
        for later in range(t + 1, n):
            covs[later, t] = system.A @ covs[later - 1, t]
            covs[t, later] = covs[later, t].T
    Z = covs.transpose(0, 2, 1, 3).reshape(n * k, n * k)
    C = np.kron(np.eye(n), system.C)
    mean = np.concatenate(means)
    x_mean = C @ mean + np.tile(system.offset, n)
    x_cov = C @ Z @ C.T + np.kron(np.eye(n), system.R)
    assert x_cov.shape == (n * d, n * d)
    return mean, Z, x_mean, x_cov, Z @ C.T


def condition(mean, Z, x_mean, x_cov, cross, x):
    """Posterior of the states given the entries of x that are no nan, and their log density."""
    seen = ~np.isnan(x)
    if not seen.any():
        return mean, Z, 0.0
    S = x_cov[np.ix_(seen, seen)]
    gain = np.linalg.solve(S, cross[:, seen].T).T
    log_density = multivariate_normal(x_mean[seen], S).logpdf(x[seen])
    return mean + gain @ (x - x_mean)[seen], Z - gain @ S @ gain.T, log_density


@settings(deadline=None, max_examples=60)
@given(
    seed=seeds,
    k=st.integers(1, 3),
    d=st.integers(1, 3),
    n=st.integers(1, 6),
    lost=st.sampled_from([0.0, 0.3, 0.8]),
)
def test_filter_and_smoother_are_the_dense_posterior(seed, k, d, n, lost):
    """`eq-dynamics-correct` to `eq-dynamics-smoother`, rows with nan too."""
    rng = np.random.default_rng(seed)
    system = random_system(rng, k, d)
    _, X = simulate(system, n, seed)
    X[rng.uniform(size=X.shape) < lost] = np.nan
    filtered = kalman_filter(X, system)
    smoothed = kalman_smoother(filtered, system.A)
    joint = dense(system, n)
    close = {"rtol": 0, "atol": 1e-10 * max(1, np.abs(joint[3]).max())}
    for t in range(n):
        here, past = slice(t * k, (t + 1) * k), X.copy()
        past[t + 1 :] = np.nan
        mean, cov, log_density = condition(*joint, past.ravel())
        np.testing.assert_allclose(filtered.means[t], mean[here], **close)
        np.testing.assert_allclose(filtered.covs[t], cov[here, here], **close)
        np.testing.assert_allclose(filtered.log_density[: t + 1].sum(), log_density, **close)
        past[t] = np.nan
        mean, cov, _ = condition(*joint, past.ravel())
        np.testing.assert_allclose(filtered.predicted_means[t], mean[here], **close)
        np.testing.assert_allclose(filtered.predicted_covs[t], cov[here, here], **close)
    mean, cov, _ = condition(*joint, X.ravel())
    np.testing.assert_allclose(smoothed.means.ravel(), mean, **close)
    blocks = cov.reshape(n, k, n, k)
    for t in range(n):
        np.testing.assert_allclose(smoothed.covs[t], blocks[t, :, t], **close)
    for t in range(n - 1):
        np.testing.assert_allclose(smoothed.lag_covs[t], blocks[t + 1, :, t], **close)


def test_smoother_of_a_state_that_is_partly_known():
    """x[t] depends on two values before it: with an exact start, P' has no inverse."""
    system = System(
        A=np.array([[0.6, 0.3], [1.0, 0.0]]),
        C=np.array([[1.0, 0.0]]),
        Q=np.diag([1.0, 0.0]),
        R=np.array([[0.5]]),
        offset=np.zeros(1),
        start_mean=np.array([1.0, -1.0]),
        start_cov=np.zeros((2, 2)),
    )
    _, X = simulate(system, 5, 0)
    X[2] = np.nan
    smoothed = kalman_smoother(kalman_filter(X, system), system.A)
    mean, cov, _ = condition(*dense(system, 5), X.ravel())
    blocks = cov.reshape(5, 2, 5, 2)
    np.testing.assert_allclose(smoothed.means.ravel(), mean, atol=1e-12)
    np.testing.assert_allclose(smoothed.covs, [blocks[t, :, t] for t in range(5)], atol=1e-12)
    lags = [blocks[t + 1, :, t] for t in range(4)]
    np.testing.assert_allclose(smoothed.lag_covs, lags, atol=1e-12)


def test_one_step_by_hand():
    """Section "One number at a time": means weighted by precisions."""
    one = np.eye(1)
    mean, cov = predict(np.array([2.0]), 3 * one, 0.5 * one, one)
    np.testing.assert_allclose([mean.item(), cov.item()], [1.0, 1.75])
    mean, cov, log_density = correct(
        np.array([1.0]), 4 * one, np.array([6.0]), one, one, np.zeros(1)
    )
    np.testing.assert_allclose([mean.item(), cov.item()], [5.0, 0.8])
    np.testing.assert_allclose(log_density, multivariate_normal(1.0, 5.0).logpdf(6.0))


def test_gains_of_a_random_walk_are_ratios_of_fibonacci_numbers():
    one = np.eye(1)
    cov, gains, fibonacci = np.zeros((1, 1)), [], [1, 1]
    for _ in range(8):
        predicted = predict(np.zeros(1), cov, one, one)[1]
        cov = correct(np.zeros(1), predicted, np.zeros(1), one, one, np.zeros(1))[1]
        gains.append(cov.item())
        fibonacci += [sum(fibonacci[-2:])]
        fibonacci += [sum(fibonacci[-2:])]
    np.testing.assert_allclose(gains, np.divide(fibonacci[1:-1:2], fibonacci[2::2]))


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_another_basis_of_the_state_is_the_same_model(seed):
    """`eq-dynamics-basis`: A, C, Q in another basis give every row the same density."""
    rng = np.random.default_rng(seed)
    s = random_system(rng, 2, 3)
    T = rng.normal(size=(2, 2)) + 2 * np.eye(2)
    back = np.linalg.inv(T)
    other = s._replace(
        A=T @ s.A @ back,
        C=s.C @ back,
        Q=T @ s.Q @ T.T,
        start_mean=T @ s.start_mean,
        start_cov=T @ s.start_cov @ T.T,
    )
    _, X = simulate(s, 10, seed)
    ours, theirs = kalman_filter(X, s), kalman_filter(X, other)
    np.testing.assert_allclose(ours.log_density, theirs.log_density, atol=1e-7)
    np.testing.assert_allclose(ours.means @ T.T, theirs.means, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_matrices_that_no_row_can_tell_apart(seed):
    """`ex-dynamics-twins`: P + D and Q + D - F D F', where D C' = 0, give the same densities."""
    rng = np.random.default_rng(seed)
    s = random_system(rng, 4, 2)
    hidden = np.linalg.svd(s.C)[2][2:]  # what C does not see
    D = 0.02 * hidden.T @ hidden
    other = s._replace(Q=s.Q + D - s.A @ D @ s.A.T, start_cov=s.start_cov + D)
    assert np.linalg.eigvalsh(other.Q).min() > 0
    _, X = simulate(s, 20, seed)
    ours, theirs = kalman_filter(X, s), kalman_filter(X, other)
    np.testing.assert_allclose(ours.log_density, theirs.log_density, atol=1e-9)
    np.testing.assert_allclose(ours.means, theirs.means, atol=1e-9)  # the filters agree
    back = [kalman_smoother(f, s.A).means for f in (ours, theirs)]
    assert np.abs(back[0] - back[1]).max() > 1e-5  # the smoothers do not


def test_without_memory_it_is_factor_analysis():
    """Section "A factor that remembers": A = 0, Q = I."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 5)) + rng.normal(size=(200, 5))
    fa = FactorAnalysis(2, tol=1e-8, svd_method="lapack").fit(X)
    system = System(
        np.zeros((2, 2)),
        fa.components_.T,
        np.eye(2),
        np.diag(fa.noise_variance_),
        fa.mean_,
        np.zeros(2),
        np.eye(2),
    )
    filtered = kalman_filter(X, system)
    np.testing.assert_allclose(filtered.log_density, fa.score_samples(X), atol=1e-9)
    np.testing.assert_allclose(filtered.means, fa.transform(X), atol=1e-9)
    smoothed = kalman_smoother(filtered, system.A)
    np.testing.assert_allclose(smoothed.means, filtered.means, atol=1e-12)


def expected_log_joint(sequences, smoothed, s):
    """E[log p(states, rows)] by its definition, row by row; R diagonal."""
    total = 0.0
    for X, (means, covs, lags) in zip(sequences, smoothed, strict=True):
        for t in range(len(X)):
            if t == 0:
                error, spread, noise = means[0] - s.start_mean, covs[0], s.start_cov
            else:
                error, noise = means[t] - s.A @ means[t - 1], s.Q
                turned = s.A @ lags[t - 1].T
                spread = covs[t] - turned - turned.T + s.A @ covs[t - 1] @ s.A.T
            second = spread + np.outer(error, error)
            total -= 0.5 * (np.linalg.slogdet(noise)[1] + np.trace(np.linalg.solve(noise, second)))
            for i in np.flatnonzero(~np.isnan(X[t])):
                error = X[t, i] - s.offset[i] - s.C[i] @ means[t]
                second = error**2 + s.C[i] @ covs[t] @ s.C[i]
                total -= 0.5 * (np.log(s.R[i, i]) + second / s.R[i, i])
    return total


def holey(seed, lengths=(7, 9), d=2):
    rng = np.random.default_rng(seed)
    system = random_system(rng, 2, d)._replace(start_mean=np.zeros(2), R=np.diag(np.full(d, 0.5)))
    sequences = [simulate(system, n, seed + n)[1] for n in lengths]
    sequences[0][2, 0] = np.nan
    sequences[1][4:6] = np.nan
    return sequences, system


def test_a_start_learned_from_one_sequence_is_no_guess_for_another():
    """Section "Break it: a start from one row": only the first row of the others suffers."""
    system = random_system(np.random.default_rng(1), 2, 3)
    _, X = simulate(system, 300, 0)
    model = LinearDynamicalSystem(2, tol=1e-7, max_iter=60)
    with pytest.warns(ConvergenceWarning):
        model.fit(X[:150])
    learned = model.system_
    steady = learned._replace(start_cov=solve_discrete_lyapunov(learned.A, learned.Q))
    ours, theirs = (kalman_filter(X[150:], s).log_density for s in (learned, steady))
    assert np.linalg.eigvalsh(learned.start_cov)[0] < 0.1 * np.linalg.eigvalsh(steady.start_cov)[0]
    np.testing.assert_allclose(ours[30:], theirs[30:], atol=1e-4)


def test_m_step_is_what_a_numerical_search_finds():
    """`eq-dynamics-m-step`, on two short sequences with holes."""
    sequences, system = holey(3)
    _, smoothed = e_step(sequences, system)
    best = m_step(sequences, smoothed, system)
    lower = np.tril_indices(2)

    def build(theta):
        factors = []
        for part in (theta[:3], theta[3:6]):
            factor = np.zeros((2, 2))
            factor[lower] = part
            factors.append(factor @ factor.T + 1e-9 * np.eye(2))
        A, C = theta[6:10].reshape(2, 2), theta[10:14].reshape(2, 2)
        R = np.diag(np.exp(theta[16:18]))
        return System(A, C, factors[0], R, theta[14:16], np.zeros(2), factors[1])

    start = np.concatenate([[1, 0, 1, 1, 0, 1], system.A.ravel(), system.C.ravel(), np.zeros(4)])
    found = minimize(lambda theta: -expected_log_joint(sequences, smoothed, build(theta)), start)
    reached = expected_log_joint(sequences, smoothed, best)
    assert -found.fun <= reached + 1e-6
    np.testing.assert_allclose(-found.fun, reached, atol=1e-4)
    for ours, theirs in zip(best, build(found.x), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=0.01)


@settings(deadline=None, max_examples=15)
@given(seed=seeds, k=st.integers(1, 3), holes=st.booleans())
def test_em_never_lowers_the_likelihood(seed, k, holes):
    sequences, _ = holey(seed, lengths=(15, 12))
    if not holes:
        sequences = [np.nan_to_num(X) for X in sequences]
    system, history = start_system(sequences, k), []
    for _ in range(12):
        log_likelihood, smoothed = e_step(sequences, system)
        history.append(log_likelihood)
        system = m_step(sequences, smoothed, system)
    assert np.diff(history).min() > -1e-8


def test_observation_with_known_states_is_least_squares():
    """Without uncertainty about the states, every feature has its own regression."""
    rng = np.random.default_rng(0)
    Z, X = rng.normal(size=(50, 2)), rng.normal(size=(50, 3))
    X[:10, 1] = np.nan
    C, offset, noise = fit_observation(X, Z, np.zeros((50, 2, 2)))
    for i in range(3):
        rows = ~np.isnan(X[:, i])
        regressors = np.column_stack([Z, np.ones(50)])[rows]
        weights, squares, *_ = np.linalg.lstsq(regressors, X[rows, i], rcond=None)
        np.testing.assert_allclose([*C[i], offset[i]], weights, atol=1e-10)
        np.testing.assert_allclose(noise[i], squares.item() / rows.sum(), atol=1e-10)


@pytest.fixture(scope="module")
def spiral():
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    C = np.random.default_rng(1).normal(size=(4, 2))
    eye = np.eye(2)
    return System(0.97 * turn, C, 0.06 * eye, 0.3 * np.eye(4), np.arange(4.0), np.zeros(2), eye)


@pytest.fixture(scope="module")
def learned(spiral):
    _, X = simulate(spiral, 300, 0)
    return X, LinearDynamicalSystem(2, random_state=0).fit(X)


def test_the_eigenvalues_of_the_truth_are_found(spiral, learned):
    X, model = learned
    ours, theirs = (np.sort_complex(np.linalg.eigvals(A)) for A in (model.transition_, spiral.A))
    np.testing.assert_allclose(ours, theirs, atol=0.05)
    assert model.loglike_[-1] > kalman_filter(X, spiral).log_density.sum()
    assert np.diff(model.loglike_).min() > 0
    np.testing.assert_allclose(model.score(X) * len(X), model.loglike_[-1])


def test_holes_are_filled_better_than_by_the_mean(spiral, learned):
    _, model = learned
    _, X = simulate(spiral, 100, 5)
    holey_X = X.copy()
    holey_X[40:43] = np.nan
    filled = model.fill(holey_X)
    np.testing.assert_array_equal(filled[:40], X[:40])
    assert ((filled - X)[40:43] ** 2).mean() < 0.5 * ((X - X.mean(0))[40:43] ** 2).mean()


def test_forecast_is_the_dense_conditional(learned):
    X, model = learned
    X, ahead = X[:4], 2
    means, covs = model.forecast(X, ahead)
    _, _, x_mean, x_cov, _ = dense(model.system_, 6)
    past, future = slice(0, 16), slice(16, 24)
    gain = np.linalg.solve(x_cov[past, past], x_cov[past, future]).T
    np.testing.assert_allclose(
        means.ravel(), x_mean[future] + gain @ (X.ravel() - x_mean[past]), atol=1e-9
    )
    cov = x_cov[future, future] - gain @ x_cov[past, future]
    np.testing.assert_allclose(covs[1], cov[4:, 4:], atol=1e-9)


def test_samples_have_the_moments(spiral):
    draws = np.random.RandomState(0)
    rows = np.array([simulate(spiral, 3, draws)[1].ravel() for _ in range(4000)])
    _, _, mean, cov, _ = dense(spiral, 3)
    error = np.sqrt(np.diag(cov) / len(rows))
    assert (np.abs(rows.mean(axis=0) - mean) < 5 * error).all()
    variances = np.outer(np.diag(cov), np.diag(cov)) + cov**2
    assert (np.abs(np.cov(rows.T) - cov) < 5 * np.sqrt(variances / len(rows))).all()


def test_sample_of_a_model_is_repeatable(learned):
    _, model = learned
    X, Z = model.sample(20)
    assert X.shape == (20, 4)
    assert Z.shape == (20, 2)
    np.testing.assert_array_equal(X, model.sample(20)[0])


def test_several_sequences_are_not_glued_together(learned):
    X, model = learned
    parts = model.transform([X[:100], X[100:]])
    assert [part.shape for part in parts] == [(100, 2), (200, 2)]
    np.testing.assert_allclose(parts[0], model.transform(X[:100]))
    stacked = model.transform(X.reshape(3, 100, 4))
    np.testing.assert_allclose(stacked[1], model.transform(X[100:200]))
    assert not np.allclose(parts[1][0], model.transform(X)[100], atol=1e-3)


def test_score_of_several_sequences_is_a_mean_over_rows(learned):
    X, model = learned
    long, short = X[:20], X[20:27]
    mean = (20 * model.score(long) + 7 * model.score(short)) / 27
    np.testing.assert_allclose(model.score([long, short]), mean)


def test_more_states_than_features():
    """A sine in one feature needs two states; the forecast goes on swinging."""
    wave = np.sin(0.5 * np.arange(150))[:, None]
    noisy = wave + 0.1 * np.random.default_rng(0).normal(size=wave.shape)
    model = LinearDynamicalSystem(2, max_iter=100, tol=1e-3).fit(noisy[:120])
    angles = np.abs(np.angle(np.linalg.eigvals(model.transition_)))
    np.testing.assert_allclose(angles, 0.5, atol=0.02)
    assert np.abs(model.forecast(noisy[:120], 10)[0] - wave[120:130]).max() < 0.35


def test_warns_at_max_iter(learned):
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        LinearDynamicalSystem(2, max_iter=2).fit(learned[0])


@pytest.mark.parametrize(
    ("arguments", "X", "message"),
    [
        ({"n_components": 0}, np.ones((5, 2)), "n_components=0"),
        ({"n_components": 5}, np.ones((5, 2)), "n_components=5.*at most 4.*steps"),
        ({"n_components": 4}, np.ones((5, 1)), "n_components=4.*windows of 4 rows.*has 2.*fewer"),
        ({"tol": -1}, np.ones((5, 2)), "tol=-1"),
        ({"max_iter": 0}, np.ones((5, 2)), "max_iter=0"),
        ({}, [[1.0, np.nan], [2.0, np.nan]], "only nan in column 1.*leave"),
        ({}, [[1.0, np.inf], [2.0, 1.0]], "infinity"),
        ({}, [np.ones((5, 2)), np.ones((5, 3))], "3 features"),
    ],
)
def test_bad_input_is_named(arguments, X, message):
    with pytest.raises(ValueError, match=message):
        LinearDynamicalSystem(**arguments).fit(X)


def test_bad_lengths_are_named(learned):
    X, model = learned
    with pytest.raises(ValueError, match="n_steps=0"):
        model.forecast(X, 0)
    with pytest.raises(ValueError, match="n_steps=-1"):
        model.sample(-1)
