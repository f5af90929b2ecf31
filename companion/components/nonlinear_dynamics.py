"""Nonlinear dynamical systems: extended, unscented filter, smoother. Chapter: `smooth_factors`."""

import numpy as np
from sklearn.utils import check_random_state

from companion.components.dynamics import Filtered, Smoothed, smoother_gain
from companion.validation import check_choice, check_integer, check_real

METHODS = ("extended", "unscented")


def jacobian(f, z, step=1e-5):
    """Derivatives (m, k) of f at z (k,), by central differences."""
    nudges = step * np.eye(len(z))
    return np.stack([f(z + h) - f(z - h) for h in nudges], axis=1) / (2 * step)


def push_extended(f, mean, cov, derivative=None):
    """Push N(mean, cov) through the tangent of f at the mean.

    Returns the mean and covariance of f(z), and the cross-covariance (k, m) of z and f(z).
    """
    F = jacobian(f, mean) if derivative is None else derivative(mean)
    return f(mean), F @ cov @ F.T, cov @ F.T


def sigma_points(mean, cov, kappa=0.0):
    """2 k + 1 points with the mean and covariance of N(mean, cov), and their weights."""
    k, (values, vectors) = len(mean), np.linalg.eigh(cov)
    root = np.linalg.qr((vectors * np.sqrt(values.clip(0))).T)[1]  # root' root = cov
    steps = np.sqrt(k + kappa) * root
    points = np.vstack([mean, mean + steps, mean - steps])
    return points, np.append(kappa, np.full(2 * k, 0.5)) / (k + kappa)


def push_unscented(f, mean, cov, kappa=None):
    """Push points of N(mean, cov) through f itself. Julier and Uhlmann (1997).

    Returns the same as `push_extended`. The default `kappa` is 3 - k, at least 0.
    """
    kappa = max(3.0 - len(mean), 0.0) if kappa is None else kappa
    points, weights = sigma_points(mean, cov, kappa)
    images = np.array([f(point) for point in points])
    center = weights @ images
    spread, cross = images - center, weights[:, None] * (points - mean)
    return center, (weights[:, None] * spread).T @ spread, cross.T @ spread


