"""Glyphs and faces: shapes, repeatability, and factors that do what their names say."""

import hashlib
import time
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist

from companion import data
from companion.data import drawings

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=8, deadline=None)
@given(seed=seeds, n=st.integers(1, 40))
def test_same_state_same_pictures_and_the_global_state_is_left_alone(seed, n):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    for draw in (data.glyphs, data.faces):
        images, truth = draw(n, random_state=seed)
        again, same = draw(n, random_state=seed)
        assert np.array_equal(images, again)
        assert np.array_equal(truth, same)
        assert images.dtype == np.uint8
        assert len(images) == len(truth) == n
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_glyphs_fill_their_range_and_stay_on_the_paper():
    images, labels = data.glyphs(1240, random_state=0)
    assert images.shape == (1240, 1, 28, 28)
    assert labels.dtype == np.int64
    assert (np.bincount(labels) == 20).all()
    assert images.min() == 0
    assert images.max() > 240
    ink = images.sum(axis=(1, 2, 3)) / 255
    assert ink.min() > 8
    border = np.concatenate([images[..., 0, :], images[..., -1, :]], axis=-1)
    assert (border.max(axis=-1) > 40).mean() < 0.01


def pillow_draws(character, font_name, size=28):
    """Draw a character in the middle of the paper with another library."""
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font_name}.ttf")
    font = ImageFont.truetype(str(path), round(0.76 * size))
    paper = Image.new("L", (size, size))
    ImageDraw.Draw(paper).text((size / 2, size / 2), character, 255, font, anchor="mm")
    rows, columns = np.nonzero(np.asarray(paper) > 60)
    shift = [round((size - 1 - at.min() - at.max()) / 2) for at in (rows, columns)]
    return np.roll(np.asarray(paper, dtype=float), shift, axis=(0, 1))


def test_the_label_names_the_character():
    """Of all characters and fonts drawn by Pillow, the most similar has the glyph's label."""
    characters = "AQRgkm3457"
    images, labels = data.glyphs(200, characters=characters, jitter=0, random_state=0)
    templates = [pillow_draws(c, font) for c in characters for font in drawings.FONTS]
    flat = gaussian_filter(images[:, 0].astype(float), (0, 1, 1)).reshape(len(images), -1)
    other = gaussian_filter(np.array(templates), (0, 1, 1)).reshape(len(templates), -1)
    nearest = cdist(flat, other, "cosine").argmin(axis=1) // len(drawings.FONTS)
    assert np.array_equal(nearest, labels)


def test_glyphs_without_jitter_are_the_fonts():
    images, labels = data.glyphs(3000, characters="ab", jitter=0, random_state=0)
    distinct = {(label, image.tobytes()) for label, image in zip(labels, images, strict=True)}
    assert len(distinct) == 2 * len(drawings.FONTS)


def test_some_fonts_leave_the_stream_of_random_numbers_alone():
    """All fonts by name are the default; one font is one look, and two of them make pairs."""
    images, labels = data.glyphs(60, random_state=3)
    again, same = data.glyphs(60, fonts=data.FONTS, random_state=3)
    assert np.array_equal(images, again)
    assert np.array_equal(labels, same)
    digest = hashlib.sha256(labels.tobytes()).hexdigest()[:8]
    assert (digest, int(images.sum())) == ("26ef30e8", 924415)  # as before there was a choice
    few = data.glyphs(300, fonts=["cmr10", "cmti10"], characters="ab", jitter=0, random_state=0)[0]
    assert len({image.tobytes() for image in few}) == 4
    a, letters = data.glyphs(40, fonts=["DejaVuSans"], random_state=4)
    b, others = data.glyphs(40, fonts=["DejaVuSans-Bold"], random_state=4)
    assert np.array_equal(letters, others)
    assert (b.sum(axis=(1, 2, 3)) > a.sum(axis=(1, 2, 3))).all()  # the same, and bolder
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.7


@pytest.mark.parametrize("fonts", [[], ["Arial"], "DejaVuSans", [3]])
def test_fonts_that_are_not_there_are_refused(fonts):
    with pytest.raises(ValueError, match="fonts"):
        data.glyphs(3, fonts=fonts)


def test_glyphs_are_centred():
    images, _ = data.glyphs(300, characters="OHX8", jitter=0, random_state=0)
    ink = images[:, 0] / images.sum(axis=(1, 2, 3))[:, None, None]
    place = np.arange(28) - 13.5
    assert np.abs((ink.sum(axis=1) * place).sum(axis=1)).max() < 1.2
    assert np.abs((ink.sum(axis=2) * place).sum(axis=1)).max() < 1.2


