"""What models of sequences share: one or several, rows not seen, EM. Chapter: `dynamics`."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from companion.validation import check_points


def sequences_of(estimator, X, *, reset=False):
    """Return X as a list of arrays (n_steps, d), checked, and whether it was a single sequence."""
    single = not (isinstance(X, list | tuple | np.ndarray) and len(X) and np.ndim(X[0]) == 2)
    sequences = [
        check_points(
            estimator,
            sequence,
            ensure_all_finite="allow-nan",
            ensure_min_samples=2 if reset else 1,
            reset=reset and i == 0,
        )
        for i, sequence in enumerate([X] if single else X)
    ]
    if reset and (empty := np.isnan(np.concatenate(sequences)).all(axis=0)).any():
        raise ValueError(f"X has only nan in column {empty.argmax()}: leave that column out.")
    return sequences, single


class SequenceModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base of models of sequences: X is one sequence (n_steps, d), or a list of several.

    A subclass writes `_smooth`, and a `fit` that takes its sequences from `sequences_of`. That sets
    ``components_`` (k, d) and ``mean_`` (d,), so that a row is ``z components_ + mean_`` plus
    noise, and through `_climb`, which reads ``max_iter`` and ``tol`` of the constructor,
    ``loglike_`` (a value a step, nats) and ``n_iter_``. It then has `smooth`, `transform`, `fill`.
    """

    def _smooth(self, sequence):
        """What is known of the states of one sequence (n_steps, d), a named tuple.

        Its ``means`` are (n_steps, k).
        """
        raise NotImplementedError

    def _each(self, function, X):
        """Return `function` of every sequence: an array for a single one, else a list."""
        check_is_fitted(self)
        sequences, single = sequences_of(self, X)
        results = [function(sequence) for sequence in sequences]
        return results[0] if single else results

    def _climb(self, sequences, parameters, e_step, m_step):
        """EM until a step gains less than `tol` nats a row; the parameters of the last E-step."""
        self.loglike_, n_rows = [], sum(map(len, sequences))
        for step in range(1, self.max_iter + 1):
            log_likelihood, posterior = e_step(sequences, parameters)
            self.loglike_.append(float(log_likelihood))
            self.n_iter_ = step
            if step > 1 and np.diff(self.loglike_[-2:])[0] < self.tol * n_rows:
                return parameters
            if step < self.max_iter:
                parameters = m_step(sequences, posterior, parameters)
        warnings.warn(
            f"The likelihood still rose by tol={self.tol} or more a row at max_iter="
            f"{self.max_iter}: raise max_iter or tol.",
            ConvergenceWarning,
            stacklevel=3,
        )
        return parameters

    def smooth(self, X):
        """What is known of the states given the whole sequence: means, covs and lag_covs."""
        return self._each(self._smooth, X)

    def transform(self, X):
        """Expected states (n_steps, k), given the whole sequence; a list for several."""
        return self._each(lambda x: self._smooth(x).means, X)

    def fill(self, X):
        """Return the rows with every nan replaced by its expectation given what was seen."""
        return self._each(
            lambda x: np.where(
                np.isnan(x), self._smooth(x).means @ self.components_ + self.mean_, x
            ),
            X,
        )

    @property
    def _n_features_out(self):
        return len(self.components_)

    def __sklearn_tags__(self):
        """Say that nan is allowed: it is what was not seen."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
