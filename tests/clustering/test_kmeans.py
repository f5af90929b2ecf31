"""K-means against scikit-learn, enumeration and theorems (chapter `kmeans`)."""

import numpy as np
import pytest
import sklearn.cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.clustering.kmeans import (
    KMeans,
    MiniBatchKMeans,
    best_partition,
    distortion,
    kmeans_plusplus,
    lloyd_step,
    mini_batch_step,
)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
@pytest.mark.parametrize("make", [KMeans, MiniBatchKMeans])
def test_sparse_rows_are_rows(make, kind):
    counts = np.random.default_rng(0).poisson(0.3, size=(60, 12))
    dense, thin = (make(4, n_init=2, random_state=0).fit(X) for X in (counts, kind(counts)))
    for name in ("labels_", "cluster_centers_", "inertia_"):
        np.testing.assert_array_equal(getattr(thin, name), getattr(dense, name))
    np.testing.assert_array_equal(thin.predict(kind(counts)), dense.labels_)
    np.testing.assert_array_equal(thin.transform(kind(counts)), dense.transform(counts))
    if make is MiniBatchKMeans:
        thin, dense = (make(4, random_state=0).partial_fit(X) for X in (kind(counts), counts))
        np.testing.assert_array_equal(thin.cluster_centers_, dense.cluster_centers_)


@parametrize_with_checks([KMeans(), MiniBatchKMeans()])
def test_estimator_checks(estimator, check):
    check(estimator)


def random_problem(seed, n=80, d=3, k=4):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * rng.uniform(0.1, 3, d)
    return X, X[rng.choice(n, k, replace=False)]


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 4))
def test_distortion_never_rises(seed, k, d):
    """Both steps of eq-kmeans-assign and eq-kmeans-update lower J, eq-kmeans-distortion."""
    X, centers = random_problem(seed, d=d, k=k)
    values = []
    for _ in range(8):
        moved, labels = lloyd_step(X, centers)
        values += [distortion(X, centers, labels), distortion(X, moved, labels)]
        centers = moved
    assert (np.diff(values) <= 1e-10 * values[0]).all()


@given(st.integers(0, 2**32 - 1))
def test_step_is_nearest_centre_then_mean(seed):
    """Eq-kmeans-assign and eq-kmeans-update, against SciPy's distances and plain means."""
    X, centers = random_problem(seed)
    moved, labels = lloyd_step(X, centers)
    np.testing.assert_array_equal(labels, cdist(X, centers).argmin(axis=1))
    for cluster in range(len(centers)):
        np.testing.assert_allclose(moved[cluster], X[labels == cluster].mean(axis=0), atol=1e-12)
    assert distortion(X, centers, labels) == pytest.approx(
        (cdist(X, centers) ** 2).min(axis=1).sum()
    )


def test_steps_equal_scipy():
    X, centers = random_problem(0, n=500, d=4, k=6)
    theirs, labels = kmeans2(X, centers, iter=7, minit="matrix", missing="raise")
    for _ in range(7):
        centers, ours = lloyd_step(X, centers)
    np.testing.assert_allclose(centers, theirs, atol=1e-12)
    np.testing.assert_array_equal(ours, labels)


def fit_both(X, init, **options):
    ours = KMeans(len(init), init=init, **options).fit(X)
    theirs = sklearn.cluster.KMeans(len(init), init=init, n_init=1, **options).fit(X)
    return ours, theirs


def assert_same(ours, theirs, scale=1.0):
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_allclose(
        ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-10, atol=1e-10 * scale
    )
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-10)


@pytest.mark.parametrize("tol", [0, 1e-4])
@pytest.mark.parametrize(("n", "d", "k"), [(3000, 2, 5), (3000, 10, 12), (2000, 50, 20)])
def test_fit_equals_scikit_learn_from_the_same_start(n, d, k, tol):
    X, _ = make_blobs(n, d, centers=k, cluster_std=6.0, random_state=d)
    assert_same(*fit_both(X, X[:k], tol=tol), scale=10)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.floats(-1e3, 1e3))
