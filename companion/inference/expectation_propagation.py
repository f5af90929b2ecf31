"""A Gaussian in the place of a product: each factor is replaced in the company of the others.

Chapter: `variational`.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr

from companion.validation import check_integer, check_real


class Posterior(NamedTuple):
    """A Gaussian that stands for a posterior.

    Attributes
    ----------
    mean : array (d,)
    covariance : array (d, d)
    log_evidence : float
        Approximate log probability of the data, in nats.
    n_sweeps : int
    change : float
        Largest change of a site in the last sweep, in units of the precision it meets.
    n_skipped : int
        Updates left out because the cavity's variance was not positive, in the last sweep.
    """

    mean: np.ndarray
    covariance: np.ndarray
    log_evidence: float
    n_sweeps: int
    change: float
    n_skipped: int


def log_normalizer(mean, covariance):
    """``log integral exp(m' S^-1 w - w' S^-1 w / 2) dw`` of a Gaussian, in nats."""
    mean, covariance = np.atleast_1d(mean), np.atleast_2d(covariance)
    log_det = np.linalg.slogdet(2 * np.pi * covariance)[1]
    return (mean @ np.linalg.solve(covariance, mean) + log_det) / 2


def probit_moments(mean, variance):
    """Moments of ``Phi(u) N(u; mean, variance)``: log of its integral, its mean, its variance."""
    scale = np.sqrt(1 + variance)
    z = mean / scale
    log_z = log_ndtr(z)
    ratio = np.exp(-(z**2) / 2 - np.log(2 * np.pi) / 2 - log_z)
    new = mean + variance * ratio / scale
    return log_z, new, variance - variance**2 * ratio * (z + ratio) / scale**2


def clutter_moments(x, share, clutter_variance):
    """Return the moments of ``(1 - share) N(x; u, 1) + share N(x; 0, clutter_variance)``.

    A measurement of u, or clutter (Minka, 2001): a function of the cavity's mean and variance.
    """

    def moments(mean, variance):
        def log_gauss(away, v):
            return -(away**2 / v + np.log(2 * np.pi * v)) / 2

        signal = np.log1p(-share) + log_gauss(x - mean, variance + 1)
        noise = np.log(share) + log_gauss(x, clutter_variance)
        log_z = np.logaddexp(signal, noise)
        r = np.exp(signal - log_z)  # that it is no clutter
        gain = variance / (variance + 1)
        away = gain * (x - mean)
        new_variance = variance - r * variance * gain + r * (1 - r) * away**2
        return log_z, mean + r * away, new_variance

    return moments


def expectation_propagation(
    directions,
    sites,
    *,
    prior_mean=None,
    prior_covariance=None,
    damping=1.0,
    n_sweeps=100,
    tol=1e-8,
):
    """Approximate ``N(w; prior) prod_i t_i(a_i . w)`` by a Gaussian (Minka, 2001).

    One factor after the other: take its site out of the posterior (what is left is the cavity),
    put the true factor in, and choose the site so that mean and variance of ``a_i . w`` are right.

    Parameters
    ----------
    directions : array (n, d)
        Row i is a_i.
    sites : sequence of callable
        ``sites[i](mean, variance)`` returns log integral, mean and variance of the factor times a
        Gaussian of that mean and variance.
    prior_mean, prior_covariance : arrays (d,), (d, d), optional
        By default 0 and the identity.
    damping : float in (0, 1]
        Share of the way that a site goes to its new value; 1 goes all of it.
    n_sweeps : int
    tol : float

    Returns
    -------
    Posterior
    """
    a = np.asarray(directions, dtype=float)
    if a.ndim != 2 or len(a) != len(sites):
        raise ValueError(
            f"directions has shape {a.shape} but there are {len(sites)} sites: give one row each."
        )
    n, d = a.shape
    damping = check_real("damping", damping, 0, 1)
    if damping == 0:
        raise ValueError("damping=0 never moves a site: give a number above 0, and at most 1.")
    check_integer("n_sweeps", n_sweeps)
    mean0 = np.zeros(d) if prior_mean is None else np.asarray(prior_mean, dtype=float)
    covariance0 = np.eye(d) if prior_covariance is None else np.asarray(prior_covariance, float)
    precision0 = np.linalg.inv(covariance0)
    tau, nu = np.zeros(n), np.zeros(n)  # of each site: precision, and precision times mean
    mean, covariance = mean0.copy(), covariance0.copy()
    n_done, change, skipped = 0, np.inf, 0
    while n_done < n_sweeps and change >= tol:
        n_done, change, skipped = n_done + 1, 0.0, 0
        for i in range(n):
            spread = covariance @ a[i]
            m, v = a[i] @ mean, a[i] @ spread
            left = 1 / v - tau[i]
            if left <= 0:
                skipped += 1
                continue
            cavity = 1 / left
            _, new_mean, new_variance = sites[i](cavity * (m / v - nu[i]), cavity)
            step_tau = damping * (1 / new_variance - 1 / v)
            step_nu = damping * (new_mean / new_variance - m / v)
            if 1 + step_tau * v <= 0:
                skipped += 1
                continue
            tau[i], nu[i] = tau[i] + step_tau, nu[i] + step_nu
            change = max(change, abs(step_tau) * v, abs(step_nu) * np.sqrt(v))
            gain = spread / (1 + step_tau * v)
            covariance = covariance - step_tau * np.outer(spread, gain)
            mean = mean + gain * (step_nu - step_tau * m)
        # Anew from the sites, so that rounding does not add up.
        covariance = np.linalg.inv(precision0 + (a.T * tau) @ a)
        covariance = (covariance + covariance.T) / 2
        mean = covariance @ (precision0 @ mean0 + nu @ a)
    log_evidence = log_normalizer(mean, covariance) - log_normalizer(mean0, covariance0)
    for i in range(n):
        m, v = a[i] @ mean, a[i] @ covariance @ a[i]
        cavity = 1 / (1 / v - tau[i])
        at = cavity * (m / v - nu[i])
        log_z = sites[i](at, cavity)[0]
        log_evidence += log_z + log_normalizer(at, cavity) - log_normalizer(m, v)
    return Posterior(mean, covariance, float(log_evidence), n_done, float(change), skipped)
