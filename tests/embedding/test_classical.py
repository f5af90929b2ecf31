"""Classical scaling against scikit-learn, PCA, closed forms and SciPy's Procrustes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.stats import ortho_group
from sklearn import manifold
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.clustering.eigenvectors import SMALL
from companion.components.pca import PCA
from companion.embedding.classical import align, classical_scaling, gram_matrix, pairwise
from companion.embedding.mds import ClassicalMDS, is_euclidean

SEEDS = st.integers(0, 10**6)
STAR = np.array([[0, 1, 1, 1], [1, 0, 2, 2], [1, 2, 0, 2], [1, 2, 2, 0]], dtype=float)


@parametrize_with_checks([ClassicalMDS(1), ClassicalMDS(2)])
def test_estimator_checks(estimator, check):
    check(estimator)


def distances(X):
    return squareform(pdist(X))


def points(n=40, d=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) * np.arange(1, d + 1)


@settings(deadline=None, max_examples=40)
@given(seed=SEEDS, n=st.integers(2, 12), d=st.integers(1, 6))
def test_gram_matrix_holds_the_inner_products(seed, n, d):
    """`eq-mds-gram`: B = X X' of the centred points."""
    X = points(n, d, seed)
    centred = X - X.mean(axis=0)
    np.testing.assert_allclose(gram_matrix(distances(X)), centred @ centred.T, atol=1e-10)


def test_gram_matrix_is_hah():
    D, H = distances(points(7)), np.eye(7) - 1 / 7
    np.testing.assert_allclose(gram_matrix(D), H @ (-(D**2) / 2) @ H, atol=1e-10)


@pytest.mark.parametrize("n", [30, SMALL + 50])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_same_coordinates_as_scikit_learn(n, k):
    """Section "Against a reference"; both solvers, dense and Lanczos."""
    X = points(n)
    ours, theirs = (kind(k).fit(X) for kind in (ClassicalMDS, manifold.ClassicalMDS))
    np.testing.assert_allclose(ours.embedding_, theirs.embedding_, atol=1e-8)
    np.testing.assert_allclose(ours.eigenvalues_, theirs.eigenvalues_)
    np.testing.assert_allclose(ours.dissimilarity_matrix_, theirs.dissimilarity_matrix_, atol=1e-9)


@pytest.mark.parametrize("metric", ["cityblock", "cosine", lambda x, y: np.abs(x - y).max()])
def test_other_metrics_as_scikit_learn(metric):
    X = points(30)
    ours, theirs = (kind(metric=metric).fit(X) for kind in (ClassicalMDS, manifold.ClassicalMDS))
    np.testing.assert_allclose(ours.embedding_, theirs.embedding_, atol=1e-8)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, n=st.integers(4, 30), d=st.integers(1, 4))
def test_euclidean_distances_are_met_exactly(seed, n, d):
    """Section "From distances to inner products": with k = d the map is the points, moved."""
    X = points(n, d, seed)
    d = min(d, n - 1)
    Y = ClassicalMDS(d, metric="precomputed").fit_transform(distances(X))
    np.testing.assert_allclose(pdist(Y), pdist(X), atol=1e-6)
    if d == X.shape[1]:
        np.testing.assert_allclose(align(Y, X), X, atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS)
def test_translation_rotation_and_reflection_change_nothing(seed):
    """Section "One of many maps"."""
    rng = np.random.default_rng(seed)
    X = points(20, 3, seed)
    moved = X @ ortho_group.rvs(3, random_state=seed) * rng.choice([-1, 1]) + rng.normal(size=3)
    one, other = (ClassicalMDS(2).fit(Z) for Z in (X, moved))
    np.testing.assert_allclose(one.embedding_, other.embedding_, atol=1e-7)
    np.testing.assert_allclose(one.eigenvalues_, other.eigenvalues_)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, factor=st.floats(0.1, 10))
def test_the_map_has_the_units_of_the_distances(seed, factor):
    D = distances(points(15, 3, seed))
    one, other = (ClassicalMDS(metric="precomputed").fit_transform(D * f) for f in (1, factor))
    np.testing.assert_allclose(other, factor * one, atol=1e-7 * factor)


@pytest.mark.parametrize("n", [40, SMALL + 50])
def test_it_is_pca_on_euclidean_distances(n):
    """Section "The same as principal components"."""
    X = points(n)
    pca, mds = PCA(3).fit(X), ClassicalMDS(3).fit(X)
    Z = pca.transform(X)
    signs = np.sign((Z * mds.embedding_).sum(axis=0))
    np.testing.assert_allclose(Z * signs, mds.embedding_, atol=1e-8)
    np.testing.assert_allclose(mds.eigenvalues_, (n - 1) * pca.explained_variance_)


def test_a_star_fits_no_flat_space():
    """Section "When is there a flat map at all?": half way between each two leaves is nowhere."""
    assert not is_euclidean(STAR)
    values = np.linalg.eigvalsh(gram_matrix(STAR))
    np.testing.assert_allclose(values, [-0.25, 0, 2, 2], atol=1e-12)
    assert is_euclidean(np.sqrt(STAR))  # and of any tree the roots are Euclidean
    ours = ClassicalMDS(4, metric="precomputed").fit(STAR)
    np.testing.assert_allclose(ours.eigenvalues_, values[::-1], atol=1e-12)
    np.testing.assert_array_equal(ours.embedding_[:, 3], 0)  # scikit-learn has NaN here


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, n=st.integers(2, 15), d=st.integers(1, 20))
def test_distances_of_points_are_euclidean(seed, n, d):
    assert is_euclidean(distances(points(n, d, seed)))


