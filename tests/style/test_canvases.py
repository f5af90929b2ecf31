"""Drawn pictures: their shape, their randomness, where the leading lies."""

import numpy as np
import pytest
import torch

from companion import data
from companion.style.canvases import check_image, mosaic, strokes, to_image


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
