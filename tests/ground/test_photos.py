"""Photographs are scikit-learn's; patches are pieces of them."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from companion import data


def test_photos_are_scikit_learns():
    images = data.photos()
    assert list(images) == ["china", "flower"]
    for name, image in images.items():
        assert image.dtype == np.uint8
        assert np.array_equal(image, load_sample_image(f"{name}.jpg"))
        image[0, 0, 0] ^= 1  # writable, and the next call is not affected
    assert np.array_equal(data.photos()["china"], load_sample_image("china.jpg"))


@pytest.mark.parametrize("photo", ["china", "flower"])
def test_a_patch_is_a_piece_of_its_photo(photo):
    image = data.photos()[photo] / 255
    for patch in data.patches(3, 20, color=True, photo=photo, random_state=3):
        corner = np.argwhere((image[:408, :621] == patch[0, 0]).all(axis=2))
        assert any(np.array_equal(image[i : i + 20, j : j + 20], patch) for i, j in corner)


def test_grey_patches_are_the_luma_of_colour_patches():
    color = data.patches(40, 9, color=True, random_state=1)
    grey = data.patches(40, 9, random_state=1)
    np.testing.assert_allclose(grey, color @ [0.299, 0.587, 0.114], atol=1e-12)
    assert color.shape == (40, 9, 9, 3)
    assert grey.shape == (40, 9, 9)
    assert grey.dtype == np.float64
    assert color.min() >= 0
    assert color.max() <= 1


def test_patches_reach_the_last_row_and_column():
    class Largest(np.random.RandomState):
        def randint(self, high, size):
            return np.full(size, high - 1)

    patch = data.patches(1, 5, color=True, random_state=Largest())[0]
    assert np.array_equal(patch, data.photos()["flower"][-5:, -5:] / 255)


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    data.patches(5, 8, random_state=np.random.RandomState(0))
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.patches(0, 8), "n=0"),
        (lambda: data.patches(3, 428), "size=428.*427 pixels high"),
        (lambda: data.patches(3, 8, photo="cat"), "photo='cat'.*'china', 'flower'"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
