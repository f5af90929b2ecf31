"""Random changes that leave the meaning of an image alone, each image its own. Ground floor.

Images are tensors (B, C, H, W). Every function returns new images, draws only from `generator`, and
at zero strength returns what it was given. Those that interpolate or add need float images.
"""

import math

import torch
from torch.nn import functional

from companion.distributions import standard_normal, uniform
from companion.validation import check_integer, check_real


def shift(images, offsets, *, fill=0.0):
    """Move each image by whole pixels.

    Parameters
    ----------
    images : tensor (B, C, H, W), of any type
    offsets : int tensor (B, 2)
        Rows down and columns to the right.
    fill : float
        What comes in at the edges.
    """
    batch, _, height, width = _check(images).shape
    if offsets.shape != (batch, 2):
        raise ValueError(
            f"offsets has shape {tuple(offsets.shape)} but must be ({batch}, 2): "
            "rows down and columns to the right for each image."
        )
    rows = torch.arange(height, device=images.device) - offsets[:, :1]  # (B, H)
    columns = torch.arange(width, device=images.device) - offsets[:, 1:]  # (B, W)
    outside = ((rows < 0) | (rows >= height))[:, :, None] | ((columns < 0) | (columns >= width))[
        :, None
    ]
    image = torch.arange(batch, device=images.device)[:, None, None]
    rows, columns = rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None]
    moved = images[image, :, rows, columns].movedim(-1, 1)  # (B, H, W, C) to (B, C, H, W)
    return moved.masked_fill(outside[:, None], fill)


def random_shift(images, max_shift=1, *, fill=0.0, generator=None):
    """Move each image by up to `max_shift` pixels in each direction, all moves equally likely."""
    n_moves = 2 * check_integer("max_shift", max_shift, low=0) + 1
    draw = uniform((len(_check(images)), 2), generator=generator).to(images.device)
    return shift(images, (n_moves * draw).long() - max_shift, fill=fill)


def random_flip(images, probability=0.5, *, generator=None):
    """Mirror each image from left to right with some probability."""
    check_real("probability", probability, 0, 1)
    draw = uniform((len(_check(images)), 1, 1, 1), generator=generator).to(images.device)
    return torch.where(draw < probability, images.flip(-1), images)


def affine(images, matrices, *, moves=None, padding="zeros"):
    """Turn, zoom, shear or crop, with bilinear interpolation.

    Parameters
    ----------
    images : float tensor (B, C, H, W)
    matrices : tensor (B, 2, 3)
        Pixel (x, y) of the result is taken from ``matrix @ (x, y, 1)`` of the image; x counts
        pixels to the right and y down, both from the centre.
    moves : tensor (B, 2, H, W), optional
        Pixels right and down, added to where each pixel is taken from.
    padding : {"zeros", "border", "reflection"}
        What lies outside.
    """
    height, width = _check(images).shape[-2:]
    if matrices.shape != (len(images), 2, 3):
        raise ValueError(
            f"matrices has shape {tuple(matrices.shape)} but must be ({len(images)}, 2, 3): "
            "one for each image."
        )
    y = torch.arange(height, device=images.device) - (height - 1) / 2
    x = torch.arange(width, device=images.device) - (width - 1) / 2
    grid = torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1)
    grid = functional.pad(grid, (0, 1), value=1.0).to(images)  # (H, W, 3)
    source = torch.einsum("bij,hwj->bhwi", matrices.to(images), grid)
    if moves is not None:
        source = source + moves.movedim(1, -1)
    half = torch.tensor([width / 2, height / 2], device=images.device, dtype=images.dtype)
    return functional.grid_sample(images, source / half, padding_mode=padding, align_corners=False)


def random_affine(images, *, max_angle=0.2, max_zoom=0.1, padding="zeros", generator=None):
    """Turn each image by up to `max_angle` radians and zoom it by a factor up to ``1 + max_zoom``.

    Both in either direction: angles and logarithms of the factor are uniform.
    """
    check_real("max_angle", max_angle, 0)
    check_real("max_zoom", max_zoom, 0)
    angle, zoom = 2 * uniform((2, len(_check(images))), generator=generator, like=images) - 1
    angle, zoom = max_angle * angle, torch.exp(-math.log1p(max_zoom) * zoom)
    cos, sin, zero = zoom * angle.cos(), zoom * angle.sin(), torch.zeros_like(angle)
    matrices = torch.stack([cos, -sin, zero, sin, cos, zero], dim=1).view(-1, 2, 3)
    return affine(images, matrices, padding=padding)


