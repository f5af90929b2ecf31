"""Which heaps of a known mixture a model draws, and how much it draws between them.

Chapter: `gan`.
"""

import torch

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
