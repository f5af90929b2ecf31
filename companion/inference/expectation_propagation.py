"""A Gaussian in the place of a product: each factor is replaced in the company of the others.

A site, which stands for a factor, is written by two numbers: its precision, and its shift, which
is precision times mean. Products of Gaussians add both, and a division takes both away.

Chapter: `expectation_propagation`.
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
        Approximate log probability of the data, in nats; nan where a site has no cavity.
    precisions, shifts : arrays (n,)
        Of the sites. A negative precision is legal: that factor makes the posterior wider.
    changes : array (n_sweeps,)
        Largest change of a site in each sweep, in units of what it meets.
    n_skipped : int
        Updates left out in the last sweep, because a variance would not have been positive.
    """

    mean: np.ndarray
    covariance: np.ndarray
    log_evidence: float
    precisions: np.ndarray
    shifts: np.ndarray
    changes: np.ndarray
    n_skipped: int


def log_normalizer(mean, covariance):
    """``log integral exp(m' S^-1 w - w' S^-1 w / 2) dw`` of a Gaussian, in nats."""
    if np.ndim(covariance) == 0:
        return (mean**2 / covariance + np.log(2 * np.pi * covariance)) / 2
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


def predict_probit(c, mean, covariance):
    """Score s of examples c (n, d): ``Phi(s)`` is ``Phi(c . w)`` averaged over all weights w."""
    c = np.asarray(c, dtype=float)
    return c @ mean / np.sqrt(1 + np.einsum("ij,jk,ik->i", c, covariance, c))


def laplace_probit(c, variance, *, n_steps=100, tol=1e-9):
    """Highest point of ``N(w; 0, variance) prod_i Phi(c_i . w)`` by Newton, and the curvature.

    Returns
    -------
    mean (d,), covariance (d, d) and log evidence of the Laplace approximation.
    """
    c, w = np.asarray(c, dtype=float), np.zeros(np.shape(c)[1])
    check_integer("n_steps", n_steps), check_real("variance", variance, 0, inclusive=False)
    for _ in range(n_steps):
        score = c @ w
        ratio = np.exp(-(score**2) / 2 - np.log(2 * np.pi) / 2 - log_ndtr(score))
        precision = (c.T * (ratio * (score + ratio))) @ c + np.eye(len(w)) / variance
        step = np.linalg.solve(precision, c.T @ ratio - w / variance)
        w = w + step
        if abs(step).max() < tol:
            break
    log_joint = log_ndtr(c @ w).sum() - w @ w / (2 * variance) - len(w) * np.log(variance) / 2
    return w, np.linalg.inv(precision), log_joint - np.linalg.slogdet(precision)[1] / 2


def clutter_moments(x, share, clutter_variance):
    """Return the moments of ``(1 - share) N(x; u, 1) + share N(x; 0, clutter_variance)``.

    A measurement of u, or clutter (Minka, 2001): a function of the cavity's mean and variance.
    """

    def log_gauss(away, v):
        return -(away**2 / v + np.log(2 * np.pi * v)) / 2

    prior = np.log1p(-share)
    noise = np.log(share) + log_gauss(x, clutter_variance)

    def moments(mean, variance):
        signal = prior + log_gauss(x - mean, variance + 1)
        log_z = np.logaddexp(signal, noise)
        r = np.exp(signal - log_z)  # that it is no clutter
        gain = variance / (variance + 1)
        away = gain * (x - mean)
        new_variance = variance - r * variance * gain + r * (1 - r) * away**2
        return log_z, mean + r * away, new_variance

    return moments


def cavity(mean, variance, precision, shift):
    """Mean and variance of a Gaussian without a site; None if none is left."""
    left = 1 / variance - precision
    if left <= 0:
        return None
    return (mean / variance - shift) / left, 1 / left


def update_site(moments, mean, variance, precision, shift, damping=1.0):
    """How far a site moves: the posterior gets the moments of cavity times factor.

    Parameters
    ----------
    moments : callable
        ``moments(mean, variance)`` returns log integral, mean and variance of the
        factor times a Gaussian of that mean and variance.
    mean, variance : float
        Of the posterior, in the factor's direction.
    precision, shift : float
        The site as it is.
    damping : float

    Returns
    -------
    Steps of precision and shift, or None where the update must be skipped.
    """
    rest = cavity(mean, variance, precision, shift)
    if rest is None:
        return None
    _, new_mean, new_variance = moments(*rest)
    to_precision = damping * (1 / new_variance - 1 / variance)
    to_shift = damping * (new_mean / new_variance - mean / variance)
    if 1 + to_precision * variance <= 0:
        return None
    return to_precision, to_shift


