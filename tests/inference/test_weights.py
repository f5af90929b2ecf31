"""Weights that sum to one, their effective number, and resampling that is fair."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.inference.weights import pick, systematic_resample, weigh


def test_the_effective_number_is_between_one_and_all():
    """`eq-sampling-weights`."""
    x = np.zeros((4, 1))
    assert weigh(x, np.zeros(4)).n_effective == pytest.approx(4)
    assert weigh(x, np.array([0, -1e3, -1e3, -1e3])).n_effective == pytest.approx(1)
    assert weigh(x, np.array([5e3, 5e3, -np.inf, -np.inf])).n_effective == pytest.approx(2)


@pytest.mark.parametrize("bad", [-np.inf, np.inf, np.nan])
def test_weights_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match=r"log_weights are at most .*q reach"):
        weigh(np.zeros((4, 1)), np.full(4, bad))


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=20), st.floats(-1e4, 1e4))
def test_a_shift_of_all_weights_is_one_of_the_normaliser(logs, shift):
    """`eq-sampling-logsumexp`."""
    x, logs = np.zeros((len(logs), 1)), np.array(logs)
    one, two = weigh(x, logs), weigh(x, logs + shift)
    assert one.log_normalizer == pytest.approx(np.log(np.exp(logs).mean()), abs=1e-9)
    assert two.log_normalizer == pytest.approx(one.log_normalizer + shift, abs=1e-8)
    np.testing.assert_allclose(two.weights, one.weights, atol=1e-8)


def test_the_stretch_on_which_a_number_falls():
    """`eq-sampling-discrete`, and what weighs nothing is never picked."""
    assert pick([0.2, 0.0, 0.5, 0.3], np.array([0, 0.19, 0.2, 0.69, 0.71, 0.999])).tolist() == [
        *(0, 0, 2, 2, 3, 3)
    ]
    assert pick([0, 1, 0], np.array([0, 0.5, np.nextafter(1, 0)])).tolist() == [1, 1, 1]
    largest = SimpleNamespace(random_sample=lambda: np.nextafter(1, 0))  # rounds to 1 below
    assert systematic_resample(np.array([0.3, 0.3, 0.4, 0.0]), largest).tolist() == [0, 1, 2, 2]


def test_systematic_resampling_is_fair_and_even():
    rng = np.random.RandomState(0)
    weights = np.random.default_rng(1).dirichlet(np.ones(7))
    counts = np.zeros(7)
    for _ in range(4000):
        copies = np.bincount(systematic_resample(weights, rng), minlength=7)
        assert (np.abs(copies - 7 * weights) < 1).all()
        counts += copies
    np.testing.assert_allclose(counts / 4000, 7 * weights, atol=0.05)
