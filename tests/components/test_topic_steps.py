"""Steps of variational Bayes against SciPy, quadrature, Monte Carlo and enumeration."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import digamma, gammaln, logsumexp
from scipy.stats import dirichlet
from sklearn.decomposition import LatentDirichletAllocation as Theirs
from sklearn.decomposition._lda import _dirichlet_expectation_2d

from companion.components.topic_steps import (
    blocks,
    completion_perplexity,
    dirichlet_terms,
    documents_bound,
    documents_step,
    e_step,
    expected_counts,
    expected_log,
    explained,
    mixed,
    padded,
)

seeds = st.integers(0, 10_000)


def corpus(seed, n=6, d=8, k=3):
    """Counts, concentrations of topics and documents."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.8, size=(n, d)).astype(float)
    counts[0] = 0  # a document without words
    return sparse.csr_array(counts), rng.gamma(2.0, size=(k, d)), rng.gamma(2.0, size=(n, k))


@given(lengths=st.lists(st.integers(0, 2000), max_size=60), size=st.floats(1, 3000))
def test_blocks_hold_every_document_once_and_little_is_padded(lengths, size):
    lengths = np.array(lengths, dtype=int)
    parts = blocks(lengths, size)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(lengths)))
    for part in parts:
        words, wide = lengths[part].sum(), lengths[part].max(initial=0)
        assert words <= size + wide
        assert len(part) * wide <= 2 * max(size, words)


@given(seed=seeds)
def test_expected_logarithm_of_a_dirichlet_against_scikit_learn(seed):
    a = np.random.default_rng(seed).gamma(1.0, size=(4, 5)) + 1e-3
    np.testing.assert_allclose(expected_log(a), _dirichlet_expectation_2d(a), atol=1e-6, rtol=1e-6)


def test_expected_logarithm_against_draws():
    a = np.array([0.7, 2.0, 5.0])
    draws = np.log(np.random.default_rng(0).dirichlet(a, size=200_000))
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(expected_log(a[None])[0] - draws.mean(axis=0)) < 5 * error).all()


@given(x=st.floats(0.01, 100))
def test_digamma_identities(x):
    """psi(x + 1) = psi(x) + 1 / x; between log(x) - 1 / x and log(x); two equal concentrations."""
    assert np.isclose(digamma(x + 1), digamma(x) + 1 / x)
    assert np.log(x) - 1 / x <= digamma(x) <= np.log(x)
    uniform = expected_log(np.array([[1.0, 1.0]]))
    np.testing.assert_allclose(uniform, -1)  # the mean of log u is -1


@settings(deadline=None, max_examples=10)
@given(seed=seeds)
def test_dirichlet_terms_are_minus_the_divergence(seed):
    """Against draws from q: mean of log p - log q, by SciPy's densities."""
    rng = np.random.default_rng(seed)
    prior, a = rng.uniform(0.5, 2), rng.uniform(0.8, 4, size=3)
    draws = rng.dirichlet(a, size=4000).T
    logs = dirichlet.logpdf(draws, np.full(3, prior)) - dirichlet.logpdf(draws, a)
    wanted, error = logs.mean(), logs.std() / np.sqrt(logs.size)
    assert abs(dirichlet_terms(prior, a[None])[0] - wanted) < 6 * error + 1e-9
    np.testing.assert_allclose(dirichlet_terms(prior, np.full((1, 3), prior)), 0, atol=1e-12)


@given(seed=seeds)
def test_a_step_against_a_loop_over_words(seed):
    """Equation eq-topics-shares: shares of every word, then counts of every topic."""
    counts, lam, gamma = corpus(seed)
    topics, theta, dense = np.exp(expected_log(lam)), np.exp(expected_log(gamma)), counts.toarray()
    wanted, found = np.full(gamma.shape, 0.2), np.zeros(lam.shape)
    for n, word in itertools.product(*map(range, dense.shape)):
        shares = theta[n] * topics[:, word]
        wanted[n] += dense[n, word] * shares / shares.sum()
        found[:, word] += dense[n, word] * shares / shares.sum()
    np.testing.assert_allclose(documents_step(*padded(counts, topics.T), gamma, 0.2), wanted)
    np.testing.assert_allclose(expected_counts(counts, topics, gamma), found)
    assert np.isclose(found.sum(), dense.sum())
    products = (theta @ topics)[dense > 0]
    np.testing.assert_allclose(mixed(counts, theta, topics.T[counts.indices]), products)


@given(seed=seeds)
def test_padding_holds_each_word_once(seed):
    """Counts and topics stand in the order of the sparse rows; all else is zero."""
    counts, lam, gamma = corpus(seed)
    x, topics = padded(counts, lam.T)
    for n in range(counts.shape[0]):
        words = counts[[n]]
        assert x[n][: words.nnz].tolist() == words.data.tolist()
        np.testing.assert_array_equal(topics[n, : words.nnz], lam.T[words.indices])
        assert not x[n, words.nnz :].any()
        assert not topics[n, words.nnz :].any()
    theta, dense = np.exp(expected_log(gamma)), counts.toarray()
    np.testing.assert_allclose(explained(x, topics, theta), (dense / (theta @ lam)) @ lam.T)


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_each_document_stops_by_itself(seed):
    """Documents together, however they are taken out, end where each ends alone."""
    counts, lam, gamma = corpus(seed)
    topics = np.exp(expected_log(lam))
    together = e_step(counts, topics, gamma, 0.3, 1e-3, 30)
    for n in range(len(gamma)):
        alone = e_step(counts[[n]], topics, gamma[[n]], 0.3, 1e-3, 30)
        np.testing.assert_allclose(together[[n]], alone, rtol=1e-9)
    np.testing.assert_allclose(together[0], 0.3)  # no words: the prior