@settings(max_examples=40, deadline=None)
def test_skipping_points_changes_nothing(seed, k, offset):
    """The bounds on movement are exact: any start, any place, as scikit-learn without bounds."""
    X, centers = random_problem(seed, n=150, d=2, k=k)
    assert_same(*fit_both(X + offset, centers + offset, tol=0), scale=max(1.0, abs(offset)))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_number_of_iterations_equals_scikit_learn():
    X, centers = random_problem(5, n=400, k=7)
    for max_iter in range(1, 8):
        assert_same(*fit_both(X, centers, max_iter=max_iter, tol=0))


@pytest.mark.parametrize("random_state", range(5))
def test_same_seed_as_scikit_learn_gives_the_same_clusters(random_state):
    X = load_digits().data
    ours = KMeans(10, random_state=random_state).fit(X)
    assert_same(ours, sklearn.cluster.KMeans(10, random_state=random_state).fit(X), scale=16)


@pytest.mark.parametrize("n_lost", [1, 2, 5])
def test_empty_clusters_restart_far_away_as_in_scikit_learn(n_lost):
    X, centers = random_problem(1, n=200, d=2, k=8)
    centers[:n_lost] += 1e3 * np.arange(1, n_lost + 1)[:, None]  # nobody's nearest centre
    ours, theirs = fit_both(X, centers, tol=0)
    assert_same(ours, theirs)
    assert len(np.unique(ours.labels_)) == 8


def test_more_clusters_than_distinct_points_warns_and_is_exact():
    X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 5, axis=0)
    with pytest.warns(ConvergenceWarning, match="found 2 distinct clusters.*ask for fewer"):
        model = KMeans(4, random_state=0).fit(X)
    assert model.inertia_ == 0
    assert np.isfinite(model.cluster_centers_).all()


def test_max_iter_warns():
    X, centers = random_problem(2, n=500, k=6)
    with pytest.warns(ConvergenceWarning, match="max_iter=2 steps: raise max_iter or tol"):
        KMeans(6, init=centers, max_iter=2, tol=0).fit(X)


def test_more_starts_are_never_worse_and_random_starts_are_reproducible():
    X, _ = make_blobs(300, 2, centers=12, cluster_std=0.5, random_state=3)
    inertia = [
        KMeans(12, init="random", n_init=n, random_state=0).fit(X).inertia_ for n in (1, 3, 10, 30)
    ]
    assert inertia == sorted(inertia, reverse=True)
    assert inertia[0] > 1.05 * inertia[-1]
    again = KMeans(12, init="random", n_init=10, random_state=0).fit(X)
    assert again.inertia_ == inertia[2]


def test_callable_init_and_new_points():
    X, _ = random_problem(3)
    model = KMeans(4, init=lambda X, k, random_state: X[:k], n_init=1).fit(X)
    theirs = sklearn.cluster.KMeans(4, init=X[:4], n_init=1).fit(X)
    new = np.random.default_rng(0).normal(size=(30, 3))
    np.testing.assert_array_equal(model.predict(new), theirs.predict(new))
    np.testing.assert_allclose(model.transform(new), theirs.transform(new), atol=1e-10)
    assert model.score(new) == pytest.approx(theirs.score(new))


def test_global_random_state_is_left_alone():
    X, _ = random_problem(4)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    KMeans(3, random_state=0).fit(X)
    MiniBatchKMeans(3, random_state=0).fit(X)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


# Seeding


@pytest.mark.parametrize(("d", "k"), [(1, 3), (2, 30), (10, 8), (50, 20)])
def test_seeds_equal_scikit_learn(d, k):
    X = np.random.default_rng(d).normal(size=(2000, d))
    for random_state in range(5):
        centers, indices = kmeans_plusplus(X, k, random_state=random_state)
        _, theirs = sklearn.cluster.kmeans_plusplus(X, k, random_state=random_state)
        np.testing.assert_array_equal(indices, theirs)
        np.testing.assert_array_equal(centers, X[indices])


