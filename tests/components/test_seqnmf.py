"""SeqNMF against naive loops, SciPy, autograd, scikit-learn's NMF and planted sequences."""

import numpy as np
import pytest
import sklearn.decomposition as skd
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.components.seqnmf import (
    SeqNMF,
    center,
    lagged,
    overlap,
    patterns_step,
    reconstruct,
    redundancy,
    smooth,
    then_silence,
    times_step,
    unit_norm,
)

seeds = st.integers(0, 10_000)
sizes = {"n": st.integers(3, 20), "d": st.integers(1, 4), "k": st.integers(1, 3)}


def drawn(seed, n=15, d=3, k=2, length=4):
    """A record, times and patterns without meaning."""
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(n, d)), rng.uniform(size=(n, k)), rng.uniform(size=(k, length, d))


def planted(seed=0, n=500, d=16, length=12, noise=0.02):
    """Two sequences, one over the first half of the channels, one over the second, and noise."""
    rng = np.random.default_rng(seed)
    patterns = np.zeros((2, length, d))
    for j, channels in enumerate(np.split(np.arange(d), 2)):
        patterns[j, np.linspace(1, length - 2, len(channels)).round().astype(int), channels] = 1
    times = np.zeros((n, 2))
    for j in range(2):
        times[rng.choice(n // length - 1, size=14, replace=False) * length, j] = 1
    return reconstruct(times, patterns) + (rng.uniform(size=(n, d)) < noise), times, patterns


ORDER = "a row is a moment in time: what comes before and after it counts"
FAILING = {
    "check_methods_subset_invariance": ORDER,
    "check_methods_sample_order_invariance": ORDER,
}


@parametrize_with_checks(
    [SeqNMF(), SeqNMF(1, length=1, penalty=0.01, max_iter=300)],
    expected_failed_checks=lambda estimator: FAILING if estimator.length > 1 else {},
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@given(seed=seeds, length=st.integers(1, 6), **sizes)
def test_convolution_and_correlation_against_naive_loops(seed, length, n, d, k):
    """Equation eq-sequence_parts-convolution, and SciPy's convolution."""
    X, times, patterns = drawn(seed, n, d, k, length)
    record, found, near = np.zeros((n, d)), np.zeros((n, k)), np.zeros((n, k))
    for t in range(n):
        for j in range(k):
            for lag in range(length):
                if t >= lag:
                    record[t] += times[t - lag, j] * patterns[j, lag]
                if t + lag < n:
                    found[t, j] += X[t + lag] @ patterns[j, lag]
            near[t, j] = sum(times[s, j] for s in range(n) if abs(s - t) < length)
    np.testing.assert_allclose(reconstruct(times, patterns), record)
    np.testing.assert_allclose(overlap(X, patterns), found)
    np.testing.assert_allclose(smooth(times, length), near)
    np.testing.assert_allclose(
        sum(convolve(times[:, j, None], patterns[j])[:n] for j in range(k)), record, atol=1e-12
    )
    wanted = sum(found[:, i] @ near[:, j] for i in range(k) for j in range(k) if i != j)
    assert np.isclose(redundancy(X, times, patterns), wanted)


@given(seed=seeds)
def test_lagged_has_zeros_before_the_start(seed):
    times = drawn(seed)[1]
    late = lagged(times, 3)
    np.testing.assert_array_equal(late[:, 0], times)
    np.testing.assert_array_equal(late[2:, 2], times[:-2])
    assert not late[0, 1:].any()


@given(seed=seeds, penalty=st.floats(0, 2), length=st.integers(1, 5))
def test_steps_are_the_two_halves_of_the_gradient(seed, penalty, length):
    """Equation eq-sequence_parts-price: x - x / up * gradient, with the gradient by autograd."""
    X, times, patterns = drawn(seed, length=length)
    t, p = (torch.tensor(value, requires_grad=True) for value in (times, patterns))
    (n, d), k = X.shape, times.shape[1]
    late = torch.stack([torch.nn.functional.pad(t, (0, 0, lag, 0))[:n] for lag in range(length)], 1)
    model = torch.einsum("nlk,kld->nd", late, p)
    ahead = np.stack([np.pad(X, ((0, lag), (0, 0)))[lag:] for lag in range(length)], 1)
    found = torch.einsum("nld,kld->nk", torch.tensor(ahead), p)
    at = np.arange(n)
    near = torch.tensor((np.abs(at[:, None] - at) < length).astype(float)) @ t
    pairs = found.T @ near
    loss = 0.5 * (torch.tensor(X) - model).square().sum()
    loss = loss + penalty * (pairs.sum() - pairs.trace())
    loss.backward()
    for step, value, gradient, down in (
        (times_step, times, t.grad.numpy(), overlap(X, patterns)),
        (
            patterns_step,
            patterns,
            p.grad.numpy(),
            np.einsum("nlk,nd->kld", lagged(times, length), X),
        ),
    ):
        wanted = value * down / (gradient + down)
        np.testing.assert_allclose(step(X, times, patterns, penalty), wanted, atol=1e-9)
    assert X.shape == (n, d)
    assert times.shape == (n, k)


@given(seed=seeds, penalty=st.floats(0, 2))
def test_no_step_raises_the_objective(seed, penalty):
    X, times, patterns = drawn(seed)

    def objective():
        squares = np.square(X - reconstruct(times, patterns)).sum() / 2
        return squares + penalty * redundancy(X, times, patterns)

    values = [objective()]
    for _ in range(5):
        times = times_step(X, times, patterns, penalty)
        values.append(objective())
        patterns = patterns_step(X, times, patterns, penalty)
        values.append(objective())
    assert (np.diff(values) <= 1e-9 * values[0]).all()


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_length_one_without_penalty_is_nmf(seed):
    """Same start, same model as scikit-learn's multiplicative updates."""
    rng = np.random.default_rng(seed)
    X, k = rng.uniform(size=(20, 6)), 3
    model = SeqNMF(k, length=1, max_iter=30, random_state=seed).fit(X)
    draw = np.random.RandomState(seed)
    W, H = draw.uniform(size=(20, k)), draw.uniform(size=(k, 1, 6))[:, 0]
    nmf = skd.NMF(k, solver="mu", init="custom", max_iter=30, tol=0)
    codes = nmf.fit_transform(X, W=W * np.sqrt(X.mean() / k), H=H * np.sqrt(X.mean() / k))
    wanted = codes @ nmf.components_
    np.testing.assert_allclose(model.inverse_transform(model.times_), wanted, atol=1e-9)


@pytest.mark.parametrize("penalty", [0.0, 0.05])
@pytest.mark.parametrize("scale", [1e-6, 1000])
def test_the_unit_of_the_record_does_not_matter(penalty, scale):
    """The penalty has none: the same price, the same times, and patterns in the new unit."""
    X, options = drawn(0)[0], {"length": 4, "penalty": penalty, "max_iter": 10, "random_state": 0}
    one, other = SeqNMF(2, **options).fit(X), SeqNMF(2, **options).fit(scale * X)
    np.testing.assert_allclose(other.times_, one.times_, atol=1e-9)
    np.testing.assert_allclose(other.components_ / scale, one.components_, atol=1e-9)
    np.testing.assert_allclose(other.losses_, one.losses_)


def test_a_fit_is_its_steps():
    """Each round: times, centring but at the end, norm 1, patterns. The last one is free.

    The record ends in silence, in which nothing starts.
    """
    X, k, length = drawn(1, n=30)[0], 2, 5
    draw, level = np.random.RandomState(2), np.sqrt(X.mean() / k)
    times, patterns = (level * draw.uniform(size=size) for size in ((30, k), (k, length, 3)))
    X, times = (np.pad(part, ((0, length - 1), (0, 0))) for part in (X, times))
    for price in (0.1, 0.1, 0.0):
        times = times_step(X, times, patterns, price)
        if price:
            times, patterns = center(times, patterns)
            times[30:] = 0
        times, patterns = unit_norm(times, patterns)
        patterns = patterns_step(X, times, patterns, price)
    model = SeqNMF(k, length=length, penalty=0.1, max_iter=3, random_state=2).fit(X[:30])
    order = np.argsort(-np.square(patterns).sum(axis=(1, 2)))
    np.testing.assert_allclose(model.components_, patterns[order])
    np.testing.assert_allclose(model.times_, times[:30, order])


def test_the_only_round_is_the_last_one_and_free():
    options = {"length": 4, "max_iter": 1, "random_state": 0}
    fits = [SeqNMF(2, penalty=penalty, **options).fit(drawn(0)[0]) for penalty in (0, 1)]
    np.testing.assert_array_equal(fits[0].components_, fits[1].components_)


@given(seed=seeds)
def test_moving_a_pattern_and_its_times_changes_nothing_inside(seed):
    """Centring keeps the model where nothing is pushed out of the record or the window."""
    rng = np.random.default_rng(seed)
    times, patterns = np.zeros((40, 2)), np.zeros((2, 9, 3))
    times[10:30] = rng.uniform(size=(20, 2))
    patterns[:, rng.integers(7) :, :][:, :2] = rng.uniform(size=(2, 1, 3))
    moved_times, moved_patterns = center(times, patterns)
    mass = moved_patterns.sum(axis=2)
    assert np.abs(mass @ np.arange(9) / mass.sum(axis=1) - 4).max() <= 0.5 + 1e-9
    np.testing.assert_allclose(
        reconstruct(moved_times, moved_patterns), reconstruct(times, patterns), atol=1e-12
    )
    scaled = unit_norm(times, patterns)
    np.testing.assert_allclose(np.linalg.norm(scaled[0], axis=0), 1)
    np.testing.assert_allclose(reconstruct(*scaled), reconstruct(times, patterns))


def likeness(found, true):
    """Cosine of the two patterns at the best shift."""
    padded = np.pad(true, ((len(true), len(true)), (0, 0)))
    norms = np.linalg.norm(found) * np.linalg.norm(true)
    shifts = range(len(padded) - len(found) + 1)
    return max(np.vdot(found, padded[s : s + len(found)]) for s in shifts) / max(norms, 1e-12)


def test_planted_sequences_are_found_and_spare_patterns_stay_empty():
    """Section "The price of doing the same work twice"."""
    X, _, patterns = planted()
    fits = [
        SeqNMF(4, length=12, penalty=0.03, max_iter=150, random_state=seed).fit(X)
        for seed in range(3)
    ]
    squares = np.array([np.square(fit.components_).sum(axis=(1, 2)) for fit in fits])
    assert sorted((squares > 0.02 * squares.max()).sum(axis=1))[1] == 2
    good = [
        min(max(likeness(c, true) for c in fit.components_) for true in patterns) for fit in fits
    ]
    assert np.median(good) > 0.95
    free = SeqNMF(4, length=12, max_iter=150, random_state=0).fit(X)
    spread = np.square(free.components_).sum(axis=(1, 2))
    assert (spread > 0.02 * spread.max()).sum() > 2


@given(seed=seeds, length=st.integers(1, 5))
def test_silence_is_a_row_less_than_the_length(seed, length):
    X = drawn(seed)[0]
    longer = then_silence(X, length)
    np.testing.assert_array_equal(longer[: len(X)], X)
    assert longer.shape == (len(X) + length - 1, X.shape[1])
    assert not longer[len(X) :].any()


def test_no_pattern_grows_past_the_end_of_the_record():
    """Section "Between two steps": what is seen nowhere has nothing to hold it."""
    X = planted()[0]
    for seed in range(5):
        model = SeqNMF(4, length=12, max_iter=60, random_state=seed).fit(X)
        assert model.components_.max() < 3 * np.sqrt(np.square(X).sum(axis=0).max())
        assert model.times_.shape == (len(X), 4)


def test_order_norms_losses_and_seed():
    X = planted()[0]
    model, again = (SeqNMF(3, length=12, max_iter=20, random_state=1).fit(X) for _ in range(2))
    np.testing.assert_array_equal(model.components_, again.components_)
    squares = np.square(model.components_).sum(axis=(1, 2))
    assert (np.diff(squares) <= 0).all()
    np.testing.assert_allclose(np.linalg.norm(model.times_, axis=0), 1)
    residual = X - model.inverse_transform(model.times_)
    assert np.isclose(model.losses_[-1], np.square(residual).sum() / np.square(X).sum())
    assert np.square(X - model.inverse_transform(model.transform(X))).sum() < np.square(X).sum()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "n_components=0"),
        ({"length": 0}, "length=0"),
        ({"length": 99}, "X has 20 sample"),
        ({"penalty": -1}, "penalty=-1"),
        ({"max_iter": 0}, "max_iter=0"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        SeqNMF(**options).fit(np.ones((20, 3)))


def test_negative_data_are_refused():
    with pytest.raises(ValueError, match="Negative values"):
        SeqNMF().fit([[1.0, -1.0], [2.0, 3.0]])
