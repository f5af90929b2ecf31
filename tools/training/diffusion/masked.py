"""Masked diffusion on the digits: settings compared on images cut from the training set."""

from functools import partial

import torch

from companion import data
from companion.adversarial.drawn import Drawn
from companion.autoregressive.fast_sampling import sample_cached
from companion.autoregressive.pixelcnnpp import PixelCNNPlusPlus
from companion.classifier import relative_frechet_distance
from companion.diffusion.masked import GreyNetwork, MaskedDiffusion, cosine_counts
from companion.metrics import bits_per_dim, two_sample_accuracy
from companion.train import load_weights
from tools.training.recipe import Recipe, bits, digit_images, draw, train

SETTINGS = {"learning_rate": 5e-3}
TEMPERATURES = (1.0, 0.9, 0.8, 0.7)
COOL = (1.0, 0.8)
FEW = {
    "16 steps": {"n_steps": 16},
    "8 steps": {"n_steps": 8},
    "surest first": {"n_steps": 8, "order": "confident"},
    "surest, with noise": {"n_steps": 8, "order": "confident", "noise": 4.5},
    "least entropy": {"n_steps": 8, "order": "entropy"},
    "cosine": {"n_steps": 8, "schedule": cosine_counts},
}


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


def in_few(kept, model):
    """Keep what a model draws in few steps, in each of the ways of `FEW`."""
    ways = [{**how, "generator": torch.Generator().manual_seed(7)} for how in FEW.values()]
    return kept.pack(torch.stack([model.eval().sample(1437, **how) for how in ways]))


def judge_few(kept, held_out):
    """1-nearest-neighbour accuracy and Fréchet distance of each way of `FEW`."""
    figures = {}
    for name, images in zip(FEW, kept.images, strict=True):
        figures[f"accuracy, {name}"] = two_sample_accuracy(images, data.digits().x_train)
        figures[f"frechet, {name}"] = relative_frechet_distance(images)
    return figures


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


masked = partial(Recipe, data=digit_images, settings=SETTINGS, n_steps=1250)
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
        n_steps=1700,
        tried=[{"n_steps": 1250}, {"n_steps": 1250, "n_channels": 44}],
    )


def draw_cached(model, n, generator):
    """Draw digits, each new pixel from values kept of the earlier ones."""
    return sample_cached(model, n, generator=generator)


# The model of the chapter on convolutions, but in as many seconds as masked diffusion has.
rival = partial(
    masked,
    make=PixelCNNPlusPlus,
    fit=train,
    n_steps=1120,
    settings={"learning_rate": 8e-3, "dropout": 0.25},
    control=True,
)


def keep_cached(kept, model):
    """Keep what a PixelCNN++ draws."""
    generator = torch.Generator().manual_seed(1)
    return kept.pack(draw_cached(model.eval(), 1437, generator)[None])


def rival_of(seed):
    """Return the recipe of the draws of the rival from another seed."""
    return rival(
        title=f"Draws of PixelCNN++ in as many seconds as masked diffusion, seed {seed}",
        unit="1-NN accuracy",
        seed=seed,
        kept=partial(Drawn, 1),
        keep=keep_cached,
        measure=partial(judge, temperatures=COOL[:1]),
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
    "masked_few": draws(
        title="Draws of masked diffusion in few steps",
        fit=load,
        settings={},
        kept=partial(Drawn, len(FEW)),
        keep=in_few,
        measure=judge_few,
    ),
    "masked_seed1": seed_of(1),
    "masked_seed2": seed_of(2),
    "masked_rival": rival(
        title="PixelCNN++, in as many seconds as masked diffusion",
        measure=bits,
        unit="bits/dim",
        sample=draw_cached,
        tried=[{"n_steps": 480}],
    ),
    "masked_rival1": rival_of(1),
    "masked_rival2": rival_of(2),
    "masked_coarse": coarse_of(0),
    "masked_coarse1": coarse_of(1),
    "masked_coarse2": coarse_of(2),
}
