"""Contrastive predictive coding: Gaussians whose information is known, and pitfall S6."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm

from companion import data
from companion.layers import initialize
from companion.selfsupervised.contrastive import info_nce
from companion.selfsupervised.predictive_coding import (
    ContrastivePredictiveCoding,
    PredictiveRegression,
    gaussian_score,
    gaussian_walk,
    read_on,
    strips,
)
from tests.contracts import DeepContract, seeded


def small(**options):
    told = {"n_features": 5, "n_context": 7, "n_horizons": 2, "n_hidden": 6} | options
    return ContrastivePredictiveCoding(3, **told)


class TestPredictiveCoding(DeepContract):
    def make(self):
        return ContrastivePredictiveCoding(3, n_features=5, n_context=7, n_horizons=2, n_hidden=6)

    def batch(self):
        return torch.randn(6, 5, 3, generator=seeded(3))


class TestPredictiveRegression(DeepContract):
    def make(self):
        return PredictiveRegression(3, n_features=5, n_context=7, n_horizons=3, n_hidden=6)

    def batch(self):
        return torch.randn(4, 4, 3, generator=seeded(3))


@pytest.mark.parametrize(("height", "stride"), [(4, 2), (3, 3), (1, 1), (7, 5)])
def test_strips_are_slices(height, stride):
    images = torch.randn(2, 3, 7, 5, generator=seeded())
    cut = strips(images, height, stride)
    starts = range(0, 7 - height + 1, stride)
    assert cut.shape == (2, len(starts), 3 * height * 5)
    for t, i in enumerate(starts):
        assert torch.equal(cut[:, t], images[:, :, i : i + height].flatten(1))


@pytest.mark.parametrize("r", [-0.9, 0.0, 0.5, 0.99])
def test_the_best_score_is_the_log_ratio_of_the_densities(r):
    """`eq-time-score`, by SciPy."""
    x, y = torch.randn(2, 4, generator=seeded(), dtype=torch.float64)
    scores = gaussian_score(x, y, r)
    pair = multivariate_normal(cov=[[1, r], [r, 1]])
    for i in range(4):
        for j in range(4):
            due = pair.logpdf([x[i], y[j]]) - norm.logpdf(x[i]) - norm.logpdf(y[j])
            assert scores[i, j].item() == pytest.approx(due)


def test_the_walk_has_variance_one_and_forgets_as_it_should():
    x = gaussian_walk(40_000, 6, 0.8, generator=seeded(1))
    found = np.cov(x.numpy().T)
    t = np.arange(6)
    np.testing.assert_allclose(found, 0.8 ** np.abs(t[:, None] - t), atol=0.035)
    assert torch.equal(gaussian_walk(3, 4, 1.0, generator=seeded())[:, 0].expand(4, 3).T,
                       gaussian_walk(3, 4, 1.0, generator=seeded()))  # fmt: skip


@pytest.mark.parametrize("lag", [1, 3, 10])
@pytest.mark.parametrize("n", [4, 64])
def test_the_mean_bound_is_below_the_known_information(lag, n):
    """`eq-time-bound`: -1/2 log(1 - rho^(2k)); near it where log N is far above."""
    rho, n_batches = 0.9, 300
    known = -0.5 * math.log(1 - rho ** (2 * lag))
    x = gaussian_walk(n * n_batches, lag + 1, rho, generator=seeded(2)).view(n_batches, n, -1)
    found = [math.log(n) - info_nce(gaussian_score(u[:, 0], u[:, -1], rho**lag)).item() for u in x]
    error = np.std(found) / n_batches**0.5
    assert np.mean(found) < known + 4 * error
    assert max(found) <= math.log(n)
    if n == 64:
        assert np.mean(found) > 0.9 * known - 4 * error


def test_scores_compare_each_context_with_the_parts_of_all_sequences():
    """`eq-time-cpc`, by loops."""
    with torch.random.fork_rng():
        model = initialize(small(), generator=seeded())
    x = torch.randn(4, 5, 3, generator=seeded(1))
    z, c = model(x)
    seen = set()
    for k, t, scores in model.scores(x):
        seen.add((k, t))
        weight = model.heads[k - 1].weight
        for i in range(4):
            for j in range(4):
                due = z[j, t + k] @ (weight @ c[i, t])
                assert scores[i, j].item() == pytest.approx(due.item(), abs=1e-6)
    assert seen == {(k, t) for k in (1, 2) for t in range(5 - k)}


def test_reading_on_is_pytorchs_gated_recurrent_network():
    whole = torch.nn.GRU(3, 7, batch_first=True)
    cell = torch.nn.GRUCell(3, 7)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        weight = torch.randn(getattr(cell, name).shape, generator=seeded(len(name)))
        getattr(cell, name).data.copy_(weight)
        getattr(whole, f"{name}_l0").data.copy_(weight)
    z = torch.randn(4, 6, 3, generator=seeded(1))
    torch.testing.assert_close(read_on(cell, z), whole(z)[0])


def test_the_context_has_not_seen_the_future():
    model = initialize(small(), generator=seeded())
    x = torch.randn(2, 5, 3, generator=seeded(1), requires_grad=True)
    (slope,) = torch.autograd.grad(model(x)[1][:, 2].sum(), x)
    assert (slope[:, 3:] == 0).all()
    assert (slope[:, :3].abs().amax(dim=2) > 0).all()


def test_random_networks_pay_log_b_and_perfect_scores_nothing():
    """Pitfall S6."""
    model = initialize(ContrastivePredictiveCoding(4), generator=seeded())
    x = torch.randn(64, 6, 4, generator=seeded(1))
    assert model.loss(x).item() == pytest.approx(math.log(64), rel=0.1)
    assert info_nce(50 * torch.eye(64)).item() < 1e-3
    right, nats = model.by_horizon(x)
    assert right.shape == nats.shape == (3,)
    assert (right < 0.1).all()
    assert (nats.abs() < 0.4).all()


class Memory(ContrastivePredictiveCoding):
    """Codes are the parts, contexts too: it predicts that nothing changes."""

    def forward(self, x):
        return 10 * x, x

    def scores(self, x):
        z, c = self(x)
        for t in range(z.shape[1] - 1):
            yield 1, t, c[:, t] @ z[:, t + 1].T


def test_what_never_changes_is_found_every_time():
    x = torch.eye(5)[:, None].expand(5, 4, 5)
    right, nats = Memory(5, n_horizons=1).by_horizon(x)
    assert right.item() == 1
    assert nats.item() == pytest.approx(math.log(5), abs=1e-3)


def test_regression_is_the_mean_squared_error_of_parts_to_come():
    model = PredictiveRegression(3, n_features=5, n_context=7, n_horizons=2, n_hidden=6)
    model = initialize(model, generator=seeded())
    x = torch.randn(4, 5, 3, generator=seeded(1))
    c = model(x)[1]
    due = []
    for k, head in enumerate(model.heads, 1):
        off = [(head(c[:, t]) - x[:, t + k]) ** 2 for t in range(5 - k)]
        due.append(torch.stack(off).mean())
    assert model.loss(x).item() == pytest.approx(torch.stack(due).mean().item(), rel=1e-5)


def test_it_reads_digits():
    x = strips(torch.from_numpy(data.digits().x_train[:8]).float() / 16, 2, 1)
    model = initialize(ContrastivePredictiveCoding(16), generator=seeded())
    assert model.encode(x).shape == (8, 7 * 128)
    assert not model.encode(x).requires_grad


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda: small()(torch.zeros(2, 5, 4)), r"x has shape \(2, 5, 4\).*strips"),
        (lambda: small()(torch.zeros(2, 2, 3)), "n_horizons=2"),
        (lambda: small().loss(torch.zeros(1, 5, 3)), "scores has shape"),
        (lambda: small(n_horizons=0), "n_horizons=0"),
        (lambda: strips(torch.zeros(1, 1, 4, 4), 5, 1), "height=5"),
        (lambda: strips(torch.zeros(1, 1, 4, 4), 2, 0), "stride=0"),
        (lambda: gaussian_score(torch.zeros(2), torch.zeros(2), 1.0), "r=1"),
        (lambda: gaussian_walk(2, 3, 1.1), "rho=1.1"),
    ],
)
def test_bad_input_is_named(bad, words):
    with pytest.raises(ValueError, match=words):
        bad()
