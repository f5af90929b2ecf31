"""The chapter's games, on digits and in the plane. Of each only the generator is kept."""

import math
from functools import partial

import torch
from torch import nn

from companion import data
from companion.adversarial.gan import DCGAN, GAN, DenseDiscriminator, DenseGenerator, fit_gan
from companion.adversarial.modes import PointVAE, mode_shares, n_covered
from companion.adversarial.networks import ConvGenerator
from companion.adversarial.regularized import R3GAN, WassersteinGAN
from companion.autoregressive.repeats import Repeats
from companion.classifier import relative_frechet_distance
from companion.layers import initialize
from companion.metrics import two_sample_accuracy
from companion.train import fit_images
from tools.training.recipe import Recipe, digit_images, draw

ANGLES = torch.arange(8) * math.pi / 4
CENTERS = 2 * torch.stack([ANGLES.cos(), ANGLES.sin()], dim=1)
RADIUS = 3 * 0.15


def game(kind=R3GAN, *, n_latent=32, n_hidden=512, **options):
    """Return a game of digits between dense networks."""
    shape = (1, 8, 8)
    networks = DenseGenerator(n_latent, shape), DenseDiscriminator(shape, n_hidden)
    return kind(*networks, n_latent, **options)


def train(model, learn, n_steps, seed, **settings):
    """Draw the weights, then let the players take turns."""
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator)
    return fit_gan(model, learn, n_steps, generator=generator, **settings)[0]


def only_generator(kept, model):
    """Put the generator into a game without a discriminator."""
    kept.generator.load_state_dict(model.generator.state_dict())
    return kept


def drawer(generator, n_latent, *rest):
    """Return a game that can only draw."""
    return GAN(generator, nn.Identity(), n_latent, *rest)


def dense_drawer():
    """Return one of digits, as `game` makes it."""
    return drawer(DenseGenerator(32, (1, 8, 8)), 32)


def judge_digits(model, held_out):
    """Fréchet distance to the training digits, and nearest neighbours among those held out."""
    drawn = model.sample(1437, generator=torch.Generator().manual_seed(0))
    n, parts = len(held_out), 1437 // len(held_out)
    told = [two_sample_accuracy(drawn[i * n : (i + 1) * n], held_out) for i in range(parts)]
    return {"1-NN accuracy": sum(told) / parts, "distance": relative_frechet_distance(drawn)}


digits = partial(
    Recipe,
    data=digit_images,
    make=game,
    fit=train,
    measure=judge_digits,
    unit="1-NN accuracy",
    n_steps=1700,
    settings={"learning_rate": 1e-3},
    sample=draw,
    keep=only_generator,
    kept=dense_drawer,
)


# Eight heaps on a ring, five seeds of each game.


def ring_points(final):
    """Return points of the ring to learn from, and others; draws are judged by the centres."""
    states = 0, 2 if final else 1
    points = (data.toy("eight_gaussians", 4000, random_state=state)[0] for state in states)
    return tuple(torch.from_numpy(x).float() for x in points)


def ring_generator(n_layers=2):
    """Return a generator of points in the plane."""
    return DenseGenerator(2, (2,), 64, n_layers=n_layers, squash=False)


def ring_game(kind, options, n_layers=2):
    """Return a game of points in the plane."""
    networks = ring_generator(n_layers), DenseDiscriminator((2,), 64, n_layers=n_layers)
    return kind(*networks, 2, (2,), None, **options)


def rings(kind, **options):
    """Return a function that makes five of them."""
    return lambda: Repeats(partial(ring_game, kind, options))


def ring_drawers():
    """Return five games that can only draw."""
    return Repeats(lambda: drawer(ring_generator(), 2, (2,), None))


def train_rings(models, learn, n_steps, seed, **settings):
    """Train each with another seed."""
    for i, model in enumerate(models):
        models[i] = train(model, learn, n_steps, seed + i, **settings)
    return models


def only_generators(kept, models):
    """Put their generators into games without discriminators."""
    for drawing, model in zip(kept, models, strict=True):
        only_generator(drawing, model)
    return kept


