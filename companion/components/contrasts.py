"""How far from Gaussian, and how dependent? What independent component analysis optimises.

Chapter: `contrasts`.
"""

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.spatial import cKDTree
from scipy.special import digamma
from sklearn.utils import check_array

from companion.validation import check_choice, check_integer, check_squares

GAUSSIAN_ENTROPY = 0.5 * np.log(2 * np.pi * np.e)  # of variance 1, in nats

# Name: the even function G and its derivative g, which is odd.
FUNCTIONS = {
    "logcosh": (lambda u: np.logaddexp(u, -u) - np.log(2), np.tanh),
    "exp": (lambda u: -np.exp(-(u**2) / 2), lambda u: u * np.exp(-(u**2) / 2)),
    "cube": (lambda u: u**4 / 4, lambda u: u**3),
}


def standardise(x):
    """The columns of x, (n,) or (n, k), with mean 0 and variance 1."""
    x = np.asarray(x, dtype=np.float64)
    if x.ndim not in (1, 2) or len(x) < 2:
        raise ValueError(f"x has shape {x.shape}: pass (n,) or (n, k), with n of at least 2.")
    if not np.isfinite(x).all():
        raise ValueError("x contains NaN or infinity: remove those rows, or impute them.")
    check_squares("x", x)
    deviation = x.std(axis=0)
    if np.any(deviation <= 1e-14 * np.abs(x).max(axis=0)):
        raise ValueError("x has a constant column: drop it, a constant has no shape.")
    return (x - x.mean(axis=0)) / deviation


def kurtosis(x):
    """Excess kurtosis E[x^4] - 3 of standardised values: 0 for a Gaussian; (n,) or (n, k)."""
    return (standardise(x) ** 4).mean(axis=0) - 3


def entropy(x):
    """Differential entropy of each column of x, (n,) or (n, k), in nats, from gaps in its order.

    Between values that are m apart in the order lie about m / n of the probability: where the gap
    is narrow the density is high. m is the cube root of n (van Es, 1992).

    Raises
    ------
    ValueError
        If a value repeats so often that a gap is zero: then x is not continuous.
    """
    ordered = np.sort(np.asarray(x, dtype=np.float64), axis=0)
    n, m = len(ordered), round(np.cbrt(len(ordered)))
    gaps = ordered[m:] - ordered[:-m]
    if np.any(gaps <= 0):
        raise ValueError(
            f"x has a value more than {m} times: the entropy of a density needs continuous values; "
            "add a little noise, or count."
        )
    return np.log(gaps).mean(axis=0) + digamma(n + 1) - digamma(m)


@cache
def gaussian_moments(fun):
    """Mean of G over a standard Gaussian, the variance of G that a constant and a square do not
    explain, and the variance of g that a line does not explain."""
    u = np.linspace(-14, 14, 5601)
    weights = np.exp(-(u**2) / 2) * (u[1] - u[0]) / np.sqrt(2 * np.pi)
    even, odd = (function(u) for function in FUNCTIONS[fun])
    mean, along = weights @ even, weights @ (even * (u**2 - 1)) / np.sqrt(2)
    even_variance = weights @ even**2 - mean**2 - along**2
    return mean, even_variance, weights @ odd**2 - (weights @ (odd * u)) ** 2


def negentropy(x, fun="logcosh"):
    """Entropy that a Gaussian of the same variance has more than x, in nats: at least 0.

    From two means, J = (E G(x) - E G(v))^2 / (2 a) + (E g(x))^2 / (2 b), with v a Gaussian, x
    standardised, and a, b the variances of G(v) and g(v) that v, v^2 and 1 do not explain.

    Parameters
    ----------
    x : array (n,) or (n, k)
    fun : {"logcosh", "exp", "cube", "spacings"}
        G of the approximation (Hyvarinen, 1998), "cube" being x^4, the one with kurtosis; or the
        entropy itself by `entropy`, which needs more data and may come out below 0.

    Returns
    -------
    float, or array (k,), nats
    """
    check_choice("fun", fun, (*FUNCTIONS, "spacings"))
    x = standardise(x)
    if fun == "spacings":
        return GAUSSIAN_ENTROPY - entropy(x)
    (even, odd), (mean, a, b) = FUNCTIONS[fun], gaussian_moments(fun)
    return (even(x).mean(axis=0) - mean) ** 2 / (2 * a) + odd(x).mean(axis=0) ** 2 / (2 * b)


