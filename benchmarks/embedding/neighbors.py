"""t-SNE and UMAP on digits: pictures of the same quality, ours and the libraries'."""

import warnings

import numpy as np
from scipy.ndimage import rotate
from sklearn import manifold
from sklearn.datasets import load_digits

from benchmarks.harness import case
from companion.embedding.gradients import kl_divergence
from companion.embedding.sne import TSNE
from companion.embedding.umap import UMAP
from companion.metrics import trustworthiness


def jittered_digits():
    """The 1,797 digits with a little noise, so that no distances tie."""
    X = load_digits().data
    return X + np.random.default_rng(0).normal(scale=1e-3, size=X.shape)


def many_digits(n=10_000):
    """Digits drawn with replacement, turned by up to 15 degrees, with noise of one grey level."""
    rng = np.random.default_rng(0)
    images = load_digits().images[rng.integers(1797, size=n)]
    angles = rng.uniform(-15, 15, size=n)
    turned = [rotate(i, a, reshape=False, order=1) for i, a in zip(images, angles, strict=True)]
    return np.reshape(turned, (n, 64)) + rng.normal(size=(n, 64))


def tsne_case(X, worst, **options):
    """Both from the principal components; the divergence is measured exactly, with the same P."""

    def agree(mine, other):
        P = mine.affinities_
        assert kl_divergence(P, mine.embedding_) < worst * kl_divergence(P, other.embedding_)

    return (
        lambda: TSNE(random_state=0, **options).fit(X),
        lambda: manifold.TSNE(random_state=0, n_jobs=1, **options).fit(X),
        agree,
    )


@case("t-SNE, 1,797 digits", "scikit-learn, Barnes-Hut", bar=0.85)
def tsne_digits():
    return tsne_case(jittered_digits(), worst=1.01)


@case("t-SNE, 10,000 turned digits, 400 steps", "scikit-learn, Barnes-Hut", bar=0.6)
def tsne_many():
    return tsne_case(many_digits(), worst=1.02, max_iter=400)


@case("UMAP, 1,797 digits", "umap-learn", bar=1.0)
def umap_digits():
    import umap

    X = jittered_digits()

    def theirs():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a seed means one thread: that is wanted here
            return umap.UMAP(random_state=0, n_jobs=1).fit_transform(X)

    def agree(mine, other):
        scores = [trustworthiness(X, Y, n_neighbors=15) for Y in (mine, other)]
        assert scores[0] > scores[1] - 0.002

    return lambda: UMAP(random_state=0).fit_transform(X), theirs, agree
