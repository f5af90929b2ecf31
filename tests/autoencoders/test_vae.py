"""VAEs of images: contracts, probabilities by enumeration, the peeking decoder by gradient."""

import itertools
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import logistic

from companion import data
from companion.autoencoders import latent, vae
from companion.autoencoders.vae import VAE, PeekingVAE, warm_up, with_fitted_prior
from companion.classifier import DigitClassifier, relative_frechet_distance
from companion.distributions import standard_normal
from companion.layers import initialize
from companion.metrics import bits_per_dim
from companion.train import fit_images, load_weights
from tests.contracts import GenerativeContract, seeded
from tools.training.results import recipes, trained


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


class LabelledByPlace(VAE):
    """Image i of a batch belongs to class ``i % 3``: so the contract need not know of contexts."""

    def tell(self, hidden, side, context):
        if context is None:
            classes = torch.arange(len(hidden), device=hidden.device) % 3
            context = torch.eye(3, device=hidden.device, dtype=hidden.dtype)[classes]
        return super().tell(hidden, side, context)


class TestConditionalVAE(GenerativeContract):
    def make(self):
        return LabelledByPlace(4, n_hidden=32, n_context=3)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])

    def test_the_context_reaches_both_networks(self):
        model, x = self.model().eval(), self.batch()
        one, other = torch.eye(3)[:2]
        means = [model.encode(x, context=c[None])[0] for c in (one, other)]
        assert (means[0] != means[1]).any(dim=1).all()
        z = torch.zeros(2, 4)
        pixels = [model.decode(z, context=c[None])[0] for c in (one, other)]
        assert (pixels[0] != pixels[1]).any()

    def test_it_goes_through_all_methods_alike(self):
        model, x = self.model().eval().requires_grad_(False), self.batch()
        told = {"context": torch.eye(3)[torch.arange(8) % 3]}
        for method in (model.loss, model.elbo, model.terms, partial(latent.iwae_bound, model)):
            plain, with_it = method(x, generator=seeded()), method(x, **told, generator=seeded())
            torch.testing.assert_close(plain, with_it)
            other = {"context": torch.eye(3)[(torch.arange(8) + 1) % 3]}
            changed = method(x, **other, generator=seeded())
            first, second = (v[0] if isinstance(v, tuple) else v for v in (plain, changed))
            assert not torch.allclose(first, second)
        drawn = model.sample(8, **told, generator=seeded())
        assert torch.equal(drawn, model.sample(8, generator=seeded()))
        one_for_all = model.sample(8, context=torch.eye(3)[:1], generator=seeded())
        assert not torch.equal(drawn, one_for_all)


def test_a_context_that_is_missing_or_not_expected_is_named():
    with torch.random.fork_rng(devices=[]):
        told, plain = VAE(4, n_hidden=8, n_context=3), VAE(4, n_hidden=8)
    x, context = torch.zeros(2, 1, 8, 8), torch.zeros(2, 3)
    with pytest.raises(ValueError, match="n_context=3: give the context"):
        told.loss(x)
    with pytest.raises(ValueError, match="give the context"):
        told.sample(2)
    with pytest.raises(ValueError, match="n_context=0: leave out the context"):
        plain.elbo(x, context=context)
    with pytest.raises(ValueError, match="n_context=-1"):
        VAE(n_context=-1)


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
@pytest.mark.parametrize("n_context", [0, 2])
def test_likelihood_sums_to_one_for_every_code(cls, n_context):
    model = tiny(cls, n_context=n_context)
    told = {"context": torch.tensor([[1.0, -2.0]]).double()} if n_context else {}
    for z in 2 * torch.randn(5, 2, generator=seeded(1)).double():
        logs = model.log_likelihood(EVENTS, z.expand(len(EVENTS), -1), **told)
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


def test_a_fitted_prior_is_the_gaussian_of_the_codes_and_the_decoder_stays():
    """Section "What does a random code decode to?": z = m + L u."""
    model = TestVAE().model().double().eval().requires_grad_(False)
    model.posterior.weight *= 20  # codes that are far from N(0, I), their deviations too
    x = torch.from_numpy(data.digits().x_train[:200])
    before = {name: v.clone() for name, v in model.state_dict().items()}
    fitted = with_fitted_prior(model, x)
    assert all(torch.equal(v, before[name]) for name, v in model.state_dict().items())
    (z, log_std), (u, new_log_std) = model.encode(x), fitted.encode(x)
    torch.testing.assert_close(fitted.decode(u), model.decode(z))
    total = torch.cov(z.T) + torch.diag(torch.exp(2 * log_std).mean(dim=0))
    L = torch.linalg.cholesky(total)
    torch.testing.assert_close(z.mean(dim=0) + u @ L.T, z)
    torch.testing.assert_close(u.mean(dim=0), torch.zeros(4).double())
    torch.testing.assert_close(new_log_std - log_std, -L.diagonal().log().expand_as(log_std))
    noise = torch.randn(5, 4, generator=seeded(1)).double()
    codes = z.mean(dim=0) + noise @ L.T
    torch.testing.assert_close(fitted.decode(noise), model.decode(codes))


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
            model = load_weights(PeekingVAE(n_hidden=64, n_features=32), f"autoencoders/{name}")
        x = torch.from_numpy(data.digits().x_test)
        kl[name] = model.terms(x, generator=seeded())[1].sum(dim=1).mean()
    assert kl["vae_warmed"] > 2 * kl["vae_collapsed"]


