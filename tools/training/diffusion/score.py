"""Networks of the chapter that differ by seed, an energy of two moons, Boltzmann machines."""

from functools import partial

import torch

from companion import data
from companion.autoregressive.repeats import Repeats
from companion.diffusion.rbm import RestrictedBoltzmannMachine
from companion.diffusion.score import EnergyModel, ScoreNetwork, noise_levels
from companion.layers import initialize
from companion.train import descend, fit_images, minibatches
from tools.training.recipe import Recipe, digit_images

# How the chain of a machine runs while it learns; three seeds of each.
KEPT = {"persistent": 100}
WAYS = {"CD-1": {}, "CD-10": {"n_steps": 10}, "kept chains": KEPT, "kept chains, longer": KEPT}
CHOSEN = {"CD-1": 0.1, "CD-10": 0.07, "kept chains": 0.04, "kept chains, longer": 0.02}
TIMES = {"kept chains, longer": 5}  # as many steps


def machine(**way):
    """Make a machine small enough to be enumerated."""
    return RestrictedBoltzmannMachine((1, 8, 8), 16, **way)


def machines():
    """Three machines for each way."""
    return Repeats([partial(machine, **way) for way in WAYS.values() for _ in range(3)])


def inked(images):
    """Return digits as zeros and ones: whether a pixel has at least half of the ink."""
    return (images > 7).float()


def train_machine(model, pixels, n_steps, seed, rate):
    """Adam, with a rate that falls to zero in a line."""
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator).train()
    optimizer = torch.optim.Adam(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=n_steps)
    batches = minibatches(pixels, batch_size=100, generator=generator)
    for _ in range(n_steps):
        descend(model.loss(next(batches), generator=generator), optimizer)
        schedule.step()
    return model.eval()


def train_machines(models, images, n_steps, seed, rate=None):
    """Train each, its way with the rate chosen for it."""
    for i, model in enumerate(models):
        way = list(WAYS)[i // 3]
        steps = TIMES.get(way, 1) * n_steps
        train_machine(model, inked(images), steps, seed + i % 3, rate or CHOSEN[way])
    return models


@torch.no_grad()
def measure_machines(models, images):
    """Exact log-likelihood in nats a digit: the mean of all, and of each way and seed."""
    each = [model.log_prob(inked(images)).mean().item() for model in models]
    names = [f"{way}, seed {seed}" for way in WAYS for seed in range(3)]
    return {"nats": sum(each) / len(each)} | dict(zip(names, each, strict=True))


LEVELS = noise_levels(4.0, 0.05, 10)


def fields():
    """Three networks of the shape that the chapter trains."""
    return Repeats(partial(ScoreNetwork, (2,), LEVELS, spread=1.4), 3)


def points(final):
    """Return eight Gaussians to learn from, and others to measure on."""
    seeds = (0, 1) if final else (0, 2)
    drawn = (data.toy("eight_gaussians", 2000, random_state=seed)[0] for seed in seeds)
    return tuple(torch.from_numpy(part).float() for part in drawn)


def train_fields(models, learn, n_steps, seed, **settings):
    """Train each with another seed."""
    for i, model in enumerate(models):
        generator = torch.Generator().manual_seed(seed + i)
        model = initialize(model, generator=generator)
        models[i] = fit_images(model, learn, n_steps, generator=generator, **settings)[0]
    return models


@torch.no_grad()
def measure_fields(models, held_out):
    """Mean loss of the seeds, and of each: the share of the noise that is not guessed."""
    losses = []
    for model in models:
        generator = torch.Generator().manual_seed(0)
        losses.append(model.loss(held_out.repeat(10, 1), generator=generator).item())
    every = {f"seed {i}": loss for i, loss in enumerate(losses)}
    return {"loss": sum(losses) / len(losses)} | every


# Two heaps on a line: five networks for one level, five for all.
LINE = noise_levels(8.0, 0.25, 10)


def heaps(n, seed):
    """Draw a fifth of the points around -3, the others around 3."""
    generator = torch.Generator().manual_seed(seed)
    side = (torch.rand(n, 1, generator=generator) < 0.8).double()
    noise = torch.randn(n, 1, generator=generator, dtype=torch.float64)  # no two are equal
    return 6 * side - 3 + 0.5 * noise


def heap_networks():
    """Small networks, the first five for the smallest level alone."""
    small = {"spread": 2.4, "n_hidden": 32}
    one, every = (
        [partial(ScoreNetwork, (1,), levels, **small)] * 5 for levels in (LINE[-1:], LINE)
    )
    return Repeats(one + every)


def heap_points(final):
    """Return points to learn from, and others to measure on."""
    return heaps(2000, 0), heaps(2000, 1 if final else 2)


def train_heaps(models, learn, n_steps, seed, learning_rate):
    """Adam, with a rate that rises and falls; five seeds of each kind."""
    for i, model in enumerate(models):
        generator = torch.Generator().manual_seed(seed + i % 5)
        model = initialize(model, generator=generator)
        optimizer = torch.optim.Adam(model.parameters(), learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, learning_rate, total_steps=n_steps
        )
        batches = minibatches(learn.float(), batch_size=256, generator=generator)
        for _ in range(n_steps):
            descend(model.loss(next(batches), generator=generator), optimizer)
            schedule.step()
    return models.eval()


@torch.no_grad()
def measure_heaps(models, held_out):
    """Squared error of the noise of the smallest level: of those for one level, of the others."""
    points, losses = held_out.float().repeat(10, 1), []
    noise = torch.randn(points.shape, generator=torch.Generator().manual_seed(0))
    sigma = LINE[-1].expand(len(points))
    for model in models:
        guess = -sigma[:, None] * model.score(points + sigma[:, None] * noise, sigma)
        losses.append(((guess - noise) ** 2).mean().item())
    return {"one level": sum(losses[:5]) / 5, "all levels": sum(losses[5:]) / 5}


def moons(final):
    """Return two moons, centred and scaled, to learn from and to measure on."""
    shift = torch.tensor([0.5, 0.25])
    drawn = (
        data.toy("moons", 2000, noise=0.15, random_state=seed)[0] for seed in (0, 1 if final else 2)
    )
    return tuple((torch.from_numpy(part).float() - shift) / 0.7 for part in drawn)


def train_energy(model, learn, n_steps, seed, learning_rate):
    """Adam, with a rate that falls in a line."""
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator).train()
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, total_iters=n_steps)
    batches = minibatches(learn, batch_size=256, generator=generator)
    for _ in range(n_steps):
        descend(model.loss(next(batches), generator=generator), optimizer)
        schedule.step()
    return model.eval()