def test_second_seed_is_drawn_in_proportion_to_squared_distance():
    """Eq-kmeans-plusplus, by a chi-square test on 3,000 draws."""
    X = np.array([[0.0], [1.0], [3.0], [4.0], [10.0]])
    rng = np.random.RandomState(0)
    counts = np.zeros((5, 5))
    for _ in range(3000):
        counts[tuple(kmeans_plusplus(X, 2, random_state=rng, n_local_trials=1)[1])] += 1
    squared = cdist(X, X, "sqeuclidean")
    expected = squared / squared.sum(axis=1, keepdims=True) / 5
    off_diagonal = ~np.eye(5, dtype=bool)
    assert (counts[~off_diagonal] == 0).all()
    test = stats.chisquare(counts[off_diagonal], 3000 * expected[off_diagonal])
    assert test.pvalue > 1e-3
    uniform = stats.chisquare(counts[off_diagonal], np.full(20, 150.0))
    assert uniform.pvalue < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_expected_distortion_of_seeds_obeys_arthur_and_vassilvitskii(seed):
    """E[J] <= 8 (ln k + 2) J_best, with the best partition by enumeration."""
    X, k = np.random.default_rng(seed).normal(size=(10, 2)) ** 3, 3
    labels = best_partition(X, k)
    best = sum(((X[labels == c] - X[labels == c].mean(0)) ** 2).sum() for c in range(k))
    rng = np.random.RandomState(seed)
    J = [
        cdist(X, kmeans_plusplus(X, k, random_state=rng, n_local_trials=1)[0], "sqeuclidean")
        .min(axis=1)
        .sum()
        for _ in range(500)
    ]
    assert best <= min(J) + 1e-12
    assert np.mean(J) <= 8 * (np.log(k) + 2) * best


def test_seeds_of_equal_points():
    centers, _ = kmeans_plusplus(np.ones((5, 2)), 3, random_state=0)
    np.testing.assert_array_equal(centers, np.ones((3, 2)))


# Mini-batches


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_centres_are_running_means(seed):
    """Eq-kmeans-minibatch: each centre is the mean of all it was ever given."""
    X, centers = random_problem(seed, n=120)
    counts, given_to = np.zeros(4), [[] for _ in range(4)]
    for batch in np.array_split(X, 6):
        for cluster, x in zip(cdist(batch, centers).argmin(axis=1), batch, strict=True):
            given_to[cluster].append(x)
        J = (cdist(batch, centers) ** 2).min(axis=1).sum()
        centers, counts, before = mini_batch_step(batch, centers, counts)
        assert before == pytest.approx(J)
    for cluster in range(4):
        assert counts[cluster] == len(given_to[cluster])
        if given_to[cluster]:
            np.testing.assert_allclose(
                centers[cluster], np.mean(given_to[cluster], axis=0), atol=1e-12
            )


def test_partial_fit_equals_scikit_learn():
    X, _ = make_blobs(5000, 6, centers=9, cluster_std=3.0, random_state=0)
    options = {"init": X[:9], "n_init": 1, "reassignment_ratio": 0.0, "random_state": 0}
    ours, theirs = MiniBatchKMeans(9, **options), sklearn.cluster.MiniBatchKMeans(9, **options)
    for batch in np.array_split(X, 20):
        ours.partial_fit(batch)
        theirs.partial_fit(batch)
        np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, atol=1e-10)
        np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    assert ours.n_steps_ == 20
    assert ours.counts_.sum() == len(X)


def test_partial_fit_continues_where_it_was():
    X, _ = random_problem(6)
    model = MiniBatchKMeans(4, random_state=0).fit(X)
    steps, counts = model.n_steps_, model.counts_.sum()
    model.partial_fit(X)
    assert (model.n_steps_, model.counts_.sum()) == (steps + 1, counts + len(X))


def test_mini_batch_is_as_good_as_scikit_learn():
    X, _ = make_blobs(4000, 5, centers=10, cluster_std=2.0, random_state=1)
    full = KMeans(10, n_init=5, random_state=0).fit(X).inertia_
    ours = [MiniBatchKMeans(10, random_state=s).fit(X).inertia_ for s in range(5)]
    theirs = [
        sklearn.cluster.MiniBatchKMeans(10, random_state=s, n_init="auto").fit(X).inertia_
        for s in range(5)
    ]
    assert np.median(ours) <= 1.02 * np.median(theirs)
    assert min(ours) <= 1.03 * full
    assert min(ours) >= full * (1 - 1e-9)


