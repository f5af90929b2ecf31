"""Inversion: the code from which a generator makes a given image.

Chapter: `inversion`.
"""

from typing import NamedTuple

import torch
from torch import nn

from companion.adversarial.gan import frozen
from companion.validation import check_choice, check_integer, check_real


class Inversion(NamedTuple):
    """Codes of images, and how they were found.

    Attributes
    ----------
    z : tensor (n, n_latent)
        The best code found for each image.
    errors : tensor (n,)
        Mean squared difference of an entry, in the data's own unit squared.
    path : tensor (n_steps + 1, n_starts, n)
        The same, from each start and after each step.
    """

    z: torch.Tensor
    errors: torch.Tensor
    path: torch.Tensor


def unit(gan):
    """How much of the data's own unit is one as the networks see it."""
    return 1.0 if gan.n_levels is None else (gan.n_levels - 1) / 2


def mean_event(values):
    """Mean over all axes but the first: (B, *event) to (B,)."""
    return values.flatten(1).mean(dim=1)


@torch.no_grad()
def reconstruction_error(gan, z, images):
    """Mean squared difference of G(z) and images, in the data's own unit squared, (n,)."""
    return unit(gan) ** 2 * mean_event((gan.generate(z) - gan.prepare(images)) ** 2)


def inversion_objective(gan, z, target, *, encoder=None, domain=0.0, prior=0.0):
    """What codes (B, n_latent) of images (B, *event) should make small: (B,).

    ``|G(z) - x|^2 / n_entries + (domain |E(G(z)) - z|^2 + prior |z|^2) / n_latent``
    """
    image = gan.generate(z)
    value = mean_event((image - target) ** 2)
    if domain:
        value = value + domain * ((encoder(image) - z) ** 2).mean(dim=1)
    return value + prior * (z**2).mean(dim=1)


def invert_by_optimization(
    gan,
    images,
    n_steps=200,
    *,
    start=None,
    n_starts=1,
    method="adam",
    learning_rate=0.1,
    encoder=None,
    domain=0.0,
    prior=0.0,
    generator=None,
):
    """Find codes by descent on the reconstruction error; the generator stays as it is.

    Parameters
    ----------
    gan : GAN
    images : tensor (n, *event)
        Data as the model was trained on: whole levels, where it has them.
    n_steps : int
    start : tensor (n, n_latent), optional
        Codes to begin with. Without it they are drawn from N(0, I).
    n_starts : int
        Draws for each image; the one that ends lowest is returned.
    method : {"adam", "lbfgs"}
        Adam lets its rate fall to zero as a cosine. L-BFGS searches along a line at each step, for
        all images at once.
    learning_rate : float
    encoder : InversionEncoder, optional
        For `domain`.
    domain, prior : float
        Weights of the two terms that keep codes where the generator knows its way, see
        `inversion_objective`.
    generator : torch.Generator, optional

    Returns
    -------
    Inversion
    """
    check_choice("method", method, ("adam", "lbfgs"))
    check_integer("n_steps", n_steps, low=0)
    domain, prior = check_real("domain", domain, 0), check_real("prior", prior, 0)
    if domain and encoder is None:
        raise ValueError(f"domain={domain} asks an encoder: pass encoder=InversionEncoder(...).")
    if start is not None and (check_integer("n_starts", n_starts) > 1 or len(start) != len(images)):
        raise ValueError(
            f"start has {len(start)} codes for {len(images)} images and n_starts={n_starts}: "
            "give one code an image and n_starts=1, or no start."
        )
    target = gan.prepare(images)
    target = target.repeat(check_integer("n_starts", n_starts), *[1] * (target.ndim - 1))
    z = gan.noise(len(target), generator=generator) if start is None else start.detach().clone()
    z.requires_grad_()
    path, shape = [], (n_starts, len(images))

    def values():
        return inversion_objective(gan, z, target, encoder=encoder, domain=domain, prior=prior)

    def errors():
        with torch.no_grad():
            return unit(gan) ** 2 * mean_event((gan.generate(z) - target) ** 2).view(shape)

    with torch.enable_grad(), frozen(gan):
        for _ in descent(z, values, n_steps, method, learning_rate):
            path.append(errors())
        path.append(errors())
    with torch.no_grad():
        best = values().view(shape).argmin(dim=0)
    at = torch.arange(len(images), device=best.device)
    return Inversion(z.detach().view(*shape, -1)[best, at], path[-1][best, at], torch.stack(path))


