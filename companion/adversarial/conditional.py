"""Generators that are told a class, and generators that find codes of their own.

Chapter: `conditional`.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from companion import augment
from companion.adversarial.gan import frozen
from companion.adversarial.regularized import R3GAN
from companion.distributions import gaussian_log_prob, uniform
from companion.validation import check_event, check_integer, check_real


def one_hot(labels, n_classes, like):
    """Labels (B,) as rows with a single 1, (B, n_classes), with device and type of `like`."""
    if labels is None:
        raise ValueError("context=None has no labels: give whole numbers (B,), one an image.")
    labels = torch.as_tensor(labels)
    whole = not labels.is_floating_point() and labels.ndim == 1
    if not whole or not ((labels >= 0) & (labels < n_classes)).all():
        raise ValueError(
            f"context has shape {tuple(labels.shape)} and type {labels.dtype}: give labels "
            f"0 ... {n_classes - 1}, (B,)."
        )
    return functional.one_hot(labels.to(like.device).long(), n_classes).to(like.dtype)


class ConditionalGAN(R3GAN):
    """Both players are told the class of the image (Mirza and Osindero, 2014).

    ``G(z, c)`` draws an image of class c, and ``d(x, c)`` judges whether x is a real image *of that
    class*. The loss is that of `R3GAN`: a real image and a fake one of the same class are compared.

    Parameters
    ----------
    generator, discriminator : nn.Module
        With a context: a one-hot row (B, n_classes).
    n_latent : int
    n_classes : int
    tells_discriminator : bool
        Without it d sees the image alone, ``discriminator(x)``, and nobody asks G to listen.
    **options
        As for `R3GAN`.
    """

    def __init__(
        self,
        generator,
        discriminator,
        n_latent,
        n_classes=10,
        *,
        tells_discriminator=True,
        **options,
    ):
        super().__init__(generator, discriminator, n_latent, **options)
        self.n_classes = check_integer("n_classes", n_classes)
        self.tells_discriminator = tells_discriminator

    def generate(self, z, context=None):
        """G(z, c) for labels c (B,); without them the classes take turns."""
        labels = torch.arange(len(z)) % self.n_classes if context is None else context
        return self.generator(z, one_hot(labels, self.n_classes, z))

    def judge(self, x, context=None):
        """Logits d(x, c), (B,)."""
        if not self.tells_discriminator:
            return self.discriminator(x)
        return self.discriminator(x, one_hot(context, self.n_classes, x))


def mutual_information_bound(log_q, entropy):
    """Lower bound of what the image tells about its code, ``E log Q(c | G(z, c)) + H(c)``, nats.

    It is ``I(c; x) - E KL(p(c | x) | Q(c | x))`` (Barber and Agakov, 2003).

    Parameters
    ----------
    log_q : tensor (B,)
        What Q says of the codes that the images were drawn from.
    entropy : float
        ``H(c)``: log K for K codes that are equally likely.
    """
    return log_q.mean() + entropy


def wobble(x, bend=0.3, shift=0.5, std=0.2, *, ripple=0.3, gamma=1.0, generator=None):
    """Bend, move, ripple, fade and spoil each image a little, at random, (B, C, H, W); paper is -1.

    `bend`, `shift` and `ripple` as for `augment.random_warp`, `gamma` as for
    `augment.random_gamma`; then each pixel gets noise of standard deviation `std`.
    """
    ink = augment.random_warp(
        (x + 1) / 2, bend=bend, shift=shift, ripple=ripple, generator=generator
    )
    ink = ink.clamp(1e-3, 1)  # at 0 the slope of a power below 1 is endless
    ink = augment.random_gamma(ink, gamma, generator=generator)
    return augment.add_noise(2 * ink - 1, std, generator=generator)


class Allies(nn.Module):
    """The generator, and beside it the reader Q: what one step of the optimiser moves together."""

    def __init__(self, generator, reader):
        super().__init__()
        self.generator, self.reader = generator, reader

    def forward(self, z, context):
        """Images, (B, n_latent) and codes (B, n_context) to (B, *event)."""
        return self.generator(z, context)


class InfoGAN(R3GAN):
    """A generator whose code can be read from the image (Chen et al., 2016).

    A code c goes into G beside the noise, and a reader Q guesses it from the image. G and Q make
    ``loss of the game - weight * (E log Q(c | G(z, c)) + H(c))`` small. The discriminator has no
    part in it, and no label of the data either.

    Parameters
    ----------
    generator : nn.Module
        ``generator(z, code)``, with codes (B, n_codes + n_continuous).
    discriminator : nn.Module
        ``discriminator(x)``.
    reader : nn.Module
        Images (B, *event) to (B, n_codes + n_continuous): logits, and means.
    n_latent : int
    n_codes : int
        K, of the categorical code, all equally likely.
    n_continuous : int
        Further codes, each uniform on [-1, 1].
    weight : float
    noise_std : float
        Of z: the smaller, the more of the image must come from the code.
    distort : callable, optional
        ``distort(x, generator=...)``: in training Q sees fakes that went through it, and must read
        the code from what is left.
    **options
        As for `R3GAN`.
    """

    STD = 0.5  # of the Gaussian by which Q guesses a continuous code

    def __init__(
        self,
        generator,
        discriminator,
        reader,
        n_latent,
        n_codes=10,
        *,
        n_continuous=0,
        weight=1.0,
        noise_std=1.0,
        distort=None,
        **options,
    ):
        super().__init__(Allies(generator, reader), discriminator, n_latent, **options)
        self.n_codes = check_integer("n_codes", n_codes, low=2)
        self.n_continuous = check_integer("n_continuous", n_continuous, low=0)
        self.weight = check_real("weight", weight, 0)
        self.noise_std, self.distort = check_real("noise_std", noise_std, 0), distort

    @property
    def entropy(self):
        """``H(c)`` in nats: log K, and log 2 for each continuous code."""
        return math.log(self.n_codes) + self.n_continuous * math.log(2)

    def codes(self, n, *, generator=None):
        """Draw codes, (n, n_codes + n_continuous): a one-hot row, then the continuous ones."""
        like = next(self.parameters())
        u = uniform((n, 1 + self.n_continuous), generator=generator, like=like)
        hot = one_hot((u[:, 0] * self.n_codes).long(), self.n_codes, like)
        return torch.cat([hot, 2 * u[:, 1:] - 1], dim=1)

    def log_q(self, x, code):
        """``log Q(c | x)`` of images as the networks see them, (B,), in nats."""
        said = self.generator.reader(x)
        logits, means = said.split([self.n_codes, self.n_continuous], dim=1)
        log_q = (functional.log_softmax(logits, dim=1) * code[:, : self.n_codes]).sum(dim=1)
        if self.n_continuous:
            u = code[:, self.n_codes :]
            log_q = log_q + gaussian_log_prob(u, means, math.log(self.STD))
        return log_q

    def information(self, x, code):
        """`mutual_information_bound` of images and the codes they were drawn from, in nats."""
        return mutual_information_bound(self.log_q(x, code), self.entropy)

    def code(self, labels, continuous=None):
        """Put codes together: labels (B,), and (B, n_continuous) numbers, 0 by default."""
        hot = one_hot(labels, self.n_codes, next(self.parameters()))
        if continuous is None:
            return torch.cat([hot, hot.new_zeros(len(hot), self.n_continuous)], dim=1)
        return torch.cat([hot, check_event("continuous", continuous, (self.n_continuous,))], dim=1)

    def noise(self, n, *, generator=None):
        """Noise and a code side by side, (n, n_latent + n_codes + n_continuous)."""
        z = self.noise_std * super().noise(n, generator=generator)
        return torch.cat([z, self.codes(n, generator=generator)], dim=1)

    def generate(self, z, context=None):
        """G(z, c); the code is the one beside the noise, or `context`."""
        z, code = z.split([self.n_latent, self.n_codes + self.n_continuous], dim=1)
        return self.generator(z, code if context is None else context)

    def read(self, x):
        """What Q says of data x, (B, *event): logits of the categorical code, (B, n_codes)."""
        return self.generator.reader(self.prepare(x))[:, : self.n_codes]

    def judge(self, x, context=None):
        """Logits d(x), (B,): the discriminator knows no codes."""
        return self.discriminator(x)

    def discriminator_loss(self, x, context=None, *, generator=None):
        """Loss of D, the game's; a `context` of the data has no part in it."""
        return super().discriminator_loss(x, generator=generator)

    def generator_loss(self, x, context=None, *, generator=None):
        """Loss of G and Q: what D thinks, and what Q reads of the drawn code."""
        z = self.noise(len(x), generator=generator)
        fake, code = self.generate(z), z[:, self.n_latent :]
        with frozen(self.discriminator):
            against = self.generator_value(self.prepare(x), fake)
        seen = fake if self.distort is None else self.distort(fake, generator=generator)
        return against - self.weight * self.information(seen, code)


class Answers(nn.Module):
    """What some networks made of the same images, as a checkpoint: uint8 (n_sets, n, *event)."""

    def __init__(self, n_sets, n, event_shape=()):
        super().__init__()
        values = torch.zeros(n_sets, n, *event_shape, dtype=torch.uint8)
        self.register_buffer("values", values)
