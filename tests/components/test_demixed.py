"""Demixed PCA against sums of squares, ridge regression, singular values and planted axes.

Responses are an array with an axis for each parameter, so scikit-learn's checks, which pass a
table, do not apply.
"""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import subspace_angles
from sklearn.base import clone
from sklearn.linear_model import Ridge

from companion.components.demixed import DemixedPCA, marginal_parts, reduced_rank_regression

seeds = st.integers(0, 10_000)


def responses(seed, trials=4, shape=(3, 2, 6), d=5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(trials, *shape, d)) + rng.normal(size=(*shape, d))


@given(seed=seeds)
def test_parts_add_up_and_are_orthogonal(seed):
    """`eq-demixed-parts`: eight parts of three parameters."""
    X = responses(seed)[0]
    parts = marginal_parts(X, "sdt")
    assert list(parts) == ["", "s", "d", "t", "sd", "st", "dt", "sdt"]
    np.testing.assert_allclose(sum(parts.values()), X, atol=1e-12)
    for one, other in combinations(parts, 2):
        product = parts[one].reshape(-1, 5).T @ parts[other].reshape(-1, 5)
        np.testing.assert_allclose(product, 0, atol=1e-10)
    total = sum((part**2).sum() for part in parts.values())
    assert np.isclose(total, (X**2).sum())


@given(seed=seeds)
def test_a_part_depends_on_its_parameters_only(seed):
    parts = marginal_parts(responses(seed)[0], "sdt")
    assert np.ptp(parts["s"], axis=(1, 2)).max() < 1e-12
    assert np.ptp(parts["st"], axis=1).max() < 1e-12
    for name, part in parts.items():
        for axis, letter in enumerate("sdt"):
            if letter in name:  # and its mean over each of them is zero
                np.testing.assert_allclose(part.mean(axis=axis), 0, atol=1e-12)


@given(seed=seeds, k=st.integers(1, 4), ridge=st.sampled_from([0.0, 0.3, 10.0]))
def test_reduced_rank_regression_is_the_best_of_its_rank(seed, k, ridge):
    """Section "A regression through a bottleneck": singular values of the augmented guess."""
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(30, 4)), rng.normal(size=(30, 6))
    gram = X.T @ X + ridge * np.eye(4)
    decoder, encoder = reduced_rank_regression(gram, X.T @ Y, k)
    np.testing.assert_allclose(encoder @ encoder.T, np.eye(k), atol=1e-9)
    wide = np.vstack([X, np.sqrt(ridge) * np.eye(4)])
    target = np.vstack([Y, np.zeros((4, 6))])
    full = Ridge(alpha=ridge, fit_intercept=False, solver="cholesky").fit(X, Y).coef_.T
    U, singular, Vt = np.linalg.svd(wide @ full, full_matrices=False)
    wanted = (U[:, :k] * singular[:k]) @ Vt[:k]
    np.testing.assert_allclose(wide @ decoder.T @ encoder, wanted, atol=1e-7)
    loss = ((target - wanted) ** 2).sum()
    other = rng.normal(size=(4, k)) @ rng.normal(size=(k, 6))
    assert loss <= ((target - wide @ other) ** 2).sum()


@given(seed=seeds)
def test_all_components_give_back_the_mean_responses(seed):
    X = responses(seed)
    model = DemixedPCA("sdt", 5, ridge=0).fit(X[:1])
    np.testing.assert_allclose(model.reconstruct(X[0]), X[0], atol=1e-6)


@given(seed=seeds, k=st.integers(1, 3), ridge=st.sampled_from([1e-6, 0.1]))
def test_fit_is_the_regression_of_each_part_on_single_trials(seed, k, ridge):
    X = responses(seed)
    model = DemixedPCA(
        "sdt",
        k,
        join={"s": ["s", "st"], "d": ["d", "dt"], "t": ["t"], "sd": ["sd", "sdt"]},
        ridge=ridge,
    ).fit(X)
    rows = (X - X.mean(axis=(0, 1, 2, 3))).reshape(-1, 5)
    parts = marginal_parts(X.mean(axis=0), "sdt")
    target = np.tile((parts["s"] + parts["st"]).reshape(-1, 5), (len(X), 1))
    alpha = ridge * (rows**2).sum() / 5
    gram = rows.T @ rows + alpha * np.eye(5)
    decoder, encoder = reduced_rank_regression(gram, rows.T @ target, k)
    np.testing.assert_allclose(
        model.decoders_["s"].T @ model.encoders_["s"], decoder.T @ encoder, atol=1e-7
    )


