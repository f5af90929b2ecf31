"""LDA and QDA against scikit-learn, SciPy's densities and the generalised eigenvalue problem."""

import numpy as np
import pytest
import sklearn.discriminant_analysis as skd
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import eigh
from scipy.stats import multivariate_normal
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion import data
from companion.components.discriminants import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
    discriminant_axes,
    inverse_root,
)

seeds = st.integers(0, 10_000)


def classes(seed, k=3, d=4, n=90):
    """Points of k Gaussian classes of different sizes, with names as labels."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.repeat(np.arange(k), 2 * d), rng.integers(k, size=n)])
    turn = np.linalg.qr(rng.normal(size=(k, d, d)))[0] * rng.uniform(0.5, 2, size=(k, 1, d))
    X = (
        np.einsum("nd,nde->ne", rng.normal(size=(len(y), d)), turn[y])
        + 2 * rng.normal(size=(k, d))[y]
    )
    return X, np.array(list("abcdef"))[y]


@parametrize_with_checks([LinearDiscriminantAnalysis(), QuadraticDiscriminantAnalysis()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@given(seed=seeds, k=st.integers(2, 5), d=st.integers(1, 5), shrinkage=st.sampled_from([0, 0.3]))
def test_lda_equals_scikit_learn(seed, k, d, shrinkage):
    X, y = classes(seed, k, d)
    ours = LinearDiscriminantAnalysis(shrinkage=shrinkage).fit(X, y)
    theirs = skd.LinearDiscriminantAnalysis(solver="eigen", shrinkage=shrinkage or None).fit(X, y)
    # Its default solver centres the scores of the classes, this one does not, and has shrinkage.
    plain = k == 2
    for name in () if plain else ("coef_", "intercept_"):
        value = getattr(theirs, name)
        setattr(theirs, name, value - theirs.priors_ @ value)
        setattr(ours, name, getattr(ours, name) - ours.priors_ @ getattr(ours, name))
    names = ["means_", "priors_", "coef_", "intercept_"]
    if not shrinkage:  # scikit-learn shrinks the total spread too, and then takes the difference
        names.append("explained_variance_ratio_")
    for name in names:
        np.testing.assert_allclose(
            getattr(ours, name), getattr(theirs, name), rtol=1e-5, atol=1e-6, err_msg=name
        )
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    scores, right = (model.decision_function(X) for model in (ours, theirs))
    if not plain:
        scores, right = (s - s @ theirs.priors_[:, None] for s in (scores, right))
    np.testing.assert_allclose(scores, right, atol=1e-4)
    assert (ours.predict(X) == theirs.predict(X)).all()


@given(seed=seeds)
def test_axes_solve_the_eigenvalue_problem(seed):
    """Equation eq-discriminants-fisher: the axes are those of S_b v = lambda S_w v."""
    X, y = classes(seed)
    lda = LinearDiscriminantAnalysis().fit(X, y)
    between = np.cov(lda.means_.T, aweights=lda.priors_, ddof=0)
    values, vectors = eigh(between, lda.covariance_)
    for axis, value, vector in zip(lda.scalings_.T, values[::-1], vectors.T[::-1], strict=False):
        np.testing.assert_allclose(between @ axis, value * lda.covariance_ @ axis, atol=1e-7)
        np.testing.assert_allclose(abs(axis), abs(vector), rtol=1e-5, atol=1e-6)
    within = lda.scalings_.T @ lda.covariance_ @ lda.scalings_
    np.testing.assert_allclose(within, np.eye(2), atol=1e-8)
    np.testing.assert_allclose(lda.transform(X).mean(axis=0), 0, atol=1e-9)


@given(seed=seeds, reg_param=st.sampled_from([0, 0.2]), k=st.integers(2, 4))
def test_qda_equals_scikit_learn_and_bayes(seed, reg_param, k):
    X, y = classes(seed, k)
    ours = QuadraticDiscriminantAnalysis(reg_param=reg_param).fit(X, y)
    theirs = skd.QuadraticDiscriminantAnalysis(reg_param=reg_param, store_covariance=True).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    joint = np.column_stack(
        [
            prior * multivariate_normal(m, (1 - reg_param) * S + reg_param * np.eye(4)).pdf(X)
            for prior, m, S in zip(ours.priors_, ours.means_, ours.covariance_, strict=True)
        ]
    )
    right = joint / joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ours.predict_proba(X), right, atol=1e-8)
    if not reg_param:
        np.testing.assert_allclose(ours.covariance_, theirs.covariance_, atol=1e-9)


def test_digits_whose_border_is_always_white():
    """Pixels that never change have no variance: LDA leaves them out, QDA says what to do."""
    digits = data.digits()
    X, new = (x.reshape(-1, 64).astype(float) for x in (digits.x_train, digits.x_test))
    ours = LinearDiscriminantAnalysis().fit(X, digits.y_train)
    theirs = skd.LinearDiscriminantAnalysis().fit(X, digits.y_train)
    assert abs(ours.score(new, digits.y_test) - theirs.score(new, digits.y_test)) < 0.01
    assert ours.transform(new).shape == (360, 9)
    with pytest.raises(ValueError, match="Raise reg_param"):
        QuadraticDiscriminantAnalysis().fit(X, digits.y_train)


@pytest.mark.parametrize("model", [LinearDiscriminantAnalysis(), QuadraticDiscriminantAnalysis()])
def test_units_do_not_matter(model):
    X, y = classes(0)
    unit = np.array([1e-8, 1, 1e5, 1])
    right = model.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(model.fit(X * unit, y).predict_proba(X * unit), right, atol=1e-7)


@pytest.mark.parametrize("turn", [np.eye(3), np.linalg.qr(np.vander([1.0, 2, 4]))[0]])
def test_classes_that_differ_where_they_have_no_spread(turn):
    """0.1 and 0.3 tell them apart for certain: no axis measured by the spread within does."""
    y = np.repeat([0, 1], 50)
    X = np.random.default_rng(0).normal(size=(100, 3))
    X[:, 2] = 0.1 + 0.2 * y
    with pytest.raises(ValueError, match=r"shrinkage=0.0: the class means differ .* no class"):
        LinearDiscriminantAnalysis().fit(X @ turn, y)
    assert LinearDiscriminantAnalysis(shrinkage=1e-4).fit(X @ turn, y).score(X @ turn, y) == 1


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e9])
def test_a_difference_without_spread_is_seen_in_every_unit(unit):
    y = np.repeat([0, 1], 50)
    X = np.random.default_rng(0).normal(size=(100, 3))
    X[:, 2] = 0.1 + 0.2 * y
    with pytest.raises(ValueError, match="the class means differ"):
        LinearDiscriminantAnalysis().fit(unit * X, y)


def test_a_constant_far_from_zero_is_no_difference_between_classes():
    """Its mean is off by rounding, in each class by another amount."""
    y = np.repeat([0, 1], [35, 65])
    X = np.random.default_rng(0).normal(size=(100, 3)) + y[:, None]
    right = LinearDiscriminantAnalysis().fit(X[:, :2], y).predict_proba(X[:, :2])
    X[:, 2] = 1e8 + 0.1
    assert X[:35, 2].mean() != X[35:, 2].mean()
    found = LinearDiscriminantAnalysis().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(found, right, atol=1e-9)


def test_pieces():
    S = np.diag([4.0, 0.0, 1.0])
    P = inverse_root(S)
    assert P.shape == (3, 2)
    np.testing.assert_allclose(P.T @ S @ P, np.eye(2), atol=1e-12)
    means = np.array([[-1.0, 0.0], [1.0, 0.0]])
    axes, values = discriminant_axes(means, np.array([0.5, 0.5]), np.eye(2))
    np.testing.assert_allclose(abs(axes[:, 0]), [1, 0], atol=1e-12)
    np.testing.assert_allclose(values, [1, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (LinearDiscriminantAnalysis(3), "n_components=3"),
        (LinearDiscriminantAnalysis(shrinkage=2), "shrinkage=2"),
        (QuadraticDiscriminantAnalysis(reg_param=-1), "reg_param=-1"),
    ],
)
def test_bad_arguments(model, words):
    with pytest.raises(ValueError, match=words):
        model.fit(*classes(0))


def test_classes_must_be_enough_and_large_enough():
    X = np.random.default_rng(0).normal(size=(4, 2))
    with pytest.raises(ValueError, match="1 class"):
        LinearDiscriminantAnalysis().fit(X, [1, 1, 1, 1])
    with pytest.raises(ValueError, match="4 classes for 4 samples"):
        LinearDiscriminantAnalysis().fit(X, [1, 2, 3, 4])
    with pytest.raises(ValueError, match="1 sample of class"):
        QuadraticDiscriminantAnalysis().fit(X, [1, 1, 1, 2])


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("model", [LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis])
def test_probabilities_do_not_depend_on_the_origin(model, k):
    X, y = classes(0, k, 3)
    right = model().fit(X, y).predict_proba(X)
    for offset in (1e6, 1e8):
        found = model().fit(X + offset, y).predict_proba(X + offset)
        np.testing.assert_allclose(found, right, atol=1e-13 * offset)
