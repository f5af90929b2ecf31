"""Sparse codes against scikit-learn, linear programming, brute force and optimality conditions."""

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from companion.components.sparse_coding import (
    basis_pursuit,
    duality_gap,
    fista,
    ista,
    kkt_violation,
    lasso_objective,
    mutual_coherence,
    proximal_step,
    soft_threshold,
    threshold_code,
    welch_bound,
)

seeds = st.integers(0, 2**32 - 1)


def problem(seed, n_features=8, n_atoms=14, n_signals=None):
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(n_features, n_atoms))
    y = rng.normal(size=n_features if n_signals is None else (n_features, n_signals))
    return D / np.linalg.norm(D, axis=0), y


# Coherence


@given(seed=seeds, n_atoms=st.integers(2, 20))
def test_mutual_coherence_is_its_definition(seed, n_atoms):
    """Equation eq-sparse_coding-coherence, pair by pair; atoms of any norm."""
    D = np.random.default_rng(seed).normal(size=(5, n_atoms))
    pairs = itertools.combinations(D.T, 2)
    worst = max(abs(a @ b) / math.sqrt((a @ a) * (b @ b)) for a, b in pairs)
    assert np.isclose(mutual_coherence(D), worst)
    assert mutual_coherence(D) >= welch_bound(5, n_atoms) - 1e-12


def test_the_welch_bound_is_reached():
    """By three directions at 120 degrees, and by the simplex in any dimension."""
    for n in (2, 3, 7):
        simplex = np.eye(n + 1) - 1 / (n + 1)  # n + 1 points that lie in n dimensions
        assert np.isclose(mutual_coherence(simplex), welch_bound(n, n + 1))
    assert welch_bound(5, 5) == 0 == mutual_coherence(np.eye(5))


# Thresholding


@settings(deadline=None, max_examples=30)
@given(seed=seeds, k=st.integers(1, 6))
def test_thresholding_is_exact_for_an_orthonormal_dictionary(seed, k):
    """The best code of k atoms, by least squares on every support."""
    D = np.linalg.qr(np.random.default_rng(seed).normal(size=(6, 6)))[0]
    y = np.random.default_rng(seed + 1).normal(size=6)
    best = min(
        np.square(y - D[:, s] @ np.linalg.lstsq(D[:, s], y, rcond=None)[0]).sum()
        for s in map(list, itertools.combinations(range(6), k))
    )
    code = threshold_code(D, y, k)
    assert np.count_nonzero(code) == k
    assert np.isclose(np.square(y - D @ code).sum(), best, atol=1e-12)


def test_thresholding_keeps_the_best_matches_of_each_signal():
    D, Y = problem(0, n_signals=5)
    codes = threshold_code(D, Y, 3)
    for y, code in zip(Y.T, codes.T, strict=True):
        matches = D.T @ y
        kept = np.argsort(-abs(matches))[:3]
        assert set(np.flatnonzero(code)) == set(kept)
        np.testing.assert_allclose(code[kept], matches[kept])
        np.testing.assert_allclose(threshold_code(D, y, 3), code)


@given(v=st.floats(-5, 5), amount=st.floats(0, 3))
def test_soft_threshold_is_the_proximal_map(v, amount):
    """Equation eq-lasso-prox: no point of a fine grid is better."""
    x = soft_threshold(np.array(v), amount)
    grid = np.linspace(-6, 6, 2001)
    assert (
        0.5 * (x - v) ** 2 + amount * abs(x)
        <= (0.5 * (grid - v) ** 2 + amount * abs(grid)).min() + 1e-12
    )


# Basis pursuit


def least_sum_by_brute_force(D, y):
    """A linear program has its optimum in a corner: at most n_features atoms. Try all of them."""
    n, m = D.shape
    best = np.inf
    for support in map(list, itertools.combinations(range(m), n)):
        if abs(np.linalg.det(D[:, support])) > 1e-10:
            best = min(best, abs(np.linalg.solve(D[:, support], y)).sum())
    return best


