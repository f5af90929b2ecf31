"""Energies and scores: densities whose slope is known though their height is not.

Chapter: `score`.
"""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from companion.distributions import standard_normal, sum_event
from companion.layers import sinusoidal_embedding
from companion.validation import check_event, check_integer, check_real


@torch.no_grad()
def langevin(score, x, step, n_steps, *, generator=None, path=None):
    """Walk uphill: ``x <- x + step score(x) + sqrt(2 step) noise``.

    For small steps the walk ends in the density whose score it is (Welling and
    Teh, 2011); on N(0, 1) its variance is ``1 / (1 - step / 2)``.

    Parameters
    ----------
    score : callable
        ``score(x)``, the gradient of ``log p``, (B, *event) to the same.
    x : tensor (B, *event)
        Where each walk begins.
    step : float
    n_steps : int
    generator : torch.Generator, optional
    path : list, optional
        Gets the points after each step.
    """
    check_real("step", step, 0, inclusive=False)
    for _ in range(check_integer("n_steps", n_steps, low=0)):
        noise = standard_normal(x.shape, generator=generator, like=x)
        x = x + step * score(x) + math.sqrt(2 * step) * noise
        if path is not None:
            path.append(x)
    return x


class EnergyModel(nn.Module):
    """A density known up to a factor, ``p(x) = exp(-E(x)) / Z`` (LeCun et al., 2006).

    The gradient of ``-log p`` is the mean slope of E on data minus that on samples of the model,
    which a Langevin walk supplies, begun at the samples of the step before (Tieleman, 2008).

    Parameters
    ----------
    event_shape : tuple of int
    n_hidden, n_layers : int
        Of the network. Its units are smooth, so that E has a slope everywhere, and E grows as a
        square far away, so that Z is finite.
    step, n_steps : float, int
        Of the walk.
    n_walkers : int
        Walks that are kept from one step of training to the next.
    penalty : float
        Weight of the squared energies in the loss: only differences matter, and they would drift.
    """

    def __init__(
        self,
        event_shape=(2,),
        *,
        n_hidden=64,
        n_layers=2,
        step=0.01,
        n_steps=20,
        n_walkers=256,
        penalty=0.01,
    ):
        super().__init__()
        self.event_shape, n_dims = tuple(event_shape), math.prod(event_shape)
        self.step = check_real("step", step, 0, inclusive=False)
        self.n_steps = check_integer("n_steps", n_steps)
        self.penalty = check_real("penalty", penalty, 0)
        sizes = [n_dims] + [n_hidden] * check_integer("n_layers", n_layers)
        pairs = pairwise(sizes)
        layers = [part for pair in pairs for part in (nn.Linear(*pair), nn.SiLU())]
        self.network = nn.Sequential(nn.Flatten(), *layers, nn.Linear(n_hidden, 1))
        self.log_width = nn.Parameter(torch.zeros(()))
        walkers = torch.zeros(check_integer("n_walkers", n_walkers), *self.event_shape)
        self.register_buffer("walkers", walkers)
        self.register_buffer("awake", torch.tensor(False))

    def energy(self, x):
        """E in nats, (B, *event) to (B,)."""
        x = check_event("x", x, self.event_shape)
        return self.network(x)[:, 0] + 0.5 * torch.exp(-2 * self.log_width) * sum_event(x**2)

    def score(self, x):
        """``-dE/dx``, the gradient of log p, (B, *event)."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return -torch.autograd.grad(self.energy(x).sum(), x)[0]

    def loss(self, x, *, generator=None):
        """Energy of data minus that of samples (the slope of -log p), and penalty."""
        walkers = self.walkers
        if not self.awake:
            walkers = standard_normal(walkers.shape, generator=generator, like=walkers)
        how = self.step, self.n_steps
        walkers = langevin(self.score, walkers, *how, generator=generator)
        if self.training:
            self.walkers.copy_(walkers)
            self.awake.fill_(True)
        data, drawn = self.energy(x), self.energy(walkers)
        size = (data**2).mean() + (drawn**2).mean()
        return data.mean() - drawn.mean() + self.penalty * size

    def sample(self, n, *, n_steps=1000, generator=None):
        """Walk from N(0, I): (n, *event)."""
        like = next(self.parameters())
        x = standard_normal((n, *self.event_shape), generator=generator, like=like)
        return langevin(self.score, x, self.step, n_steps, generator=generator)


def noise_levels(largest, smallest, n):
    """Standard deviations that fall by a constant factor, (n,)."""
    check_real("smallest", smallest, 0, largest, inclusive=False)
    return torch.logspace(math.log10(largest), math.log10(smallest), check_integer("n", n))


def denoising_score_matching(score, x, sigma, *, generator=None):
    """Loss whose best answer is the score of data with noise (Vincent, 2011): (B,).

    ``|sigma score(x + sigma e) + e|^2``, summed over the event. The least squares
    answer to ``-e / sigma`` at a noisy point is the score of *noisy* points.

    Parameters
    ----------
    score : callable
        ``score(x, sigma)``, (B, *event) and (B,) to (B, *event).
    x : tensor (B, *event)
    sigma : tensor (B,)
        Standard deviation of the noise of each point.
    """
    width = sigma.view(-1, *[1] * (x.dim() - 1))
    e = standard_normal(x.shape, generator=generator, like=x)
    return sum_event((width * score(x + width * e, sigma) + e) ** 2)


class ScoreNetwork(nn.Module):
    """One network for the scores of data at many amounts of noise (Song and Ermon, 2019).

    ``score(x, sigma) = -network(x / sqrt(sigma^2 + spread^2), log sigma) / sigma``: the network
    guesses the noise itself, whose size does not depend on sigma.

    Parameters
    ----------
    event_shape : tuple of int
    sigmas : tensor (L,)
        From the largest to the smallest, as from `noise_levels`.
    network : nn.Module, optional
        ``network(x, t)`` with t from 0 (least noise) to 1; by default fully connected layers.
    spread : float
        Standard deviation of the data.
    n_hidden, n_layers : int
        Of the default network.
    """

    def __init__(self, event_shape=(2,), sigmas=None, network=None, *, spread=1.0, **settings):
        super().__init__()
        self.event_shape = tuple(event_shape)
        sigmas = noise_levels(3.0, 0.1, 10) if sigmas is None else torch.as_tensor(sigmas)
        self.register_buffer("sigmas", sigmas.to(torch.get_default_dtype()))
        self.spread = check_real("spread", spread, 0, inclusive=False)
        self.network = TimedNetwork(self.event_shape, **settings) if network is None else network

    def score(self, x, sigma):
        """Gradient of the log-density of data with noise sigma, (B, *event) and (B,)."""
        x = check_event("x", x, self.event_shape)
        low, high = self.sigmas[-1].log(), self.sigmas[0].log()
        t = (sigma.log() - low) / (high - low if len(self.sigmas) > 1 else 1.0)
        width = sigma.view(-1, *[1] * (x.dim() - 1))
        return -self.network(x / (width**2 + self.spread**2).sqrt(), t) / width

    def loss(self, x, *, generator=None):
        """Denoising score matching at a level drawn for each point: the mean of a number."""
        device = x.device if generator is None else generator.device
        level = torch.randint(len(self.sigmas), (len(x),), generator=generator, device=device)
        sigma = self.sigmas[level.to(x.device)]
        each = denoising_score_matching(self.score, x, sigma, generator=generator)
        return each.mean() / x[0].numel()

    def sample(self, n, *, n_steps=20, ratio=0.1, generator=None):
        """Walk down all levels (`annealed_langevin`) from N(0, sigma^2) of the largest."""
        shape = (n, *self.event_shape)
        x = self.sigmas[0] * standard_normal(shape, generator=generator, like=self.sigmas)
        return annealed_langevin(self, x, n_steps=n_steps, ratio=ratio, generator=generator)


def annealed_langevin(
    model,
    x,
    *,
    n_steps=20,
    ratio=0.1,
    generator=None,
    path=None,
):
    """Walk on ever sharper densities (Song and Ermon, 2019).

    Parameters
    ----------
    model : ScoreNetwork
    x : tensor (B, *event)
    n_steps : int
        At each level.
    ratio : float
        The step at noise sigma is ``ratio sigma^2``: as far as the density is wide.
    path : list, optional
        Gets the points after each level.
    """
    for sigma in model.sigmas:

        def score(x, sigma=sigma):
            return model.score(x, sigma.expand(len(x)))

        step = check_real("ratio", ratio, 0, inclusive=False) * float(sigma) ** 2
        x = langevin(score, x, step, n_steps, generator=generator)
        if path is not None:
            path.append(x)
    return x


class TimedNetwork(nn.Module):
    """Fully connected layers that are told a time from 0 to 1, (B, *event) to the same."""

    n_time = 16  # numbers that a time is written in

    def __init__(self, event_shape, *, n_hidden=128, n_layers=3):
        super().__init__()
        n_dims = math.prod(event_shape)
        sizes = [n_dims + self.n_time] + [n_hidden] * check_integer("n_layers", n_layers)
        layers = [nn.Linear(*pair) for pair in pairwise(sizes)]
        self.layers = nn.ModuleList(layers)
        self.last = nn.Linear(n_hidden, n_dims)

    def forward(self, x, t):
        """Ask the network."""
        told = sinusoidal_embedding(100 * t, self.n_time).to(x.dtype)
        hidden = torch.cat([x.flatten(1), told], dim=1)
        for layer in self.layers:
            hidden = functional.silu(layer(hidden))
        return self.last(hidden).view_as(x)
