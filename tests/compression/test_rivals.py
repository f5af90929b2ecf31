"""Sizes by other codecs (chapter neural_compression)."""

import lzma
import zlib

import numpy as np
import pytest

from companion import data
from companion.compression import rivals


@pytest.fixture(scope="module")
def tiles():
    return data.digits().x_test[:120, 0]


def test_a_sheet_has_every_image_in_its_place(tiles):
    whole = rivals.sheet(tiles, 4)
    assert whole.shape == (240, 32)
    assert np.array_equal(whole[8:16, 16:24], tiles[6])


def test_every_format_is_counted_and_none_beats_the_best_possible_header(tiles):
    table = rivals.picture_files(tiles, layouts=(4, 120))
    assert set(table) == {
        "PNG, a file each",
        "PNG, one sheet",
        "WebP, a file each",
        "WebP, one sheet",
        "JPEG 2000, one sheet",
    }
    assert table["PNG, one sheet"] < table["PNG, a file each"]
    assert table["WebP, one sheet"] < table["WebP, a file each"]


def test_a_codec_that_loses_something_is_refused(tiles):
    with pytest.raises(ValueError, match="returned other data"):
        rivals.picture_bytes(tiles[0], {"format": "JPEG", "quality": 10})


def test_general_codecs_are_no_longer_than_their_defaults(tiles):
    test, train = tiles[:60], tiles[60:]
    table, raw = rivals.general_codecs(test, train), test.tobytes()
    assert table["zlib"] <= len(zlib.compress(raw, 9))
    assert table["xz"] <= len(lzma.compress(raw))
    assert table["LZMA"] < table["xz"]
    assert all(isinstance(n, int) and n > 0 for n in table.values())


def test_a_message_that_is_known_costs_next_to_nothing(tiles):
    """What repeats 32 images of before needs a few bytes; what is new needs as many as ever."""
    known = tiles[:60].tobytes()
    assert rivals.lzma_after(known, known[:2048]) < 40
    noise = np.random.RandomState(0).bytes(1000)
    assert 1000 < rivals.lzma_after(known, noise) < 1100
