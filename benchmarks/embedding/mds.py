"""Maps from distances: classical scaling, SMACOF, Isomap and LLE, ours and scikit-learn's."""

import warnings

import numpy as np
from scipy.spatial.distance import pdist, squareform
from sklearn import manifold
from sklearn.datasets import make_swiss_roll
from sklearn.exceptions import ConvergenceWarning

from benchmarks.harness import case
from companion.embedding.graphs import Isomap, LocallyLinearEmbedding
from companion.embedding.mds import ClassicalMDS, smacof


def points(n, d=20):
    """Gaussian points (n, d), less wide from coordinate to coordinate."""
    return np.random.default_rng(0).normal(size=(n, d)) * np.linspace(3, 1, d)


def same_up_to_sign(mine, other, atol):
    np.testing.assert_allclose(mine * np.sign((mine * other).sum(axis=0)), other, atol=atol)


@case("classical scaling, 1,500 x 1,500 distances", "scikit-learn", bar=0.5)
def classical():
    D = squareform(pdist(points(1500)))

    def agree(mine, other):
        np.testing.assert_allclose(mine.embedding_, other.embedding_, atol=1e-6)

    fits = [
        lambda kind=kind: kind(2, metric="precomputed").fit(D)
        for kind in (ClassicalMDS, manifold.ClassicalMDS)
    ]
    return *fits, agree


@case("SMACOF, 10 steps, 1,500 x 1,500 distances", "scikit-learn", bar=0.8)
def ten_steps():
    X = points(1500)
    D = squareform(pdist(X))
    options = {"init": X[:, :2], "max_iter": 10, "eps": 0, "n_init": 1}

    def run(function):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return function(D, **options)

    def agree(mine, other):
        np.testing.assert_allclose(mine[0], other[0], atol=1e-6)
        np.testing.assert_allclose(mine[1], other[1])

    return lambda: run(smacof), lambda: run(manifold.smacof), agree


@case(
    "Isomap, Swiss roll of 1,500 points",
    "scikit-learn",
    bar=1.2,
    note="Nearly all of it is SciPy's search for shortest paths, the same in both.",
)
def isomap():
    X = make_swiss_roll(1500, random_state=0)[0]

    def agree(mine, other):
        same_up_to_sign(mine.embedding_, other.embedding_, 1e-6)

    fits = [lambda kind=kind: kind(n_neighbors=10).fit(X) for kind in (Isomap, manifold.Isomap)]
    return *fits, agree


@case("locally linear embedding, Swiss roll of 1,500 points", "scikit-learn", bar=0.8)
def lle():
    X = make_swiss_roll(1500, random_state=0)[0]

    def agree(mine, other):
        same_up_to_sign(mine.embedding_, other.embedding_, 1e-4)

    fits = [
        lambda kind=kind: kind(n_neighbors=10, random_state=0).fit(X)
        for kind in (LocallyLinearEmbedding, manifold.LocallyLinearEmbedding)
    ]
    return *fits, agree
