"""Densities and samplers that the models share; torch's own samplers take no generator.

Log-probabilities are in nats. Functions named ``..._log_prob`` and ``gaussian_kl`` sum over all but
the first axis, one number for each data point; those of grey levels are element by element, and the
caller sums. Draws are made on the generator's device and moved to where they are needed.

Ground floor.
"""

import math

import torch
from torch.nn import functional

from companion.validation import check_integer, check_levels, check_real


def uniform(shape, *, generator=None, like=None):
    """Draw from U[0, 1); `like` gives device and type of the result."""
    return _draw(torch.rand, shape, generator, like)


def standard_normal(shape, *, generator=None, like=None):
    """Draw from N(0, 1); `like` gives device and type of the result."""
    return _draw(torch.randn, shape, generator, like)


def _draw(sampler, shape, generator, like):
    like = torch.empty(0) if like is None else like
    device = like.device if generator is None else generator.device
    return sampler(shape, generator=generator, device=device, dtype=like.dtype).to(like.device)


def sum_event(values):
    """Sum over all axes but the first: (B, *event) to (B,)."""
    return values.reshape(len(values), -1).sum(dim=1)


# Gaussians with a diagonal covariance, given by mean and logarithm of the standard deviation.


def gaussian_log_prob(x, mean=0.0, log_std=0.0):
    """Log-density of a diagonal Gaussian, (B, *event) to (B,), in nats; standard by default.

    ``sum_d -((x - mean) / std)^2 / 2 - log std - log(2 pi) / 2``
    """
    log_std = torch.as_tensor(log_std, dtype=x.dtype, device=x.device)
    z = (x - mean) * torch.exp(-log_std)
    return sum_event(-0.5 * z**2 - log_std - 0.5 * math.log(2 * math.pi))


def gaussian_kl(mean_a, log_std_a, mean_b=0.0, log_std_b=0.0):
    """``KL(a || b)`` of diagonal Gaussians, (B, *event) to (B,), in nats; b standard by default.

    ``sum_d log(std_b / std_a) + (std_a^2 + (mean_a - mean_b)^2) / (2 std_b^2) - 1/2``
    """
    log_std_b = torch.as_tensor(log_std_b, dtype=mean_a.dtype, device=mean_a.device)
    variance = torch.exp(2 * (log_std_a - log_std_b))
    distance = ((mean_a - mean_b) * torch.exp(-log_std_b)) ** 2
    return sum_event(log_std_b - log_std_a + 0.5 * (variance + distance - 1))


def sample_gaussian(mean, log_std, *, generator=None):
    """Draw ``mean + std * noise``: gradients flow to mean and std (the reparametrisation)."""
    shape = torch.broadcast_shapes(mean.shape, log_std.shape)
    return mean + torch.exp(log_std) * standard_normal(shape, generator=generator, like=mean)


# Choices.


def sample_categorical(logits, temperature=1.0, *, generator=None):
    """Draw an index from ``softmax(logits / temperature)``, (..., K) to int64 (...).

    The largest of ``logits / temperature + noise`` where the noise is Gumbel's, ``-log(-log u)``.
    What has a logit of minus infinity is never drawn. The temperature, above 0, is a number or a
    tensor that can be broadcast against the logits.
    """
    least = temperature.min().item() if torch.is_tensor(temperature) else temperature
    remedy = "1e-3 draws what is likeliest, almost surely."
    check_real("temperature", least, 0, inclusive=False, remedy=remedy)
    u = uniform(logits.shape, generator=generator, like=logits)
    gumbel = -torch.log(-torch.log(u.clamp_min(torch.finfo(u.dtype).tiny)))
    return (logits / temperature + gumbel).argmax(dim=-1)


def bernoulli_log_prob(x, logits):
    """Log-probability of zeros and ones, or minus the cross-entropy of shares in [0, 1].

    ``sum_d x log p + (1 - x) log(1 - p)`` with ``p = sigmoid(logits)``; (B, *event) to (B,), nats.
    """
    if x.numel() and not (x.min() >= 0 and x.max() <= 1):
        low, high = float(x.min()), float(x.max())
        raise ValueError(f"x has values from {low:g} to {high:g}, not shares: divide by the top.")
    return -sum_event(functional.binary_cross_entropy_with_logits(logits, x, reduction="none"))


def sample_bernoulli(logits, *, generator=None):
    """Draw zeros and ones with probability ``sigmoid(logits)``, of the shape of `logits`."""
    draw = uniform(logits.shape, generator=generator, like=logits)
    return (draw < torch.sigmoid(logits)).to(logits.dtype)


# Grey levels 0 ... n_levels - 1, and mixtures.


def discretized_logistic_log_prob(x, mean, log_scale, *, n_levels):
    """Log-probability of grey levels whose noise is logistic, element by element, in nats.

    Level x has the mass between x - 1/2 and x + 1/2, the two extreme levels the tails too, so that
    it sums to 1 over the levels (Kingma et al., 2016). With edges ``a < b`` in units of the scale,
    ``log(s(b) - s(a)) = log s(b) + log s(-a) + log(1 - e^(a - b))``: no difference of near equals.

    Parameters
    ----------
    x : tensor (...)
        Whole numbers from 0 to n_levels - 1, of any type.
    mean, log_scale : tensor, broadcast against x
        In grey levels.
    n_levels : int
        17 for the digits.

    Returns
    -------
    tensor (...)
    """
    check_integer("n_levels", n_levels, low=2)
    x, precision = check_levels("x", x, n_levels).to(mean.dtype), torch.exp(-log_scale)
    below = functional.logsigmoid((x + 0.5 - mean) * precision)
    above = functional.logsigmoid((mean - x + 0.5) * precision)
    width = torch.log(-torch.expm1(-precision)).expand(below.shape)
    first, last = x == 0, x == n_levels - 1
    return (
        below.masked_fill(last, 0)
        + above.masked_fill(first, 0)
        + width.masked_fill(first | last, 0)
    )


def sample_discretized_logistic(mean, log_scale, *, n_levels, generator=None):
    """Draw grey levels, as floats 0 ... n_levels - 1, of the shape of `mean`."""
    u = uniform(mean.shape, generator=generator, like=mean)
    noise = torch.logit(u, eps=torch.finfo(u.dtype).eps)
    return (mean + torch.exp(log_scale) * noise).round().clamp(0, n_levels - 1)


def mixture_log_prob(logits, component_log_probs):
    """``log sum_k softmax(logits)_k p_k`` from log-probabilities, (..., K) to (...), in nats."""
    return torch.logsumexp(functional.log_softmax(logits, dim=-1) + component_log_probs, dim=-1)


def logistic_mixture_log_prob(x, logits, means, log_scales, *, n_levels):
    """Log-probability of grey levels (...) under mixtures of K discretised logistics, nats.

    `logits`, `means` and `log_scales` are (..., K) (Salimans et al., 2017).
    """
    components = discretized_logistic_log_prob(x[..., None], means, log_scales, n_levels=n_levels)
    return mixture_log_prob(logits, components)


def sample_logistic_mixture(logits, means, log_scales, *, n_levels, generator=None):
    """Draw grey levels from mixtures of discretised logistics, (..., K) to float (...)."""
    component = sample_categorical(logits, generator=generator)[..., None]
    mean, log_scale = (v.gather(-1, component)[..., 0] for v in (means, log_scales))
    return sample_discretized_logistic(mean, log_scale, n_levels=n_levels, generator=generator)
