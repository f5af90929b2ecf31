"""Linear dynamical systems: Kalman filter, smoother and learning by EM. Chapter: `dynamics`."""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.components.latent_gaussian import noise_floor
from companion.components.pca import PCA
from companion.components.sequence_model import SequenceModel, sequences_of
from companion.validation import check_integer, check_real

MIN_NOISE = 1e-12  # of a feature, as a share of its variance


class System(NamedTuple):
    """z[t+1] = F z[t] + w, w ~ N(0, Q), and x[t] = C z[t] + offset + v, v ~ N(0, R).

    Code calls F `A`. The first state is drawn from N(start_mean, start_cov). Shapes: A, Q and
    start_cov (k, k), C (d, k), R (d, d), offset (d,), start_mean (k,).
    """

    A: np.ndarray
    C: np.ndarray
    Q: np.ndarray
    R: np.ndarray
    offset: np.ndarray
    start_mean: np.ndarray
    start_cov: np.ndarray


class Filtered(NamedTuple):
    """What is known of z[t] before and after x[t] is seen, and log p(x[t] | rows before), nats."""

    predicted_means: np.ndarray  # (n, k)
    predicted_covs: np.ndarray  # (n, k, k)
    means: np.ndarray  # (n, k)
    covs: np.ndarray  # (n, k, k)
    log_density: np.ndarray  # (n,)


class Smoothed(NamedTuple):
    """What is known of z[t] when all rows are seen, and Cov(z[t+1], z[t]), a row less."""

    means: np.ndarray  # (n, k)
    covs: np.ndarray  # (n, k, k)
    lag_covs: np.ndarray  # (n - 1, k, k)


def predict(mean, cov, A, Q):
    """Mean and covariance of A z + w, where z ~ N(mean, cov) and w ~ N(0, Q)."""
    return A @ mean, A @ cov @ A.T + Q


def correct(mean, cov, x, C, R, offset):
    """Condition z ~ N(mean, cov) on x = C z + offset + v; also log p(x). nan is not looked at."""
    seen = ~np.isnan(x)
    C, R = C[seen], R[np.ix_(seen, seen)]
    innovation = x[seen] - offset[seen] - C @ mean
    S = C @ cov @ C.T + R  # covariance of the innovation
    solved = np.linalg.solve(S, np.column_stack([C @ cov, innovation]))
    gain, squares = solved[:, :-1].T, innovation @ solved[:, -1]
    log_density = -0.5 * (squares + np.linalg.slogdet(2 * np.pi * S)[1])
    keep = np.eye(len(mean)) - gain @ C
    return mean + gain @ innovation, keep @ cov @ keep.T + gain @ R @ gain.T, log_density


def kalman_filter(X, system):
    """Predict and correct, row by row of X (n, d); nan where nothing was seen. Kalman (1960)."""
    mean, cov, steps = system.start_mean, system.start_cov, []
    for t, x in enumerate(X):
        if t:
            mean, cov = predict(mean, cov, system.A, system.Q)
        before = mean, cov
        mean, cov, log_density = correct(mean, cov, x, system.C, system.R, system.offset)
        steps.append((*before, mean, cov, log_density))
    return Filtered(*map(np.array, zip(*steps, strict=True)))


def smoother_gain(predicted, cross):
    """Regression of z[t] on z[t+1], of covariance `predicted`, from Cov(z[t], z[t+1])."""
    try:
        return np.linalg.solve(predicted, cross.T).T
    except np.linalg.LinAlgError:  # a part of z[t+1] is known exactly: the least of the solutions
        return np.linalg.lstsq(predicted, cross.T, rcond=None)[0].T


def kalman_smoother(filtered, A):
    """Walk back from the last row and correct by what came later. Rauch, Tung, Striebel (1965)."""
    means, covs = filtered.means.copy(), filtered.covs.copy()
    lag_covs = np.zeros((len(means) - 1, *A.shape))
    for t in reversed(range(len(means) - 1)):
        predicted = filtered.predicted_covs[t + 1]
        gain = smoother_gain(predicted, covs[t] @ A.T)
        means[t] += gain @ (means[t + 1] - filtered.predicted_means[t + 1])
        covs[t] += gain @ (covs[t + 1] - predicted) @ gain.T
        lag_covs[t] = covs[t + 1] @ gain.T
    return Smoothed(means, covs, lag_covs)


