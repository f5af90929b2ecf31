"""Generative adversarial networks: a generator that learns from a discriminator.

Chapter: `gan`.
"""

import itertools
import math
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional

from companion.adversarial.networks import ConvDiscriminator, ConvGenerator
from companion.distributions import standard_normal
from companion.train import MovingAverage, descend, fit, minibatches
from companion.validation import check_event, check_integer, check_levels, check_real


def minimax_loss(fake_logits):
    """What the generator makes small in the game itself, ``E log(1 - D(G(z)))``: a scalar, nats."""
    return -functional.softplus(fake_logits).mean()


def non_saturating_loss(fake_logits):
    """What it makes small in its place, ``-E log D(G(z))``: a scalar in nats."""
    return functional.softplus(-fake_logits).mean()


def discriminator_loss(real_logits, fake_logits, *, smoothing=0.0):
    """Cross-entropy of the discriminator, ``-E log D(x) - E log(1 - D(G(z)))``, in nats.

    With `smoothing` real images have the target ``1 - smoothing``; fake ones stay at 0, or the best
    discriminator would be told to believe what the generator makes where no data are.
    """
    smoothing = check_real("smoothing", smoothing, 0, 0.5)
    real = functional.softplus(-real_logits) + smoothing * real_logits
    return real.mean() + functional.softplus(fake_logits).mean()


def optimal_discriminator(p, q):
    """Probability that a point is real, ``p / (p + q)``, for densities p and q there, (...).

    Where both are 0 nothing is asked of it: 1/2.
    """
    p, q = torch.as_tensor(p), torch.as_tensor(q)
    if (p < 0).any() or (q < 0).any():
        raise ValueError("p and q must be densities, at least 0: pass exp of log-densities.")
    return torch.where(p + q > 0, p / (p + q).clamp_min(torch.finfo(p.dtype).tiny), 0.5)


@contextmanager
def frozen(module):
    """Within the block the module's weights are constants; gradients still pass through it."""
    learned = [p for p in module.parameters() if p.requires_grad]
    try:
        for p in learned:
            p.requires_grad_(False)
        yield module
    finally:
        for p in learned:
            p.requires_grad_(True)


class GAN(nn.Module):
    """A generator G and a discriminator D that play against each other (Goodfellow et al., 2014).

    ``min_G max_D E_x log D(x) + E_z log(1 - D(G(z)))``, with the non-saturating loss for G.

    Parameters
    ----------
    generator : nn.Module
        ``generator(z)``, or ``generator(z, context)``: (B, n_latent) to (B, *event).
    discriminator : nn.Module
        ``discriminator(x)``, or with context: (B, *event) to logits (B,).
    n_latent : int
    event_shape : tuple of int
    n_levels : int, optional
        Data are whole levels 0 ... n_levels - 1, which both networks see from -1 to 1. Without it
        they are real numbers and taken as they are.
    saturating : bool
        The generator takes the loss of the game itself, `minimax_loss`.
    smoothing : float
        Of the targets of real images, see `discriminator_loss`.
    """

    def __init__(
        self,
        generator,
        discriminator,
        n_latent,
        event_shape=(1, 8, 8),
        n_levels=17,
        *,
        saturating=False,
        smoothing=0.0,
    ):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.n_latent = check_integer("n_latent", n_latent)
        self.event_shape, self.saturating = tuple(event_shape), saturating
        self.smoothing = check_real("smoothing", smoothing, 0, 0.5)
        self.n_levels = n_levels if n_levels is None else check_integer("n_levels", n_levels, low=2)

    def prepare(self, x):
        """Check data and scale them to [-1, 1], as the networks see them."""
        x = check_event("x", x, self.event_shape)
        dtype = next(self.parameters()).dtype
        if self.n_levels is None:
            return x.to(dtype)
        return 2 * check_levels("x", x, self.n_levels).to(dtype) / (self.n_levels - 1) - 1

    def finish(self, x):
        """Turn what the generator made into data: whole levels, or points as they are."""
        if self.n_levels is None:
            return x
        top = self.n_levels - 1
        return ((x + 1) * top / 2).round().clamp(0, top)

    def noise(self, n, *, generator=None):
        """Draw z from N(0, I), (n, n_latent)."""
        like = next(self.parameters())
        return standard_normal((n, self.n_latent), generator=generator, like=like)

    def generate(self, z, context=None):
        """Return G(z) as the networks see it, (B, n_latent) to (B, *event), with gradients."""
        return self.generator(z) if context is None else self.generator(z, context)

    def judge(self, x, context=None):
        """Logits d(x) of images in [-1, 1], (B, *event) to (B,)."""
        return self.discriminator(x) if context is None else self.discriminator(x, context)

    def discriminator_value(self, real, fake, context=None, *, generator=None):
        """What D makes small, given images of both kinds as the networks see them: a scalar."""
        logits = self.judge(real, context), self.judge(fake, context)
        return discriminator_loss(*logits, smoothing=self.smoothing)

    def generator_value(self, real, fake, context=None):
        """What G makes small: a scalar. Real images count only for relativistic losses."""
        loss = minimax_loss if self.saturating else non_saturating_loss
        return loss(self.judge(fake, context))

    def discriminator_loss(self, x, context=None, *, generator=None):
        """Loss of D on data (B, *event) and as many fakes; no gradient reaches G."""
        real = self.prepare(x)
        with torch.no_grad():
            fake = self.generate(self.noise(len(x), generator=generator), context)
        return self.discriminator_value(real, fake, context, generator=generator)

    def generator_loss(self, x, context=None, *, generator=None):
        """Loss of G: gradients pass through D, whose weights are constants here."""
        real = self.prepare(x)
        fake = self.generate(self.noise(len(x), generator=generator), context)
        with frozen(self.discriminator):
            return self.generator_value(real, fake, context)

    def loss(self, x, context=None, *, generator=None):
        """Both losses in a sum in which each player's gradient is that of its own loss."""
        own = self.discriminator_loss(x, context, generator=generator)
        return own + self.generator_loss(x, context, generator=generator)

    @torch.no_grad()
    def sample(self, n, *, context=None, generator=None):
        """Draw n images in one pass: (n, *event), grey levels where the data have them."""
        return self.finish(self.generate(self.noise(n, generator=generator), context))


