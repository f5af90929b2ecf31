"""Dictionary learning against least squares, optimality conditions and a planted dictionary."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg
from scipy.optimize import linear_sum_assignment
from sklearn import decomposition
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import orthogonal_mp
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion import data
from companion.components import dictionary, nnk
from companion.components.dictionary import (
    DictionaryLearning,
    code_step,
    draw_atoms,
    ksvd_step,
    update_atoms,
)
from companion.components.sparse_coding import fista, lasso_objective

seeds = st.integers(0, 2**32 - 1)


@parametrize_with_checks([DictionaryLearning(), DictionaryLearning(3, transform_algorithm="lasso")])
def test_estimator_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


def planted(n=800, d=10, m=15, k=2, seed=0, noise=0.0):
    """Atoms (m, d) of norm 1, codes with k entries of size 1 to 2, and rows (n, d)."""
    rng = np.random.default_rng(seed)
    atoms = rng.normal(size=(m, d))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = np.zeros((n, m))
    for code in codes:
        code[rng.choice(m, k, replace=False)] = rng.uniform(1, 2, k) * rng.choice([-1, 1], k)
    return atoms, codes, codes @ atoms + noise * rng.normal(size=(n, d))


def fit(X, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return DictionaryLearning(*arguments, **options).fit(X)


@settings(deadline=None, max_examples=25)
@given(seed=seeds, scale=st.floats(0.01, 3))
def test_atoms_for_fixed_codes(seed, scale):
    """Equation eq-dictionary-atoms. Many passes reach the minimum under |d_j| <= 1: the slope is
    0 inside the ball, and points straight outwards on it (Karush, Kuhn and Tucker)."""
    rng = np.random.default_rng(seed)
    X, codes = scale * rng.normal(size=(40, 6)), rng.normal(size=(40, 4))
    atoms = update_atoms(draw_atoms(X, 4, rng, np.ones(40)), codes, X, n_passes=1000)
    pull = codes.T @ (X - codes @ atoms)
    lengths = np.linalg.norm(atoms, axis=1)
    assert lengths.max() <= 1 + 1e-12
    along = (pull * atoms).sum(axis=1)
    np.testing.assert_allclose(pull, (along / lengths**2)[:, None] * atoms, atol=1e-6)
    assert (along >= -1e-6).all()
    assert abs(along[lengths < 1 - 1e-6]).max(initial=0) < 1e-6
    if (lengths < 1 - 1e-6).all():
        np.testing.assert_allclose(atoms, np.linalg.lstsq(codes, X, rcond=None)[0], atol=1e-6)


def test_small_data_need_no_bound():
    rng = np.random.default_rng(0)
    X, codes = 0.1 * rng.normal(size=(40, 6)), rng.normal(size=(40, 4))
    atoms = update_atoms(draw_atoms(X, 4, rng, np.ones(40)), codes, X, n_passes=200)
    np.testing.assert_allclose(atoms, np.linalg.lstsq(codes, X, rcond=None)[0], atol=1e-10)


@settings(deadline=None, max_examples=20)
@given(seed=seeds, alpha=st.floats(0, 2), m=st.integers(1, 12))
def test_no_step_goes_up(seed, alpha, m):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, 5))
    atoms, codes = draw_atoms(X, m, rng, np.ones(30)), rng.normal(size=(30, m))
    value = lasso_objective(atoms.T, X.T, codes.T, alpha)
    for _ in range(4):
        codes, values = code_step(atoms, codes, X, alpha, 3)
        after_codes = lasso_objective(atoms.T, X.T, codes.T, alpha)
        assert np.isclose(values.sum(), after_codes)
        atoms = update_atoms(atoms, codes, X)
        after_atoms = lasso_objective(atoms.T, X.T, codes.T, alpha)
        assert after_atoms <= after_codes + 1e-9
        assert after_codes <= value + 1e-9
        value = after_atoms


@settings(deadline=None, max_examples=20)
@given(seed=seeds, m=st.integers(1, 8))
def test_an_atom_and_its_amounts_together(seed, m):
    """Equation eq-dictionary-ksvd: no unit atom with any amounts leaves less of the rows that use
    it (Eckart and Young, by SciPy's singular values), and no entry that was 0 becomes another."""
    rng = np.random.default_rng(seed)
    X, codes = rng.normal(size=(30, 5)), rng.normal(size=(30, m)) * (rng.random((30, m)) < 0.4)
    atoms, given_codes = draw_atoms(X, m, rng, np.ones(30)), codes.copy()
    for _ in range(3):
        before = np.square(X - codes @ atoms).sum()
        new_atoms, new_codes = ksvd_step(atoms, codes, X)
        assert np.square(X - new_codes @ new_atoms).sum() <= before + 1e-9
        np.testing.assert_array_equal(new_codes[codes == 0], 0)
        np.testing.assert_allclose(np.linalg.norm(new_atoms, axis=1), 1)
        last = [j for j in range(m) if codes[:, j].any()][-1:]
        for j in last:  # the others have not moved since
            rows = codes[:, j] != 0
            others = np.delete(np.arange(m), j)
            rest = X[rows] - new_codes[rows][:, others] @ new_atoms[others]
            left = np.square(rest - np.outer(new_codes[rows, j], new_atoms[j])).sum()
            assert np.isclose(left, np.square(linalg.svdvals(rest)[1:]).sum(), atol=1e-9)
            assert new_atoms[j] @ atoms[j] >= 0
        atoms, codes = new_atoms, new_codes
    np.testing.assert_array_equal(codes[given_codes == 0], 0)


def test_ksvd_keeps_what_it_was_given_and_idle_atoms():
    atoms, codes, X = planted(n=50)
    codes[:, 3] = 0
    kept = atoms.copy(), codes.copy()
    new_atoms, new_codes = ksvd_step(atoms, codes, X)
    np.testing.assert_array_equal(new_atoms[3], atoms[3])
    assert not new_codes[:, 3].any()
    np.testing.assert_array_equal(kept[0], atoms)
    np.testing.assert_array_equal(kept[1], codes)


def test_planted_atoms_do_not_move_under_ksvd():
    atoms, codes, X = planted()
    new_atoms, new_codes = ksvd_step(atoms, codes, X)
    np.testing.assert_allclose(new_atoms, atoms, atol=1e-8)
    np.testing.assert_allclose(new_codes, codes, atol=1e-8)


def test_a_step_that_goes_up_is_not_taken(monkeypatch):
    """FISTA may rise: rows for which it does keep their codes, the others get the new ones."""
    X = planted(6)[2]
    atoms = draw_atoms(X, 8, np.random.RandomState(0), np.ones(6))
    good = fista(atoms.T, X.T, 0.1, max_iter=500)[0].T
    start = good.copy()
    start[:3] += 1.0
    offered = np.where(np.arange(6)[:, None] < 3, good, good + 1.0)
    monkeypatch.setattr(dictionary, "fista", lambda *_, **__: (offered.T, None))
    codes, values = code_step(atoms, start, X, 0.1, 5)
    np.testing.assert_array_equal(codes, good)
    assert np.isclose(values.sum(), lasso_objective(atoms.T, X.T, good.T, 0.1))


@settings(deadline=None, max_examples=8)
@given(seed=seeds)
def test_the_objective_of_a_fit_never_rises(seed):
    X = planted(seed=seed, n=60)[2]
    model = fit(X, 20, alpha=0.2, max_iter=25, tol=0, random_state=seed % 1000)
    assert np.diff(model.error_).max() <= 1e-9
    assert np.isclose(
        model.error_[-1], lasso_objective(model.components_.T, X.T, model.codes_.T, 0.2)
    )
    assert np.linalg.norm(model.components_, axis=1).max() <= 1 + 1e-12


def test_a_planted_dictionary_is_recovered():
    """Section "Learn the atoms": every planted atom is found, up to its sign and order."""
    atoms, _, X = planted(1500, noise=0.01)
    model = min(
        (fit(X, 15, alpha=0.1, max_iter=300, random_state=seed) for seed in range(3)),
        key=lambda model: model.error_[-1],
    )
    learned = model.components_ / np.linalg.norm(model.components_, axis=1, keepdims=True)
    match = abs(atoms @ learned.T)
    row, column = linear_sum_assignment(-match)
    assert match[row, column].min() > 0.99
    start = abs(atoms @ draw_atoms(X, 15, np.random.RandomState(0), np.ones(1500)).T)
    assert start[linear_sum_assignment(-start)].min() < 0.95  # it was not there to begin with


def test_as_low_as_scikit_learn():
    """Same problem, same start; both stop in a local minimum, ours below theirs."""
    X = data.patches(200, 5, random_state=0).reshape(200, -1)
    X -= X.mean(axis=1, keepdims=True)
    start = draw_atoms(X, 30, np.random.RandomState(0), np.ones(200))
    ours = fit(X, 30, alpha=0.1, max_iter=100, dict_init=start)
    theirs = decomposition.DictionaryLearning(
        30, alpha=0.1, max_iter=100, fit_algorithm="cd", dict_init=start, code_init=X @ start.T
    ).fit(X)
    assert ours.error_[-1] < theirs.error_[-1]
    found = fista(theirs.components_.T, X.T, 0.1, max_iter=3000, tol=1e-6)[1][-1]
    assert np.isclose(found, theirs.error_[-1], rtol=0.02)  # it is the same objective


def test_transform_and_back():
    X = planted(200)[2]
    model = fit(X, 15, alpha=0.1, transform_n_nonzero_coefs=3, random_state=0)
    codes = model.transform(X)
    np.testing.assert_allclose(
        codes.T, orthogonal_mp(model.components_.T, X.T, n_nonzero_coefs=3), atol=1e-8
    )
    np.testing.assert_allclose(model.inverse_transform(codes), codes @ model.components_)
    model.set_params(transform_algorithm="lasso")
    values = lasso_objective(model.components_.T, X.T, model.transform(X).T, 0.1)
    assert values <= lasso_objective(model.components_.T, X.T, model.codes_.T, 0.1) + 1e-4


def test_few_atoms_in_many_dimensions():
    """A tenth of the features is more than there are atoms: then all of them are used."""
    X = np.random.default_rng(0).normal(size=(30, 100))
    model = fit(X, 5, alpha=0.1, max_iter=3, random_state=0)
    wanted = np.linalg.lstsq(model.components_.T, X.T, rcond=None)[0].T
    np.testing.assert_allclose(model.transform(X), wanted, atol=1e-8)


def test_idle_atoms_are_drawn_anew_and_few_rows_suffice():
    rng = np.random.RandomState(0)
    X = np.array([[1.0, 0], [2, 0], [0, 3]])
    atoms = draw_atoms(X, 5, rng, np.ones(3))
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1)
    model = fit(X, 2, alpha=0.1, dict_init=[[1.0, 0], [0.01, 0]], random_state=0)
    assert np.linalg.matrix_rank(model.components_) == 2
    assert not fit(np.zeros((4, 2)), 2).codes_.any()
    assert len(fit(X).components_) == 2


def test_same_seed_same_atoms():
    X = planted(60)[2]
    first, second = (fit(X, 8, random_state=3, max_iter=5).components_ for _ in range(2))
    assert (first == second).all()


def test_one_name_for_both_modules():
    assert dictionary.NNKMeans is nnk.NNKMeans
    assert dictionary.nnk_weights is nnk.nnk_weights


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_components": 0}, "n_components=0"),
        ({"alpha": -1}, "alpha=-1"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"n_code_steps": 0}, "n_code_steps=0"),
        ({"transform_algorithm": "lars"}, "transform_algorithm='lars'.*'omp', 'lasso'"),
        ({"n_components": 3, "dict_init": np.eye(4)}, r"dict_init has shape \(4, 4\).*\(3, 10\)"),
    ],
)
def test_bad_arguments(options, words):
    with pytest.raises(ValueError, match=words):
        DictionaryLearning(**options).fit(planted(20)[2])
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        DictionaryLearning(5, max_iter=2, tol=0).fit(planted(20)[2])
