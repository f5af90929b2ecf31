"""One step of variational Bayes for a mixture of Gaussians, and the bound. Chapter: `variational`.

Weights have a Dirichlet prior, or are broken off a stick one after the other; means and precisions
have a normal-Wishart prior.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import betaln, digamma, xlogy

from companion.clustering.mixtures import m_step
from companion.components.topic_steps import dirichlet_terms, expected_log
from companion.inference.normal_wishart import (
    NormalWishart,
    divergence,
    expected_log_gaussians,
    mean_precision_factors,
    posterior,
)

CONCENTRATIONS = ("dirichlet_process", "dirichlet_distribution")


class Beliefs(NamedTuple):
    """What is believed of the weights, and of the Gaussians.

    Attributes
    ----------
    concentration : array (k,), or a pair of them for sticks; a float in a prior
    gaussians : NormalWishart
    """

    concentration: object
    gaussians: NormalWishart


def sticks(counts, prior):
    """Beta(a, b) of the shares that are broken off one after the other: arrays (k,), (k,)."""
    return 1 + counts, prior + counts[::-1].cumsum()[::-1] - counts


def expected_log_weights(concentration):
    """E log of every weight, (k,): of a Dirichlet's (k,), or of sticks, a pair of them."""
    if not isinstance(concentration, tuple):
        return expected_log(concentration[None])[0]
    a, b = concentration
    left = digamma(b) - digamma(a + b)
    return digamma(a) - digamma(a + b) + left.cumsum() - left


def weights_divergence(concentration, prior):
    """KL of the beliefs about the weights from the prior, in nats."""
    if not isinstance(concentration, tuple):
        return -dirichlet_terms(prior, concentration[None])[0]
    a, b = concentration
    terms = (a - 1) * (digamma(a) - digamma(a + b)) + (b - prior) * (digamma(b) - digamma(a + b))
    return (terms - betaln(a, b) + betaln(1, prior)).sum()


def mean_weights(concentration):
    """Mean of every weight, (k,); sticks are scaled to sum 1."""
    if not isinstance(concentration, tuple):
        return concentration / concentration.sum()
    a, b = concentration
    left = np.concatenate([[1], (b / (a + b)).cumprod()[:-1]])
    return a / (a + b) * left / (a / (a + b) * left).sum()


def update(X, shares, prior, kind, reg_covar=0.0):
    """The best beliefs for these shares (n, k) of the points X (n, d)."""
    counts = shares.sum(axis=0) + 10 * np.finfo(float).eps  # as in m_step
    _, means, covariances = m_step(X, shares, "full", reg_covar)
    alike = kind == "dirichlet_distribution"
    added = prior.concentration + counts
    concentration = added if alike else sticks(counts, prior.concentration)
    gaussians = posterior(prior.gaussians, counts, means, covariances)
    return Beliefs(concentration, gaussians)


def log_joint(X, beliefs):
    """E log(weight_k N(x_n; mu_k, Lambda_k^-1)), (n, k): what the shares are made of."""
    factors = mean_precision_factors(beliefs.gaussians)
    gaussians = expected_log_gaussians(X, beliefs.gaussians, factors)
    return gaussians + expected_log_weights(beliefs.concentration)


def bound(shares, joint, beliefs, prior):
    """The evidence lower bound on log p(X), in nats: each KL is counted once."""
    points = (shares * joint).sum() - xlogy(shares, shares).sum()
    factors = mean_precision_factors(beliefs.gaussians)
    gaussians = divergence(beliefs.gaussians, prior.gaussians, factors).sum()
    weights = weights_divergence(beliefs.concentration, prior.concentration)
    return float(points - gaussians - weights)