class DCGAN(GAN):
    """The same game by convolutions and batch normalisation (Radford et al., 2016).

    Parameters
    ----------
    n_latent, event_shape, n_levels, **options
        As for `GAN`; height and width are multiples of 4.
    n_channels : int
        Of both networks at half the size of the image.
    """

    def __init__(
        self, n_latent=32, event_shape=(1, 8, 8), n_levels=17, *, n_channels=32, **options
    ):
        networks = (
            ConvGenerator(n_latent, event_shape, n_channels),
            ConvDiscriminator(event_shape, n_channels),
        )
        super().__init__(*networks, n_latent, event_shape, n_levels, **options)


def fit_gan(
    model,
    data,
    n_steps,
    *,
    generator,
    n_critic=1,
    n_generator=1,
    learning_rate=5e-4,
    betas=(0.0, 0.9),
    batch_size=64,
    decay=0.99,
    callback=None,
):
    """Let the players take turns; return the moving average of the weights, and the history.

    Each step D learns on `n_critic` batches, then G by `n_generator` draws of noise. Both use Adam;
    the rates fall to a tenth as a cosine.

    Parameters
    ----------
    model : GAN
    data : tensor (n, *event), or tuple (images, contexts)
    n_steps : int
    generator : torch.Generator
        Of the CPU.
    decay : float
        Of the `MovingAverage`.

    Returns
    -------
    model : GAN
        The average, in evaluation mode.
    history : list of dict
        With the losses of both.
    """
    players = model.discriminator, model.generator
    optimizers = [
        torch.optim.Adam(p.parameters(), learning_rate, betas=betas, fused=True) for p in players
    ]
    average, device = MovingAverage(model, decay), next(model.parameters()).device
    check_integer("n_critic", n_critic), check_integer("n_generator", n_generator)
    model.train()
    tensors = data if isinstance(data, tuple) else (data,)
    batches = minibatches(*(t.cpu() for t in tensors), batch_size=batch_size, generator=generator)
    batches = (
        [t.to(device) for t in (batch if isinstance(batch, tuple) else (batch,))]
        for batch in batches
    )
    n_taken = 0

    def step(batch):
        nonlocal n_taken
        for optimizer in optimizers:
            rate = 0.55 + 0.45 * math.cos(math.pi * n_taken / n_steps)
            optimizer.param_groups[0]["lr"] = learning_rate * rate
        n_taken += 1
        for i in range(n_critic):
            batch = batch if i == 0 else next(batches)
            own = model.discriminator_loss(*batch, generator=generator)
            own = descend(own, optimizers[0])
        for _ in range(n_generator):
            against = descend(model.generator_loss(*batch, generator=generator), optimizers[1])
        average.update(model)
        return {"discriminator": own, "generator": against}

    history = fit(step, batches, n_steps, callback)
    return average.model, history


def dense(n_inputs, n_hidden, n_outputs, n_layers=2):
    """Return a network of linear layers with leaky ReLUs between them."""
    sizes = [n_inputs, *[n_hidden] * n_layers]
    layers = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], n_outputs))


class DenseGenerator(nn.Module):
    """Noise (B, n_latent), beside it a context (B, n_context) if there is one, to (B, *event).

    With ``squash`` entries end in (-1, 1) by a tanh.
    """

    def __init__(
        self, n_latent, event_shape, n_hidden=256, *, n_layers=2, n_context=0, squash=True
    ):
        super().__init__()
        self.event_shape, self.squash = tuple(event_shape), squash
        self.network = dense(n_latent + n_context, n_hidden, math.prod(event_shape), n_layers)

    def forward(self, z, context=None):
        z = z if context is None else torch.cat([z, context.to(z.dtype)], dim=1)
        x = self.network(z).view(-1, *self.event_shape)
        return x.tanh() if self.squash else x


class DenseDiscriminator(nn.Module):
    """Data (B, *event), beside it a context (B, n_context) if there is one, to logits (B,)."""

    def __init__(self, event_shape, n_hidden=256, *, n_layers=2, n_context=0):
        super().__init__()
        self.network = dense(math.prod(event_shape) + n_context, n_hidden, 1, n_layers)

    def forward(self, x, context=None):
        x = x.flatten(1)
        x = x if context is None else torch.cat([x, context.to(x.dtype)], dim=1)
        return self.network(x).squeeze(1)
