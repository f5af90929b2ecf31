"""Digits on demand and in few steps: settings chosen on images cut from the training set."""

import copy
from functools import partial

import torch
from torch.nn.functional import one_hot

from companion import train
from companion.autoregressive.conditional import fit_told
from companion.autoregressive.repeats import Repeats
from companion.classifier import DigitClassifier, relative_frechet_distance
from companion.diffusion.diffusion import cosine_schedule
from companion.diffusion.few_steps import ConsistencyModel, VelocityDiffusion, distil
from companion.diffusion.guidance import (
    ClassifierFree,
    ConditionalDiffusion,
    NoisyClassifier,
    NoisyNetwork,
)
from companion.diffusion.samplers import ddim_sample
from companion.diffusion.unet import UNet
from companion.layers import initialize
from tools.training.recipe import Recipe, labelled_digits


def seeded(seed=0):
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


def hot(labels):
    """Labels (n,) as the context of a model."""
    return one_hot(labels.long(), 10).float()


def told(kind=VelocityDiffusion, *, n_channels=16, rate=0.1, drop=0.1):
    """A diffusion model of digits that is told the class; 100 steps at even angles."""
    network = UNet(n_channels=n_channels, n_context=10, rate=rate)
    return kind(network, cosine_schedule(100, offset=0), drop=drop)


def train_told(model, learn, n_steps, seed, **settings):
    """Draw the weights, then train on images and labels."""
    images, labels = learn
    generator = seeded(seed)
    model = initialize(model, generator=generator)
    return fit_told(model, images, hot(labels), n_steps, generator=generator, **settings)[0]


def accuracy(images, labels):
    """How often a classifier that had no part in it sees the class that was wanted."""
    return (DigitClassifier.load()(images).argmax(dim=1) == labels).double().mean()


def measure_told(model, held_out):
    """Squared error on images held out, told the class and not; accuracy of guided digits."""
    images, labels = held_out
    again, wanted = hot(labels).repeat(20, 1), torch.arange(500) % 10
    images = images.repeat(20, 1, 1, 1)
    guided = ddim_sample(
        ClassifierFree(model, 3.0), 500, hot(wanted), n_taken=10, generator=seeded(1)
    )
    return {
        "told": model.loss(images, again, generator=seeded(0)),
        "untold": model.loss(images, 0 * again, generator=seeded(0)),
        "guided accuracy": accuracy(guided, wanted),
    }


def draw_told(model, n, generator):
    """Draw each digit as often as any other, in 20 steps."""
    return ddim_sample(model, n, hot(torch.arange(n) % 10), n_taken=20, generator=generator)


def alone():
    """A model of digits that is told no class, and has all its training for that."""
    return VelocityDiffusion(UNet(n_channels=16), cosine_schedule(100, offset=0))


def measure_alone(model, held_out):
    """Squared error on images held out."""
    return {"untold": model.loss(held_out[0].repeat(20, 1, 1, 1), generator=seeded(0))}


def draw_alone(model, n, generator):
    """Draw in 20 steps, whichever digits come."""
    return ddim_sample(model, n, n_taken=20, generator=generator)


def readers():
    """Two classifiers of noisy images."""
    diffusion = told()
    return Repeats([lambda: NoisyClassifier(NoisyNetwork(), diffusion)] * 2)


def train_readers(models, learn, n_steps, seed, *, learning_rate=3e-3, weight_decay=0.1):
    """Train each with another seed, and keep the moving average."""
    for i, model in enumerate(models):
        generator = seeded(seed + i)
        initialize(model, generator=generator).train()
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=learning_rate, weight_decay=weight_decay
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
        average = train.MovingAverage(model, 0.99)

        def step(batch, model=model, optimizer=optimizer, schedule=schedule, average=average):
            loss = model.loss(*batch, generator=generator)  # noqa: B023 -- called in this round
            loss = train.descend(loss, optimizer, max_norm=1.0)
            schedule.step()
            average.update(model)
            return loss

        batches = train.minibatches(learn[0], learn[1].long(), batch_size=64, generator=generator)
        train.fit(step, batches, n_steps)
        models[i] = average.model
    return models


def measure_readers(models, held_out):
    """Cross-entropy at all amounts of noise, nats: the mean, and that of each."""
    images, labels = held_out[0].repeat(20, 1, 1, 1), held_out[1].long().repeat(20)
    each = [model.loss(images, labels, generator=seeded(0)) for model in models]
    return {"nats": sum(each) / len(each)} | {f"seed {i}": nats for i, nats in enumerate(each)}


