"""The bounds, against the model whose likelihood is known; posteriors without an encoder."""

import math
from functools import partial

import pytest
import torch

from companion import data, layers
from companion.autoencoders.latent import (
    UnamortizedVAE,
    amortization_gap,
    fit_posteriors,
    iwae_bound,
    warm_up,
)
from companion.autoencoders.linear_vae import LinearVAE
from companion.autoencoders.vae import VAE
from companion.distributions import gaussian_kl
from companion.train import fit
from tests.contracts import GenerativeContract, seeded


def linear(n_inputs=5, n_latent=2, *, seed=3):
    """A linear VAE with random weights, in float64, and data points."""
    with torch.random.fork_rng(devices=[]):
        model = LinearVAE(n_inputs, n_latent)
    model = layers.initialize(model, generator=seeded(seed)).double()
    with torch.no_grad():
        model.decoder.weight.mul_(3)
        model.log_std.fill_(-0.7)
        model.log_noise.fill_(-0.5)
    return model.requires_grad_(False), torch.randn(6, n_inputs, generator=seeded(4)).double()


def many(bound, x, n_runs, **options):
    """Mean over `n_runs` independent bounds for each row, drawn all at once."""
    rows = x.repeat_interleave(n_runs, dim=0)
    return bound(rows, generator=seeded(9), **options).view(len(x), n_runs).mean(dim=1)


def with_best_encoder(model):
    """Give a linear VAE the encoder that is exact where the posterior factorises."""
    W, precision = model.decoder.weight, torch.exp(-2 * model.log_noise)
    _, covariance = model.exact_posterior(torch.zeros(1, len(W), dtype=W.dtype))
    model.encoder.weight.copy_(precision * covariance @ W.T)
    model.encoder.bias.copy_(-model.encoder.weight @ model.decoder.bias)
    model.log_std.copy_(-torch.linalg.inv(covariance).diagonal().log() / 2)
    return model


def orthogonal(model):
    """Make the columns of W orthogonal: then the posterior factorises."""
    model.decoder.weight.copy_(torch.linalg.qr(model.decoder.weight)[0] * torch.tensor([2.0, 1.0]))
    return model


def test_elbo_is_log_p_minus_the_kl_to_the_posterior():
    """Equation eq-vae-gap, with a KL between full Gaussians by torch."""
    model, x = linear()
    mean, log_std = model.encode(x)
    exact_mean, covariance = model.exact_posterior(x)
    normal = torch.distributions.MultivariateNormal
    guess = normal(mean, torch.diag_embed(torch.exp(2 * log_std)))
    kl = torch.distributions.kl_divergence(guess, normal(exact_mean, covariance))
    elbo = many(model.elbo, x, 20_000)
    torch.testing.assert_close(elbo, model.log_prob(x) - kl, atol=0.3, rtol=0)
    assert (kl > 0.5).all()


def test_elbo_equals_log_p_at_the_exact_posterior():
    model, x = linear()
    model = with_best_encoder(orthogonal(model))
    for seed in range(3):  # the weights are constant, so one sample is enough for the IWAE
        bound = iwae_bound(model, x, 1, generator=seeded(seed))
        torch.testing.assert_close(bound, model.log_prob(x))
    torch.testing.assert_close(many(model.elbo, x, 20_000), model.log_prob(x), atol=0.05, rtol=0)


def test_terms_are_the_two_of_the_elbo():
    model, x = linear()
    kl = model.terms(x, generator=seeded())[1]
    assert kl.shape == (6, 2)
    torch.testing.assert_close(kl.sum(dim=1), gaussian_kl(*model.encode(x)))
    p = torch.distributions.Normal(0.0, 1.0)
    mean, log_std = model.encode(x)
    expected = torch.distributions.kl_divergence(torch.distributions.Normal(mean, log_std.exp()), p)
    torch.testing.assert_close(kl, expected)


def test_iwae_rises_to_log_p():
    """Section "How loose is the bound?": 1, 10, 100 and 10,000 samples."""
    model, x = linear()
    model = with_best_encoder(correlated(model))  # one deviation a coordinate: not exact
    exact = model.log_prob(x).mean()
    bounds = []
    for n_samples, n_runs in ((1, 20_000), (10, 4000), (100, 1000), (2000, 100)):
        runs = many(partial(iwae_bound, model), x, n_runs, n_samples=n_samples)
        bounds.append(runs.mean())
    assert bounds[0] < bounds[1] < bounds[2] < exact + 0.002
    assert exact - bounds[0] > 0.05
    assert abs(bounds[3] - exact) < 0.005
    assert abs(bounds[0] - many(model.elbo, x, 20_000).mean()) < 0.02  # one sample: the ELBO


