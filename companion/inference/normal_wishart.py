"""Beliefs about the mean and precision matrix of Gaussians: the normal-Wishart distribution.

The prior that a Gaussian likelihood leaves in its family. Chapter: `variational`.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import digamma, gammaln, multigammaln

from companion.clustering.gaussians import log_determinants, log_gaussians, precision_factors


class NormalWishart(NamedTuple):
    """``N(mu; mean, (strength Lambda)^-1) Wishart(Lambda; scatter^-1, degrees)``, k of them.

    Attributes
    ----------
    mean : array (k, d)
    strength : array (k,)
        How many points the mean is worth.
    degrees : array (k,)
        How many points the scatter is worth; above d - 1.
    scatter : array (k, d, d)
        E Lambda = degrees scatter^-1.
    """

    mean: np.ndarray
    strength: np.ndarray
    degrees: np.ndarray
    scatter: np.ndarray


def posterior(prior, counts, means, covariances):
    """Beliefs after `counts` points with these means and covariances."""
    strength = prior.strength + counts
    away = means - prior.mean
    mean = prior.mean + (counts / strength)[:, None] * away
    share = prior.strength * counts / strength
    between = np.einsum("k,kd,ke->kde", share, away, away)
    scatter = prior.scatter + counts[:, None, None] * covariances + between
    return NormalWishart(mean, strength, prior.degrees + counts, scatter)


def mean_precision_factors(beliefs):
    """Upper triangular factors P of E Lambda = P P', (k, d, d)."""
    return precision_factors(beliefs.scatter / beliefs.degrees[:, None, None])


def log_det_scatter(beliefs, factors):
    """log det of the scatter matrices, (k,), from the factors of E Lambda."""
    k, d = beliefs.mean.shape
    return d * np.log(beliefs.degrees) - 2 * log_determinants(factors, "full", k, d)


def expected_log_det(beliefs, factors):
    """E log det Lambda, (k,)."""
    d = beliefs.mean.shape[1]
    several = digamma((beliefs.degrees[:, None] - np.arange(d)) / 2).sum(axis=1)
    return several + d * np.log(2) - log_det_scatter(beliefs, factors)


def expected_log_gaussians(X, beliefs, factors):
    """E log N(x; mu, Lambda^-1) of every row of X (n, d) under every belief: (n, k), in nats."""
    k, d = beliefs.mean.shape
    at_the_mean = log_gaussians(X, beliefs.mean, factors)
    log_det = 2 * log_determinants(factors, "full", k, d)  # of E Lambda, in at_the_mean
    return at_the_mean + (expected_log_det(beliefs, factors) - log_det - d / beliefs.strength) / 2


def log_student(X, beliefs, factors):
    """Log of the mean density E N(x; mu, Lambda^-1), a Student t: (n, k), in nats."""
    k, d = beliefs.mean.shape
    log_det = log_determinants(factors, "full", k, d)
    squares = 2 * (log_det - log_gaussians(X, beliefs.mean, factors)) - d * np.log(2 * np.pi)
    left = beliefs.degrees + 1 - d  # degrees of freedom of the t
    width = (1 + 1 / beliefs.strength) * beliefs.degrees  # of its scale matrix, times left
    scale = gammaln((left + d) / 2) - gammaln(left / 2) - d / 2 * np.log(np.pi * width)
    return scale + log_det - (left + d) / 2 * np.log1p(squares / width)


def log_normalizer(beliefs):
    """Log of the integral of ``p(points | mu, Lambda)`` times prior, up to powers of 2 pi: (k,).

    The evidence of n points of d features under one Gaussian with unknown mean and precision is
    ``log_normalizer(posterior) - log_normalizer(prior) - n d / 2 log(2 pi)``.
    """
    d, degrees = beliefs.mean.shape[1], beliefs.degrees
    log_det = log_det_scatter(beliefs, mean_precision_factors(beliefs))
    several = np.array([multigammaln(half, d) for half in degrees / 2])
    return several + degrees * (d * np.log(2) - log_det) / 2 - d / 2 * np.log(beliefs.strength)


def divergence(q, p, factors):
    """KL(q || p) of normal-Wishart distributions, (k,), in nats; `factors` are those of q."""
    d, away = q.mean.shape[1], q.mean - p.mean
    white = np.einsum("kd,kde->ke", away, factors)
    mean = p.strength / q.strength - 1 - np.log(p.strength / q.strength)
    trace = np.einsum("kde,kdf,kef->k", p.scatter, factors, factors, optimize=True)
    cross = (trace - d * q.degrees) / 2 + p.strength * (white**2).sum(axis=1) / 2
    spread = (q.degrees - p.degrees) / 2 * expected_log_det(q, factors)
    without_2_pi = log_normalizer(q) + d / 2 * np.log(q.strength)
    wishart = log_normalizer(p) + d / 2 * np.log(p.strength) - without_2_pi
    return d / 2 * mean + cross + spread + wishart