def from_sites(directions, precisions, shifts, mean0, precision0):
    """Mean and covariance of prior times sites: precisions add up, and so do the shifts."""
    covariance = np.linalg.inv(precision0 + (directions.T * precisions) @ directions)
    covariance = (covariance + covariance.T) / 2
    return covariance @ (precision0 @ mean0 + shifts @ directions), covariance


def sweep(directions, sites, state, damping=1.0):
    """Update every site once, one after the other.

    Parameters
    ----------
    directions : array (n, d)
    sites : sequence of callable
    state : tuple
        Precisions (n,), shifts (n,) of the sites, mean (d,), covariance (d, d).
    damping : float

    Returns
    -------
    state : tuple
        A new one; what was given is left as it is.
    change : float
    n_skipped : int
    """
    precisions, shifts, mean, covariance = state
    precisions, shifts, change, n_skipped = precisions.copy(), shifts.copy(), 0.0, 0
    for i, a in enumerate(directions):
        spread = covariance @ a
        m, v = a @ mean, a @ spread
        step = update_site(sites[i], m, v, precisions[i], shifts[i], damping)
        if step is None:
            n_skipped += 1
            continue
        precisions[i], shifts[i] = precisions[i] + step[0], shifts[i] + step[1]
        gain = spread / (1 + step[0] * v)
        mean = mean + gain * (step[1] - step[0] * m)
        covariance = covariance - step[0] * np.outer(spread, gain)
        change = max(change, abs(step[0]) * v, abs(step[1]) * np.sqrt(v))
    return (precisions, shifts, mean, covariance), change, n_skipped


def log_evidence(directions, sites, state, mean0, covariance0):
    """Log of the integral of prior times scaled sites, in nats (Minka, 2001).

    Each site is scaled so that, in its cavity, it has the integral of its factor.
    """
    precisions, shifts, mean, covariance = state
    total = log_normalizer(mean, covariance) - log_normalizer(mean0, covariance0)
    for i, a in enumerate(directions):
        m, v = a @ mean, a @ covariance @ a
        rest = cavity(m, v, precisions[i], shifts[i])
        if rest is None:
            return np.nan
        total += sites[i](*rest)[0] + log_normalizer(*rest) - log_normalizer(m, v)
    return float(total)


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
        At most; 1 is assumed density filtering.
    tol : float
        Stop after a sweep that changes no site by more.

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
    n_sweeps, tol = check_integer("n_sweeps", n_sweeps), check_real("tol", tol, 0)
    mean0 = np.zeros(d) if prior_mean is None else np.asarray(prior_mean, dtype=float)
    covariance0 = np.eye(d) if prior_covariance is None else np.asarray(prior_covariance, float)
    check_prior(mean0, covariance0, d)
    precision0 = np.linalg.inv(covariance0)
    state, changes, n_skipped = (np.zeros(n), np.zeros(n), mean0, covariance0), [], 0
    while len(changes) < n_sweeps and (not changes or changes[-1] >= tol):
        state, change, n_skipped = sweep(a, sites, state, damping)
        changes.append(change)
        # Anew from the sites, so that rounding does not add up.
        state = *state[:2], *from_sites(a, *state[:2], mean0, precision0)
    told = log_evidence(a, sites, state, mean0, covariance0)
    return Posterior(state[2], state[3], told, *state[:2], np.array(changes), n_skipped)


def check_prior(mean, covariance, d):
    """Raise a `ValueError` unless the prior is a Gaussian in d dimensions."""
    if mean.shape != (d,):
        raise ValueError(f"prior_mean has shape {mean.shape} but must be ({d},): one a column.")
    if covariance.shape != (d, d):
        raise ValueError(
            f"prior_covariance has shape {covariance.shape} but must be ({d}, {d}): variance times "
            "np.eye, say."
        )
    if not (np.allclose(covariance, covariance.T) and np.linalg.eigvalsh(covariance)[0] > 0):
        raise ValueError(
            "prior_covariance must be symmetric and positive definite: give each direction a "
            "variance above 0."
        )
