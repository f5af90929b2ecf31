"""Gaussian mixtures against scikit-learn, theorems and closed forms."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn import mixture
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.clustering.gaussians import COVARIANCE_TYPES, as_matrices, precision_factors
from companion.clustering.kmeans import KMeans, lloyd_step
from companion.clustering.mixtures import GaussianMixture, e_step, m_step, share_out


@parametrize_with_checks([GaussianMixture(2)])
def test_estimator_checks(estimator, check):
    check(estimator)


def blobs(n=300, d=2, k=3, seed=0):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(k, d)) * 6
    return centers[rng.integers(k, size=n)] + rng.normal(size=(n, d))


def start(X, k, covariance_type):
    """The same start for both libraries."""
    d = X.shape[1]
    precisions = {
        "full": np.tile(np.eye(d), (k, 1, 1)),
        "tied": np.eye(d) * 0.5,
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }[covariance_type]
    return {"weights_init": np.full(k, 1 / k), "means_init": X[:k], "precisions_init": precisions}


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("d", [1, 2, 7])
def test_same_start_same_value_as_scikit_learn(covariance_type, d):
    """Section "Against a reference"."""
    X = blobs(d=d)
    options = {"covariance_type": covariance_type, "tol": 1e-6, "max_iter": 500}
    options |= start(X, 3, covariance_type)
    ours, theirs = (
        kind(3, **options).fit(X) for kind in (GaussianMixture, mixture.GaussianMixture)
    )
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.lower_bounds_, theirs.lower_bounds_, atol=1e-10)
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_", "precisions_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-8)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-8)
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), atol=1e-9)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(
        [ours.bic(X), ours.aic(X), ours.score(X)], [theirs.bic(X), theirs.aic(X), theirs.score(X)]
    )


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 4), d=st.integers(1, 3))
def test_em_never_lowers_the_likelihood(covariance_type, seed, k, d):
    """The theorem of section "Why the likelihood never falls", without reg_covar."""
    X = blobs(60, d, k, seed)
    model = GaussianMixture(
        k,
        covariance_type=covariance_type,
        init_params="random",
        reg_covar=0,
        max_iter=30,
        tol=0,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            model.fit(X)
        except ValueError as error:  # the other theorem: it may have no maximum
            assert "singular" in str(error)  # noqa: PT017
            return
    assert np.diff(model.lower_bounds_).min(initial=0) > -1e-11


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_bound_touches_after_the_e_step_and_lies_below_elsewhere(seed):
    """`eq-mixtures-bound`: any shares q give a lower bound, and p(z | x) the log likelihood."""
    rng = np.random.default_rng(seed)
    log_joint = rng.normal(size=(20, 3)) * 3
    log_likelihood, exact = share_out(log_joint)
    q = rng.dirichlet(np.ones(3), size=20)
    bound = (q * (log_joint - np.log(q))).sum(axis=1)
    gap = (q * (np.log(q) - np.log(exact))).sum(axis=1)
    assert (bound <= log_likelihood + 1e-12).all()
    np.testing.assert_allclose(log_likelihood - bound, gap, atol=1e-10)
    np.testing.assert_allclose(
        (exact * (log_joint - np.log(exact))).sum(axis=1), log_likelihood, atol=1e-10
    )
    np.testing.assert_allclose(log_likelihood, logsumexp(log_joint, axis=1), atol=1e-12)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_m_step_is_a_stationary_point_of_the_bound(covariance_type):
    """Nudging any parameter of `eq-mixtures-m-step` lowers the expected log joint density."""
    rng = np.random.default_rng(0)
    X, shares = rng.normal(size=(40, 2)), rng.dirichlet(np.ones(3), size=40)
    weights, means, covariances = m_step(X, shares, covariance_type, reg_covar=0)

    def expected(weights, means, covariances):
        matrices = as_matrices(covariances, covariance_type, 3, 2)
        logs = [
            np.log(weights[i]) + multivariate_normal(means[i], matrices[i]).logpdf(X)
            for i in range(3)
        ]
        return (shares * np.transpose(logs)).sum()

    best = expected(weights, means, covariances)
    for _ in range(20):
        nudged = np.abs(weights + 0.02 * rng.normal(size=3))
        assert expected(nudged / nudged.sum(), means, covariances) < best
        assert expected(weights, means + 0.02 * rng.normal(size=(3, 2)), covariances) < best
        assert expected(weights, means, covariances * (1 + rng.choice([-0.03, 0.03]))) < best


def test_shares_that_underflow():
    """A row a thousand deviations from every component still has shares that sum to 1."""
    factors = precision_factors(np.ones((2, 1, 1)))
    log_likelihood, shares = e_step(
        np.array([[1e3], [-1e3]]), np.array([0.5, 0.5]), np.array([[0.0], [1.0]]), factors
    )
    np.testing.assert_allclose(shares, [[0, 1], [1, 0]], atol=1e-12)
    assert np.isfinite(log_likelihood).all()


def test_weight_zero_takes_nothing():
    factors = precision_factors(np.ones((2, 1)), "diag")
    means = np.zeros((2, 1))
    _, shares = e_step(np.zeros((3, 1)), np.array([1.0, 0.0]), means, factors, "diag")
    np.testing.assert_array_equal(shares, [[1, 0]] * 3)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_small_variance_gives_a_step_of_k_means(seed):
    """Section "Soft k-means": as sigma goes to 0, E and M are the two halves of Lloyd's step."""
    X = blobs(50, 2, 3, seed)
    centers = X[:3] + 0.01
    factors = precision_factors(np.full(3, 1e-8), "spherical")
    _, shares = e_step(X, np.full(3, 1 / 3), centers, factors, "spherical")
    new_centers, hard_labels = lloyd_step(X, centers)
    np.testing.assert_array_equal(shares.argmax(axis=1), hard_labels)
    np.testing.assert_allclose(shares.max(axis=1), 1)
    np.testing.assert_allclose(m_step(X, shares, "spherical")[1], new_centers, atol=1e-8)


