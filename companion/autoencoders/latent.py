"""Models with a Gaussian code: the bound that trains them, and how loose it is. Chapter: `vae`."""

import copy
import math

import torch
from torch import nn

from companion.distributions import (
    gaussian_kl,
    gaussian_log_prob,
    sample_gaussian,
    standard_normal,
)
from companion.train import descend
from companion.validation import check_integer, check_real


class LatentVariableModel(nn.Module):
    """A code ``z ~ N(0, I)``, data ``x ~ p(x | z)``, and a Gaussian guess ``q(z | x)`` of the code.

    A subclass writes `encode`, `decode`, `log_likelihood` and `draw`. Everything else is the same
    for all of them. Where both networks are told something besides, as the class of an image, all
    four take it as the keyword ``context``, (B, n_context), and so do the methods below.

    Attributes
    ----------
    beta : float
        Weight of the KL term in `loss`; 1 makes the loss minus the ELBO.
    free_bits : float
        Nats of each coordinate of the code that `loss` does not charge (Kingma et al., 2016).
    """

    def __init__(self, n_latent, *, beta=1.0, free_bits=0.0):
        super().__init__()
        self.n_latent = check_integer("n_latent", n_latent)
        self.beta = check_real("beta", beta, 0)
        self.free_bits = check_real("free_bits", free_bits, 0)

    def encode(self, x, *, generator=None):
        """Mean and log standard deviation of ``q(z | x)``, (B, *event) to two (B, n_latent)."""
        raise NotImplementedError

    def decode(self, z, *, generator=None):
        """Parameters of ``p(x | z)`` for codes (B, n_latent)."""
        raise NotImplementedError

    def log_likelihood(self, x, z, *, generator=None):
        """``log p(x | z)`` in nats, (B, *event) and (B, n_latent) to (B,)."""
        raise NotImplementedError

    def draw(self, z, *, generator=None):
        """Draw from ``p(x | z)``, (B, n_latent) to (B, *event)."""
        raise NotImplementedError

    def terms(self, x, *, context=None, posterior=None, n_samples=1, generator=None):
        """Return both terms of the ELBO: ``E_q log p(x | z)`` (B,) and KL by coordinate (B, d).

        The first is a mean over `n_samples` codes, the second exact; nats. `posterior` is a pair
        (mean, log_std) to be used in place of the encoder's.
        """
        told = with_context(context, generator=generator)
        mean, log_std = posterior or self.encode(x, **told)
        codes = (sample_gaussian(mean, log_std, generator=generator) for _ in range(n_samples))
        fit = sum(self.log_likelihood(x, z, **told) for z in codes) / n_samples
        return fit, gaussian_kl(mean.reshape(-1, 1), log_std.reshape(-1, 1)).view_as(mean)

    def elbo(self, x, *, context=None, posterior=None, n_samples=1, generator=None):
        """``E_q log p(x | z) - KL(q(z | x) || p(z))``, at most log p(x) on average; nats, (B,)."""
        how = {"context": context, "posterior": posterior, "n_samples": n_samples}
        fit, kl = self.terms(x, **how, generator=generator)
        return fit - kl.sum(dim=1)

    def loss(self, x, *, context=None, generator=None):
        """Mean of ``-E_q log p(x | z) + beta sum_j max(KL_j, free_bits)``, nats a data point.

        The KL of a coordinate is compared with `free_bits` after the mean over the batch.
        """
        fit, kl = self.terms(x, context=context, generator=generator)
        return -fit.mean() + self.beta * kl.mean(dim=0).clamp(min=self.free_bits).sum()

    @torch.no_grad()
    def sample(self, n, *, context=None, generator=None):
        """Draw codes from N(0, I) and run them through the decoder: (n, *event).

        `context` has n rows, or one for all.
        """
        like = next(self.parameters())
        z = standard_normal((n, self.n_latent), generator=generator, like=like)
        return self.draw(z, **with_context(context, generator=generator))


def with_context(context, **told):
    """Keywords for a method of a model: the context is among them only where there is one."""
    return told if context is None else told | {"context": context}


