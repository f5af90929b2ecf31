"""Diffusion models: add noise in small steps, and learn to take each step back.

Chapter: `diffusion`.
"""

import math

import torch
from torch import nn

from companion.diffusion.samplers import ddpm_sample
from companion.distributions import gaussian_kl, standard_normal, sum_event
from companion.validation import check_event, check_integer, check_levels, check_real


def linear_schedule(n_steps, *, low=1e-4, high=0.02):
    """Shares of noise that rise in a line (Ho, Jain and Abbeel, 2020): betas, float64 (T,).

    `low` and `high` are those of 1,000 steps; fewer steps take larger ones, so that the image is
    gone at the end all the same.
    """
    scale = 1000 / check_integer("n_steps", n_steps)
    betas = torch.linspace(scale * high, scale * low, n_steps, dtype=torch.float64)
    return betas.flip(0).clamp(max=0.999)


def cosine_schedule(n_steps, *, offset=0.008, largest=0.999):
    """Shares of noise for which the image fades as a cosine (Nichol and Dhariwal, 2021), (T,).

    ``alpha_bar(t) = cos^2((t / T + offset) / (1 + offset) pi / 2)``, divided by its value at 0. No
    share is above `largest`, 0.999 in the paper. A step back multiplies what is wrong with a guess
    of the noise by ``beta / sqrt((1 - beta) (1 - alpha_bar))``: by 32 for 0.999, by 3 for 0.9.
    """
    t = torch.arange(check_integer("n_steps", n_steps) + 1, dtype=torch.float64) / n_steps
    offset = check_real("offset", offset, 0)
    alpha_bar = torch.cos((t + offset) / (1 + offset) * math.pi / 2) ** 2
    largest = check_real("largest", largest, 0, 1, inclusive=False)
    return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=largest)


def discretized_gaussian_log_prob(x, mean, log_std, *, n_levels):
    """Log-probability of levels under Gaussians cut into bins, elementwise, in nats.

    Level x has the mass between x - 1/2 and x + 1/2, the two extreme ones the tails too.
    """
    below = torch.where(x == 0, -torch.inf, (x - 0.5 - mean) * torch.exp(-log_std))
    above = torch.where(x == n_levels - 1, torch.inf, (x + 0.5 - mean) * torch.exp(-log_std))
    # In the upper half both ends are mirrored: no difference of numbers near 1.
    low, high = torch.where(below > 0, -above, below), torch.where(below > 0, -below, above)
    low, high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return high + torch.log1p(-torch.exp(low - high))


def q_sample(x0, kept, noise):
    """Data x_0 of which a share `kept` of the variance, ``alpha_bar_t``, is left: x_t, (B, *event).

    ``sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps``, with `noise` for eps.
    """
    return kept.sqrt() * x0 + (1 - kept).sqrt() * noise


class DiffusionModel(nn.Module):
    """A chain of T steps from data to noise, and a network that takes them back (Ho et al., 2020).

    ``q(x_t | x_{t-1}) = N(sqrt(1 - beta_t) x_{t-1}, beta_t I)``. With ``alpha_bar_t`` the product
    of all ``1 - beta`` up to t, and ``alpha_bar_0 = 1``, the noise of many steps is that of one:
    ``x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps``.

    Parameters
    ----------
    network : nn.Module
        ``network(x_t, t / T, context, generator=...)`` says which eps is in x_t, (B, *event).
    betas : tensor (T,)
        From `cosine_schedule` or `linear_schedule`.
    event_shape : tuple of int
    n_levels : int, optional
        Data are whole levels 0 ... n_levels - 1, which the chain sees from -1 to 1. Without it they
        are real numbers and taken as they are.
    """

    def __init__(self, network, betas, event_shape=(1, 8, 8), n_levels=17):
        super().__init__()
        self.network, self.event_shape = network, tuple(event_shape)
        self.n_levels = n_levels if n_levels is None else check_integer("n_levels", n_levels, low=2)
        betas = torch.as_tensor(betas, dtype=torch.float64)
        if betas.dim() != 1 or not ((betas > 0) & (betas < 1)).all():
            raise ValueError("betas must be T numbers between 0 and 1: try cosine_schedule(100).")
        alpha_bar = torch.cat([betas.new_ones(1), torch.cumprod(1 - betas, dim=0)])
        variance = betas * (1 - alpha_bar[:-1]) / (1 - alpha_bar[1:])  # of q, 0 for the first step
        first = variance[1:2] if len(betas) > 1 else betas  # of p: that of the second step
        self.set_table("alpha_bar", alpha_bar)
        self.set_table("beta", torch.cat([betas.new_zeros(1), betas]))
        self.set_table("variance", torch.cat([betas.new_zeros(1), variance]))
        self.set_table("own_variance", torch.cat([betas.new_zeros(1), first, variance[1:]]))

    def set_table(self, name, values):
        """Keep a number for each step from 0 to T; it is no weight and in no checkpoint."""
        self.register_buffer(name, values.to(torch.get_default_dtype()), persistent=False)

    @property
    def n_steps(self):
        """T."""
        return len(self.beta) - 1

    def scaled(self, x):
        """Data as the chain sees them: float (B, *event)."""
        x = check_event("x", x, self.event_shape)
        if self.n_levels is None:
            return x
        x = check_levels("x", x, self.n_levels).to(next(self.parameters()).dtype)
        return 2 * x / (self.n_levels - 1) - 1

    def at(self, values, t):
        """Entries t (B,) of a table by step, to be multiplied with events: (B, 1, ...)."""
        return values[t].view(-1, *[1] * len(self.event_shape))

    def q_sample(self, x0, t, noise):
        """x_t for scaled data x_0 (B, *event), steps t (B,) from 0 to T, and its noise."""
        return q_sample(x0, self.at(self.alpha_bar, t), noise)

    def posterior(self, x0, x_t, t):
        """Mean and variance of ``q(x_{t-1} | x_t, x_0)``; t from 1 to T.

        ``(sqrt(ab') beta x_0 + sqrt(1 - beta) (1 - ab') x_t) / (1 - ab)``, with ``ab'``
        the product up to t - 1, and ``beta (1 - ab') / (1 - ab)``, by Bayes' rule.
        """
        before, now = self.at(self.alpha_bar, t - 1), self.at(self.alpha_bar, t)
        beta = self.at(self.beta, t)
        mean = before.sqrt() * beta * x0 + (1 - beta).sqrt() * (1 - before) * x_t
        return mean / (1 - now), self.at(self.variance, t)

    def noise(self, x_t, t, context=None, *, generator=None):
        """The network's guess of the noise in x_t, (B, *event); t (B,) from 1 to T."""
        return self.network(x_t, t / self.n_steps, context, generator=generator)

    def clean(self, x_t, t, noise):
        """The data that x_t came from, if that was its noise."""
        kept = self.at(self.alpha_bar, t)
        return (x_t - (1 - kept).sqrt() * noise) / kept.sqrt()

    def backward(self, x_t, t, context=None, *, generator=None):
        """Mean and variance of ``p(x_{t-1} | x_t)``, two (B, *event): q's, with a guess for x_0."""
        x0 = self.clean(x_t, t, self.noise(x_t, t, context, generator=generator))
        mean = self.posterior(x0, x_t, t)[0]
        return mean, self.at(self.own_variance, t).expand_as(mean)

    def loss(self, x, context=None, *, generator=None):
        """Squared error of the noise, at a step drawn for each data point: mean over entries."""
        x0 = self.scaled(x)
        t = self.draw_steps(len(x0), generator)
        noise = standard_normal(x0.shape, generator=generator, like=x0)
        guess = self.noise(self.q_sample(x0, t, noise), t, context, generator=generator)
        return ((guess - noise) ** 2).mean()

    def draw_steps(self, n, generator):
        """Draw n steps from 1 to T."""
        device = self.beta.device if generator is None else generator.device
        t = torch.randint(1, self.n_steps + 1, (n,), generator=generator, device=device)
        return t.to(self.beta.device)

    def term(self, x, t, context=None, *, learn_mean=True, generator=None):
        """Step t's share of ``-ELBO`` in nats, (B,): a KL, or minus a log-probability for t = 1.

        Without `learn_mean` no gradient reaches the means.
        """
        x0 = self.scaled(x)
        noise = standard_normal(x0.shape, generator=generator, like=x0)
        x_t = self.q_sample(x0, t, noise)
        mean, variance = self.backward(x_t, t, context, generator=generator)
        mean, log_std = mean if learn_mean else mean.detach(), variance.log() / 2
        right_mean, right_variance = self.posterior(x0, x_t, t)
        first = (t == 1).view(-1, *[1] * (x0.dim() - 1))
        right_log_std = torch.where(first, variance, right_variance).log() / 2
        pair = right_mean, right_log_std, mean, log_std
        each = gaussian_kl(*(part.reshape(-1, 1) for part in pair)).view_as(mean)
        return sum_event(torch.where(first, -self.reconstruction(x, x0, mean, log_std), each))

    def reconstruction(self, x, x0, mean, log_std):
        """``log p(x_0 | x_1)`` of each entry, of a level's bin or of a real number."""
        if self.n_levels is None:
            z = (x0 - mean) * torch.exp(-log_std)
            return -0.5 * z**2 - log_std - 0.5 * math.log(2 * math.pi)
        half = (self.n_levels - 1) / 2
        levels = half * (mean + 1), log_std + math.log(half)
        return discretized_gaussian_log_prob(x.to(mean.dtype), *levels, n_levels=self.n_levels)

    def prior_term(self, x):
        """``KL(q(x_T | x_0) || N(0, I))`` in nats, (B,): what is left of the image at the end."""
        x0, kept = self.scaled(x), self.alpha_bar[-1]
        return gaussian_kl(kept.sqrt() * x0, ((1 - kept).log() / 2).expand_as(x0))

    @torch.no_grad()
    def elbo(self, x, context=None, *, generator=None):
        """``log p(x) >=`` minus the sum of all T terms and the prior's, in nats, (B,)."""
        total = self.prior_term(x)
        for step in range(1, self.n_steps + 1):
            t = torch.full((len(x),), step, device=self.beta.device)
            total = total + self.term(x, t, context, generator=generator)
        return -total

    def levels(self, x):
        """What the chain ends with, as data: whole levels where data are."""
        if self.n_levels is None:
            return x
        top = self.n_levels - 1
        return ((x + 1) * top / 2).round().clamp(0, top)

    def sample(self, n, context=None, *, generator=None):
        """Draw noise and take all T steps back: (n, *event)."""
        return ddpm_sample(self, n, context, generator=generator)


