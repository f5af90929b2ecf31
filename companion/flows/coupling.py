"""Coupling layers, and the flows made of them: RealNVP and Glow.

Chapter: `flows`.
"""

from math import prod

import torch
from torch import nn

from companion.distributions import sum_event
from companion.flows.bijections import Bijection, Chain, FactorOut, Flatten, Squeeze, stretched
from companion.flows.networks import checkerboard, conditioner, half_channels, half_mask
from companion.flows.transforms import Flow
from companion.validation import check_integer, check_real


class AffineCoupling(Bijection):
    """Some entries stay and say how the others are stretched and moved (Dinh et al., 2017).

    ``z_a = x_a``, ``z_b = x_b exp(s(x_a)) + t(x_a)``, and the log-determinant is the sum of s. The
    logarithm of the stretch is ``s = limit tanh(s' / limit)``: no entry explodes.

    Parameters
    ----------
    stays : bool tensor (*event)
        a: those that stay.
    network : nn.Module
        ``network(x_a, context, generator=...)`` with zeros for b gives (B, 2, *event): s' and t.
    limit : float
    """

    def __init__(self, stays, network, limit=2.0):
        super().__init__()
        self.register_buffer("stays", stays, persistent=False)
        self.network, self.limit = network, check_real("limit", limit, 0, inclusive=False)

    def motion(self, x, context=None, *, generator=None):
        """Return s and t, both zero for the entries that stay."""
        known = torch.where(self.stays, x, 0)
        s, t = self.network(known, context, generator=generator).unbind(dim=1)
        s = self.limit * torch.tanh(s / self.limit)
        return torch.where(self.stays, 0, s), torch.where(self.stays, 0, t)

    def forward(self, x, context=None, *, generator=None):
        """Stretch and move the entries that do not stay."""
        s, t = self.motion(x, context, generator=generator)
        return x * torch.exp(s) + t, sum_event(s)

    def inverse(self, z, context=None):
        """Move them back: the entries that stayed say how."""
        s, t = self.motion(z, context)
        return (z - t) * torch.exp(-s), -sum_event(s)


class ActNorm(Bijection):
    """Each channel is moved and stretched; the first batch gets mean 0 and deviation 1.

    After that first batch, shift and scale are weights like others (Kingma and Dhariwal, 2018).
    Whether it has come is saved with them.

    Parameters
    ----------
    n_channels : int
        Axis 1 of the events' batch.
    """

    def __init__(self, n_channels):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(n_channels))
        self.log_scale = nn.Parameter(torch.zeros(n_channels))
        self.register_buffer("seen", torch.tensor(False))

    def reset_parameters(self):
        """Wait for a first batch."""
        nn.init.zeros_(self.shift)
        nn.init.zeros_(self.log_scale)
        self.seen.fill_(False)

    @torch.no_grad()
    def start(self, x):
        """Take shift and scale from a batch; a channel that is constant keeps its scale."""
        by_channel = x.transpose(0, 1).flatten(1)  # (C, B H W)
        std, mean = torch.std_mean(by_channel, dim=1, correction=0)
        rounding = torch.finfo(x.dtype).eps * by_channel.abs().amax(dim=1)
        self.log_scale.copy_(-torch.where(std > rounding, std, 1).log())
        self.shift.copy_(-mean)
        self.seen.fill_(True)

    def check(self):
        """Raise a `RuntimeError` if no batch has come yet."""
        if not self.seen:
            raise RuntimeError("ActNorm has seen no batch: call it once while model.train().")

    def columns(self, x):
        """Shift, log scale and its sum over an event."""
        shape = (-1, *[1] * (x.dim() - 2))
        total = self.log_scale.sum() * prod(x.shape[2:])
        return self.shift.view(shape), self.log_scale.view(shape), total.expand(len(x))

    def forward(self, x, context=None, *, generator=None):
        """``(x + shift) exp(log_scale)`` by channel."""
        if self.training and not self.seen:
            self.start(x)
        self.check()
        shift, log_scale, total = self.columns(x)
        return (x + shift) * torch.exp(log_scale), total

    def inverse(self, z, context=None):
        """Undo it."""
        self.check()
        shift, log_scale, total = self.columns(z)
        return z * torch.exp(-log_scale) - shift, -total


class InvertibleConv1x1(Bijection):
    """Channels mixed by a square matrix, at each pixel the same (Kingma and Dhariwal, 2018).

    ``W = P L (U + diag(sign exp(log_s)))`` with P a permutation that stays, L lower triangular with
    ones, U upper triangular with zeros on the diagonal: ``log |det W|`` is the sum of log_s. It
    begins as a random rotation.
    """

    def __init__(self, n_channels):
        super().__init__()
        shape = (n_channels, n_channels)
        self.lower, self.upper = (nn.Parameter(torch.zeros(shape)) for _ in range(2))
        self.log_s = nn.Parameter(torch.zeros(n_channels))
        self.register_buffer("sign", torch.ones(n_channels))
        self.register_buffer("permutation", torch.eye(n_channels))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self):
        """Draw a rotation and take it apart."""
        rotation = nn.init.orthogonal_(torch.empty_like(self.lower))
        permutation, lower, upper = torch.linalg.lu(rotation)
        self.permutation.copy_(permutation)
        self.lower.copy_(lower.tril(-1))
        self.upper.copy_(upper.triu(1))
        self.log_s.copy_(upper.diagonal().abs().log())
        self.sign.copy_(upper.diagonal().sign())

    def factors(self):
        """L, and U with its diagonal."""
        lower = self.lower.tril(-1) + torch.diag(torch.ones_like(self.log_s))
        return lower, self.upper.triu(1) + torch.diag(self.sign * torch.exp(self.log_s))

    def determinant(self, x):
        """The logarithm for an event with its H W pixels, (B,)."""
        return (self.log_s.sum() * prod(x.shape[2:])).expand(len(x))

    def forward(self, x, context=None, *, generator=None):
        """W times the channels of each pixel."""
        lower, upper = self.factors()
        z = self.permutation @ (lower @ (upper @ x.flatten(2)))  # (B, C, H W)
        return z.view_as(x), self.determinant(x)

    def inverse(self, z, context=None):
        """Two triangular systems."""
        lower, upper = self.factors()
        x = self.permutation.T @ z.flatten(2)
        x = torch.linalg.solve_triangular(lower, x, upper=False, unitriangular=True)
        x = torch.linalg.solve_triangular(upper, x, upper=True)
        return x.view_as(z), -self.determinant(z)


