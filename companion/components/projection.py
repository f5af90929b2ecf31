"""What all linear components share: rows to project onto. Chapter: `pca`."""

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data


class Projection(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base of what projects onto the rows of `components_` (k, d) after taking off `mean_` (d,)."""

    def transform(self, X):
        """Coordinates (n, k) of the rows of X (n, d) on the components."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return (X - self.mean_) @ self.components_.T

    def inverse_transform(self, Z):
        """The points (n, d) that have the coordinates Z (n, k)."""
        check_is_fitted(self)
        return np.asarray(Z) @ self.components_ + self.mean_

    @property
    def _n_features_out(self):
        return len(self.components_)
