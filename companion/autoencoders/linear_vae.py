"""The VAE that can be solved by hand, and two ways to differentiate an expectation.

Chapter: `vae`.
"""

import torch
from torch import nn

from companion.autoencoders.latent import LatentVariableModel
from companion.distributions import gaussian_log_prob, sample_gaussian, standard_normal
from companion.validation import check_integer


class LinearVAE(LatentVariableModel):
    """Linear decoder and encoder: probabilistic PCA (Tipping and Bishop, 1999), trained as a VAE.

    ``p(x | z) = N(W z + b, s^2 I)``, hence ``p(x) = N(b, W W^T + s^2 I)`` and a Gaussian posterior:
    `log_prob` and `exact_posterior` say what every bound should be compared with. ``q(z | x)`` is a
    linear map of x with one deviation for each coordinate.

    Parameters
    ----------
    n_inputs, n_latent : int
    """

    def __init__(self, n_inputs, n_latent):
        super().__init__(n_latent)
        self.decoder = nn.Linear(n_latent, check_integer("n_inputs", n_inputs))  # W and b
        self.encoder = nn.Linear(n_inputs, n_latent)
        self.log_std = nn.Parameter(torch.zeros(n_latent))
        self.log_noise = nn.Parameter(torch.zeros(()))  # log s

    def encode(self, x, *, generator=None):
        """Mean and log standard deviation of ``q(z | x)``, (B, n_inputs) to two (B, n_latent)."""
        mean = self.encoder(x)
        return mean, self.log_std.expand_as(mean)

    def decode(self, z, *, generator=None):
        """Mean (B, n_inputs) and log standard deviation of ``p(x | z)``."""
        mean = self.decoder(z)
        return mean, self.log_noise.expand_as(mean)

    def log_likelihood(self, x, z, *, generator=None):
        """``log p(x | z)`` in nats, (B,); a density."""
        return gaussian_log_prob(x, *self.decode(z))

    def draw(self, z, *, generator=None):
        """Draw from ``p(x | z)``, (B, n_latent) to (B, n_inputs)."""
        return sample_gaussian(*self.decode(z), generator=generator)

    def log_prob(self, x):
        """Exact log-density ``log N(x; b, W W^T + s^2 I)`` in nats, (B, n_inputs) to (B,)."""
        W, b = self.decoder.weight, self.decoder.bias
        noise = torch.exp(2 * self.log_noise) * torch.eye(len(b), dtype=b.dtype, device=b.device)
        return torch.distributions.MultivariateNormal(b, W @ W.T + noise).log_prob(x)

    def exact_posterior(self, x):
        """Mean (B, n_latent) and covariance (n_latent, n_latent) of ``p(z | x)``.

        The covariance is ``C = (I + W^T W / s^2)^-1``, the mean ``C W^T (x - b) / s^2``.
        """
        W, precision = self.decoder.weight, torch.exp(-2 * self.log_noise)
        identity = torch.eye(self.n_latent, dtype=W.dtype, device=W.device)
        covariance = torch.linalg.inv(identity + precision * W.T @ W)
        return precision * (x - self.decoder.bias) @ W @ covariance, covariance


@torch.no_grad()
def probabilistic_pca(X, n_latent):
    """The `LinearVAE` of highest likelihood, with the encoder that is exact there; no training.

    With eigenvalues l_1 >= l_2 >= ... and eigenvectors u_j of the covariance (n - 1 below, as in
    scikit-learn): s^2 is the mean of the eigenvalues from ``n_latent + 1`` on, column j of W is
    ``sqrt(l_j - s^2) u_j``, b is the mean (Tipping and Bishop, 1999). The columns are orthogonal,
    so that the posterior has independent coordinates.

    Parameters
    ----------
    X : tensor (n, n_inputs)
    n_latent : int, less than n_inputs
    """
    n_latent = check_integer("n_latent", n_latent, high=X.shape[1] - 1)
    values, vectors = (part.flip(-1) for part in torch.linalg.eigh(torch.cov(X.T)))
    variance = values[n_latent:].mean()
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten
        model = LinearVAE(X.shape[1], n_latent).to(X).requires_grad_(False)
    W = vectors[:, :n_latent] * (values[:n_latent] - variance).sqrt()
    model.decoder.weight.copy_(W)
    model.decoder.bias.copy_(X.mean(dim=0))
    model.log_noise.copy_(variance.log() / 2)
    covariance = model.exact_posterior(X[:1])[1]
    model.encoder.weight.copy_(covariance @ W.T / variance)
    model.encoder.bias.copy_(-model.encoder.weight @ model.decoder.bias)
    model.log_std.copy_(covariance.diagonal().log() / 2)
    return model


def reparametrized_gradients(f, mean, log_std, n_samples, *, generator=None):
    """Estimates of ``d/dmean E f(z)``, z ~ N(mean, std^2): ``df/dz (mean + std noise)``, (n, d).

    `f` maps codes (n, d) to (n,); `mean` and `log_std` are (d,). Each row is unbiased.
    """
    noise = standard_normal((n_samples, len(mean)), generator=generator, like=mean)
    z = (mean + torch.exp(log_std) * noise).detach().requires_grad_()
    return torch.autograd.grad(f(z).sum(), z)[0]


def score_gradients(f, mean, log_std, n_samples, *, generator=None):
    """Estimates of the same by the score function, ``f(z) d/dmean log q(z)``, (n, d).

    ``f(z) (z - mean) / std^2``: no derivative of `f` is needed (Williams, 1992). Each row is
    unbiased too.
    """
    noise = standard_normal((n_samples, len(mean)), generator=generator, like=mean)
    z = (mean + torch.exp(log_std) * noise).detach()
    return f(z)[:, None] * noise * torch.exp(-log_std)


def gradient_variances(f, mean, log_std, n_samples, *, generator=None):
    """Variance of one draw of each estimate of ``d/dmean E f(z)``, a mean over coordinates.

    A dict of three: the score function, the same with the baseline ``f(z) - f(mean)``, which
    changes no mean because ``E d/dmean log q(z) = 0``, and the reparametrisation.
    """

    def centred(z):
        return f(z) - f(mean[None])

    where = (mean, log_std, n_samples)
    rows = {
        "score function": score_gradients(f, *where, generator=generator),
        "with a baseline": score_gradients(centred, *where, generator=generator),
        "reparametrisation": reparametrized_gradients(f, *where, generator=generator),
    }
    return {name: values.var(dim=0).mean().item() for name, values in rows.items()}