def iwae_bound(model, x, n_samples=100, *, context=None, generator=None):
    """``log 1/K sum_k p(x, z_k) / q(z_k | x)`` with z_k from q, in nats, (B,).

    K = 1 is the ELBO; the mean rises with K, to log p(x) (Burda et al., 2016).
    """
    told = with_context(context)
    mean, log_std = model.encode(x, **told)
    total = x.new_full((len(x),), -torch.inf, dtype=mean.dtype)
    for _ in range(check_integer("n_samples", n_samples)):
        z = sample_gaussian(mean, log_std, generator=generator)
        weight = gaussian_log_prob(z) - gaussian_log_prob(z, mean, log_std)
        total = torch.logaddexp(total, weight + model.log_likelihood(x, z, **told))
    return total - math.log(n_samples)


def warm_up(model, n_steps):
    """Return a callback for `train.fit` that lets ``model.beta`` rise from 0 to 1 in `n_steps`.

    Bowman et al. (2016): at first a code costs nothing, so that the decoder learns to use it.
    """
    check_integer("n_steps", n_steps)

    def callback(record):
        model.beta = min(1.0, record["step"] / n_steps)

    return callback


class UnamortizedVAE(LatentVariableModel):
    """The same decoder, and for each data point a posterior of its own: no encoder.

    Parameters
    ----------
    vae : LatentVariableModel
        Its decoder is used as it is, in evaluation mode; its encoder only gives the start.
    x : tensor (n, *event)
        The points. Means and deviations (n, n_latent) are the parameters to be learned.
    """

    def __init__(self, vae, x):
        super().__init__(vae.n_latent)
        frozen = copy.deepcopy(vae).eval().requires_grad_(False)
        self.shared = (frozen,)  # in a tuple: these weights are not among our parameters
        self.mean, self.log_std = (nn.Parameter(v.clone()) for v in frozen.encode(x))

    def _apply(self, fn, recurse=True):
        # What `to`, `double` and the others call: the decoder goes where its codes go.
        self.shared[0]._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def encode(self, x, *, generator=None):
        """Mean and log standard deviation for each of the points, in their order."""
        if len(x) != len(self.mean):
            raise ValueError(
                f"x has {len(x)} rows but there are posteriors for {len(self.mean)}: "
                "pass the points of the constructor, all of them and in their order."
            )
        return self.mean, self.log_std

    def decode(self, z, *, generator=None):
        """As the shared decoder."""
        return self.shared[0].decode(z)

    def log_likelihood(self, x, z, *, generator=None):
        """As the shared decoder."""
        return self.shared[0].log_likelihood(x, z)

    def draw(self, z, *, generator=None):
        """As the shared decoder."""
        return self.shared[0].draw(z, generator=generator)


def fit_posteriors(vae, x, *, n_steps=300, learning_rate=0.03, generator=None):
    """Give each of the points `x` a Gaussian guess of its own: an `UnamortizedVAE`.

    The guesses start at the encoder's and climb the ELBO by `n_steps` of Adam, whose steps shrink
    to nothing as a cosine.
    """
    own = UnamortizedVAE(vae, x)
    optimizer = torch.optim.Adam(own.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    for _ in range(check_integer("n_steps", n_steps)):
        descend(own.loss(x, generator=generator), optimizer)
        schedule.step()
    return own.requires_grad_(False)


def amortization_gap(vae, x, *, n_steps=300, learning_rate=0.03, n_samples=100, generator=None):
    """What each point loses because one encoder serves all: nats, (B,).

    ``ELBO(best own q) - ELBO(q of the encoder)`` for the same decoder, at least 0 but for noise.
    The best are found by `fit_posteriors`; both bounds are means over the same `n_samples` draws.
    """
    how = {"n_steps": n_steps, "learning_rate": learning_rate, "generator": generator}
    own = fit_posteriors(vae, x, **how)
    device = None if generator is None else generator.device
    seed = torch.randint(2**62, (), generator=generator, device=device).item()
    with torch.no_grad():
        best, first = (
            model.elbo(x, n_samples=n_samples, generator=torch.Generator().manual_seed(seed))
            for model in (own, own.shared[0])
        )
    return best - first