class LearnedVariance(DiffusionModel):
    """Diffusion whose network says the variance of its steps too (Nichol and Dhariwal, 2021).

    ``log variance = v log beta_t + (1 - v) log posterior variance`` with v from 0 to 1, of each
    entry. The loss adds `weight` times the bound's terms, whose gradient reaches v alone.

    Parameters
    ----------
    network : nn.Module
        Its result has twice the channels: eps, then what v is the sigmoid of.
    weight : float
    **kwargs
        Passed on to `DiffusionModel`.
    """

    def __init__(self, network, betas, event_shape=(1, 8, 8), n_levels=17, *, weight=0.01):
        super().__init__(network, betas, event_shape, n_levels)
        self.weight = check_real("weight", weight, 0)

    def both(self, x_t, t, context=None, *, generator=None):
        """Noise and share v, two (B, *event)."""
        out = self.network(x_t, t / self.n_steps, context, generator=generator)
        noise, v = out.chunk(2, dim=1)
        return noise, torch.sigmoid(v)

    def noise(self, x_t, t, context=None, *, generator=None):
        """The network's guess of the noise."""
        return self.both(x_t, t, context, generator=generator)[0]

    def backward(self, x_t, t, context=None, *, generator=None):
        """Mean and variance of ``p(x_{t-1} | x_t)``."""
        noise, v = self.both(x_t, t, context, generator=generator)
        x0 = self.clean(x_t, t, noise)
        mean = self.posterior(x0, x_t, t)[0]
        small, large = self.at(self.own_variance, t).log(), self.at(self.beta, t).log()
        return mean, torch.exp(v * large + (1 - v) * small)

    def loss(self, x, context=None, *, generator=None):
        """The simple loss, and the bound at another step for the variance's sake."""
        simple = super().loss(x, context, generator=generator)
        t = self.draw_steps(len(x), generator)
        term = self.term(x, t, context, learn_mean=False, generator=generator).mean()
        return simple + self.weight * self.n_steps * term / x[0].numel()
