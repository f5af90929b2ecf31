"""Scenes: captions, masks, attributes and splits tell the same story, pixel by pixel."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import data

PHRASE = (
    rf"a(?P<size> small)? (?P<color>{'|'.join(data.COLORS)}) (?P<shape>{'|'.join(data.SHAPES)})"
)
CAPTION = re.compile(
    f"{PHRASE}(?: (?P<relation>{'|'.join(data.RELATIONS)}) "
    + re.sub(r"<(\w+)>", r"<\g<1>2>", PHRASE)
    + ")?"
)
seeds = st.integers(0, 2**32 - 1)
splits = st.sampled_from(["train", "held_out"])
sizes = st.sampled_from([16, 32])


def read_caption(caption):
    """Return [(shape, colour, size), ...] and the relation, from the words alone."""
    words = CAPTION.fullmatch(caption).groupdict()
    objects = [
        (words[f"shape{i}"], words[f"color{i}"], "small" if words[f"size{i}"] else "large")
        for i in ("", "2")
        if words[f"shape{i}"]
    ]
    return objects, words["relation"]


def paint_of(image, color):
    """Pixels whose colour is exactly this one, that is, wholly inside a shape of it."""
    wanted = np.round(255 * np.array(data.COLORS[color], dtype=np.float32))
    return np.abs(image.astype(int) - wanted[:, None, None]).max(axis=0) <= 1


@settings(max_examples=25, deadline=None)
@given(seed=seeds, split=splits, size=sizes)
def test_captions_agree_with_attributes(seed, split, size):
    some = data.scenes(20, size=size, split=split, random_state=seed)
    for caption, rows, relation in zip(some.captions, some.objects, some.relations, strict=True):
        objects, word = read_caption(caption)
        names = (list(data.SHAPES), list(data.COLORS), list(data.SIZES))
        expected = [
            tuple(known[i] for known, i in zip(names, row, strict=True))
            for row in rows
            if row[0] >= 0
        ]
        assert objects == expected
        assert word == (list(data.RELATIONS)[relation] if relation >= 0 else None)
        assert len(set(objects)) == len(objects), "two objects of a scene must differ"


@settings(max_examples=25, deadline=None)
@given(seed=seeds, split=splits, size=sizes)
def test_masks_and_pixels_agree_with_captions(seed, split, size):
    """What the caption names is in the mask, in its colour, and nothing else is."""
    some = data.scenes(20, size=size, split=split, random_state=seed)
    shape_names = list(data.SHAPES)
    for image, mask, caption in zip(some.images, some.masks, some.captions, strict=True):
        objects, _ = read_caption(caption)
        assert set(np.unique(mask)) - {0} == {1 + shape_names.index(o[0]) for o in objects}
        for color in data.COLORS:
            shapes = {1 + shape_names.index(o[0]) for o in objects if o[1] == color}
            painted = set(np.unique(mask[paint_of(image, color)]))
            assert painted <= shapes
            assert size == 16 or painted == shapes
        assert np.abs(image[:, mask == 0].astype(int) - 237).max(axis=0).min() <= 1


@settings(max_examples=25, deadline=None)
@given(seed=seeds, split=splits, size=sizes)
def test_relations_hold_for_the_centroids_in_the_masks(seed, split, size):
    some = data.scenes(30, size=size, split=split, random_state=seed)
    rows, columns = np.mgrid[:size, :size]
    for i in np.flatnonzero(some.relations >= 0):
        first, second = some.objects[i, :, 0] + 1
        if first == second:
            continue
        centroid = [
            np.array([columns[some.masks[i] == k].mean(), rows[some.masks[i] == k].mean()])
            for k in (first, second)
        ]
        np.testing.assert_allclose(centroid, some.centers[i], atol=0.09 * size)
        step = centroid[0] - centroid[1]
        name = list(data.RELATIONS)[some.relations[i]]
        holds = {
            "above": step[1] < -abs(step[0]),
            "below": step[1] > abs(step[0]),
            "left of": step[0] < -abs(step[1]),
            "right of": step[0] > abs(step[1]),
        }
        assert holds[name], (some.captions[i], step)


@pytest.mark.parametrize("split", ["train", "held_out"])
def test_splits_share_no_combination(split):
    some = data.scenes(4000, size=12, split=split, random_state=0)
    seen = {obj for caption in some.captions for obj in read_caption(caption)[0]}
    if split == "held_out":
        assert seen == set(data.HELD_OUT)
    else:
        assert len(seen) == 38
        assert not seen & set(data.HELD_OUT)


def test_held_out_combinations_are_fixed_and_their_pairs_are_trained():
    assert len(data.HELD_OUT) == 10
    assert data.HELD_OUT[0] == ("circle", "green", "small")
    every = {(s, c, z) for s in data.SHAPES for c in data.COLORS for z in data.SIZES}
    assert len(every) == 48
    trained = every - set(data.HELD_OUT)
    for drop in range(3):
        pairs = {tuple(np.delete(combination, drop)) for combination in every}
        assert {tuple(np.delete(combination, drop)) for combination in trained} == pairs


def test_objects_stay_inside_and_apart():
    some = data.scenes(3000, size=32, random_state=1)
    extent = np.array(list(data.SIZES.values()))[some.objects[:, :, 2]] * 16
    inside = np.isnan(some.centers) | (
        (some.centers - extent[..., None] > -0.51) & (some.centers + extent[..., None] < 31.51)
    )
    assert inside.all()
    gap = np.abs(some.centers[:, 0] - some.centers[:, 1]).max(axis=1) - extent.sum(axis=1)
    assert np.nanmin(gap) > 1.5


def test_every_attribute_is_drawn_about_equally_often():
    some = data.scenes(4000, size=12, random_state=2)
    pairs = some.relations >= 0
    assert abs(pairs.mean() - 0.5) < 5 * np.sqrt(0.25 / 4000)
    counts = np.bincount(some.relations[pairs])
    assert np.abs(counts / pairs.sum() - 0.25).max() < 5 * np.sqrt(0.19 / pairs.sum())


@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_same_state_same_scenes_at_every_size(seed):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    some, again, small = (data.scenes(7, size=s, random_state=seed) for s in (32, 32, 16))
    for mine, other in zip(some, again, strict=True):
        np.testing.assert_array_equal(mine, other)
    assert some.captions == small.captions
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    assert some.images.shape == (7, 3, 32, 32)
    assert some.images.dtype == some.masks.dtype == np.uint8


def test_blocks_do_not_show():
    """More scenes than one block holds: each is drawn as it would be alone."""
    some = data.scenes(1003, size=16, random_state=0)
    assert ((some.masks > 0).sum(axis=(1, 2)) > 0).all()
    assert (some.images[-1] < 200).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n=0 must be an integer"),
        ({"n": 3, "size": 8}, "size=8.*at least 12"),
        ({"n": 3, "split": "test"}, "split='test'.*'held_out'"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.scenes(**arguments)
