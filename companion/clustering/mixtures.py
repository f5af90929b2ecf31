"""Mixtures of Gaussians, fitted by expectation maximisation. Chapter: `mixtures`.

The densities themselves, for the four types of covariance, are in ``gaussians``.
"""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.clustering.gaussians import (
    COVARIANCE_TYPES,
    as_matrices,
    log_gaussians,
    precision_factors,
    scatter,
)
from companion.clustering.kmeans import KMeans, kmeans_plusplus
from companion.validation import (
    check_choice,
    check_integer,
    check_points,
    check_real,
    check_symmetric,
    rounding_of,
)

STARTS = ("kmeans", "k-means++", "random", "random_from_data")


def e_step(X, weights, means, factors, covariance_type="full"):
    """Log likelihood of every row (n,), in nats; responsibilities (n, k)."""
    log_densities = log_gaussians(X, means, factors, covariance_type)
    with np.errstate(divide="ignore"):  # a component of weight 0 takes nothing
        return share_out(log_densities + np.log(weights))


def share_out(log_joint):
    """From log p(x, z), (n, k): log p(x), (n,), and responsibilities p(z | x)."""
    largest = log_joint.max(axis=1)  # taken out: not every exp can underflow
    joint = np.exp(log_joint - largest[:, None])
    total = joint.sum(axis=1)
    return largest + np.log(total), joint / total[:, None]


def m_step(X, responsibilities, covariance_type="full", reg_covar=1e-6):
    """Weights (k,), means (k, d) and covariances: the best for these shares."""
    counts = responsibilities.sum(axis=0) + 10 * np.finfo(float).eps
    means = responsibilities.T @ X / counts[:, None]
    covariances = scatter(X, responsibilities, means, covariance_type)
    if covariance_type == "tied":
        covariances /= counts.sum()
    else:
        covariances /= counts.reshape(-1, *[1] * (covariances.ndim - 1))
    diagonal = covariance_type in ("diag", "spherical")
    covariances += reg_covar if diagonal else reg_covar * np.eye(X.shape[1])
    return counts / counts.sum(), means, covariances


def first_shares(X, k, start, random_state):
    """Responsibilities (n, k) to begin with: clusters of k-means, k single rows, or noise."""
    if start == "random":
        shares = random_state.uniform(size=(len(X), k))
        return shares / shares.sum(axis=1, keepdims=True)
    if start == "kmeans":
        return np.eye(k)[KMeans(k, n_init=1, random_state=random_state).fit(X).labels_]
    if start == "k-means++":
        rows = kmeans_plusplus(X, k, random_state=random_state)[1]
    else:
        rows = random_state.choice(len(X), size=k, replace=False)
    shares = np.zeros((len(X), k))
    shares[rows, np.arange(k)] = 1
    return shares


def check_precisions(precisions, covariance_type):
    """Raise a `ValueError` if some of ``precisions_init`` is no inverse of a covariance."""
    values = precisions
    if covariance_type in ("full", "tied"):
        matrices = precisions.reshape(-1, *precisions.shape[-2:])
        rounding = rounding_of(precisions)
        values = [
            np.linalg.eigvalsh(check_symmetric("precisions_init", P, rounding)) for P in matrices
        ]
    least = np.min(values)
    if least <= 0:
        raise ValueError(
            f"precisions_init has the value or eigenvalue {least:g}: the inverse of a "
            "covariance has positive ones alone; pass np.linalg.inv(covariance)."
        )