def judge_rings(models, held_out):
    """Heaps with a twentieth of 5,000 draws or more, and the share of draws within three sigma."""
    figures = {}
    for i, model in enumerate(models):
        found = judge_ring(model, held_out, seed=i)
        figures |= {f"{key}, seed {i}": value for key, value in found.items()}
    return {"heaps": sum(figures[f"heaps, seed {i}"] for i in range(5)) / 5} | figures


def judge_ring(model, held_out, seed=0):
    """The same of one model."""
    drawn = model.sample(5000, generator=torch.Generator().manual_seed(seed))
    shares, near = mode_shares(drawn, CENTERS, RADIUS)
    found = {"heaps": n_covered(drawn, CENTERS, RADIUS), "near": near}
    return found | {"largest share": shares.max()}


ring = partial(
    Recipe,
    data=ring_points,
    fit=train_rings,
    measure=judge_rings,
    unit="heaps of eight",
    on="eight Gaussians",
    keep=only_generators,
    kept=ring_drawers,
    control=True,
)


def conv_game(*, n_latent=32, n_channels=32):
    """Return the game of convolutions."""
    return DCGAN(n_latent, n_channels=n_channels)


def conv_drawer():
    """Return one that can only draw."""
    return drawer(ConvGenerator(32), 32)


def fit_vaes(models, learn, n_steps, seed, **settings):
    """Train each with another seed."""
    for i, model in enumerate(models):
        generator = torch.Generator().manual_seed(seed + i)
        model = initialize(model, generator=generator)
        models[i] = fit_images(model, learn, n_steps, generator=generator, **settings)[0]
    return models


pushed = partial(ring, n_steps=600, settings={"learning_rate": 1e-3, "n_generator": 5})

RECIPES = {
    "r3gan": digits(title="R3GAN", tried=[{"learning_rate": 5e-4}, {"gamma": 2.0}]),
    "gan": digits(
        title="GAN",
        make=partial(game, GAN),
        tried=[
            {"learning_rate": 2e-3},
            {"learning_rate": 5e-4},
            {"learning_rate": 2e-4},
            {"learning_rate": 2e-4, "betas": (0.5, 0.9)},
        ],
    ),
    "gan_relativistic": digits(
        title="GAN with a relativistic loss alone",
        make=partial(game, R3GAN, gamma=0.0),
        control=True,
    ),
    "gan_penalties": digits(
        title="GAN with penalties alone",
        make=partial(game, R3GAN, relativistic=False),
        control=True,
    ),
    "wgan": digits(
        title="Wasserstein GAN",
        make=partial(game, WassersteinGAN),
        n_steps=900,
        settings={"learning_rate": 1e-3, "n_critic": 3},
        tried=[{"learning_rate": 5e-4}],
    ),
    "dcgan": digits(
        title="DCGAN",
        make=conv_game,
        n_steps=1500,
        settings={"learning_rate": 1e-3, "betas": (0.5, 0.9)},
        tried=[{"learning_rate": 3e-4}],
        kept=conv_drawer,
    ),
    "ring_gan": pushed(title="GANs whose generator moves five times", make=rings(GAN)),
    "ring_relativistic": pushed(
        title="The same with a relativistic loss alone", make=rings(R3GAN, gamma=0.0)
    ),
    "ring_penalties": pushed(
        title="The same with penalties alone", make=rings(R3GAN, gamma=5.0, relativistic=False)
    ),
    "ring_r3gan": pushed(title="The same with both, R3GAN", make=rings(R3GAN, gamma=5.0)),
    "ring_vae": ring(
        title="Variational autoencoders of points",
        make=lambda: Repeats(PointVAE),
        fit=fit_vaes,
        n_steps=1500,
        settings={"learning_rate": 1e-2, "batch_size": 128},
        tried=[{"learning_rate": 3e-3}],
        keep=None,
        kept=None,
    ),
}
RECIPES |= {
    f"ring_wgan_{seed}": Recipe(
        title="Wasserstein GAN of points",
        on="eight Gaussians",
        data=ring_points,
        make=partial(ring_game, WassersteinGAN, {"penalty": 0.3}, 3),
        fit=train,
        measure=judge_ring,
        unit="heaps of eight",
        n_steps=3600,
        settings={"learning_rate": 5e-3, "batch_size": 256},
        seed=seed,
        keep=only_generator,
        kept=lambda: drawer(ring_generator(3), 2, (2,), None),
        control=True,
    )
    for seed in range(5)
}
