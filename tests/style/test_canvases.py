"""Drawn pictures: their shape, their randomness, where the leading lies."""

import numpy as np
import pytest
import torch

from companion import data
from companion.style.canvases import check_image, mosaic, recolour, strokes, to_image
from tests.contracts import seeded


@pytest.mark.parametrize("draw", [mosaic, strokes])
def test_canvases_are_pictures_that_follow_their_random_state(draw):
    picture = draw(24)
    assert picture.shape == (24, 24, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 25
    assert np.array_equal(picture, draw(24, random_state=0))
    assert not np.array_equal(picture, draw(24, random_state=1))
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    draw(24)
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_the_leading_of_a_mosaic_lies_between_two_pieces():
    picture = mosaic(120, n_pieces=2, random_state=3)
    dark = (picture < 40).all(axis=2)
    assert 0 < dark.mean() < 0.1
    assert len(np.unique(picture[~dark].reshape(-1, 3), axis=0)) >= 2
    with pytest.raises(ValueError, match="n_pieces=1"):
        mosaic(10, n_pieces=1)


def test_pixels_to_image():
    pixels = data.picture("cat", size=37)
    image = to_image(pixels)
    assert image.shape == (1, 3, 37, 37)
    assert image.dtype == torch.float32
    assert image.is_contiguous()
    np.testing.assert_allclose(image[0, 2, 5, 7], pixels[5, 7, 2] / 255)


def test_images_are_checked():
    assert check_image("x", torch.zeros(1, 3, 2, 2)).shape == (1, 3, 2, 2)
    for wrong in (torch.full((1, 3, 2, 2), 255.0), torch.full((1, 3, 2, 2), float("nan"))):
        with pytest.raises(ValueError, match="divide bytes by 255"):
            check_image("x", wrong)
    with pytest.raises(ValueError, match="x has shape"):
        check_image("x", torch.zeros(3, 2, 2))


def random_image(height, width, seed=0):
    return torch.rand(1, 3, height, width, generator=seeded(seed), dtype=torch.float64)


def test_recolour_gives_mean_and_covariance_of_the_style():
    content, style = random_image(13, 11) / 4 + 0.4, random_image(9, 16, seed=2) / 8 + 0.4
    found, told = (x[0].flatten(1) for x in (recolour(content, style), style))
    torch.testing.assert_close(found.mean(dim=1), told.mean(dim=1))
    torch.testing.assert_close(torch.cov(found), torch.cov(told), rtol=0.01, atol=1e-5)
    assert recolour(content.float(), style).dtype == torch.float32


def test_recolour_keeps_the_range_and_makes_grey_of_grey():
    grey = random_image(9, 16, seed=2)[:, :1].expand(-1, 3, -1, -1)
    found = recolour(random_image(13, 11), grey)
    assert 0 <= found.min() <= found.max() <= 1
    assert (found.amax(dim=1) - found.amin(dim=1)).max() < 0.02
    torch.testing.assert_close(recolour(grey, grey), grey)
    with pytest.raises(ValueError, match="content has values"):
        recolour(2 * grey, grey)
