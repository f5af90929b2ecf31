"""Latent Dirichlet allocation: documents as mixtures of topics. Chapter: `topics`."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.components.topic_steps import (
    BLOCK,
    blocks,
    dirichlet_terms,
    documents_bound,
    e_step,
    expected_counts,
    expected_log,
)
from companion.validation import check_choice, check_integer, check_points, check_real


class LatentDirichletAllocation(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Topic model: each document mixes topics, each topic is a distribution over words.

    theta_n ~ Dirichlet(doc_topic_prior), beta_k ~ Dirichlet(topic_word_prior); each word of
    document n has a topic z ~ theta_n and is drawn from beta_z. Fitted by variational Bayes, with
    q(theta_n) = Dirichlet(gamma_n) and q(beta_k) = Dirichlet(components_k).

    Parameters
    ----------
    n_components : int
        Number of topics k.
    doc_topic_prior, topic_word_prior : float or None
        Concentrations; None is 1 / k.
    learning_method : 'batch' or 'online'
        All documents between two updates of the topics, or `batch_size` of them.
    learning_decay, learning_offset, batch_size : float, float, int
        Online: step t counts (learning_offset + t) ** -learning_decay.
    max_iter : int
        Passes over the documents.
    evaluate_every : int
        Passes between two bounds; at most 0 for none.
    perp_tol : float
        Stop when the perplexity moves by less from one evaluation to the next.
    max_doc_update_iter, mean_change_tol : int, float
        When the update of a document stops.
    doc_start : 'previous' or 'random'
        Where a document's update begins in a new pass. With 'random', as in scikit-learn, the bound
        may fall; 'online' always takes it.
    topics_start : array (k, d) or None
        Concentrations of the topics to begin with, all positive, as the parts of NMF times how
        much each is used, plus the prior. None draws numbers near 1, as scikit-learn does.
    random_state : int, RandomState or None

    Attributes
    ----------
    components_ : array (k, d)
        Concentrations of the topics; divided by the sum of their row, their mean.
    exp_dirichlet_component_ : array (k, d)
        exp E log beta.
    bounds_ : list of float
        Lower bound of log p(X), in nats, at every evaluation.
    bound_ : float
        Perplexity of X at the end; the name is scikit-learn's.
    doc_topic_prior_, topic_word_prior_, n_iter_, n_batch_iter_

    References
    ----------
    Blei, Ng and Jordan (2003); Hoffman, Blei and Bach (2010) for 'online'. Chapter: topics.
    """

    def __init__(
        self,
        n_components=10,
        *,
        doc_topic_prior=None,
        topic_word_prior=None,
        learning_method="batch",
        learning_decay=0.7,
        learning_offset=10.0,
        batch_size=128,
        max_iter=10,
        evaluate_every=-1,
        perp_tol=0.1,
        max_doc_update_iter=100,
        mean_change_tol=1e-3,
        doc_start="previous",
        topics_start=None,
        random_state=None,
    ):
        self.n_components = n_components
        self.doc_topic_prior = doc_topic_prior
        self.topic_word_prior = topic_word_prior
        self.learning_method = learning_method
        self.learning_decay = learning_decay
        self.learning_offset = learning_offset
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.evaluate_every = evaluate_every
        self.perp_tol = perp_tol
        self.max_doc_update_iter = max_doc_update_iter
        self.mean_change_tol = mean_change_tol
        self.doc_start = doc_start
        self.topics_start = topics_start
        self.random_state = random_state

    def fit(self, X, y=None):
        """Find the topics of documents X (n, d), counts of words, dense or sparse."""
        counts = self._counts(X, reset=True)
        self._check_arguments()
        (n, d), k, online = counts.shape, self.n_components, self.learning_method == "online"
        rng = check_random_state(self.random_state)
        self._set_topics(self._first_topics(rng, (k, d)))
        self.n_batch_iter_, self.bounds_, gamma, converged = 1, [], None, False
        for n_iter in range(1, self.max_iter + 1):
            size = self.batch_size if online else n
            for start in range(0, n, size):
                batch = counts[start : start + size]
                if gamma is None or online or self.doc_start == "random":
                    gamma = rng.gamma(100.0, 0.01, (batch.shape[0], k))
                gamma = self._e_step(batch, gamma)
                self._m_step(batch, gamma, n, online)
            if self.evaluate_every > 0 and n_iter % self.evaluate_every == 0:
                if online:
                    gamma = self._e_step(counts)
                converged = self._evaluate(counts, gamma)
            if converged:
                break
        self.n_iter_, self.bound_ = n_iter, self._perplexity(counts)
        if self.evaluate_every > 0 and not converged:
            warnings.warn(
                f"The perplexity still moved at max_iter={self.max_iter}: raise max_iter or "
                f"perp_tol={self.perp_tol}.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def transform(self, X):
        """Mean mixture of topics of each document of X (n, d): (n, k), rows sum to 1."""
        gamma = self._e_step(self._counts(X))
        return gamma / gamma.sum(axis=1, keepdims=True)

    def score(self, X, y=None):
        """Lower bound of log p(X), in nats; the topics' prior is charged whatever X is."""
        counts = self._counts(X)
        return self._bound(counts, self._e_step(counts))

    def perplexity(self, X):
        """exp(-score / number of words); see `completion_perplexity` for texts not seen."""
        return self._perplexity(self._counts(X))

    def _perplexity(self, counts):
        bound = self._bound(counts, self._e_step(counts))
        return float(np.exp(-bound / max(counts.sum(), 1)))

    def _evaluate(self, counts, gamma):
        """Keep the bound; whether the perplexity has settled."""
        self.bounds_.append(self._bound(counts, gamma))
        if len(self.bounds_) < 2:
            return False
        before, now = np.exp(-np.array(self.bounds_[-2:]) / max(counts.sum(), 1))
        return bool(abs(before - now) < self.perp_tol)

    def _bound(self, counts, gamma):
        texts = documents_bound(counts, self.components_, gamma, self.doc_topic_prior_).sum()
        return float(texts + dirichlet_terms(self.topic_word_prior_, self.components_).sum())

    def _e_step(self, counts, gamma=None):
        """Concentrations (n, k) of the documents; None starts from ones.

        Block by block, and a block has documents of like length, so that little is padded.
        """
        gamma = np.ones((counts.shape[0], self.n_components)) if gamma is None else gamma
        result, lengths = np.empty_like(gamma), np.diff(counts.indptr)
        options = self.doc_topic_prior_, self.mean_change_tol, self.max_doc_update_iter
        for rows in blocks(lengths, BLOCK / self.n_components):
            topics = self.exp_dirichlet_component_
            result[rows] = e_step(counts[rows], topics, gamma[rows], *options)
        return result

    def _m_step(self, counts, gamma, n, online):
        """Topics from expected counts; online, a step towards what the batch says of all n."""
        found = expected_counts(counts, self.exp_dirichlet_component_, gamma)
        target = self.topic_word_prior_ + found * (n / counts.shape[0] if online else 1)
        if online:
            weight = (self.learning_offset + self.n_batch_iter_) ** -self.learning_decay
            target = (1 - weight) * self.components_ + weight * target
        self._set_topics(target)
        self.n_batch_iter_ += 1

    def _first_topics(self, rng, shape):
        """The start: what the caller says, or numbers near 1."""
        if self.topics_start is None:
            return rng.gamma(100.0, 0.01, shape)
        start = np.array(self.topics_start, dtype=float)
        if start.shape != shape or not (np.isfinite(start) & (start > 0)).all():
            raise ValueError(
                f"topics_start has shape {start.shape}, least entry {start.min(initial=np.inf)}: "
                f"pass {shape} positive numbers, or None."
            )
        return start

    def _set_topics(self, components):
        self.components_ = components
        # Column by column, since a document asks for all topics of its words.
        self.exp_dirichlet_component_ = np.asfortranarray(np.exp(expected_log(components)))

    def _counts(self, X, reset=False):
        if not reset:
            check_is_fitted(self)
        X = check_points(self, X, accept_sparse="csr", reset=reset, ensure_non_negative=True)
        counts = sparse.csr_array(X)
        if not counts.data.all():
            counts = counts.copy()  # the arrays are the caller's
            counts.eliminate_zeros()
        return counts

    def _check_arguments(self):
        k = check_integer("n_components", self.n_components)
        check_choice("learning_method", self.learning_method, ("batch", "online"))
        check_choice("doc_start", self.doc_start, ("previous", "random"))
        for name in ("doc_topic_prior", "topic_word_prior"):
            value = getattr(self, name)
            if value is not None:
                check_real(name, value, 0, inclusive=False, remedy="None takes 1 / n_components.")
            setattr(self, f"{name}_", 1 / k if value is None else value)
        check_real("learning_decay", self.learning_decay, 0, 1)
        check_real("learning_offset", self.learning_offset, low=0)
        for name in ("batch_size", "max_iter", "max_doc_update_iter"):
            check_integer(name, getattr(self, name))
        check_integer("evaluate_every", self.evaluate_every, low=-1)
        check_real("perp_tol", self.perp_tol, low=0)
        check_real("mean_change_tol", self.mean_change_tol, low=0)

    @property
    def _n_features_out(self):
        return len(self.components_)

    def __sklearn_tags__(self):
        """Say that negative input is refused and sparse input is welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = tags.input_tags.sparse = True
        return tags
