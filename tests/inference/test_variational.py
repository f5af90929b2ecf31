"""Mean field against sums over all states; Bayesian mixtures against scikit-learn."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from sklearn import mixture
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.inference.graphical_models import MarkovRandomField, observe
from companion.inference.message_passing import variable_elimination
from companion.inference.mixture_steps import CONCENTRATIONS
from companion.inference.variational import BayesianGaussianMixture, mean_field
from tests.inference.models import names, random_field, random_network


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(2, 12), st.booleans())
def test_the_bound_never_falls_and_stays_below_log_z(seed, n, directed):
    """`eq-variational-split`, on models of up to 12 variables, with evidence."""
    rng = np.random.default_rng(seed)
    model = random_network(seed, n) if directed else random_field(seed, n)
    evidence = {v: int(rng.integers(model.n_states[v])) for v in names(n)[:: max(3, n // 2)]}
    start = {v: rng.dirichlet(np.ones(k)) for v, k in model.n_states.items() if v not in evidence}
    log_z = MarkovRandomField([observe(f, evidence) for f in model.factors]).log_partition()
    for told in (None, start):
        found = mean_field(model, evidence, start=told)
        assert np.diff(found.bounds).min(initial=0) > -1e-9
        assert found.bound == found.bounds[-1] <= log_z + 1e-9
        assert found.n_rounds == len(found.bounds)
        assert list(found.marginals) == list(model.variables)
        for v, p in found.marginals.items():
            assert p.sum() == pytest.approx(1)
            assert v not in evidence or p[evidence[v]] == 1


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_independent_variables_have_no_gap(seed, n):
    model = random_field(seed, n, edges=[])
    found = mean_field(model)
    assert found.bound == pytest.approx(model.log_partition(), abs=1e-9)
    for v in model.variables:
        np.testing.assert_allclose(
            found.marginals[v], variable_elimination(model, v).table, atol=1e-9
        )
    assert found.n_rounds == 2  # the second changes nothing


def pair(coupling):
    return MarkovRandomField([(("a", "b"), np.exp(coupling * np.array([[1, -1], [-1, 1.0]])))])


def test_two_spins_by_hand():
    """m = tanh(J m) has one solution up to J = 1, and three beyond."""
    for coupling in (0.8, 1.5):
        found = mean_field(pair(coupling), start={"a": [0.1, 0.9], "b": [0.1, 0.9]})
        m = found.marginals["a"] @ [-1, 1]
        assert m == pytest.approx(np.tanh(coupling * m), abs=1e-7)
        assert (abs(m) > 0.5) == (coupling > 1)
        assert mean_field(pair(coupling)).marginals["a"][0] == 0.5  # by symmetry, it stays


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"n_rounds": 0}, "n_rounds=0"),
        ({"tol": -1.0}, "tol=-1.0"),
        ({"evidence": {"c": 0}}, "evidence has 'c'"),
        ({"start": {"a": [0.5, 0.6]}}, "of sum 1"),
        ({"start": {"a": [0.5, 0.5]}, "evidence": {"a": 0}}, "hidden"),
    ],
)
def test_mean_field_refuses(told, words):
    with pytest.raises(ValueError, match=words):
        mean_field(pair(1.0), **told)


def test_all_seen_is_the_log_of_one_entry():
    found = mean_field(pair(1.0), {"a": 0, "b": 1})
    assert found.bound == pytest.approx(-1)


@parametrize_with_checks([BayesianGaussianMixture(n_components=2)])
def test_estimator_checks(estimator, check):
    check(estimator)


def blobs(n=120, d=2, k=3, seed=0):
    rng = np.random.default_rng(seed)
    return 5 * rng.normal(size=(k, d))[rng.integers(k, size=n)] + rng.normal(size=(n, d))


@pytest.mark.parametrize("kind", CONCENTRATIONS)
@pytest.mark.parametrize("d", [1, 2, 5])
def test_same_start_same_value_as_scikit_learn(kind, d):
    """Section "Against a reference"; their bound leaves constants out, the same at every step."""
    X = blobs(d=d)
    told = {
        "weight_concentration_prior_type": kind,
        "weight_concentration_prior": 0.3,
        "degrees_of_freedom_prior": d + 1.5,
        "mean_precision_prior": 0.4,
        "mean_prior": np.ones(d),
        "covariance_prior": np.eye(d) * 0.7,
        "tol": 1e-6,
        "reg_covar": 0.0,
        "random_state": 1,
    }
    gaps = []
    for max_iter in (1, 3, 1000):
        ours, theirs = (
            make(n_components=5, max_iter=max_iter, **told)
            for make in (BayesianGaussianMixture, mixture.BayesianGaussianMixture)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            ours.fit(X), theirs.fit(X)
        gaps.append(ours.lower_bound_ - theirs.lower_bound_)
        assert (ours.n_iter_, ours.converged_) == (theirs.n_iter_, theirs.converged_)
        same = "weights_ means_ covariances_ precisions_ precisions_cholesky_ mean_precision_ "
        same += "degrees_of_freedom_ weight_concentration_ weight_concentration_prior_ mean_prior_ "
        same += "mean_precision_prior_ degrees_of_freedom_prior_ covariance_prior_"
        for name in same.split():
            np.testing.assert_allclose(
                getattr(ours, name), getattr(theirs, name), rtol=1e-8, atol=1e-10, err_msg=name
            )
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-8)
        np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), atol=1e-8)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-7)


@pytest.mark.parametrize("kind", CONCENTRATIONS)
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 5), d=st.integers(1, 3))
def test_the_bound_never_falls(kind, seed, k, d):
    model = BayesianGaussianMixture(
        n_components=k,
        weight_concentration_prior_type=kind,
        init_params="random",
        reg_covar=0,
        max_iter=40,
        tol=0,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(blobs(40, d, k, seed))
    assert np.diff(model.lower_bounds_).min(initial=0) > -1e-8


def test_the_best_of_several_starts_is_kept():
    told = {"n_components": 6, "init_params": "random", "max_iter": 1000}
    one = BayesianGaussianMixture(random_state=0, **told).fit(blobs())
    five = BayesianGaussianMixture(random_state=0, n_init=5, **told).fit(blobs())
    assert five.lower_bound_ >= one.lower_bound_


def test_the_predictive_density_sums_to_one_and_score_samples_to_less():
    model = BayesianGaussianMixture(n_components=2, random_state=0, max_iter=500).fit(blobs(12, 1))
    area, less = (
        quad(lambda x: np.exp(f(np.array([[x]]))[0]), -100, 100, limit=200)[0]  # noqa: B023
        for f in (model.log_predictive, model.score_samples)
    )
    assert area == pytest.approx(1, abs=1e-3)
    assert less < 0.95


def test_at_max_iter_it_warns():
    with pytest.warns(ConvergenceWarning, match="max_iter=1: raise"):
        BayesianGaussianMixture(n_components=2, max_iter=1, random_state=0).fit(blobs())


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"n_components": 500}, "n_components=500.*one a row"),
        ({"weight_concentration_prior_type": "beta"}, "choose one of"),
        ({"weight_concentration_prior": 0}, "weight_concentration_prior=0"),
        ({"mean_precision_prior": -1}, "mean_precision_prior=-1"),
        ({"degrees_of_freedom_prior": 1}, "degrees_of_freedom_prior=1"),
        ({"mean_prior": [0.0]}, "mean_prior.*shape"),
        ({"covariance_prior": [[1.0]]}, "covariance_prior.*shape"),
        ({"covariance_prior": [[1.0, 2.0], [2.0, 1.0]]}, "give a covariance"),
        ({"covariance_prior": [[1.0, 0.2], [0.0, 1.0]]}, "not symmetric"),
        ({"init_params": "zeros"}, "choose one of"),
        ({"tol": -1}, "tol=-1"),
        ({"reg_covar": -1}, "reg_covar=-1"),
        ({"n_init": 0}, "n_init=0"),
    ],
)
def test_wrong_arguments_are_refused(told, words):
    with pytest.raises(ValueError, match=words):
        BayesianGaussianMixture(**told).fit(blobs())
