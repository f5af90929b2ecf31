"""Coherence of topics against naive loops over pairs, and its values in known cases."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from companion.components.topic_coherence import coherence

seeds = st.integers(0, 10_000)
MEASURES = ("lift", "npmi", "umass")


def naive(row, counts, top, measure):
    """Equation eq-topics-coherence, pair by pair."""
    has, n = counts > 0, len(counts)
    words = np.argsort(-row, kind="stable")[:top]
    both, chance, values = 0, 0, []
    for a, b in itertools.combinations(words, 2):
        n_a, n_b, n_ab = has[:, a].sum(), has[:, b].sum(), (has[:, a] & has[:, b]).sum()
        if n_a == 0 or n_b == 0:
            continue
        both, chance = both + n_ab, chance + n_a * n_b / n
        if measure == "umass":
            values.append(np.log((n_ab + 1) / n_a))
        elif n_ab in (0, n):
            values.append(-1 if n_ab == 0 else 1)
        else:
            values.append(np.log(n * n_ab / (n_a * n_b)) / np.log(n / n_ab))
    if not values:
        return np.nan
    return both / chance if measure == "lift" else np.mean(values)


@given(seed=seeds, measure=st.sampled_from(MEASURES), top=st.integers(2, 6))
def test_against_a_loop_over_pairs(seed, measure, top):
    rng = np.random.default_rng(seed)
    counts, topics = rng.poisson(0.5, size=(12, 6)), rng.uniform(size=(3, 6))
    wanted = [naive(row, counts, top, measure) for row in topics]
    for form in (counts, sparse.csr_matrix(counts), counts.astype(float)):
        np.testing.assert_allclose(coherence(topics, form, top, measure), wanted)


def test_known_cases():
    """Always together, never, and as often as chance says."""
    together = np.array([[1, 1], [2, 3], [0, 0], [0, 0]])
    apart = np.array([[1, 0], [0, 1], [1, 0], [0, 1]])
    chance = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])
    topic = np.array([[0.6, 0.4]])
    for counts, lift, npmi in ((together, 2, 1), (apart, 0, -1), (chance, 1, 0)):
        assert np.isclose(coherence(topic, counts, 2)[0], lift)
        assert np.isclose(coherence(topic, counts, 2, "npmi")[0], npmi)
    assert np.isclose(coherence(topic, together, 2, "umass")[0], np.log(3 / 2))
    assert np.isnan(coherence(topic, np.array([[1, 0]]), 2)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"top": 1}, "top=1"), ({"top": 9}, "top=9"), ({"top": 2, "measure": "pmi"}, "measure='pmi'")],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        coherence(np.ones((2, 4)), np.ones((3, 4)), **options)