def mutual_information(X, *, n_neighbors=3):
    """Information that the columns of X share, sum_i H(x_i) - H(x), estimated in nats.

    For each row, count in every column alone the rows as near as its `n_neighbors`-th neighbour
    in all columns (largest difference). Independent columns have many, dependent ones few.

    Parameters
    ----------
    X : array (n, k)
        Continuous; k of at least 2. Scales do not matter.
    n_neighbors : int
        Fewer: less bias, more noise.

    Returns
    -------
    float, nats; around 0, also a little below, for independent columns

    Raises
    ------
    ValueError
        If more than `n_neighbors` rows are the same: then X is not continuous.

    References
    ----------
    Kraskov, Stoegbauer and Grassberger (2004), the first of their estimators. Chapter: contrasts.
    """
    X = standardise(check_array(X, dtype=np.float64, ensure_min_samples=3, ensure_min_features=2))
    n, k = X.shape
    n_neighbors = check_integer("n_neighbors", n_neighbors, 1, n - 1, "there are n - 1 others.")
    radius = cKDTree(X).query(X, [n_neighbors + 1], p=np.inf)[0][:, 0] * (1 - 1e-10)
    if np.any(radius == 0):
        raise ValueError(
            f"X has a row more than n_neighbors={n_neighbors} times: this needs continuous values; "
            "add a little noise, or count."
        )
    inside = 0.0
    for column in X.T:
        ordered = np.sort(column)
        last = np.searchsorted(ordered, column + radius, side="right")
        inside += digamma(last - np.searchsorted(ordered, column - radius)).mean()
    return float(digamma(n_neighbors) + (k - 1) * digamma(n) - inside)


def rotation(angle):
    """The matrix (2, 2) that turns the plane by `angle` in radians, against the clock."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def least_dependent_rotation(Z, *, n_angles=180, n_sweeps=None):
    """Rotation W (k, k) of white data Z (n, k) for which the entropies of W z have the least sum.

    On white data that is the least mutual information. All pairs of axes are turned in the best of
    `n_angles` ways, `n_sweeps` times over: RADICAL (Learned-Miller and Fisher, 2003).
    """
    Z, W = np.array(Z, dtype=np.float64), np.eye(np.shape(Z)[1])
    angles = np.linspace(-np.pi / 4, np.pi / 4, n_angles, endpoint=False)
    turns = [rotation(angle) for angle in angles]
    for _ in range(len(W) - 1 if n_sweeps is None else n_sweeps):
        for pair in zip(*np.triu_indices(len(W), 1), strict=True):
            plane = Z[:, pair]
            best = min(turns, key=lambda turn: entropy(plane @ turn.T).sum())
            Z[:, pair], W[pair, :] = plane @ best.T, best @ W[pair, :]
    return W


def darmois(X, *, n_neighbors=201):
    """Map X (n, 2) to two independent uniform variables, whatever X is: Darmois' construction.

    z_1 = F(x_1) is the share of smaller values; z_2 = F(x_2 | x_1) is the share of smaller ones
    among the `n_neighbors` rows that are next to it in the order of x_1.
    """
    X = check_array(X, dtype=np.float64, ensure_min_features=2)
    n, m = len(X), check_integer("n_neighbors", n_neighbors, 2, len(X), "at most all rows.")
    order = np.argsort(X[:, 0], kind="stable")
    second = X[order, 1]
    windows = sliding_window_view(second, m)[np.clip(np.arange(n) - m // 2, 0, n - m)]
    first = (np.arange(n) + 0.5) / n
    Z = np.empty((n, 2))
    Z[order] = np.column_stack([first, (windows < second[:, None]).mean(axis=1) + 0.5 / m])
    return Z


def amari_distance(W, A):
    """How far W A (k, k) is from a permutation with scales: 0 if sources are found, at most 1."""
    share = np.abs(np.asarray(W) @ np.asarray(A))
    k = len(share)
    if share.shape != (k, k) or k < 2:
        raise ValueError(
            f"W A has shape {share.shape}: pass matrices whose product is (k, k), k > 1."
        )
    rows = share.sum(axis=1) / share.max(axis=1)
    columns = share.sum(axis=0) / share.max(axis=0)
    return float((rows.sum() + columns.sum() - 2 * k) / (2 * k * (k - 1)))