def e_step(sequences, system):
    """Log likelihood of all sequences, in nats, and what is known of the states of each."""
    filtered = [kalman_filter(X, system) for X in sequences]
    smoothed = [kalman_smoother(f, system.A) for f in filtered]
    return sum(f.log_density.sum() for f in filtered), smoothed


def second_moments(covs, left, right):
    """Sum over steps of E[l r'], from covariances (n, k, k) and means (n, k) of both."""
    return covs.sum(axis=0) + left.T @ right


def fit_observation(X, means, covs):
    """C (d, k), offset (d,) and noise variances (d,) by regression of rows on uncertain states.

    Feature i is regressed on (z, 1), where it was seen, with E[z z'] = cov + mean mean'.
    """
    n, k = means.shape
    seen, regressors = ~np.isnan(X), np.column_stack([means, np.ones(n)])
    second = regressors[:, :, None] * regressors[:, None, :]  # (n, k + 1, k + 1)
    second[:, :k, :k] += covs
    normal = (seen.T @ second.reshape(n, -1)).reshape(-1, k + 1, k + 1)
    weights = np.linalg.solve(normal, (np.where(seen, X, 0).T @ regressors)[..., None])[..., 0]
    C, offset = weights[:, :k], weights[:, k]
    spread = np.einsum("tab,ia,ib->ti", covs, C, C, optimize=True)
    squares = np.where(seen, (X - regressors @ weights.T) ** 2 + spread, 0).sum(axis=0)
    return C, offset, squares / seen.sum(axis=0)


def m_step(sequences, smoothed, system):
    """Return the system that makes the expected log joint density largest; R is diagonal."""
    past = sum(second_moments(s.covs[:-1], s.means[:-1], s.means[:-1]) for s in smoothed)
    next_ = sum(second_moments(s.covs[1:], s.means[1:], s.means[1:]) for s in smoothed)
    cross = sum(second_moments(s.lag_covs, s.means[1:], s.means[:-1]) for s in smoothed)
    A = np.linalg.solve(past, cross.T).T  # least squares of z[t+1] on z[t]
    Q = (next_ - A @ cross.T) / sum(len(s.lag_covs) for s in smoothed)
    means, covs = (np.concatenate([s[i] for s in smoothed]) for i in (0, 1))
    C, offset, noise = fit_observation(np.concatenate(sequences), means, covs)
    variances = np.nanvar(np.concatenate(sequences), axis=0)
    R = np.diag(np.maximum(noise, noise_floor(variances, MIN_NOISE)))
    starts = np.array([s.means[0] - system.start_mean for s in smoothed])
    first = second_moments(np.array([s.covs[0] for s in smoothed]), starts, starts)
    return System(A, C, (Q + Q.T) / 2, R, offset, system.start_mean, first / len(starts))


