"""Metric and non-metric scaling against scikit-learn, with the same start, and invariances."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform
from sklearn import manifold
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.embedding.isotonic import rank_levels
from companion.embedding.mds import MDS, ClassicalMDS, align, smacof, stress

SEEDS = st.integers(0, 10**6)
CHANGES = [np.log1p, np.exp, np.sqrt, lambda D: D**3 + 5, lambda D: D / 100]


@parametrize_with_checks([MDS(1), MDS(2, metric_mds=False)])
def test_estimator_checks(estimator, check):
    check(estimator)


def points(n=30, d=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) * np.arange(1, d + 1)


def distances(X):
    return squareform(pdist(X))


def change(D, function):
    """The function of every distance between two points; the diagonal stays zero."""
    return squareform(function(squareform(D)))


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("normalized_stress", [True, False, "auto"])
def test_metric_as_scikit_learn(k, normalized_stress):
    """Section "Against a reference": same start, same steps, same stop."""
    D, init = distances(points()) ** 1.3, points(30, k, seed=1)
    options = {"init": init, "return_n_iter": True, "normalized_stress": normalized_stress}
    options |= {"eps": 1e-5, "max_iter": 1000}
    ours, theirs = smacof(D, **options), manifold.smacof(D, **options)
    np.testing.assert_allclose(ours[0], theirs[0], atol=1e-7)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-9)
    assert ours[2] == theirs[2]


def test_the_same_random_starts_as_scikit_learn():
    D = distances(points()) ** 1.3
    options = {"n_init": 4, "random_state": 3, "return_n_iter": True, "eps": 1e-5}
    options |= {"max_iter": 2000}
    ours, theirs = smacof(D, **options), manifold.smacof(D, **options)
    np.testing.assert_allclose(ours[0], theirs[0], atol=1e-6)
    assert ours[2] == theirs[2]


@pytest.mark.parametrize("n_values", [None, 6])
@pytest.mark.parametrize("normalized_stress", [False, "auto"])
def test_non_metric_as_scikit_learn_given_the_ranks(n_values, normalized_stress):
    """Ours from the values is theirs from the ranks, with ties too; the rest is invariance."""
    D, init = distances(points()) ** 1.3, points(30, 2, seed=1)
    if n_values:
        D = np.ceil(D / D.max() * n_values)
    options = {"metric": False, "init": init, "return_n_iter": True, "max_iter": 1000}
    options |= {"normalized_stress": normalized_stress}
    ours = smacof(D, **options)
    ranks = squareform(rank_levels(squareform(D)) + 1.0)
    theirs = manifold.smacof(ranks, **options)
    np.testing.assert_allclose(ours[0], theirs[0], atol=1e-8)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-8)
    assert ours[2] == theirs[2]


@pytest.mark.parametrize("metric_mds", [True, False])
def test_class_as_scikit_learn(metric_mds):
    X = points() ** 3
    options = {"metric_mds": metric_mds, "eps": 1e-5, "max_iter": 1000}
    init = points(30, 2, 1)
    ours = MDS(**options).fit(X, init=init)
    D = distances(X) if metric_mds else squareform(rank_levels(pdist(X)) + 1.0)
    theirs = manifold.MDS(**options, init="random", metric="precomputed").fit(D, init=init)
    np.testing.assert_allclose(ours.embedding_, theirs.embedding_, atol=1e-6)
    np.testing.assert_allclose(ours.stress_, theirs.stress_)
    assert ours.n_iter_ == theirs.n_iter_


def test_the_start_by_classical_scaling_as_scikit_learn():
    X = points() ** 3
    ours = MDS(eps=1e-5).fit(X)
    theirs = manifold.MDS(eps=1e-5, init="classical_mds").fit(X)
    np.testing.assert_allclose(ours.embedding_, theirs.embedding_, atol=1e-6)
    assert ours.n_iter_ == theirs.n_iter_


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS, which=st.integers(0, len(CHANGES) - 1), tied=st.booleans())
def test_non_metric_feels_no_monotone_change(seed, which, tied):
    """Section "Only the order": the very same map, to the last bit, whatever the start."""
    D = distances(points(15, 3, seed))
    if tied:
        D = np.ceil(D)
    for init in ("classical_mds", "random"):
        model = MDS(metric_mds=False, metric="precomputed", init=init, random_state=seed, eps=1e-4)
        one = model.fit_transform(D)
        other = model.fit_transform(change(D, CHANGES[which]))
        np.testing.assert_array_equal(one, other)


def test_metric_does_feel_it():
    D = distances(points(15, 2))
    one, other = (MDS(metric="precomputed").fit(E) for E in (D, change(D, np.sqrt)))
    assert one.stress_ < 1e-6
    assert stress(other.embedding_, other.dissimilarity_matrix_, normalized=True) > 0.05


def test_ranks_alone_give_the_map_back():
    """Section "Only the order": with many points, the order fixes the shape."""
    X = points(60, 2)
    model = MDS(metric_mds=False, metric="precomputed", eps=1e-9, max_iter=3000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        Y = model.fit_transform(change(distances(X), lambda D: D**4))
    Y *= np.sqrt(np.square(X - X.mean(axis=0)).sum() / np.square(Y).sum())
    assert np.abs(align(Y, X) - X).max() < 0.1
    assert model.stress_ < 0.003


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS)
def test_euclidean_distances_have_no_stress(seed):
    X = points(12, 2, seed)
    model = MDS().fit(X)
    assert model.stress_ < 1e-9
    np.testing.assert_allclose(align(model.embedding_, X), X, atol=1e-6)


def test_less_stress_than_classical_scaling():
    """Section "Stress": classical scaling minimises something else."""
    X = points() ** 3
    classical = ClassicalMDS(2).fit(X)
    D = classical.dissimilarity_matrix_
    assert MDS(2).fit(X).stress_ < 0.95 * stress(classical.embedding_, D)


def test_more_starts_are_never_worse():
    D = distances(points()) ** 2
    one, many = (smacof(D, n_init=n, random_state=0, max_iter=5000)[1] for n in (1, 6))
    assert many <= one


@pytest.mark.parametrize("metric_mds", [True, False])
def test_same_seed_same_map(metric_mds):
    X = points()
    model = MDS(metric_mds=metric_mds, init="random", n_init=2, random_state=5, eps=1e-4)
    np.testing.assert_array_equal(model.fit_transform(X), model.fit_transform(X))


def test_a_zero_is_a_value_like_others():
    """Two points at distance 0: theirs takes it as missing, ours as the smallest."""
    X = points(12, 2)
    X[1] = X[0]
    Y = MDS(metric_mds=False, eps=1e-9, max_iter=5000).fit_transform(X)
    assert pdist(Y)[0] <= pdist(Y)[1:].min()


def test_all_points_equal():
    for metric_mds in (True, False):
        model = MDS(metric_mds=metric_mds).fit(np.ones((5, 2)))
        assert np.isfinite(model.embedding_).all()
    assert MDS(normalized_stress=True).fit(np.ones((5, 2))).stress_ == 0


def test_warns_at_max_iter():
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        smacof(distances(points()) ** 2, max_iter=3, eps=1e-12, random_state=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_components": 0}, "n_components=0"),
        ({"n_init": 0}, "n_init=0"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"eps": -1}, "eps=-1"),
        ({"init": np.zeros((3, 2))}, r"init has shape \(3, 2\).*one row a point"),
        ({"init": np.full((30, 2), np.nan)}, "finite"),
        ({"normalized_stress": "yes"}, "normalized_stress='yes'.*'auto'"),
    ],
)
def test_bad_arguments_of_smacof_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        smacof(distances(points()), **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"init": "pca"}, "init='pca'.*'classical_mds'"), ({"n_components": 31}, "n_components=31")],
)
def test_bad_arguments_of_the_class_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        MDS(**arguments).fit(points())


@pytest.mark.parametrize("D", [[[0, 1], [2, 0]], [[0, 1]], [[0, -1], [-1, 0]]])
def test_bad_distances_are_named(D):
    with pytest.raises(ValueError, match="dissimilarities"):
        smacof(D)