def test_arcs_are_not_euclidean_but_chords_are():
    """A sphere does not flatten; its chords are distances in three dimensions."""
    X = np.random.default_rng(0).normal(size=(12, 3))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    arcs = np.arccos(np.clip(X @ X.T, -1, 1))
    np.fill_diagonal(arcs, 0)
    assert not is_euclidean(arcs)
    assert is_euclidean(distances(X))
    Y = ClassicalMDS(3, metric="precomputed").fit_transform(2 * np.sin(arcs / 2))
    np.testing.assert_allclose(align(Y, X), X, atol=1e-7)


def test_it_minimises_the_strain():
    """No other Y of two columns is closer to B: Eckart and Young, by random steps."""
    D = distances(points(15)) ** 0.7
    B = gram_matrix(D)
    Y = classical_scaling(D, 2)[1]
    best, rng = np.square(B - Y @ Y.T).sum(), np.random.default_rng(0)
    for size in (1e-3, 1e-1, 1):
        for _ in range(20):
            Z = Y + size * rng.normal(size=Y.shape)
            assert np.square(B - Z @ Z.T).sum() > best


def test_a_repeated_eigenvalue_by_lanczos():
    """All points at the same distance: every eigenvalue is 1/2, and any k columns are right."""
    n = SMALL + 20
    values, Y = classical_scaling(1 - np.eye(n), 3)
    np.testing.assert_allclose(values, 0.5)
    np.testing.assert_allclose(Y.T @ Y, 0.5 * np.eye(3), atol=1e-8)


def test_equal_points_stay_together():
    model = ClassicalMDS(2).fit(np.ones((5, 3)))
    np.testing.assert_array_equal(model.embedding_, 0)
    np.testing.assert_array_equal(model.transform(np.ones((2, 3))), 0)


@pytest.mark.parametrize("precomputed", [False, True])
def test_new_points_find_their_place(precomputed):
    """Exercise "One more city": from distances to three known points on, the place is exact."""
    X = points(12, 2)
    old, new = X[:8], X[8:]
    model = ClassicalMDS(2, metric="precomputed" if precomputed else "euclidean")
    Y = model.fit(distances(old) if precomputed else old).embedding_
    placed = model.transform(cdist(new, old) if precomputed else new)
    np.testing.assert_allclose(cdist(placed, Y), cdist(new, old), atol=1e-8)
    np.testing.assert_allclose(model.transform(distances(old) if precomputed else old), Y)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, n=st.integers(3, 10), k=st.integers(1, 3))
def test_align_is_procrustes(seed, n, k):
    rng = np.random.default_rng(seed)
    X, target = rng.normal(size=(2, n, k))
    aligned = align(X, target)
    np.testing.assert_allclose(pdist(aligned), pdist(X), atol=1e-9)
    rotation, _ = orthogonal_procrustes(X - X.mean(axis=0), target - target.mean(axis=0))
    best = np.square(aligned - target).sum()
    for _ in range(5):
        other = (X - X.mean(axis=0)) @ ortho_group.rvs(k, random_state=rng) if k > 1 else -X
        other = other - other.mean(axis=0) + target.mean(axis=0)
        assert np.square(other - target).sum() >= best - 1e-9
    np.testing.assert_allclose(
        aligned - target.mean(axis=0), (X - X.mean(axis=0)) @ rotation, atol=1e-9
    )


def test_pairwise_equals_scipy():
    X = points(30)
    for metric in ("euclidean", "cityblock"):
        np.testing.assert_allclose(pairwise(X, metric), squareform(pdist(X, metric)), atol=1e-9)


@pytest.mark.parametrize(
    ("X", "arguments", "message"),
    [
        (points(5), {"n_components": 0}, "n_components=0"),
        (points(5), {"n_components": 6}, "n_components=6.*n points span no more"),
        (np.ones((2, 3)), {"metric": "precomputed"}, "X has shape .*square"),
        (np.array([[0.0, 1.0], [2.0, 0.0]]), {"metric": "precomputed"}, "symmetric.*averaged"),
        (np.array([[0.0, -1.0], [-1.0, 0.0]]), {"metric": "precomputed"}, "negative entry, -1"),
        (np.array([[1.0, 1.0], [1.0, 0.0]]), {"metric": "precomputed"}, "on its diagonal"),
        (points(5), {"metric": lambda x, y: -1.0}, "metric=.*negative"),
    ],
)
def test_bad_input_is_named(X, arguments, message):
    with pytest.raises(ValueError, match=message):
        ClassicalMDS(**{"n_components": 2} | arguments).fit(X)


def test_is_euclidean_checks_its_argument():
    with pytest.raises(ValueError, match="distances is not symmetric"):
        is_euclidean([[0, 1], [2, 0]])