class NonlinearDynamicalSystem:
    """z[t+1] = f(z[t]) + w, w ~ N(0, Q), and x[t] = g(z[t]) + v, v ~ N(0, R).

    A filter and a smoother that keep one Gaussian for the state. Nothing is learned from data, so
    this is no estimator; compare `score` for different f, g, Q or R to fit them.

    Parameters
    ----------
    transition, observation : function of a state (k,)
        f, which returns a state (k,), and g, which returns a row (d,).
    state_noise, noise : arrays (k, k) and (d, d)
        Q and R.
    start_mean, start_cov : arrays (k,) and (k, k)
        Of the first state.
    method : {"unscented", "extended"}
        How a Gaussian is pushed through f and g: by points, or by the tangent.
    jacobians : pair of functions of a state, optional
        Derivatives (k, k) of f and (d, k) of g, for "extended"; otherwise by differences.
    kappa : float, optional
        How far the points of "unscented" lie from the mean, sqrt(k + kappa) deviations; 3 - k by
        default, at least 0.

    References
    ----------
    Julier and Uhlmann (1997), Sarkka (2013). Chapter: smooth_factors.
    """

    def __init__(
        self,
        transition,
        observation,
        *,
        state_noise,
        noise,
        start_mean,
        start_cov,
        method="unscented",
        jacobians=(None, None),
        kappa=None,
    ):
        self.transition, self.observation, self.jacobians = transition, observation, jacobians
        self.method = check_choice("method", method, METHODS)
        self.kappa = kappa if kappa is None else check_real("kappa", kappa, low=0)
        self.start_mean = np.atleast_1d(np.asarray(start_mean, dtype=float))
        self.noise = np.atleast_2d(np.asarray(noise, dtype=float))
        self.state_noise, self.start_cov = (
            np.atleast_2d(np.asarray(matrix, dtype=float)) for matrix in (state_noise, start_cov)
        )
        k = len(self.start_mean)
        for name in ("state_noise", "start_cov"):
            if (shape := getattr(self, name).shape) != (k, k):
                raise ValueError(f"{name} has shape {shape}: start_mean has {k}, pass ({k}, {k}).")
        for name, function, size in (
            ("transition", transition, k),
            ("observation", observation, len(self.noise)),
        ):
            if (shape := np.shape(function(self.start_mean))) != (size,):
                raise ValueError(f"{name} returns the shape {shape}: return an array ({size},).")

    def _push(self, which, mean, cov):
        function = (self.transition, self.observation)[which]
        if self.method == "extended":
            return push_extended(function, mean, cov, self.jacobians[which])
        return push_unscented(function, mean, cov, self.kappa)

    def _rows(self, X):
        X, d = np.asarray(X, dtype=float), len(self.noise)
        if X.ndim != 2 or X.shape[1] != d or not len(X):
            raise ValueError(f"X has shape {X.shape}: pass rows (n_steps, {d}), nan where unseen.")
        return X

    def _correct(self, mean, cov, x):
        """Condition the state on what was seen of x; also log p(x), in nats."""
        seen = ~np.isnan(x)
        center, spread, cross = self._push(1, mean, cov)
        S = (spread + self.noise)[np.ix_(seen, seen)]
        innovation, cross = (x - center)[seen], cross[:, seen]
        gain = np.linalg.solve(S, cross.T).T
        squares = innovation @ np.linalg.solve(S, innovation)
        log_density = -0.5 * (squares + np.linalg.slogdet(2 * np.pi * S)[1])
        return mean + gain @ innovation, cov - gain @ S @ gain.T, log_density

    def filter(self, X):
        """Predict and correct, row by row of X (n_steps, d); nan where nothing was seen."""
        mean, cov, steps = self.start_mean, self.start_cov, []
        for t, x in enumerate(self._rows(X)):
            if t:
                mean, cov, _ = self._push(0, mean, cov)
                cov = cov + self.state_noise
            before = mean, cov
            mean, cov, log_density = self._correct(mean, cov, x)
            steps.append((*before, mean, cov, log_density))
        return Filtered(*map(np.array, zip(*steps, strict=True)))

    def smooth(self, X):
        """Correct every state by what came later. The gain is that of the linear smoother."""
        f = self.filter(X)
        means, covs = f.means.copy(), f.covs.copy()
        lag_covs = np.zeros((len(means) - 1, *covs.shape[1:]))
        for t in reversed(range(len(means) - 1)):
            cross = self._push(0, means[t], covs[t])[2]
            gain = smoother_gain(f.predicted_covs[t + 1], cross)
            means[t] += gain @ (means[t + 1] - f.predicted_means[t + 1])
            covs[t] += gain @ (covs[t + 1] - f.predicted_covs[t + 1]) @ gain.T
            lag_covs[t] = covs[t + 1] @ gain.T
        return Smoothed(means, covs, lag_covs)

    def score_samples(self, X):
        """Log density of every row given those before it (n_steps,), in nats; approximate."""
        return self.filter(X).log_density

    def score(self, X):
        """Mean of `score_samples`."""
        return float(self.score_samples(X).mean())

    def sample(self, n_steps, random_state=None):
        """Draw a sequence of rows (n_steps, d) and its states (n_steps, k)."""
        n_steps, rng = check_integer("n_steps", n_steps), check_random_state(random_state)
        states = [rng.multivariate_normal(self.start_mean, self.start_cov)]
        for w in rng.multivariate_normal(np.zeros(len(self.start_mean)), self.state_noise, n_steps):
            states.append(self.transition(states[-1]) + w)
        rows = np.array([self.observation(z) for z in states[:n_steps]])
        noise = rng.multivariate_normal(np.zeros(len(self.noise)), self.noise, n_steps)
        return rows + noise, np.array(states[:n_steps])
