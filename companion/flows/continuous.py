"""Flows in continuous time: a velocity carries noise to data, and an equation follows the density.

Chapter: `continuous`.
"""

from itertools import pairwise
from math import prod

import torch
from torch import nn
from torch.nn import functional
from torchdiffeq import odeint

from companion.distributions import gaussian_log_prob, standard_normal
from companion.validation import check_choice, check_event, check_integer, check_real

DIVERGENCES = "exact", "hutchinson"


class VelocityNetwork(nn.Module):
    """Fully connected layers that give each place and time a velocity, (B, D) and (B,) to (B, D).

    Smooth, as a solver of differential equations likes it: its units are `silu`.

    Parameters
    ----------
    n_dims, n_hidden, n_layers : int
    n_context : int
        Size of a vector that is told besides, 0 for none.
    """

    def __init__(self, n_dims=2, *, n_hidden=64, n_layers=3, n_context=0):
        super().__init__()
        sizes = [check_integer("n_dims", n_dims) + 3 + n_context]
        sizes += [check_integer("n_hidden", n_hidden)] * check_integer("n_layers", n_layers)
        layers = [nn.Linear(*size) for size in pairwise(sizes)]
        self.layers = nn.ModuleList(layers)
        self.last = nn.Linear(n_hidden, n_dims)

    def forward(self, x, t, context=None):
        """Velocity at places x and times t from 0 to 1."""
        t = t[:, None].to(x.dtype)
        parts = [x, t, torch.sin(torch.pi * t), torch.cos(torch.pi * t)]
        hidden = torch.cat([*parts, *([] if context is None else [context.to(x.dtype)])], dim=1)
        for layer in self.layers:
            hidden = functional.silu(layer(hidden))
        return self.last(hidden)


def divergence(velocity, x, t):
    """The exact trace of the Jacobian: one derivative for each dimension.

    Parameters
    ----------
    velocity : callable
        ``velocity(x, t)``, (B, D) and (B,) to (B, D); no row may depend on another.
    x, t : tensor (B, D), (B,)

    Returns
    -------
    v : tensor (B, D)
    trace : tensor (B,)
        ``sum_d dv_d / dx_d``
    """
    keep = torch.is_grad_enabled()  # under no_grad nothing is kept for a way back
    with torch.enable_grad():
        x = x if x.requires_grad else x.detach().requires_grad_()
        v = velocity(x, t)
        graph = {"create_graph": keep, "retain_graph": True}
        graph |= {"materialize_grads": True}
        sums = [torch.autograd.grad(entry.sum(), x, **graph)[0] for entry in v.T]
        diagonal = [row[:, d] for d, row in enumerate(sums)]
    trace = torch.stack(diagonal, dim=1).sum(dim=1)
    return (v, trace) if keep else (v.detach(), trace.detach())


def hutchinson_divergence(velocity, x, t, probe):
    """An estimate of the trace, ``e' (dv/dx) e``, by one derivative (Hutchinson).

    Right on average if the entries of the probe are independent, with mean 0 and
    variance 1.

    Parameters
    ----------
    velocity, x, t
        As for `divergence`.
    probe : tensor (B, D)
        e; the same during one solution of a differential equation.
    """
    keep = torch.is_grad_enabled()
    with torch.enable_grad():
        x = x if x.requires_grad else x.detach().requires_grad_()
        v = velocity(x, t)
        graph = {"create_graph": keep, "materialize_grads": True}
        row = torch.autograd.grad(v, x, probe, **graph)[0]
    trace = (row * probe).sum(dim=1)
    return (v, trace) if keep else (v.detach(), trace.detach())


def signs(shape, *, generator=None, like=None):
    """Draw +1 and -1 with equal chances: probes whose estimate has the least variance."""
    return torch.sign(standard_normal(shape, generator=generator, like=like))