def test_density_integrates_to_one():
    X = blobs(80, 1, 2)
    model = GaussianMixture(2, random_state=0).fit(X)
    area, _ = quad(lambda x: np.exp(model.score_samples([[x]])[0]), -60, 60, limit=500)
    assert abs(area - 1) < 1e-6


def test_one_component_is_the_sample_mean_and_covariance():
    X = blobs(50, 3, 2)
    model = GaussianMixture(1, reg_covar=0).fit(X)
    np.testing.assert_allclose(model.means_[0], X.mean(axis=0))
    np.testing.assert_allclose(model.covariances_[0], np.cov(X.T, bias=True))


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_sample_has_the_moments(covariance_type):
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0)
    X, component = model.fit(blobs(200, 2, 2)).sample(20_000)
    matrices = as_matrices(model.covariances_, covariance_type, 2, 2)
    for i in range(2):
        rows = X[component == i]
        error = np.sqrt(np.diag(matrices[i]) / len(rows))
        assert (np.abs(rows.mean(axis=0) - model.means_[i]) < 5 * error).all()
        np.testing.assert_allclose(np.cov(rows.T), matrices[i], rtol=0.15, atol=0.1)
    np.testing.assert_array_equal(X, model.sample(20_000)[0])


def test_bic_finds_the_number_of_components():
    """Section "How many components?": three blobs."""
    centers = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    rng = np.random.default_rng(0)
    X = centers[rng.integers(3, size=600)] + rng.normal(size=(600, 2))
    scores = [GaussianMixture(k, random_state=0).fit(X).bic(X) for k in range(1, 7)]
    assert np.argmin(scores) + 1 == 3