@torch.no_grad()
def measure_energy(model, held_out):
    """Log-likelihood in nats a point, with a constant summed over a grid."""
    side = torch.linspace(-5, 5, 301)
    heights = -model.energy(torch.cartesian_prod(side, side))
    log_z = heights.logsumexp(dim=0) + 2 * (side[1] - side[0]).log()
    return {"nats": -model.energy(held_out).mean() - log_z}


RECIPES = {
    "score_levels": Recipe(
        title="Score networks on a line",
        on="two heaps",
        data=heap_points,
        make=heap_networks,
        fit=train_heaps,
        measure=measure_heaps,
        unit="squared error of the noise",
        n_steps=900,
        settings={"learning_rate": 1e-2},
        tried=[{"learning_rate": 3e-3}],
        control=True,
    ),
    "score_energy": Recipe(
        title="Energy model",
        on="two moons",
        data=moons,
        make=partial(EnergyModel, n_steps=10),
        fit=train_energy,
        measure=measure_energy,
        unit="nats",
        n_steps=2500,
        settings={"learning_rate": 5e-3},
        tried=[{"learning_rate": 2e-3}],
        control=True,
    ),
    "score_machines": Recipe(
        title="Boltzmann machines of binarised digits",
        data=digit_images,
        make=machines,
        fit=train_machines,
        measure=measure_machines,
        unit="nats",
        n_steps=1000,
        tried=[{"rate": rate} for rate in (0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.14)],
        control=True,
    ),
    "score_fields": Recipe(
        title="Score networks",
        on="eight Gaussians",
        data=points,
        make=fields,
        fit=train_fields,
        measure=measure_fields,
        unit="squared error of the noise",
        n_steps=1500,
        settings={"learning_rate": 2e-2, "batch_size": 256, "weight_decay": 0.0},
        tried=[{"learning_rate": 3e-3}, {"learning_rate": 1e-2}, {"batch_size": 64}],
        control=True,
    ),
}
