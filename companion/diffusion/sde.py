"""Noise in continuous time: the equation that adds it, and the one without noise beside it.

Chapter: `score`.
"""

import math
from itertools import pairwise

import torch
from torch import nn

from companion.diffusion.score import denoising_score_matching
from companion.distributions import gaussian_log_prob, standard_normal
from companion.flows.continuous import ContinuousFlow
from companion.validation import check_integer, check_real


class VarianceExploding(nn.Module):
    """Noise that grows: ``dx = g(t) dw``, x(t) is data plus noise of deviation ``s(t)``.

    ``s(t) = smallest (largest / smallest)^t`` for t from 0 to 1, and ``g(t)^2 = d s(t)^2 / dt``
    (Song et al., 2021). The data are seen with the smallest noise.

    Parameters
    ----------
    model : ScoreNetwork, or any module with ``score(x, sigma)`` and ``event_shape``
    smallest, largest : float
        Of s; by default the model's last and first level.
    """

    def __init__(self, model, smallest=None, largest=None):
        super().__init__()
        self.model, self.event_shape = model, tuple(model.event_shape)
        smallest = float(model.sigmas[-1]) if smallest is None else smallest
        largest = float(model.sigmas[0]) if largest is None else largest
        self.largest = check_real("largest", largest, 0, inclusive=False)
        self.smallest = check_real("smallest", smallest, 0, self.largest, inclusive=False)

    def width(self, t):
        """s(t), of the shape of t."""
        return self.smallest * (self.largest / self.smallest) ** t

    def rate(self, t):
        """g(t)^2: twice ``log(largest / smallest)`` times s(t)^2."""
        return 2 * math.log(self.largest / self.smallest) * self.width(t) ** 2

    def score(self, x, t):
        """Gradient of the log-density of x(t), (B, *event) and (B,)."""
        return self.model.score(x, self.width(t))

    def loss(self, x, *, generator=None):
        """Denoising score matching at a time drawn for each point: the mean of a number."""
        device = x.device if generator is None else generator.device
        t = torch.rand(len(x), generator=generator, device=device, dtype=x.dtype).to(x.device)
        score = self.model.score
        each = denoising_score_matching(score, x, self.width(t), generator=generator)
        return each.mean() / x[0].numel()

    def start(self, n, generator):
        """Draw n events from N(0, s(1)^2): what noisy data nearly are at the end."""
        like = next(self.model.parameters())
        shape = (n, *self.event_shape)
        return self.largest * standard_normal(shape, generator=generator, like=like)

    @torch.no_grad()
    def sample(self, n, *, n_steps=200, generator=None, path=None):
        """Take the noise back with fresh noise, by Euler and Maruyama's method.

        ``x <- x + g^2 score dt + g sqrt(dt) noise``: the noise of a step has the *variance* dt.
        """
        x = self.start(n, generator)
        times = torch.linspace(1, 0, check_integer("n_steps", n_steps) + 1, dtype=x.dtype)
        for now, after in pairwise(times):
            t, dt = now.to(x).expand(n), float(now - after)
            g2 = float(self.rate(now))
            noise = standard_normal(x.shape, generator=generator, like=x)
            x = x + g2 * dt * self.score(x, t) + math.sqrt(g2 * dt) * noise
            if path is not None:
                path.append(x)
        return x


def probability_flow(process, x, t):
    """Move points as the noise moves the density: velocity ``-g^2 score / 2``.

    x (B, *event) and t (B,) to (B, *event). The square of g counts: with g in its
    place nothing shows where g is near 1.
    """
    g2 = process.rate(t).view(-1, *[1] * (x.dim() - 1))
    return -0.5 * g2 * process.score(x, t)


class ProbabilityFlow(ContinuousFlow):
    """The ODE whose points have the densities of the noisy data at all times (Song et al., 2021).

    ``dx/dt = -g(t)^2 score(x, t) / 2``. It carries data to noise without any randomness, so that
    the likelihood can be followed along it. Time runs from data at 0 to noise at 1.

    Parameters
    ----------
    process : VarianceExploding
    rtol, atol : float
        As for `ContinuousFlow`.
    """

    def __init__(self, process, *, rtol=1e-4, atol=1e-4):
        super().__init__(process.event_shape, network=process, rtol=rtol, atol=atol)

    def velocity(self, x, t, context=None):
        """The process's drift without noise."""
        return probability_flow(self.network, x, t)

    def log_prob(self, x, context=None, *, kind="exact", generator=None):
        """Log-density of data with the smallest noise, in nats, (B, *event) to (B,)."""
        z, gain = self.carry(x, 0.0, 1.0, kind=kind, generator=generator)
        return gaussian_log_prob(z, 0.0, math.log(self.network.largest)) + gain

    @torch.no_grad()
    def sample(self, n, context=None, *, generator=None):
        """Draw the end and carry it back: (n, *event)."""
        return self.solve(self.network.start(n, generator), (1.0, 0.0))[-1]
