"""Masked diffusion on the digits: settings compared on images cut from the training set."""

from functools import partial

import torch

from companion import data
from companion.classifier import relative_frechet_distance
from companion.diffusion.masked import Drawn, GreyNetwork, MaskedDiffusion
from companion.metrics import bits_per_dim, two_sample_accuracy
from companion.train import load_weights
from tools.training.recipe import Recipe, digit_images, draw, train

SETTINGS = {"learning_rate": 5e-3}
TEMPERATURES = (1.0, 0.9, 0.8, 0.7)
COOL = (1.0, 0.8)


def make(n_channels=32, rate=0.1, n_levels=17):
    """Return the chapter's model."""
    network = GreyNetwork(n_levels=n_levels, n_channels=n_channels, rate=rate)
    return MaskedDiffusion(network, n_levels=n_levels)


def bound(model, images):
    """Bits per dimension of the bound, from 20 draws of what is hidden."""
    nats = model.elbo(images, n_samples=20, generator=torch.Generator().manual_seed(0))
    return {"elbo": bits_per_dim(nats.mean(), images[0].numel())}


def at_each(kept, model, temperatures):
    """Keep what a model draws at each temperature, one pixel a step."""
    model.eval()
    drawn = []
    for temperature in temperatures:
        generator = torch.Generator().manual_seed(1)
        drawn.append(model.sample(1437, temperature=temperature, generator=generator))
    return kept.pack(torch.stack(drawn))


def load(model, learn, n_steps, seed):
    """Take the chapter's model, which is trained already."""
    return load_weights(model, "diffusion/masked")


def judge(kept, held_out, temperatures):
    """1-nearest-neighbour accuracy and Fréchet distance, against the training images."""
    figures = {}
    for temperature, images in zip(temperatures, kept.images, strict=True):
        accuracy = two_sample_accuracy(images, data.digits().x_train)
        figures |= {f"accuracy, temperature {temperature}": accuracy}
        figures |= {f"frechet, temperature {temperature}": relative_frechet_distance(images)}
    return figures


def coarse_images(final):
    """The digits on five levels, 0 to 4, as `x // 4`."""
    return tuple(images // 4 for images in digit_images(final))


def judge_coarse(kept, held_out):
    """1-nearest-neighbour accuracy among the training images of five levels."""
    learn, _ = coarse_images(final=True)
    return {"accuracy, 5 levels": two_sample_accuracy(kept.images[0], learn)}


masked = partial(Recipe, data=digit_images, settings=SETTINGS, n_steps=1400)
draws = partial(masked, make=make, unit="1-NN accuracy", control=True)


def drawn_at(temperatures):
    """Keep draws at some temperatures in place of the network, and judge them."""
    return {
        "kept": partial(Drawn, len(temperatures)),
        "keep": partial(at_each, temperatures=temperatures),
        "measure": partial(judge, temperatures=temperatures),
    }


def seed_of(seed):
    """Return the recipe of another seed's draws."""
    title = f"Draws of masked diffusion, seed {seed}"
    return draws(title=title, fit=train, seed=seed, **drawn_at(COOL))


def coarse_of(seed):
    """Return the recipe of draws of five levels, by a network that was trained on such."""
    return draws(
        title=f"Draws of masked diffusion on five levels, seed {seed}",
        data=coarse_images,
        on="digits of five levels",
        make=partial(make, n_levels=5),
        fit=train,
        seed=seed,
        kept=partial(Drawn, 1),
        keep=partial(at_each, temperatures=(1.0,)),
        measure=judge_coarse,
        n_steps=2000,
        tried=[{"n_steps": 1400}, {"n_steps": 1400, "n_channels": 44}],
    )


RECIPES = {
    "masked": masked(
        title="Masked diffusion",
        make=make,
        fit=train,
        measure=bound,
        unit="bits/dim (ELBO)",
        sample=draw,
        tried=[{"n_steps": 700}],
    ),
    "masked_draws": draws(
        title="Draws of masked diffusion by temperature",
        fit=load,
        settings={},
        **drawn_at(TEMPERATURES),
    ),
    "masked_seed1": seed_of(1),
    "masked_seed2": seed_of(2),
    "masked_coarse": coarse_of(0),
    "masked_coarse1": coarse_of(1),
    "masked_coarse2": coarse_of(2),
}
