"""Gradients against PyTorch's, and the divergence against scikit-learn's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad
from scipy.spatial.distance import pdist
from sklearn.manifold import _t_sne

from companion.embedding.affinities import conditional_probabilities, joint_probabilities
from companion.embedding.gradients import (
    Descent,
    degrees_of_freedom_slope,
    kl_divergence,
    once,
    sne_divergence,
    sne_gradient,
    tsne_gradient,
)


def problem(n=40, q=2, seed=0, perplexity=8, everybody=False):
    rng = np.random.default_rng(seed)
    n_neighbors = n - 1 if everybody else None
    conditional = conditional_probabilities(rng.normal(size=(n, 6)), perplexity, n_neighbors)
    return conditional, rng.normal(size=(n, q))


def torch_kl(P, Y, nu):
    """`eq-neighbors-joint` as it is printed, from P and Y alone."""
    P = torch.tensor(P.toarray())
    d2 = ((Y[:, None] - Y) ** 2).sum(-1)
    others = ~torch.eye(len(Y), dtype=bool)
    kernel = ((1 + d2 / nu) ** (-(nu + 1) / 2))[others]
    return (torch.special.xlogy(P, P)[others] - P[others] * torch.log(kernel / kernel.sum())).sum()


@pytest.mark.parametrize("nu", [0.5, 1.0, 2.0, 10.0])
@pytest.mark.parametrize("q", [1, 2, 3])
def test_tsne_gradient_against_autograd(nu, q):
    """`eq-neighbors-gradient`, for any degrees of freedom."""
    conditional, Y = problem(q=q)
    P, leaf = joint_probabilities(conditional), torch.tensor(Y, requires_grad=True)
    loss = torch_kl(P, leaf, nu)
    loss.backward()
    np.testing.assert_allclose(kl_divergence(P, Y, nu), loss.item(), rtol=1e-10)
    gradient, _ = tsne_gradient(once(P), Y, nu)
    np.testing.assert_allclose(gradient, leaf.grad.numpy(), atol=1e-10)


@pytest.mark.parametrize("nu", [0.4, 1.0, 5.0])
def test_slope_of_the_degrees_of_freedom_against_autograd(nu):
    conditional, Y = problem()
    P, leaf = joint_probabilities(conditional), torch.tensor(nu, dtype=float, requires_grad=True)
    torch_kl(P, torch.tensor(Y), leaf).backward()
    np.testing.assert_allclose(degrees_of_freedom_slope(P, Y, nu), leaf.grad.item(), rtol=1e-3)


@pytest.mark.parametrize("spread", [0.1, 1.0, 6.0])
def test_sne_gradient_against_autograd(spread):
    """`eq-neighbors-sne`: a divergence for each point, not symmetric."""
    P, Y = problem()
    leaf = torch.tensor(spread * Y, requires_grad=True)
    d2 = ((leaf[:, None] - leaf) ** 2).sum(-1) + torch.diag(torch.full((len(Y),), torch.inf))
    log_q = torch.log_softmax(-d2, dim=1).masked_fill(torch.eye(len(Y), dtype=bool), 0.0)
    p = torch.tensor(P.toarray())
    loss = (torch.special.xlogy(p, p) - p * log_q).sum()
    loss.backward()
    np.testing.assert_allclose(sne_divergence(P, spread * Y), loss.item(), rtol=1e-9)
    np.testing.assert_allclose(sne_gradient(P, spread * Y), leaf.grad.numpy(), atol=1e-9)


def test_divergence_and_gradient_are_scikit_learns():
    conditional, Y = problem(everybody=True)
    P = joint_probabilities(conditional)
    condensed = P.toarray()[np.triu_indices(len(Y), 1)]
    theirs, gradient = _t_sne._kl_divergence(Y.ravel(), condensed, 1, len(Y), 2)
    np.testing.assert_allclose(kl_divergence(P, Y), theirs, rtol=1e-6)
    np.testing.assert_allclose(tsne_gradient(once(P), Y)[0].ravel(), gradient, atol=1e-8)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_divergence_is_not_negative_and_sees_only_distances(seed):
    """Section "The distance between two sets of probabilities"."""
    conditional, Y = problem(25, seed=seed, perplexity=5)
    P = joint_probabilities(conditional)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(2, 2)))[0]
    assert kl_divergence(P, Y) >= 0
    np.testing.assert_allclose(kl_divergence(P, Y @ turn + 3), kl_divergence(P, Y), rtol=1e-9)


def test_exaggeration_multiplies_the_attraction_alone():
    conditional, Y = problem()
    pairs = once(joint_probabilities(conditional))
    one, two, three = (tsne_gradient(pairs, Y, exaggeration=e)[0] for e in (1, 2, 3))
    np.testing.assert_allclose(three - two, two - one, atol=1e-12)
    scaled = tsne_gradient(pairs * 2, Y)[0]
    np.testing.assert_allclose(scaled, two, atol=1e-12)


def test_once_takes_each_pair_once():
    P = joint_probabilities(problem()[0])
    pairs = once(P)
    assert abs(pairs + pairs.T - P).max() < 1e-15
    assert pairs.nnz == P.nnz / 2


def test_descent_finds_the_bottom_of_a_valley():
    """Jacobs' gains make up for scales that differ a hundredfold."""
    curvature = np.array([[1.0, 100.0]])
    descent = Descent(np.array([[5.0, 5.0], [-5.0, -5.0]]))
    for _ in range(400):
        descent.move(curvature * descent.Y, 0.5, 0.005)
    assert np.abs(descent.Y).max() < 1e-6
    assert descent.gains[0, 0] > descent.gains[0, 1]


def test_gradient_by_differences():
    conditional, Y = problem(15, perplexity=4)
    P = joint_probabilities(conditional)
    assert pdist(Y).min() > 0
    error = check_grad(
        lambda y: kl_divergence(P, y.reshape(-1, 2)),
        lambda y: tsne_gradient(once(P), y.reshape(-1, 2))[0].ravel(),
        Y.ravel(),
    )
    assert error < 1e-6
