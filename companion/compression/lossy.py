"""Lossy compression: a transform, a grid to round to, and a model of what stands on the grid.

Chapter: `lossy_compression`.
"""

import math

import numpy as np
import torch
from scipy.stats import norm
from torch import nn

from companion.compression.container import read_integers, seal, unseal, write_integers
from companion.compression.frequencies import cumulate, entropy, quantize
from companion.compression.stream_codes import ArithmeticDecoder, ArithmeticEncoder
from companion.distributions import sum_event, uniform
from companion.validation import check_event, check_integer, check_real

MAGIC = b"Los1"
LARGEST = 127  # of the whole numbers that are written
LEAST_MASS = 1e-9  # no whole number is thought less likely: 30 bits


def water_filling(variances, distortion):
    """Fewest bits for independent Gaussians with a given total squared error.

    All components are coded with the same error, the water level, but those whose variance lies
    below it, which are not coded at all (Cover and Thomas, 2006, theorem 10.3.3).

    Parameters
    ----------
    variances : array (d,)
    distortion : float
        Mean squared error, summed over the components; positive.

    Returns
    -------
    rate : float
        Bits a point: half the sum of ``log2(variance / error)``. No code does with less.
    errors : array (d,)
        Of each component; they sum to `distortion`, or to the total variance if that is less.
    """
    variances = np.asarray(variances, dtype=np.float64)
    if variances.ndim != 1 or not np.isfinite(variances).all() or (variances < 0).any():
        raise ValueError(f"variances {variances} must be a list of numbers that are not negative.")
    distortion = check_real("distortion", distortion, 0, inclusive=False)
    falling = np.sort(variances)[::-1]
    if distortion >= falling.sum():
        return 0.0, variances.copy()
    rest = np.append(falling[::-1].cumsum()[-2::-1], 0.0)  # of all but the k largest, k = 1 ... d
    levels = (distortion - rest) / np.arange(1, len(falling) + 1)
    level = levels[(levels <= falling).nonzero()[0].max()]
    wet = variances[variances > level]
    return float(np.log2(wet / level).sum() / 2), np.minimum(variances, level)


class FactorizedPrior(nn.Module):
    """How likely each whole number is, for each coefficient by itself: mixtures of logistics.

    The mass of a whole number k is that of the mixture between ``k - 1/2`` and ``k + 1/2``. The
    same formula at a number that is not whole is the density of a draw from the mixture plus noise,
    uniform between -1/2 and 1/2, so that it can be followed downhill (Ballé and others, 2017).

    Parameters
    ----------
    n_coefficients, n_components : int
    """

    def __init__(self, n_coefficients, n_components=3):
        super().__init__()
        shape = check_integer("n_coefficients", n_coefficients), n_components
        self.logits = nn.Parameter(torch.zeros(shape))
        self.means = nn.Parameter(torch.linspace(-2, 2, n_components).repeat(shape[0], 1))
        self.log_scales = nn.Parameter(torch.ones(shape))

    def mass(self, u):
        """Mass within a half of u (..., n_coefficients), the same shape; at least 1e-9."""
        middle = u[..., None] - self.means
        side = torch.where(middle > 0, -1.0, 1.0)  # in the tail that is small, no digits are lost
        scale = self.log_scales.exp()
        near, far = ((side * middle + half) / scale for half in (0.5, -0.5))
        mass = torch.sigmoid(near) - torch.sigmoid(far)
        return (self.logits.softmax(dim=-1) * mass).sum(dim=-1).clamp(min=LEAST_MASS)

    def bits(self, u):
        """``-log2 mass``, summed over the coefficients: (..., n_coefficients) to (...)."""
        return -self.mass(u).log2().sum(dim=-1)

    @torch.no_grad()
    def frequencies(self):
        """For a coder: of whole numbers -127 ... 127, int64 (n_coefficients, 255)."""
        numbers = torch.arange(-LARGEST, LARGEST + 1, dtype=torch.float64)
        exact = FactorizedPrior(*self.logits.shape).double()
        exact.load_state_dict(self.state_dict())
        return quantize(exact.mass(numbers[:, None].expand(-1, len(self.logits))).T.numpy())


