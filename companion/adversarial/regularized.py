"""What steadies the game: Wasserstein's loss, a relativistic loss, penalties on gradients.

Chapter: `gan`.
"""

import torch
from torch import nn
from torch.nn import functional

from companion.adversarial.gan import GAN, discriminator_loss
from companion.distributions import sum_event, uniform
from companion.validation import check_real


def check_critic(discriminator):
    """Refuse batch normalisation: the slope at one image would depend on the others."""
    for name, layer in discriminator.named_modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            raise ValueError(
                f"discriminator has batch normalisation ({name}), but its slope is taken image by "
                "image: use nn.GroupNorm, or none (ConvDiscriminator(norm=False))."
            )


def judged(critic, x):
    """Scores d(x) and ``|grad d(x)|^2``, (B, *event) to two (B,)."""
    x = x.detach().requires_grad_()
    scores = critic(x)
    (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return scores, sum_event(slope**2)


def squared_gradient(critic, x):
    """``|grad d(x)|^2`` by the whole image, (B, *event) to (B,), itself with a gradient."""
    return judged(critic, x)[1]


def gradient_penalty(critic, real, fake, *, generator=None):
    """``E (|grad d| - 1)^2`` between real and fake (Gulrajani et al., 2017).

    One place a pair, ``u real + (1 - u) fake``. A root has no slope at 0: what is
    below 1e-12 counts as that.
    """
    shape = (len(real), *(1,) * (real.ndim - 1))
    u = uniform(shape, generator=generator, like=real)
    fake = fake.detach()
    square = squared_gradient(critic, fake + u * (real - fake))
    return ((square.clamp_min(1e-12).sqrt() - 1) ** 2).mean()


class WassersteinGAN(GAN):
    """A critic whose slope is near 1, and the distance it measures (Arjovsky et al., 2017).

    ``max_d E d(x) - E d(G(z)) - penalty * E (|grad d| - 1)^2``; G raises ``E d(G(z))``.

    Parameters
    ----------
    generator, discriminator, n_latent, event_shape, n_levels
        As for `GAN`; the discriminator's output is a score.
    penalty : float
    """

    def __init__(self, *arguments, penalty=10.0, **options):
        super().__init__(*arguments, **options)
        check_critic(self.discriminator)
        self.penalty = check_real("penalty", penalty, 0)

    def discriminator_value(self, real, fake, context=None, *, generator=None):
        """Minus the distance, and the penalty."""
        distance = self.judge(real, context).mean() - self.judge(fake, context).mean()
        slope = gradient_penalty(lambda x: self.judge(x, context), real, fake, generator=generator)
        return self.penalty * slope - distance

    def generator_value(self, real, fake, context=None):
        """Minus the mean score of fakes."""
        return -self.judge(fake, context).mean()


class R3GAN(GAN):
    """Pairs of real and fake, and slopes kept small at both (Huang et al., 2024).

    ``E softplus(d(G(z)) - d(x)) + gamma / 2 (E |grad d(x)|^2 + E |grad d(G(z))|^2)`` for D, and
    ``E softplus(d(x) - d(G(z)))`` for G.

    Parameters
    ----------
    generator, discriminator, n_latent, event_shape, n_levels
        As for `GAN`.
    gamma : float
    relativistic : bool
        If False, losses are those of `GAN`: what do the penalties do alone?
    """

    def __init__(self, *arguments, gamma=5.0, relativistic=True, **options):
        super().__init__(*arguments, **options)
        check_critic(self.discriminator)
        self.relativistic = relativistic
        self.gamma = check_real("gamma", gamma, 0)

    def discriminator_value(self, real, fake, context=None, *, generator=None):
        """Relativistic loss and both penalties."""
        above, slope = judged(lambda x: self.judge(x, context), real)
        below, other = judged(lambda x: self.judge(x, context), fake)
        slopes = slope.mean() + other.mean()
        if self.relativistic:
            loss = functional.softplus(below - above).mean()
        else:
            loss = discriminator_loss(above, below, smoothing=self.smoothing)
        return loss + self.gamma / 2 * slopes

    def generator_value(self, real, fake, context=None):
        """The same pairs, the other way round."""
        if not self.relativistic:
            return super().generator_value(real, fake, context)
        return functional.softplus(self.judge(real, context) - self.judge(fake, context)).mean()