def student(seed, n_grid=25):
    """A consistency model that begins with the weights of the model of a seed."""
    name = f"diffusion/guidance_{seed}" if seed else "diffusion/guidance"
    teacher = train.load_weights(told(), name)
    network = copy.deepcopy(teacher.network).requires_grad_(True)
    return ConsistencyModel(network, teacher, n_grid)


def train_student(model, learn, n_steps, seed, **settings):
    """Distil; dropout has no use here."""
    images, labels = learn
    model.network.rate = 0.0
    return distil(model, images, hot(labels), n_steps, generator=seeded(seed), **settings)[0]


def train_by_pairs(model, learn, n_steps, seed, *, n_pairs=8622, learning_rate=1e-3, decay=0.99):
    """Learn the ends of the teacher's paths of 24 steps by heart: squared error, from noise."""
    generator, teacher = seeded(seed), model.teacher[0]
    labels, starts, ends = torch.arange(n_pairs) % 10, [], []
    for some in labels.split(479):
        starts.append(torch.randn(len(some), *model.event_shape, generator=generator))
        path = []
        ddim_sample(teacher, len(some), hot(some), n_taken=24, z=starts[-1], path=path)
        ends.append(path[-1])
    model.network.rate = 0.0
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    average = train.MovingAverage(model, decay)
    model.train()

    def step(batch):
        start, end, context = batch
        last = torch.full((len(start),), model.n_steps)
        loss = train.descend(
            ((model.end(start, last, context) - end) ** 2).mean(), optimizer, max_norm=1.0
        )
        schedule.step()
        average.update(model)
        return loss

    pairs = torch.cat(starts), torch.cat(ends), hot(labels)
    train.fit(step, train.minibatches(*pairs, batch_size=64, generator=generator), n_steps)
    return average.model


def measure_student(model, held_out):
    """Fréchet distance and accuracy of digits drawn in one jump, and in two."""
    wanted, figures = torch.arange(1437) % 10, {}
    for n_taken in (1, 2):
        images = model.sample(1437, hot(wanted), n_taken=n_taken, generator=seeded(1))
        figures[f"frechet, {n_taken}"] = relative_frechet_distance(images)
        figures[f"accuracy, {n_taken}"] = accuracy(images, wanted)
    return figures


def draw_at_once(model, n, generator):
    """Draw each digit as often as any other, in one jump."""
    return model.sample(n, hot(torch.arange(n) % 10), generator=generator)


digits = partial(
    Recipe,
    data=labelled_digits,
    make=told,
    fit=train_told,
    measure=measure_told,
    unit="squared error of the velocity",
    sample=draw_told,
    n_steps=1500,
    settings={"learning_rate": 8e-3, "decay": 0.995},
)

one_jump = partial(
    Recipe,
    data=labelled_digits,
    fit=train_student,
    measure=measure_student,
    sample=draw_at_once,
    unit="Fréchet distance in one jump",
    n_steps=1000,
    settings={"learning_rate": 1e-3},
)

RECIPES = {
    "guidance": digits(
        title="Diffusion, told the digit",
        tried=[{"learning_rate": 4e-3}],
    ),
    "guidance_1": digits(title="Diffusion, told the digit, seed 1", seed=1, control=True),
    "guidance_2": digits(title="Diffusion, told the digit, seed 2", seed=2, control=True),
    "guidance_noise": digits(
        title="Diffusion, told the digit, guessing noise",
        make=partial(told, ConditionalDiffusion),
        unit="squared error of the noise",
        control=True,
    ),
    "guidance_alone": digits(
        title="Diffusion of the same size, told nothing",
        make=alone,
        measure=measure_alone,
        sample=draw_alone,
        control=True,
    ),
    "guidance_classifiers": Recipe(
        title="Two classifiers of noisy digits",
        data=labelled_digits,
        make=readers,
        fit=train_readers,
        measure=measure_readers,
        unit="nats at all amounts of noise",
        n_steps=600,
        control=True,
        tried=[{"learning_rate": 1e-2}, {"weight_decay": 0.5}],
    ),
    "guidance_jump": one_jump(
        title="Consistency model",
        make=partial(student, 0),
        tried=[{"n_grid": 10}, {"n_grid": 50}],
    ),
    "guidance_jump_1": one_jump(
        title="Consistency model, seed 1", make=partial(student, 1), seed=1, control=True
    ),
    "guidance_jump_2": one_jump(
        title="Consistency model, seed 2", make=partial(student, 2), seed=2, control=True
    ),
    "guidance_pairs": one_jump(
        title="One jump, learned from pairs of noise and digit",
        make=partial(student, 0),
        fit=train_by_pairs,
        control=True,
    ),
}
