"""The topic model against scikit-learn, planted topics and theorems."""

import itertools
import warnings

import numpy as np
import pytest
import sklearn.decomposition as skd
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.components import topics
from companion.components.topics import LatentDirichletAllocation

seeds = st.integers(0, 10_000)


def planted(seed=0, n=150, d=30, k=3, length=60):
    """Documents drawn from the story, with topics that share few words."""
    rng = np.random.default_rng(seed)
    topics = rng.dirichlet(np.full(d, 0.1), size=k)
    mixtures = rng.dirichlet(np.full(k, 0.3), size=n)
    X = np.array([rng.multinomial(length, mixture @ topics) for mixture in mixtures])
    return X, topics, mixtures


def climbed(X, k, seed, passes=25, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LatentDirichletAllocation(
            k, random_state=seed, evaluate_every=1, perp_tol=0, max_iter=passes, **options
        )
        return model.fit(X)


@parametrize_with_checks(
    [
        LatentDirichletAllocation(2, max_iter=3),
        LatentDirichletAllocation(2, learning_method="online", batch_size=10, max_iter=2),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("method", ["batch", "online"])
@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("priors", [{}, {"doc_topic_prior": 0.3, "topic_word_prior": 0.02}])
def test_same_seed_same_topics_as_scikit_learn(method, as_sparse, priors):
    """Section "Against a reference": topics, mixtures, bound and perplexity."""
    X = planted(n=60)[0]
    X = sparse.csr_matrix(X) if as_sparse else X
    options = {"learning_method": method, "batch_size": 20, "max_iter": 5, "random_state": 3}
    ours = LatentDirichletAllocation(4, doc_start="random", **options, **priors).fit(X)
    theirs = skd.LatentDirichletAllocation(4, **options, **priors).fit(X)
    np.testing.assert_allclose(ours.components_, theirs.components_, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-5)
    for name in ("bound_", "n_iter_", "n_batch_iter_", "doc_topic_prior_", "topic_word_prior_"):
        assert np.isclose(getattr(ours, name), getattr(theirs, name), rtol=1e-6)
    np.testing.assert_allclose(
        ours.exp_dirichlet_component_, theirs.exp_dirichlet_component_, atol=1e-5
    )
    assert np.isclose(ours.score(X), theirs.score(X), rtol=1e-6)
    assert np.isclose(ours.perplexity(X), theirs.perplexity(X), rtol=1e-6)


@settings(deadline=None, max_examples=12)
@given(seed=seeds, k=st.integers(1, 5))
def test_no_pass_lowers_the_bound(seed, k):
    """Equation eq-topics-bound, if each document goes on where it was."""
    X = np.random.default_rng(seed).poisson(0.5, size=(25, 12))
    bounds = climbed(X, k, seed).bounds_
    assert len(bounds) == 25
    assert np.diff(bounds).min() > -1e-8


def test_planted_topics_are_found():
    X, topics, mixtures = planted()
    fits = [climbed(X, 3, seed, passes=60) for seed in range(3)]
    best = max(fits, key=lambda fit: fit.bounds_[-1])
    found = best.components_ / best.components_.sum(axis=1, keepdims=True)
    orders = list(itertools.permutations(range(3)))
    gaps = [np.abs(found[list(order)] - topics).sum(axis=1).max() / 2 for order in orders]
    assert min(gaps) < 0.12
    order = list(orders[int(np.argmin(gaps))])
    assert np.abs(best.transform(X)[:, order] - mixtures).mean() < 0.06


def test_a_start_is_where_the_topics_begin():
    """Equation eq-topics-start: from the planted topics it stays with them, and climbs."""
    X, topics, _ = planted()
    start = 0.1 + 1000 * topics
    options = {"topics_start": start, "evaluate_every": 1, "perp_tol": 0.01, "max_iter": 50}
    kept = start.copy()
    model = LatentDirichletAllocation(3, random_state=0, **options).fit(X)
    np.testing.assert_array_equal(start, kept)
    assert (np.diff(model.bounds_) > -1e-8).all()
    found = model.components_ / model.components_.sum(axis=1, keepdims=True)
    assert np.abs(found - topics).sum(axis=1).max() / 2 < 0.12  # in their order


def test_the_order_of_documents_and_of_words_means_nothing():
    """Rows of counts: the bound does not see who came first."""
    X = planted()[0]
    model = LatentDirichletAllocation(3, random_state=0).fit(X)
    turn = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(model.transform(X[turn]), model.transform(X)[turn], atol=1e-12)
    assert np.isclose(model.score(X[turn]), model.score(X))
    swapped = LatentDirichletAllocation(3, random_state=0).fit(X)
    swapped.components_ = model.components_[[2, 0, 1]]
    swapped.exp_dirichlet_component_ = model.exp_dirichlet_component_[[2, 0, 1]]
    assert np.isclose(swapped.score(X), model.score(X), rtol=1e-7)


def test_stops_when_the_perplexity_settles_and_warns_when_not():
    X = planted()[0]
    model = LatentDirichletAllocation(3, evaluate_every=2, max_iter=200, random_state=0).fit(X)
    assert model.n_iter_ < 200
    assert len(model.bounds_) == model.n_iter_ // 2
    with pytest.warns(ConvergenceWarning, match="raise max_iter"):
        LatentDirichletAllocation(3, evaluate_every=1, max_iter=3, perp_tol=0).fit(X)
    online = {"learning_method": "online", "evaluate_every": 1, "max_iter": 40, "perp_tol": 1.0}
    assert LatentDirichletAllocation(3, random_state=0, **online).fit(X).n_iter_ < 40


def test_the_callers_zeros_stay():
    """A csr matrix may store zeros, and may be read-only."""
    X = sparse.csr_matrix(np.array([[1.0, 2, 0], [3, 4, 5]]))
    X.data[1] = 0
    stored = X.data.copy()
    for part in (X.data, X.indices, X.indptr):
        part.flags.writeable = False
    model = LatentDirichletAllocation(2, random_state=0).fit(X)
    np.testing.assert_array_equal(X.data, stored)
    dense = LatentDirichletAllocation(2, random_state=0).fit(X.toarray())
    np.testing.assert_allclose(model.components_, dense.components_)


def test_one_long_document_does_not_widen_the_others(monkeypatch):
    """The memory of a pass: 300 texts of one word and one of 400, side by side, are 120,400."""
    sizes = []
    monkeypatch.setattr(topics, "BLOCK", 2000)
    monkeypatch.setattr(topics, "e_step", lambda x, _, gamma, *__: sizes.append(x) or gamma)
    X = sparse.vstack([sparse.csr_array(np.eye(1, 400).repeat(300, 0)), np.ones((1, 400))])
    LatentDirichletAllocation(2, max_iter=1).fit(X)
    assert max(x.shape[0] * np.diff(x.indptr).max() for x in sizes) == 400


def test_blocks_change_nothing(monkeypatch):
    X = planted()[0]
    whole = LatentDirichletAllocation(3, random_state=0, max_iter=3).fit(X)
    monkeypatch.setattr("companion.components.topics.BLOCK", 500)
    parts = LatentDirichletAllocation(3, random_state=0, max_iter=3).fit(X)
    np.testing.assert_allclose(parts.components_, whole.components_, rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "n_components=0"),
        ({"doc_topic_prior": 0}, "doc_topic_prior=0 .*None takes"),
        ({"topic_word_prior": -1}, "topic_word_prior=-1"),
        ({"learning_method": "sgd"}, "learning_method='sgd'"),
        ({"doc_start": "cold"}, "doc_start='cold'"),
        ({"topics_start": np.ones((2, 5))}, r"topics_start has shape \(2, 5\)"),
        ({"topics_start": np.zeros((10, 30))}, "least entry 0.0"),
        ({"learning_decay": 2}, "learning_decay=2"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"evaluate_every": 1.5}, "evaluate_every=1.5"),
        ({"perp_tol": -1}, "perp_tol=-1"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        LatentDirichletAllocation(**options).fit(planted()[0])


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="Negative values"):
        LatentDirichletAllocation(2).fit([[1, -1], [2, 3]])
