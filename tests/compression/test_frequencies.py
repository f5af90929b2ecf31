"""Probabilities as whole numbers, against SciPy and their definition (chapter `codes`)."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.compression.frequencies import (
    PRECISION,
    check_frequencies,
    cumulate,
    entropy,
    quantize,
)

weights = st.lists(st.floats(0, 1e6), min_size=1, max_size=12).filter(lambda p: sum(p) > 1e-6)


@settings(max_examples=500)
@given(weights, st.integers(6, 31))
def test_quantized_shares_are_nearly_proportional(p, precision):
    """Sum ``2^precision``, none below 1, and each within 1 of ``p (2^precision - K) + 1``."""
    f = quantize(p, precision)
    assert f.sum() == 1 << precision
    assert f.min() >= 1
    exact = [Fraction(x) / sum(map(Fraction, p)) * ((1 << precision) - len(p)) + 1 for x in p]
    assert max(abs(int(a) - b) for a, b in zip(f, exact, strict=True)) <= 1 + Fraction(1, 10**4)


def test_quantize_works_on_rows_and_on_as_many_symbols_as_there_are_units():
    p = np.random.default_rng(0).dirichlet(np.ones(5), size=(3, 4))
    rows = quantize(p, 12)
    assert rows.shape == (3, 4, 5)
    assert rows.dtype == np.int64
    assert np.array_equal(rows[2, 1], quantize(p[2, 1], 12))
    assert (quantize(np.random.default_rng(1).random(1 << 16)) == 1).all()
    assert PRECISION == 16


def test_a_quantized_code_costs_little_more():
    """KL divergence from the shares to the probabilities, as SciPy computes it."""
    p = np.random.default_rng(0).dirichlet(np.ones(200))
    f = quantize(p)
    assert 0 <= scipy.stats.entropy(p, f / f.sum(), base=2) < 0.005


def test_golden_frequencies():
    assert quantize([0.1, 0.2, 0.3, 0.4], 8).tolist() == [26, 52, 76, 102]
    assert quantize([1, 0, 0], 4).tolist() == [14, 1, 1]
    assert quantize([7], 3).tolist() == [8]


@settings(max_examples=200)
@given(weights)
def test_entropy_is_scipys(p):
    assert entropy(p) == pytest.approx(scipy.stats.entropy(p, base=2), abs=1e-9)


def test_entropy_of_counts():
    assert entropy([2, 1, 1, 0]) == 1.5
    assert entropy(np.ones(256, int)) == 8
    assert entropy([5]) == 0
    assert entropy([2.0, 5e-324]) == 0  # its share is too small for a float


def test_edges_are_running_sums():
    f = np.random.default_rng(0).integers(1, 9, size=(3, 7))
    edges = cumulate(f)
    assert edges.shape == (3, 8)
    assert (edges[:, 0] == 0).all()
    assert np.array_equal(edges[:, 1:], np.cumsum(f, axis=1))


def test_bad_input():
    with pytest.raises(ValueError, match=r"probabilities has shape \(5,\) .* raise precision"):
        quantize(np.ones(5), precision=2)
    for bad in ([0.5, -0.1], [0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]):
        with pytest.raises(ValueError, match="negative, infinite or missing entry, or a row of"):
            quantize(bad)
    with pytest.raises(ValueError, match="precision=32 must be an integer"):
        quantize([1, 1], precision=32)
    for bad in ([0, 1], [0.5, 0.5], [], [[1, 2]]):
        with pytest.raises(ValueError, match="make them with quantize"):
            check_frequencies(bad)
    with pytest.raises(ValueError, match=r"frequencies sum to 3 but must sum to 4: use quantize"):
        check_frequencies([1, 2], total=4)
    assert check_frequencies([1, 3], total=4).dtype == np.int64
