"""The chapter's continuous flows: eight Gaussians in the plane, and digits as 64 real numbers."""

from functools import partial

import torch

from companion import data
from companion.autoregressive.repeats import Repeats
from companion.classifier import relative_frechet_distance
from companion.flows.continuous import FFJORD
from companion.flows.flow_matching import FlowMatching, euler, pair_by_distance, reflow
from companion.layers import initialize
from companion.metrics import two_sample_accuracy
from companion.train import MovingAverage, descend, fit, load_weights, minibatches
from tools.training.recipe import Recipe, digit_images

DigitFlow = partial(FlowMatching, (64,), n_hidden=256)


def eight(n, seed):
    """Return points of the toy density, float (n, 2)."""
    X, _ = data.toy("eight_gaussians", n, noise=0.3, random_state=seed)
    return torch.from_numpy(X).float()


def eight_gaussians(final):
    """Return points to learn from and to measure on."""
    return eight(20_000, 0), eight(2000, 2 if final else 1)


def seeded(seed):
    """Return a generator of its own."""
    return torch.Generator().manual_seed(seed)


def learned(model, loss, batches, n_steps, *, rate, decay=0.99, weight_decay=0.0, max_norm=5.0):
    """Train by AdamW with a rate that rises and falls; return the moving average."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=n_steps, pct_start=0.1
    )
    average = MovingAverage(model.train(), decay)

    def step(batch):
        found = descend(loss(batch), optimizer, max_norm=max_norm)
        schedule.step()
        average.update(model)
        return found

    fit(step, batches, n_steps)
    return average.model


def train_density(model, learn, n_steps, seed, *, rate=2e-2, batch_size=256):
    """Train by the model's own loss."""
    generator = seeded(seed)
    model = initialize(model, generator=generator)
    batches = minibatches(learn, batch_size=batch_size, generator=generator)
    loss = partial(model.loss, generator=generator)
    return learned(model, loss, batches, n_steps, rate=rate)


def train_pairs(model, pairs, n_steps, generator, *, rate, batch_size, **settings):
    """Go on training, on pairs of noise and a data point."""
    batches = minibatches(*pairs, batch_size=batch_size, generator=generator)

    def loss(pair):
        return model.regression(*pair, generator=generator)

    return learned(model, loss, batches, n_steps, rate=rate, **settings)


