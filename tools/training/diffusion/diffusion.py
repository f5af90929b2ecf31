"""The chapter's diffusion models: settings chosen on images cut from the training set."""

from functools import partial

import torch

from companion import data
from companion.autoregressive.repeats import Repeats
from companion.diffusion.diffusion import (
    DiffusionModel,
    LearnedVariance,
    cosine_schedule,
    linear_schedule,
)
from companion.diffusion.unet import UNet
from companion.layers import initialize
from companion.metrics import bits_per_dim
from companion.train import MovingAverage, descend, fit, minibatches
from tools.training.recipe import Recipe, digit_images, draw, train

SCENE = (3, 16, 16)
COSINE = partial(cosine_schedule, largest=0.9)


class SmallUNet(UNet):
    """A U-Net that writes the time in fewer numbers: most weights of a narrow one are for it."""

    n_time = 16


def chain(
    kind=DiffusionModel,
    schedule=COSINE,
    *,
    unet=UNet,
    chain_steps=50,
    event_shape=(1, 8, 8),
    n_levels=17,
    n_channels=32,
    n_scales=2,
    n_context=0,
    rate=0.1,
):
    """Return a diffusion model whose network is a U-Net."""
    n_outputs = event_shape[0] * (2 if kind is LearnedVariance else 1)
    sizes = {"n_channels": n_channels, "n_scales": n_scales, "n_context": n_context, "rate": rate}
    network = unet(event_shape, n_outputs=n_outputs, **sizes)
    return kind(network, schedule(chain_steps), event_shape, n_levels)


class TrainedByBound(DiffusionModel):
    """The same model, trained by the bound itself: every term with its own weight.

    The terms differ by a factor of a hundred. Drawn evenly, the costly ones come too rarely and
    the gradient is noisy; so steps are drawn in proportion to the size that their terms had so
    far (Nichol and Dhariwal, 2021), and each term is divided by its probability. The first 3,200
    draws are even, and so is a hundredth of the later ones.
    """

    def __init__(self, *arguments, evenly=False):
        super().__init__(*arguments)
        self.set_table("square", torch.zeros(self.n_steps))
        self.n_drawn, self.n_even = 0, torch.inf if evenly else 3200

    def shares(self):
        """With which probability each step is drawn, (T,)."""
        even = torch.full_like(self.square, 1 / self.n_steps)
        if self.n_drawn < self.n_even:
            return even
        size = self.square.sqrt()
        return 0.99 * size / size.sum() + 0.01 * even

    def loss(self, x, context=None, *, generator=None):
        """A drawn term of the bound over its probability: minus the ELBO per entry on average."""
        shares = self.shares()
        t = torch.multinomial(shares, len(x), replacement=True, generator=generator) + 1
        term = self.term(x, t, context, generator=generator)
        for i, square in zip((t - 1).tolist(), term.detach().square(), strict=True):
            self.square[i] = (
                square if self.square[i] == 0 else torch.lerp(self.square[i], square, 0.1)
            )
        self.n_drawn += len(x)
        return (term / shares[t - 1]).mean() / x[0].numel()


@torch.no_grad()
def simple_loss(model, held_out, n_draws=4):
    """The simple loss, a mean over some draws of steps and noise."""
    generator = torch.Generator().manual_seed(5)
    draws = [DiffusionModel.loss(model, held_out, generator=generator) for _ in range(n_draws)]
    return sum(draws) / n_draws


def measure(model, held_out):
    """The bound in bits per dimension, and the simple loss."""
    bound = model.elbo(held_out, generator=torch.Generator().manual_seed(0)).mean()
    figures = {"elbo": bits_per_dim(bound, held_out[0].numel())}
    return figures | {"simple loss": simple_loss(model, held_out)}


def measure_loss(model, held_out):
    """The simple loss alone: the bound of images takes long."""
    return {"simple loss": simple_loss(model, held_out)}


def drawn_scenes(final):
    """Return scenes of 16x16 pixels to learn from and to measure on."""
    learn = torch.from_numpy(data.scenes(6000, size=16, random_state=0).images)
    if not final:
        return learn[:5500], learn[5500:]
    return learn, torch.from_numpy(data.scenes(300, size=16, random_state=1).images)


# Networks so small that three seeds of them are trained in the time of one large one.


