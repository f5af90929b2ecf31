"""Topographic independent component analysis: fires together, lies together. Chapter: `filters`."""

import numbers
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.components.projection import Projection
from companion.components.whitening import orthonormalise, starting_matrix, whiten
from companion.validation import check_codes, check_integer, check_points, check_real


def torus_neighborhoods(rows, columns, radius=1):
    """1.0 where two cells of a grid are at most `radius` rows and columns apart: (k, k).

    k = rows * columns, and the grid is a torus: its left and right ends touch, as do top and
    bottom.
    """
    row, column = np.divmod(np.arange(rows * columns), columns)
    near = np.ones((rows * columns,) * 2, dtype=bool)
    for place, size in ((row, rows), (column, columns)):
        apart = np.abs(place[:, None] - place)
        near &= np.minimum(apart, size - apart) <= radius
    return near.astype(float)


def check_grid(grid):
    """Rows and columns, or a `ValueError` if `grid` is no pair of whole numbers above 0."""
    whole = isinstance(grid, tuple | list) and all(isinstance(n, numbers.Integral) for n in grid)
    if not whole or len(grid) != 2 or min(grid) < 1:
        raise ValueError(f"grid={grid!r} must be two whole numbers: rows, columns.")
    return tuple(map(int, grid))


def topographic_objective(W, Z, near, epsilon=1e-3):
    """Mean over rows of sum_i sqrt(epsilon + energy of neighbourhood i): small if it is sparse.

    The energy is sum_j near_ij (w_j z)^2, for W (k, k), white Z (n, k) and `near` (k, k).
    """
    return float(np.sqrt(epsilon + (Z @ W.T) ** 2 @ near).sum(axis=1).mean())


def topographic_gradient(W, Z, near, epsilon=1e-3, block=1024):
    """The objective, and its gradient by W (k, k): E[u_j r_j z], u = W z.

    r_j, the sum of 1 / root over the neighbourhoods of j, is large where they are silent.
    """
    value, gradient = 0.0, np.zeros_like(W)
    for start in range(0, len(Z), block):
        part = Z[start : start + block]
        U = part @ W.T
        roots = (U * U) @ near
        roots += epsilon
        np.sqrt(roots, out=roots)
        value += roots.sum()
        np.reciprocal(roots, out=roots)
        U *= roots @ near
        gradient += U.T @ part
    return float(value / len(Z)), gradient / len(Z)


def along_rotations(D, W):
    """The part of D (k, k) that turns the rotation W and does not deform it."""
    return (D @ W.T - W @ D.T) @ W / 2


class TopographicICA(Projection):
    """Independent components on a torus, those that are active together next to each other.

    Minimises the mean of sum_i sqrt(epsilon + sum_j near_ij (w_j z)^2) over rotations W of white
    data z. With `radius` 0 that is ordinary ICA. Descent by conjugate gradients along
    the rotations, the step halved whenever the objective would rise.

    Parameters
    ----------
    grid : (int, int), optional
        Rows and columns; there are rows * columns components. By default a ring with every
        direction in which X varies.
    radius : int
        Neighbours are this many rows or columns away, or less.
    epsilon : float
        Rounds the root off at 0.
    max_iter : int
    tol : float
        Stop when the objective falls by less than this share of itself.
    w_init : array (k, k), optional
    random_state : int, RandomState or None

    Attributes
    ----------
    components_ : array (k, d)
        Row i is at row i // columns, column i % columns of the grid; s = components_ (x - mean_).
    mixing_ : array (d, k)
    mean_ : array (d,)
    grid_ : (int, int)
    neighborhoods_ : array (k, k)
    objectives_ : list of float
        At every step; it never rises.
    n_iter_ : int

    References
    ----------
    Hyvarinen, Hoyer and Inki (2001). Chapter: filters.
    """

    def __init__(
        self,
        grid=None,
        *,
        radius=1,
        epsilon=1e-3,
        max_iter=200,
        tol=1e-5,
        w_init=None,
        random_state=None,
    ):
        self.grid = grid
        self.radius = radius
        self.epsilon = epsilon
        self.max_iter = max_iter
        self.tol = tol
        self.w_init = w_init
        self.random_state = random_state

    def fit(self, X, y=None):
        """Find components of X (n, d) and their places."""
        X = check_points(self, X, ensure_min_samples=2)
        radius = check_integer("radius", self.radius, low=0)
        check_real("epsilon", self.epsilon, 0, inclusive=False)
        check_integer("max_iter", self.max_iter)
        check_real("tol", self.tol, low=0)
        if self.grid is None:
            Z, K, self.mean_ = whiten(X)
            self.grid_ = (1, Z.shape[1])
        else:
            self.grid_ = check_grid(self.grid)
            Z, K, self.mean_ = whiten(X, self.grid_[0] * self.grid_[1])
        self.neighborhoods_ = torus_neighborhoods(*self.grid_, radius)
        W = starting_matrix(self.w_init, len(K), check_random_state(self.random_state))
        self.components_ = np.sqrt(len(X)) * self._descend(orthonormalise(W), Z) @ K
        self.mixing_ = np.linalg.pinv(self.components_)
        return self

    def _descend(self, W, Z):
        """Conjugate gradients from the rotation W (k, k), by the rule of Polak and Ribiere."""
        data, rate = (Z, self.neighborhoods_, self.epsilon), 0.5
        value, gradient = topographic_gradient(W, *data)
        slope = along_rotations(gradient, W)
        direction, self.objectives_ = -slope, [value]
        for step in range(1, self.max_iter + 1):
            self.n_iter_ = step
            while True:
                trial = orthonormalise(W + rate * direction)
                value, gradient = topographic_gradient(trial, *data)
                if value <= self.objectives_[-1]:
                    break
                rate /= 2
                if rate < 1e-10:  # the objective is flat, up to rounding errors
                    return W
            before, W, rate = slope, trial, 1.3 * rate
            self.objectives_.append(value)
            if self.objectives_[-2] - value <= self.tol * value:
                return W
            slope = along_rotations(gradient, W)
            keep = max(0.0, np.vdot(slope, slope - before) / np.vdot(before, before))
            direction = keep * along_rotations(direction, W) - slope
            if np.vdot(direction, slope) >= 0:
                direction = -slope
        warnings.warn(
            f"The objective still fell by tol={self.tol} of itself or more at max_iter="
            f"{self.max_iter}: raise max_iter or tol.",
            ConvergenceWarning,
            stacklevel=3,
        )
        return W

    def inverse_transform(self, X):
        """The mixtures (n, d) of the sources X (n, k)."""
        check_is_fitted(self)
        return check_codes(X, self.mixing_.shape[1]) @ self.mixing_.T + self.mean_
