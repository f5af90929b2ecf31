"""VAEs of images: contracts, probabilities by enumeration, the peeking decoder by gradient."""

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import logistic

from companion import data
from companion.autoencoders import latent, vae
from companion.autoencoders.vae import VAE, PeekingVAE, warm_up
from companion.distributions import standard_normal
from companion.layers import initialize
from companion.train import fit_images, load_weights
from tests.contracts import GenerativeContract, seeded


class TestVAE(GenerativeContract):
    def make(self):
        return VAE(4, n_hidden=32)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])


class TestConvolutionalVAE(GenerativeContract):
    def make(self):
        return VAE(4, event_shape=(3, 16, 16), n_levels=256, n_hidden=16, n_channels=4)

    def batch(self):
        return torch.from_numpy(data.faces(4, size=16, random_state=0)[0])


class TestFixedScaleVAE(TestConvolutionalVAE):
    def make(self):
        shape = {"event_shape": (3, 16, 16), "n_levels": 256}
        return VAE(4, **shape, n_hidden=16, n_channels=4, log_scale=2.0)

    def test_the_scale_is_what_was_asked_for(self):
        log_scale = self.model().decode(torch.zeros(2, 4))[1]
        assert torch.equal(log_scale, torch.full((2, 3, 16, 16), 2.0))


class TestPeekingVAE(GenerativeContract):
    def make(self):
        return PeekingVAE(4, n_hidden=16, n_features=8)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:4])

    def test_no_pixel_is_predicted_from_itself_or_a_later_one(self):
        model = self.model().double().eval()
        x = torch.rand(1, 1, 8, 8, generator=seeded(1)).double().mul(16).requires_grad_()
        z = torch.ones(1, 4).double()
        seen = torch.zeros(64, 64)
        for parameters in model.pixels(x, z):
            for i, value in enumerate(parameters.flatten()):
                grad = torch.autograd.grad(value, x, retain_graph=True)[0]
                seen[i] += grad.abs().flatten()
        assert seen.triu().abs().max() == 0  # in the order of reading, itself included
        assert (seen[9:, :].sum(dim=1) > 0).all()
        assert seen[1, 0] > 0


def tiny(cls, **kwargs):
    """A model small enough to enumerate: 2x2 pixels of three levels."""
    with torch.random.fork_rng(devices=[]):
        model = cls(2, event_shape=(1, 2, 2), n_levels=3, n_hidden=8, **kwargs)
    model = initialize(model, generator=seeded()).double().eval().requires_grad_(False)
    for layer in getattr(model, "past", []):
        if hasattr(layer, "weight"):
            layer.weight *= 8  # what was drawn before must matter
    return model


EVENTS = torch.tensor(list(itertools.product(range(3), repeat=4))).view(-1, 1, 2, 2)


@pytest.mark.parametrize("cls", [VAE, PeekingVAE])
def test_likelihood_sums_to_one_for_every_code(cls):
    model = tiny(cls)
    for z in 2 * torch.randn(5, 2, generator=seeded(1)).double():
        logs = model.log_likelihood(EVENTS, z.expand(len(EVENTS), -1))
        assert logs.logsumexp(dim=0).exp().item() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("cls", [VAE, PeekingVAE])
def test_draws_have_the_probabilities_of_the_likelihood(cls):
    model, n = tiny(cls), 2000
    z = torch.tensor([[0.7, -1.2]]).double()
    expected = model.log_likelihood(EVENTS, z.expand(len(EVENTS), -1)).exp()
    drawn = model.draw(z.expand(n, -1), generator=seeded(2)).long()
    index = drawn.flatten(1) @ torch.tensor([27, 9, 3, 1])
    share = torch.bincount(index, minlength=81) / n
    assert (share - expected).abs().max() < 5 * 0.5 / n**0.5
    common = expected * n >= 5
    statistic, freedom = (n * (share - expected) ** 2 / expected)[common].sum(), common.sum()
    assert statistic < freedom + 5 * (2 * freedom) ** 0.5


