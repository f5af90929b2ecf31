"""Counts in arrays against plain loops, and against the rule that probabilities sum to 1."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.autoregressive.counting import (
    beginnings,
    context_groups,
    count_ahead,
    earlier,
)

TEXTS = st.lists(st.integers(0, 2), min_size=2, max_size=40)


@given(x=TEXTS, seed=st.integers(0, 99))
def test_earlier_is_a_loop(x, seed):
    weights = np.random.default_rng(seed).random(len(x))
    expected = [sum(weights[j] for j in range(i) if x[j] == x[i]) for i in range(len(x))]
    np.testing.assert_allclose(earlier(np.array(x), weights), expected, atol=1e-12)


@given(x=TEXTS)
def test_beginnings_counts_the_part_learned_from(x):
    n = len(x) // 2
    expected = [x[:n].count(level) for level in x]
    assert beginnings(np.array(x), np.ones(len(x)), n).tolist() == expected


def by_dictionaries(x, order, n_levels, discount, n_learn=None):
    """Equation eq-sequences-discount, one entry after the other."""
    counts, total, kinds, found = Counter(), Counter(), Counter(), []
    padded = [n_levels] * order + list(x)
    for i, a in enumerate(x):
        contexts = [tuple(padded[i + order - k : i + order]) for k in range(order + 1)]
        p = 1 / n_levels
        for C in contexts:
            if total[C]:
                kept = max(counts[C, a] - discount, 0)
                p = (kept + discount * kinds[C] * p) / total[C]
        found.append(p)
        if n_learn is not None and i >= n_learn:
            continue
        for C in reversed(contexts):  # the longest first; stop where it was known
            known = counts[C, a] > 0
            counts[C, a] += 1
            total[C] += 1
            kinds[C] += not known
            if known:
                break
    return found


@given(x=TEXTS, order=st.integers(0, 4), discount=st.floats(0, 1), frozen=st.booleans())
@settings(max_examples=60, deadline=None)
def test_counts_are_those_of_dictionaries(x, order, discount, frozen):
    n_learn = len(x) // 2 if frozen else None
    expected = by_dictionaries(x, order, 3, discount, n_learn)
    groups = context_groups(x, order, 3)
    found = count_ahead(*groups, 3, discount=discount, n_learn=n_learn)
    # Frozen, the part that is learned from has been counted whole.
    start = n_learn or 0
    np.testing.assert_allclose(found[start:], expected[start:], atol=1e-12)


@given(x=TEXTS, order=st.integers(0, 4))
@settings(max_examples=40, deadline=None)
def test_probabilities_of_the_next_entry_sum_to_one(x, order):
    ends = [count_ahead(*context_groups([*x, a], order, 3), 3, discount=0.9)[-1] for a in range(3)]
    assert sum(ends) == pytest.approx(1)


def test_bad_input_is_named():
    groups = context_groups([0, 1], 1, 2)
    with pytest.raises(ValueError, match="discount"):
        count_ahead(*groups, 2, discount=1.5)
    with pytest.raises(ValueError, match="order"):
        context_groups([0, 1], -1, 2)
