"""Time-contrastive learning: invertible mixtures, segments by Bayes' rule, sources found."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.stats import laplace
from sklearn.linear_model import LogisticRegression

from companion.components.ica import FastICA
from companion.layers import initialize
from companion.selfsupervised.time_contrastive import (
    RandomMixing,
    TimeContrastiveLearning,
    bend,
    matched_correlation,
    nonstationary_sources,
    tell_segments,
)
from tests.contracts import DeepContract, seeded


class TestTimeContrastiveLearning(DeepContract):
    def make(self):
        return TimeContrastiveLearning(3, 4, n_features=2, n_hidden=9)

    def batch(self):
        x = torch.randn(20, 3, generator=seeded(3))
        return x, torch.arange(20) % 4


def test_scales_change_between_segments_and_stay_within():
    s, segments = nonstationary_sources(3, 20_000, 2, random_state=0)
    assert s.shape == (60_000, 2)
    assert (np.bincount(segments) == 20_000).all()
    for j in range(3):
        for i in range(2):
            part = s[segments == j, i]
            scale = np.abs(part).mean()
            assert math.exp(-1.6) < scale < math.exp(1.6)
            halves = np.abs(part[:10_000]).mean(), np.abs(part[10_000:]).mean()
            assert halves[0] == pytest.approx(halves[1], rel=0.06)
            quantile = laplace(scale=scale).ppf(0.9)
            assert (part < quantile).mean() == pytest.approx(0.9, abs=0.01)
    still, _ = nonstationary_sources(3, 20_000, 2, spread=0, random_state=0)
    assert np.abs(still).mean() == pytest.approx(1, rel=0.03)


def test_the_bend_rises_from_one_slope_to_the_other():
    u = np.linspace(-50, 50, 2001)
    slopes = np.diff(bend(u)) / np.diff(u)
    assert (slopes > 0.199).all()
    assert (slopes < 1.001).all()
    assert slopes[0] == pytest.approx(0.2, abs=1e-3)
    assert slopes[-1] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_mixing_is_invertible_everywhere(depth):
    """Jacobians keep their sign, and undoing the layers gives the sources back."""
    mixing = RandomMixing(3, depth, random_state=1)
    s = 3 * np.random.default_rng(0).normal(size=(40, 3))
    x = mixing(s)
    signs = []
    for point in s:
        step = 1e-5 * np.eye(3)
        jacobian = (mixing(point + step) - mixing(point - step)) / 2e-5
        signs.append(np.sign(np.linalg.det(jacobian)))
    assert len(set(signs)) == 1
    back = x
    for matrix in mixing.matrices[:0:-1]:
        due = back @ np.linalg.inv(matrix).T
        low, high = np.full_like(due, -1e3), np.full_like(due, 1e3)
        for _ in range(60):  # bisection
            middle = (low + high) / 2
            above = bend(middle) > due
            high, low = np.where(above, middle, high), np.where(above, low, middle)
        back = middle
    np.testing.assert_allclose(back @ np.linalg.inv(mixing.matrices[0]).T, s, atol=1e-6)


def test_depth_bends_and_slope_one_does_not():
    s = np.random.default_rng(0).normal(size=(200, 2))

    def linear_error(mixing):
        x = mixing(s)
        a = np.c_[s, np.ones(200)]
        return np.abs(x - a @ np.linalg.lstsq(a, x, rcond=None)[0]).max()

    assert linear_error(RandomMixing(2, 1, random_state=0)) < 1e-9
    assert linear_error(RandomMixing(2, 4, slope=1, random_state=0)) < 1e-9
    assert linear_error(RandomMixing(2, 4, random_state=0)) > 0.1


def test_with_absolute_values_as_features_it_is_bayes_rule():
    """`eq-time-segments`: logistic regression on |s| finds the posterior of the segments."""
    s, segments = nonstationary_sources(2, 20_000, 2, random_state=3)
    scales = [np.abs(s[segments == j]).mean(axis=0) for j in (0, 1)]
    reader = LogisticRegression(C=1e6).fit(np.abs(s), segments)
    due = 1 / scales[0] - 1 / scales[1]
    np.testing.assert_allclose(reader.coef_[0], due, rtol=0.06, atol=0.02)


def test_loss_is_cross_entropy_and_log_of_the_number_by_guessing():
    model = initialize(TimeContrastiveLearning(2, 5), generator=seeded())
    torch.nn.init.zeros_(model.classify.weight)
    torch.nn.init.zeros_(model.classify.bias)
    x = torch.randn(10, 2, generator=seeded())
    assert model.loss(x, torch.arange(10) % 5).item() == pytest.approx(math.log(5))


def unmixed(shuffle, n_steps=400):
    s, segments = nonstationary_sources(32, 128, 2, random_state=0)
    x = RandomMixing(2, 2, random_state=100)(s)
    x = torch.from_numpy((x - x.mean(axis=0)) / x.std(axis=0)).float()
    when = torch.from_numpy(segments)
    if shuffle:
        when = when[torch.randperm(len(when), generator=seeded(1))]
    model = initialize(TimeContrastiveLearning(2, 32), generator=seeded())
    history = tell_segments(model, x, when, n_steps, generator=seeded(), batch_size=256)
    found = FastICA(random_state=0, max_iter=1000).fit_transform(model.encode(x).double().numpy())
    return matched_correlation(found, np.abs(s)), history


def test_sources_are_found_in_absolute_value():
    value, history = unmixed(shuffle=False)
    assert value > 0.9
    assert np.mean([h["loss"] for h in history[-20:]]) < math.log(32) - 0.3


def test_shuffled_segments_tell_nothing():
    value, history = unmixed(shuffle=True)
    assert value < 0.8
    assert np.mean([h["loss"] for h in history[-20:]]) > math.log(32) - 0.1


@pytest.mark.parametrize("n_steps", [1, 2, 3, 11])
def test_short_runs(n_steps):
    assert len(unmixed(False, n_steps)[1]) == n_steps


def test_matching_is_that_of_all_permutations_and_ignores_order_sign_and_scale():
    rng = np.random.default_rng(0)
    a, c = rng.normal(size=(30, 3)), rng.normal(size=(30, 4))
    table = np.abs(np.corrcoef(a.T, c.T)[:3, 3:])
    due = max(np.mean([table[i, p[i]] for i in range(3)]) for p in permutations(range(4), 3))
    assert matched_correlation(c, a) == pytest.approx(due)
    assert matched_correlation(a[:, [2, 0, 1]] * [-1, 5, 2] + 3, a) == pytest.approx(1)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda: nonstationary_sources(0, 5), "n_segments=0"),
        (lambda: nonstationary_sources(2, 5, spread=-1), "spread=-1"),
        (lambda: RandomMixing(2, 0), "depth=0"),
        (lambda: RandomMixing(2, 2, slope=0), "slope=0"),
        (lambda: TimeContrastiveLearning(2, 1), "n_segments=1"),
        (lambda: TimeContrastiveLearning()(torch.zeros(3, 4)), r"x has shape \(3, 4\)"),
        (
            lambda: TimeContrastiveLearning(2, 3).loss(torch.zeros(2, 2), torch.tensor([0, 3])),
            "from 0 to 3",
        ),
        (lambda: matched_correlation(np.zeros((4, 1)), np.zeros((4, 2))), r"found has shape"),
    ],
)
def test_bad_input_is_named(bad, words):
    with pytest.raises(ValueError, match=words):
        bad()
