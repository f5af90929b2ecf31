"""Mean field by hand: mean and precision of a Gaussian, and linear regression.

Chapter: `variational`.
"""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.special import digamma, gammaln
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_X_y

from companion.validation import check_integer, check_real


def gamma_divergence(shape, rate, shape_0, rate_0):
    """KL of Gamma(shape, rate) from Gamma(shape_0, rate_0), in nats."""
    ratio = rate_0 / rate
    value = (shape - shape_0) * digamma(shape) - gammaln(shape) + gammaln(shape_0)
    return value - shape_0 * np.log(ratio) + shape * (ratio - 1)


class NormalGamma(NamedTuple):
    """``q(mu) q(tau) = N(mu; mean, 1 / precision) Gamma(tau; shape, rate)``, with its bounds."""

    mean: float
    precision: float
    shape: float
    rate: float
    bounds: list


def mean_field_normal(x, *, mean=0.0, strength=1.0, shape=1.0, rate=1.0, n_rounds=20):
    """Mean and precision of a Gaussian as a product q(mu) q(tau) (Bishop, 2006, section 10.1.3).

    Prior: tau from Gamma(shape, rate), mu from N(mean, 1 / (strength tau)).

    Parameters
    ----------
    x : array (n,)
    mean, strength, shape, rate : float
        Of the prior; a strength of 1 is that of one point.
    n_rounds : int
        Each updates q(mu), then q(tau), from the prior's E tau on.

    Returns
    -------
    NormalGamma
        `bounds` has the evidence lower bound after each round, in nats.
    """
    x = np.asarray(x, dtype=float)
    if x.ndim != 1 or not np.isfinite(x).all() or not len(x):
        raise ValueError(f"x has shape {x.shape}: give finite numbers in one dimension.")
    check_integer("n_rounds", n_rounds)
    for name, value in (("strength", strength), ("shape", shape), ("rate", rate)):
        check_real(name, value, 0, inclusive=False)
    n, tau, bounds = len(x), shape / rate, []
    m = (strength * mean + x.sum()) / (strength + n)  # stays
    a = shape + (n + 1) / 2
    for _ in range(n_rounds):
        precision = (strength + n) * tau
        squares = ((x - m) ** 2).sum() + strength * (m - mean) ** 2 + (strength + n) / precision
        b = rate + squares / 2
        tau = a / b
        log_tau = digamma(a) - np.log(b)
        points = (n + 1) * (log_tau - np.log(2 * np.pi)) / 2 - tau * squares / 2
        entropy = (1 + np.log(2 * np.pi) - np.log(precision)) / 2
        inside = points + np.log(strength) / 2 + entropy
        bounds.append(float(inside - gamma_divergence(a, b, shape, rate)))
    return NormalGamma(float(m), float(precision), float(a), float(b), bounds)


class Regression(NamedTuple):
    """``q(w) q(alpha) q(lambda)`` of a linear regression.

    Attributes
    ----------
    coef : array (d,)
        Mean of q(w).
    sigma : array (d, d)
        Its covariance.
    alpha, lambda_ : tuple
        Shape and rate of the Gamma distributions of the precision of the noise, and of the weights.
    bounds : list of float
        Evidence lower bound after each round, in nats.
    """

    coef: np.ndarray
    sigma: np.ndarray
    alpha: tuple
    lambda_: tuple
    bounds: list


def mean_field_regression(
    X, y, *, alpha_1=1e-6, alpha_2=1e-6, lambda_1=1e-6, lambda_2=1e-6, max_iter=1000, tol=1e-9
):
    """Linear regression ``y = X w + noise`` as a product q(w) q(alpha) q(lambda).

    Noise has precision alpha, the weights have precision lambda around 0; both have Gamma priors,
    named as in scikit-learn's BayesianRidge, which ends at the same means (Bishop, 2006, 10.3).

    Parameters
    ----------
    X : array (n, d)
        There is no intercept: centre X and y, or add a column of ones.
    y : array (n,)
    alpha_1, alpha_2, lambda_1, lambda_2 : float
        Shape and rate of the two priors.
    max_iter : int
    tol : float
        Ends when the bound rises by less, in nats.

    Returns
    -------
    Regression
    """
    X, y = check_X_y(X, y, dtype=np.float64, y_numeric=True)
    check_integer("max_iter", max_iter)
    check_real("tol", tol, 0)
    prior = {"alpha_1": alpha_1, "alpha_2": alpha_2, "lambda_1": lambda_1, "lambda_2": lambda_2}
    for name, value in prior.items():
        check_real(name, value, 0, inclusive=False)
    (n, d), (eigenvalues, V) = X.shape, np.linalg.eigh(X.T @ X)
    target, alpha, lam, bounds = V.T @ (X.T @ y), 1 / max(y.var(), 1e-300), 1.0, []
    eigenvalues = eigenvalues.clip(0)
    for _ in range(max_iter):
        variances = 1 / (alpha * eigenvalues + lam)  # q(w), in the axes of V
        w = alpha * variances * target
        rest = ((y - X @ (V @ w)) ** 2).sum() + (eigenvalues * variances).sum()
        noise = alpha_1 + n / 2, alpha_2 + rest / 2
        length = (w**2 + variances).sum()
        weights = lambda_1 + d / 2, lambda_2 + length / 2
        alpha, lam = noise[0] / noise[1], weights[0] / weights[1]
        log_alpha, log_lam = (digamma(a) - np.log(b) for a, b in (noise, weights))
        points = n * (log_alpha - np.log(2 * np.pi)) - alpha * rest
        drawn = d * (log_lam + 1) - lam * length + np.log(variances).sum()
        kl = gamma_divergence(*noise, alpha_1, alpha_2)
        kl += gamma_divergence(*weights, lambda_1, lambda_2)
        bounds.append(float((points + drawn) / 2 - kl))
        if len(bounds) > 1 and abs(bounds[-1] - bounds[-2]) < tol:
            break
    else:
        warnings.warn(
            f"The bound still moved by tol={tol} or more at max_iter={max_iter}: raise one.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return Regression(V @ w, (V * variances) @ V.T, noise, weights, bounds)