class TransformCoder(nn.Module):
    """Images to bytes and back, with a loss: ``x -> u = encoder(x) -> round(u) -> decoder``.

    Trained for ``error + price bits`` on noise in place of rounding, whose slope is 0 nearly
    everywhere (Ballé, Laparra and Simoncelli, 2017).

    Parameters
    ----------
    event_shape : tuple of int
        Shape of an image.
    encoder, decoder : nn.Module
        (B, *event) to (B, n_coefficients), and back.
    n_coefficients : int
    price : float
        Squared error, summed over the pixels, that a bit may cost.
    """

    def __init__(self, event_shape, encoder, decoder, n_coefficients, *, price=1.0):
        super().__init__()
        self.event_shape, self.encoder, self.decoder = tuple(event_shape), encoder, decoder
        self.prior = FactorizedPrior(n_coefficients)
        self.price = check_real("price", price, 0)

    def check(self, x):
        """Return `x` (B, *event) in the type of the weights, or raise a `ValueError`."""
        x = check_event("x", x, self.event_shape)
        return x.to(self.prior.means.dtype)

    def whole(self, x):
        """The whole numbers that are written for images (B, *event): (B, n_coefficients)."""
        return self.encoder(self.check(x)).round().clamp(-LARGEST, LARGEST)

    def costs(self, x, u):
        """Bits of numbers u (B, n_coefficients) and squared error of what comes back, (B,) each."""
        return self.prior.bits(u), sum_event((self.decoder(u) - self.check(x)) ** 2)

    def loss(self, x, *, generator=None):
        """``error + price bits`` of a batch, mean, with noise of width 1 in place of rounding."""
        u = self.encoder(self.check(x))
        bits, error = self.costs(x, u + uniform(u.shape, generator=generator, like=u) - 0.5)
        return (error + self.price * bits).mean()

    @torch.no_grad()
    def compress(self, x):
        """Images (n, *event) to bytes; neither the networks nor the prior are inside."""
        numbers = (self.whole(x).long() + LARGEST).tolist()
        encoder, edges = ArithmeticEncoder(), cumulate(self.prior.frequencies()).tolist()
        for row in numbers:
            for number, some in zip(row, edges, strict=True):
                encoder.encode(number, some)
        return seal(MAGIC, write_integers(len(numbers)) + encoder.finish())

    @torch.no_grad()
    def decompress(self, blob):
        """What is left of the images: float tensor (n, *event).

        Raises
        ------
        ValueError
            If the file was cut or changed.
        """
        (n,), body = read_integers(unseal(MAGIC, blob), 1)
        decoder, edges = ArithmeticDecoder(body), cumulate(self.prior.frequencies()).tolist()
        rows = [[decoder.decode(some) for some in edges] for _ in range(n)]
        decoder.finish()
        u = torch.tensor(rows, dtype=self.prior.means.dtype, device=self.prior.means.device)
        return self.decoder(u.reshape(n, len(edges)) - LARGEST)


def gaussian_on_grid(step):
    """What it costs to round a Gaussian number of variance 1 to multiples of a step.

    By sums over the cells, without draws.

    Returns
    -------
    bits : float
        Entropy of the whole numbers.
    error : float
        Mean squared error if each cell is answered with its middle, the multiple itself.
    least : float
        If it is answered with the mean of what lies in it.
    """
    step = check_real("step", step, 0, inclusive=False)
    middle = step * np.arange(-math.ceil(12 / step), math.ceil(12 / step) + 1)
    mass = norm.cdf(step / 2 - abs(middle)) - norm.cdf(-step / 2 - abs(middle))
    first = norm.pdf(middle - step / 2) - norm.pdf(middle + step / 2)  # mean, times the mass
    error = 1 - 2 * (middle * first).sum() + (middle**2 * mass).sum()
    least = 1 - (first[mass > 0] ** 2 / mass[mass > 0]).sum()
    return entropy(mass), float(error), float(least)


class CellMeans(nn.Module):
    """Answer whole numbers (B, k) with the mean of what was rounded to them.

    Parameters
    ----------
    u : tensor (n, k)
        Coefficients of training images. What no training image has stands for itself.
    """

    def __init__(self, u):
        super().__init__()
        cell = u.round().clamp(-LARGEST, LARGEST).long() + LARGEST
        total, count = torch.zeros(2, 2 * LARGEST + 1, u.shape[1], dtype=u.dtype, device=u.device)
        total.scatter_add_(0, cell, u)
        count.scatter_add_(0, cell, torch.ones_like(u))
        numbers = torch.arange(-LARGEST, LARGEST + 1, device=u.device)[:, None]
        self.register_buffer("table", torch.where(count > 0, total / count.clamp(min=1), numbers))

    def forward(self, u):
        return self.table.gather(0, u.round().long() + LARGEST)
