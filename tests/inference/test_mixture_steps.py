"""Variational Bayes for mixtures: the bound by Monte Carlo, and below the exact evidence."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import betaln, gammaln, logsumexp

from companion.clustering.mixtures import share_out
from companion.inference.mixture_steps import (
    CONCENTRATIONS,
    Beliefs,
    bound,
    expected_log_weights,
    log_joint,
    mean_weights,
    sticks,
    update,
    weights_divergence,
)
from companion.inference.normal_wishart import (
    NormalWishart,
    divergence,
    log_normalizer,
    mean_precision_factors,
    posterior,
)
from tests.inference.test_normal_wishart import draws, log_density


def prior_of(d, concentration=0.6):
    some = np.array([[0.1] * d]), np.array([0.5]), np.array([d + 1.0]), 0.8 * np.eye(d)[None]
    return Beliefs(concentration, NormalWishart(*some))


def log_evidence(X, prior, k, kind):
    """log p(X) by adding up all k^n assignments, each with its exact integral."""
    (n, d), logs = X.shape, []
    for z in itertools.product(range(k), repeat=n):
        z = np.array(z)
        counts = np.bincount(z, minlength=k).astype(float)
        log_p, a = -n * d / 2 * np.log(2 * np.pi), prior.concentration
        if kind == "dirichlet_distribution":
            log_p += gammaln(k * a) - gammaln(k * a + n) + (gammaln(a + counts) - gammaln(a)).sum()
        else:
            later = counts[::-1].cumsum()[::-1] - counts
            log_p += (betaln(1 + counts, a + later) - betaln(1, a)).sum()
        for i in range(k):
            if counts[i]:
                rows = X[z == i]
                covariance = np.atleast_2d(np.cov(rows.T, bias=True))
                after = posterior(
                    prior.gaussians, counts[[i]], rows.mean(0)[None], covariance[None]
                )
                log_p += (log_normalizer(after) - log_normalizer(prior.gaussians))[0]
        logs.append(log_p)
    return logsumexp(logs)


@pytest.mark.parametrize("kind", CONCENTRATIONS)
@settings(deadline=None, max_examples=6)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 7), d=st.integers(1, 2))
def test_the_bound_rises_and_stays_below_the_exact_evidence(kind, seed, n, d):
    """`eq-variational-split`: all assignments of a few points to two components."""
    rng = np.random.default_rng(seed)
    X, prior, shares, bounds = (
        rng.normal(size=(n, d)) * 2,
        prior_of(d),
        rng.dirichlet([1, 1], n),
        [],
    )
    for _ in range(30):
        beliefs = update(X, shares, prior, kind)
        joint = log_joint(X, beliefs)
        bounds.append(bound(shares, joint, beliefs, prior))
        shares = share_out(joint)[1]
    assert np.diff(bounds).min() > -1e-9
    assert bounds[-1] < log_evidence(X, prior, 2, kind) + 1e-9


@pytest.mark.parametrize("kind", CONCENTRATIONS)
def test_one_component_has_no_gap(kind):
    """With nothing to share out, q is the posterior and the bound the evidence."""
    X, prior = np.random.default_rng(0).normal(size=(6, 2)), prior_of(2)
    ones = np.ones((6, 1))
    beliefs = update(X, ones, prior, kind)
    found = bound(ones, log_joint(X, beliefs), beliefs, prior)
    assert found == pytest.approx(log_evidence(X, prior, 1, kind), abs=1e-8)


def test_a_component_without_points_is_its_prior_and_costs_nothing():
    """Section "Components that switch themselves off"."""
    X, prior = np.random.default_rng(0).normal(size=(6, 2)), prior_of(2)
    beliefs = update(X, np.eye(2)[np.zeros(6, int)], prior, "dirichlet_distribution")
    q = NormalWishart(*(part[1:] for part in beliefs.gaussians))
    for found, due in zip(q, prior.gaussians, strict=True):
        np.testing.assert_allclose(found, due, atol=1e-12)
    kl = divergence(beliefs.gaussians, prior.gaussians, mean_precision_factors(beliefs.gaussians))
    assert kl[1] == pytest.approx(0, abs=1e-10)
    assert kl[0] > 0.1


@pytest.mark.parametrize("kind", CONCENTRATIONS)
def test_the_bound_is_the_mean_of_log_p_less_log_q(kind):
    """`eq-variational-elbo`, all latent variables drawn from q; q need not be the best."""
    rng, k, n, m = np.random.default_rng(1), 3, 5, 8000
    X, prior = rng.normal(size=(n, 2)), prior_of(2)
    beliefs = update(X, rng.dirichlet(np.ones(k), n), prior, kind)
    shares = rng.dirichlet(np.ones(k), n)
    found = bound(shares, log_joint(X, beliefs), beliefs, prior)
    z = np.array([rng.choice(k, m, p=r) for r in shares]).T  # (m, n)
    values = -np.log(shares)[np.arange(n), z].sum(axis=1)
    if kind == "dirichlet_distribution":
        q, p = stats.dirichlet(beliefs.concentration), stats.dirichlet([prior.concentration] * k)
        pi = q.rvs(m, random_state=rng)
        values += p.logpdf(pi.T) - q.logpdf(pi.T)
    else:
        a, b = beliefs.concentration
        v = rng.beta(a, b, (m, k))
        values += (stats.beta(1, prior.concentration).logpdf(v) - stats.beta(a, b).logpdf(v)).sum(1)
        pi = v * np.hstack([np.ones((m, 1)), np.cumprod(1 - v, axis=1)[:, :-1]])
    values += np.log(np.take_along_axis(pi, z, axis=1)).sum(axis=1)
    for i in range(k):
        L, mu = draws(beliefs.gaussians, i, m, seed=i)
        values += log_density(prior.gaussians, 0, L, mu) - log_density(beliefs.gaussians, i, L, mu)
        away = X[None] - mu[:, None]
        logs = np.linalg.slogdet(L)[1][:, None] - 2 * np.log(2 * np.pi)
        logs = (logs - np.einsum("mnd,mde,mne->mn", away, L, away)) / 2
        values += (logs * (z == i)).sum(axis=1)
    assert abs(values.mean() - found) < 5 * values.std() / m**0.5


@pytest.mark.parametrize("kind", CONCENTRATIONS)
def test_weights_against_scipy(kind):
    rng, counts, prior = np.random.default_rng(0), np.array([4.0, 0.5, 2.0]), 0.7
    alike = kind == "dirichlet_distribution"
    concentration = prior + counts if alike else sticks(counts, prior)
    if alike:
        pi = stats.dirichlet(concentration).rvs(40_000, random_state=rng)
        np.testing.assert_allclose(mean_weights(concentration), pi.mean(0), atol=5e-3)
    else:
        np.testing.assert_allclose(concentration, [[5, 1.5, 3], [3.2, 2.7, 0.7]])
        v = rng.beta(*concentration, (40_000, 3))
        pi = v * np.hstack([np.ones((40_000, 1)), np.cumprod(1 - v, axis=1)[:, :-1]])
        due = pi.mean(0) / pi.mean(0).sum()
        np.testing.assert_allclose(mean_weights(concentration), due, atol=5e-3)
    logs = np.log(pi)
    error = logs.std(axis=0) / 200
    assert (abs(logs.mean(axis=0) - expected_log_weights(concentration)) < 5 * error).all()
    assert weights_divergence(concentration, prior) > 0
    none = np.full(3, prior) if alike else sticks(np.zeros(3), prior)
    assert weights_divergence(none, prior) == pytest.approx(0, abs=1e-12)
