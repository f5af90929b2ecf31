"""The linear VAE, against scikit-learn's probabilistic PCA and closed forms."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from companion import layers
from companion.autoencoders.latent import iwae_bound
from companion.autoencoders.linear_vae import (
    LinearVAE,
    gradient_variances,
    probabilistic_pca,
    reparametrized_gradients,
    score_gradients,
)
from tests.contracts import GenerativeContract, seeded


class TestLinearVAE(GenerativeContract):
    def make(self):
        return LinearVAE(5, 2)

    def batch(self):
        return torch.randn(8, 5, generator=seeded(3))


def ppca(X, n_components):
    """A linear VAE with the maximum of the likelihood, by scikit-learn."""
    pca = PCA(n_components).fit(X)
    with torch.random.fork_rng(devices=[]):
        model = LinearVAE(X.shape[1], n_components).double().requires_grad_(False)
    scale = np.sqrt(pca.explained_variance_ - pca.noise_variance_)
    model.decoder.weight.copy_(torch.from_numpy(pca.components_.T * scale))
    model.decoder.bias.copy_(torch.from_numpy(pca.mean_))
    model.log_noise.fill_(np.log(pca.noise_variance_) / 2)
    return model, pca


def test_log_prob_is_that_of_probabilistic_pca():
    """Section "Against a reference"."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6))
    model, pca = ppca(X, 3)
    ours = model.log_prob(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(ours, pca.score_samples(X))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_probabilistic_pca_is_that_of_scikit_learn_and_its_encoder_is_exact(dtype):
    """Section "Against a reference": equation eq-vae-linear at the maximum of the likelihood."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6)) + rng.normal(size=6)
    state = torch.get_rng_state()
    model, x = probabilistic_pca(torch.from_numpy(X).to(dtype), 2), torch.from_numpy(X).to(dtype)
    assert torch.equal(state, torch.get_rng_state())
    log_p = model.log_prob(x)
    assert log_p.dtype == dtype
    np.testing.assert_allclose(log_p, PCA(2).fit(X).score_samples(X), rtol=1e-3)
    for seed in range(3):  # at the exact posterior every code has the same weight
        torch.testing.assert_close(iwae_bound(model, x, 1, generator=seeded(seed)), log_p)
    mean, log_std = model.encode(x)
    exact_mean, covariance = model.exact_posterior(x)
    torch.testing.assert_close(mean, exact_mean)
    torch.testing.assert_close(torch.diag(torch.exp(2 * log_std[0])), covariance)


def test_probabilistic_pca_leaves_room_for_noise():
    with pytest.raises(ValueError, match="n_latent=3"):
        probabilistic_pca(torch.zeros(5, 3), 3)


def test_exact_posterior_is_bayes_rule():
    """``log p(z | x) = log p(x | z) + log p(z) - log p(x)`` at random z."""
    rng = np.random.default_rng(1)
    model, _ = ppca(rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4)), 2)
    x, z = torch.from_numpy(rng.normal(size=(7, 4))), torch.from_numpy(rng.normal(size=(7, 2)))
    mean, covariance = model.exact_posterior(x)
    posterior = torch.distributions.MultivariateNormal(mean, covariance).log_prob(z)
    prior = torch.distributions.Normal(0, 1).log_prob(z).sum(dim=1)
    joint = model.log_likelihood(x, z) + prior
    torch.testing.assert_close(posterior, joint - model.log_prob(x))


def test_training_finds_the_maximum_of_the_likelihood():
    """The columns of the best W are orthogonal, so that no gap is left (Lucas et al., 2019)."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(300, 4)) * [2.0, 1.2, 0.4, 0.4]
    with torch.random.fork_rng(devices=[]):
        model = layers.initialize(LinearVAE(4, 2), generator=seeded(1)).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1500)
    x, generator = torch.from_numpy(X), seeded(2)
    for _ in range(1500):
        optimizer.zero_grad()
        model.loss(x, generator=generator).backward()
        optimizer.step()
        schedule.step()
    model.requires_grad_(False)
    best = PCA(2).fit(X).score(X)
    assert model.log_prob(x).mean().item() == pytest.approx(best, abs=0.01)
    elbo = model.elbo(x, n_samples=300, generator=generator).mean().item()
    assert elbo == pytest.approx(best, abs=0.02)


def test_samples_have_the_moments_of_the_marginal():
    rng = np.random.default_rng(3)
    model, _ = ppca(rng.normal(size=(50, 3)) @ rng.normal(size=(3, 3)), 1)
    n = 20_000
    drawn = model.sample(n, generator=seeded()).numpy()
    W, s2 = model.decoder.weight.numpy(), np.exp(2 * model.log_noise.item())
    covariance = W @ W.T + s2 * np.eye(3)
    error = 5 * np.sqrt(np.diag(covariance) / n)
    assert (np.abs(drawn.mean(axis=0) - model.decoder.bias.numpy()) < error).all()
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.1 * np.abs(covariance).max())


@pytest.mark.parametrize("estimate", [reparametrized_gradients, score_gradients])
def test_both_gradients_are_unbiased(estimate):
    """Section "The gradient of an average": d/dm E f = W'(x - W m - b) / s^2, in closed form."""
    rng = np.random.default_rng(4)
    model, _ = ppca(rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5)), 2)
    x, mean = torch.from_numpy(rng.normal(size=5)), torch.tensor([0.3, -0.2]).double()
    log_std = torch.tensor([-0.5, -1.0]).double()
    W, b = model.decoder.weight, model.decoder.bias
    exact = W.T @ (x - W @ mean - b) * torch.exp(-2 * model.log_noise)

    def f(z):
        return model.log_likelihood(x.expand(len(z), -1), z)

    n = 40_000
    rows = estimate(f, mean, log_std, n, generator=seeded())
    assert rows.shape == (n, 2)
    assert not rows.requires_grad
    error = (rows.mean(dim=0) - exact).abs()
    assert (error < 5 * rows.std(dim=0) / n**0.5).all()


def test_variances_of_both_gradients_of_a_square():
    """f = z^2, mean m, std 1: variances 4 and ``15 + 14 m^2 + m^4`` (fourth moments)."""
    m = torch.tensor([1.5]).double()

    def f(z):
        return (z**2).sum(dim=1)

    zero = torch.zeros(1).double()
    by_path = reparametrized_gradients(f, m, zero, 100_000, generator=seeded())
    by_score = score_gradients(f, m, zero, 100_000, generator=seeded())
    assert by_path.var().item() == pytest.approx(4, rel=0.05)
    assert by_score.var().item() == pytest.approx(15 + 14 * 1.5**2 + 1.5**4, rel=0.1)


def test_a_baseline_takes_away_what_all_codes_have_in_common():
    """``f = z^2 + 100``, std 1: the variances of all three by the moments of the noise."""
    m, zero = torch.tensor([1.5]).double(), torch.zeros(1).double()

    def f(z):
        return (z**2).sum(dim=1) + 100

    found = gradient_variances(f, m, zero, 200_000, generator=seeded())
    assert found["reparametrisation"] == pytest.approx(4, rel=0.05)
    # f(z) - f(m) = 2 m e + e^2 with noise e: Var(e (2 m e + e^2)) = E e^2 (..)^2 - (2 m)^2.
    assert found["with a baseline"] == pytest.approx(4 * 2.25 * 3 + 15 - 9, rel=0.05)
    whole = 4 * 2.25 * 3 + 15 - 9 + 102.25**2 + 2 * 102.25 * 3
    assert found["score function"] == pytest.approx(whole, rel=0.05)
