"""Gaussian discriminants: LDA, QDA, demixed PCA. Chapter: `discriminants`."""

import numpy as np
from scipy.linalg import eigh, svd
from scipy.special import logsumexp
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from companion.components.demixed import DemixedPCA
from companion.components.pca import rounding_of_mean
from companion.validation import check_integer, check_points, check_real

__all__ = ["DemixedPCA", "LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"]


def inverse_root(covariance):
    """P (d, r) with P'SP = I, for the r directions in which S (d, d) has any variance.

    What is "any" must not depend on units, so each variable is measured by its own deviation.
    """
    scale = np.sqrt(np.diag(covariance))
    scale = np.where(scale > 0, scale, 1)
    values, vectors = eigh(covariance / scale / scale[:, None])
    some = values > len(values) * np.finfo(np.float64).eps * values.max(initial=0)
    return vectors[:, some] / np.sqrt(values[some]) / scale[:, None]


def discriminant_axes(means, priors, P):
    """Axes (d, m) along which class means (k, d) differ most, by the spread within.

    They solve S_b v = theta S_w v: in the coordinates P'x the spread within is the
    identity, and what is left is the PCA of the class means. Also returns the
    thetas (m,), descending.
    """
    spread = np.sqrt(priors)[:, None] * (means - priors @ means) @ P
    _, singular, Vt = svd(spread, full_matrices=False)
    return P @ Vt.T, singular**2


