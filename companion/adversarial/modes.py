"""Which heaps of a known mixture a model draws, and how much it draws between them.

Chapter: `gan`.
"""

import torch
from torch import nn

from companion.adversarial.gan import dense
from companion.autoencoders.latent import LatentVariableModel
from companion.distributions import gaussian_log_prob, standard_normal
from companion.validation import check_real


def mode_shares(points, centers, radius):
    """Which share of the points belongs to each heap, and which share is near any.

    A point belongs to the heap with the nearest centre, if that is at most `radius` away.

    Parameters
    ----------
    points : tensor (n, d)
    centers : tensor (K, d)
    radius : float
        Three standard deviations of a heap, say: of a Gaussian in the plane 98.9 % are nearer.

    Returns
    -------
    shares : tensor (K,)
    near : float, the sum of the shares
    """
    check_real("radius", radius, 0, inclusive=False)
    if points.ndim != 2 or centers.ndim != 2 or points.shape[1] != centers.shape[1]:
        raise ValueError(
            f"points has shape {tuple(points.shape)} and centers {tuple(centers.shape)}, but they "
            "must be (n, d) and (K, d): flatten each point."
        )
    distance, index = torch.cdist(points, centers.to(points)).min(dim=1)
    counts = torch.bincount(index[distance <= radius], minlength=len(centers))
    return counts / len(points), counts.sum().item() / len(points)


def n_covered(points, centers, radius, *, least=0.05):
    """How many heaps have at least a share `least` of the points, as in `mode_shares`."""
    return int((mode_shares(points, centers, radius)[0] >= check_real("least", least, 0, 1)).sum())


class PointVAE(LatentVariableModel):
    """Variational autoencoder of points, with the layers of a `DenseGenerator` as its decoder.

    ``p(x | z) = N(mean(z), std^2 I)``; the standard deviation is learned, one for all.

    Parameters
    ----------
    n_dims, n_latent, n_hidden : int
    log_std : float
        Where its logarithm starts.
    """

    def __init__(self, n_dims=2, n_latent=2, n_hidden=64, *, log_std=-2.0):
        super().__init__(n_latent)
        self.encoder = dense(n_dims, n_hidden, 2 * n_latent)
        self.decoder = dense(n_latent, n_hidden, n_dims)
        self.log_std = nn.Parameter(torch.tensor(check_real("log_std", log_std)))

    def encode(self, x, *, generator=None):
        """Mean and log standard deviation of ``q(z | x)``, (B, n_dims) to two (B, n_latent)."""
        return self.encoder(x).chunk(2, dim=1)

    def decode(self, z, *, generator=None):
        """Mean and log standard deviation of the point, (B, n_dims) and a number."""
        return self.decoder(z), self.log_std

    def log_likelihood(self, x, z, *, generator=None):
        """``log p(x | z)`` in nats, (B, n_dims) and (B, n_latent) to (B,)."""
        return gaussian_log_prob(x, *self.decode(z))

    def draw(self, z, *, generator=None):
        """Draw points, (B, n_latent) to (B, n_dims)."""
        mean, log_std = self.decode(z)
        return mean + log_std.exp() * standard_normal(mean.shape, generator=generator, like=mean)
