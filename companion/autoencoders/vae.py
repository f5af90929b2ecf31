"""Variational autoencoders of images: a code with a prior, and a bound on the likelihood.

Chapter: `vae`.
"""

import copy
import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from companion.autoencoders.latent import (
    LatentVariableModel,
    UnamortizedVAE,
    amortization_gap,
    fit_posteriors,
    iwae_bound,
    warm_up,
)
from companion.distributions import (
    discretized_logistic_log_prob,
    sample_discretized_logistic,
    sum_event,
)
from companion.layers import MaskedConv2d, causal_mask, dropout
from companion.validation import check_event, check_integer, check_real

__all__ = [
    "VAE",
    "PeekingVAE",
    "UnamortizedVAE",
    "amortization_gap",
    "fit_posteriors",
    "iwae_bound",
    "warm_up",
    "with_fitted_prior",
]


class VAE(LatentVariableModel):
    """Variational autoencoder of images with grey levels (Kingma and Welling, 2014).

    ``p(x | z)`` is a discretised logistic for each pixel; given z the pixels are independent.

    Parameters
    ----------
    n_latent : int
    event_shape : tuple (C, H, W)
    n_levels : int
        Entries are 0 ... n_levels - 1.
    n_hidden : int
        Units of the dense layers, two on each side of the code.
    n_channels : int
        With 0 there are only dense layers. Otherwise the outer ones are convolutions that halve or
        double the image until it is 4 pixels wide: `n_channels` of them at the outside, twice as
        many inside. Height and width must be the same power of 2.
    log_scale : float, optional
        Fixes the log scale of all pixels, in grey levels; by default the decoder gives each its
        own.
    rate : float
        Dropout of the dense layer next to the code.
    n_context : int
        Above 0 it is a conditional VAE (Sohn et al., 2015): encoder and decoder are told a vector
        of this size with each image, as the one-hot class. All methods then take `context`.
    beta, free_bits : float
        See `LatentVariableModel`.
    """

    def __init__(
        self,
        n_latent=24,
        *,
        event_shape=(1, 8, 8),
        n_levels=17,
        n_hidden=256,
        n_channels=0,
        log_scale=None,
        rate=0.2,
        n_context=0,
        beta=1.0,
        free_bits=0.0,
    ):
        super().__init__(n_latent, beta=beta, free_bits=free_bits)
        self.event_shape, self.rate = tuple(event_shape), check_real("rate", rate, 0, 1)
        self.n_levels = check_integer("n_levels", n_levels, low=2)
        self.log_scale = log_scale if log_scale is None else check_real("log_scale", log_scale)
        n_outputs = self.event_shape[0] * (2 if log_scale is None else 1)
        sizes = (self.event_shape, n_outputs, n_hidden)
        networks = conv_networks(*sizes, n_channels) if n_channels else dense_networks(*sizes)
        self.down, self.up = networks
        self.posterior = nn.Linear(n_hidden, 2 * n_latent)
        self.code = nn.Linear(n_latent, n_hidden)
        self.n_context = check_integer("n_context", n_context, low=0)
        if n_context:
            self.told = nn.ModuleList(
                nn.Linear(n_context, n_hidden, bias=False)
                for _ in range(2)  # encoder, decoder
            )

    def check(self, x):
        """Return images in the type of the weights, or raise a `ValueError`."""
        return check_event("x", x, self.event_shape).to(self.code.weight.dtype)

    def bend(self, hidden, generator):
        """Apply the nonlinearity, and dropout while training."""
        hidden = functional.silu(hidden)
        return dropout(hidden, self.rate, training=self.training, generator=generator)

    def tell(self, hidden, side, context):
        """Add the context to hidden units of the encoder (`side` 0) or decoder (1)."""
        if (context is None) != (self.n_context == 0):
            needed = "give" if self.n_context else "leave out"
            raise ValueError(f"n_context={self.n_context}: {needed} the context.")
        return hidden if context is None else hidden + self.told[side](context)

    def encode(self, x, *, context=None, generator=None):
        """Mean and log standard deviation of ``q(z | x)``, (B, C, H, W) to two (B, n_latent)."""
        hidden = self.tell(self.down(2 * self.check(x) / (self.n_levels - 1) - 1), 0, context)
        return self.posterior(self.bend(hidden, generator)).chunk(2, dim=1)

    def decode(self, z, *, context=None, generator=None):
        """Mean and log scale of pixels' logistics, in grey levels: two (B, C, H, W)."""
        half = (self.n_levels - 1) / 2
        output = self.up(self.bend(self.tell(self.code(z), 1, context), generator))
        if self.log_scale is not None:
            return half * (1 + output), torch.full_like(output, self.log_scale)
        mean, log_scale = output.chunk(2, dim=1)
        return half * (1 + mean), (log_scale + math.log(half / 4)).clamp(min=-3)

    def pixels(self, x, z, **told):
        """Mean and log scale of each pixel given the code, as far as the decoder may look at x."""
        return self.decode(z, **told)

    def log_likelihood(self, x, z, **told):
        """``log p(x | z)`` in nats, (B, C, H, W) and (B, n_latent) to (B,)."""
        x = self.check(x)
        pixels = self.pixels(x, z, **told)  # told: context and generator
        return sum_event(discretized_logistic_log_prob(x, *pixels, n_levels=self.n_levels))

    def draw(self, z, *, context=None, generator=None):
        """Draw grey levels from ``p(x | z)``, (B, n_latent) to float (B, C, H, W)."""
        pixels = self.decode(z, context=context)
        return sample_discretized_logistic(*pixels, n_levels=self.n_levels, generator=generator)


