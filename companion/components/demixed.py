"""Demixed PCA: one subspace for each parameter of an experiment. Chapter: `demixed`.

Data are responses X (trials, *conditions, d): a row of d neurons for every trial and every
combination of the parameters, such as stimulus, decision and time. A letter names a parameter.
"""

from itertools import chain, combinations

import numpy as np
from scipy.linalg import eigh, solve
from sklearn.base import BaseEstimator
from sklearn.utils.extmath import svd_flip
from sklearn.utils.validation import check_is_fitted

from companion.components.pca import rounding_of_mean
from companion.validation import check_codes, check_integer, check_real, check_squares


def marginal_parts(X, labels):
    """Cut X (*conditions, d) into parts that depend on some parameters only, and add up to X.

    A part is the mean over all other parameters, less the parts of fewer parameters: the terms of
    an analysis of variance. Returns a dict, "" (the mean of all), "s", "t", "st", ... to arrays of
    the shape of X. Any two parts are orthogonal when summed over the conditions.
    """
    parts = {}
    axes = range(len(labels))
    for chosen in chain.from_iterable(combinations(axes, r) for r in range(len(labels) + 1)):
        others = tuple(axis for axis in axes if axis not in chosen)
        part = np.broadcast_to(X.mean(axis=others, keepdims=True), X.shape).copy()
        name = "".join(labels[axis] for axis in chosen)
        for smaller in parts:
            if set(smaller) < set(name):
                part -= parts[smaller]
        parts[name] = part
    return parts


def reduced_rank_regression(gram, cross, k):
    """Best linear guess of Y from X through k numbers: decoder and encoder (k, d).

    Least |Y - X decoder' encoder|^2 from cross = X'Y and gram = X'X, to whose
    diagonal a ridge may have been added. The rows of the encoder are orthonormal:
    the leading axes of the full-rank guess.
    """
    coefficients = solve(gram, cross, assume_a="pos")
    d = cross.shape[1]
    explained = cross.T @ coefficients
    vectors = eigh((explained + explained.T) / 2, subset_by_index=(d - k, d - 1))[1]
    _, encoder = svd_flip(None, vectors[:, ::-1].T, u_based_decision=False)
    return encoder @ coefficients.T, encoder


