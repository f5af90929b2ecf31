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


def make(n_channels=32, rate=0.1):
    """Return the chapter's model."""
    return MaskedDiffusion(GreyNetwork(n_channels=n_channels, rate=rate))


def bound(model, images):
    """Bits per dimension of the bound, from 20 draws of what is hidden."""
    nats = model.elbo(images, n_samples=20, generator=torch.Generator().manual_seed(0))
    return {"elbo": bits_per_dim(nats.mean(), images[0].numel())}


def at_each(model, kept, temperatures):
    """Keep what a model draws at each temperature, one pixel a step."""
    drawn = []
    for temperature in temperatures:
        generator = torch.Generator().manual_seed(1)
        drawn.append(model.sample(1437, temperature=temperature, generator=generator))
    return kept.pack(torch.stack(drawn))


def draw_from_checkpoint(kept, learn, n_steps, seed):
    """Draw from the chapter's model, which is trained already."""
    return at_each(load_weights(make(), "diffusion/masked"), kept, TEMPERATURES)


def draw_from_seed(kept, learn, n_steps, seed, **settings):
    """Train the chapter's model from another seed, and keep what it draws, not its weights."""
    return at_each(train(make(), learn, n_steps, seed, **settings).eval(), kept, COOL)


def judge(kept, held_out, temperatures):
    """1-nearest-neighbour accuracy and Fréchet distance, against the training images."""
    figures = {}
    for temperature, images in zip(temperatures, kept.images, strict=True):
        accuracy = two_sample_accuracy(images, data.digits().x_train)
        figures |= {f"accuracy, temperature {temperature}": accuracy}
        figures |= {f"frechet, temperature {temperature}": relative_frechet_distance(images)}
    return figures


masked = partial(Recipe, data=digit_images, settings=SETTINGS, n_steps=1400)
network = partial(masked, fit=train, measure=bound, unit="bits/dim (ELBO)")
draws = partial(masked, unit="1-NN accuracy", control=True)


def seed_of(seed):
    """Return the recipe of another seed's draws."""
    return draws(
        title=f"Draws of masked diffusion, seed {seed}",
        make=partial(Drawn, len(COOL)),
        fit=draw_from_seed,
        measure=partial(judge, temperatures=COOL),
        seed=seed,
    )


RECIPES = {
    "masked": network(
        title="Masked diffusion",
        make=make,
        sample=draw,
        tried=[{"n_steps": 700}],
    ),
    "masked_draws": draws(
        title="Draws of masked diffusion by temperature",
        make=partial(Drawn, len(TEMPERATURES)),
        fit=draw_from_checkpoint,
        measure=partial(judge, temperatures=TEMPERATURES),
        settings={},
    ),
    "masked_seed1": seed_of(1),
    "masked_seed2": seed_of(2),
}
