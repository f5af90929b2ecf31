"""Dictionaries that are learned from the data. Chapter: `dictionary`.

Here samples are rows, as everywhere: X (n, d) ~ codes (n, m) @ components (m, d). In the letters of
the chapter, D = components.T and the rows of the codes are the a_n.
"""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.validation import check_is_fitted

from companion.components.nnk import NNKMeans, nnk_codes, nnk_errors, nnk_weights
from companion.components.sparse_coding import fista, orthogonal_mp
from companion.validation import check_choice, check_codes, check_integer, check_points, check_real

BLOCK = 1000  # rows whose codes improve together: what a step needs stays near the processor

__all__ = [
    "DictionaryLearning",
    "NNKMeans",
    "code_step",
    "ksvd_step",
    "nnk_codes",
    "nnk_errors",
    "nnk_weights",
    "update_atoms",
]


def update_atoms(components, codes, X, n_passes=1):
    """Best atoms of norm at most 1 for fixed codes, one atom after another: (M, d).

    Each atom in turn goes to its least-squares place, given the others, and from
    there straight back to the unit ball. 0.5 |X - codes @ components|^2 never rises.

    Parameters: components (M, d), codes (N, M), X (N, d). An atom that no code uses
    stays. Only the sums codes'codes and codes'X are needed (Mairal and others, 2010).
    """
    atoms, overlap, wanted = components.copy(), codes.T @ codes, codes.T @ X
    for _ in range(n_passes):
        for j in np.flatnonzero(np.diag(overlap)):
            atoms[j] += (wanted[j] - overlap[j] @ atoms) / overlap[j, j]
            atoms[j] /= max(1.0, np.linalg.norm(atoms[j]))
    return atoms


def ksvd_step(components, codes, X):
    """Each atom in turn, anew and together with its amounts: components and codes.

    What the others leave of the rows that use the atom becomes its best matrix of
    rank 1. So no 0 of the codes is lost, every atom has norm 1, and the error
    |X - codes @ components|^2 never rises. Aharon, Elad and Bruckstein (2006).

    Parameters: components (M, d), codes (N, M), X (N, d).
    """
    atoms, codes = components.copy(), codes.copy()
    for j in np.flatnonzero(codes.any(axis=0)):
        users = np.flatnonzero(codes[:, j])
        left = X[users] - codes[users] @ atoms + np.outer(codes[users, j], atoms[j])
        scores, sizes, axes = np.linalg.svd(left, full_matrices=False)
        sign = -1.0 if axes[0] @ atoms[j] < 0 else 1.0  # it does not turn round
        atoms[j], codes[users, j] = sign * axes[0], sign * sizes[0] * scores[:, 0]
    return atoms, codes


def code_step(components, codes, X, alpha, n_steps):
    """Better codes (n, m) for fixed atoms: steps of `fista`, kept for the rows where they help.

    Returns the codes and 0.5 |x - D a|^2 + alpha |a|_1 of every row, (n,).
    """
    new, _ = fista(components.T, X.T, alpha, max_iter=n_steps, tol=0, start=codes.T)
    new = new.T
    values = [
        0.5 * np.square(X - c @ components).sum(axis=1) + alpha * np.abs(c).sum(axis=1)
        for c in (codes, new)
    ]
    better = values[1] < values[0]
    return np.where(better[:, None], new, codes), np.where(better, values[1], values[0])