def planted(noise=0.2, seed=0, trials=20):
    """Three oblique axes that carry stimulus, decision and time, and nothing else."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(12, 3)))[0].T
    axes[1] = (axes[0] + axes[1]) / np.sqrt(2)  # 45 degrees between stimulus and decision
    time = np.linspace(0, 1, 10)
    s, d, t = np.meshgrid([-1.0, 0, 1], [-1.0, 1], time, indexing="ij")
    signals = np.stack([s * t, d * t**2, np.sin(3 * t)], axis=-1)
    X = 3 * signals @ axes
    return X + noise * rng.normal(size=(trials, *X.shape)), axes, signals


JOIN = {"stimulus": ["s", "st"], "decision": ["d", "dt"], "time": ["t"], "both": ["sd", "sdt"]}


def test_planted_axes_are_found_and_demixed():
    X, axes, signals = planted()
    model = DemixedPCA("sdt", 1, join=JOIN).fit(X)
    for axis, name in zip(axes, ["stimulus", "decision", "time"], strict=True):
        assert abs(model.encoders_[name][0] @ axis) > 0.995
        assert model.shares_[name][name][0] > 0.99
        Z = model.transform(X.mean(axis=0), name)[..., 0]
        signal = signals[..., ["stimulus", "decision", "time"].index(name)]
        assert abs(np.corrcoef(Z.ravel(), (signal - signal.mean()).ravel())[0, 1]) > 0.99
    centred = X.mean(axis=(0)) - X.mean(axis=(0, 1, 2, 3))
    both = np.stack([model.encoders_[n][0] for n in ["stimulus", "decision", "time"]])
    leading = np.linalg.svd(centred.reshape(-1, 12))[2][:3]
    assert np.rad2deg(max(subspace_angles(both.T, leading.T))) < 3


def test_explained_variance_is_what_a_component_gives_back():
    X, *_ = planted()
    model = DemixedPCA("sdt", 2, join=JOIN).fit(X)
    average = (X.mean(axis=0) - model.mean_).reshape(-1, 12)
    for name, ratio in model.explained_variance_ratio_.items():
        for i in range(2):
            guess = np.outer(
                average.reshape(-1, 12) @ model.decoders_[name][i], model.encoders_[name][i]
            )
            lost = ((average.reshape(-1, 12) - guess) ** 2).sum() / (average**2).sum()
            assert np.isclose(ratio[i], 1 - lost, atol=1e-9)
        shares = sum(model.shares_[name].values())
        np.testing.assert_allclose(shares, 1, atol=1e-8)


@pytest.mark.parametrize("X", [responses(0, shape=(3, 1, 6)), np.full((2, 3, 2, 4, 5), 0.1)])
def test_a_part_that_is_not_there_has_no_shares(X):
    """A single decision, or responses that never change."""
    model = DemixedPCA("sdt").fit(X)
    assert not any(share.any() for share in model.shares_["d"].values())
    assert not model.explained_variance_ratio_["d"].any()
    ratios = [list(model.shares_[name].values()) for name in model.shares_]
    assert np.isfinite(ratios).all()


def test_ridge_shrinks_the_decoder():
    X, *_ = planted(noise=2.0)
    norms = [
        np.linalg.norm(DemixedPCA("sdt", 1, join=JOIN, ridge=r).fit(X).decoders_["stimulus"])
        for r in (1e-9, 0.1, 1.0, 10.0)
    ]
    assert (np.diff(norms) < 0).all()


def test_order_of_letters_in_join_does_not_matter():
    X = responses(0)
    swapped = {name: [part[::-1] for part in parts] for name, parts in JOIN.items()}
    one, other = (DemixedPCA("sdt", 1, join=j).fit(X) for j in (JOIN, swapped))
    np.testing.assert_array_equal(one.decoders_["both"], other.decoders_["both"])
    assert clone(one).join == JOIN


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "sd"}, r"labels='sd' asks for 4 axes"),
        ({"labels": "ssd"}, "labels='ssd' must be different"),
        ({"n_components": 6}, "n_components=6.*at most"),
        ({"ridge": -1}, "ridge=-1"),
        ({"join": {"s": ["s"]}}, "must name each of s, d, t, sd, st, dt, sdt exactly once"),
        ({"join": JOIN | {"again": ["s"]}}, "exactly once"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        DemixedPCA(**options).fit(responses(0))


def test_bad_data_and_unknown_parts():
    X = responses(0)
    with pytest.raises(ValueError, match="NaN"):
        DemixedPCA().fit(np.where(X > 2, np.nan, X))
    model = DemixedPCA().fit(X)
    with pytest.raises(ValueError, match="part='x' is not known: choose one of s, d, t"):
        model.transform(X, "x")
    with pytest.raises(ValueError, match="part='ts'"):
        model.inverse_transform(X[..., :2], "ts")
    codes = model.transform(X, "t")
    with pytest.raises(ValueError, match=r"X has 3 columns, but a code has 2"):
        model.inverse_transform(np.concatenate([codes, codes[..., :1]], axis=-1), "t")
    with pytest.raises(ValueError, match="NaN"):
        model.inverse_transform(np.nan * codes, "t")