class GaussianMixture(DensityMixin, BaseEstimator):
    """A density that is a weighted sum of Gaussians, p(x) = sum_i weight_i N(x; mean_i, cov_i).

    Fitted by expectation maximisation (Dempster, Laird and Rubin, 1977). Arguments and attributes
    are those of scikit-learn's class. A covariance that becomes singular raises a `ValueError`.

    Parameters
    ----------
    n_components : int
        Number of Gaussians k.
    covariance_type : {"full", "tied", "diag", "spherical"}
        A matrix for each, one for all, a diagonal for each, or a number for each.
    tol : float
        Stop when the mean log likelihood of a row moves by less than this, in nats.
    reg_covar : float
        Added to every variance, in squared units of X, so that no component collapses. With 0,
        EM never lowers the likelihood; otherwise it may, by very little.
    max_iter, n_init : int
        Steps of EM; starts, of which the best is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}
        Where the first responsibilities come from.
    weights_init, means_init, precisions_init : array (k,), (k, d) and as the type says, optional
    random_state : int, RandomState or None

    Attributes
    ----------
    weights_, means_ : array (k,) and (k, d)
    covariances_, precisions_, precisions_cholesky_ : array, shaped as the type says
    converged_, n_iter_ : bool and int
    lower_bounds_, lower_bound_ : list of float, and its last
        Mean log likelihood of a row, in nats, at each E-step of the best start.

    Examples
    --------
    >>> mixture = GaussianMixture(2, random_state=0).fit([[1.0], [2.0], [3.0], [10.0], [11.0]])
    >>> sorted(mixture.means_.ravel().round(2).tolist())
    [2.0, 10.5]
    """

    def __init__(
        self,
        n_components=1,
        *,
        covariance_type="full",
        tol=1e-3,
        reg_covar=1e-6,
        max_iter=100,
        n_init=1,
        init_params="kmeans",
        weights_init=None,
        means_init=None,
        precisions_init=None,
        random_state=None,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state

    def fit(self, X, y=None):
        """Alternate E-step and M-step from `n_init` starts and keep the best end."""
        X = check_points(self, X, ensure_min_samples=2)
        self._check_arguments(*X.shape)
        random_state = check_random_state(self.random_state)
        climbs = (self._climb(X, self._start(X, random_state)) for _ in range(self.n_init))
        best, self.lower_bounds_, self.converged_ = max(climbs, key=lambda climb: climb[1][-1])
        self.weights_, self.means_, self.covariances_, self.precisions_cholesky_ = best
        self.lower_bound_, self.n_iter_ = self.lower_bounds_[-1], len(self.lower_bounds_)
        factors, matrices = self.precisions_cholesky_, self.covariance_type in ("full", "tied")
        self.precisions_ = factors @ np.swapaxes(factors, -1, -2) if matrices else factors**2
        if not self.converged_:
            warnings.warn(
                f"The likelihood still moved by tol={self.tol} or more at max_iter={self.max_iter}"
                ": raise max_iter or tol, or try another start.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _climb(self, X, parameters):
        """Steps of EM from `parameters` until the likelihood moves by less than `tol`."""
        bounds, kind = [], self.covariance_type
        for _ in range(self.max_iter):
            weights, means, _, factors = parameters
            log_likelihood, responsibilities = e_step(X, weights, means, factors, kind)
            weights, means, covariances = m_step(X, responsibilities, kind, self.reg_covar)
            parameters = weights, means, covariances, precision_factors(covariances, kind)
            bounds.append(float(log_likelihood.mean()))
            if len(bounds) > 1 and abs(bounds[-1] - bounds[-2]) < self.tol:
                return parameters, bounds, True
        return parameters, bounds, False

    def _start(self, X, random_state):
        """Weights, means, covariances and their factors to start from."""
        kind, weights, means = self.covariance_type, self.weights_init, self.means_init
        covariances = None
        if self.precisions_init is not None:
            precisions, matrices = np.asarray(self.precisions_init, float), kind in ("full", "tied")
            covariances = np.linalg.inv(precisions) if matrices else 1 / precisions
        given = weights, means, covariances
        if any(value is None for value in given):
            shares = first_shares(X, self.n_components, self.init_params, random_state)
            guessed = m_step(X, shares, kind, self.reg_covar)
            given = [g if v is None else v for v, g in zip(given, guessed, strict=True)]
        weights, means, covariances = (np.asarray(value, float) for value in given)
        return weights, means, covariances, precision_factors(covariances, kind)

    def _check_arguments(self, n, d):
        k = check_integer("n_components", self.n_components, 1, n, "at most one a row of X.")
        kind = check_choice("covariance_type", self.covariance_type, COVARIANCE_TYPES)
        check_choice("init_params", self.init_params, STARTS)
        check_real("tol", self.tol, low=0)
        check_real("reg_covar", self.reg_covar, low=0)
        check_integer("max_iter", self.max_iter)
        check_integer("n_init", self.n_init)
        shape = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[kind]
        wanted = {"weights_init": (k,), "means_init": (k, d), "precisions_init": shape}
        for name, shape in wanted.items():
            value = getattr(self, name)
            if value is not None and np.shape(value) != shape:
                raise ValueError(f"{name} has shape {np.shape(value)}: pass one of shape {shape}.")
            if value is not None and not np.isfinite(value).all():
                raise ValueError(f"{name} has NaN or infinity: pass finite numbers, or None.")
        weights = np.full(k, 1 / k) if self.weights_init is None else self.weights_init
        if np.min(weights) < 0 or not np.isclose(np.sum(weights), 1):
            raise ValueError(
                f"weights_init={weights!r} must be at least 0, of sum 1: divide by the sum."
            )
        if self.precisions_init is not None:
            check_precisions(np.asarray(self.precisions_init, float), kind)

    def _e_step(self, X):
        check_is_fitted(self)
        X = check_points(self, X, reset=False)
        return e_step(
            X, self.weights_, self.means_, self.precisions_cholesky_, self.covariance_type
        )

    def predict_proba(self, X):
        """Responsibilities (n, k): the probability of each component given the row."""
        return self._e_step(X)[1]

    def predict(self, X):
        """Index of the most probable component of every row: (n,)."""
        return self.predict_proba(X).argmax(axis=1)

    def fit_predict(self, X, y=None):
        """Fit, then `predict`."""
        return self.fit(X).predict(X)

    def score_samples(self, X):
        """Log density of every row (n,), in nats."""
        return self._e_step(X)[0]

    def score(self, X, y=None):
        """Mean log density of a row, in nats."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples=1):
        """Draw rows (n, d) and their components (n,), sorted by component."""
        check_is_fitted(self)
        check_integer("n_samples", n_samples)
        random_state, (k, d) = check_random_state(self.random_state), self.means_.shape
        counts = random_state.multinomial(n_samples, self.weights_)
        matrices = as_matrices(self.covariances_, self.covariance_type, k, d)
        rows = map(random_state.multivariate_normal, self.means_, matrices, counts)
        return np.concatenate(list(rows)), np.repeat(np.arange(k), counts)

    def _n_parameters(self):
        k, d = self.means_.shape
        pairs = d * (d + 1) // 2
        free = {"full": k * pairs, "tied": pairs, "diag": k * d, "spherical": k}
        return free[self.covariance_type] + k * d + k - 1

    def bic(self, X):
        """Bayesian information criterion: -2 log p(X) + log n a parameter; lower is better."""
        return -2 * self.score_samples(X).sum() + np.log(len(X)) * self._n_parameters()

    def aic(self, X):
        """Akaike information criterion: -2 log p(X) + 2 a parameter; lower is better."""
        return -2 * self.score_samples(X).sum() + 2 * self._n_parameters()