def test_amortization_gap_is_what_the_encoder_loses():
    """Posterior that factorises: the gap is the whole distance to log p."""
    model, x = linear()
    model = with_best_encoder(orthogonal(model))
    none = amortization_gap(model, x, n_steps=100, n_samples=500, generator=seeded())
    assert none.abs().max() < 0.05
    model.encoder.bias.add_(torch.tensor([0.3, -0.5]))
    model.log_std.add_(0.4)
    lost = gaussian_kl(*model.encode(x), *best(model, x))
    gap = amortization_gap(model, x, n_steps=400, n_samples=2000, generator=seeded())
    torch.testing.assert_close(gap, lost, atol=0.15, rtol=0)
    assert (lost > 0.3).all()


def correlated(model):
    """Two columns of W that point nearly the same way: so do the codes of the posterior."""
    model.decoder.weight[:, 1] += 0.8 * model.decoder.weight[:, 0]
    return model


def best(model, x):
    """The exact posterior as mean and log_std, where it factorises."""
    mean, covariance = model.exact_posterior(x)
    return mean, (covariance.diagonal().log() / 2).expand_as(mean)


def test_own_gaussians_still_lose_what_their_independence_costs():
    """The other gap: ``1/2 (sum_j log L_jj - log det L)`` with the posterior's precision L."""
    model, x = linear()
    own = fit_posteriors(correlated(model), x, n_steps=500, learning_rate=0.05, generator=seeded())
    precision = torch.linalg.inv(model.exact_posterior(x)[1])
    lost = (precision.diagonal().log().sum() - precision.logdet()) / 2
    reached = own.elbo(x, n_samples=4000, generator=seeded(1))
    assert not reached.requires_grad
    assert lost > 0.05
    torch.testing.assert_close((model.log_prob(x) - reached).mean(), lost, atol=0.03, rtol=0)
    assert iwae_bound(own, x, 1000, generator=seeded(2)).shape == (6,)


class TestUnamortizedVAE(GenerativeContract):
    def make(self):
        model = layers.initialize(VAE(3, n_hidden=16), generator=seeded(8))
        return UnamortizedVAE(model, self.batch())

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:6])

    def test_its_parameters_are_the_posteriors_and_nothing_else(self):
        model = self.model()
        assert {name: tuple(p.shape) for name, p in model.named_parameters()} == {
            "mean": (6, 3),
            "log_std": (6, 3),
        }
        assert not model.shared[0].training

    def test_other_points_have_no_posterior(self):
        with pytest.raises(ValueError, match=r"x has 4 rows .* for 6.*constructor"):
            self.model().elbo(self.batch()[:4])


def test_amortization_gap_of_a_network_leaves_it_alone():
    x = torch.from_numpy(data.digits().x_train[:8])
    with torch.random.fork_rng(devices=[]):
        model = layers.initialize(VAE(4, n_hidden=32), generator=seeded()).train()
    before = {name: v.clone() for name, v in model.state_dict().items()}
    state = torch.get_rng_state()
    gap = amortization_gap(model, x, n_steps=50, generator=seeded())
    assert gap.shape == (8,)
    assert gap.mean() > 0
    assert torch.equal(gap, amortization_gap(model, x, n_steps=50, generator=seeded()))
    assert torch.equal(state, torch.get_rng_state())
    assert model.training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert all(torch.equal(v, before[name]) for name, v in model.state_dict().items())


def test_free_bits_are_not_charged_and_beta_is_the_price():
    model, x = linear()
    fitted, kl = model.terms(x, generator=seeded())
    kl = kl.mean(dim=0)
    for beta, free in ((1.0, 0.0), (2.5, 0.0), (1.0, kl.mean().item()), (0.5, 100.0)):
        model.beta, model.free_bits = beta, free
        expected = -fitted.mean() + beta * sum(max(v.item(), free) for v in kl)
        assert model.loss(x, generator=seeded()).item() == pytest.approx(expected.item())


def test_warm_up_raises_beta_to_one():
    model, _ = linear()
    seen, callback = [], warm_up(model, 4)

    def step(batch):
        return 0.0

    def watch(record):
        callback(record)
        seen.append(model.beta)

    fit(step, iter(range(6)), 6, watch)
    assert seen == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_bad_arguments_are_named():
    model, x = linear()
    with pytest.raises(ValueError, match="n_samples=0"):
        iwae_bound(model, x, 0)
    with pytest.raises(ValueError, match="beta=-1"):
        VAE(beta=-1)
    with pytest.raises(ValueError, match="n_latent=0"):
        VAE(0)
    assert math.isfinite(iwae_bound(model, x, 1, generator=seeded()).sum())
