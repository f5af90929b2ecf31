"""Gaussian factors behind the data: probabilistic PCA and factor analysis. Chapter: `factors`.

Both tell the story of `latent_gaussian`, x = mean + Lambda z + noise. They differ in the noise
alone: one variance for all variables, or one for each.
"""

from itertools import combinations

import numpy as np
from scipy.linalg import eigh
from sklearn.utils.extmath import svd_flip

from companion.components.latent_gaussian import (
    LatentGaussian,
    em_step,
    log_density,
    mean_log_likelihood,
    noise_floor,
    posterior,
)
from companion.validation import check_choice

__all__ = [
    "FactorAnalysis",
    "ProbabilisticPCA",
    "best_loadings",
    "em_step",
    "log_density",
    "mean_log_likelihood",
    "posterior",
    "varimax",
]


def best_loadings(S, noise, k):
    """The likeliest loadings (k, d) for a known noise (d,): PCA in units of it.

    With eigenvalues l and eigenvectors u of S / sqrt(noise noise'), a row is
    sqrt(noise (l - 1)) u; a direction with l <= 1 holds nothing but noise. The
    largest entry of a row is positive.
    """
    scale, d = np.sqrt(noise), len(S)
    last = {"subset_by_index": (d - k, d - 1)}
    values, vectors = eigh(S / scale / scale[:, None], **last)
    loadings = (np.sqrt((values - 1).clip(0)) * vectors).T[::-1] * scale
    return svd_flip(None, loadings, u_based_decision=False)[1]


def varimax(loadings, tol=1e-8, max_iter=500):
    """Turn the factors so that the squared loadings (k, d) of each vary most (Kaiser, 1958).

    Two factors at a time are turned by their best angle, until no angle is more than `tol`.
    """
    turned = np.array(loadings, dtype=float)
    for _ in range(max_iter):
        largest = 0.0
        for i, j in combinations(range(len(turned)), 2):
            x, y = turned[i], turned[j]
            u, v = x**2 - y**2, 2 * x * y
            u, v = u - u.mean(), v - v.mean()
            angle = 0.25 * np.arctan2(2 * (u @ v), u @ u - v @ v)
            c, s = np.cos(angle), np.sin(angle)
            turned[i], turned[j] = c * x + s * y, c * y - s * x
            largest = max(largest, abs(angle))
        if largest <= tol:
            break
    return turned


class ProbabilisticPCA(LatentGaussian):
    """PCA as a density: x from N(mean, Lambda Lambda' + s I), one noise s for all variables.

    The likeliest Lambda spans the principal subspace, and s is the mean variance outside of it
    (Tipping and Bishop, 1999). Variances are divided by n, as maximum likelihood asks; PCA divides
    by n - 1.

    Parameters
    ----------
    n_components : int or None
        Number of factors k; None takes d.
    tol : float
        EM stops when a step gains less log likelihood than this, in nats, over all rows.
    max_iter : int
        Steps of EM.
    solver : {"eigh", "em"}
        The closed form, or EM from a random start.
    min_noise_variance : float
        The noise is not allowed below this share of the mean variance of the variables.
    random_state : int, RandomState or None
        For the start of EM and for `sample`.

    Attributes
    ----------
    components_ : array (k, d)
        Loadings Lambda', not of length one. By EM the factors are turned in their subspace.
    noise_variance_ : float
    mean_ : array (d,)
    loglike_ : list of float
        Log likelihood of all rows, in nats, before every step of EM, or the closed form's.
    n_iter_ : int

    References
    ----------
    Tipping and Bishop (1999). Chapter: factors.
    """

    def __init__(
        self,
        n_components=None,
        *,
        tol=1e-2,
        max_iter=1000,
        solver="eigh",
        min_noise_variance=1e-12,
        random_state=0,
    ):
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter
        self.solver = solver
        self.min_noise_variance = min_noise_variance
        self.random_state = random_state

    def fit(self, X, y=None):
        """Fit to the rows of X (n, d)."""
        S, n, k = self._prepare(X)
        spread = np.diag(S).mean()
        floor = float(noise_floor(spread, self.min_noise_variance))
        if self.solver == "eigh":
            values = eigh(S, eigvals_only=True)[::-1]
            rest = values[k:] if k < len(S) else values[-1:]
            noise = np.full(len(S), max(rest.mean(), floor))
            loadings = best_loadings(S, noise, k)
            self.loglike_, self.n_iter_ = [float(n * mean_log_likelihood(S, loadings, noise))], 1
        else:
            start = self._random_start(S, k, floor), np.full(len(S), max(spread, floor))

            def step(W, noise):
                return em_step(S, W, noise, common=True)

            loadings, noise = self._climb(S, n, *start, floor, step)
        self.components_, self.noise_variance_ = loadings, float(noise[0])
        return self


