"""Gaussian-process factor analysis: smooth factors in time. Chapter: `smooth_factors`."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag, cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.components.dynamics import MIN_NOISE, Smoothed, fit_observation, start_system
from companion.components.latent_gaussian import noise_floor
from companion.components.sequence_model import SequenceModel, sequences_of
from companion.validation import check_choice, check_integer, check_real

KERNELS = ("rbf", "exponential")


class Factors(NamedTuple):
    """x[t] = C z[t] + offset + v, v ~ N(0, diag(noise)); factor j has the kernel of its scale."""

    C: np.ndarray  # (d, k)
    offset: np.ndarray  # (d,)
    noise: np.ndarray  # (d,)
    time_scales: np.ndarray  # (k,), in steps


def kernel_matrix(n, time_scale, kernel="rbf", nugget=1e-3):
    """Covariance (n, n) of a factor at n steps, of variance 1, and its derivative by log scale.

    (1 - nugget) exp(-gap^2 / 2 scale^2), or exp(-gap / scale), with the nugget on the diagonal.
    """
    gap = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) / time_scale
    smooth = (1 - nugget) * np.exp(-(gap**2) / 2 if kernel == "rbf" else -gap)
    return smooth + nugget * np.eye(n), smooth * (gap**2 if kernel == "rbf" else gap)


def observation_precision(seen, C, noise):
    """C' W C for all steps, a matrix (k n, k n); W has 1 / noise where seen (n, d), else 0."""
    (n, _), k = seen.shape, C.shape[1]
    precision, steps = np.zeros((k, n, k, n)), np.arange(n)
    precision[:, steps, :, steps] = np.einsum("td,di,dj->tij", seen / noise, C, C, optimize=True)
    return precision.reshape(k * n, k * n)


def posterior_covariance(seen, factors, kernels):
    """(G^-1 + C' W C)^-1, a matrix (k n, k n), and log |I + G C' W C|.

    G is the factors' covariance before anything is seen, and is not inverted; W is R^-1
    where something was seen, else 0.
    """
    L = block_diag(*np.linalg.cholesky(kernels))
    B = np.eye(len(L)) + L.T @ observation_precision(seen, factors.C, factors.noise) @ L
    root = np.linalg.cholesky(B)
    half = solve_triangular(root, L.T, lower=True)
    return half.T @ half, 2 * np.log(np.diag(root)).sum()


def posterior_mean(x, seen, cov, log_det, factors):
    """Expected factors (n, k) of a sequence (n, d), and its log density in nats."""
    n, k = len(x), factors.C.shape[1]
    residual = np.where(seen, x - factors.offset, 0)
    pull = (residual / factors.noise @ factors.C).T.ravel()  # (k n,)
    mean = cov @ pull
    squares = (residual**2 / factors.noise).sum() - pull @ mean
    constant = (seen * np.log(2 * np.pi * factors.noise)).sum()
    return mean.reshape(k, n).T, -0.5 * (squares + log_det + constant)


def scale_loss(log_scale, moments, kernel="rbf", nugget=1e-3):
    """-E[log N(z; 0, K)] up to a constant, and its derivative by the logarithm of the scale.

    `moments` maps a length n to a count and to the sum of E[z z'] (n, n) of that many sequences.
    """
    loss = slope = 0.0
    for n, (count, moment) in moments.items():
        K, dK = kernel_matrix(n, np.exp(log_scale), kernel, nugget)
        factor = cho_factor(K, lower=True)
        loss += count * np.log(np.diag(factor[0])).sum()
        inverse = cho_solve(factor, np.eye(n))
        excess = inverse @ moment @ inverse
        loss += 0.5 * (inverse * moment).sum()
        slope += 0.5 * ((count * inverse - excess) * dK).sum()
    return loss, slope