def start_system(sequences, n_components):
    """Begin with the principal components of the rows (of windows of rows if k > d) as states."""
    (_, d), k = sequences[0].shape, n_components
    rows, width = np.concatenate(sequences), -(-k // d)
    average, variance = np.nanmean(rows, axis=0), np.nanvar(rows, axis=0)
    filled = [np.where(np.isnan(X), average, X) for X in sequences]
    windows = [sliding_window_view(X, (width, d)).reshape(-1, width * d) for X in filled]
    pca = PCA(k, whiten=True).fit(np.concatenate(windows))
    states = [np.asarray(pca.transform(w)) for w in windows]
    past, next_ = (np.concatenate([z[i : len(z) - 1 + i] for z in states]) for i in (0, 1))
    A = np.linalg.lstsq(past, next_, rcond=None)[0].T
    Q = np.cov((next_ - past @ A.T).T, bias=True).reshape(k, k) + 0.01 * np.eye(k)
    pairs = zip(filled, states, strict=True)
    Z, X = np.concatenate(states), np.concatenate([x[: len(z)] for x, z in pairs])
    C = np.linalg.lstsq(Z, X - average, rcond=None)[0].T
    noise = ((X - average - Z @ C.T) ** 2).mean(axis=0) + noise_floor(variance, 0.1)
    return System(A, C, Q, np.diag(noise), average, np.zeros(k), np.eye(k))


def simulate(system, n_steps, random_state=None):
    """Draw states (n_steps, k) and rows (n_steps, d) of a system."""
    rng = check_random_state(random_state)
    states = [rng.multivariate_normal(system.start_mean, system.start_cov)]
    for w in rng.multivariate_normal(np.zeros(len(system.A)), system.Q, size=n_steps - 1):
        states.append(system.A @ states[-1] + w)
    noise = rng.multivariate_normal(system.offset, system.R, size=n_steps)
    return np.array(states), np.array(states) @ system.C.T + noise


class LinearDynamicalSystem(SequenceModel):
    """Factor analysis with a memory: the factors follow z[t+1] = A z[t] + w. Learned by EM.

    Rows of X are steps in time; nan is what was not seen. Several sequences are given as a list.

    Parameters
    ----------
    n_components : int
        Size k of the state; may be larger than the number of features.
    tol : float
        Stop when a step of EM gains less, in nats a row.
    max_iter : int
    random_state : int, RandomState or None
        Of `sample`; fitting is deterministic.

    Attributes
    ----------
    components_, mean_, noise_variance_ : arrays (k, d), (d,), (d,)
        C', the offset and the diagonal of R, with the names of factor analysis.
    transition_, state_noise_ : arrays (k, k)
        A and Q.
    system_ : System
        All of them together; its start has mean 0 and a covariance that is learned from the first
        rows, one a sequence: from a single sequence it is no guess for another one.
    loglike_ : list of float
        Log likelihood at each step of EM, in nats.
    n_iter_ : int

    References
    ----------
    Shumway and Stoffer (1982), Ghahramani and Hinton (1996). Chapter: dynamics.
    """

    def __init__(self, n_components=1, *, tol=1e-4, max_iter=200, random_state=None):
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X, y=None):
        """Learn A, C, Q, R and the offset from one sequence (n_steps, d), or a list of them."""
        sequences, _ = sequences_of(self, X, reset=True)
        most = min(map(len, sequences)) - 1
        k = check_integer("n_components", self.n_components, 1, most, "one less than the steps.")
        width = -(-k // sequences[0].shape[1])
        if (count := sum(len(X) - width + 1 for X in sequences)) < k:
            raise ValueError(
                f"n_components={k} begins at windows of {width} rows, of which X has {count}: take "
                "fewer components, or longer sequences."
            )
        check_real("tol", self.tol, low=0)
        check_integer("max_iter", self.max_iter)
        self.system_ = self._climb(sequences, start_system(sequences, k), e_step, m_step)
        self.transition_, self.state_noise_ = self.system_.A, self.system_.Q
        self.components_, self.mean_ = self.system_.C.T, self.system_.offset
        self.noise_variance_ = np.diag(self.system_.R)
        return self

    def _smooth(self, x):
        return kalman_smoother(kalman_filter(x, self.system_), self.system_.A)

    def score_samples(self, X):
        """Log density of every row given those before it (n_steps,), in nats."""
        return self._each(lambda x: kalman_filter(x, self.system_).log_density, X)

    def score(self, X, y=None):
        """Mean log density of a row given those before it, in nats."""
        return float(np.hstack(self.score_samples(X)).mean())

    def forecast(self, X, n_steps):
        """Means (n_steps, d) and covariances (n_steps, d, d) of the rows that follow X."""
        unseen = np.full((check_integer("n_steps", n_steps), self.n_features_in_), np.nan)

        def follow(x):
            f, s = kalman_filter(np.vstack([x, unseen]), self.system_), self.system_
            means, covs = f.predicted_means[len(x) :], f.predicted_covs[len(x) :]
            return means @ s.C.T + s.offset, s.C @ covs @ s.C.T + s.R

        return self._each(follow, X)

    def sample(self, n_steps=1):
        """Draw a sequence of rows (n_steps, d) and its states (n_steps, k)."""
        check_is_fitted(self)
        n_steps = check_integer("n_steps", n_steps)
        return simulate(self.system_, n_steps, self.random_state)[::-1]
