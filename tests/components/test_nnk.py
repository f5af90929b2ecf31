"""Non-negative kernel regression against SciPy's nnls, k-means and theorems."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_triangular
from scipy.optimize import nnls
from sklearn import cluster, exceptions
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion import data
from companion.clustering.kmeans import lloyd_step
from companion.components.nnk import NNKMeans, nnk_codes, nnk_errors, nnk_weights, refit, spread_out

seeds = st.integers(0, 2**32 - 1)


@parametrize_with_checks([NNKMeans(3), NNKMeans(2, n_neighbors=1, kernel="linear")])
def test_estimator_checks(estimator, check):
    check(estimator)


def cloud(seed, n=40, d=2):
    return np.random.default_rng(seed).normal(size=(n, d))


@settings(deadline=None, max_examples=60)
@given(seed=seeds, s=st.integers(1, 7))
def test_nnk_weights_are_non_negative_least_squares(seed, s):
    """Equation eq-dictionary-nnk: with K = LL' it is |L'w - L^-1 k|^2, which SciPy solves."""
    points = cloud(seed, s + 1, 3)
    K = rbf_kernel(points)
    among, to = K[:s, :s] + 1e-6 * np.eye(s), K[:s, s]
    L = np.linalg.cholesky(among)
    wanted, _ = nnls(L.T, solve_triangular(L, to, lower=True))
    np.testing.assert_allclose(nnk_weights(among, to, max_iter=20_000), wanted, atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(seed=seeds)
def test_nnk_weights_satisfy_the_conditions_of_a_minimum(seed):
    points = cloud(seed, 60, 3).reshape(10, 6, 3)
    among = np.array([rbf_kernel(p[:5]) for p in points])
    to = np.array([rbf_kernel(p[:5], p[5:])[:, 0] for p in points])
    w = nnk_weights(among, to, max_iter=20_000)
    slope = np.einsum("nij,nj->ni", among, w) - to
    assert (w >= 0).all()
    assert (slope >= -1e-6).all()
    assert abs(w * slope).max() < 1e-6
    np.testing.assert_allclose(nnk_weights(among[3], to[3], max_iter=20_000), w[3], atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(a=st.floats(0.05, 0.95), b=st.floats(0.05, 0.95), between=st.floats(0.05, 0.95))
def test_the_kernel_ratio_interval(a, b, between):
    """The theorem of Shekkizhar and Ortega (2020) for unit diagonal: of two candidates both have a
    weight exactly if K_12 < k_1 / k_2 < 1 / K_12: neither hides the other."""
    if abs(a - between * b) < 1e-3 or abs(b - between * a) < 1e-3:
        return
    w = nnk_weights([[1, between], [between, 1]], [a, b])
    assert (w > 0).all() == (between < a / b < 1 / between)


def test_a_point_behind_another_is_left_out():
    x, near, behind, beside = np.array([[0.0, 0], [1, 0], [1.6, 0], [0, 1.3]])
    points = np.array([near, behind, beside])
    w = nnk_weights(rbf_kernel(points, gamma=0.5), rbf_kernel(points, x[None], gamma=0.5)[:, 0])
    assert w[1] == 0
    assert w[0] > w[2] > 0


@settings(deadline=None, max_examples=30)
@given(seed=seeds, n_neighbors=st.integers(1, 6))
def test_codes_are_on_the_nearest_atoms(seed, n_neighbors):
    X, atoms = cloud(seed), cloud(seed + 1, 6)
    to, among = X @ atoms.T, atoms @ atoms.T
    codes = nnk_codes(to, among, n_neighbors)
    distances = ((X[:, None] - atoms) ** 2).sum(-1)
    far = np.argsort(distances, axis=1)[:, n_neighbors:]
    assert not np.take_along_axis(codes, far, axis=1).any()
    errors = nnk_errors((X**2).sum(axis=1), to, among, codes)
    np.testing.assert_allclose(errors, ((X - codes @ atoms) ** 2).sum(axis=1), atol=1e-9)
    if n_neighbors == 1:
        np.testing.assert_array_equal(codes, np.eye(6)[distances.argmin(axis=1)])


@settings(deadline=None, max_examples=30)
@given(seed=seeds)
def test_refit_is_least_squares(seed):
    """Equation eq-dictionary-nnk-atoms, with the linear kernel: SciPy's lstsq on the codes."""
    X = cloud(seed, 30, 3)
    codes = np.abs(cloud(seed + 1, 30, 4))
    A = refit(X @ X.T, codes, np.zeros((30, 4)))
    np.testing.assert_allclose(A.T @ X, np.linalg.lstsq(codes, X, rcond=None)[0], atol=1e-8)
    codes[:, 2] = 0
    moved = refit(X @ X.T, codes, np.zeros((30, 4)))
    rest = moved.copy()
    rest[:, 2] = 0
    left = np.square(X - codes @ rest.T @ X).sum(axis=1)
    assert moved[:, 2].argmax() == left.argmax()
    assert moved[:, 2].sum() == 1


