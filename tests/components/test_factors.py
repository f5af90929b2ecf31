"""Probabilistic PCA and factor analysis against scikit-learn, closed forms and theorems."""

import warnings

import numpy as np
import pytest
import sklearn.decomposition as skd
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.components.factors import (
    FactorAnalysis,
    ProbabilisticPCA,
    best_loadings,
    em_step,
    log_density,
    mean_log_likelihood,
    varimax,
)
from companion.components.pca import PCA
from tests.components.test_latent_gaussian import draw

seeds = st.integers(0, 10_000)


@parametrize_with_checks(
    [
        FactorAnalysis(1),
        FactorAnalysis(max_iter=20_000),
        ProbabilisticPCA(1),
        ProbabilisticPCA(1, solver="em"),
    ]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# Probabilistic PCA


@given(seed=seeds, k=st.integers(1, 4))
def test_closed_form_is_pca_and_its_density(seed, k):
    """`eq-ppca-closed`: scikit-learn's PCA has the same density, but for n - 1."""
    X = draw(seed, 60)
    ours, theirs = ProbabilisticPCA(k).fit(X), skd.PCA(k, svd_solver="full").fit(X)
    factor = len(X) / (len(X) - 1)
    np.testing.assert_allclose(ours.get_covariance() * factor, theirs.get_covariance(), atol=1e-9)
    root = np.sqrt(factor)
    noise = np.full(5, ours.noise_variance_ * factor)
    density = log_density(X, ours.mean_, ours.components_ * root, noise)
    np.testing.assert_allclose(density, theirs.score_samples(X), atol=1e-8)
    assert max(subspace_angles(ours.components_.T, theirs.components_.T)) < 1e-6


@pytest.mark.parametrize("k", [1, 2, 3])
def test_em_reaches_the_closed_form(k):
    X = draw(3, 200)
    closed, em = (
        ProbabilisticPCA(k, solver=s, tol=1e-9, max_iter=20_000).fit(X) for s in ("eigh", "em")
    )
    assert abs(em.loglike_[-1] - closed.loglike_[-1]) < 1e-4
    np.testing.assert_allclose(em.get_covariance(), closed.get_covariance(), atol=1e-3)
    assert np.diff(em.loglike_[:-1]).min() > 0
    assert em.n_iter_ == len(em.loglike_) > 2


@settings(max_examples=50)
@given(seed=seeds, k=st.integers(1, 4))
def test_nothing_near_the_closed_form_is_likelier(seed, k):
    X, rng = draw(seed), np.random.default_rng(seed)
    S, best = np.cov(X.T, bias=True), ProbabilisticPCA(k).fit(X)
    for size in (1e-3, 1e-1):
        loadings = best.components_ + size * rng.normal(size=(k, 5))
        noise = np.full(5, best.noise_variance_ * np.exp(size * rng.normal()))
        assert mean_log_likelihood(S, loadings, noise) <= best.loglike_[0] / len(X) + 1e-12


def test_posterior_means_are_shrunk_principal_coordinates():
    """Section "Turn the story round": by 1 - noise / eigenvalue, after whitening."""
    X = draw(5, 300)
    ppca, pca = ProbabilisticPCA(2).fit(X), PCA(2, whiten=True).fit(X)
    values = pca.explained_variance_ * (len(X) - 1) / len(X)
    shrunk = np.sqrt(1 - ppca.noise_variance_ / values) * pca.transform(X)
    shrunk *= np.sqrt(len(X) / (len(X) - 1))
    np.testing.assert_allclose(abs(ppca.transform(X)), abs(shrunk), atol=1e-8)


def test_all_components_are_the_whole_covariance():
    X = draw(0)
    ppca = ProbabilisticPCA().fit(X)
    np.testing.assert_allclose(ppca.get_covariance(), np.cov(X.T, bias=True), atol=1e-9)


# Factor analysis


@pytest.mark.parametrize(("n", "d", "k"), [(80, 6, 1), (300, 10, 3), (400, 30, 5), (20, 30, 2)])
@pytest.mark.parametrize("start", [1.0, 0.3])
def test_equals_scikit_learn(n, d, k, start):
    """Likelihood at every step, noise and covariance, from the same start."""
    X = draw(1, n, d, k)
    options = {"tol": 1e-4, "max_iter": 300, "noise_variance_init": np.full(d, start)}
    ours = FactorAnalysis(k, **options).fit(X)
    theirs = skd.FactorAnalysis(k, svd_method="lapack", **options).fit(X)
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.loglike_, theirs.loglike_, rtol=1e-9)
    np.testing.assert_allclose(ours.noise_variance_, theirs.noise_variance_, atol=1e-7)
    np.testing.assert_allclose(ours.get_covariance(), theirs.get_covariance(), atol=1e-7)
    np.testing.assert_allclose(ours.get_precision(), theirs.get_precision(), atol=1e-5)
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), atol=1e-6)
    signs = np.sign((ours.components_ * theirs.components_).sum(axis=1))
    np.testing.assert_allclose(ours.components_ * signs[:, None], theirs.components_, atol=1e-6)
    np.testing.assert_allclose(ours.transform(X) * signs, theirs.transform(X), atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_em_and_the_quick_steps_end_at_the_same_likelihood(seed):
    X = draw(seed, 300, 6, 2)
    ends = [
        FactorAnalysis(2, solver=s, tol=1e-10, max_iter=50_000).fit(X).loglike_[-1]
        for s in ("eigh", "em")
    ]
    assert abs(ends[0] - ends[1]) < 1e-3


@given(seed=seeds, k=st.integers(1, 3))
def test_the_quick_step_is_ems_where_the_loadings_are_the_best(seed, k):
    """Section "Quicker than EM": then EM leaves W and gives diag(S - W W') as noise."""
    rng = np.random.default_rng(seed)
    S, noise = np.cov(draw(seed, 30).T, bias=True), rng.uniform(0.2, 1, size=5)
    best = best_loadings(S, noise, k)
    again, left = em_step(S, best, noise)
    alive = (best**2).sum(axis=1) > 1e-9  # a factor that explains nothing is zero and stays so
    np.testing.assert_allclose(again[alive], best[alive], atol=1e-8)
    np.testing.assert_allclose(left, np.diag(S) - (best**2).sum(axis=0), atol=1e-8)


@given(seed=seeds, k=st.integers(1, 4))
def test_no_loadings_are_likelier_than_the_best_for_a_noise(seed, k):
    rng = np.random.default_rng(seed)
    S, noise = np.cov(draw(seed, 30).T, bias=True), rng.uniform(0.2, 1, size=5)
    best = best_loadings(S, noise, k)
    reached = mean_log_likelihood(S, best, noise)
    for size in (1e-3, 1e-1, 1):
        other = best + size * rng.normal(size=best.shape)
        assert mean_log_likelihood(S, other, noise) <= reached + 1e-12


@settings(max_examples=30)
@given(seed=seeds, k=st.integers(1, 3))
def test_quick_steps_never_lower_the_likelihood(seed, k):
    fit = FactorAnalysis(k, tol=0, max_iter=40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit.fit(draw(seed))
    assert np.diff(fit.loglike_).min() > -1e-9


@settings(max_examples=30)
@given(seed=seeds, factor=st.floats(0.01, 100))
def test_rescaling_a_variable_rescales_its_row_and_nothing_else(seed, factor):
    """Section "Units must not matter": scale equivariance, at every step; PCA lacks it."""
    X, scale = draw(seed, 200), np.array([factor, 1, 1, 1, 1])
    options = {"tol": 0, "max_iter": 20}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        one = FactorAnalysis(2, **options).fit(X)
        other = FactorAnalysis(2, **options).fit(X * scale)
    signs = np.sign((one.components_ * other.components_).sum(axis=1))
    rescaled = one.components_ * scale * signs[:, None]
    np.testing.assert_allclose(other.components_, rescaled, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(other.noise_variance_, one.noise_variance_ * scale**2, rtol=1e-6)
    np.testing.assert_allclose(other.transform(X * scale), one.transform(X) * signs, atol=1e-5)
    lost = len(X) * np.log(factor)  # the density is per unit, and the unit has changed
    np.testing.assert_allclose(np.add(other.loglike_, lost), one.loglike_, rtol=1e-9)


@pytest.mark.parametrize(
    "model",
    [
        FactorAnalysis(2, tol=1e-3),
        FactorAnalysis(2, tol=1e-3, solver="em"),
        ProbabilisticPCA(2),
        ProbabilisticPCA(2, tol=1e-3, solver="em"),
    ],
)
def test_tiny_units_change_the_scale_and_nothing_else(model):
    """Section "Units must not matter": what is a tiny noise is measured by the variances."""
    X = draw(0, 200)
    loadings, noise, before = model.fit(X).components_, model.noise_variance_, model.transform(X)
    model.fit(X * 1e-7)
    np.testing.assert_allclose(model.components_ * 1e7, loadings, atol=1e-6)
    np.testing.assert_allclose(model.noise_variance_ * 1e14, noise, rtol=1e-6)
    np.testing.assert_allclose(model.transform(X * 1e-7), before, atol=1e-6)


def test_a_constant_variable_has_a_floor_too():
    X = draw(0, 100)
    X[:, 2] = 0.1
    fit = FactorAnalysis(1, min_noise_variance=1e-6).fit(X)
    assert np.isclose(fit.get_covariance()[2, 2], 1e-6 * X.var(axis=0).max())
    assert np.isfinite(fit.score(X))
    for kind in (FactorAnalysis, ProbabilisticPCA):
        alike = kind(1).fit(np.full((9, 3), 0.1))
        np.testing.assert_allclose(alike.noise_variance_, 1e-12)


def test_noise_of_ppca_stops_at_the_floor():
    """Rows on a plane leave two factors no noise at all."""
    X = np.random.default_rng(0).normal(size=(50, 2)) @ np.random.default_rng(1).normal(size=(2, 5))
    for solver in ("eigh", "em"):
        fit = ProbabilisticPCA(2, solver=solver, min_noise_variance=1e-3).fit(X)
        assert np.isclose(fit.noise_variance_, 1e-3 * X.var(axis=0).mean())


def test_principal_axes_turn_when_a_variable_is_rescaled():
    X = load_wine().data
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    raw, standard = PCA(1).fit(X).components_[0], PCA(1).fit(Z).components_[0]
    assert abs(raw[12]) > 0.999 > 0.5 > abs(standard[12])  # proline alone
    raw, standard = (FactorAnalysis(2, tol=1e-6, max_iter=5000).fit(data) for data in (X, Z))
    np.testing.assert_allclose(raw.noise_variance_ / X.var(axis=0), standard.noise_variance_)


def test_finds_a_planted_factor_under_unequal_noise():
    """PCA's first axis goes to the noisiest variable, the factor does not."""
    rng = np.random.default_rng(0)
    noise = np.array([0.3, 0.3, 0.3, 5.0])
    X = rng.normal(size=(5000, 1)) * [1, 1, 1, 0] + rng.normal(size=(5000, 4)) * noise
    factor = FactorAnalysis(1).fit(X)
    np.testing.assert_allclose(abs(factor.components_[0]), [1, 1, 1, 0], atol=0.2)
    np.testing.assert_allclose(factor.noise_variance_, noise**2, rtol=0.1)
    assert abs(PCA(1).fit(X).components_[0, 3]) > 0.99


@given(seed=seeds)
def test_a_rotation_of_the_factors_changes_no_density(seed):
    rng = np.random.default_rng(seed)
    fit, X = FactorAnalysis(2).fit(draw(0)), draw(1)
    Q = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    turned = log_density(X, fit.mean_, Q @ fit.components_, fit.noise_variance_)
    np.testing.assert_allclose(turned, fit.score_samples(X), atol=1e-9)


@pytest.mark.parametrize("k", [2, 3])
def test_varimax_turns_like_scikit_learn(k):
    """The same factors, in another order and with other signs."""
    X = draw(2, 400, 9, k)
    options = {"tol": 1e-6, "max_iter": 2000, "rotation": "varimax"}
    ours = FactorAnalysis(k, **options).fit(X).components_
    theirs = skd.FactorAnalysis(k, svd_method="lapack", **options).fit(X).components_
    match = abs((ours[:, None] * theirs).sum(-1))
    match /= np.linalg.norm(ours, axis=1)[:, None] * np.linalg.norm(theirs, axis=1)
    assert (match.max(axis=1) > 0.999).all()
    assert sorted(match.argmax(axis=1)) == list(range(k))


@given(seed=seeds)
def test_varimax_is_a_rotation_that_nothing_beats(seed):
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(2, 7))

    def spread(L):
        return (L**2).var(axis=1).sum()

    turned = varimax(loadings)
    np.testing.assert_allclose(turned.T @ turned, loadings.T @ loadings, atol=1e-9)
    for angle in np.linspace(0, np.pi, 91):
        c, s = np.cos(angle), np.sin(angle)
        assert spread(np.array([[c, -s], [s, c]]) @ loadings) <= spread(turned) + 1e-9


def test_varimax_leaves_a_minimum():
    """All squares are equal there: nothing could be worse, and nothing says which way to turn."""
    turned = abs(varimax(np.array([[1.0, 1, 1, 1], [1, 1, -1, -1]])))
    np.testing.assert_allclose(
        sorted(turned.tolist()), np.sqrt(2) * np.eye(2)[::-1].repeat(2, 1), atol=1e-9
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_from_ones_it_can_end_in_a_worse_maximum():
    """Section "Break it", with scikit-learn's own class: the start that knows the units wins."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 1)) * [1, 1, 1, 0] + rng.normal(size=(2000, 4)) * [0.3, 0.3, 0.3, 5]
    options = {"tol": 1e-6, "max_iter": 1000}
    ours = FactorAnalysis(1, **options).fit(X).loglike_[-1]
    theirs = skd.FactorAnalysis(1, svd_method="lapack", **options).fit(X).loglike_[-1]
    same = FactorAnalysis(1, noise_variance_init=np.ones(4), **options).fit(X).loglike_[-1]
    assert np.isclose(same, theirs)
    assert ours > theirs + 100


def test_a_heywood_case_stops_at_the_floor():
    """Section "Break it": a factor that stands for one variable takes all of its noise away."""
    X = draw(0, 12, 6, 1)
    options = {"tol": 0.0, "max_iter": 3000}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        free = FactorAnalysis(3, **options).fit(X)
        held = FactorAnalysis(3, min_noise_variance=0.05, **options).fit(X)
    assert (free.noise_variance_ / X.var(axis=0)).min() < 0.005
    assert np.isclose((held.noise_variance_ / X.var(axis=0)).min(), 0.05)
    assert free.loglike_[-1] > held.loglike_[-1]
    assert np.diff(held.loglike_).min() > -1e-9


def test_warns_at_max_iter():
    for solver in ("eigh", "em"):
        with pytest.warns(ConvergenceWarning, match="max_iter"):
            FactorAnalysis(2, tol=0, max_iter=3, solver=solver).fit(draw(0))


@pytest.mark.parametrize("kind", [FactorAnalysis, ProbabilisticPCA])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_components": 6}, "n_components=6.*at most"),
        ({"n_components": 0}, "n_components=0"),
        ({"tol": -1}, "tol=-1"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"solver": "svd"}, "solver='svd'.*'eigh'"),
        ({"min_noise_variance": 0}, "min_noise_variance=0"),
    ],
)
def test_bad_arguments_are_named(kind, options, words):
    with pytest.raises(ValueError, match=words):
        kind(**options).fit(draw(0))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rotation": "quartimax"}, "rotation='quartimax'"),
        ({"noise_variance_init": [1.0, 1.0]}, "noise_variance_init.*5 positive"),
        ({"noise_variance_init": np.array([1, 1, 1, 1, 0.0])}, "positive"),
    ],
)
def test_bad_arguments_of_factor_analysis(options, words):
    with pytest.raises(ValueError, match=words):
        FactorAnalysis(2, **options).fit(draw(0))
