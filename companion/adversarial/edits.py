"""Edits of an inverted image: directions of the code along which something visible changes.

Chapter: `inversion`.
"""

import torch

from companion.distributions import sum_event


def attribute_directions(z, values, groups=None):
    """How codes move on average when an attribute rises by one and the others stay.

    Linear regression of the codes on the attributes. With `groups` every group has a mean of its
    own, so that a direction does not lead from one group to another.

    Parameters
    ----------
    z : tensor (n, n_latent)
    values : tensor (n, n_attributes)
    groups : integer tensor (n,), optional
        The class of each image, say.

    Returns
    -------
    tensor (n_attributes, n_latent)
    """
    if values.ndim != 2 or len(values) != len(z) or len(z) <= values.shape[1]:
        raise ValueError(
            f"values has shape {tuple(values.shape)} and z {tuple(z.shape)}: give a row a code, "
            "and more rows than attributes."
        )
    groups = torch.zeros(len(z), dtype=torch.long, device=z.device) if groups is None else groups
    z, values = (centered(part, groups) for part in (z, values.to(z.dtype)))
    return torch.linalg.lstsq(values, z).solution


def centered(points, groups):
    """Points (n, d) minus the mean of their group, (n,)."""
    centers = torch.zeros_like(points)
    for group in groups.unique():
        centers[groups == group] = points[groups == group].mean(dim=0)
    return points - centers


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
