"""SNE and t-SNE against scikit-learn, and what they promise."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from sklearn import manifold
from sklearn.datasets import load_digits
from sklearn.manifold._t_sne import _joint_probabilities
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.embedding.gradients import kl_divergence, tsne_gradient
from companion.embedding.sne import SNE, TSNE
from companion.metrics import trustworthiness


@parametrize_with_checks([TSNE(perplexity=2, max_iter=20), SNE(perplexity=2, max_iter=20)])
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    X = load_digits().data[:400]
    return X + np.random.default_rng(0).normal(scale=1e-3, size=X.shape)  # no tied distances


@pytest.fixture(scope="module")
def fitted(digits):
    return TSNE(max_iter=600, random_state=0).fit(digits)


def test_as_good_as_scikit_learn(digits, fitted):
    """Section "Against a reference": same P, same divergence, at most a little above theirs."""
    theirs = manifold.TSNE(max_iter=600, method="exact", random_state=0).fit(digits)
    other = kl_divergence(fitted.affinities_, theirs.embedding_)
    mine = kl_divergence(fitted.affinities_, fitted.embedding_)
    np.testing.assert_allclose(mine, fitted.kl_divergence_, rtol=1e-6)
    assert mine < 1.03 * other
    scores = [trustworthiness(digits, m.embedding_, n_neighbors=10) for m in (fitted, theirs)]
    assert scores[0] > scores[1] - 0.005


def test_grid_and_exact_sum_give_equally_good_pictures(digits, fitted):
    grid = TSNE(max_iter=600, method="fft", random_state=0).fit(digits)
    assert abs(kl_divergence(grid.affinities_, grid.embedding_) / fitted.kl_divergence_ - 1) < 0.1


def test_attraction_is_exaggerated_for_250_steps(digits, monkeypatch):
    """Section "Early and late"."""
    seen = []

    def recorder(*args, exaggeration, **options):
        seen.append(exaggeration)
        return tsne_gradient(*args, exaggeration=exaggeration, **options)

    monkeypatch.setattr("companion.embedding.sne.tsne_gradient", recorder)
    TSNE(max_iter=252, random_state=0).fit(digits[:100])
    assert seen == [12.0] * 250 + [1.0] * 2


def test_longer_is_lower(digits, fitted):
    short = TSNE(max_iter=300, random_state=0).fit(digits)
    assert fitted.kl_divergence_ < short.kl_divergence_


def test_learned_degrees_of_freedom_are_better_than_neighbours(digits):
    """Section "Tails": at the learned nu, nearby values have a higher divergence."""
    model = TSNE(max_iter=600, degrees_of_freedom="learn", random_state=0).fit(digits)
    best = model.degrees_of_freedom_
    for factor in (0.7, 1.4):
        away = kl_divergence(model.affinities_, model.embedding_, factor * best)
        assert away > model.kl_divergence_


def test_sne_lowers_its_divergence(digits):
    few, many = (SNE(max_iter=n, random_state=0).fit(digits[:300]) for n in (20, 200))
    assert many.kl_divergence_ < few.kl_divergence_
    assert trustworthiness(digits[:300], many.embedding_, n_neighbors=10) > 0.85


@pytest.mark.parametrize("init", ["pca", "random"])
def test_same_seed_same_picture(digits, init):
    options = {"init": init, "max_iter": 30, "random_state": 3}
    for kind in (TSNE, SNE):
        one, two = (kind(**options).fit_transform(digits[:200]) for _ in range(2))
        np.testing.assert_array_equal(one, two)


def test_other_numbers_of_components(digits):
    assert TSNE(3, max_iter=20).fit_transform(digits[:150]).shape == (150, 3)
    assert TSNE(1, max_iter=20).fit_transform(digits[:150]).shape == (150, 1)


def test_noise_does_not_collapse():
    """Exaggeration contracts a picture without groups; afterwards it must spread again."""
    X = np.random.default_rng(0).normal(size=(200, 64))
    model = TSNE(max_iter=500, random_state=0).fit(X)
    assert np.ptp(model.embedding_, axis=0).min() > 1
    assert len(np.unique(model.embedding_, axis=0)) == 200


def test_a_given_start_is_kept(digits):
    start = np.random.default_rng(0).normal(size=(150, 2)).astype(np.float32)
    start -= start.mean(axis=0)
    moved = TSNE(init=start, max_iter=1, learning_rate=1e-9).fit_transform(digits[:150])
    np.testing.assert_allclose(moved, start, atol=1e-6)


def test_two_far_groups_stay_apart():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(60, 5)), rng.normal(size=(60, 5)) + 30])
    Y = TSNE(perplexity=10, max_iter=400, random_state=0).fit_transform(X)
    assert (manifold.trustworthiness(X, Y)) > 0.9
    centers = Y[:60].mean(axis=0), Y[60:].mean(axis=0)
    widths = Y[:60].std(), Y[60:].std()
    assert np.linalg.norm(centers[0] - centers[1]) > 2 * max(widths)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"perplexity": 100}, "perplexity=100.*neighbours.*99 points"),
        ({"perplexity": 0.5}, "perplexity=0.5"),
        ({"n_components": 0}, "n_components=0"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"learning_rate": "fast"}, "learning_rate='fast'.*'auto'"),
        ({"learning_rate": -1}, "learning_rate=-1"),
        ({"init": "zeros"}, "init='zeros'.*'pca'"),
        ({"init": np.zeros((3, 2))}, r"init has shape \(3, 2\).*\(100, 2\)"),
    ],
)
@pytest.mark.parametrize("kind", [TSNE, SNE])
def test_bad_arguments(digits, kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(**arguments).fit(digits[:100])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "barnes_hut"}, "method='barnes_hut'.*'fft'"),
        ({"method": "fft", "n_components": 3}, "n_components=3.*choose method='exact'"),
        ({"degrees_of_freedom": 0}, "degrees_of_freedom=0.*'learn'"),
        ({"degrees_of_freedom": "guess"}, "degrees_of_freedom='guess'.*'learn'"),
        ({"early_exaggeration": 0.5}, "early_exaggeration=0.5"),
    ],
)
def test_bad_arguments_of_tsne(digits, arguments, message):
    with pytest.raises(ValueError, match=message):
        TSNE(**arguments).fit(digits[:100])


@pytest.mark.parametrize("kind", [TSNE, SNE])
def test_distances_give_what_points_give(digits, kind):
    X = digits[:120]
    options = {"perplexity": 10, "init": "random", "random_state": 0, "max_iter": 30}
    ours = kind(**options, metric="precomputed").fit(squareform(pdist(X)))
    np.testing.assert_allclose(ours.embedding_, kind(**options).fit(X).embedding_, rtol=1e-3)
    assert ours.__sklearn_tags__().input_tags.pairwise
    given = ours.embedding_
    again = kind(**options | {"init": given}, metric="precomputed").fit(squareform(pdist(X)))
    assert again.kl_divergence_ < ours.kl_divergence_


def test_affinities_of_distances_are_those_of_scikit_learn(digits):
    """The exact ones of scikit-learn, from squared distances, where all others are neighbours."""
    D = squareform(pdist(digits[:60]))
    P = TSNE(perplexity=20, max_iter=1, init="random", metric="precomputed").fit(D).affinities_
    theirs = _joint_probabilities((D**2).astype(np.float32), 20, verbose=0)
    np.testing.assert_allclose(squareform(P.toarray()), theirs, rtol=1e-3)


@pytest.mark.parametrize("kind", [TSNE, SNE])
def test_distances_have_no_principal_components(kind):
    D = squareform(pdist(np.random.default_rng(0).normal(size=(20, 3))))
    with pytest.raises(ValueError, match=r"init='pca' needs points.*'random'.*\(20, 2\)"):
        kind(perplexity=5, metric="precomputed").fit(D)
    with pytest.raises(ValueError, match="X is not symmetric"):
        kind(perplexity=5, init="random", metric="precomputed").fit(np.triu(D))
    with pytest.raises(ValueError, match="metric='l3' is not known"):
        kind(perplexity=5, metric="l3").fit(D)
