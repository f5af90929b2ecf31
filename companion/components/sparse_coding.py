"""Sparse codes: y ~ D a with few entries of a that are not zero. Chapter: `sparse_coding`.

A dictionary D is (n_features, n_atoms), one atom a column: the transpose of scikit-learn's
`components_`. Signals y are a vector (n_features,) or the columns of a matrix; codes follow suit.
The greedy codes are in `pursuit`.
"""

import warnings

import numpy as np
from scipy.optimize import linprog
from sklearn.exceptions import ConvergenceWarning

from companion.components.pursuit import check_dictionary, matching_pursuit, orthogonal_mp
from companion.validation import check_integer, check_real

__all__ = [
    "basis_pursuit",
    "check_dictionary",
    "duality_gap",
    "fista",
    "ista",
    "kkt_violation",
    "lasso_objective",
    "matching_pursuit",
    "mutual_coherence",
    "orthogonal_mp",
    "proximal_step",
    "soft_threshold",
    "threshold_code",
    "welch_bound",
]


def mutual_coherence(D):
    """Largest |cosine| between two different atoms of D (n_features, n_atoms): in [0, 1].

    A signal with a code of fewer than (1 + 1/coherence) / 2 atoms has no other code of so few, and
    `orthogonal_mp` and `basis_pursuit` find it (Donoho and Elad, 2003; Tropp, 2004).
    """
    D, _ = check_dictionary(D, np.zeros(len(D)))
    lengths = np.linalg.norm(D, axis=0)
    if D.shape[1] < 2 or not lengths.all():
        raise ValueError(f"D has shape {D.shape}: give at least two atoms, none of them zero.")
    cosines = np.abs((D / lengths).T @ (D / lengths))
    np.fill_diagonal(cosines, 0)
    return float(min(cosines.max(), 1.0))


def welch_bound(n_features, n_atoms):
    """Least coherence that n_atoms atoms can have: sqrt((m - n) / (n (m - 1))) (Welch, 1974)."""
    n = check_integer("n_features", n_features)
    m = check_integer("n_atoms", n_atoms, low=2)
    return float(np.sqrt(max(m - n, 0) / (n * (m - 1))))


def threshold_code(D, y, n_nonzero_coefs):
    """Keep the n_nonzero_coefs entries of D'y that are largest in size; the others become 0.

    The best code of that many atoms if D is orthonormal; a guess otherwise.

    Parameters: D (n_features, n_atoms) of unit columns, y (n_features,) or (n_features, n_signals).
    Returns the code, (n_atoms,) or (n_atoms, n_signals).
    """
    D, Y = check_dictionary(D, y, unit=True)
    k = check_integer("n_nonzero_coefs", n_nonzero_coefs, 1, D.shape[1], "the atoms of D at most")
    codes = D.T @ Y
    dropped = np.argsort(-np.abs(codes), axis=0, kind="stable")[k:]
    np.put_along_axis(codes, dropped, 0.0, axis=0)
    return codes.reshape(-1, *np.shape(y)[1:])


def basis_pursuit(D, y, *, return_dual=False):
    """Of all codes with D a = y exactly, one of least sum of sizes, sum_j |a_j|.

    A linear program in the positive and the negative part, a = a+ - a-: minimise the sum of both
    subject to D (a+ - a-) = y, both >= 0. Its dual is to maximise y'xi subject to |D_j'xi| <= 1; a
    xi with y'xi = sum |a_j| proves that no other code has a smaller sum.

    Parameters: D (n_features, n_atoms), y (n_features,) or (n_features, n_signals). Returns the
    code, (n_atoms,) or (n_atoms, n_signals); with `return_dual` also xi, of the shape of y. A
    `ValueError` if y is not in the span of the atoms. Chen, Donoho and Saunders (1998).
    """
    D, Y = check_dictionary(D, y)
    m, codes, duals = D.shape[1], [], []
    for signal in Y.T:
        size = np.abs(signal).max() or 1.0  # the solver's tolerance is absolute
        program = linprog(np.ones(2 * m), A_eq=np.hstack([D, -D]), b_eq=signal / size)
        if program.status != 0:
            raise ValueError(
                f"y={signal!r} is no combination of the atoms of D ({program.message.strip()}): "
                "add atoms, or allow an error with fista."
            )
        codes.append(size * (program.x[:m] - program.x[m:]))
        duals.append(program.eqlin.marginals)
    shape = np.shape(y)[1:]
    codes, duals = np.array(codes).T.reshape(m, *shape), np.array(duals).T.reshape(-1, *shape)
    return (codes, duals) if return_dual else codes


def lasso_objective(D, y, code, alpha):
    """0.5 |y - D a|^2 + alpha sum_j |a_j|, summed over all signals: a float."""
    error = np.asarray(y) - D @ np.asarray(code)
    return float(0.5 * np.vdot(error, error) + alpha * np.abs(code).sum())


def soft_threshold(values, amount):
    """Move every entry towards 0 by `amount`, and to 0 if it was nearer.

    The proximal map of the l1 norm: the x that minimises 0.5 (x - v)^2 + amount |x|.

    >>> soft_threshold(np.array([3.0, -0.5, -2.0]), 1.0)
    array([ 2.,  0., -1.])
    """
    return values - np.clip(values, -amount, amount)


def proximal_step(code, D, y, alpha, step):
    """One step of ISTA: downhill on the squared error, then `soft_threshold`.

    With step <= 1 / |D|_2^2 it never raises `lasso_objective`.
    """
    downhill = D.T @ (y - D @ code)
    return soft_threshold(code + step * downhill, step * alpha)