def dense_networks(event_shape, n_outputs, n_hidden):
    """Images to `n_hidden` features, and features to `n_outputs` images; two layers each."""
    n_channels, height, width = event_shape
    down = nn.Sequential(
        nn.Flatten(),
        nn.Linear(n_channels * height * width, n_hidden),
        nn.SiLU(),
        nn.Linear(n_hidden, n_hidden),
    )
    up = nn.Sequential(
        nn.Linear(n_hidden, n_hidden),
        nn.SiLU(),
        nn.Linear(n_hidden, n_outputs * height * width),
        nn.Unflatten(1, (n_outputs, height, width)),
    )
    return down, up


def conv_networks(event_shape, n_outputs, n_hidden, n_channels):
    """The same by convolutions of stride 2, down to 4x4 and back."""
    side = event_shape[1]
    n_halvings = side.bit_length() - 3
    if n_halvings < 1 or event_shape[1:] != (2 ** (n_halvings + 2),) * 2:
        raise ValueError(f"event_shape={event_shape} must be (C, H, H), H = 8, 16, 32...: pad it.")
    wide = [n_channels] + [2 * n_channels] * (n_halvings - 1)
    down, up = [], []
    for few, many in pairwise([event_shape[0], *wide]):
        down += [nn.Conv2d(few, many, 4, stride=2, padding=1), nn.GroupNorm(1, many), nn.SiLU()]
    for few, many in pairwise([n_outputs, *wide]):
        grow = nn.ConvTranspose2d(many, few, 4, stride=2, padding=1)
        up = [nn.GroupNorm(1, many), nn.SiLU(), grow, *up]
    n_flat = 16 * wide[-1]
    down = nn.Sequential(*down, nn.Flatten(), nn.Linear(n_flat, n_hidden))
    return down, nn.Sequential(nn.Linear(n_hidden, n_flat), nn.Unflatten(1, (wide[-1], 4, 4)), *up)


@torch.no_grad()
def with_fitted_prior(vae, x):
    """The same decoder, with the Gaussian of the codes of images `x` in place of N(0, I).

    It has the mean m and the covariance ``L L^T`` of all their guesses together. A code is then
    ``z = m + L u`` with u from N(0, I); the map goes into the layers next to the code, and the
    result is again a `VAE`, of the codes u. It works for an autoencoder that never had a prior
    (Ghosh et al., 2020). Guesses stay independent Gaussians, so that its bound is a bound.

    Parameters
    ----------
    vae : VAE
        Left as it is.
    x : tensor (n, C, H, W)
        More images than codes have coordinates.
    """
    vae = copy.deepcopy(vae)
    mean, log_std = vae.encode(x)
    m, covariance = mean.mean(dim=0), torch.cov(mean.T) + torch.diag(torch.exp(2 * log_std).mean(0))
    L = torch.linalg.cholesky(covariance)
    inverse, layer, d = torch.linalg.inv(L), vae.posterior, vae.n_latent
    vae.code.bias += vae.code.weight @ m
    vae.code.weight.copy_(vae.code.weight @ L)
    layer.bias[:d] = inverse @ (layer.bias[:d] - m)
    layer.weight[:d] = inverse @ layer.weight[:d]
    layer.bias[d:] += inverse.diagonal().log()
    return vae


class PeekingVAE(VAE):
    """VAE whose decoder sees, beside the code, the pixels above and to the left.

    Such a decoder can model the image without any code, and training tends to take that way: the
    posterior collapses. Sampling goes pixel by pixel, as in chapter "PixelCNN".

    Parameters
    ----------
    n_features : int
        Of the three masked convolutions that look at the pixels before.
    **kwargs
        Passed on to `VAE`.
    """

    def __init__(self, n_latent=24, *, n_features=40, **kwargs):
        super().__init__(n_latent, **kwargs)
        n_channels = self.event_shape[0]
        before, upto = causal_mask(5, "A"), causal_mask(5, "B")
        self.past = nn.Sequential(
            MaskedConv2d(n_channels, n_features, before),
            nn.SiLU(),
            MaskedConv2d(n_features, n_features, upto),
            nn.SiLU(),
            MaskedConv2d(n_features, 2 * n_channels, upto),
        )

    def pixels(self, x, z, **told):
        """Mean and log scale of each pixel given the code and the pixels before it."""
        half = (self.n_levels - 1) / 2
        mean, log_scale = self.decode(z, **told)
        shift, log_factor = self.past(x / half - 1).chunk(2, dim=1)
        return mean + half * shift, (log_scale + log_factor).clamp(min=-3)

    def draw(self, z, *, context=None, generator=None):
        """Draw pixel after pixel, (B, n_latent) to float (B, C, H, W)."""
        x = z.new_zeros(len(z), *self.event_shape)
        for row in range(x.shape[2]):
            for column in range(x.shape[3]):
                pixels = self.pixels(x, z, context=context)
                mean, log_scale = (p[:, :, row, column] for p in pixels)
                x[:, :, row, column] = sample_discretized_logistic(
                    mean, log_scale, n_levels=self.n_levels, generator=generator
                )
        return x