class GaussianClassifier(ClassifierMixin, BaseEstimator):
    """Base of classifiers that fit one Gaussian to each class and decide by Bayes' rule."""

    def fit(self, X, y):
        """Fit to rows X (n, d) of the classes y (n,)."""
        X, y = check_points(self, X, y, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has 1 class, {self.classes_}, but at least 2 classes are needed.")
        self.priors_ = np.bincount(index) / len(y)
        self.means_ = np.array([X[index == c].mean(axis=0) for c in range(len(self.classes_))])
        residuals = X - self.means_[index]
        residuals[abs(residuals) <= rounding_of_mean(self.means_, len(X))[index]] = 0
        self._fit(residuals, index)
        return self

    def decision_function(self, X):
        """Log p(class, x) up to a constant (n, k); with two classes their difference (n,)."""
        log_joint = self._log_joint(X)
        return log_joint if len(self.classes_) > 2 else log_joint[:, 1] - log_joint[:, 0]

    def predict(self, X):
        """The most probable class (n,) of each row of X (n, d)."""
        log_joint = self._log_joint(X)
        return self.classes_[log_joint.argmax(axis=1)]

    def predict_log_proba(self, X):
        """Log p(class | x) in nats (n, k)."""
        log_joint = self._log_joint(X)
        return log_joint - logsumexp(log_joint, axis=1, keepdims=True)

    def predict_proba(self, X):
        """The probability p(class | x) of each class (n, k)."""
        return np.exp(self.predict_log_proba(X))

    def _points(self, X):
        check_is_fitted(self)
        return check_points(self, X, reset=False)


class LinearDiscriminantAnalysis(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, GaussianClassifier
):
    """Linear discriminant analysis: one covariance for all classes, so the borders are flat.

    The classifier is Bayes' rule for Gaussians with means m_c and a shared covariance S_w;
    `transform` gives the axes v that maximise v'S_b v / v'S_w v, at most k - 1 for k classes.

    Parameters
    ----------
    n_components : int or None
        Axes that `transform` keeps; None is min(k - 1, d).
    shrinkage : float in [0, 1]
        Share of S_w that is replaced by a multiple of the identity of the same trace.

    Attributes
    ----------
    classes_, priors_ : arrays (k,)
    means_ : array (k, d)
    covariance_ : array (d, d)
        The spread within the classes, S_w, shrunk.
    xbar_ : array (d,)
    scalings_ : array (d, m)
        The axes; along each the variance within the classes is 1. Directions in which the classes
        have no spread at all are left out.
    explained_variance_ratio_ : array (m,)
        Share of the spread between the classes, measured in these units.
    coef_, intercept_ : arrays (k, d) and (k,); with two classes (1, d) and (1,)

    Raises
    ------
    ValueError
        If class means differ in a direction in which no class has any spread.

    References
    ----------
    Fisher (1936), Rao (1948). Chapter: discriminants.
    """

    def __init__(self, n_components=None, *, shrinkage=0.0):
        self.n_components = n_components
        self.shrinkage = shrinkage

    def _fit(self, residuals, index):
        (n, d), k = residuals.shape, len(self.classes_)
        if k >= n:
            raise ValueError(
                f"y has {k} classes for {n} samples: more samples than classes, please."
            )
        most = min(k - 1, d)
        m = most
        if self.n_components is not None:
            remedy = "min(number of classes - 1, d) is the most"
            m = check_integer("n_components", self.n_components, 1, most, remedy)
        share = check_real("shrinkage", self.shrinkage, 0, 1)
        within = residuals.T @ residuals / n
        self.covariance_ = (1 - share) * within + share * np.trace(within) / d * np.eye(d)
        self.xbar_ = self.priors_ @ self.means_
        P = inverse_root(self.covariance_)
        self._check_means(P, n)
        self.scalings_, between = discriminant_axes(self.means_, self.priors_, P)
        self.scalings_ = self.scalings_[:, :m]
        self.explained_variance_ratio_ = between[:m] / max(between.sum(), np.finfo(float).tiny)
        means = self.means_ - self.xbar_
        coef = means @ P @ P.T
        level = np.log(self.priors_) - 0.5 * np.einsum("kd,kd->k", coef, means)
        if k == 2:
            coef, level = coef[1:] - coef[:1], level[1:] - level[:1]
        # Scores of X - xbar_ lose no digits where X is far from the origin; intercept_ is for X.
        self.coef_, self._level = coef, level
        self.intercept_ = level - coef @ self.xbar_

    def _check_means(self, P, n):
        """Refuse class means that differ in a direction without spread: no axis of P has it."""
        means, sd = self.means_ - self.xbar_, np.sqrt(np.diag(self.covariance_))
        outside = abs(means - (means @ P) @ (P.T @ self.covariance_))
        largest = (abs(means) / np.where(sd > 0, sd, np.inf)).max()
        if (outside > 1e-6 * largest * sd + rounding_of_mean(self.means_, n).max(axis=0)).any():
            raise ValueError(
                f"shrinkage={self.shrinkage!r}: the class means differ in a direction in which no "
                "class has any spread. Raise shrinkage, or decide by that direction alone."
            )

    def _log_joint(self, X):
        scores = (self._points(X) - self.xbar_) @ self.coef_.T + self._level
        return scores if len(self.classes_) > 2 else np.hstack([np.zeros_like(scores), scores])

    def transform(self, X):
        """Coordinates (n, m) on the discriminant axes."""
        return (self._points(X) - self.xbar_) @ self.scalings_

    @property
    def _n_features_out(self):
        return self.scalings_.shape[1]


class QuadraticDiscriminantAnalysis(GaussianClassifier):
    """Quadratic discriminant analysis: a covariance for each class, so the borders bend.

    It finds no axes: there is no `transform`.

    Parameters
    ----------
    reg_param : float in [0, 1]
        Each covariance S becomes (1 - reg_param) S + reg_param I.

    Attributes
    ----------
    classes_, priors_ : arrays (k,)
    means_ : array (k, d)
    covariance_ : array (k, d, d)
        Before `reg_param`; as in LDA divided by the size of the class, by maximum likelihood.

    References
    ----------
    Hastie, Tibshirani and Friedman (2009), section 4.3. Chapter: discriminants.
    """

    def __init__(self, *, reg_param=0.0):
        self.reg_param = reg_param

    def _fit(self, residuals, index):
        d, k = residuals.shape[1], len(self.classes_)
        share = check_real("reg_param", self.reg_param, 0, 1)
        if (counts := np.bincount(index)).min() < 2:
            alone = self.classes_[counts.argmin()]
            raise ValueError(
                f"y has 1 sample of class {alone!r}, and a covariance needs 2: add some."
            )
        self.covariance_ = np.array([np.cov(residuals[index == c].T, ddof=0) for c in range(k)])
        self.covariance_ = self.covariance_.reshape(k, d, d)
        self._roots = [
            inverse_root((1 - share) * covariance + share * np.eye(d))
            for covariance in self.covariance_
        ]
        if min(root.shape[1] for root in self._roots) < d:
            raise ValueError(
                f"reg_param={self.reg_param!r}: a class has no spread in some direction, where its "
                "density is infinite. Raise reg_param, or reduce the dimension with PCA."
            )

    def _log_joint(self, X):
        X, columns = self._points(X), []
        for prior, mean, P in zip(self.priors_, self.means_, self._roots, strict=True):
            y = (X - mean) @ P
            log_det = np.linalg.slogdet(P)[1]
            columns.append(np.log(prior) + log_det - 0.5 * np.einsum("nd,nd->n", y, y))
        return np.column_stack(columns)