class DemixedPCA(BaseEstimator):
    """Components that each speak of one parameter, by a reduced-rank regression for each.

    The mean responses are cut into `marginal_parts`. For every part the rows of `decoders_` and
    `encoders_` guess the part from single trials of the *whole* response, with least squared error.

    Parameters
    ----------
    labels : str
        One letter for each axis of conditions, as in "sdt" for stimulus, decision, time.
    n_components : int
        Components of each part.
    join : dict of str to sequence of str, optional
        Parts that are taken together, as in {"stimulus": ["s", "st"]}. By default each alone.
    ridge : float
        Added to the diagonal of X'X, as a share of its mean. It shrinks decoders that would read
        differences between neurons too small to be trusted.

    Attributes
    ----------
    decoders_, encoders_ : dict of str to array (k, d)
        What reads a component from a response; and its pattern over the neurons, orthonormal rows.
    explained_variance_ratio_ : dict of str to array (k,)
        Share of the variance of the mean responses that a component alone gives back. It is below
        zero if a decoder makes the guess worse than the mean.
    shares_ : dict of str to dict of str to array (k,)
        Of the variance of each component, the share that is owed to each part: a demixed one owes
        all to its own. Zero for a part that is not there, such as that of a single decision.
    mean_ : array (d,)

    References
    ----------
    Kobak et al. (2016). Chapter: demixed.
    """

    def __init__(self, labels="sdt", n_components=2, *, join=None, ridge=1e-6):
        self.labels = labels
        self.n_components = n_components
        self.join = join
        self.ridge = ridge

    def fit(self, X, y=None):
        """Fit to responses X (trials, *conditions, d), one axis of conditions for each label."""
        X = self._check_responses(X, extra=1)
        d = X.shape[-1]
        k = check_integer("n_components", self.n_components, 1, d, "at most one a neuron")
        check_real("ridge", self.ridge, low=0)
        self.mean_ = X.reshape(-1, d).mean(axis=0)
        rows = X.reshape(-1, d) - self.mean_
        gram = rows.T @ rows
        gram[np.diag_indices(d)] += self.ridge * np.trace(gram) / d + np.finfo(float).tiny
        average = X.mean(axis=0) - self.mean_
        average[abs(average) <= rounding_of_mean(self.mean_, len(rows))] = 0
        parts = self._joined(average)
        self.decoders_, self.encoders_ = {}, {}
        for name, part in parts.items():
            # parts are orthogonal: a part has the same product with itself as with the whole
            cross = len(X) * part.reshape(-1, d).T @ part.reshape(-1, d)
            self.decoders_[name], self.encoders_[name] = reduced_rank_regression(gram, cross, k)
        self._describe(average.reshape(-1, d), parts)
        return self

    def _describe(self, average, parts):
        """Variance that each component gives back, and to which part it is owed."""
        total, self.explained_variance_ratio_, self.shares_ = (average**2).sum(), {}, {}
        for name, decoder in self.decoders_.items():
            Z, encoder = average @ decoder.T, self.encoders_[name]
            gained = 2 * (Z * (average @ encoder.T)).sum(axis=0) - (Z**2).sum(axis=0)
            self.explained_variance_ratio_[name] = gained / (total or 1)
            whole = (Z**2).sum(axis=0)
            whole[whole == 0] = 1
            self.shares_[name] = {
                other: ((part.reshape(average.shape) @ decoder.T) ** 2).sum(axis=0) / whole
                for other, part in parts.items()
            }

    def transform(self, X, part):
        """Components (..., k) of one part, read from responses X (..., d) of any shape."""
        check_is_fitted(self)
        return (np.asarray(X, float) - self.mean_) @ self._known(part, self.decoders_).T

    def inverse_transform(self, X, part):
        """What the components X (..., k) of one part say about the responses: (..., d)."""
        check_is_fitted(self)
        encoder, shape = self._known(part, self.encoders_), np.shape(X)
        Z = check_codes(np.reshape(X, (-1, shape[-1])), len(encoder))
        return Z.reshape(shape) @ encoder + self.mean_

    def reconstruct(self, X):
        """The sum (..., d) of what all parts guess from the responses X (..., d)."""
        guesses = [self.inverse_transform(self.transform(X, p), p) for p in self.decoders_]
        return sum(guesses) - (len(guesses) - 1) * self.mean_

    def _known(self, part, table):
        if part not in table:
            raise ValueError(f"part={part!r} is not known: choose one of {', '.join(table)}.")
        return table[part]

    def _check_responses(self, X, extra):
        X, labels = np.asarray(X, dtype=float), self.labels
        if not isinstance(labels, str) or not labels or len(set(labels)) != len(labels):
            raise ValueError(f"labels={labels!r} must be different letters, one an axis: 'sdt'.")
        if X.ndim != len(labels) + 1 + extra:
            raise ValueError(
                f"X has shape {X.shape} but labels={labels!r} asks for {len(labels) + 1 + extra} "
                "axes: (trials, one for each letter, neurons)."
            )
        if not X.size or not np.isfinite(X).all():
            raise ValueError(f"X of shape {X.shape} is empty or has NaN: drop or impute them.")
        return check_squares("X", X)

    def _joined(self, average):
        """The parts by their names, those to be joined added up."""
        parts = marginal_parts(average, self.labels)
        del parts[""]  # zero, for the mean is taken off
        for part in parts.values():
            part[abs(part) <= rounding_of_mean(abs(average).max(), average.size)] = 0
        join = {name: [name] for name in parts} if self.join is None else self.join
        named = ["".join(sorted(p, key=self.labels.find)) for ps in join.values() for p in ps]
        if sorted(named) != sorted(parts):
            raise ValueError(f"join={join!r} must name each of {', '.join(parts)} exactly once.")
        return {
            name: sum(parts["".join(sorted(p, key=self.labels.find))] for p in chosen)
            for name, chosen in join.items()
        }
