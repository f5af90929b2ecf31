"""Light and chroma: nothing is lost, greys have no chroma, the palette is that which occurs."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2yuv

from companion import data
from companion.selfsupervised.colors import grid_palette, join_colors, nearest_color, split_colors
from tests.contracts import seeded


def levels(shape, seed=0):
    return torch.randint(256, shape, generator=seeded(seed)).to(torch.uint8)


def test_split_and_joined_colours_are_what_they_were():
    x = levels((5, 3, 7, 4))
    torch.testing.assert_close(join_colors(*split_colors(x)), x / 255, atol=1e-5, rtol=0)


def test_light_and_chroma_are_those_of_scikit_image_up_to_its_units():
    x = levels((1, 3, 9, 9))
    grey, chroma = split_colors(x)
    y, u, v = np.moveaxis(rgb2yuv(x[0].movedim(0, -1).numpy()), -1, 0)
    np.testing.assert_allclose(grey[0, 0], y, atol=1e-5)
    np.testing.assert_allclose(0.877 * chroma[0, 0], v, atol=2e-3)
    np.testing.assert_allclose(0.492 * chroma[0, 1], u, atol=2e-3)


def test_greys_have_no_chroma():
    x = levels((4, 1, 6, 6)).expand(-1, 3, -1, -1)
    grey, chroma = split_colors(x)
    assert chroma.abs().max() < 1e-6
    torch.testing.assert_close(grey, x[:, :1] / 255)


def test_the_nearest_colour_is_found():
    chroma, palette = (
        torch.randn(2, 2, 3, 5, generator=seeded()),
        torch.randn(6, 2, generator=seeded(1)),
    )
    found = nearest_color(chroma, palette)
    for b, i, j in np.ndindex(2, 3, 5):
        away = [np.hypot(*(chroma[b, :, i, j] - color).tolist()) for color in palette]
        assert found[b, i, j] == np.argmin(away)


def test_the_palette_holds_the_cells_that_occur():
    photo = torch.from_numpy(data.photos()["flower"]).permute(2, 0, 1)[None, :, ::4, ::4]
    chroma = split_colors(photo)[1]
    palette = grid_palette(chroma, 0.1, 1e-3)
    away = (chroma - palette[nearest_color(chroma, palette)].permute(0, 3, 1, 2)).abs()
    assert (away.amax(1) < 0.051).double().mean() > 0.97
    assert len(palette.unique(dim=0)) == len(palette)


def test_what_is_no_colour_image_is_refused():
    with pytest.raises(ValueError, match="images has shape"):
        split_colors(levels((2, 1, 4, 4)))
    with pytest.raises(ValueError, match="fractions"):
        split_colors(torch.rand(2, 3, 4, 4))