@settings(deadline=None, max_examples=25)
@given(seed=seeds)
def test_basis_pursuit_is_the_best_corner_and_has_a_certificate(seed):
    """Equations eq-sparse_coding-bp and eq-sparse_coding-dual."""
    D, y = problem(seed, 4, 9)
    code, dual = basis_pursuit(D, y, return_dual=True)
    np.testing.assert_allclose(D @ code, y, atol=1e-8)
    assert np.isclose(abs(code).sum(), least_sum_by_brute_force(D, y), atol=1e-7)
    assert abs(D.T @ dual).max() <= 1 + 1e-8
    assert np.isclose(y @ dual, abs(code).sum(), atol=1e-7)
    used = abs(code) > 1e-7
    np.testing.assert_allclose((D.T @ dual)[used], np.sign(code[used]), atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(seed=seeds)
def test_basis_pursuit_finds_the_sparsest_code_below_the_bound(seed):
    """The theorem of section "When is it guaranteed?", k = 2 < (1 + 1/mu) / 2 = 2.5."""
    rng = np.random.default_rng(seed)
    grid = np.arange(16)
    odd = np.array([[bin(i & j).count("1") % 2 for j in grid] for i in grid])
    D = np.hstack([np.eye(16), (1 - 2 * odd) / 4])
    truth = np.zeros(32)
    truth[rng.choice(32, 2, replace=False)] = rng.choice([-1, 1], 2) * rng.uniform(0.1, 2, 2)
    np.testing.assert_allclose(basis_pursuit(D, D @ truth), truth, atol=1e-7)


def test_basis_pursuit_of_several_signals():
    D, Y = problem(3, n_signals=3)
    codes, duals = basis_pursuit(D, Y, return_dual=True)
    assert codes.shape == (14, 3)
    assert duals.shape == Y.shape
    np.testing.assert_allclose(codes[:, 1], basis_pursuit(D, Y[:, 1]))


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1, 1e6])
def test_basis_pursuit_of_any_size(scale):
    """Twice the signal, twice the code; and a small signal is not a zero one."""
    D, y = problem(4)
    np.testing.assert_allclose(basis_pursuit(D, scale * y) / scale, basis_pursuit(D, y), atol=1e-9)
    assert not basis_pursuit(D, 0 * y).any()
    with pytest.raises(ValueError, match="no combination of the atoms"):
        basis_pursuit(D[:, :3], 1e-8 * scale * y)


# The penalised form


