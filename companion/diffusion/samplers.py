"""Ways back from noise to data, all of one signature.

Chapter: `diffusion`.
"""

from itertools import pairwise

import torch

from companion.distributions import standard_normal
from companion.validation import check_integer, check_real


def start(model, n, generator):
    """Noise for the end of the chain, (n, *event)."""
    like = next(model.parameters())
    return standard_normal((n, *model.event_shape), generator=generator, like=like)


@torch.no_grad()
def ddpm_sample(model, n, context=None, *, generator=None, path=None):
    """Take all steps back, each with its noise: ancestral sampling (Ho et al., 2020).

    Parameters
    ----------
    model : DiffusionModel
    n : int
    context : tensor (n, n_context), optional
    generator : torch.Generator, optional
    path : list, optional
        Gets what the chain holds after each step, scaled.

    Returns
    -------
    tensor (n, *event)
        Levels where the model's data are.
    """
    x = start(model, n, generator)
    for step in range(model.n_steps, 0, -1):
        t = torch.full((n,), step, device=x.device)
        mean, variance = model.backward(x, t, context)
        x = mean
        if step > 1:
            x = x + variance.sqrt() * standard_normal(x.shape, generator=generator, like=x)
        if path is not None:
            path.append(x)
    return model.levels(x)


def chosen_steps(n_steps, n_taken):
    """Which steps are taken, from T down to 0: int list of n_taken + 1, as even as can be.

    >>> chosen_steps(10, 3)
    [10, 7, 3, 0]
    """
    check_integer("n_taken", n_taken, high=n_steps, remedy="a step can be taken once.")
    return torch.linspace(n_steps, 0, n_taken + 1, dtype=torch.float64).round().int().tolist()


def ddim_step(x, noise, kept, kept_after, eta=0.0, fresh=None):
    """One step of DDIM, as long as you like: from ``alpha_bar = kept`` to `kept_after`.

    ``x_0`` is what x and its noise say; then ``sqrt(ab') x_0 + sqrt(1 - ab' - s^2) eps + s fresh``
    with ``s^2 = eta^2 (1 - ab') / (1 - ab) (1 - ab / ab')`` (Song, Meng and Ermon, 2021).
    """
    x0 = (x - (1 - kept).sqrt() * noise) / kept.sqrt()
    variance = torch.zeros_like(kept)  # also where kept is 1, on the way from an image to its noise
    if eta > 0:
        variance = eta**2 * (1 - kept_after) / (1 - kept) * (1 - kept / kept_after)
    direction = (1 - kept_after - variance).sqrt()  # not negative for eta from 0 to 1
    x = kept_after.sqrt() * x0 + direction * noise
    return x if fresh is None else x + variance.sqrt() * fresh


@torch.no_grad()
def ddim_sample(
    model, n, context=None, *, n_taken=None, eta=0.0, generator=None, path=None, z=None
):
    """Take few long steps back; with ``eta = 0`` without new noise (Song, Meng and Ermon, 2021).

    Parameters
    ----------
    model : DiffusionModel
    n : int
    context : tensor (n, n_context), optional
    n_taken : int, optional
        Steps taken, by default all. The last ends at data: there ``alpha_bar`` is 1.
    eta : float in [0, 1]
        1 has the noise of `ddpm_sample`.
    generator, path
        As for `ddpm_sample`.
    z : tensor (n, *event), optional
        Noise to begin with; by default it is drawn.

    Returns
    -------
    tensor (n, *event)
        Levels where the model's data are.
    """
    eta = check_real("eta", eta, 0, 1)
    x = start(model, n, generator) if z is None else z
    steps = chosen_steps(model.n_steps, model.n_steps if n_taken is None else n_taken)
    for now, after in pairwise(steps):
        t = torch.full((n,), now, device=x.device)
        noise = model.noise(x, t, context)
        fresh = None
        if eta > 0 and after > 0:
            fresh = standard_normal(x.shape, generator=generator, like=x)
        x = ddim_step(x, noise, model.alpha_bar[now], model.alpha_bar[after], eta, fresh)
        if path is not None:
            path.append(x)
    return model.levels(x)