class DictionaryLearning(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Atoms on which the data have sparse codes.

    Minimises 0.5 |X - C D'|^2 + alpha |C|_1 over codes C (n, m) and atoms, the rows of
    `components_`, of norm at most 1. Without that bound the penalty could be made as small as you
    like: longer atoms, shorter codes, the same product. Codes and atoms improve in turn; the
    objective never rises, and what is reached is a local minimum at best.

    Parameters
    ----------
    n_components : int or None
        Number of atoms m; None is n_features.
    alpha : float
        Price of a unit of code, in units of X.
    max_iter : int
    tol : float
        Stop when the objective falls by less than tol times its value.
    n_code_steps : int
        Steps of `fista` a round; they go on where the last round ended.
    transform_algorithm : 'omp' or 'lasso'
        How `transform` finds codes: `orthogonal_mp`, or `fista` with the alpha of the fit.
    transform_n_nonzero_coefs : int or None
        Of 'omp'; None is a tenth of n_features, or all atoms if they are fewer.
    dict_init : array (m, d) or None
        Atoms to start from; None draws rows of X.
    random_state : int, RandomState or None

    Attributes
    ----------
    components_ : array (m, d)
        Atoms as rows.
    error_ : array (n_iter_,)
        Objective after each round.
    codes_ : array (n, m)
        Codes of the training rows.
    n_iter_ : int

    References
    ----------
    Olshausen and Field (1996); Mairal, Bach, Ponce and Sapiro (2010). Chapter: dictionary.
    """

    def __init__(
        self,
        n_components=None,
        *,
        alpha=1.0,
        max_iter=100,
        tol=1e-6,
        n_code_steps=10,
        transform_algorithm="omp",
        transform_n_nonzero_coefs=None,
        dict_init=None,
        random_state=None,
    ):
        self.n_components = n_components
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol
        self.n_code_steps = n_code_steps
        self.transform_algorithm = transform_algorithm
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.dict_init = dict_init
        self.random_state = random_state

    def fit(self, X, y=None):
        """Learn the atoms from the rows of X (n, d); y is ignored."""
        X = check_points(self, X)
        m = X.shape[1] if self.n_components is None else self.n_components
        m = check_integer("n_components", m)
        alpha, tol = check_real("alpha", self.alpha, low=0), check_real("tol", self.tol, low=0)
        max_iter = check_integer("max_iter", self.max_iter)
        n_steps = check_integer("n_code_steps", self.n_code_steps)
        check_choice("transform_algorithm", self.transform_algorithm, ("omp", "lasso"))
        rng = check_random_state(self.random_state)
        atoms, codes, history = self._start(X, m, rng), np.zeros((len(X), m)), []
        values = np.zeros(len(X))
        for _ in range(max_iter):
            for rows in gen_batches(len(X), BLOCK):
                step = code_step(atoms, codes[rows], X[rows], alpha, n_steps)
                codes[rows], values[rows] = step
            atoms = update_atoms(atoms, codes, X)
            idle = np.flatnonzero(~codes.any(axis=0))
            atoms[idle] = draw_atoms(X, len(idle), rng, values)  # costs nothing: no code uses them
            history.append(0.5 * np.square(X - codes @ atoms).sum() + alpha * np.abs(codes).sum())
            if len(history) > 1 and history[-2] - history[-1] <= tol * history[-2]:
                break
        else:
            warnings.warn(
                f"The objective still fell by tol={tol} or more at max_iter={max_iter}: "
                "raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.components_, self.codes_ = atoms, codes
        self.error_, self.n_iter_ = np.array(history), len(history)
        return self

    def transform(self, X):
        """Codes (n, m) of the rows of X (n, d)."""
        check_is_fitted(self)
        X = check_points(self, X, reset=False)
        D = self.components_.T
        if self.transform_algorithm == "omp":
            k = self.transform_n_nonzero_coefs
            k = min(max(len(D) // 10, 1), *D.shape) if k is None else k
            return orthogonal_mp(D, X.T, k).T
        return fista(D, X.T, self.alpha)[0].T

    def inverse_transform(self, X):
        """The points (n, d) that the codes X (n, m) stand for."""
        check_is_fitted(self)
        return check_codes(X, len(self.components_)) @ self.components_

    def _start(self, X, m, rng):
        if self.dict_init is None:
            return draw_atoms(X, m, rng, np.ones(len(X)))
        atoms = np.array(self.dict_init, dtype=np.float64)
        if atoms.shape != (m, X.shape[1]):
            raise ValueError(
                f"dict_init has shape {atoms.shape}: pass atoms of shape ({m}, {X.shape[1]})."
            )
        return atoms / np.maximum(1, np.linalg.norm(atoms, axis=1, keepdims=True))

    @property
    def _n_features_out(self):
        return len(self.components_)


def draw_atoms(X, m, rng, chances):
    """Rows of X, divided by their norms, drawn by `chances`; noise where there are too few."""
    lengths = np.linalg.norm(X, axis=1)
    chances = np.where(lengths > 0, chances, 0)
    rows = np.zeros(0, dtype=int)
    n_rows = min(m, np.count_nonzero(chances))
    if n_rows:
        rows = rng.choice(len(X), size=n_rows, replace=False, p=chances / chances.sum())
    noise = rng.normal(size=(m - n_rows, X.shape[1]))
    atoms = np.concatenate([X[rows], noise])
    return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
