"""Autoencoders against PCA, closed forms, torch's own divergences and automatic derivatives."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from torch import nn
from torch.distributions import Bernoulli, kl_divergence
from torch.func import vmap

from companion import data
from companion.autoencoders.autoencoder import (
    ConvAutoencoder,
    DenoisingAutoencoder,
    LinearAutoencoder,
    NonlinearPCA,
    SparseAutoencoder,
    bernoulli_kl,
    converge,
    optimal_denoiser,
    projector,
)
from companion.layers import initialize
from tests.contracts import DeepContract, seeded


def normal(*shape, seed=0):
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


class TestLinear(DeepContract):
    def make(self):
        return LinearAutoencoder(5, 2)

    def batch(self):
        return normal(20, 5).float()


class TestNonlinear(TestLinear):
    def make(self):
        return NonlinearPCA(5, 2, 8)


class TestSparse(TestLinear):
    def make(self):
        return SparseAutoencoder(5, 9)


class TestConv(DeepContract):
    def make(self):
        return ConvAutoencoder(4, n_hidden=8)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:6])


class TestDenoising(TestConv):
    def make(self):
        return DenoisingAutoencoder(ConvAutoencoder(4, n_hidden=8), 2.0)

    def test_another_generator_another_loss(self):
        model, batch = self.model(), self.batch()
        assert not torch.equal(self.loss(model, batch, 1), self.loss(model, batch, 2))


# Section "A linear decoder": the subspace of PCA, eq-autoencoder-linear.


def column_ink():
    """Ink in each column of the digits, centred: float64 (1437, 8)."""
    X = torch.from_numpy(data.digits().x_train[:, 0].mean(axis=1))
    return X - X.mean(dim=0)


def mlp(n_hidden):
    return nn.Sequential(nn.Linear(8, n_hidden), nn.Tanh(), nn.Linear(n_hidden, 2))


@pytest.mark.parametrize(("encoder", "n"), [(None, 1437), (mlp(128), 60)])
def test_a_linear_decoder_has_the_subspace_of_pca_whatever_the_encoder(encoder, n):
    X = column_ink()[:n]
    model = initialize(LinearAutoencoder(8, 2, encoder), generator=seeded()).double()
    losses = converge(model, X, n_steps=1000)
    pca = PCA(2, svd_solver="full").fit(X.numpy())
    theirs = torch.from_numpy(pca.components_.T @ pca.components_)
    assert (projector(model.decoder.weight.detach()) - theirs).abs().max() < 1e-6
    discarded = np.linalg.eigvalsh(np.cov(X.numpy(), rowvar=False, bias=True))[:-2].sum()
    assert losses[-1] == pytest.approx(discarded, rel=1e-8)
    # ... but not its axes.
    axes = nn.functional.normalize(model.decoder.weight.detach(), dim=0).T
    assert (axes @ torch.from_numpy(pca.components_).T).abs().max() < 0.99


def test_any_invertible_matrix_between_encoder_and_decoder_changes_nothing():
    model, R = LinearAutoencoder(5, 2).double(), normal(2, 2)
    x = normal(7, 5)
    before = model(x)
    with torch.no_grad():
        model.encoder.weight.copy_(R @ model.encoder.weight)
        model.encoder.bias.copy_(R @ model.encoder.bias)
        model.decoder.weight.copy_(model.decoder.weight @ R.inverse())
    torch.testing.assert_close(model(x), before)


def test_projector_is_the_hat_matrix():
    W = normal(6, 3)
    torch.testing.assert_close(projector(W), W @ torch.linalg.pinv(W))


def test_the_loss_is_the_gaussian_log_likelihood_up_to_a_constant():
    model, x = LinearAutoencoder(5, 2).double(), normal(7, 5)
    likelihood = torch.distributions.Normal(model(x), 0.5**0.5).log_prob(x).sum(dim=1).mean()
    assert (-likelihood - 2.5 * np.log(np.pi)).item() == pytest.approx(model.loss(x).item())


# Page "Sparse autoencoders": eq-sparse_autoencoders-coin, eq-sparse_autoencoders-loss.


@given(st.floats(0.0, 1.0), st.floats(0.01, 0.99))
@settings(deadline=None, max_examples=60)
def test_bernoulli_kl_is_torchs(rho, rho_hat):
    rho, rho_hat = (torch.tensor(v, dtype=torch.float64) for v in (rho, rho_hat))
    theirs = kl_divergence(Bernoulli(rho), Bernoulli(rho_hat)).item()
    assert bernoulli_kl(rho, rho_hat).item() == pytest.approx(theirs, abs=1e-10)


def test_sparse_loss_by_hand():
    model, x = SparseAutoencoder(3, 4, sparsity=0.1, strength=0.7, decay=0.3).double(), normal(9, 3)
    W, b = model.encoder[0].weight.detach().numpy(), model.encoder[0].bias.detach().numpy()
    V, c = model.decoder.weight.detach().numpy(), model.decoder.bias.detach().numpy()
    z = 1 / (1 + np.exp(-(x.numpy() @ W.T + b)))
    rho = z.mean(axis=0)
    kl = 0.1 * np.log(0.1 / rho) + 0.9 * np.log(0.9 / (1 - rho))
    error = ((z @ V.T + c - x.numpy()) ** 2).sum() / 9
    expected = error / 2 + 0.7 * kl.sum() + 0.15 * ((W**2).sum() + (V**2).sum())
    assert model.loss(x).item() == pytest.approx(expected, rel=1e-12)


def test_the_penalty_makes_units_sparse():
    x, active = normal(200, 4), {}
    for strength in (0.0, 3.0):
        model = SparseAutoencoder(4, 6, sparsity=0.05, strength=strength)
        converge(initialize(model, generator=seeded()).double(), x, 100)
        active[strength] = model.encode(x).mean().item()
    assert active[3.0] < 0.15 < active[0.0]


# Page "Denoising autoencoders": its equations "posterior" and "tweedie".


def test_the_optimal_denoiser_follows_the_gradient_of_the_noisy_density():
    x, noisy, std = normal(30, 3), 2 * normal(10, 3, seed=1), 0.7

    def log_density(point):
        return torch.logsumexp(-((point - x) ** 2).sum(dim=1) / (2 * std**2), dim=0)

    score = vmap(torch.func.grad(log_density))(noisy)
    torch.testing.assert_close(optimal_denoiser(noisy, x, std) - noisy, std**2 * score)


def test_the_optimal_denoiser_of_two_points_is_a_hyperbolic_tangent():
    x, noisy = torch.tensor([[-1.0], [1.0]]).double(), torch.linspace(-3, 3, 13).double()[:, None]
    torch.testing.assert_close(optimal_denoiser(noisy, x, 0.5), torch.tanh(noisy / 0.25))


def test_the_optimal_denoiser_of_many_gaussian_points_shrinks():
    """For N(0, s^2) the posterior mean is s^2 / (s^2 + std^2) times the noisy point."""
    x = torch.special.ndtri((torch.arange(4000).double() + 0.5) / 4000)[:, None] * 2.0
    noisy = torch.tensor([[-2.0], [0.5], [3.0]]).double()
    expected = noisy * 4.0 / (4.0 + 0.8**2)
    torch.testing.assert_close(optimal_denoiser(noisy, x, 0.8), expected, rtol=1e-3, atol=1e-4)


def test_a_trained_denoiser_comes_close_to_the_optimal_one():
    x = torch.tensor([[-1.0, 0.0], [1.0, 0.5], [0.0, 1.0]])
    network = initialize(NonlinearPCA(2, 16, 32), generator=seeded())
    model, generator = DenoisingAutoencoder(network, 0.4), seeded(3)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(400):
        optimizer.zero_grad()
        model.loss(x.repeat(100, 1), generator=generator).backward()
        optimizer.step()
    noisy = model.corrupt(x.repeat(50, 1), generator=generator)
    with torch.no_grad():
        best, ours = optimal_denoiser(noisy, x, 0.4), model(noisy)
        torch.testing.assert_close(model.score(noisy), (ours - noisy) / 0.16)
    assert ((ours - best) ** 2).mean() < 0.05 * ((noisy - best) ** 2).mean()


def test_the_noise_has_the_standard_deviation_that_was_asked_for():
    model, x = DenoisingAutoencoder(LinearAutoencoder(4, 2), 1.5), torch.full((5000, 4), 3.0)
    noise = model.corrupt(x, generator=seeded()) - x
    assert noise.std().item() == pytest.approx(1.5, rel=0.02)
    assert abs(noise.mean().item()) < 5 * 1.5 / 20000**0.5


# Images, codes, errors.


def test_codes_are_vectors_and_levels_are_scaled_inside():
    digits = torch.from_numpy(data.digits().x_train[:3])
    model = ConvAutoencoder(4, n_hidden=8)
    z = model.encode(digits)
    assert z.shape == (3, 4)
    assert model.decode(z).shape == (3, 1, 8, 8)
    unit = ConvAutoencoder(4, n_hidden=8, max_level=1.0)
    unit.load_state_dict(model.state_dict())
    torch.testing.assert_close(16 * unit(digits / 16), model(digits), rtol=1e-4, atol=1e-4)


def test_converge_finds_the_minimum_and_stops():
    model = LinearAutoencoder(3, 3).double()
    losses = converge(model, normal(20, 3), 500)
    assert losses[-1] < 1e-10
    assert len(losses) < 500


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ConvAutoencoder(size=10), "size=10 must be a multiple of 4"),
        (lambda: ConvAutoencoder(max_level=0), "max_level=0"),
        (lambda: ConvAutoencoder().encode(torch.zeros(2, 8, 8)), r"must be \(B, 1, 8, 8\)"),
        (lambda: NonlinearPCA(5).loss(torch.zeros(2, 4)), r"x has shape \(2, 4\)"),
        (lambda: SparseAutoencoder(5, 9, sparsity=1.0), "sparsity=1.0"),
        (lambda: DenoisingAutoencoder(noise_std=-1), "noise_std=-1"),
        (lambda: optimal_denoiser(torch.zeros(2, 2), torch.zeros(3, 2), 0), "noise_std=0"),
        (lambda: converge(NonlinearPCA(5), torch.zeros(2, 5), 0), "n_steps=0"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_denoiser_stores_each_weight_once():
    network = NonlinearPCA(2)
    model = DenoisingAutoencoder(network, 0.1)
    assert len(model.state_dict()) == len(network.state_dict())
    torch.testing.assert_close(model(torch.ones(3, 2)), network(torch.ones(3, 2)))
