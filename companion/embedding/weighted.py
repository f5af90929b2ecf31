"""Maps from distances of unequal weight: weighted stress, Sammon's map. Chapter: `stress`."""

import warnings

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist, squareform
from sklearn.exceptions import ConvergenceWarning

from companion.embedding.classical import classical_scaling
from companion.validation import check_distance_matrix, check_integer, check_real


def weighted_stress(Z, dissimilarities, weights):
    """Sum over pairs of weight (d - dissimilarity)^2, d the distances of points Z (n, q)."""
    wanted, w = (squareform(table, checks=False) for table in (dissimilarities, weights))
    return float(w @ np.square(pdist(Z) - wanted))


def power_weights(dissimilarities, power):
    """Weights (n, n) of pairs, dissimilarity^-power, of mean 1; power 1 is Sammon's (1969)."""
    wanted = squareform(check_distance_matrix("dissimilarities", dissimilarities))
    if not wanted.all():
        raise ValueError(
            "dissimilarities has a 0 beside its diagonal, a pair of infinite weight: "
            "keep one of two equal points."
        )
    w = (wanted / wanted.mean()) ** -float(power)
    return squareform(w / w.mean())


def weighted_step(Z, dissimilarities, weights, solve):
    """Minimum of the bound that touches the weighted stress at Z (n, q).

    V Z_new = B(Z) Z: off the diagonal V has -weight and B has -weight * wanted / d,
    and their rows sum to zero. `solve` applies the inverse of V.
    """
    d = squareform(pdist(Z))
    pull = weights * dissimilarities / np.where(d > 0, d, np.inf)
    return solve(pull.sum(axis=1)[:, None] * Z - pull @ Z)


def inverse_of(weights):
    """Return the function that solves V Z = R for centred Z, V the Laplacian of the weights."""
    if connected_components(weights)[0] > 1:
        raise ValueError(
            "weights leave points in groups with no pair between them: how far apart these are is "
            "open; give such a pair a weight above 0."
        )
    V = np.diag(weights.sum(axis=1)) - weights
    factor = cho_factor(V + np.trace(V) / len(V) ** 2)  # a constant moves the mean alone
    return lambda R: cho_solve(factor, R)


def weighted_smacof(dissimilarities, weights, *, init=None, max_iter=3000, eps=1e-9):
    """Points (n, q) of small `weighted_stress`, by majorisation.

    Parameters
    ----------
    dissimilarities : array (n, n)
        Where the weight is 0 the entry is not used.
    weights : array (n, n)
        Symmetric, at least 0; the diagonal is not used.
    init : array (n, q), optional
        Where to start; by default classical scaling, with q = 2.
    max_iter : int
    eps : float
        Stop when a step lowers the stress by less than `eps` times the sum of weighted squares.

    Returns
    -------
    Z : array (n, q)
        Centred.
    stress : float
    n_iter : int

    References
    ----------
    Sammon (1969), de Leeuw (1977). Chapter: stress.
    """
    D = check_distance_matrix("dissimilarities", dissimilarities)
    w = np.array(weights, dtype=np.float64)
    if w.shape != D.shape or not np.isfinite(w).all() or (w < 0).any() or (w != w.T).any():
        raise ValueError(
            f"weights has shape {w.shape} but must be {D.shape}, symmetric, finite and at least 0: "
            "use 0 for pairs that are not known."
        )
    np.fill_diagonal(w, 0)
    check_integer("max_iter", max_iter)
    least = check_real("eps", eps, low=0) * np.vdot(w, np.square(D)) / 2
    solve = inverse_of(w)
    Z = classical_scaling(D, 2)[1] if init is None else np.array(init, dtype=np.float64)
    if Z.ndim != 2 or len(Z) != len(D) or not np.isfinite(Z).all():
        raise ValueError(f"init has shape {Z.shape} but must be ({len(D)}, q) and finite.")
    before = weighted_stress(Z, D, w)
    for n_iter in range(1, max_iter + 1):
        Z = weighted_step(Z, D, w, solve)
        now = weighted_stress(Z, D, w)
        if before - now <= least:
            return Z, now, n_iter
        before = now
    warnings.warn(
        f"The stress still fell by more than eps={eps} at max_iter={max_iter}: raise one.",
        ConvergenceWarning,
        stacklevel=2,
    )
    return Z, now, n_iter
