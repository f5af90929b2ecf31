"""Maps from distances by least squares: metric and non-metric scaling. Chapter: `stress`.

Classical scaling, by eigenvectors, is in `classical`, the steps downhill are in `stress`, the
disparities in `isotonic`.
"""

import warnings

import numpy as np
from scipy.spatial.distance import squareform
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from companion.embedding.classical import (
    ClassicalMDS,
    align,
    classical_scaling,
    gram_matrix,
    is_euclidean,
    pairwise,
)
from companion.embedding.isotonic import (
    isotonic_disparities,
    pool_adjacent_violators,
    rank_levels,
)
from companion.embedding.stress import descend, guttman_transform, stress
from companion.validation import (
    check_choice,
    check_distance_matrix,
    check_integer,
    check_points,
    check_real,
)

__all__ = [
    "MDS",
    "ClassicalMDS",
    "align",
    "gram_matrix",
    "guttman_transform",
    "is_euclidean",
    "isotonic_disparities",
    "pool_adjacent_violators",
    "smacof",
    "stress",
]


def smacof(
    dissimilarities,
    *,
    metric=True,
    n_components=2,
    init=None,
    n_init=1,
    max_iter=300,
    eps=1e-6,
    random_state=None,
    return_n_iter=False,
    normalized_stress="auto",
):
    """Points (n, q) of small `stress`: scaling by majorising a complicated function.

    Parameters
    ----------
    dissimilarities : array (n, n)
        Symmetric, with zeros on the diagonal; their triangle inequality is not needed.
    metric : bool
        Fit the values; otherwise only their order, by `isotonic_disparities`. Unlike scikit-learn,
        which takes a zero as missing and the values as first targets, nothing but the order is
        used: a zero is the smallest value, and the first targets are the ranks.
    n_components : int
        Dimensions q of the map, unless `init` says it.
    init : array (n, q), optional
        Where to start; by default at random, `n_init` times, of which the best is kept.
    n_init, max_iter : int
    eps : float
        Stop when a step lowers the stress by less than `eps` times the sum of squared distances.
    random_state : int, RandomState or None
    return_n_iter : bool
    normalized_stress : bool or 'auto'
        'auto' normalises if not `metric`.

    Returns
    -------
    X : array (n, q)
    stress : float
    n_iter : int, if asked for

    References
    ----------
    Kruskal (1964), de Leeuw (1977). Chapter: stress.
    """
    D = check_distance_matrix("dissimilarities", dissimilarities)
    check_integer("n_init", n_init)
    check_integer("max_iter", max_iter)
    check_real("eps", eps, low=0)
    if normalized_stress not in (True, False, "auto"):
        raise ValueError(f"normalized_stress={normalized_stress!r} must be True, False or 'auto'.")
    rng = check_random_state(random_state)
    if init is None:
        size = len(D), check_integer("n_components", n_components)
        starts = (rng.uniform(size=size) for _ in range(n_init))
    else:
        starts = [_check_init(init, len(D))]
    options = {"metric": metric, "max_iter": max_iter, "eps": eps}
    runs = (descend(D, start, **options) for start in starts)
    X, disparities, raw, n_iter, converged = min(runs, key=lambda run: run[2])
    if not converged:
        warnings.warn(
            f"The stress still fell by more than eps={eps} at max_iter={max_iter}: raise one.",
            ConvergenceWarning,
            stacklevel=2,
        )
    normalized = not metric if normalized_stress == "auto" else normalized_stress
    value = stress(X, disparities, normalized=True) if normalized else raw
    return (X, value, n_iter) if return_n_iter else (X, value)


def _check_init(init, n_points):
    """Return the start as float64 (n, q), or raise a `ValueError`."""
    init = np.array(init, dtype=np.float64)
    if init.ndim != 2 or len(init) != n_points or not np.isfinite(init).all():
        raise ValueError(
            f"init has shape {init.shape} but must be ({n_points}, k) and finite: one row a point."
        )
    return init


class MDS(BaseEstimator):
    """Multidimensional scaling: points whose distances fit the given ones, by least squares.

    Minimises the `stress` with `smacof`. Where the minimum is depends on the start.

    Parameters
    ----------
    n_components : int
    metric_mds : bool
        Fit the distances; otherwise their order alone.
    n_init : int
        Random starts, of which the best is kept.
    init : 'classical_mds' or 'random'
        Without `metric_mds`, classical scaling of the ranks. scikit-learn's default becomes
        'classical_mds' in its version 1.10.
    max_iter, eps, random_state, normalized_stress
        As in `smacof`.
    metric : str or callable
        As in `ClassicalMDS`.

    Attributes
    ----------
    embedding_ : array (n, q)
    stress_ : float
    n_iter_ : int
    dissimilarity_matrix_ : array (n, n)

    References
    ----------
    Kruskal (1964), de Leeuw (1977). Chapter: stress.

    Examples
    --------
    >>> MDS(1).fit([[1.0], [2.0], [6.0]]).embedding_.round(6).ravel()
    array([-2., -1.,  3.])
    """

    def __init__(
        self,
        n_components=2,
        *,
        metric_mds=True,
        n_init=1,
        init="classical_mds",
        max_iter=300,
        eps=1e-6,
        random_state=None,
        metric="euclidean",
        normalized_stress="auto",
    ):
        self.n_components = n_components
        self.metric_mds = metric_mds
        self.n_init = n_init
        self.init = init
        self.max_iter = max_iter
        self.eps = eps
        self.random_state = random_state
        self.metric = metric
        self.normalized_stress = normalized_stress

    def fit(self, X, y=None, init=None):
        """Find coordinates of the rows of X (n, d), or for precomputed distances (n, n).

        `init` (n, q) is a start to use instead of that of the constructor.
        """
        X = check_points(self, X, ensure_min_samples=2)
        k = check_integer("n_components", self.n_components, 1, len(X), "n points span no more.")
        check_choice("init", self.init, ("classical_mds", "random"))
        self.dissimilarity_matrix_ = D = pairwise(X, self.metric)
        if init is None and self.init == "classical_mds":
            if not self.metric_mds:
                D = squareform(rank_levels(squareform(D, checks=False)) + 1.0)
            init = classical_scaling(D, k)[1]
        self.embedding_, self.stress_, self.n_iter_ = smacof(
            self.dissimilarity_matrix_,
            metric=self.metric_mds,
            n_components=k,
            init=init,
            n_init=self.n_init,
            max_iter=self.max_iter,
            eps=self.eps,
            random_state=self.random_state,
            return_n_iter=True,
            normalized_stress=self.normalized_stress,
        )
        return self

    def fit_transform(self, X, y=None, init=None):
        """Fit, and return `embedding_`."""
        return self.fit(X, init=init).embedding_

    def __sklearn_tags__(self):
        """Say that precomputed distances are pairwise."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags
