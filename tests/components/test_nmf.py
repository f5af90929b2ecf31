"""NMF against scikit-learn, SciPy's non-negative least squares, autograd and theorems."""

import itertools
import warnings

import numpy as np
import pytest
import sklearn.decomposition as skd
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls
from scipy.special import rel_entr
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion import data
from companion.components.nmf import (
    LOSSES,
    NMF,
    coordinate_step,
    divergence,
    multiplicative_step,
    nndsvd,
)

seeds = st.integers(0, 10_000)
SOLVERS = [("mu", "frobenius"), ("mu", "kullback-leibler"), ("cd", "frobenius")]


def positive(seed, n=30, d=12, k=3, zeros=0.2):
    """Data of k parts with noise and zeros, and a start."""
    rng = np.random.default_rng(seed)
    X = rng.gamma(1.0, size=(n, k)) @ rng.gamma(0.5, size=(k, d)) + 0.1 * rng.uniform(size=(n, d))
    X[rng.uniform(size=X.shape) < zeros] = 0
    return X, rng.uniform(0.1, 1, size=(n, k)), rng.uniform(0.1, 1, size=(k, d))


def quietly(model, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit_transform(*arguments, **options)


TIGHT = {"tol": 1e-7, "max_iter": 2000}  # transform must find the codes of fit_transform


@parametrize_with_checks(
    [
        NMF(2, **TIGHT),
        NMF(1, solver="mu", **TIGHT),
        NMF(1, solver="mu", beta_loss=LOSSES[1], **TIGHT),
    ]
)
def test_scikit_learn_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


@pytest.mark.parametrize(("solver", "beta_loss"), SOLVERS)
@pytest.mark.parametrize("penalty", [{}, {"alpha_W": 0.01, "l1_ratio": 0.7, "alpha_H": 0.003}])
@settings(deadline=None, max_examples=10)
@given(seed=seeds)
def test_same_start_same_factors_as_scikit_learn(solver, beta_loss, penalty, seed):
    """Section "Against a reference": every iterate, hence the same stop, codes and parts."""
    X, W, H = positive(seed)
    options = {"n_components": 3, "init": "custom", "solver": solver, "beta_loss": beta_loss}
    options |= {"tol": 1e-3, "max_iter": 120} | penalty
    ours, theirs = NMF(**options), skd.NMF(**options)
    codes = [quietly(model, X, W=W.copy(), H=H.copy()) for model in (ours, theirs)]
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(*codes, atol=1e-8)
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-8)
    assert np.isclose(ours.reconstruction_err_, theirs.reconstruction_err_, atol=1e-7)
    if not (penalty and beta_loss != "frobenius"):  # there scikit-learn adds l1 anew in every step
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-7)
    np.testing.assert_allclose(
        ours.inverse_transform(codes[0]), theirs.inverse_transform(codes[1]), atol=1e-8
    )


def test_multiplicative_updates_are_scikit_learns_to_the_bit():
    X = data.digits().x_train.reshape(-1, 64)[:300].astype(float)
    rng = np.random.default_rng(0)
    start = {"W": rng.uniform(size=(300, 10)), "H": rng.uniform(size=(10, 64))}
    options = {"n_components": 10, "init": "custom", "solver": "mu", "tol": 0, "max_iter": 60}
    models = NMF(**options), skd.NMF(**options)
    W, other = (
        model.fit_transform(X, **{n: v.copy() for n, v in start.items()}) for model in models
    )
    np.testing.assert_array_max_ulp(W, other, maxulp=4)


@pytest.mark.parametrize("init", [None, "nndsvd", "nndsvda", "random"])
def test_same_inits_as_scikit_learn(init):
    X, _, _ = positive(0)
    options = {"n_components": 3, "init": init, "max_iter": 30, "tol": 0, "random_state": 0}
    ours, start = NMF(**options), {}
    if init in (None, "nndsvda"):  # theirs fills zeros by the mean, in another unit
        start = dict(zip("WH", nndsvd(X, 3, fill=np.sqrt(X.mean() / 3)), strict=True))
        options["init"] = "custom"
    theirs = quietly(skd.NMF(**options), X, **start)
    np.testing.assert_allclose(quietly(ours, X), theirs, atol=1e-5)


@given(seed=seeds)
def test_nndsvd_of_one_is_the_best_rank_one(seed):
    """The leading singular vectors of a positive matrix have no sign change (Perron)."""
    X, _, _ = positive(seed, zeros=0)
    W, H = nndsvd(X, 1)
    U, singular, Vt = np.linalg.svd(X)
    np.testing.assert_allclose(W @ H, singular[0] * np.outer(U[:, 0], Vt[0]), atol=1e-8)


@pytest.mark.parametrize("beta_loss", LOSSES)
@given(seed=seeds, l1=st.floats(0, 1), l2=st.floats(0, 1))
def test_no_multiplicative_step_raises_the_objective(beta_loss, seed, l1, l2):
    """Section "Why it never rises": for either factor, with penalties too."""
    X, W, H = positive(seed)
    l2 = l2 if beta_loss == "frobenius" else 0.0

    def objective(W, H):
        extra = l1 * (W.sum() + H.sum()) + l2 / 2 * (np.square(W).sum() + np.square(H).sum())
        return divergence(X, W, H, beta_loss) + extra

    values = [objective(W, H)]
    for _ in range(5):
        W = multiplicative_step(X, W, H, beta_loss, l1, l2)
        values.append(objective(W, H))
        H = multiplicative_step(X.T, H.T, W.T, beta_loss, l1, l2).T
        values.append(objective(W, H))
    assert (np.diff(values) <= 1e-9 * values[0]).all()
    assert W.min() >= 0
    assert H.min() >= 0


@given(seed=seeds)
def test_no_coordinate_step_raises_the_objective(seed):
    X, W, H = positive(seed)
    values = [divergence(X, W, H)]
    for _ in range(5):
        W, _ = coordinate_step(X, W, H)
        values.append(divergence(X, W, H))
        H = coordinate_step(X.T, H.T, W.T)[0].T
        values.append(divergence(X, W, H))
    assert (np.diff(values) <= 1e-9 * values[0]).all()
    assert min(W.min(), H.min()) >= 0


@pytest.mark.parametrize("beta_loss", LOSSES)
@given(seed=seeds)
def test_a_multiplicative_step_is_a_gradient_step_with_its_own_length(beta_loss, seed):
    """Equation eq-parts-step: W - W / up * gradient, the gradient by autograd."""
    X, W, H = positive(seed, zeros=0)
    codes, parts, target = torch.tensor(W, requires_grad=True), torch.tensor(H), torch.tensor(X)
    product = codes @ parts
    if beta_loss == "frobenius":
        loss, up = 0.5 * (target - product).square().sum(), W @ H @ H.T
    else:
        loss = (target * (target / product).log() - target + product).sum()
        up = np.tile(H.sum(axis=1), (len(W), 1))
    loss.backward()
    assert np.isclose(loss.item(), divergence(X, W, H, beta_loss))
    wanted = W - W / up * codes.grad.numpy()
    np.testing.assert_allclose(multiplicative_step(X, W, H, beta_loss), wanted, atol=1e-10)


@given(seed=seeds)
def test_coordinate_rounds_reach_non_negative_least_squares(seed):
    """With the parts fixed the problem is convex: SciPy's nnls row by row."""
    X, W, H = positive(seed, n=6)
    for _ in range(3000):
        W, violation = coordinate_step(X, W, H)
        if violation < 1e-11:
            break
    np.testing.assert_allclose(W, [nnls(H.T, row)[0] for row in X], atol=1e-7)


@settings(deadline=None, max_examples=15)
@given(seed=seeds)
def test_karush_kuhn_tucker_at_convergence(seed):
    """Equation eq-parts-gradient: zero where the code is positive, else not negative."""
    X, _, _ = positive(seed)
    model = NMF(3, tol=1e-9, max_iter=50_000)
    W = quietly(model, X)
    H = model.components_
    for factor, gradient in ((W, (W @ H - X) @ H.T), (H, W.T @ (W @ H - X))):
        assert gradient.min() > -1e-4
        assert np.abs(factor * gradient).max() < 1e-4


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_separable_data_give_back_their_parts(seed):
    """If each part owns a feature and each appears alone in a row, the answer is unique."""
    rng = np.random.default_rng(seed)
    parts = np.hstack([np.eye(3), rng.uniform(size=(3, 5))])
    X = np.vstack([np.eye(3), rng.dirichlet(np.full(3, 0.3), size=40)]) @ parts
    fits = []
    for start in range(5):
        model = NMF(3, init="random", tol=1e-9, max_iter=20_000, random_state=start)
        quietly(model, X)
        fits.append(model)
    best = min(fits, key=lambda fit: fit.reconstruction_err_)
    assert best.reconstruction_err_ < 1e-4
    found = best.components_ / best.components_[:, :3].max(axis=1, keepdims=True)
    miss = min(np.abs(found[list(p)] - parts).max() for p in itertools.permutations(range(3)))
    assert miss < 1e-2


@pytest.mark.parametrize("seed", range(5))
def test_one_part_is_the_leading_singular_pair(seed):
    """Section "Do not centre positive data"; the start is the answer, so there is no warning."""
    X = positive(seed)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = NMF(1)
        W = model.fit_transform(X)
    U, singular, Vt = np.linalg.svd(X)
    np.testing.assert_allclose(W @ model.components_, singular[0] * np.outer(U[:, 0], Vt[0]))


@pytest.mark.parametrize("step", [multiplicative_step, coordinate_step])
def test_whole_numbers_are_numbers(step):
    whole = [np.array(a) for a in ([[1, 3], [2, 1]], [[1], [2]], [[1, 2]])]
    new, wanted = (np.array(step(*a)[0]) for a in (whole, [part.astype(float) for part in whole]))
    np.testing.assert_array_equal(new, wanted)


def test_kl_divergence_against_scipy():
    X, W, H = positive(1)
    product = W @ H
    wanted = (rel_entr(X, product) - X + product).sum()
    assert np.isclose(divergence(X, W, H, "kullback-leibler"), wanted)


@given(seed=seeds)
def test_kl_updates_keep_the_sums(seed):
    """After an update of the parts columns of WH sum to those of X (exercise ex-topics-plsa)."""
    X, W, H = positive(seed, zeros=0)
    H = multiplicative_step(X.T, H.T, W.T, "kullback-leibler").T
    np.testing.assert_allclose((W @ H).sum(axis=0), X.sum(axis=0))


def test_zeros_stay_zeros():
    """Section "Break it"."""
    X, W, H = positive(0)
    W[:5, 0] = 0
    assert (multiplicative_step(X, W, H)[:5, 0] == 0).all()
    assert coordinate_step(X, W, H)[0][:5, 0].max() > 0


def test_constants_and_empty_rows_are_harmless():
    X = np.zeros((4, 3))
    X[0] = 1
    for solver, beta_loss in SOLVERS:
        model = NMF(2, solver=solver, beta_loss=beta_loss, init="random", random_state=0)
        assert np.isfinite(quietly(model, X)).all()
        assert np.isfinite(model.components_).all()


def test_warns_when_it_stops_early():
    with pytest.warns(ConvergenceWarning, match="raise max_iter"):
        NMF(3, max_iter=2, tol=1e-9).fit(positive(0)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "n_components=0"),
        ({"init": "svd"}, "init='svd'"),
        ({"n_components": 40, "init": "nndsvd"}, "take init='random'"),
        ({"solver": "newton"}, "solver='newton'"),
        ({"beta_loss": "itakura"}, "beta_loss='itakura'"),
        ({"beta_loss": "kullback-leibler"}, "take solver='mu'"),
        ({"tol": -1}, "tol=-1"),
        ({"alpha_W": -1}, "alpha_W=-1"),
        ({"alpha_H": -1}, "alpha_H=-1"),
        ({"l1_ratio": 2}, "l1_ratio=2"),
        ({"init": "custom"}, "pass an array of shape"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        NMF(**{"n_components": 2} | options).fit(positive(0)[0])


@pytest.mark.parametrize("init", [None, "random", "nndsvd"])
@pytest.mark.parametrize("names", ["W", "H", "WH"])
def test_a_start_that_would_be_ignored_is_refused(init, names):
    X, *start = positive(0)
    given = {name: value for name, value in zip("WH", start, strict=True) if name in names}
    with pytest.raises(ValueError, match="W and H start init='custom' alone, not init="):
        NMF(3, init=init).fit_transform(X, **given)


@pytest.mark.parametrize("name", ["W", "H"])
def test_a_start_with_nan_is_refused(name):
    X, W, H = positive(0)
    {"W": W, "H": H}[name][0, 0] = np.nan
    with pytest.raises(ValueError, match=f"{name} has shape .* without NaN"):
        NMF(W.shape[1], init="custom").fit_transform(X, W=W, H=H)


def test_negative_data_are_refused():
    with pytest.raises(ValueError, match="Negative values"):
        NMF(1).fit([[1.0, -1.0], [2.0, 3.0]])