def test_full_covariance_finds_what_k_means_cannot():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)) * [4, 0.4] + np.repeat([[0, 0], [0, 3]], 200, axis=0)
    truth = np.repeat([0, 1], 200)
    model = GaussianMixture(2, covariance_type="tied", tol=1e-6, n_init=5, max_iter=500)
    labels = model.set_params(init_params="k-means++", random_state=0).fit_predict(X)
    assert adjusted_rand_score(truth, labels) > 0.95
    hard = KMeans(2, random_state=0).fit(X).labels_
    assert adjusted_rand_score(truth, hard) < 0.1


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_every_start_is_reproducible(init_params):
    X = blobs()
    fits = [
        GaussianMixture(3, init_params=init_params, random_state=1, max_iter=500, tol=1e-5).fit(X)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(fits[0].means_, fits[1].means_)


def test_more_starts_are_never_worse():
    X = blobs(150, 2, 5)
    options = {"init_params": "random_from_data", "random_state": 0, "max_iter": 300}
    one, many = (GaussianMixture(5, n_init=n, **options).fit(X) for n in (1, 8))
    assert many.lower_bound_ >= one.lower_bound_


def test_duplicates_need_reg_covar():
    """Section "Break it": a component on one point has no volume, and reg_covar gives it some."""
    X = np.concatenate([np.random.default_rng(0).normal(size=(50, 2)), np.full((20, 2), 9.0)])
    with pytest.raises(ValueError, match="reg_covar"):
        GaussianMixture(2, reg_covar=0, random_state=0).fit(X)
    cured = GaussianMixture(2, reg_covar=1e-3, random_state=0).fit(X)
    assert np.linalg.eigvalsh(cured.covariances_).min() > 0.99e-3


def test_warns_at_max_iter():
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        GaussianMixture(3, max_iter=1, random_state=0).fit(blobs())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_components": 0}, "n_components=0"),
        ({"n_components": 400}, "n_components=400.*at most"),
        ({"covariance_type": "round"}, "covariance_type='round'.*'full'"),
        ({"init_params": "k-mean"}, "init_params='k-mean'.*'kmeans'"),
        ({"tol": -1}, "tol=-1"),
        ({"reg_covar": -1e-3}, "reg_covar=-0.001"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"n_init": 0}, "n_init=0"),
        ({"n_components": 2, "means_init": [[0.0, 1.0]]}, r"means_init.*\(1, 2\).*\(2, 2\)"),
        ({"n_components": 2, "precisions_init": [1.0, 1.0]}, "precisions_init"),
        ({"n_components": 2, "weights_init": [0.5, 0.6]}, "weights_init.*divide by the sum"),
        ({"n_components": 2, "weights_init": [1.5, -0.5]}, "weights_init"),
        ({"means_init": [[0.0, np.nan]]}, "means_init has NaN"),
        ({"precisions_init": [[[1.0, 0.5], [0.0, 1.0]]]}, "precisions_init is not symmetric"),
        ({"precisions_init": [[[1.0, 0.0], [0.0, 0.0]]]}, "precisions_init .* eigenvalue 0"),
        ({"precisions_init": [[[1.0, 2.0], [2.0, 1.0]]]}, "precisions_init .* eigenvalue -1"),
        ({"precisions_init": [[1.0, -2.0]], "covariance_type": "diag"}, "precisions_init .* -2"),
        ({"precisions_init": [0.0], "covariance_type": "spherical"}, "precisions_init .* 0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(**arguments).fit(blobs())


@pytest.mark.parametrize(
    ("X", "message"),
    [([[1.0, np.nan], [2.0, 3.0]], "NaN"), ([[1.0, 2.0]], "minimum of 2"), ([1.0, 2.0], "2D")],
)
def test_bad_data(X, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(1).fit(X)


def test_sample_size_is_checked():
    with pytest.raises(ValueError, match="n_samples=0"):
        GaussianMixture(1).fit(blobs()).sample(0)
