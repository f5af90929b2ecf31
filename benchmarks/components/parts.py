"""NMF and the topic model, ours and scikit-learn's, from the same start."""

import warnings

import numpy as np
from scipy import sparse
from sklearn import decomposition
from sklearn.exceptions import ConvergenceWarning

from benchmarks.harness import case
from companion import data
from companion.components.nmf import NMF
from companion.components.topics import LatentDirichletAllocation


def quietly(model, X, **start):
    """Fit a copy of the start, without the warning that the steps were few."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        codes = model.fit_transform(X, **{name: part.copy() for name, part in start.items()})
    return codes, model.components_


def factors(solver, beta_loss, X, k, steps):
    """The same number of steps from the same start, for both libraries."""
    rng = np.random.default_rng(0)
    start = {"W": rng.uniform(size=(len(X), k)), "H": rng.uniform(size=(k, X.shape[1]))}
    options = {"init": "custom", "solver": solver, "beta_loss": beta_loss, "tol": 0}
    options |= {"max_iter": steps}

    def agree(mine, other):
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-8)

    return (
        lambda: quietly(NMF(k, **options), X, **start),
        lambda: quietly(decomposition.NMF(k, **options), X, **start),
        agree,
    )


def ink():
    """The training digits as rows."""
    return data.digits().x_train.reshape(-1, 64).astype(float)


def blocks(n=4000, d=400, k=20):
    """Sums of random parts, with noise."""
    rng = np.random.default_rng(0)
    return rng.gamma(1.0, size=(n, k)) @ rng.gamma(0.3, size=(k, d)) + rng.uniform(size=(n, d))


@case("NMF, multiplicative, 1,437 x 64 digits, 16 parts, 200 steps", "scikit-learn", bar=1.0)
def multiplicative_digits():
    return factors("mu", "frobenius", ink(), 16, 200)


@case("NMF, multiplicative, 4,000 x 400, 20 parts, 50 steps", "scikit-learn", bar=1.0)
def multiplicative_blocks():
    return factors("mu", "frobenius", blocks(), 20, 50)


@case("NMF, Kullback-Leibler, 4,000 x 400, 20 parts, 20 steps", "scikit-learn", bar=1.0)
def kullback_leibler():
    return factors("mu", "kullback-leibler", blocks(), 20, 20)


@case(
    "NMF, coordinate descent, 4,000 x 400, 20 parts, 50 steps",
    "scikit-learn",
    bar=2.5,
    note="A round over the columns is a compiled loop there; here each column is one product.",
)
def coordinate():
    return factors("cd", "frobenius", blocks(), 20, 50)


def documents(n, d, length, k, **options):
    """Eight passes over documents drawn from the story, sparse counts."""
    rng = np.random.default_rng(0)
    topics = rng.dirichlet(np.full(d, 0.05), size=k)
    mixtures = rng.dirichlet(np.full(k, 0.2), size=n)
    counts = np.array([rng.multinomial(length, mixture @ topics) for mixture in mixtures])
    X, options = sparse.csr_matrix(counts.astype(float)), options | {"random_state": 0}

    def agree(mine, other):
        assert abs(mine.bound_ / other.bound_ - 1) < 1e-4
        np.testing.assert_allclose(mine.components_.sum(), other.components_.sum(), rtol=1e-8)
        assert np.abs(mine.components_ - other.components_).mean() < 1e-3

    return (
        lambda: LatentDirichletAllocation(k, doc_start="random", **options).fit(X),
        lambda: decomposition.LatentDirichletAllocation(k, **options).fit(X),
        agree,
    )


@case("Topic model, batch, 1,000 documents of 100 words, 10 topics", "scikit-learn", bar=0.9)
def topics_short():
    return documents(1000, 1000, 100, 10, max_iter=5)


@case("Topic model, batch, 400 documents of 600 words, 20 topics", "scikit-learn", bar=1.0)
def topics_long():
    return documents(400, 3000, 600, 20, max_iter=5)


@case("Topic model, online, 1,000 documents of 100 words, 10 topics", "scikit-learn", bar=0.9)
def topics_online():
    return documents(1000, 1000, 100, 10, max_iter=3, learning_method="online")
