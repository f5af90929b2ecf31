"""Pictures kept in a checkpoint come back, nearly, and wrong ones are refused."""

import io

import numpy as np
import pytest
import torch

from companion import data
from companion.style.gallery import Gallery, check_image, to_bytes, to_image
from tests.contracts import seeded


def test_pixels_to_image_and_back():
    pixels = data.picture("cat", size=37)
    image = to_image(pixels)
    assert image.shape == (1, 3, 37, 37)
    assert image.dtype == torch.float32
    assert image.max() <= 1
    assert np.array_equal(to_bytes(image), pixels)
    np.testing.assert_allclose(image[0, 2, 5, 7], pixels[5, 7, 2] / 255)


def test_a_gallery_keeps_pictures_through_a_checkpoint():
    """Pictures of several sizes, into a gallery that held others."""
    gallery = Gallery(quality=95)
    for name, size in (("cat", 64), ("tissue", 40)):
        gallery[name] = to_image(data.picture(name, size=size))
    file = io.BytesIO()
    torch.save(gallery.state_dict(), file)
    file.seek(0)
    other = Gallery()
    other["coffee"] = torch.rand(1, 3, 8, 8, generator=seeded())
    other.load_state_dict(torch.load(file, weights_only=True))
    assert list(gallery) == ["cat", "tissue"]
    assert len(gallery) == 2
    for name in gallery:
        assert torch.equal(gallery[name], other[name])
        assert 0 <= gallery[name].min() <= gallery[name].max() <= 1
    kept, original = gallery["cat"], to_image(data.picture("cat", size=64))
    assert (kept - original).abs().mean() < 0.02
    assert not any(True for _ in gallery.parameters())
    gallery["cat"] = original[:, :, :32]  # another one of the same name
    assert gallery["cat"].shape == (1, 3, 32, 64)


def test_a_picture_that_is_not_there_is_named():
    gallery = Gallery()
    gallery["cat"] = torch.full((1, 3, 8, 8), 0.5)
    with pytest.raises(ValueError, match="name='dog' is not kept here: choose one of cat"):
        gallery["dog"]
    with pytest.raises(ValueError, match="image has values from -1"):
        gallery["grey"] = torch.full((1, 3, 8, 8), -1.0)


def test_images_are_checked():
    assert check_image("x", torch.zeros(1, 3, 2, 2)).shape == (1, 3, 2, 2)
    for wrong in (torch.full((1, 3, 2, 2), 255.0), torch.full((1, 3, 2, 2), float("nan"))):
        with pytest.raises(ValueError, match="divide bytes by 255"):
            check_image("x", wrong)
    with pytest.raises(ValueError, match="x has shape"):
        check_image("x", torch.zeros(3, 2, 2))
