"""Colour apart from light: one grey and two chroma values for each pixel, and a palette.

Chapter: `pretext`.
"""

import torch

from companion.data.shapes import LUMA
from companion.validation import check_event, check_levels


def split_colors(images):
    """Grey (B, 1, H, W) and chroma (B, 2, H, W) of levels (B, 3, H, W) from 0 to 255.

    ``y = 0.299 r + 0.587 g + 0.114 b`` from 0 to 1; chroma is ``(r - y, b - y)``, zero for greys.
    """
    x = check_levels("images", check_event("images", images, (3, None, None)), 256)
    x = x.to(torch.float32) / 255
    grey = sum(weight * x[:, i : i + 1] for i, weight in enumerate(LUMA.tolist()))
    return grey, torch.cat([x[:, :1] - grey, x[:, 2:] - grey], dim=1)


def join_colors(grey, chroma):
    """Colours in [0, 1], (B, 3, H, W), that have this light and chroma; what is outside is cut."""
    red, blue = grey + chroma[:, :1], grey + chroma[:, 1:]
    green = (grey - LUMA[0].item() * red - LUMA[2].item() * blue) / LUMA[1].item()
    return torch.cat([red, green, blue], dim=1).clamp(0, 1)


def nearest_color(chroma, palette):
    """Number of the palette's colour (K, 2) nearest to each chroma (B, 2, H, W): (B, H, W)."""
    points = chroma.movedim(1, -1)
    squares = (points.unsqueeze(-2) - palette).square().sum(dim=-1)  # (B, H, W, K)
    return squares.argmin(dim=-1)


def grid_palette(chroma, step=0.08, share=1e-3):
    """Colours (K, 2) on a grid of this step, near which at least this share of pixels lies.

    Zhang et al., 2016: the corners of the grid that occur.
    """
    cells = (chroma.movedim(1, -1).reshape(-1, 2) / step).round()
    found, counts = cells.unique(dim=0, return_counts=True)
    return found[counts >= share * len(cells)] * step