def train_rounds(models, learn, n_steps, seed, *, rate=2e-2, second=1e-2, batch_size=512):
    """Three seeds: a first round, then a second by reflow, and one more of the same instead."""
    rounds = []
    for repeat in range(len(models) // 3):
        generator = seeded(seed + repeat)
        settings = {"batch_size": batch_size, "rate": rate}
        first = train_density(models[repeat], learn, n_steps, seed + repeat, **settings)
        pairs = reflow(first, 10_000, generator=generator)
        settings["rate"] = second
        copies = [models[3 + repeat], models[6 + repeat]]
        for copy in copies:
            copy.load_state_dict(first.state_dict())
        straight = train_pairs(copies[0], pairs, n_steps, generator, **settings)
        batches = minibatches(learn, batch_size=batch_size, generator=generator)
        loss = partial(copies[1].loss, generator=generator)
        rounds.append((first, straight, learned(copies[1], loss, batches, n_steps, rate=second)))
    return keep([model for kind in zip(*rounds, strict=True) for model in kind])


def keep(models):
    """Put trained models into `Repeats`."""
    kept = Repeats([partial(FlowMatching, (2,))] * len(models))
    for place, model in zip(kept, models, strict=True):
        place.load_state_dict(model.state_dict())
    return kept


def train_paired(models, learn, n_steps, seed, *, rate=2e-2, batch_size=128):
    """Three seeds with noise that is paired with near data points, and three with any noise."""
    found = []
    for place, model in enumerate(models):
        generator = seeded(seed + place % 3)
        model = initialize(model, generator=generator)

        def loss(x1, model=model, generator=generator, near=place < 3):
            x0 = torch.randn(x1.shape, generator=generator)
            x0 = x0[pair_by_distance(x0, x1)] if near else x0
            return model.regression(x0, x1, generator=generator)

        batches = minibatches(learn, batch_size=batch_size, generator=generator)
        found.append(learned(model, loss, batches, n_steps, rate=rate))
    return keep(found)


def cross_entropy(model, held_out):
    """Mean of ``-log p`` in nats."""
    return {"cross-entropy": -model.log_prob(held_out).mean()}


def mean_cross_entropy(models, held_out):
    """Mean over several networks of the cross-entropy of a few points."""
    values = [-model.log_prob(held_out[:500]).mean() for model in models]
    return {"cross-entropy": sum(values) / len(values)}


def real_numbers(images, generator):
    """Return grey levels as 64 numbers from -1 to 1: noise within the level, then a scale."""
    noise = torch.rand(images.shape, generator=generator)
    return ((images + noise) / 8.5 - 1).flatten(1)


def grey_levels(x):
    """Return 64 numbers as the images whose levels they lie in."""
    return ((x + 1) * 8.5).floor().clamp(0, 16).view(-1, 1, 8, 8)


def train_digits(model, learn, n_steps, seed, *, rate=1e-2, batch_size=128, weight_decay=0.01):
    """Train on digits with fresh noise within the levels."""
    generator = seeded(seed)
    model = initialize(model, generator=generator)
    images = minibatches(learn, batch_size=batch_size, generator=generator)
    batches = (real_numbers(batch, generator) for batch in images)
    settings = {"rate": rate, "weight_decay": weight_decay, "decay": 0.995, "max_norm": 1.0}
    return learned(model, partial(model.loss, generator=generator), batches, n_steps, **settings)


def continue_digits(model, learn, n_steps, seed, *, straight, rate=5e-3, batch_size=128):
    """A second round, from the chapter's digit flow: on its own pairs, or as before."""
    generator = seeded(seed)
    first = load_weights(DigitFlow(), "flows/digits")
    model.load_state_dict(first.state_dict())
    settings = {"rate": rate, "decay": 0.995, "max_norm": 1.0}
    if straight:
        pairs = reflow(first, 20_000, generator=generator)
        return train_pairs(model, pairs, n_steps, generator, batch_size=batch_size, **settings)
    images = minibatches(learn, batch_size=batch_size, generator=generator)
    batches = (real_numbers(batch, generator) for batch in images)
    loss = partial(model.loss, generator=generator)
    return learned(model, loss, batches, n_steps, **settings)


def measure_digits(model, held_out):
    """Distances after 50, 4 and one step, and how well digits are told from real ones."""
    z = model.noise(1437, seeded(1))
    figures = {}
    for n_steps in (50, 4, 1):
        drawn = grey_levels(euler(model, z, n_steps))
        figures[f"distance {n_steps}"] = relative_frechet_distance(drawn)
        own, real = drawn[: len(held_out)], held_out.float()
        figures[f"told {n_steps}"] = two_sample_accuracy(own, real)
    return figures


toy = partial(Recipe, on="eight Gaussians", data=eight_gaussians, unit="nats")
digit_flow = partial(
    Recipe,
    data=digit_images,
    make=DigitFlow,
    measure=measure_digits,
    unit="Fréchet distance",
)
ffjord = partial(
    toy,
    make=partial(FFJORD, rtol=1e-3, atol=1e-3),
    fit=train_density,
    measure=cross_entropy,
    n_steps=250,
    settings={"rate": 3e-2},
)

RECIPES = {
    "ffjord": ffjord(title="FFJORD", tried=[{"rate": 1e-2}, {"rate": 2e-2}, {"rtol": 1e-2}]),
    "ffjord_1": ffjord(title="FFJORD, second seed", seed=1, control=True),
    "ffjord_2": ffjord(title="FFJORD, third seed", seed=2, control=True),
    "rounds": toy(
        title="Flow matching, reflow, or longer: three seeds of each",
        make=partial(Repeats, partial(FlowMatching, (2,)), 9),
        fit=train_rounds,
        measure=mean_cross_entropy,
        n_steps=1600,
        tried=[{"rate": 1e-2}, {"second": 3e-3}],
        control=True,
    ),
    "paired": toy(
        title="Flow matching with near pairs and without: three seeds of each",
        make=partial(Repeats, partial(FlowMatching, (2,)), 6),
        fit=train_paired,
        measure=mean_cross_entropy,
        n_steps=1200,
        control=True,
    ),
    "digits": digit_flow(
        title="Flow matching",
        fit=train_digits,
        n_steps=6000,
        tried=[{"rate": 3e-3}, {"weight_decay": 0.1}, {"n_hidden": 384}],
    ),
    "digits_straight": digit_flow(
        title="Flow matching, second round by reflow",
        fit=partial(continue_digits, straight=True),
        n_steps=4000,
        control=True,
    ),
    "digits_longer": digit_flow(
        title="Flow matching, trained on",
        fit=partial(continue_digits, straight=False),
        n_steps=4000,
        control=True,
    ),
}