def trained_anew(seed, n_steps, *, warm=0.0, cls=VAE, weight_decay=0.1, **kwargs):
    """A model after `n_steps`, its price raised over the first `warm` of them."""
    generator = seeded(seed)
    with torch.random.fork_rng(devices=[]):
        model = initialize(cls(**kwargs), generator=generator)
    callback = warm_up(model, round(warm * n_steps)) if warm else None
    how = {"generator": generator, "weight_decay": weight_decay, "callback": callback}
    x = torch.from_numpy(data.digits().x_train)
    return fit_images(model, x, n_steps, **how)[0].requires_grad_(False)


def bits(model, n_samples=10):
    """Minus the ELBO of the test digits."""
    x = torch.from_numpy(data.digits().x_test)
    bound = model.elbo(x, n_samples=n_samples, generator=seeded(1))
    return bits_per_dim(bound.mean().item(), 64)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_said_of_a_fitted_gaussian_holds_for_other_trainings(seed):
    """Section "What does a random code decode to?", its table."""
    plain = trained_anew(seed, 1000, beta=0.0)
    vae = trained_anew(seed, 1000, warm=0.5)
    x = torch.from_numpy(data.digits().x_train)
    fitted = {"plain": with_fitted_prior(plain, x), "vae": with_fitted_prior(vae, x)}
    models = {"plain": plain, "vae": vae, "fitted": fitted["plain"], "both": fitted["vae"]}
    frechet = {
        name: relative_frechet_distance(model.sample(1437, generator=seeded(2)))
        for name, model in models.items()
    }
    assert frechet["plain"] > 20
    assert frechet["both"] < min(frechet["fitted"], frechet["vae"])
    assert max(frechet["fitted"], frechet["vae"]) < 13.5
    assert abs(frechet["fitted"] - frechet["vae"]) < 3
    assert bits(fitted["plain"]) > 3.5 > 2.05 > bits(vae)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_said_of_collapse_holds_for_other_trainings(seed):
    """Section "Break it: posterior collapse", its table."""
    how = {"n_steps": 600, "weight_decay": 0.01}
    peek = how | {"cls": PeekingVAE, "n_hidden": 64, "n_features": 32}
    small = trained_anew(seed, **how, n_hidden=108)
    collapsed, warmed = trained_anew(seed, **peek), trained_anew(seed, **peek, warm=0.9)
    x = torch.from_numpy(data.digits().x_test)
    kl = [m.terms(x, generator=seeded())[1].sum(dim=1).mean() for m in (collapsed, warmed, small)]
    assert kl[0] < 1.5 < 2 < kl[1] < kl[2]
    assert bits(warmed) < bits(collapsed) + 0.01 < 2 < bits(small)


@pytest.mark.thorough
def test_a_told_network_draws_what_is_wanted_more_often_for_another_seed():
    """Section "Digits on demand": against Gaussians fitted to the classes of an untold one."""
    recipe = recipes("autoencoders")["vae_told"]._replace(seed=1)
    told = trained(recipe, recipe.data(final=True)[0])[0].requires_grad_(False)
    untold = trained_anew(1, recipe.n_steps, warm=0.5, n_latent=16, n_hidden=88)
    wanted = torch.arange(10).repeat_interleave(100)
    drawn = told.sample(1000, context=torch.eye(10)[wanted], generator=seeded())
    x, y = (torch.from_numpy(v) for v in data.digits()[:2])
    each = [with_fitted_prior(untold, x[y == k]) for k in range(10)]
    rival = torch.cat([m.sample(100, generator=seeded(k)) for k, m in enumerate(each)])
    with torch.random.fork_rng(devices=[]):
        classifier = DigitClassifier.load()
    right = [(classifier(v).argmax(dim=1) == wanted).double().mean() for v in (drawn, rival)]
    assert right[0] > 0.85
    assert right[0] > right[1] + 0.05


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