def kkt_violation(D, y, code, alpha):
    """By how much a code misses the conditions of a minimum of `lasso_objective`.

    With e = y - D a they are D_j'e = alpha sign(a_j) where a_j is not 0, and
    |D_j'e| <= alpha where it is. The result is 0 at a minimum.
    """
    pull = D.T @ (np.asarray(y) - D @ np.asarray(code))
    idle = np.maximum(np.abs(pull) - alpha, 0)
    used = np.abs(pull - alpha * np.sign(code))
    return float(np.where(code == 0, idle, used).max())


def duality_gap(D, y, code, alpha):
    """Upper bound (a float) on how far `lasso_objective` lies above its minimum, for all signals.

    The residual r, shrunk until |d_j's| <= alpha, is a point s of the dual problem, to maximise
    0.5 |y|^2 - 0.5 |y - s|^2; any such value is below the minimum. For alpha = 0, where shrinking
    leaves nothing, s is the part of r that is orthogonal to all atoms, and the bound is exact.
    """
    y, code = np.asarray(y).reshape(len(D), -1), np.asarray(code).reshape(D.shape[1], -1)
    residual = y - D @ code
    pull = np.abs(D.T @ residual).max(axis=0)
    dual = residual * np.minimum(1, alpha / np.maximum(pull, np.finfo(float).tiny))
    if alpha == 0:
        dual = residual - D @ np.linalg.lstsq(D, residual)[0]
    below = 0.5 * np.vdot(y, y) - 0.5 * np.vdot(y - dual, y - dual)
    return float(lasso_objective(D, y, code, alpha) - below)


def ista(D, y, alpha, *, max_iter=1000, tol=1e-6, start=None):
    """Minimise 0.5 |y - D a|^2 + alpha sum_j |a_j| over codes a by proximal gradient steps.

    After k steps the objective is at most L |a_0 - a*|^2 / (2k) above its minimum, L = |D|_2^2.
    scikit-learn's `Lasso` divides the squared error by n_features: its alpha is ours / n_features.

    Parameters
    ----------
    D : array (n_features, n_atoms)
    y : array (n_features,) or (n_features, n_signals)
    alpha : float
        Price of a unit of code; from max |D'y| on, the code is 0. With 0, least squares.
    max_iter : int
    tol : float
        Stop when `duality_gap` is at most tol 0.5 |y|^2; with 0, after max_iter steps.
    start : array like the code, optional
        Zeros by default.

    Returns
    -------
    code : array (n_atoms,) or (n_atoms, n_signals)
    objective : array (n_iter + 1,)
        `lasso_objective` at the start and after each step.

    References
    ----------
    Daubechies, Defrise and De Mol (2004). Chapter: lasso.
    """
    return _descend(D, y, alpha, max_iter, tol, start, accelerate=False)


def fista(D, y, alpha, *, max_iter=1000, tol=1e-6, start=None):
    """The problem, arguments and results of `ista`, with momentum.

    Each step starts not from the last code but from a point beyond it. After k steps the objective
    is at most 2 L |a_0 - a*|^2 / (k + 1)^2 above its minimum; it may rise on the way.

    References
    ----------
    Beck and Teboulle (2009). Chapter: lasso.
    """
    return _descend(D, y, alpha, max_iter, tol, start, accelerate=True)


def _descend(D, y, alpha, max_iter, tol, start, accelerate):
    shape = (np.shape(D)[1:] or (0,)) + np.shape(y)[1:]
    D, Y = check_dictionary(D, y)
    alpha = check_real("alpha", alpha, low=0)
    max_iter, tol = check_integer("max_iter", max_iter, low=0), check_real("tol", tol, low=0)
    if start is not None and np.shape(start) != shape:
        raise ValueError(f"start has shape {np.shape(start)}: pass a code of shape {shape}.")
    begin = np.zeros(shape) if start is None else np.array(start, dtype=np.float64)
    code = begin.reshape(D.shape[1], -1)
    step, enough = 1 / max(np.linalg.norm(D, 2) ** 2, 1e-300), tol * 0.5 * np.vdot(Y, Y)
    # Both are kept as their images under D, so that a step costs one product with D, one with D'.
    error = Y - D @ code
    point, point_error, speed = code, error, 1.0
    objective, converged = [_value(error, code, alpha)], tol == 0
    for n_iter in range(1, max_iter + 1):
        moved = D.T @ point_error
        moved *= step
        moved += point
        moved -= np.clip(moved, -step * alpha, step * alpha)
        before, error_before = code, error
        code, error = moved, Y - D @ moved
        objective.append(_value(error, code, alpha))
        if accelerate:
            faster = (1 + np.sqrt(1 + 4 * speed**2)) / 2
            beyond, speed = (speed - 1) / faster, faster
            point = code + beyond * (code - before)
            point_error = error + beyond * (error - error_before)
        else:
            point, point_error = code, error
        if tol and n_iter % 10 == 0 and duality_gap(D, Y, code, alpha) <= enough:
            converged = True
            break
    if not converged and duality_gap(D, Y, code, alpha) > enough:
        warnings.warn(
            f"The duality gap is above tol={tol} at max_iter={max_iter}: raise max_iter or tol.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return code.reshape(shape), np.array(objective)


def _value(error, code, alpha):
    return float(0.5 * np.vdot(error, error) + alpha * np.abs(code).sum())
