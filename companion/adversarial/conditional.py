"""Generators that are told a class, and generators that find codes of their own.

Chapter: `conditional`.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from companion.adversarial.gan import frozen
from companion.adversarial.regularized import R3GAN
from companion.distributions import gaussian_log_prob, uniform
from companion.validation import check_integer, check_real


def one_hot(labels, n_classes, like):
    """Labels (B,) as rows with a single 1, (B, n_classes), with device and type of `like`."""
    labels = torch.as_tensor(labels)
    whole = not labels.is_floating_point() and labels.ndim == 1
    if not whole or not ((labels >= 0) & (labels < n_classes)).all():
        raise ValueError(
            f"labels has shape {tuple(labels.shape)} and type {labels.dtype}: give whole numbers "
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
        **options,
    ):
        super().__init__(Allies(generator, reader), discriminator, n_latent, **options)
        self.n_codes = check_integer("n_codes", n_codes, low=2)
        self.n_continuous = check_integer("n_continuous", n_continuous, low=0)
        self.weight = check_real("weight", weight, 0)

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

    def generate(self, z, context=None):
        """G(z, c): the code is part of what `noise` draws."""
        z, code = z.split([self.n_latent, self.n_codes + self.n_continuous], dim=1)
        return self.generator(z, code)

    def noise(self, n, *, generator=None):
        """Noise and codes side by side, (n, n_latent + n_codes + n_continuous)."""
        z = super().noise(n, generator=generator)
        return torch.cat([z, self.codes(n, generator=generator)], dim=1)

    def generator_loss(self, x, context=None, *, generator=None):
        """Loss of G and Q: what D thinks, and what Q reads."""
        z = self.noise(len(x), generator=generator)
        fake = self.generate(z)
        with frozen(self.discriminator):
            against = self.generator_value(self.prepare(x), fake)
        return against - self.weight * self.information(fake, z[:, self.n_latent :])