@settings(deadline=None, max_examples=30)
@given(seed=seeds, share=st.floats(0.05, 0.9))
def test_ista_and_fista_reach_the_minimum(seed, share):
    """Conditions eq-lasso-kkt; and scikit-learn's coordinate descent is no better."""
    D, y = problem(seed)
    alpha = share * abs(D.T @ y).max()
    theirs = Lasso(alpha=alpha / len(y), fit_intercept=False, tol=1e-12, max_iter=100_000)
    wanted = lasso_objective(D, y, theirs.fit(D, y).coef_, alpha)
    for method, steps in ((ista, 200_000), (fista, 20_000)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            code, values = method(D, y, alpha, max_iter=steps, tol=1e-11)
        assert np.isclose(values[-1], wanted, rtol=1e-8)
        assert np.isclose(values[-1], lasso_objective(D, y, code, alpha))
        assert kkt_violation(D, y, code, alpha) < 1e-3 * alpha
        assert -1e-12 <= duality_gap(D, y, code, alpha) <= 1e-9 * (y @ y) + 1e-12


@settings(deadline=None, max_examples=40)
@given(seed=seeds, share=st.floats(0, 1.2))
def test_ista_never_goes_up_and_keeps_its_rate(seed, share):
    """The descent lemma, and the bound L |a*|^2 / (2k); for FISTA 2 L |a*|^2 / (k + 1)^2."""
    D, y = problem(seed)
    alpha = share * abs(D.T @ y).max() + 1e-3
    best, _ = fista(D, y, alpha, max_iter=1500, tol=0)
    least = lasso_objective(D, y, best, alpha)
    bound = np.linalg.norm(D, 2) ** 2 * (best @ best)
    _, slow = ista(D, y, alpha, max_iter=60, tol=0)
    _, fast = fista(D, y, alpha, max_iter=60, tol=0)
    assert (np.diff(slow) <= 1e-12).all()
    k = np.arange(1, 61)
    assert (slow[1:] - least <= bound / (2 * k) + 1e-10).all()
    assert (fast[1:] - least <= 2 * bound / (k + 1) ** 2 + 1e-10).all()


def test_ista_is_its_step():
    """Equation eq-lasso-ista; momentum begins with the second step."""
    D, Y = problem(1, n_signals=4)
    alpha, step = 0.3, 1 / np.linalg.norm(D, 2) ** 2
    code, values = np.zeros((14, 4)), []
    for _ in range(7):
        values.append(lasso_objective(D, Y, code, alpha))
        code = proximal_step(code, D, Y, alpha, step)
    ours, objective = ista(D, Y, alpha, max_iter=7, tol=0)
    np.testing.assert_allclose(ours, code, atol=1e-12)
    np.testing.assert_allclose(objective[:-1], values)
    once = ista(D, Y, alpha, max_iter=1, tol=0)[0]
    np.testing.assert_allclose(once, soft_threshold(step * D.T @ Y, step * alpha), atol=1e-12)
    np.testing.assert_allclose(fista(D, Y, alpha, max_iter=1, tol=0)[0], once)
    assert abs(fista(D, Y, alpha, max_iter=7, tol=0)[0] - code).max() > 1e-3


def test_fista_is_its_definition():
    """Beck and Teboulle: t' = (1 + sqrt(1 + 4 t^2)) / 2, point = new + (t - 1) / t' (new - old)."""
    D, Y = problem(1, n_signals=4)
    step, code, t = 1 / np.linalg.norm(D, 2) ** 2, np.zeros((14, 4)), 1.0
    point = code
    for _ in range(9):
        new, later = proximal_step(point, D, Y, 0.3, step), (1 + math.sqrt(1 + 4 * t**2)) / 2
        point, code, t = new + (t - 1) / later * (new - code), new, later
    np.testing.assert_allclose(fista(D, Y, 0.3, max_iter=9, tol=0)[0], code, atol=1e-12)


@pytest.mark.parametrize("method", [ista, fista])
def test_without_a_price_it_is_least_squares(method):
    """It stops by itself, also for signals off the span of the atoms."""
    D, Y = problem(0, 8, 3, n_signals=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        code, values = method(D, Y, 0, tol=1e-12)
    wanted, squares = np.linalg.lstsq(D, Y, rcond=None)[:2]
    np.testing.assert_allclose(code, wanted, atol=1e-5)
    assert len(values) < 300
    assert np.isclose(duality_gap(D, Y, 0 * code, 0), (np.square(Y).sum() - squares.sum()) / 2)


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_fista_against_a_smooth_solver(seed):
    """a = u - v with u, v >= 0 makes the problem smooth: SciPy's L-BFGS-B solves it."""
    D, y = problem(seed, 6, 8)
    alpha, m = 0.2, 8

    def smooth(uv):
        error = D @ (uv[:m] - uv[m:]) - y
        slope = D.T @ error
        value = 0.5 * error @ error + alpha * uv.sum()
        return value, np.concatenate([slope, -slope]) + alpha

    options = {"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-10}
    theirs = minimize(
        smooth, np.zeros(2 * m), jac=True, bounds=[(0, None)] * 2 * m, options=options
    )
    values = fista(D, y, alpha, max_iter=5000, tol=0)[1]
    assert np.isclose(values[-1], theirs.fun, atol=1e-7)


def test_where_the_code_vanishes_and_where_it_fits():
    D, y = problem(2)
    alpha = abs(D.T @ y).max()
    assert not fista(D, y, alpha, max_iter=10)[0].any()
    assert fista(D, y, 0.99 * alpha, tol=1e-10)[0].any()
    code = fista(D, y, 0, max_iter=5000, tol=0)[0]
    np.testing.assert_allclose(D @ code, y, atol=1e-6)
    start, _ = fista(D, y, 0.1, max_iter=5000, tol=1e-13)
    again, values = fista(D, y, 0.1, tol=1e-10, start=start)
    assert len(values) == 11  # the gap is asked for after ten steps
    np.testing.assert_allclose(again, start, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(seed=seeds)
def test_the_gap_is_an_upper_bound_for_any_code(seed):
    D, Y = problem(seed, n_signals=3)
    best = fista(D, Y, 0.2, max_iter=20_000, tol=1e-11)[0]
    code = np.random.default_rng(seed).normal(size=(14, 3)) * 0.1
    above = lasso_objective(D, Y, code, 0.2) - lasso_objective(D, Y, best, 0.2)
    assert -1e-10 <= above <= duality_gap(D, Y, code, 0.2) + 1e-10
    assert kkt_violation(D, Y, code, 0.2) > 1e-3


@given(seed=seeds, alpha=st.floats(0.01, 2))
def test_kkt_violation_is_its_definition(seed, alpha):
    """Conditions eq-lasso-kkt, atom by atom, for a code with zeros."""
    D, Y = problem(seed, n_signals=3)
    code = np.random.default_rng(seed).normal(size=(14, 3)).round()
    missed = []
    for a, r in zip(code.T, (Y - D @ code).T, strict=True):
        for aj, d in zip(a, D.T, strict=True):
            pull = d @ r
            missed.append(max(abs(pull) - alpha, 0) if aj == 0 else abs(pull - alpha * np.sign(aj)))
    assert np.isclose(kkt_violation(D, Y, code, alpha), max(missed))
    at_zero = kkt_violation(D, Y, 0 * code, alpha)
    assert np.isclose(at_zero, max(abs(D.T @ Y).max() - alpha, 0))


def test_a_warning_where_it_has_not_converged():
    D, y = problem(0)
    with pytest.warns(ConvergenceWarning, match="tol=1e-09.*max_iter=3"):
        fista(D, y, 0.01, max_iter=3, tol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ista(D, y, 0.01, max_iter=3, tol=0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda D, y: mutual_coherence(D[:, :1]), "at least two atoms"),
        (lambda D, y: mutual_coherence(0 * D), "none of them zero"),
        (lambda D, y: welch_bound(3, 1), "n_atoms=1"),
        (lambda D, y: threshold_code(D, y, 15), "n_nonzero_coefs=15"),
        (lambda D, y: threshold_code(3 * D, y, 2), "norm 3"),
        (lambda D, y: basis_pursuit(D[:, :3], y), "no combination of the atoms"),
        (lambda D, y: ista(D, y, -1), "alpha=-1"),
        (lambda D, y: fista(D, y, 1, max_iter=0.5), "max_iter=0.5"),
        (lambda D, y: fista(D, y, 1, tol=-1), "tol=-1"),
        (lambda D, y: fista(D, y, 1, start=np.zeros(3)), r"start has shape \(3,\)"),
        (lambda D, y: fista(D, y[:3], 1), r"y has shape \(3,\)"),
        (lambda D, y: fista(D[0], y, 1), r"D has shape \(14,\)"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call(*problem(0))