def test_mini_batch_max_iter_warns():
    X, _ = random_problem(7, n=300)
    with pytest.warns(ConvergenceWarning, match="max_iter=1 passes: raise it"):
        MiniBatchKMeans(4, batch_size=100, max_iter=1, random_state=0).fit(X)


# Bad input

X20 = np.random.default_rng(0).normal(size=(20, 2))
WITH_NAN = np.where(np.arange(40).reshape(20, 2) == 7, np.nan, X20)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: KMeans(21).fit(X20), "n_clusters=21.*n_samples=20"),
        (lambda: KMeans(0).fit(X20), "n_clusters=0"),
        (lambda: KMeans(2.5).fit(X20), "n_clusters=2.5"),
        (lambda: KMeans(2).fit(X20[:1]), "n_samples=1"),
        (lambda: KMeans(2).fit(WITH_NAN), "Input X contains NaN"),
        (lambda: KMeans(2).fit(X20[:, 0]), "Reshape your data"),
        (lambda: KMeans(2, init="best").fit(X20), "init='best'.*'k-means\\+\\+'"),
        (lambda: KMeans(2, init=X20[:3]).fit(X20), r"init has shape \(3, 2\).*n_clusters=2"),
        (lambda: KMeans(2, init=np.ones((2, 3))).fit(X20), r"init has shape \(2, 3\).*2 features"),
        (lambda: KMeans(2, init=WITH_NAN[2:4]).fit(X20), "Input init contains NaN"),
        (lambda: KMeans(2, n_init=0).fit(X20), "n_init=0.*'auto'"),
        (lambda: KMeans(2, max_iter=0).fit(X20), "max_iter=0"),
        (lambda: KMeans(2, tol=-1.0).fit(X20), "tol=-1.0"),
        (lambda: KMeans(2).fit(X20).predict(np.ones((3, 5))), "5 features"),
        (lambda: MiniBatchKMeans(21).partial_fit(X20), "n_clusters=21.*n_samples=20"),
        (lambda: MiniBatchKMeans(2, batch_size=0).fit(X20), "batch_size=0"),
        (lambda: MiniBatchKMeans(2, reassignment_ratio=-0.1).fit(X20), "reassignment_ratio=-0.1"),
        (lambda: MiniBatchKMeans(2, max_no_improvement=0).fit(X20), "max_no_improvement=0"),
        (lambda: MiniBatchKMeans(2, init_size=0).fit(X20), "init_size=0"),
        (lambda: kmeans_plusplus(X20, 21), "n_clusters=21"),
        (lambda: kmeans_plusplus(X20, 2, n_local_trials=0), "n_local_trials=0"),
        (lambda: kmeans_plusplus(WITH_NAN, 2), "NaN"),
    ],
)
def test_bad_input_names_argument_value_and_remedy(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("offset", [1e6, 1e8, 1.7e9, 1e10])
@pytest.mark.parametrize("make", [KMeans, MiniBatchKMeans])
def test_it_does_not_matter_where_the_origin_is(make, offset):
    """Three groups, 5 apart, with time stamps for coordinates: where scikit-learn's fall apart."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 100)
    X = np.array([[0.0, 0], [5, 0], [0, 5]])[y] + 0.3 * rng.normal(size=(300, 2)) + offset
    model = make(3, random_state=0, n_init=3).fit(X)
    assert len({*zip(y.tolist(), model.labels_.tolist(), strict=True)}) == 3
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    distances = cdist(X - offset, model.cluster_centers_ - offset)
    np.testing.assert_allclose(model.transform(X), distances, atol=1e-15 * offset + 1e-12)
    assert -model.score(X) == pytest.approx(model.inertia_, rel=1e-5)
    seeds = kmeans_plusplus(X, 3, random_state=0)[1]
    np.testing.assert_array_equal(seeds, kmeans_plusplus(X - offset, 3, random_state=0)[1])


def test_a_batch_leaves_its_inertia_and_the_number_of_steps():
    X, _ = random_problem(0)
    model = MiniBatchKMeans(4, random_state=0).partial_fit(X).partial_fit(X)
    assert model.n_iter_ == 2
    assert model.inertia_ > 0
