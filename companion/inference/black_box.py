"""Variational inference by gradients: a product of Gaussians for any log density.

Chapter: `variational`.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.utils import check_random_state

from companion.validation import check_integer, check_real


def log_likelihood(w, X, y):
    """Log p(y_n | x_n, w) of a logistic regression, y in {0, 1}: (s, n) for weights w (s, d)."""
    return -np.logaddexp(0, (1 - 2 * y) * (w @ X.T))


def log_joint(w, X, y, prior_std=1.0, scale=1.0):
    """log p(w) + scale * log p(y | X, w), (s,), in nats, for the prior N(0, prior_std^2 I).

    Of `n` points of `N` in a minibatch, scale is N / n: the prior is counted once.
    """
    prior = -0.5 * (w / prior_std) ** 2 - np.log(prior_std) - 0.5 * np.log(2 * np.pi)
    return prior.sum(axis=1) + scale * log_likelihood(w, X, y).sum(axis=1)


def log_joint_gradient(w, X, y, prior_std=1.0, scale=1.0):
    """Gradient of `log_joint` with respect to w, (s, d)."""
    return scale * (y - expit(w @ X.T)) @ X - w / prior_std**2


def entropy(log_std):
    """Entropy of a product of Gaussians, in nats: over the last axis."""
    return (log_std + 0.5 * np.log(2 * np.pi * np.e)).sum(axis=-1)


def reparameterized_gradients(gradient, mean, log_std, noise):
    """Gradients of the bound by mean and log_std, (s, 2 d), from `noise` (s, d).

    w = mean + std * noise: the gradient goes through w. The entropy's is exact.
    """
    away = np.exp(log_std) * noise
    slope = gradient(mean + away)
    return np.hstack([slope, slope * away + 1])


def score_gradients(log_p, mean, log_std, noise, baseline=0.0):
    """The same gradient from values alone: (log p - log q - baseline) d log q.

    d log q has mean 0, so any baseline that does not know the noise is allowed.
    """
    w = mean + np.exp(log_std) * noise
    log_q = -(log_std + 0.5 * noise**2 + 0.5 * np.log(2 * np.pi)).sum(axis=1)
    score = np.hstack([noise / np.exp(log_std), noise**2 - 1])
    return (log_p(w) - log_q - baseline)[:, None] * score


def logistic_bound(mean, log_std, X, y, prior_std=1.0, n_nodes=40):
    """The bound for a logistic regression, exactly: x . w is a Gaussian number. In nats."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n_nodes)
    middle, width = X @ mean, np.sqrt(X**2 @ np.exp(2 * log_std))
    u = (1 - 2 * y) * (middle + width * nodes[:, None])  # (nodes, n)
    points = -(weights @ np.logaddexp(0, u)).sum() / np.sqrt(2 * np.pi)
    squares = ((mean**2 + np.exp(2 * log_std)) / prior_std**2).sum()
    constant = len(mean) * (np.log(prior_std) + 0.5 * np.log(2 * np.pi))
    return float(points - squares / 2 - constant + entropy(log_std))


class GaussianFit(NamedTuple):
    """A product of Gaussians, and the way to it.

    Attributes
    ----------
    mean, log_std : array (d,)
    path : array (n_steps, 2 d)
        Mean and log_std after each step.
    """

    mean: np.ndarray
    log_std: np.ndarray
    path: np.ndarray


def fit_gaussian(
    gradients, n_dims, *, n_steps=2000, n_samples=4, step_size=0.05, random_state=None
):
    """Climb the bound with noisy gradients: Adam with steps that shrink to zero.

    What is returned is the mean of the second half of the way.

    Parameters
    ----------
    gradients : callable
        ``gradients(mean, log_std, noise, rng)`` returns (s, 2 d), as `reparameterized_gradients`
        does; draws, of a minibatch say, come from ``rng``.
    n_dims : int
    n_steps, n_samples : int
        Steps, and draws of w in each.
    step_size : float
        Of the first step; the last one is zero.
    random_state : int, RandomState or None

    Returns
    -------
    GaussianFit
    """
    for name, value in (("n_dims", n_dims), ("n_steps", n_steps), ("n_samples", n_samples)):
        check_integer(name, value)
    check_real("step_size", step_size, 0, inclusive=False)
    rng, at = check_random_state(random_state), np.zeros(2 * n_dims)
    first, second, path = np.zeros_like(at), np.zeros_like(at), np.empty((n_steps, len(at)))
    for t in range(1, n_steps + 1):
        noise = rng.standard_normal((n_samples, n_dims))
        g = gradients(at[:n_dims], at[n_dims:], noise, rng).mean(axis=0)
        if not np.isfinite(g).all():
            raise ValueError(
                f"gradients are not finite at step {t}: lower step_size={step_size}, or scale the "
                "data."
            )
        first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g**2
        move = (first / (1 - 0.9**t)) / (np.sqrt(second / (1 - 0.999**t)) + 1e-12)
        at = at + step_size * (1 - t / n_steps) * move
        path[t - 1] = at
    end = path[n_steps // 2 :].mean(axis=0)
    return GaussianFit(end[:n_dims], end[n_dims:], path)