class GPFA(SequenceModel):
    """Factor analysis whose factors are smooth in time: each is a Gaussian process. EM.

    The factors are independent, of variance 1, and each has a time scale of its own, which is
    learned. Rows of X are steps in time; nan is what was not seen. Costs (k n_steps)^3.

    Parameters
    ----------
    n_components : int
    time_scale : float or array (k,)
        Where learning starts, in steps.
    kernel : {"rbf", "exponential"}
        Smooth paths, or those of a linear dynamical system with a diagonal A.
    nugget : float
        Share of a factor's variance that is fresh at every step; keeps K well conditioned.
    tol : float
        Stop when a step of EM gains less, in nats a row.
    max_iter : int
    random_state : int, RandomState or None
        Of `sample`; fitting is deterministic.

    Attributes
    ----------
    components_, mean_, noise_variance_ : arrays (k, d), (d,), (d,)
        With the names of factor analysis.
    time_scales_ : array (k,)
        In steps.
    loglike_ : list of float
        Log likelihood at each step of EM, in nats.
    n_iter_ : int

    References
    ----------
    Yu, Cunningham, Santhanam, Ryu, Shenoy and Sahani (2009). Chapter: smooth_factors.
    """

    def __init__(
        self,
        n_components=1,
        *,
        time_scale=5.0,
        kernel="rbf",
        nugget=1e-3,
        tol=1e-4,
        max_iter=200,
        random_state=None,
    ):
        self.n_components = n_components
        self.time_scale = time_scale
        self.kernel = kernel
        self.nugget = nugget
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X, y=None):
        """Learn loadings, noise and time scales from a sequence (n_steps, d), or a list of them."""
        sequences, _ = sequences_of(self, X, reset=True)
        most = min(sequences[0].shape[1], min(map(len, sequences)) - 1)
        remedy = "at most one a feature, and one less than the steps."
        k = check_integer("n_components", self.n_components, 1, most, remedy)
        check_choice("kernel", self.kernel, KERNELS)
        least = 1e-8 if self.kernel == "rbf" else 0.0  # smooth kernels are nearly singular
        check_real("nugget", self.nugget, least, 1)
        check_real("tol", self.tol, low=0)
        check_integer("max_iter", self.max_iter)
        scales = np.asarray(self.time_scale, dtype=float)
        if scales.shape not in ((), (k,)) or not (scales > 0).all():
            raise ValueError(
                f"time_scale={self.time_scale!r} must be above 0: one, or {k} of them."
            )
        start = start_system(sequences, k)
        scales = np.broadcast_to(scales, k).copy()
        factors = Factors(start.C, start.offset, np.diag(start.R), scales)
        factors = self._climb(sequences, factors, self._e_step, self._m_step)
        self.components_, self.mean_ = factors.C.T, factors.offset
        self.noise_variance_, self.time_scales_ = factors.noise, factors.time_scales
        return self

    def _kernels(self, n, factors):
        scales = factors.time_scales
        return np.array([kernel_matrix(n, s, self.kernel, self.nugget)[0] for s in scales])

    def _e_step(self, sequences, factors):
        """Log likelihood, and for each sequence the means (n, k) and all covariances."""
        known, total, posterior = {}, 0.0, []
        for x in sequences:
            seen = ~np.isnan(x)
            if (pattern := (len(x), seen.tobytes())) not in known:  # the same for equal patterns
                kernels = self._kernels(len(x), factors)
                known[pattern] = posterior_covariance(seen, factors, kernels)
            cov, log_det = known[pattern]
            mean, log_density = posterior_mean(x, seen, cov, log_det, factors)
            k = len(factors.time_scales)
            posterior.append((mean, cov.reshape(k, len(x), k, len(x))))
            total += log_density
        return total, posterior

    def _m_step(self, sequences, posterior, factors):
        means = np.concatenate([mean for mean, _ in posterior])
        covs = np.concatenate([np.einsum("itjt->tij", cov) for _, cov in posterior])
        C, offset, noise = fit_observation(np.concatenate(sequences), means, covs)
        scales = factors.time_scales.copy()
        for j, scale in enumerate(scales):
            moments = {}
            for mean, cov in posterior:
                count, moment = moments.get(len(mean), (0, 0.0))
                moment = moment + cov[j, :, j] + np.outer(mean[:, j], mean[:, j])
                moments[len(mean)] = count + 1, moment
            options = {"args": (moments, self.kernel, self.nugget), "jac": True}
            found = minimize(lambda s, *a: scale_loss(s.item(), *a), np.log(scale), **options)
            scales[j] = np.exp(found.x.item())
        floor = noise_floor(np.nanvar(np.concatenate(sequences), axis=0), MIN_NOISE)
        return Factors(C, offset, np.maximum(noise, floor), scales)

    def _factors(self):
        return Factors(self.components_.T, self.mean_, self.noise_variance_, self.time_scales_)

    def _smooth(self, x):
        _, [(mean, cov)] = self._e_step([x], self._factors())
        covs, lags = np.einsum("itjt->tij", cov), np.arange(len(x) - 1)
        return Smoothed(mean, covs, cov[:, lags + 1, :, lags])

    def score(self, X, y=None):
        """Log density of the sequences divided by the number of rows, in nats."""
        check_is_fitted(self)
        sequences, _ = sequences_of(self, X)
        return float(self._e_step(sequences, self._factors())[0] / sum(map(len, sequences)))

    def sample(self, n_steps=1):
        """Draw a sequence of rows (n_steps, d) and its factors (n_steps, k)."""
        check_is_fitted(self)
        rng = check_random_state(self.random_state)
        roots = np.linalg.cholesky(
            self._kernels(check_integer("n_steps", n_steps), self._factors())
        )
        Z = np.stack([root @ rng.standard_normal(n_steps) for root in roots], axis=1)
        noise = rng.standard_normal((n_steps, self.n_features_in_)) * np.sqrt(self.noise_variance_)
        return Z @ self.components_ + self.mean_ + noise, Z