def couplings(masks, event_shape, coupling, **settings):
    """A chain of couplings, each with a network of its own and the mask of what stays."""
    return Chain(*(coupling(stays, event_shape, **settings) for stays in masks))


def affine(stays, event_shape, **settings):
    """An `AffineCoupling` with a network."""
    return AffineCoupling(stays, conditioner(event_shape, 2, stays, **settings))


def multiscale(event_shape, n_couplings, coupling, n_scales, **settings):
    """Couplings on a chess board, on channels after a squeeze, and again, smaller.

    At each scale half of the channels are finished (`FactorOut`).
    """
    n_channels, height, width = event_shape
    masks = [checkerboard(event_shape, i % 2) for i in range(n_couplings)]
    board = couplings(masks, event_shape, coupling, **settings)
    if n_scales == 1:
        return Chain(board, Flatten(event_shape))
    if height % 2 or width % 2:
        raise ValueError(f"n_scales={n_scales}: take fewer for {height}x{width}.")
    deep = (4 * n_channels, height // 2, width // 2)
    masks = [half_channels(deep, i % 2) for i in range(n_couplings)]
    on = (2 * n_channels, height // 2, width // 2)
    rest = multiscale(on, n_couplings, coupling, n_scales - 1, **settings)
    channels = couplings(masks, deep, coupling, **settings)
    return Chain(board, Squeeze(), channels, FactorOut(deep, rest))


class RealNVP(Flow):
    """Real-valued non-volume-preserving flow (Dinh, Sohl-Dickstein and Bengio, 2017).

    Vectors go through couplings that keep every second entry; images through several scales.

    Parameters
    ----------
    event_shape, n_levels, dequantizer
        As for `Flow`; the defaults are those of the digits. (2,) and None are points of a plane.
    n_couplings : int
        At each scale: on the chess board, and as many on the channels.
    n_scales : int
        Of images.
    coupling : callable
        ``coupling(stays, event_shape, **settings)`` makes a layer and its network.
    **settings
        Of the networks: kind, n_hidden, n_layers, n_context, rate.
    """

    def __init__(
        self,
        event_shape=(1, 8, 8),
        n_levels=17,
        *,
        n_couplings=4,
        n_scales=2,
        coupling=affine,
        dequantizer=None,
        **settings,
    ):
        check_integer("n_couplings", n_couplings)
        check_integer("n_scales", n_scales)
        if len(event_shape) == 1:
            masks = [half_mask(*event_shape, i % 2) for i in range(n_couplings)]
            layers = couplings(masks, event_shape, coupling, **settings)
        else:
            layers = multiscale(event_shape, n_couplings, coupling, n_scales, **settings)
        bijection = Chain(*stretched(n_levels), layers)
        super().__init__(bijection, event_shape, n_levels, dequantizer)


def glow_step(event_shape, coupling=affine, **settings):
    """One step of Glow: normalise, mix the channels, move half of them."""
    n_channels = event_shape[0]
    stays = half_channels(event_shape)
    layers = (
        ActNorm(n_channels),
        InvertibleConv1x1(n_channels),
        coupling(stays, event_shape, **settings),
    )
    return Chain(*layers)


def glow_scales(event_shape, n_steps, n_scales, **settings):
    """Squeeze, a few steps, half of the channels finished, and the same again."""
    n_channels, height, width = event_shape
    if height % 2 or width % 2:
        raise ValueError(f"n_scales: images of {height}x{width} cannot be halved: take fewer.")
    deep = (4 * n_channels, height // 2, width // 2)
    steps = [glow_step(deep, **settings) for _ in range(n_steps)]
    if n_scales == 1:
        return Chain(Squeeze(), *steps, Flatten(deep))
    on = (2 * n_channels, height // 2, width // 2)
    rest = glow_scales(on, n_steps, n_scales - 1, **settings)
    return Chain(Squeeze(), *steps, FactorOut(deep, rest))


class Glow(Flow):
    """Flow whose channels are mixed by learned rotations (Kingma and Dhariwal, 2018).

    In training mode its first batch sets the scales of the `ActNorm` layers.

    Parameters
    ----------
    event_shape, n_levels, dequantizer
        As for `Flow`; (C, H, W) with H and W divisible by ``2 ** n_scales``.
    n_steps : int
        At each scale.
    n_scales : int
    **settings
        Of the networks: kind, n_hidden, n_layers, n_context, rate.
    """

    def __init__(
        self,
        event_shape=(1, 8, 8),
        n_levels=17,
        *,
        n_steps=4,
        n_scales=2,
        dequantizer=None,
        **settings,
    ):
        check_integer("n_steps", n_steps)
        scales = glow_scales(event_shape, n_steps, check_integer("n_scales", n_scales), **settings)
        super().__init__(Chain(*stretched(n_levels), scales), event_shape, n_levels, dequantizer)
