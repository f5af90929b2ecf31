"""Distances against SciPy, and the axioms of the chapter (section "What is a distance?")."""

import numpy as np
import pytest
import scipy.spatial.distance as reference
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from companion.clustering.distances import (
    correlation_distance,
    distance_matrix,
    edit_distance,
    hamming,
    minkowski,
    squared_distances,
)

NUMBERS = st.floats(-1e3, 1e3, width=32)
WORDS = st.text("abc", max_size=7)


def vectors(n):
    return st.tuples(*[arrays(np.float64, 4, elements=NUMBERS)] * n)


def assert_metric(distance, a, b, c, slack=0.0):
    """The axioms eq-hierarchical-axioms for one triple."""
    ab, bc, ac = distance(a, b), distance(b, c), distance(a, c)
    assert min(ab, bc, ac) >= 0
    assert ab == distance(b, a)
    assert distance(a, a) == 0
    assert ab > 0 or np.array_equal(a, b)
    assert ac <= ab + bc + slack


@pytest.mark.parametrize("r", [1, 1.5, 2, 3, np.inf])
@given(vectors(3))
def test_minkowski_is_a_metric_from_r_equal_1_on(r, triple):
    a, b, c = triple
    assert_metric(lambda x, y: minkowski(x, y, r), a, b, c, slack=1e-9)


@given(st.tuples(*[arrays(np.int8, 6, elements=st.integers(0, 2))] * 3))
def test_hamming_is_a_metric(triple):
    assert_metric(hamming, *triple)


@given(st.tuples(WORDS, WORDS, WORDS))
def test_edit_distance_is_a_metric(triple):
    assert_metric(edit_distance, *triple)


@given(vectors(3))
def test_root_of_correlation_distance_obeys_the_triangle_inequality(triple):
    if min(np.ptp(x) for x in triple) < 1e-2:
        return
    a, b, c = triple
    assert correlation_distance(a, b) == correlation_distance(b, a)
    assert correlation_distance(a, a) == pytest.approx(0, abs=1e-12)
    assert 0 <= correlation_distance(a, b) <= 2
    ab, bc, ac = (np.sqrt(correlation_distance(*p)) for p in ((a, b), (b, c), (a, c)))
    assert ac <= ab + bc + 1e-6


def test_minkowski_below_1_breaks_the_triangle_inequality():
    a, b, c = np.array([[0, 0], [1, 0], [1, 1]])
    assert minkowski(a, c, 0.5) == 4 > minkowski(a, b, 0.5) + minkowski(b, c, 0.5) == 2


def test_correlation_distance_breaks_the_triangle_inequality():
    """Three profiles 60 degrees apart: 1.5 > 0.5 + 0.5."""
    a, b, c = np.array([[1, -1, 0], [1, 0, -1], [0, 1, -1]])
    ab, bc, ac = (correlation_distance(*p) for p in ((a, b), (b, c), (a, c)))
    assert (ab, bc, ac) == pytest.approx((0.5, 0.5, 1.5))
    assert correlation_distance(a, 3 * a + 7) == pytest.approx(0, abs=1e-12)


@given(vectors(2), st.sampled_from([0.5, 1, 2, 3.7]))
def test_minkowski_equals_scipy(pair, r):
    assert minkowski(*pair, r) == pytest.approx(reference.minkowski(*pair, r), rel=1e-12)
    assert minkowski(*pair, np.inf) == reference.chebyshev(*pair)


def test_correlation_and_hamming_equal_scipy():
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    assert correlation_distance(x, y) == pytest.approx(reference.correlation(x, y), rel=1e-12)
    x, y = np.random.default_rng(0).integers(0, 3, (2, 30))
    assert hamming(x, y) == pytest.approx(30 * reference.hamming(x, y))
    assert hamming("karolin", "kathrin") == 3


def test_functions_broadcast():
    X = np.random.default_rng(0).normal(size=(7, 3))
    for ours, name in ((minkowski, "euclidean"), (correlation_distance, "correlation")):
        np.testing.assert_allclose(ours(X[:, None], X), reference.cdist(X, X, name), atol=1e-12)
    assert hamming(X[:, None], X).shape == (7, 7)


def test_minkowski_neither_overflows_nor_underflows():
    assert minkowski([3e200, 0], [0, 4e200]) == pytest.approx(5e200)
    assert minkowski([3e-200, 0], [0, 4e-200]) == pytest.approx(5e-200)


def test_minkowski_of_binary_codes_is_hamming():
    x, y = np.random.default_rng(0).integers(0, 2, (2, 40))
    assert minkowski(x, y, 1) == hamming(x, y)


def all_edits(word):
    """Every string that one edit makes of a word over the alphabet ab."""
    for i in range(len(word) + 1):
        yield from (word[:i] + letter + word[i:] for letter in "ab")
        if i < len(word):
            yield word[:i] + word[i + 1 :]
            yield from (word[:i] + letter + word[i + 1 :] for letter in "ab")


def test_edit_distance_equals_breadth_first_search():
    """The definition: the fewest edits, found by trying all of them."""
    start = "abba"
    steps, frontier = {start: 0}, [start]
    for n_edits in range(1, 4):
        frontier = {w for word in frontier for w in all_edits(word)} - steps.keys()
        steps |= dict.fromkeys(frontier, n_edits)
    assert len(steps) > 100
    assert all(edit_distance(start, word) == n for word, n in steps.items())


def test_edit_distance_of_known_pairs():
    assert edit_distance("", "abc") == 3
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("saturday", "sunday") == 3
    assert edit_distance([1, 2, 3], [2, 3]) == 1


def test_distance_matrix_asks_for_every_pair():
    words = ["cat", "cut", "cute", ""]
    expected = [[edit_distance(a, b) for a in words] for b in words]
    np.testing.assert_array_equal(distance_matrix(words, edit_distance), expected)


@pytest.mark.parametrize("offset", [0, 1e5])
@pytest.mark.parametrize("spread", [1, 1e-6])
def test_squared_distances_keep_their_digits(offset, spread):
    """Tight clusters far apart and far from the origin, where |x|^2 + |y|^2 - 2x'y cancels."""
    rng = np.random.default_rng(0)
    X = offset + np.repeat(rng.normal(size=(4, 5)), 60, axis=0) + spread * rng.normal(size=(240, 5))
    expected = reference.cdist(X, X, "sqeuclidean")
    np.testing.assert_allclose(squared_distances(X), expected, rtol=1e-9 if offset else 1e-11)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"r=0 must be a number in \(0, inf\)"):
        minkowski([1, 2], [3, 4], 0)
    with pytest.raises(ValueError, match="r=-inf"):
        minkowski([1, 2], [3, 4], -np.inf)
    with pytest.raises(ValueError, match="x contains NaN or infinity: remove"):
        minkowski([1, np.nan], [3, 4])
    with pytest.raises(ValueError, match=r"x has shape \(\): give vectors"):
        minkowski(1.0, [3, 4])
    with pytest.raises(ValueError, match=r"\(3,\) and y \(2,\).*equal length"):
        minkowski([1, 2, 3], [3, 4])
    with pytest.raises(ValueError, match="use edit_distance"):
        hamming("abc", "ab")
    with pytest.raises(ValueError, match=r"y has a constant vector.*remove it"):
        correlation_distance([1, 2, 3], [5, 5, 5])
    with pytest.raises(ValueError, match="equal length"):
        correlation_distance([1, 2, 3], [5, 6])
    with pytest.raises(ValueError, match="items has 1"):
        distance_matrix(["word"], edit_distance)
