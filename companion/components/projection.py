"""What all linear components share: rows to project onto. Chapter: `pca`."""

from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from companion.validation import check_codes, check_points


class Projection(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base of what projects onto the rows of `components_` (k, d) after taking off `mean_` (d,)."""

    def transform(self, X):
        """Coordinates (n, k) of the rows of X (n, d) on the components."""
        check_is_fitted(self)
        X = check_points(self, X, reset=False)
        return (X - self.mean_) @ self.components_.T

    def inverse_transform(self, X):
        """The points (n, d) that have the coordinates X (n, k)."""
        check_is_fitted(self)
        return check_codes(X, len(self.components_)) @ self.components_ + self.mean_

    @property
    def _n_features_out(self):
        return len(self.components_)
