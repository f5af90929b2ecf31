"""SNE and t-SNE: pictures in which neighbours are as probable as in the data. Chapter: `neighbors`.

The probabilities are in ``affinities``, the gradients in ``gradients`` and ``repulsion``.
"""

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state

from companion.clustering.neighbors import check_points_or_distances
from companion.embedding.affinities import conditional_probabilities, joint_probabilities
from companion.embedding.gradients import (
    Descent,
    degrees_of_freedom_slope,
    kl_divergence,
    once,
    sne_divergence,
    sne_gradient,
    tsne_gradient,
)
from companion.embedding.starts import starting_picture
from companion.validation import check_choice, check_integer, check_real

FEW = 3000  # points, up to which the exact sum of repulsions is as quick as the grid
EXAGGERATED = 250  # steps
LEARN_EVERY = 10  # steps, between two of the degrees of freedom
LEARN_RATE = 1.0  # of their logarithm


def thickness(Y):
    """Size of a picture (n, q) in the direction in which it is smallest."""
    return np.linalg.svd(Y - Y.mean(axis=0), compute_uv=False)[-1]


class _Embedding(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What SNE and TSNE share: a picture of the training points, and of no others."""

    def fit_transform(self, X, y=None):
        """Fit, and return `embedding_`. New points have no place in the picture."""
        return self.fit(X).embedding_

    def _conditional(self, X):
        n = len(X)
        check_integer("n_components", self.n_components)
        check_integer("max_iter", self.max_iter)
        check_real(
            "perplexity",
            self.perplexity,
            1,
            n - 1,
            False,
            f"it counts neighbours, and the others are {n - 1} points",
        )
        self._n_features_out = self.n_components
        return conditional_probabilities(X, self.perplexity, metric=self.metric)

    def _start(self, X, random_state, size):
        return starting_picture(
            X, self.n_components, self.init, random_state, size=size, metric=self.metric
        )

    def _rate(self, automatic):
        if isinstance(self.learning_rate, str):
            check_choice("learning_rate", self.learning_rate, ("auto",))
            return automatic
        return check_real("learning_rate", self.learning_rate, 0, inclusive=False)

    def __sklearn_tags__(self):
        """Say that precomputed distances are pairwise."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags


class SNE(_Embedding):
    """Stochastic neighbour embedding: Gaussian neighbourhoods in the data and in the picture.

    Minimises ``sum_i KL(p(. | i) || q(. | i))``. It costs n^2 steps an iteration.

    Parameters
    ----------
    n_components : int
    perplexity : float
        Effective number of neighbours, below n - 1.
    learning_rate : "auto" or float
    max_iter : int
    metric : {"euclidean", "precomputed"}
        The last: X holds the distances (n, n), and init='pca', which needs points, is refused.
    init : {"pca", "random"} or array (n, n_components)
    random_state : int, RandomState or None

    Attributes
    ----------
    embedding_ : float32 array (n, n_components)
    kl_divergence_ : float
        Summed over the points, in nats.
    n_iter_ : int

    References
    ----------
    Hinton and Roweis (2003). Chapter: neighbors.
    """

    def __init__(
        self,
        n_components=2,
        *,
        perplexity=30.0,
        learning_rate="auto",
        max_iter=500,
        metric="euclidean",
        init="pca",
        random_state=None,
    ):
        self.n_components = n_components
        self.perplexity = perplexity
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.metric = metric
        self.init = init
        self.random_state = random_state

    def fit(self, X, y=None):
        """Draw the rows of X (n, d), or points with distances X (n, n)."""
        X = check_points_or_distances(self, X, ensure_min_samples=4)
        P = self._conditional(X).astype(np.float32)
        random_state = check_random_state(self.random_state)
        Y = self._start(X, random_state, 0.1)
        descent, rate = Descent(Y), self._rate(0.1)
        for step in range(self.max_iter):
            momentum = 0.5 if step < self.max_iter // 4 else 0.8
            descent.move(sne_gradient(P, descent.Y), momentum, rate)
        self.embedding_, self.n_iter_ = descent.Y, self.max_iter
        self.kl_divergence_ = sne_divergence(P, descent.Y)
        return self


class TSNE(_Embedding):
    """t-distributed stochastic neighbour embedding.

    Minimises ``KL(P || Q)``, P from `joint_probabilities` and ``q_ij`` in proportion to the kernel
    ``(1 + d_ij^2 / nu)^(-(nu + 1) / 2)``, over all pairs. Arguments and attributes are those of
    scikit-learn's class.

    Parameters
    ----------
    n_components : int
    perplexity : float
        Effective number of neighbours, below n - 1.
    early_exaggeration : float
        Factor of the attraction in the first 250 steps.
    learning_rate : "auto" or float
        By default n / 12, and less under exaggeration, n / (4 exaggeration): several times that,
        and the attraction overshoots; much less, and islands still grow when the steps run out.
    max_iter : int
    metric : {"euclidean", "precomputed"}
        The last: X holds the distances (n, n), and init='pca', which needs points, is refused.
    init : {"pca", "random"} or array (n, n_components)
    method : {"auto", "fft", "exact"}
        How the repulsion is added up. By default exactly up to 3000 points, and with Fourier
        transforms, which are for two components, beyond.
    degrees_of_freedom : float or "learn"
        nu of the kernel. A small one has heavier tails, and pulls groups apart; learned ones start
        from 1.
    random_state : int, RandomState or None

    Attributes
    ----------
    embedding_ : float32 array (n, n_components)
    kl_divergence_ : float, in nats
    degrees_of_freedom_ : float
    affinities_ : csr_array (n, n)
        P.
    learning_rate_ : float
        Without exaggeration.
    n_iter_ : int

    References
    ----------
    van der Maaten and Hinton (2008); degrees of freedom: van der Maaten (2009). Chapter: neighbors.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> TSNE(perplexity=10, max_iter=300, random_state=0).fit_transform(X).shape
    (50, 2)
    """

    def __init__(
        self,
        n_components=2,
        *,
        perplexity=30.0,
        early_exaggeration=12.0,
        learning_rate="auto",
        max_iter=1000,
        metric="euclidean",
        init="pca",
        method="auto",
        degrees_of_freedom=1.0,
        random_state=None,
    ):
        self.n_components = n_components
        self.perplexity = perplexity
        self.early_exaggeration = early_exaggeration
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.metric = metric
        self.init = init
        self.method = method
        self.degrees_of_freedom = degrees_of_freedom
        self.random_state = random_state

    def fit(self, X, y=None):
        """Draw the rows of X (n, d), or points with distances X (n, n)."""
        X = check_points_or_distances(self, X, ensure_min_samples=4)
        method = self._check_arguments(len(X))
        self.affinities_ = P = joint_probabilities(self._conditional(X))
        random_state = check_random_state(self.random_state)
        Y = self._start(X, random_state, 1e-4)
        self.learning_rate_ = self._rate(len(X) / 12)
        slower = max(self.early_exaggeration / 3, 1.0) if self.learning_rate == "auto" else 1.0
        learn = self.degrees_of_freedom == "learn"
        nu, pairs = 1.0 if learn else float(self.degrees_of_freedom), once(P).astype(np.float32)
        descent = Descent(Y.copy())
        for step in range(self.max_iter):
            early = step < EXAGGERATED
            if step == EXAGGERATED and thickness(descent.Y) < thickness(Y):
                descent = Descent(Y.copy())  # without groups, attraction contracts all to a point
            exaggeration, momentum = (self.early_exaggeration, 0.5) if early else (1.0, 0.8)
            gradient, _ = tsne_gradient(
                pairs, descent.Y, nu, exaggeration=exaggeration, method=method
            )
            rate = self.learning_rate_ / slower if early else self.learning_rate_
            descent.move(gradient, momentum, rate)
            if learn and not early and step % LEARN_EVERY == 0:
                slope = nu * degrees_of_freedom_slope(P, descent.Y, nu)  # by log nu
                nu *= float(np.exp(-np.clip(LEARN_RATE * slope, -0.2, 0.2)))
        self.embedding_, self.n_iter_, self.degrees_of_freedom_ = descent.Y, self.max_iter, nu
        self.kl_divergence_ = kl_divergence(P, descent.Y, nu, method=method)
        return self

    def _check_arguments(self, n):
        check_real("early_exaggeration", self.early_exaggeration, 1)
        if self.degrees_of_freedom != "learn":
            remedy = "or 'learn'"
            check_real("degrees_of_freedom", self.degrees_of_freedom, 0, np.inf, False, remedy)
        method = check_choice("method", self.method, ("auto", "fft", "exact"))
        if method == "fft" and self.n_components != 2:
            raise ValueError(
                f"n_components={self.n_components} with method='fft': the grid is for 2 "
                "components; choose method='exact'."
            )
        grid = method == "fft" or (method == "auto" and n > FEW and self.n_components == 2)
        return "fft" if grid else "exact"
