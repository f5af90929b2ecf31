"""The inversion chapter's GANs: one to be inverted, one with styles, and two that can read."""

from functools import partial

import torch
from torch import nn

from companion.adversarial.gan import DenseDiscriminator, DenseGenerator, dense, fit_gan
from companion.adversarial.inversion import invert_by_optimization, reconstruction_error
from companion.adversarial.invertible import BiGAN, FlowGAN
from companion.adversarial.regularized import R3GAN
from companion.adversarial.style_generator import StyleGenerator, invert_with_noise
from companion.flows.coupling import RealNVP
from companion.layers import initialize
from companion.metrics import bits_per_dim
from tools.training.recipe import Recipe, digit_images, draw

EVENT = (1, 8, 8)


def play(model, learn, n_steps, seed, **settings):
    """Draw the weights, then `companion.adversarial.gan.fit_gan`."""
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator)
    return fit_gan(model, learn, n_steps, generator=generator, **settings)[0]


def plain(n_latent=32):
    """Return a GAN of dense networks."""
    generator = DenseGenerator(n_latent, EVENT)
    return R3GAN(generator, DenseDiscriminator(EVENT), n_latent)


def styled(n_code=16, n_channels=16):
    """Return a GAN with a generator of styles and noise maps."""
    generator = StyleGenerator(n_code, n_channels=n_channels)
    return R3GAN(generator, DenseDiscriminator(EVENT), generator.n_latent)


def both_ways(discriminator=None, n_latent=32):
    """Return a BiGAN of dense networks as large as those of `plain`."""
    encoder = nn.Sequential(nn.Flatten(1), dense(64, 256, n_latent))
    discriminator = discriminator or DenseDiscriminator((64 + n_latent,))
    return BiGAN(DenseGenerator(n_latent, EVENT), encoder, discriminator, n_latent)


def flow(discriminator=None, adversarial=1.0, likelihood=1.0):
    """Return a FlowGAN whose flow is a RealNVP."""
    weights = {"adversarial": adversarial, "likelihood": likelihood}
    discriminator = discriminator or DenseDiscriminator(EVENT)
    return FlowGAN(RealNVP(n_couplings=3, n_hidden=64), discriminator, **weights)


def without_judge(kept, model):
    """Leave the discriminator out: the page does not ask it."""
    kept.generator.load_state_dict(model.generator.state_dict())
    return kept


def by_descent(model, held_out):
    """Squared error of codes found by descent from one start."""
    found = invert_by_optimization(model, held_out, 200, generator=torch.Generator().manual_seed(0))
    return {"inversion error": found.errors.mean()}


def by_style(model, held_out):
    """Squared error of styles found by descent, the noise as it was drawn."""
    generator = torch.Generator().manual_seed(0)
    found, _ = invert_with_noise(model, held_out, 200, learn_noise=False, generator=generator)
    return {"inversion error": found.errors.mean()}


def there_and_back(model, held_out):
    """Squared error of G(E(x))."""
    return {
        "reconstruction error": reconstruction_error(model, model.encode(held_out), held_out).mean()
    }


def bits(model, held_out):
    """The bound on bits per dimension."""
    bound = model.elbo(held_out, n_samples=8, generator=torch.Generator().manual_seed(0))
    return {"elbo": bits_per_dim(bound.mean(), held_out[0].numel())}


GREY = "squared grey levels"
game = partial(Recipe, data=digit_images, fit=play, sample=draw)
flows = partial(
    game,
    make=flow,
    measure=bits,
    unit="bits/dim (ELBO)",
    n_steps=900,
    keep=without_judge,
    kept=partial(flow, nn.Identity()),
)

RECIPES = {
    "inversion_gan": game(
        title="GAN with 32 numbers of noise",
        make=plain,
        measure=by_descent,
        unit=GREY,
        n_steps=3000,
        tried=[{"n_latent": 16}, {"n_latent": 64}],
    ),
    "inversion_style": game(
        title="GAN with styles and noise maps",
        make=styled,
        measure=by_style,
        unit=GREY,
        n_steps=1000,
        settings={"learning_rate": 2e-3},
    ),
    "inversion_bigan": game(
        title="BiGAN",
        make=both_ways,
        measure=there_and_back,
        unit=GREY,
        n_steps=1800,
        keep=without_judge,
        kept=partial(both_ways, nn.Identity()),
    ),
    "inversion_flow_both": flows(title="FlowGAN, game and likelihood"),
    "inversion_flow_game": flows(
        title="FlowGAN, game alone", make=partial(flow, None, 1.0, 0.0), control=True
    ),
    "inversion_flow_likelihood": flows(
        title="The same flow, likelihood alone", make=partial(flow, None, 0.0, 1.0), control=True
    ),
}
