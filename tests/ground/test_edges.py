"""Checks of numbers at the edge, and of data with another meaning than is asked for."""

import numpy as np
import pytest
import torch
from scipy import sparse

from companion import distributions, layers
from companion.autoencoders.latent import warm_up
from companion.autoencoders.vae import VAE, PeekingVAE, iwae_bound
from companion.clustering.distances import nearest_neighbors
from companion.clustering.hierarchical import linkage
from companion.clustering.kmeans import kmeans_plusplus
from companion.clustering.partitions import best_partition
from companion.components.contrasts import kurtosis, mutual_information
from companion.metrics import trustworthiness
from companion.validation import check_levels, check_squares, check_symmetric, rounding_of

LARGEST = np.finfo(float).max


def seeded():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_squares_that_overflow_are_seen_and_others_pass(sign, make):
    X = np.zeros((4, 3))
    X[1, 1] = sign * 1e153
    assert np.isfinite((4 * X.astype(float) ** 2).sum())
    check_squares("X", make(X))
    X[1, 1] = sign * 1e154
    with pytest.raises(ValueError, match=r"X has an entry of size 1e\+154, .* rescale X"):
        check_squares("X", make(X))


def test_nan_passes_and_hides_nothing():
    X = np.array([[np.nan, 1.0], [np.nan, LARGEST]])
    with pytest.raises(ValueError, match="X has an entry"):
        check_squares("X", X)
    check_squares("X", X[:1])
    check_squares("X", np.zeros((0, 3)))


@pytest.mark.parametrize(
    "function",
    [
        lambda X: linkage(X, "average"),
        lambda X: linkage(X, "single"),
        lambda X: linkage(np.abs(X - X.T), "average", metric="precomputed"),
        lambda X: linkage(X, "average", metric="manhattan"),
        lambda X: linkage(X, "average", metric="cosine"),
        lambda X: nearest_neighbors(X, 2),
        lambda X: kmeans_plusplus(X, 2, random_state=0),
        lambda X: best_partition(X, 2),
        lambda X: mutual_information(X),
        lambda X: kurtosis(X),
        lambda X: trustworthiness(X, X[:, :2], n_neighbors=2),
    ],
)
def test_functions_refuse_them_too(function):
    X = np.random.default_rng(0).random((6, 6))
    X[0, 1] = LARGEST
    with pytest.raises(ValueError, match="has an entry of size"):
        function(X)


@pytest.mark.parametrize("unit", [1e-150, 1e-12, 1.0, 1e12, 1e150])
def test_rounding_is_a_share_of_the_largest_entry(unit):
    A = unit * np.array([[1.0, 0.5], [0.5, 2.0]])
    noisy = A + unit * 1e-15 * np.array([[0.0, 1.0], [-1.0, 0.0]])
    np.testing.assert_array_equal(check_symmetric("A", noisy, rounding_of(A)), A)
    with pytest.raises(ValueError, match=r"A is not symmetric: pass \(A \+ A.T\) / 2"):
        check_symmetric("A", noisy + unit * np.array([[0.0, 1e-6], [0.0, 0.0]]), rounding_of(A))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int64, torch.float16, torch.bool])
def test_levels_of_any_type(dtype):
    x = torch.tensor([0, 1, 1]).to(dtype)
    assert check_levels("x", x, 2) is x
    mean, log_scale = torch.zeros(3), torch.zeros(3)
    right = distributions.discretized_logistic_log_prob(
        torch.tensor([0.0, 1.0, 1.0]), mean, log_scale, n_levels=256
    )
    found = distributions.discretized_logistic_log_prob(x, mean, log_scale, n_levels=256)
    assert torch.equal(found, right)


@pytest.mark.parametrize("wrong", [[-1.0], [17.0], [0.5], [float("nan")], [float("inf")]])
def test_what_is_no_level_is_refused(wrong):
    with pytest.raises(ValueError, match="pass whole levels"):
        check_levels("x", torch.tensor(wrong), 17)


def test_every_vae_refuses_images_scaled_to_the_unit_interval():
    x = torch.randint(0, 17, (3, 1, 8, 8), generator=seeded()) / 16
    for ask in (
        VAE(2).elbo,
        VAE(2).loss,
        PeekingVAE(2).elbo,
        PeekingVAE(2).loss,
        lambda x, generator: iwae_bound(VAE(2), x, 2, generator=generator),
        lambda x, generator: VAE(2).log_likelihood(x, torch.zeros(3, 2)),
    ):
        with pytest.raises(ValueError, match="x has fractions, between 0 and 1: pass whole levels"):
            ask(x, generator=seeded())


def test_shares_are_asked_for_and_levels_given():
    with pytest.raises(ValueError, match="x has values from 0 to 16, not shares"):
        distributions.bernoulli_log_prob(torch.tensor([[0.0, 16.0]]), torch.zeros(1, 2))


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), torch.tensor([[1.0], [0.0]])])
def test_a_temperature_is_positive(temperature):
    with pytest.raises(ValueError, match="temperature="):
        distributions.sample_categorical(torch.zeros(2, 3), temperature)


def test_a_small_temperature_draws_what_is_likeliest_and_each_row_has_its_own():
    logits = torch.tensor([1.0, 2.0, 3.0]).expand(2, 1000, 3)
    cold = distributions.sample_categorical(logits, 1e-6, generator=seeded())
    assert (cold == 2).all()
    each = torch.tensor([1e-6, 1e6])[:, None, None]
    cold, hot = distributions.sample_categorical(logits, each, generator=seeded())
    assert (cold == 2).all()
    assert hot.bincount(minlength=3).min() > 270


def test_periods_and_lengths_are_positive():
    with pytest.raises(ValueError, match="max_period=-1"):
        layers.sinusoidal_embedding(torch.arange(3), 4, max_period=-1.0)
    with pytest.raises(ValueError, match="n_steps=0"):
        warm_up(VAE(2), 0)
