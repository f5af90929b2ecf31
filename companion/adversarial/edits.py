"""Edits of an inverted image: directions of the code along which something visible changes.

Chapter: `inversion`.
"""

import torch

from companion.distributions import sum_event


def attribute_directions(z, values):
    """Directions along which attributes of images rise, by linear regression on their codes.

    Parameters
    ----------
    z : tensor (n, n_latent)
    values : tensor (n, n_attributes)

    Returns
    -------
    directions : tensor (n_attributes, n_latent)
        A step of one along a direction's own unit vector raises the attribute by its length.
    r2 : tensor (n_attributes,)
        Share of the attributes' variance that the regression explains.
    """
    if len(z) <= z.shape[1] + 1 or values.ndim != 2 or len(values) != len(z):
        raise ValueError(
            f"values has shape {tuple(values.shape)} and z {tuple(z.shape)}: give a row a code, "
            "and more rows than codes have numbers."
        )
    z, values = z - z.mean(dim=0), values - values.mean(dim=0)
    slopes = torch.linalg.lstsq(z, values).solution  # (n_latent, n_attributes)
    rest = ((values - z @ slopes) ** 2).sum(dim=0)
    return slopes.T, 1 - rest / (values**2).sum(dim=0)


def ink_moments(images):
    """Attributes of images (n, 1, H, W) with ink at least 0: how much ink, and how far it leans.

    Returns
    -------
    tensor (n, 2)
        Mean ink of a pixel, and the slope ``-cov(row, column) / var(row)`` of the ink: columns to
        the right for each row further up; 0 for blank images.
    """
    ink = images[:, 0].clamp_min(0)
    ink = ink if ink.is_floating_point() else ink.to(torch.get_default_dtype())
    height, width = ink.shape[1:]
    row = torch.arange(height, dtype=ink.dtype, device=ink.device)[:, None]
    column = torch.arange(width, dtype=ink.dtype, device=ink.device)
    total = ink.sum(dim=(1, 2)).clamp_min(1e-6)
    share = ink / total[:, None, None]
    row = row - (share * row).sum(dim=(1, 2))[:, None, None]
    column = column - (share * column).sum(dim=(1, 2))[:, None, None]
    spread = (share * row**2).sum(dim=(1, 2)).clamp_min(1e-6)
    lean = -(share * row * column).sum(dim=(1, 2)) / spread
    return torch.stack([sum_event(ink) / (height * width), lean], dim=1)