@settings(deadline=None, max_examples=10)
@given(seed=seeds, n_neighbors=st.integers(1, 4), kernel=st.sampled_from(["rbf", "linear"]))
def test_the_objective_never_rises(seed, n_neighbors, kernel):
    X = cloud(seed, 60) + 3
    model = NNKMeans(
        6, n_neighbors=n_neighbors, kernel=kernel, tol=0, max_iter=12, random_state=seed % 1000
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        model.fit(X)
    assert np.diff(model.error_).max(initial=0) <= 1e-10
    assert (model.codes_ >= 0).all()
    assert (model.codes_ > 0).sum(axis=1).max() <= n_neighbors


@pytest.mark.parametrize("seed", range(4))
def test_one_neighbour_and_linear_kernel_is_kmeans(seed):
    """Section "Summarise the data": the same steps as Lloyd's, the same end as scikit-learn's."""
    X = data.toy("blobs", 90, random_state=seed)[0]
    ours = NNKMeans(3, n_neighbors=1, kernel="linear", tol=0, random_state=seed).fit(X)
    start = X[spread_out(X @ X.T, 3, np.random.RandomState(seed))]
    theirs = cluster.KMeans(3, init=start, n_init=1, tol=0, algorithm="lloyd").fit(X)
    np.testing.assert_allclose(ours.components_, theirs.cluster_centers_, atol=1e-8)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    assert np.isclose(ours.error_[-1] * len(X), theirs.inertia_)
    np.testing.assert_allclose(lloyd_step(X, ours.components_)[0], ours.components_, atol=1e-8)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def test_more_neighbours_approximate_better():
    X = data.digits().x_train[:400].reshape(-1, 64).astype(float)
    errors = [
        NNKMeans(20, n_neighbors=k, kernel="linear", random_state=0).fit(X).error_[-1]
        for k in (1, 3)
    ]
    assert errors[1] < 0.8 * errors[0]


def test_transform_of_the_training_points_and_repeated_rows():
    X = cloud(0, 50)
    model = NNKMeans(5, n_neighbors=3, random_state=0).fit(X)
    codes = model.transform(X)
    kernel = rbf_kernel(X, gamma=model.gamma_)
    among = model.coefficients_.T @ kernel @ model.coefficients_
    np.testing.assert_allclose(codes, nnk_codes(kernel @ model.coefficients_, among, 3), atol=1e-6)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    errors = nnk_errors(np.diag(kernel), kernel @ model.coefficients_, among, model.codes_)
    assert np.isclose(errors.mean(), model.error_[-1])
    assert model.gamma_ == pytest.approx(1 / X.var(axis=0).sum())
    same = NNKMeans(3, random_state=0).fit(np.ones((6, 2)))
    assert np.isfinite(same.components_).all()
    assert np.isclose(same.error_[-1], 0)


def test_an_atom_at_the_origin_is_a_centre_like_others():
    """One neighbour and the linear kernel are k-means, also where a group lies on 0."""
    X = np.array([[0.0, 0]] * 3 + [[10, 0], [10, 0.1]])
    model = NNKMeans(2, n_neighbors=1, kernel="linear", random_state=0).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    np.testing.assert_array_equal(model.labels_[:3] == model.labels_[3], False)


@pytest.mark.parametrize("kernel", ["linear", "cosine"])
def test_atoms_of_length_zero_get_no_weight(kernel):
    X = np.vstack([np.zeros((4, 2)), np.eye(2), 2 * np.eye(2)])
    model = NNKMeans(4, kernel=kernel, random_state=0).fit(X)
    codes = model.transform(X)
    assert not codes[:, ~model.components_.any(axis=1)].any()
    assert not codes[:4].any()
    assert np.isclose(model.error_[-1], 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_components": 41}, "n_components=41.*one a row"),
        ({"n_neighbors": 0}, "n_neighbors=0"),
        ({"kernel": "cubic"}, "kernel='cubic'"),
        ({"gamma": 0}, "gamma=0"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"tol": -1}, "tol=-1"),
    ],
)
def test_bad_arguments(options, words):
    with pytest.raises(ValueError, match=words):
        NNKMeans(**options).fit(cloud(0))


def test_bad_kernels():
    with pytest.raises(ValueError, match=r"among has shape \(2, 2\) and to \(3,\)"):
        nnk_weights(np.eye(2), np.ones(3))
    with pytest.raises(ValueError, match="leave out candidates of length 0"):
        nnk_weights(np.diag([1.0, 0.0]), np.ones(2))
    with pytest.warns(exceptions.ConvergenceWarning, match="max_iter=1"):
        NNKMeans(5, max_iter=1, random_state=0).fit(cloud(0))