def descent(z, values, n_steps, method="adam", learning_rate=0.1):
    """Move z down the sum of ``values()``; yield before each of the steps.

    Adam treats every number of z apart, so rows do not disturb each other.
    """
    options = {"max_iter": 1, "line_search_fn": "strong_wolfe", "history_size": 20}
    if method == "adam":
        optimizer = torch.optim.Adam([z], learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(n_steps, 1))
    else:
        optimizer, schedule = torch.optim.LBFGS([z], 1.0, **options), None

    def closure():
        total = values().sum()
        (z.grad,) = torch.autograd.grad(total, z)
        return total.detach()

    for _ in range(n_steps):
        yield
        optimizer.step(closure)
        if schedule is not None:
            schedule.step()


class InversionEncoder(nn.Module):
    """An encoder that learns to undo a generator, which stays as it is (Zhu et al., 2020).

    Parameters
    ----------
    gan : GAN
        Trained; its weights are frozen here.
    network : nn.Module
        Images as the generator makes them, (B, *event), to codes (B, n_latent).
    pairs : float
        Weight of ``|E(G(z)) - z|^2`` for drawn codes.
    pixels : float
        Weight of ``|G(E(x)) - x|^2`` for real images.
    realism : float
        Weight of the generator's own loss on reconstructions: the discriminator should take them
        for real.
    prior : float
        Weight of `moment_distance` of the codes of real images.
    """

    def __init__(self, gan, network, *, pairs=1.0, pixels=0.0, realism=0.0, prior=0.0):
        super().__init__()
        self.gan, self.network = gan.requires_grad_(False), network
        weights = {"pairs": pairs, "pixels": pixels, "realism": realism, "prior": prior}
        self.weights = {name: check_real(name, value, 0) for name, value in weights.items()}
        if not any(self.weights.values()):
            raise ValueError(f"the weights are {self.weights}: give at least one above 0.")

    def forward(self, image):
        """Codes of images in the networks' scale, (B, *event) to (B, n_latent)."""
        return self.network(image)

    def encode(self, x):
        """Codes of data, (B, *event) to (B, n_latent)."""
        return self.network(self.gan.prepare(x))

    def decode(self, z):
        """What the generator makes of codes, as the networks see it."""
        return self.gan.generate(z)

    def terms(self, x, *, generator=None):
        """The four terms of the loss without their weights, a dict of scalars.

        Those whose weight is 0 are left out.
        """
        found = {}
        if self.weights["pairs"]:
            z = self.gan.noise(len(x), generator=generator)
            found["pairs"] = ((self.network(self.gan.generate(z)) - z) ** 2).mean()
        if any(self.weights[name] for name in ("pixels", "realism", "prior")):
            real = self.gan.prepare(x)
            z = self.network(real)
            image = self.gan.generate(z)
            found["pixels"] = ((image - real) ** 2).mean()
            found["realism"] = self.gan.generator_value(real, image)
            found["prior"] = moment_distance(z)
        return {name: value for name, value in found.items() if self.weights[name]}

    def loss(self, x, *, generator=None):
        """The weighted sum of the terms for data x, (B, *event): a scalar."""
        return sum(self.weights[k] * v for k, v in self.terms(x, generator=generator).items())


def moment_distance(z):
    """How far codes (B, n_latent) are from N(0, I) by mean and covariance, a scalar.

    ``(|mean|^2 + |cov - I|_F^2) / n_latent``. A batch of B codes that were drawn from N(0, I) has
    ``1 / B + (n_latent + 1) / (B - 1)`` on average.
    """
    if check_integer("the number of codes", len(z), low=2) and z.ndim != 2:
        raise ValueError(f"z has shape {tuple(z.shape)} but must be (B, n_latent): flatten it.")
    centered = z - z.mean(dim=0)
    covariance = centered.T @ centered / (len(z) - 1)
    off = covariance - torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
    return ((z.mean(dim=0) ** 2).sum() + (off**2).sum()) / z.shape[1]


def invert_hybrid(encoder, images, n_steps=200, *, domain=0.0, **options):
    """Begin at the encoder's codes and descend: `invert_by_optimization` from there.

    Parameters
    ----------
    encoder : InversionEncoder
    images : tensor (n, *event)
    n_steps : int
    domain : float
        Weight of ``|E(G(z)) - z|^2``: codes stay where the encoder would have put them.
    **options
        Passed on: method, learning_rate, prior.

    Returns
    -------
    Inversion
    """
    with torch.no_grad():
        start = encoder.encode(images)
    return invert_by_optimization(
        encoder.gan, images, n_steps, start=start, encoder=encoder, domain=domain, **options
    )


@torch.no_grad()
def nearest_sample(gan, images, n=10_000, *, generator=None):
    """The code, of `n` that are drawn, whose image is nearest: an `Inversion` without a search."""
    z = gan.noise(check_integer("n", n), generator=generator)
    made, target = gan.generate(z).flatten(1), gan.prepare(images).flatten(1)
    best = torch.cdist(target, made).argmin(dim=1)
    errors = reconstruction_error(gan, z[best], images)
    return Inversion(z[best], errors, errors[None, None])
