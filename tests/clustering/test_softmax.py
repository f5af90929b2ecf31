"""The inner solver of the mixtures of experts against autograd and scikit-learn."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax as scipy_log_softmax
from sklearn.linear_model import LogisticRegression

from companion.clustering.softmax import fit_softmax, log_softmax, newton_step, softmax_objective


def problem(seed, n=30, p=3, k=3):
    rng = np.random.default_rng(seed)
    A = np.column_stack([rng.normal(size=(n, p - 1)), np.ones(n)])
    return A, rng.dirichlet(np.ones(k), size=n) * rng.uniform(0, 2, (n, 1)), rng


def torch_objective(W, A, shares, penalty):
    scores = torch.cat([torch.zeros(len(A), 1), A @ W.T], dim=1)
    log_likelihood = (shares * torch.log_softmax(scores, dim=1)).sum()
    return log_likelihood - 0.5 * penalty * (W[:, :-1] ** 2).sum()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), penalty=st.sampled_from([0.0, 0.7]), k=st.integers(2, 4))
def test_value_and_gradient_are_autograds(seed, penalty, k):
    """The gradient of section "The gate"."""
    A, shares, rng = problem(seed, k=k)
    W = rng.normal(size=(k - 1, 3))
    value, gradient = softmax_objective(W, A, shares, penalty)
    weights = torch.tensor(W, requires_grad=True)
    theirs = torch_objective(weights, torch.tensor(A), torch.tensor(shares), penalty)
    theirs.backward()
    np.testing.assert_allclose(value, theirs.item(), rtol=1e-10)
    np.testing.assert_allclose(gradient, weights.grad.numpy(), atol=1e-10)


@pytest.mark.parametrize("penalty", [0.0, 0.7])
def test_newton_step_uses_autograds_hessian(penalty):
    A, shares, rng = problem(0)
    W = rng.normal(size=(2, 3))
    tensors = torch.tensor(A), torch.tensor(shares)
    hessian = torch.autograd.functional.hessian(
        lambda w: torch_objective(w, *tensors, penalty), torch.tensor(W)
    )
    gradient = softmax_objective(W, A, shares, penalty)[1]
    theirs = np.linalg.solve(-hessian.numpy().reshape(6, 6), gradient.ravel())
    ours = newton_step(W, gradient, A, shares, penalty)
    np.testing.assert_allclose(ours.ravel(), theirs, rtol=1e-8)


def test_log_softmax_is_scipys_and_does_not_overflow():
    A, W = np.array([[1.0, 1.0], [1e4, 1.0]]), np.array([[1.0, 0.0], [-3.0, 2.0]])
    scores = np.column_stack([np.zeros(2), A @ W.T])
    np.testing.assert_allclose(log_softmax(A, W), scipy_log_softmax(scores, axis=1))


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 4))
def test_newton_never_goes_down(seed, steps):
    """Also from a bad start, and where the rows are separable."""
    A, shares, rng = problem(seed, n=12)
    shares = (shares == shares.max(axis=1, keepdims=True)).astype(float)
    W = rng.normal(size=(2, 3)) * 5
    before = softmax_objective(W, A, shares, 0.0)[0]
    after = softmax_objective(fit_softmax(A, shares, W, 0.0, steps), A, shares, 0.0)[0]
    assert after >= before


def test_fit_is_scikit_learns():
    """Hard labels, row weights and three classes: multinomial logistic regression."""
    A, _, rng = problem(1, n=200)
    labels, weights = rng.integers(3, size=200), rng.uniform(0.2, 2, 200)
    ours = fit_softmax(A, np.eye(3)[labels] * weights[:, None], np.zeros((2, 3)))
    theirs = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000, solver="newton-cg")
    theirs.fit(A[:, :-1], labels, sample_weight=weights)
    np.testing.assert_allclose(ours[:, :-1], theirs.coef_[1:] - theirs.coef_[0], atol=1e-6)
    np.testing.assert_allclose(ours[:, -1], theirs.intercept_[1:] - theirs.intercept_[0], atol=1e-6)