def small(kind=DiffusionModel, schedule=COSINE):
    """Return a function that makes three small models of a kind."""

    def make():
        return Repeats(partial(chain, kind, schedule, unet=SmallUNet, n_channels=12, rate=0.0), 3)

    return make


def train_seeds(models, learn, n_steps, seed, **settings):
    """Train each with another seed."""
    for i, model in enumerate(models):
        models[i] = train(model, learn, n_steps, seed + i, **settings)
    return models


def measure_seeds(models, held_out):
    """Means of `measure`, and the bound of every seed."""
    each = [measure(model, held_out) for model in models]
    means = {key: sum(one[key] for one in each) / len(each) for key in each[0]}
    return means | {f"elbo, seed {i}": one["elbo"] for i, one in enumerate(each)}


def averages():
    """Return six models: last weights of three seeds, and their averages."""
    return Repeats(partial(chain, unet=SmallUNet, n_channels=8, rate=0.0), 6)


def train_averages(models, learn, n_steps, seed, **settings):
    """Train three seeds at a rate that stays; keep the last weights and their averages."""
    for i in range(3):
        generator = torch.Generator().manual_seed(seed + i)
        last = initialize(models[i], generator=generator)
        models[3 + i] = fit_at_one_rate(last, learn, n_steps, generator=generator, **settings)
    return models


def fit_at_one_rate(model, images, n_steps, *, generator, learning_rate, batch_size, decay=0.99):
    """Train as `fit_images` does, but with a learning rate that stays; return the average."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01)
    average = MovingAverage(model, decay)

    def step(batch):
        loss = descend(model.loss(batch, generator=generator), optimizer, max_norm=1.0)
        average.update(model)
        return loss

    batches = minibatches(images, batch_size=batch_size, generator=generator)
    fit(step, batches, n_steps)
    return average.model


def measure_averages(models, held_out):
    """The mean simple loss of the averages and of the last weights."""
    losses = [float(simple_loss(model, held_out)) for model in models]
    return {"average": sum(losses[3:]) / 3, "last": sum(losses[:3]) / 3}


three = partial(
    Recipe,
    data=digit_images,
    fit=train_seeds,
    measure=measure_seeds,
    unit="bits/dim (ELBO)",
    n_steps=800,
    settings={"batch_size": 32, "learning_rate": 1.2e-2},
    tried=[{"learning_rate": 4e-3}, {"learning_rate": 2.4e-2}],
    control=True,
)

RECIPES = {
    "ddpm": Recipe(
        title="Diffusion model",
        data=digit_images,
        make=chain,
        fit=train,
        measure=measure,
        unit="bits/dim (ELBO)",
        n_steps=1600,
        settings={"batch_size": 32},
        sample=draw,
        tried=[{"max_shift": 1, "n_context": 8}, {"chain_steps": 100}],
    ),
    "ddpm_cosine": three(title="Small diffusion models", make=small()),
    "ddpm_linear": three(
        title="Small diffusion models, linear schedule",
        make=small(schedule=linear_schedule),
    ),
    "ddpm_published": three(
        title="Small diffusion models, cosine as published",
        make=small(schedule=cosine_schedule),
    ),
    "ddpm_variances": three(
        title="Small diffusion models, learned variances",
        make=small(LearnedVariance),
    ),
    "ddpm_bound": three(
        title="Small diffusion models, trained by the bound",
        make=lambda *, evenly=False: small(partial(TrainedByBound, evenly=evenly))(),
        tried=[{"learning_rate": 4e-3}, {"learning_rate": 2.4e-2}, {"evenly": True}],
    ),
    "ddpm_average": Recipe(
        title="Small diffusion models, last weights and averages",
        data=digit_images,
        make=averages,
        fit=train_averages,
        measure=measure_averages,
        unit="squared error of the noise",
        n_steps=600,
        settings={"batch_size": 32, "learning_rate": 6e-3},
        tried=[{"learning_rate": 3e-3}, {"learning_rate": 1.2e-2}],
        control=True,
    ),
    "ddpm_scenes": Recipe(
        title="Diffusion model of scenes",
        on="scenes",
        data=drawn_scenes,
        make=partial(
            chain, event_shape=SCENE, n_levels=256, n_channels=20, chain_steps=100, rate=0.0
        ),
        fit=train,
        measure=measure_loss,
        unit="squared error of the noise",
        n_steps=650,
        settings={"batch_size": 32},
    ),
}
