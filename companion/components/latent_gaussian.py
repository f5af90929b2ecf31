"""A Gaussian with hidden factors: density, posterior and EM, and the class around them.

The story is x = mean + Lambda z + noise with z from N(0, I) and noise from N(0, Psi), Psi diagonal,
so that x has the covariance Lambda Lambda' + Psi. In code the loadings are Lambda' (k, d), a row a
factor, like `components_` in scikit-learn, and the noise is the diagonal of Psi (d,).

Chapter: `factors`.
"""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.components.pca import rounding_of_mean
from companion.validation import check_choice, check_codes, check_integer, check_points, check_real

SOLVERS = ("eigh", "em")


def posterior(loadings, noise):
    """Covariance (k, k) of z given x, the same for every x, and the encoder (k, d).

    The mean of z given x is encoder (x - mean): encoder = covariance Lambda' / Psi.
    """
    scaled = loadings / noise
    covariance = np.linalg.inv(np.eye(len(loadings)) + scaled @ loadings.T)
    return covariance, covariance @ scaled


def em_step(S, loadings, noise, common=False):
    """One step of EM from the covariance S (d, d): loadings (k, d) and noise (d,).

    E: the mean over the data of E[z] x' and of E[zz']. M: regress x on z; what is
    left is noise, averaged over the variables if it is `common`.
    """
    covariance, encoder = posterior(loadings, noise)
    cross = encoder @ S
    loadings = np.linalg.solve(covariance + cross @ encoder.T, cross)
    noise = np.diag(S) - (loadings * cross).sum(axis=0)
    return loadings, np.full_like(noise, noise.mean()) if common else noise


def log_density(X, mean, loadings, noise):
    """Log density (n,), in nats, of the rows of X (n, d); no d x d matrix."""
    covariance, _ = posterior(loadings, noise)
    Y = (X - mean) / np.sqrt(noise)
    onto = Y @ (loadings / np.sqrt(noise)).T
    distance = (Y**2).sum(axis=1) - ((onto @ covariance) * onto).sum(axis=1)
    log_det = np.log(noise).sum() - np.linalg.slogdet(covariance)[1]
    return -0.5 * (len(mean) * np.log(2 * np.pi) + log_det + distance)


def mean_log_likelihood(S, loadings, noise):
    """Mean log density of a row, in nats, from the covariance S (d, d) of the data alone."""
    covariance, encoder = posterior(loadings, noise)
    distance = (np.diag(S) / noise).sum() - ((encoder @ S) * (loadings / noise)).sum()
    log_det = np.log(noise).sum() - np.linalg.slogdet(covariance)[1]
    return -0.5 * (len(S) * np.log(2 * np.pi) + log_det + distance)


def noise_floor(variances, share):
    """What a noise may not fall below: a share of the variances, one or (d,), in their units.

    A constant variable takes the largest variance for its own; if all are constant, 1.
    """
    return share * np.where(variances > 0, variances, np.max(variances) or 1.0)


class LatentGaussian(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base of what has `mean_` (d,), `components_` (k, d) and `noise_variance_`, (d,) or one."""

    def _noise(self):
        return np.broadcast_to(self.noise_variance_, self.mean_.shape)

    def _prepare(self, X):
        """Check arguments and data: the covariance (d, d) with 1 / n, the row count and k."""
        X = check_points(self, X, ensure_min_samples=2)
        check_real("tol", self.tol, low=0)
        check_integer("max_iter", self.max_iter)
        check_choice("solver", self.solver, SOLVERS)
        check_real("min_noise_variance", self.min_noise_variance, low=0, inclusive=False)
        (n, d), k = X.shape, self.n_components
        k = d if k is None else check_integer("n_components", k, 1, d, "at most one a variable")
        self.mean_ = X.mean(axis=0)
        centred = X - self.mean_
        centred[abs(centred) <= rounding_of_mean(self.mean_, n)] = 0
        return centred.T @ centred / n, n, k

    def _climb(self, S, n, loadings, noise, floor, step):
        """Repeat `step` until the log likelihood of the n rows gains less than `tol`."""
        self.loglike_, converged = [], False
        while True:
            self.loglike_.append(float(n * mean_log_likelihood(S, loadings, noise)))
            self.n_iter_ = len(self.loglike_)
            converged = self.n_iter_ > 1 and self.loglike_[-1] - self.loglike_[-2] < self.tol
            if converged or self.n_iter_ == self.max_iter:
                break
            loadings, noise = step(loadings, noise)
            noise = np.maximum(noise, floor)
        if not converged:
            warnings.warn(
                f"The log likelihood still gained tol={self.tol} nats or more at max_iter="
                f"{self.max_iter}: raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return loadings, noise

    def _random_start(self, S, k, floor):
        rng, variances = check_random_state(self.random_state), np.diag(S) / k
        return rng.normal(size=(k, len(S))) * np.sqrt(np.maximum(variances, floor))

    def transform(self, X):
        """Posterior mean (n, k) of the factors of every row of X (n, d)."""
        check_is_fitted(self)
        X = check_points(self, X, reset=False)
        return (X - self.mean_) @ posterior(self.components_, self._noise())[1].T

    def inverse_transform(self, X):
        """Mean Lambda z + mean (n, d) for every row of factors z of X (n, k)."""
        check_is_fitted(self)
        return check_codes(X, len(self.components_)) @ self.components_ + self.mean_

    def score_samples(self, X):
        """Log density of every row (n,), in nats."""
        check_is_fitted(self)
        X = check_points(self, X, reset=False)
        return log_density(X, self.mean_, self.components_, self._noise())

    def score(self, X, y=None):
        """Mean log density of a row, in nats."""
        return float(self.score_samples(X).mean())

    def get_covariance(self):
        """Covariance Lambda Lambda' + Psi (d, d) of the model."""
        check_is_fitted(self)
        return self.components_.T @ self.components_ + np.diag(self._noise())

    def get_precision(self):
        """Its inverse (d, d), by a k x k inverse (Woodbury's identity)."""
        check_is_fitted(self)
        noise = self._noise()
        _, encoder = posterior(self.components_, noise)
        return np.diag(1 / noise) - (self.components_ / noise).T @ encoder

    def sample(self, n_samples=1):
        """Draw rows (n, d) and the factors (n, k) that stand behind them."""
        check_is_fitted(self)
        check_integer("n_samples", n_samples)
        rng, (k, d) = check_random_state(self.random_state), self.components_.shape
        Z = rng.normal(size=(n_samples, k))
        noise = rng.normal(size=(n_samples, d)) * np.sqrt(self._noise())
        return self.inverse_transform(Z) + noise, Z

    def impute(self, X):
        """Replace every NaN of X (n, d) by its mean given what is seen of its row."""
        check_is_fitted(self)
        X = check_points(self, X, reset=False, ensure_all_finite="allow-nan", copy=True)
        noise = self._noise()
        for row in X:
            seen = ~np.isnan(row)
            encoder = posterior(self.components_[:, seen], noise[seen])[1]
            z = encoder @ (row[seen] - self.mean_[seen])
            row[~seen] = (z @ self.components_ + self.mean_)[~seen]
        return X

    @property
    def _n_features_out(self):
        return len(self.components_)
