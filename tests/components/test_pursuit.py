"""Greedy codes against scikit-learn, brute force over supports and theorems."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import linear_model

from companion.components import pursuit
from companion.components.pursuit import check_dictionary, matching_pursuit, orthogonal_mp
from companion.components.sparse_coding import mutual_coherence

seeds = st.integers(0, 2**32 - 1)


def dictionary(seed, n_features=10, n_atoms=25):
    D = np.random.default_rng(seed).normal(size=(n_features, n_atoms))
    return D / np.linalg.norm(D, axis=0)


def best_subset(D, y, k):
    """Least squared error over all codes with k atoms, and the code, by trying every support."""
    best, best_code = np.inf, None
    for support in map(list, itertools.combinations(range(D.shape[1]), k)):
        values = np.linalg.lstsq(D[:, support], y, rcond=None)[0]
        error = np.square(y - D[:, support] @ values).sum()
        if error < best:
            best, best_code = error, np.zeros(D.shape[1])
            best_code[support] = values
    return best, best_code


def quiet_reference(*arguments, **options):
    """scikit-learn's codes; it warns where the atoms chosen are dependent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return linear_model.orthogonal_mp(*arguments, **options)


@settings(deadline=None, max_examples=60)
@given(seed=seeds, k=st.integers(1, 8), n_signals=st.integers(1, 6))
def test_orthogonal_mp_is_scikit_learns(seed, k, n_signals):
    """Section "Against a reference"."""
    D = dictionary(seed)
    Y = np.random.default_rng(seed + 1).normal(size=(10, n_signals))
    theirs = quiet_reference(D, Y, n_nonzero_coefs=k).reshape(25, n_signals)
    np.testing.assert_allclose(orthogonal_mp(D, Y, k), theirs, atol=1e-8)
    np.testing.assert_allclose(orthogonal_mp(D, Y[:, 0], k), theirs[:, 0], atol=1e-8)


@settings(deadline=None, max_examples=60)
@given(seed=seeds, tol=st.floats(0.05, 12))
def test_orthogonal_mp_stops_where_scikit_learn_does(seed, tol):
    D = dictionary(seed)
    Y = np.random.default_rng(seed + 1).normal(size=(10, 7))
    small = np.square(Y).sum(axis=0) <= tol  # scikit-learn takes one atom before it looks
    assert not orthogonal_mp(D, Y, tol=tol)[:, small].any()
    Y[:, small] += 2 * np.sqrt(tol)
    ours, theirs = orthogonal_mp(D, Y, tol=tol), quiet_reference(D, Y, tol=tol)
    np.testing.assert_allclose(ours, theirs, atol=1e-8)
    assert (np.square(Y - D @ ours).sum(axis=0) <= tol + 1e-9).all()


@pytest.mark.parametrize("block", [1, 3, 1000])
@pytest.mark.parametrize("how", [{"n_nonzero_coefs": 4}, {"tol": 2.0}])
def test_blocks_do_not_matter(monkeypatch, block, how):
    D = dictionary(0)
    Y = np.random.default_rng(1).normal(size=(10, 20))
    wanted = orthogonal_mp(D, Y, **how)
    monkeypatch.setattr(pursuit, "BLOCK", block)
    np.testing.assert_allclose(orthogonal_mp(D, Y, **how), wanted, atol=1e-12)


def test_atoms_of_any_norm_and_the_default_number():
    rng = np.random.default_rng(0)
    D, Y = rng.normal(size=(40, 60)), rng.normal(size=(40, 9))
    np.testing.assert_allclose(orthogonal_mp(D, Y), linear_model.orthogonal_mp(D, Y), atol=1e-8)


@settings(deadline=None, max_examples=50)
@given(seed=seeds)
def test_the_residual_is_orthogonal_to_the_chosen_atoms(seed):
    """Equation eq-sparse_coding-omp: a least-squares fit on the support."""
    D = dictionary(seed)
    y = np.random.default_rng(seed + 1).normal(size=10)
    for k in (1, 3, 6):
        code = orthogonal_mp(D, y, k)
        support = np.flatnonzero(code)
        assert len(support) == k
        fitted = np.linalg.lstsq(D[:, support], y, rcond=None)[0]
        np.testing.assert_allclose(code[support], fitted, atol=1e-8)


@settings(deadline=None, max_examples=40)
@given(seed=seeds)
def test_orthogonal_mp_finds_the_sparsest_code_below_the_bound(seed):
    """The theorem of section "When is it guaranteed?": k < (1 + 1/mu) / 2. The best of all supports
    has no error, is unique and is what the greedy method finds."""
    rng = np.random.default_rng(seed)
    D = np.hstack([np.eye(8), np.ones((8, 8)) / np.sqrt(8)])
    signs = np.array([[1, 1], [1, -1]])
    D[:, 8:] = np.kron(np.kron(signs, signs), signs) / np.sqrt(8)  # Hadamard: coherence 1/sqrt(8)
    assert np.isclose(mutual_coherence(D), 1 / np.sqrt(8))
    truth = np.zeros(16)
    truth[rng.choice(16, 1, replace=False)] = rng.choice([-1, 1]) * rng.uniform(0.5, 2)
    error, code = best_subset(D, D @ truth, 1)
    assert error < 1e-20
    np.testing.assert_allclose(orthogonal_mp(D, D @ truth, 1), code, atol=1e-10)


