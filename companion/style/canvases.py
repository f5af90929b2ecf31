"""Pictures that are all style, drawn from random numbers; pictures as tensors.

Chapter: `style_transfer`.
"""

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy.spatial import cKDTree
from sklearn.utils import check_random_state

from companion.validation import check_event, check_integer

GLASS = ["#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#009E73", "#CC79A7", "#F0E442"]
NIGHT = ["#0B1E4D", "#12356E", "#1D5A9E", "#3F8FC7", "#8CC0DE", "#F2C53D", "#F7E39B"]


def mosaic(size, *, n_pieces=60, random_state=0):
    """Draw pieces of coloured glass with dark leading: the cells of random points.

    Parameters
    ----------
    size : int
        Side in pixels.
    n_pieces : int
    random_state : int, RandomState or None

    Returns
    -------
    uint8 array (size, size, 3)
    """
    size = check_integer("size", size)
    n_pieces = check_integer("n_pieces", n_pieces, low=2)
    rng, side = check_random_state(random_state), 2 * size  # drawn larger, then averaged
    sites, glass = rng.rand(n_pieces, 2), rng.randint(len(GLASS), size=n_pieces)
    places = np.indices((side, side)).reshape(2, -1).T / side
    distances, nearest = cKDTree(sites).query(places, k=2)
    pixels = rgb(GLASS)[glass[nearest[:, 0]]] * (0.8 + 0.3 * rng.rand(n_pieces, 1))[nearest[:, 0]]
    apart = np.linalg.norm(sites[nearest[:, 0]] - sites[nearest[:, 1]], axis=1)
    to_border = (distances[:, 1] ** 2 - distances[:, 0] ** 2) / (2 * apart)
    pixels[to_border < 0.006] = 16
    image = pixels.clip(0, 255).astype(np.uint8).reshape(side, side, 3)
    return np.array(Image.fromarray(image).resize((size, size), Image.Resampling.BOX))


def strokes(size, *, n_strokes=2600, random_state=0):
    """Draw brush strokes, blue and yellow, that follow whirls.

    Parameters
    ----------
    size : int
        Side in pixels.
    n_strokes : int
    random_state : int, RandomState or None

    Returns
    -------
    uint8 array (size, size, 3)
    """
    size = check_integer("size", size)
    n_strokes = check_integer("n_strokes", n_strokes)
    rng, side = check_random_state(random_state), 3 * size
    whirls, turns = rng.rand(7, 2), rng.choice([-1.0, 1.0], 7)
    canvas = Image.new("RGB", (side, side), NIGHT[1])
    pen, step = ImageDraw.Draw(canvas), 0.007
    for start in rng.rand(n_strokes, 2) * 1.1 - 0.05:
        path, distance = [start], np.linalg.norm(start - whirls, axis=1).min()
        for _ in range(6):
            away = path[-1] - whirls
            pull = turns / (0.01 + (away**2).sum(axis=1))
            along = pull @ np.stack([-away[:, 1], away[:, 0]], axis=1) + (1e-6, 0)
            path.append(path[-1] + step * along / np.linalg.norm(along))
        near = distance + 0.02 * rng.randn() < 0.08
        color = NIGHT[rng.randint(5, 7) if near else rng.randint(5)]
        pen.line(
            [tuple(side * p) for p in path],
            fill=color,
            width=max(round(0.011 * side), 1),
            joint="curve",
        )
    return np.array(canvas.resize((size, size), Image.Resampling.BOX))


def rgb(colors):
    """Red, green and blue of names like ``"#0072B2"``, from 0 to 255."""
    return np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colors], dtype=float)


def to_image(pixels):
    """Turn a uint8 array (H, W, 3) into a float tensor (1, 3, H, W) with values in [0, 1]."""
    return torch.tensor(np.asarray(pixels)).permute(2, 0, 1)[None].contiguous() / 255


def check_image(name, image):
    """Return colour images (B, 3, H, W) in [0, 1], or raise a `ValueError`."""
    check_event(name, image, (3, None, None))
    low, high = float(image.min()), float(image.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"{name} has values from {low:g} to {high:g} but must be in [0, 1]: divide bytes "
            "by 255, and subtract no means, the network does that."
        )
    return image


def recolour(content, style):
    """Give the pixels of an image the mean and covariance of another one's, by a linear map.

    No network: the honest baseline of style transfer, and a start for its search. What leaves
    [0, 1] is clipped.

    Parameters
    ----------
    content, style : tensor (1, 3, H, W) and (1, 3, h, w)
        Values in [0, 1].

    Returns
    -------
    tensor (1, 3, H, W)
    """
    pixels, wanted = (
        check_image(name, image)[0].flatten(1).double()
        for name, image in (("content", content), ("style", style))
    )
    least = 1e-6 * torch.eye(3).to(pixels)  # for grey pictures
    roots = [torch.linalg.cholesky(torch.cov(p) + least) for p in (pixels, wanted)]
    shift, goal = (p.mean(dim=1, keepdim=True) for p in (pixels, wanted))
    moved = roots[1] @ torch.linalg.solve(roots[0], pixels - shift) + goal
    return moved.clamp(0, 1).to(content).view_as(content)
