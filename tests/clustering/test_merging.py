"""One merge, and all merges, from the points themselves and against SciPy."""

import numpy as np
import pytest
import scipy.cluster.hierarchy as reference
from scipy.spatial.distance import cdist, pdist, squareform

from companion.clustering.merging import (
    NOT_REDUCIBLE,
    SQUARED,
    lance_williams,
    merge_by_chain,
    merge_by_search,
)


def sample(n, p, seed=0):
    return np.random.default_rng(seed).normal(size=(n, p))


def between(method, one, other):
    """Distance of two sets of points by definition; squared for `SQUARED`."""
    if method in SQUARED:
        square = ((one.mean(axis=0) - other.mean(axis=0)) ** 2).sum()
        sizes = 2 * len(one) * len(other) / (len(one) + len(other))
        return square * sizes if method == "ward" else square
    return {"single": np.min, "complete": np.max, "average": np.mean}[method](cdist(one, other))


@pytest.mark.parametrize("method", ["single", "complete", "average", "ward", "centroid"])
def test_one_merge_from_the_points(method):
    """Clusters of 2, 3 and 5 points: the sizes must stand in the right places."""
    a, b, c = (sample(n, 3, seed=n) + n for n in (2, 3, 5))
    parts = between(method, a, c), between(method, b, c), between(method, a, b)
    found = lance_williams(method, *parts, len(a), len(b), len(c))
    assert found == pytest.approx(between(method, np.r_[a, b], c), rel=1e-12)


def test_the_median_is_the_middle_whatever_the_sizes():
    """Apollonius: the distance from c to the middle of a and b."""
    a, b, c = sample(3, 4)
    squares = [((p - q) ** 2).sum() for p, q in ((a, c), (b, c), (a, b))]
    expected = (((a + b) / 2 - c) ** 2).sum()
    assert lance_williams("median", *squares, 7, 2, 3) == pytest.approx(expected, rel=1e-12)
    assert lance_williams("weighted", 1.0, 2.0, 5.0, 7, 2, 3) == 1.5


def naive_heights(D, method):
    """Try every pair of clusters at every step, with a dictionary of all distances."""
    D = {(i, j): D[i, j] for i in range(len(D)) for j in range(i)}
    sizes, heights = dict.fromkeys({i for pair in D for i in pair}, 1), []

    def of(i, j):
        return D[max(i, j), min(i, j)]

    for new in range(len(sizes), 2 * len(sizes) - 1):
        a, b = min(((i, j) for i in sizes for j in sizes if j < i), key=D.get)
        heights.append(D[a, b])
        n_a, n_b = sizes.pop(a), sizes.pop(b)
        for c, n_c in sizes.items():
            D[new, c] = lance_williams(method, of(a, c), of(b, c), of(a, b), n_a, n_b, n_c)
        sizes[new] = n_a + n_b
    return np.array(heights)


@pytest.mark.parametrize("method", ["single", "complete", "average", "weighted", "ward"])
@pytest.mark.parametrize("n", [2, 3, 40])
def test_search_and_chain_agree_where_both_hold(method, n):
    D = squareform(pdist(sample(n, 3)))
    heights = naive_heights(D, method)
    np.testing.assert_allclose(merge_by_search(D.copy(), method)[1], heights)
    np.testing.assert_allclose(np.sort(merge_by_chain(D.copy(), method)[1]), heights)


@pytest.mark.parametrize("method", NOT_REDUCIBLE)
def test_search_finds_the_smallest_of_all_and_the_chain_does_not(method):
    D = squareform(pdist(sample(120, 3), "sqeuclidean"))
    edges, heights = merge_by_search(D.copy(), method)
    np.testing.assert_allclose(heights, naive_heights(D, method))
    assert edges.shape == (119, 2)
    assert (np.diff(heights) < 0).any()
    other = np.sort(merge_by_chain(D.copy(), method)[1])
    assert not np.allclose(other, np.sort(heights))


@pytest.mark.parametrize("method", NOT_REDUCIBLE)
def test_search_on_lattices_with_ties_is_a_tree_of_smallest_steps(method):
    """Ties may go to another pair than SciPy's; each step is smallest, which the loops check."""
    X = np.stack(np.meshgrid(np.arange(4), np.arange(4), np.arange(2)), axis=-1).reshape(-1, 3)
    D = squareform(pdist(X, "sqeuclidean"))
    heights = merge_by_search(D, method)[1]
    assert heights[0] == reference.linkage(X, method)[0, 2] == 1
    assert np.isfinite(heights).all()
    assert len(heights) == len(X) - 1
