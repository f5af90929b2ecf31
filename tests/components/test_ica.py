"""FastICA against scikit-learn, planted mixtures and the theory of its fixed point."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import decomposition
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.components.ica import (
    IN_PLACE,
    FastICA,
    amari_distance,
    kurtosis,
    least_dependent_rotation,
    mutual_information,
    negentropy,
    newton_step,
    orthonormalise,
    whiten,
)


@parametrize_with_checks([FastICA(), FastICA(algorithm="deflation", fun="exp")])
def test_estimator_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # many checks pass Gaussian data
        check(estimator)


def mixture(n=3000, k=3, seed=0):
    """Sources of mixed kinds, a mixing matrix, and the mixtures."""
    rng = np.random.default_rng(seed)
    kinds = (rng.laplace, lambda size: rng.uniform(-1, 1, size), rng.exponential)
    S = np.column_stack([kinds[j % 3](size=n) for j in range(k)])
    A = rng.normal(size=(k, k)) + np.eye(k)
    return S, A, S @ A.T + rng.normal(size=k)


def up_to_sign(rows):
    """Every row with its largest entry positive."""
    largest = np.take_along_axis(rows, np.abs(rows).argmax(1)[:, None], axis=1)
    return rows * np.sign(largest)


@pytest.mark.parametrize("algorithm", ["parallel", "deflation"])
@pytest.mark.parametrize("fun", IN_PLACE)
@pytest.mark.parametrize("whiten", ["unit-variance", "arbitrary-variance"])
def test_same_start_same_matrix_as_scikit_learn(algorithm, fun, whiten):
    """Section "Against a reference"."""
    _, _, X = mixture(k=4)
    options = {"algorithm": algorithm, "fun": fun, "whiten": whiten, "tol": 1e-10, "max_iter": 500}
    options["w_init"] = np.random.default_rng(5).normal(size=(4, 4))
    ours, theirs = (kind(**options).fit(X) for kind in (FastICA, decomposition.FastICA))
    assert ours.n_iter_ == theirs.n_iter_
    for name in ("components_", "mixing_", "mean_", "whitening_"):
        size = np.abs(getattr(theirs, name)).max()
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-6 * size)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-5)
    S = ours.transform(X)
    np.testing.assert_allclose(ours.inverse_transform(S), theirs.inverse_transform(S), atol=1e-8)


def test_same_seed_same_matrix_as_scikit_learn_with_fewer_components():
    S, _, _ = mixture(n=5000)
    X = S @ np.random.default_rng(1).normal(size=(3, 6)) * 2
    for solver in ("svd", "eigh", "auto"):
        ours = FastICA(3, random_state=7, tol=1e-9, whiten_solver=solver).fit(X)
        theirs = decomposition.FastICA(3, random_state=7, tol=1e-9).fit(X)
        np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-6)
    assert FastICA(random_state=0).fit(X).components_.shape == (3, 6)  # as many as X has directions


def test_already_white_data():
    Z = whiten(mixture()[2])[0]
    options = {"whiten": False, "random_state": 0, "tol": 1e-9}
    ours, theirs = FastICA(**options).fit(Z), decomposition.FastICA(**options).fit(Z)
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-7)
    np.testing.assert_allclose(ours.transform(Z), Z @ ours.components_.T)
    assert not hasattr(ours, "whitening_")


@pytest.mark.parametrize("fun", IN_PLACE)
def test_newton_step_against_automatic_derivatives(fun):
    """`eq-ica-newton`: E[g(wz)z] is the gradient of E[G(wz)], and E[g'] its mean second one."""
    G = {
        "logcosh": lambda u: torch.log(torch.cosh(u)),
        "exp": lambda u: -torch.exp(-(u**2) / 2),
        "cube": lambda u: u**4 / 4,
    }[fun]
    rng = np.random.default_rng(0)
    Z, W = rng.normal(size=(2500, 3)), rng.normal(size=(3, 3))
    w = torch.tensor(W, requires_grad=True)
    U = torch.tensor(Z) @ w.T
    (first,) = torch.autograd.grad(G(U).sum(1).mean(), w)
    u = U.detach().requires_grad_()
    (g,) = torch.autograd.grad(G(u).sum(), u, create_graph=True)
    (slope,) = torch.autograd.grad(g.sum(), u)
    expected = first.numpy() - slope.mean(0).numpy()[:, None] * W
    for block in (64, 1000, 10_000):
        np.testing.assert_allclose(newton_step(W, Z, fun, block), expected, atol=1e-12)


@pytest.mark.parametrize("algorithm", ["parallel", "deflation"])
@pytest.mark.parametrize("fun", IN_PLACE)
def test_planted_sources_are_found(algorithm, fun):
    """Section "FastICA: a few steps of Newton": up to order, sign and scale."""
    S, A, X = mixture(n=20_000, k=5)
    model = FastICA(algorithm=algorithm, fun=fun, random_state=0).fit(X)
    assert amari_distance(model.components_, A) < 0.05
    found = model.transform(X)
    np.testing.assert_allclose(np.cov(found.T, bias=True), np.eye(5), atol=1e-9)
    assert (np.abs(np.corrcoef(found.T, S.T)[:5, 5:]).max(axis=1) > 0.98).all()
    np.testing.assert_allclose(model.inverse_transform(found), X, atol=1e-9)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_the_sources_do_not_depend_on_how_they_were_mixed(seed):
    """Section "White data: only a rotation is left": another mixture is another start."""
    S, _, X = mixture(n=4000, seed=1)
    rng = np.random.default_rng(seed)
    other = X @ (rng.normal(size=(3, 3)) + 3 * np.eye(3)).T
    models = [FastICA(random_state=0, tol=1e-9).fit(x) for x in (X, other)]
    one, two = (m.transform(x) for m, x in zip(models, (X, other), strict=True))
    match = np.abs(one.T @ two / len(S))
    np.testing.assert_allclose(match.max(axis=1), 1, atol=1e-6)
    assert sorted(match.argmax(axis=1)) == [0, 1, 2]


def late_errors(n):
    """Distances from the fixed point, step by step, once they are below 0.01."""
    Z = whiten(mixture(n=n)[2])[0]
    path = [orthonormalise(np.random.default_rng(0).normal(size=(3, 3)))]
    for _ in range(60):
        path.append(orthonormalise(newton_step(path[-1], Z)))
    end = up_to_sign(path[-1])
    errors = [np.abs(up_to_sign(W) - end).max() for W in path]
    return np.array([e for e in errors if 1e-12 < e < 0.01])


def test_a_step_leaves_little_of_the_error_and_less_with_more_samples():
    """Section "FastICA: a few steps of Newton": with n samples a share like 1 / root n."""
    few, many = late_errors(500), late_errors(50_000)
    assert (many[1:] < 0.1 * many[:-1]).all()
    assert (many[1:] / many[:-1]).mean() < 0.5 * (few[1:] / few[:-1]).mean()


def test_three_ways_to_the_same_sources():
    """Section "How independent?" of contrasts: non-Gaussian and independent are one goal."""
    _, A, X = mixture(n=5000)
    Z, K, _ = whiten(X)
    model = FastICA(random_state=0).fit(X)
    assert amari_distance(model.components_, A) < 0.05
    assert amari_distance(least_dependent_rotation(Z) @ K, A) < 0.05
    S = model.transform(X)
    assert mutual_information(S) < 0.1 < mutual_information(Z)
    assert negentropy(S).sum() > negentropy(Z).sum()
    assert np.abs(kurtosis(S)).sum() > np.abs(kurtosis(Z)).sum()


def test_two_gaussian_sources_stay_mixed():
    """Section "Break it: two Gaussian sources": every rotation of a Gaussian is as good."""
    rng = np.random.default_rng(0)
    S = np.column_stack([rng.normal(size=(20_000, 2)), rng.laplace(size=20_000)])
    distances = []
    for seed in range(6):
        A = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            P = FastICA(random_state=seed, max_iter=50).fit(S @ A.T).components_ @ A
        laplace = np.abs(P[:, 2]).argmax()
        assert np.abs(np.delete(P[:, 2], laplace)).max() < 0.05  # it is found all the same
        distances.append(amari_distance(np.delete(P, laplace, 0)[:, :2], np.eye(2)))
    assert max(distances) > 0.2


def test_same_seed_same_numbers_and_no_global_state():
    _, _, X = mixture()
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one, two = (FastICA(random_state=3).fit(X).components_ for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_without_convergence_it_warns():
    _, _, X = mixture()
    for algorithm in ("parallel", "deflation"):
        with pytest.warns(ConvergenceWarning, match="max_iter=1: raise"):
            model = FastICA(algorithm=algorithm, max_iter=1, tol=0, random_state=0).fit(X)
        assert model.n_iter_ == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fun": "tanh"}, r"fun='tanh'.*'logcosh'"),
        ({"algorithm": "symmetric"}, r"algorithm='symmetric'.*'parallel'"),
        ({"whiten": "yes"}, r"whiten='yes'.*'unit-variance'"),
        ({"whiten_solver": "lu"}, r"whiten_solver='lu'.*'eigh'"),
        ({"n_components": 4}, r"n_components=4.*X varies in 3 directions"),
        ({"n_components": 0}, r"n_components=0"),
        ({"n_components": 2, "whiten": False}, r"n_components=2 needs whitening"),
        ({"max_iter": 0}, r"max_iter=0"),
        ({"tol": -1}, r"tol=-1"),
        ({"w_init": np.eye(2)}, r"w_init has shape \(2, 2\): pass one of shape \(3, 3\)"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        FastICA(**arguments).fit(mixture()[2])