@settings(deadline=None, max_examples=25)
@given(seed=seeds)
def test_the_bound_for_two_atoms(seed):
    """Two bases of 12 dimensions, coherence below 1/3: two atoms are always found."""
    rng = np.random.default_rng(seed)
    grid = np.arange(16)
    cosine = np.array([[bin(i & j).count("1") % 2 for j in grid] for i in grid])
    D = np.hstack([np.eye(16), (1 - 2 * cosine) / 4])
    assert 2 < (1 + 1 / mutual_coherence(D)) / 2 == 2.5
    truth = np.zeros(32)
    truth[rng.choice(32, 2, replace=False)] = rng.choice([-1, 1], 2) * rng.uniform(0.01, 2, 2)
    error, code = best_subset(D, D @ truth, 2)
    assert error < 1e-20
    np.testing.assert_allclose(orthogonal_mp(D, D @ truth, 2), truth, atol=1e-10)
    np.testing.assert_allclose(code, truth, atol=1e-10)


@settings(deadline=None, max_examples=25)
@given(seed=seeds)
def test_no_greedy_code_beats_the_best_support(seed):
    D = dictionary(seed, 5, 8)
    y = np.random.default_rng(seed + 1).normal(size=5)
    best, _ = best_subset(D, y, 2)
    for code in (orthogonal_mp(D, y, 2), matching_pursuit(D, y, 2)):
        assert np.count_nonzero(code) <= 2
        assert np.square(y - D @ code).sum() >= best - 1e-10


def naive_matching_pursuit(D, y, n_steps):
    code, residual = np.zeros(D.shape[1]), y.copy()
    for _ in range(n_steps):
        matches = [atom @ residual for atom in D.T]
        j = int(np.argmax(np.abs(matches)))
        code[j] += matches[j]
        residual = residual - matches[j] * D[:, j]
    return code


@settings(deadline=None, max_examples=40)
@given(seed=seeds, n_steps=st.integers(0, 30))
def test_matching_pursuit_is_its_definition(seed, n_steps):
    """Equation eq-sparse_coding-mp, one signal and one atom at a time."""
    D = dictionary(seed)
    Y = np.random.default_rng(seed + 1).normal(size=(10, 3))
    codes = matching_pursuit(D, Y, n_steps)
    for y, code in zip(Y.T, codes.T, strict=True):
        np.testing.assert_allclose(code, naive_matching_pursuit(D, y, n_steps), atol=1e-9)
        np.testing.assert_allclose(matching_pursuit(D, y, n_steps), code, atol=1e-12)


def test_matching_pursuit_never_grows_and_tends_to_zero():
    D, y = dictionary(0), np.random.default_rng(1).normal(size=10)
    left = [np.linalg.norm(y - D @ matching_pursuit(D, y, k)) for k in range(0, 400, 10)]
    assert (np.diff(left) <= 1e-12).all()
    assert left[-1] < 1e-6 * left[0]


def test_the_same_for_an_orthonormal_dictionary():
    D = np.linalg.qr(np.random.default_rng(0).normal(size=(10, 10)))[0]
    Y = np.random.default_rng(1).normal(size=(10, 6))
    np.testing.assert_allclose(matching_pursuit(D, Y, 4), orthogonal_mp(D, Y, 4), atol=1e-10)


def test_nothing_left_and_dependent_atoms():
    D = dictionary(0)
    assert not orthogonal_mp(D, np.zeros(10), 5).any()
    one = orthogonal_mp(D, 3 * D[:, 7], 5)
    assert np.flatnonzero(one).tolist() == [7]
    twins = np.hstack([D[:, :3], D[:, :3]])
    code = orthogonal_mp(twins, D[:, :3].sum(axis=1) + 0.1, 5)
    assert np.count_nonzero(code) == 3
    assert np.isfinite(code).all()
    scaled = orthogonal_mp(D, 1e-9 * D[:, :2].sum(axis=1), 5)  # a small signal is a signal
    np.testing.assert_allclose(D @ scaled, 1e-9 * D[:, :2].sum(axis=1), atol=1e-18)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda D, y: orthogonal_mp(D, y, 11), "n_nonzero_coefs=11"),
        (lambda D, y: orthogonal_mp(D, y, 0), "n_nonzero_coefs=0"),
        (lambda D, y: orthogonal_mp(D, y, tol=-1), "tol=-1"),
        (lambda D, y: orthogonal_mp(D, y[:4], 2), r"y has shape \(4,\).*as long as an atom"),
        (lambda D, y: orthogonal_mp(D[0], y, 2), r"D has shape \(25,\).*one atom a column"),
        (lambda D, y: orthogonal_mp(D, y * np.nan, 2), "finite"),
        (lambda D, y: matching_pursuit(D, y, -1), "n_steps=-1"),
        (lambda D, y: matching_pursuit(2 * D, y, 1), "norm 2.*divide every column"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call(dictionary(0), np.ones(10))


def test_check_dictionary_returns_columns():
    D, Y = check_dictionary(np.eye(3), [1, 2, 3], unit=True)
    assert Y.shape == (3, 1)
    assert D.dtype == Y.dtype == float
