"""Gibbs sampling of topics against enumeration of a tiny corpus, and planted topics."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.special import gammaln, softmax

from companion.components.topic_gibbs import gibbs_sweep, sample_topics, topic_weights

seeds = st.integers(0, 10_000)
OWNER, WORD = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 2, 2])


def tables(owner, word, drawn, k, d):
    documents, words = np.zeros((owner.max() + 1, k)), np.zeros((d, k))
    np.add.at(documents, (owner, drawn), 1)
    np.add.at(words, (word, drawn), 1)
    return documents, words


def log_joint(owner, word, drawn, k, d, alpha, eta):
    """Equation eq-sampled_topics-joint: both Dirichlet-multinomials, up to a constant."""
    documents, words = tables(owner, word, np.asarray(drawn), k, d)
    total = gammaln(d * eta + words.sum(axis=0)).sum()
    return gammaln(alpha + documents).sum() + gammaln(eta + words).sum() - total


@given(seed=seeds, alpha=st.floats(0.05, 3), eta=st.floats(0.05, 3))
def test_weights_are_the_conditional_of_the_joint_probability(seed, alpha, eta):
    """Equation eq-sampled_topics-gibbs, for any word of any state."""
    rng = np.random.default_rng(seed)
    owner, word, drawn = rng.integers(3, size=(3, 9))
    i, k, d = rng.integers(9), 3, 3
    rest = np.arange(9) != i
    same = (owner == owner[i], word == word[i], rest)
    counts = [np.bincount(drawn[rest & which], minlength=k) for which in same]
    weights = topic_weights(*counts, alpha, eta, d)
    logs = [log_joint(owner, word, np.where(rest, drawn, j), k, d, alpha, eta) for j in range(k)]
    np.testing.assert_allclose(weights / weights.sum(), softmax(logs), rtol=1e-9)


@pytest.mark.parametrize(("alpha", "eta"), [(0.5, 0.5), (2.0, 0.1)])
def test_draws_against_all_assignments(alpha, eta):
    """How often two words have the same topic: 64 cases, by enumeration and by sweeps."""
    ways = np.array(list(itertools.product(range(2), repeat=6)))
    weight = softmax([log_joint(OWNER, WORD, way, 2, 3, alpha, eta) for way in ways])
    rng, drawn, kept = np.random.default_rng(0), np.zeros(6, dtype=int), []
    documents, words = tables(OWNER, WORD, drawn, 2, 3)
    for _ in range(6000):
        gibbs_sweep(OWNER, WORD, drawn, documents, words, alpha, eta, rng)
        kept.append(drawn.copy())
    kept = np.array(kept)
    for i, j in itertools.combinations(range(6), 2):
        exact = weight[ways[:, i] == ways[:, j]].sum()
        assert abs((kept[:, i] == kept[:, j]).mean() - exact) < 0.03


@given(seed=seeds)
def test_a_sweep_keeps_its_tables(seed):
    rng = np.random.default_rng(seed)
    owner, word = rng.integers(4, size=(2, 20))
    drawn = rng.integers(3, size=20)
    documents, words = tables(owner, word, drawn, 3, 4)
    gibbs_sweep(owner.tolist(), word.tolist(), drawn, documents, words, 0.3, 0.2, rng)
    assert drawn.min() >= 0
    assert drawn.max() < 3
    for kept, counted in zip((documents, words), tables(owner, word, drawn, 3, 4), strict=True):
        np.testing.assert_array_equal(kept[: len(counted)], counted)


def planted(seed=0, n=80, d=30, k=3, length=40):
    rng = np.random.default_rng(seed)
    topics, mixtures = rng.dirichlet(np.full(d, 0.1), k), rng.dirichlet(np.full(k, 0.3), n)
    return np.array([rng.multinomial(length, mixture @ topics) for mixture in mixtures]), topics


def test_planted_topics_are_found():
    X, topics = planted()
    found, _ = sample_topics(X, 3, alpha=0.3, eta=0.1, random_state=0)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (found, topics)]
    cosine = unit[0] @ unit[1].T
    assert cosine[linear_sum_assignment(-cosine)].min() > 0.97


@settings(deadline=None, max_examples=10)
@given(seed=seeds)
def test_counts_are_kept_and_same_seed_same_numbers(seed):
    X = np.random.default_rng(seed).poisson(0.6, size=(8, 5))
    options = {"alpha": 0.4, "eta": 0.2, "sweeps": 4, "burn": 2, "random_state": seed}
    topics, shares = sample_topics(X, 3, **options)
    np.testing.assert_allclose((topics - 0.2).sum(axis=0), X.sum(axis=0))
    np.testing.assert_allclose((shares - 0.4).sum(axis=1), X.sum(axis=1))
    for same in (sparse.csr_matrix(X), X.astype(np.float32), np.asfortranarray(X)):
        again = sample_topics(same, 3, **options)
        np.testing.assert_array_equal(again[0], topics)
        np.testing.assert_array_equal(again[1], shares)


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        ([[1, 2]], {"n_components": 0}, "n_components=0"),
        ([[1, 2]], {"alpha": 0}, "alpha=0"),
        ([[1, 2]], {"eta": -1}, "eta=-1"),
        ([[1, 2]], {"sweeps": 0}, "sweeps=0"),
        ([[1, 2]], {"sweeps": 5, "burn": 5}, "burn=5"),
        ([[1.5, 2]], {}, "how often a word occurs"),
        ([[-1, 2]], {}, "how often a word occurs"),
    ],
)
def test_bad_arguments_are_named(X, options, message):
    with pytest.raises(ValueError, match=message):
        sample_topics(X, **({"n_components": 2, "alpha": 1.0, "eta": 1.0} | options))