def test_marginal_by_enumeration_of_a_grid_of_codes():
    """The IWAE is near the integral over z, and the ELBO below it; sum over x of p(x) is 1."""
    model = tiny(VAE)
    side = torch.linspace(-6, 6, 61).double()
    grid = torch.cartesian_prod(side, side)
    prior = torch.distributions.Normal(0, 1).log_prob(grid).sum(1) + 2 * np.log(12 / 60)
    log_p = torch.stack(
        [
            (model.log_likelihood(x.expand(len(grid), -1, -1, -1), grid) + prior).logsumexp(0)
            for x in EVENTS
        ]
    )
    assert log_p.exp().sum().item() == pytest.approx(1.0, abs=1e-6)
    bound = latent.iwae_bound(model, EVENTS, 3000, generator=seeded(3))
    torch.testing.assert_close(bound, log_p, atol=0.1, rtol=0)
    elbo = model.elbo(EVENTS, n_samples=500, generator=seeded(4))
    assert (elbo <= log_p + 0.05).all()
    assert (elbo < log_p - 0.01).any()


def test_likelihood_is_the_discretised_logistic_of_scipy():
    """Equation eq-vae-pixel, with the open ends 0 and 16."""
    with torch.random.fork_rng(devices=[]):
        model = initialize(VAE(3, n_hidden=16), generator=seeded()).double().eval()
    x = torch.from_numpy(data.digits().x_train[:5])
    z = torch.randn(5, 3, generator=seeded(1)).double()
    with torch.no_grad():
        mean, log_scale = (p.numpy() for p in model.decode(z))
        ours = model.log_likelihood(x, z).numpy()
    levels = x.numpy().astype(float)
    high = np.where(levels == 16, np.inf, levels + 0.5)
    low = np.where(levels == 0, -np.inf, levels - 0.5)
    cdf = logistic(mean, np.exp(log_scale)).cdf
    np.testing.assert_allclose(ours, np.log(cdf(high) - cdf(low)).sum(axis=(1, 2, 3)))


def test_dropout_is_for_training_only():
    model = TestVAE().model()
    x = TestVAE().batch()
    one, two = (model.encode(x, generator=seeded(s))[0] for s in (1, 2))
    assert not torch.equal(one, two)
    model.eval()
    assert torch.equal(model.encode(x)[0], model.encode(x)[0])


def test_too_high_a_price_empties_the_code_and_free_bits_keep_it():
    """Section "Break it": KL under beta = 20, and with half a nat free for each coordinate."""
    x = torch.from_numpy(data.digits().x_train)
    kl = {}
    for free_bits in (0.0, 0.5):
        with torch.random.fork_rng(devices=[]):
            model = VAE(4, n_hidden=32, beta=20.0, free_bits=free_bits)
        model = initialize(model, generator=seeded())
        model, _ = fit_images(model, x, 200, generator=seeded(1))
        kl[free_bits] = model.terms(x, generator=seeded(2))[1].mean(dim=0)
    assert kl[0.0].max() < 0.05
    assert kl[0.5].min() > 0.1


def test_a_warm_start_leaves_more_in_the_code():
    """Section "Break it": two peeking models that differ only in how beta begins."""
    kl = {}
    for name in ("vae_collapsed", "vae_warmed"):
        with torch.random.fork_rng(devices=[]):
            model = load_weights(PeekingVAE(n_hidden=96), f"autoencoders/{name}")
        x = torch.from_numpy(data.digits().x_test)
        kl[name] = model.terms(x, generator=seeded())[1].sum(dim=1).mean()
    assert kl["vae_warmed"] > 2 * kl["vae_collapsed"]


def test_samples_are_decoded_codes_of_the_prior():
    model = TestVAE().model().eval()
    generator = seeded(5)
    z = standard_normal((6, 4), generator=generator)
    by_hand = model.draw(z, generator=generator)
    assert torch.equal(model.sample(6, generator=seeded(5)), by_hand)


def test_public_names_are_here():
    assert all(hasattr(vae, name) for name in vae.__all__)
    assert vae.warm_up is warm_up


def test_bad_input_is_named():
    model = TestVAE().model()
    with pytest.raises(ValueError, match=r"x has shape \(2, 8, 8\) .*\(B, 1, 8, 8\): reshape"):
        model.elbo(torch.zeros(2, 8, 8))
    with pytest.raises(ValueError, match="n_levels=17 allows 0 to 16"):
        model.elbo(torch.full((1, 1, 8, 8), 17.0))
    with pytest.raises(ValueError, match="rate=2"):
        VAE(rate=2)
    with pytest.raises(ValueError, match=r"event_shape=\(1, 12, 12\).*pad"):
        VAE(event_shape=(1, 12, 12), n_channels=4)
