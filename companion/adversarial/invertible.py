"""Adversarial models that can read by design: FlowGAN and BiGAN.

Chapter: `inversion`.
"""

import math

import torch
from torch import nn

from companion.adversarial.gan import frozen
from companion.adversarial.regularized import R3GAN
from companion.flows.transforms import dequantize
from companion.validation import check_real


class FlowGenerator(nn.Module):
    """The way of a flow from noise to data, (B, D) to (B, *event) in the networks' scale."""

    def __init__(self, flow):
        super().__init__()
        self.flow = flow

    def forward(self, z, context=None):
        y = self.flow.inverse(z, context)[0].view(-1, *self.flow.event_shape)
        n_levels = self.flow.n_levels
        return y if n_levels is None else 2 * y / n_levels - 1


class FlowGAN(R3GAN):
    """A GAN whose generator is a flow: it has a likelihood too (Grover et al., 2018).

    It lowers ``adversarial * (loss of the game) - likelihood * log p(x) / n_entries``. As many
    numbers of noise as there are entries; the code of an image is found by running the flow the
    other way, and nothing is lost. Grey levels are seen by both with noise that fills their bins,
    or the discriminator would know real images by their being whole.

    Parameters
    ----------
    flow : companion.flows.transforms.Flow
        Its event and levels are the model's.
    discriminator : nn.Module
    adversarial, likelihood : float
        Weights of the two losses.
    gamma : float
        As for `R3GAN`.
    """

    def __init__(self, flow, discriminator, *, adversarial=1.0, likelihood=1.0, gamma=5.0):
        n_latent = math.prod(flow.event_shape)
        shape, n_levels = flow.event_shape, flow.n_levels
        super().__init__(FlowGenerator(flow), discriminator, n_latent, shape, n_levels, gamma=gamma)
        self.adversarial = check_real("adversarial", adversarial, 0)
        self.likelihood = check_real("likelihood", likelihood, 0)
        if not (self.adversarial or self.likelihood):
            raise ValueError("adversarial=0 and likelihood=0 teach nothing: raise one of them.")

    @property
    def flow(self):
        """The flow that generates."""
        return self.generator.flow

    def filled(self, x, *, generator=None):
        """Levels with noise in their bins, from -1 to 1; real data as they are."""
        if self.n_levels is None:
            return self.prepare(x)
        return 2 * dequantize(self.levels(x), generator=generator) / self.n_levels - 1

    def levels(self, x):
        """Data in the type of the weights, checked."""
        self.prepare(x)
        return x.to(next(self.parameters()).dtype)

    def finish(self, x):
        """Whole levels: the bins in which the numbers lie."""
        if self.n_levels is None:
            return x
        return ((x + 1) * self.n_levels / 2).floor().clamp(0, self.n_levels - 1)

    def discriminator_loss(self, x, context=None, *, generator=None):
        """Loss of D on data and as many fakes: no gradient reaches the flow."""
        real = self.filled(x, generator=generator)
        with torch.no_grad():
            fake = self.generate(self.noise(len(x), generator=generator), context)
        return self.discriminator_value(real, fake, context, generator=generator)

    def generator_loss(self, x, context=None, *, generator=None):
        """Weighted: the game, and minus the log-likelihood of an entry in nats."""
        total = 0.0
        if self.adversarial:
            real = self.filled(x, generator=generator)
            fake = self.generate(self.noise(len(x), generator=generator), context)
            with frozen(self.discriminator):
                total = self.adversarial * self.generator_value(real, fake, context)
        if self.likelihood:
            nats = self.flow.loss(self.levels(x), context, generator=generator)
            total = total + self.likelihood * nats / self.n_latent
        return total

    def log_prob(self, y, context=None):
        """Exact log-density in nats, (B, *event) to (B,): of data, or of levels with noise."""
        return self.flow.log_prob(y, context)

    def elbo(self, x, context=None, *, n_samples=1, generator=None):
        """A bound on log P(x) of whole levels, nats, (B,)."""
        x = self.levels(x)
        return self.flow.elbo(x, context, n_samples=n_samples, generator=generator)

    def encode(self, x, context=None, *, generator=None):
        """The noise that the flow makes these data from, (B, D); levels get noise first."""
        y = self.levels(x)
        y = y if self.n_levels is None else dequantize(y, generator=generator)
        return self.flow(y, context)[0]

    def decode(self, z, context=None):
        """Data that the flow makes from noise (B, D), levels whole again."""
        return self.finish(self.generate(z, context))


class BothWays(nn.Module):
    """Generator and encoder, which learn as one player against a discriminator of pairs."""

    def __init__(self, generator, encoder):
        super().__init__()
        self.decoder, self.encoder = generator, encoder

    def forward(self, z, context=None):
        return self.decoder(z) if context is None else self.decoder(z, context)


class BiGAN(R3GAN):
    """A discriminator of pairs: (image, its code) against (made image, its noise).

    Generator and encoder have to make the pairs alike. If no discriminator can tell them apart,
    the encoder undoes the generator (Donahue et al., 2017; Dumoulin et al., 2017). Nothing compares
    an image with its reconstruction.

    Parameters
    ----------
    generator, encoder : nn.Module
        (B, n_latent) to (B, *event) in the networks' scale, and back.
    discriminator : nn.Module
        Pairs as flat vectors, (B, n_entries + n_latent), to logits (B,).
    n_latent, event_shape, n_levels, gamma
        As for `R3GAN`; the penalty is on the slope for the whole pair.
    """

    def __init__(self, generator, encoder, discriminator, n_latent, *arguments, **options):
        both = BothWays(generator, encoder)  # so that `fit_gan` trains the encoder too
        super().__init__(both, discriminator, n_latent, *arguments, **options)

    def code(self, image):
        """E(x) of images in the networks' scale, (B, *event) to (B, n_latent)."""
        return self.generator.encoder(image)

    def encode(self, x):
        """Codes of data (B, *event)."""
        return self.code(self.prepare(x))

    def decode(self, z):
        """What the generator makes of codes, as the networks see it."""
        return self.generate(z)

    def pairs(self, x, *, generator=None):
        """(x, E(x)) of data and (G(z), z), each (B, n_entries + n_latent)."""
        real, z = self.prepare(x), self.noise(len(x), generator=generator)
        return joined(real, self.code(real)), joined(self.generate(z), z)

    def discriminator_loss(self, x, *, generator=None):
        """Loss of D: pairs from data are to score above made ones."""
        with torch.no_grad():
            pairs = self.pairs(x, generator=generator)
        return self.discriminator_value(*pairs)

    def generator_loss(self, x, *, generator=None):
        """Loss of both G and E: made pairs are to score above those from data."""
        pairs = self.pairs(x, generator=generator)
        with frozen(self.discriminator):
            return self.generator_value(*pairs)

    def loss(self, x, *, generator=None):
        """Both losses in a sum in which each player's gradient is that of its own loss."""
        own = self.discriminator_loss(x, generator=generator)
        return own + self.generator_loss(x, generator=generator)


def joined(image, z):
    """A pair as one flat vector, (B, n_entries + n_latent)."""
    return torch.cat([image.flatten(1), z], dim=1)