@pytest.mark.parametrize("size", [16, 32, 64])
def test_larger_glyphs_are_the_same_glyphs(size):
    small, labels = data.glyphs(20, size=size, characters="aB3k", random_state=5)
    large, same = data.glyphs(20, size=2 * size, characters="aB3k", random_state=5)
    assert np.array_equal(labels, same)
    halved = large.reshape(20, 1, size, 2, size, 2).mean(axis=(3, 5))
    assert np.abs(halved - small).mean() < 12


def test_five_thousand_glyphs_in_a_few_seconds():
    start = time.process_time()
    data.glyphs(5000, random_state=0)
    assert time.process_time() - start < 8


def test_faces_have_independent_factors_in_their_ranges():
    images, factors = data.faces(2000, random_state=0)
    assert images.shape == (2000, 3, 32, 32)
    assert factors.shape == (2000, len(data.FACE_FACTORS))
    low, high = np.array(list(data.FACE_FACTORS.values())).T
    assert (factors >= low).all()
    assert (factors <= high).all()
    correlation = np.corrcoef(factors.T) - np.eye(len(low))
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)
    assert np.array_equal(data.draw_faces(factors), images)


def vary(name, size=64):
    """Draw the middle face at both ends of a factor, as floats (2, 3, size, size)."""
    limits = np.array(list(data.FACE_FACTORS.values()))
    factors = np.tile(limits.mean(axis=1), (2, 1))
    column = list(data.FACE_FACTORS).index(name)
    factors[:, column] = limits[column]
    return data.draw_faces(factors, size=size).astype(float)


@pytest.mark.parametrize("name", data.FACE_FACTORS)
def test_each_factor_changes_the_picture(name):
    low, high = vary(name, size=32)
    assert np.abs(high - low).max() > 60


def test_factors_do_what_they_say():
    light, dark = vary("skin")
    assert light[:, 30:34, 30:34].mean() > dark[:, 30:34, 30:34].mean() + 60
    from_left, from_right = vary("light").mean(axis=1)
    assert from_left[24:44, 18:30].mean() > from_left[24:44, 34:46].mean() + 10
    np.testing.assert_allclose(from_left, from_right[:, ::-1], atol=1)
    left, right = vary("yaw").mean(axis=1)
    np.testing.assert_allclose(left, right[:, ::-1], atol=1)
    white_of_the_eyes = (vary("yaw")[0].min(axis=0) > 235).any(axis=0)
    assert np.flatnonzero(white_of_the_eyes).mean() < 28
    sad, smiling = vary("mouth_curve")
    redness = [image[0] - image[1] for image in (sad, smiling)]
    corner_rows = [np.argmax(red[40:54, 25]) for red in redness]
    middle_rows = [np.argmax(red[40:54, 32]) for red in redness]
    assert corner_rows[0] > middle_rows[0], "the corners of a sad mouth hang"
    assert corner_rows[1] < middle_rows[1]


def test_the_middle_face_is_symmetric():
    middle = np.array([list(data.FACE_FACTORS.values())]).mean(axis=2)
    face = data.draw_faces(middle, size=48).astype(int)
    assert np.abs(face - face[..., ::-1]).max() <= 1


def test_grey_faces_are_the_luma_of_coloured_ones():
    color, factors = data.faces(10, random_state=3)
    grey = data.draw_faces(factors, color=False)
    assert grey.shape == (10, 1, 32, 32)
    expected = np.tensordot(color, [0.299, 0.587, 0.114], axes=(1, 0))[:, None]
    assert np.abs(grey - expected).max() <= 1.01


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.glyphs(0), "n=0"),
        (lambda: data.glyphs(5, size=4), "size=4.*at least 8"),
        (lambda: data.glyphs(5, characters="AA"), "characters='AA'.*distinct.*remove"),
        (lambda: data.glyphs(5, characters="é"), "characters='é'"),
        (lambda: data.glyphs(5, characters=""), "characters=''"),
        (lambda: data.glyphs(5, jitter=-1), "jitter=-1"),
        (lambda: data.faces(0), "n=0"),
        (lambda: data.faces(2, size=8), "size=8.*at least 16"),
        (lambda: data.draw_faces(np.zeros((2, 3))), r"factors has shape \(2, 3\)"),
        (lambda: data.draw_faces(np.full((2, 10), 1.5)), "factors.*1.5.*keep each column"),
        (lambda: data.draw_faces(np.full((2, 10), np.nan)), "factors.*nan"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