class ContinuousFlow(nn.Module):
    """A velocity field that carries N(0, I) at time 0 to the data at time 1.

    ``dx/dt = v(x, t)``, and on a path ``d log p(x(t)) / dt = -trace(dv/dx)`` (Chen et al., 2018).

    Parameters
    ----------
    event_shape : tuple of int
    network : nn.Module, optional
        ``network(x, t)``, or ``network(x, t, context)``, gives a velocity of the shape of x; by
        default a `VelocityNetwork` for vectors.
    rtol, atol : float
        What the solver's steps may be off by: Dormand and Prince's of order 5, from torchdiffeq.
    **settings
        Of the default network.
    """

    def __init__(self, event_shape=(2,), network=None, *, rtol=1e-4, atol=1e-4, **settings):
        super().__init__()
        self.event_shape = tuple(event_shape)
        default = network is None
        self.network = VelocityNetwork(prod(event_shape), **settings) if default else network
        self.rtol = check_real("rtol", rtol, 0, inclusive=False)
        self.atol = check_real("atol", atol, 0, inclusive=False)
        self.n_evaluations = 0

    def velocity(self, x, t, context=None):
        """v at places x (B, *event) and times t (B,)."""
        self.n_evaluations += 1
        told = () if context is None else (context,)
        return self.network(x, t, *told)

    def flat_velocity(self, context):
        """The velocity as a function of vectors (B, D) and times."""
        shape = self.event_shape
        return lambda x, t: self.velocity(x.view(-1, *shape), t, context).flatten(1)

    def solve(self, x, times, context=None):
        """Follow the velocity from the first time through all of them: (n_times, B, *event)."""
        x = check_event("x", x, self.event_shape)
        times = torch.as_tensor(times, dtype=x.dtype, device=x.device)

        def slope(t, x):
            return self.velocity(x, t.expand(len(x)), context)

        return odeint(slope, x, times, rtol=self.rtol, atol=self.atol)

    def carry(self, x, start, end, context=None, *, kind="exact", generator=None):
        """Carry points from one time to another, and follow their log-density.

        Parameters
        ----------
        x : tensor (B, *event)
        start, end : float
        kind : "exact" or "hutchinson"
            How the trace is got. The second draws one probe for each point.

        Returns
        -------
        x : tensor (B, *event)
        gain : tensor (B,)
            Integral of the trace from start to end: what log p loses on the way.
        """
        check_choice("kind", kind, DIVERGENCES)
        x = check_event("x", x, self.event_shape).flatten(1)
        velocity = self.flat_velocity(context)
        probe = None if kind == "exact" else signs(x.shape, generator=generator, like=x)

        def slope(t, state):
            x, t = state[0], t.expand(len(state[0]))
            if probe is None:
                return divergence(velocity, x, t)
            return hutchinson_divergence(velocity, x, t, probe)

        times = torch.tensor([start, end], dtype=x.dtype, device=x.device)
        states = odeint(slope, (x, x.new_zeros(len(x))), times, rtol=self.rtol, atol=self.atol)
        path, gain = states
        return path[-1].view(-1, *self.event_shape), gain[-1]

    def forward(self, x, context=None, *, kind="exact", generator=None):
        """Data to noise, (B, *event) to the same, and ``log |det dz/dx|`` (B,)."""
        return self.carry(x, 1.0, 0.0, context, kind=kind, generator=generator)

    def inverse(self, z, context=None, *, kind="exact", generator=None):
        """Noise to data, and the log-determinant of that map."""
        return self.carry(z, 0.0, 1.0, context, kind=kind, generator=generator)

    def log_prob(self, x, context=None, *, kind="exact", generator=None):
        """Log-density in nats, (B, *event) to (B,).

        Exact up to the solver's error; with ``kind="hutchinson"`` right on average over probes.
        """
        z, ladj = self.forward(x, context, kind=kind, generator=generator)
        return gaussian_log_prob(z) + ladj

    def noise(self, n, generator):
        """Draw n events from N(0, I)."""
        like = next(self.parameters())
        return standard_normal((n, *self.event_shape), generator=generator, like=like)

    @torch.no_grad()
    def sample(self, n, context=None, *, generator=None):
        """Draw noise and carry it to time 1: (n, *event)."""
        return self.solve(self.noise(n, generator), (0.0, 1.0), context)[-1]


class FFJORD(ContinuousFlow):
    """Continuous flow trained by its likelihood (Grathwohl et al., 2019).

    Each step of training solves a differential equation and goes back through the solver. The trace
    is Hutchinson's estimate where the dimension is above 2.

    Parameters
    ----------
    As for `ContinuousFlow`.
    """

    def loss(self, x, context=None, *, generator=None):
        """Mean of ``-log p(x)``, nats a data point."""
        kind = "exact" if prod(self.event_shape) <= 2 else "hutchinson"
        return -self.log_prob(x, context, kind=kind, generator=generator).mean()
