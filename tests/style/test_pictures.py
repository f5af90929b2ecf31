"""Kept pictures come back nearly as they were, through a file and without one."""

import io

import numpy as np
import pytest
import torch

from companion import data
from companion.style.pictures import KeptPictures


def filled():
    kept = KeptPictures(["cat", "dark_cat"])
    cat = torch.from_numpy(data.picture("cat", size=130)[:, :101]).permute(2, 0, 1) / 255
    kept.put("cat", cat)
    kept.put("dark_cat", cat / 4)
    return kept, cat


def test_a_picture_comes_back_nearly_as_it_was():
    kept, cat = filled()
    for name, image in (("cat", cat), ("dark_cat", cat / 4)):
        found = kept.picture(name)
        assert found.dtype == np.uint8
        assert found.shape == (130, 101, 3)
        right = 255 * image.permute(1, 2, 0).numpy()
        assert np.abs(found - right).mean() < 3
        assert abs((found - right).mean()) < 0.5


def test_a_file_keeps_every_byte_and_is_small():
    kept, _ = filled()
    file = io.BytesIO()
    torch.save(kept.state_dict(), file)
    assert file.tell() < 30_000
    file.seek(0)
    other = KeptPictures(["cat", "dark_cat"])
    other.load_state_dict(torch.load(file, weights_only=True))
    for name in kept.names:
        assert np.array_equal(kept.picture(name), other.picture(name))
    assert list(kept.parameters()) == []


def test_what_cannot_be_kept_is_refused():
    kept = KeptPictures(["cat"])
    with pytest.raises(ValueError, match="name='dog'"):
        kept.put("dog", torch.zeros(3, 4, 4))
    with pytest.raises(ValueError, match="clamp it"):
        kept.put("cat", torch.full((3, 4, 4), 1.2))
    with pytest.raises(ValueError, match="clamp it"):
        kept.put("cat", torch.zeros(4, 4, 3))
    with pytest.raises(ValueError, match="still empty"):
        kept.picture("cat")
    with pytest.raises(RuntimeError, match="Unexpected key"):
        kept.load_state_dict(filled()[0].state_dict())
