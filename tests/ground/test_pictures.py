"""Pictures are scikit-image's and scikit-learn's; a square of them is their middle."""

import numpy as np
import pytest
import skimage.data
from sklearn.datasets import load_sample_image

from companion import data


@pytest.mark.parametrize("name", data.PICTURES)
def test_every_picture_is_there_without_a_network(name):
    image = data.picture(name)
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert min(image.shape[:2]) >= 256, "big enough for a page"
    assert image.std() > 5
    image[0, 0] ^= 1  # writable, and the next call is not affected
    assert not np.array_equal(image, data.picture(name))


def test_pictures_are_the_libraries():
    assert np.array_equal(data.picture("cat"), skimage.data.chelsea())
    assert np.array_equal(data.picture("astronaut"), skimage.data.astronaut())
    assert np.array_equal(data.picture("brick")[..., 1], skimage.data.brick())
    assert np.array_equal(data.picture("china"), load_sample_image("china.jpg"))


def test_a_square_is_the_middle_of_the_picture():
    whole = data.picture("cat").astype(float)  # 300 x 451
    middle = whole[:, 75:375].reshape(100, 3, 100, 3, 3).mean(axis=(1, 3))
    square = data.picture("cat", size=100)
    assert square.shape == (100, 100, 3)
    assert np.abs(square - middle).mean() < 4  # half a pixel aside, it differs by more than 5
    aside = whole[:, :300].reshape(100, 3, 100, 3, 3).mean(axis=(1, 3))
    assert np.abs(square - aside).mean() > 10


def test_wrong_names_and_sizes_are_refused():
    with pytest.raises(ValueError, match="name='dog' is not known"):
        data.picture("dog")
    with pytest.raises(ValueError, match="size=0"):
        data.picture("cat", size=0)