class FactorAnalysis(LatentGaussian):
    """Common factors and a noise variance for every variable: N(mean, Lambda Lambda' + Psi).

    Rescaling a variable rescales its loadings and its noise and changes nothing else. Lambda is
    known up to a rotation of the factors. Cost after the covariance: O(d^3) a step, whatever n.

    Parameters
    ----------
    n_components : int or None
        Number of factors k; None takes d.
    tol : float
        Stop when a step gains less log likelihood than this, in nats, over all rows.
    max_iter : int
    noise_variance_init : array (d,), optional
        Where the noise starts; by default the variances, so that the units do not matter. (From
        ones, scikit-learn's default, the first step is PCA, which can begin ten thousand steps of
        a plateau.)
    solver : {"eigh", "em"}
        Steps with the likeliest loadings for the noise (quick), or of plain EM from a random start.
    rotation : None or "varimax"
        How the factors are turned at the end.
    min_noise_variance : float
        No noise is allowed below this share of the variance of its variable (a Heywood case would
        reach zero); of a constant variable, below this share of the largest variance.
    random_state : int, RandomState or None
        For the start of EM and for `sample`.

    Attributes
    ----------
    components_ : array (k, d)
        Loadings Lambda'.
    noise_variance_, mean_ : array (d,)
    loglike_ : list of float
        Log likelihood of all rows, in nats, at every step.
    n_iter_ : int

    References
    ----------
    Rubin and Thayer (1982) for EM; Barber (2012), section 21.2. Chapter: factors.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 1)) + rng.normal(size=(2000, 4)) * [0.5, 1.0, 2.0, 3.0]
    >>> np.sqrt(FactorAnalysis(1).fit(X).noise_variance_).round(1)
    array([0.5, 1. , 2. , 3. ])
    """

    def __init__(
        self,
        n_components=None,
        *,
        tol=1e-2,
        max_iter=1000,
        noise_variance_init=None,
        solver="eigh",
        rotation=None,
        min_noise_variance=1e-12,
        random_state=0,
    ):
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter
        self.noise_variance_init = noise_variance_init
        self.solver = solver
        self.rotation = rotation
        self.min_noise_variance = min_noise_variance
        self.random_state = random_state

    def fit(self, X, y=None):
        """Fit to the rows of X (n, d)."""
        S, n, k = self._prepare(X)
        if self.rotation is not None:
            check_choice("rotation", self.rotation, ("varimax",))
        given, d = self.noise_variance_init, len(S)
        variances = np.diag(S)
        floor = noise_floor(variances, self.min_noise_variance)
        start = np.maximum(variances, floor) if given is None else given
        noise = np.array(start, dtype=float)
        if noise.shape != (d,) or not (noise > 0).all():
            raise ValueError(
                f"noise_variance_init={given!r} must have {d} positive entries: one a variable."
            )
        if self.solver == "eigh":
            # EM's step for the noise, where the loadings are already the best for that of before
            def step(W, _):
                noise = np.maximum(variances - (W**2).sum(axis=0), floor)
                return best_loadings(S, noise, k), noise

            loadings = best_loadings(S, noise, k)
        else:
            step, loadings = (lambda W, s: em_step(S, W, s)), self._random_start(S, k, floor)
        loadings, noise = self._climb(S, n, loadings, noise, floor, step)
        self.components_ = varimax(loadings) if self.rotation else loadings
        self.noise_variance_ = noise
        return self