def random_warp(images, *, bend=0.3, shift=0.5, ripple=0.3, padding="zeros", generator=None):
    """Bend, move and ripple each image: an affine map and a smooth field of small moves.

    Parameters
    ----------
    images : float tensor (B, C, H, W)
    bend : float
        Each of the four entries of the affine map's matrix changes by up to this.
    shift : float
        Largest move in each direction, in pixels, which need not be whole.
    ripple : float
        Standard deviation of the moves of 3 x 3 points, in pixels; between these it is smooth.
    padding : {"zeros", "border", "reflection"}
        What lies outside.
    """
    batch, _, height, width = _check(images).shape
    for name, value in {"bend": bend, "shift": shift, "ripple": ripple}.items():
        check_real(name, value, 0)
    if bend == shift == ripple == 0:
        return images
    draw = 2 * uniform((batch, 2, 3), generator=generator, like=images) - 1
    reach = torch.tensor([bend, bend, shift], device=images.device, dtype=images.dtype)
    knots = ripple * standard_normal((batch, 2, 3, 3), generator=generator, like=images)
    rows, columns = (_through_three(n).to(images) for n in (height, width))
    moves = rows @ knots @ columns.T  # (B, 2, H, W)
    matrices = torch.eye(2, 3).to(images) + reach * draw
    return affine(images, matrices, moves=moves, padding=padding)


def _through_three(n):
    """Weights (n, 3) of first, middle and last value in the parabola through them, at n points."""
    t = torch.linspace(-1, 1, n)
    return torch.stack([t * (t - 1) / 2, 1 - t**2, t * (t + 1) / 2], dim=1)


def random_gamma(images, strength=1.0, *, generator=None):
    """Make each image, in [0, 1], fainter or stronger: its levels to a power.

    The logarithm of the power is uniform from ``-strength`` to ``strength``; 0 and 1 stay.
    """
    check_real("strength", strength, 0)
    _check_unit(images)
    draw = 2 * uniform((len(images), 1, 1, 1), generator=generator, like=images) - 1
    return images ** torch.exp(strength * draw)


def random_crop(images, min_area=0.5, *, max_aspect=4 / 3, generator=None):
    """Cut out a part of each image and stretch it to the full size.

    The part has a share of the area from `min_area` to 1, and is stretched by up to `max_aspect`
    in favour of either side.
    """
    check_real("min_area", min_area, 0, 1)
    check_real("max_aspect", max_aspect, 1)
    height, width = _check(images).shape[-2:]
    area, aspect, x, y = uniform((4, len(images)), generator=generator, like=images)
    area, aspect = 1 - (1 - min_area) * area, max_aspect ** (2 * aspect - 1)
    share_x, share_y = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    x, y = (x - 0.5) * (1 - share_x) * width, (y - 0.5) * (1 - share_y) * height
    zero = torch.zeros_like(x)
    matrices = torch.stack([share_x, zero, x, zero, share_y, y], dim=1).view(-1, 2, 3)
    return affine(images, matrices, padding="border")


def add_noise(images, std=0.1, *, generator=None):
    """Add Gaussian noise of standard deviation `std` to every pixel."""
    check_real("std", std, 0)
    return images + std * standard_normal(_check(images).shape, generator=generator, like=images)


def color_jitter(images, *, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.3, generator=None):
    """Change light and colours of each image, which is in [0, 1] and stays there.

    Parameters
    ----------
    images : float tensor (B, C, H, W)
        Three channels for colours; of grey images only brightness and contrast change.
    brightness, contrast, saturation : float in [0, 1]
        Half-width around 1 of the factors for the image, for its distance from its mean, and for
        the distance of colours from grey.
    hue : float
        Largest angle of a turn around the axis of greys, in radians.
    """
    strengths = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
    for name, value in strengths.items():
        check_real(name, value, 0, 1)
    _check_unit(images)
    draw = 2 * uniform((4, len(images), 1, 1, 1), generator=generator, like=images) - 1
    gain, spread, chroma = (1 + s * d for s, d in zip(strengths.values(), draw, strict=False))
    images = images * gain
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + spread * (images - mean)
    grey = images.mean(dim=1, keepdim=True)
    color = chroma * (images - grey)
    if images.shape[1] == 3:  # turned around (1, 1, 1): color cos + (axis x color) sin
        turn = check_real("hue", hue, 0) * draw[3]
        across = (color.roll(1, dims=1) - color.roll(-1, dims=1)) / math.sqrt(3)
        color = turn.cos() * color + turn.sin() * across
    return (grey + color).clamp(0, 1)


def cutout(images, size, *, fill=0.0, generator=None):
    """Blank out a square of `size` pixels in each image (DeVries and Taylor, 2017), all inside."""
    batch, _, height, width = _check(images).shape
    check_integer("size", size, low=0, high=min(height, width), remedy="the square lies inside.")
    draw = uniform((2, batch, 1), generator=generator).to(images.device)
    top, left = ((n - size + 1) * d for n, d in zip((height, width), draw, strict=True))
    rows, columns = (torch.arange(n, device=images.device) for n in (height, width))
    in_rows = (rows >= top.long()) & (rows < top.long() + size)  # (B, H)
    in_columns = (columns >= left.long()) & (columns < left.long() + size)  # (B, W)
    return images.masked_fill((in_rows[:, :, None] & in_columns[:, None])[:, None], fill)


def _check(images):
    if images.ndim != 4:
        raise ValueError(
            f"images has shape {tuple(images.shape)} but must be (B, C, H, W): "
            "add the axis of channels with images[:, None]."
        )
    return images


def _check_unit(images):
    if _check(images).min() < 0 or images.max() > 1:
        raise ValueError(
            f"images has values from {images.min():g} to {images.max():g} but must be in [0, 1]: "
            "divide by the largest grey level first."
        )