@given(seed=seeds)
def test_no_step_lowers_the_bound(seed):
    counts, lam, gamma = corpus(seed)
    topics, bounds = np.exp(expected_log(lam)), []
    for _ in range(15):
        bounds.append(documents_bound(counts, lam, gamma, 0.4))
        gamma = documents_step(*padded(counts, topics.T), gamma, 0.4)
    assert np.diff(bounds, axis=0).min() > -1e-9


def log_marginal(words, prior_documents, prior_topics, k, d):
    """log p(words) of a corpus, a list of lists, by adding up all assignments of topics."""
    owner = np.repeat(np.arange(len(words)), [len(w) for w in words])
    flat, logs = np.concatenate(words), []

    def log_dirichlet_multinomial(table, prior):
        total = gammaln(table.shape[1] * prior) - gammaln(table.shape[1] * prior + table.sum(1))
        return (total + (gammaln(table + prior) - gammaln(prior)).sum(axis=1)).sum()

    for z in itertools.product(range(k), repeat=len(flat)):
        documents, topics = np.zeros((len(words), k)), np.zeros((k, d))
        np.add.at(documents, (owner, list(z)), 1)
        np.add.at(topics, (list(z), flat), 1)
        logs.append(
            log_dirichlet_multinomial(documents, prior_documents)
            + log_dirichlet_multinomial(topics, prior_topics)
        )
    return logsumexp(logs)


@settings(deadline=None, max_examples=15)
@given(seed=seeds, prior=st.floats(0.2, 2), eta=st.floats(0.2, 2))
def test_the_bound_is_below_the_exact_log_probability(seed, prior, eta):
    """Equation eq-topics-bound, against 2^7 assignments, for any q."""
    rng = np.random.default_rng(seed)
    words = [rng.integers(3, size=4), rng.integers(3, size=3)]
    counts = sparse.csr_array(np.array([np.bincount(w, minlength=3) for w in words], dtype=float))
    exact = log_marginal(words, prior, eta, 2, 3)
    ends = []
    for _ in range(8):  # a start may lead to a poor end
        lam, gamma = rng.gamma(2.0, size=(2, 3)), rng.gamma(2.0, size=(2, 2))
        bounds = []
        for _ in range(30):
            texts = documents_bound(counts, lam, gamma, prior).sum()
            bounds.append(texts + dirichlet_terms(eta, lam).sum())
            topics = np.exp(expected_log(lam))
            gamma = e_step(counts, topics, gamma, prior, 1e-8, 200)
            lam = eta + expected_counts(counts, topics, gamma)
        assert max(bounds) <= exact + 1e-9
        assert np.diff(bounds).min() > -1e-9
        ends.append(bounds[-1])
    assert exact - max(ends) < 3


def test_one_topic_is_exact():
    """With one topic nothing is hidden but its words: the bound is the log probability."""
    words = [np.array([0, 1, 1]), np.array([2, 0])]
    counts = sparse.csr_array(np.array([[1.0, 2, 0], [1, 0, 1]]))
    lam = 0.5 + counts.toarray().sum(axis=0, keepdims=True)
    gamma = 0.7 + counts.sum(axis=1)[:, None]
    bound = documents_bound(counts, lam, gamma, 0.7).sum() + dirichlet_terms(0.5, lam).sum()
    assert np.isclose(bound, log_marginal(words, 0.7, 0.5, 1, 3))


@given(seed=seeds)
def test_documents_bound_against_scikit_learns(seed):
    counts, lam, gamma = corpus(seed)
    model = Theirs(3, doc_topic_prior=0.3, topic_word_prior=0.2)
    model.components_, model.doc_topic_prior_, model.topic_word_prior_ = lam, 0.3, 0.2
    wanted = model._approx_bound(sparse.csr_matrix(counts), gamma, sub_sampling=False)
    found = documents_bound(counts, lam, gamma, 0.3).sum() + dirichlet_terms(0.2, lam).sum()
    assert np.isclose(found, wanted, rtol=1e-6)


def test_completion_perplexity():
    """Known mixtures and topics; and a model without a clue is as lost as there are words."""

    class Fixed:
        components_ = np.array([[3.0, 1.0], [1.0, 1.0]])

        def transform(self, X):
            return np.array([[0.5, 0.5]])

    held = np.array([[2.0, 1.0]])
    wanted = np.exp(-(2 * np.log(0.625) + np.log(0.375)) / 3)
    assert np.isclose(completion_perplexity(Fixed(), held, held), wanted)
    Fixed.components_ = np.ones((2, 2))
    assert np.isclose(completion_perplexity(Fixed(), held, held), 2)
    assert completion_perplexity(Fixed(), held, sparse.csr_array(held)) == pytest.approx(2)
