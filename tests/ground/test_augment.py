"""Augmentations against numpy and SciPy, and what none of them may change."""

import math

import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import augment
from tests.contracts import seeded


def pictures(n=6, channels=3, height=9, width=7, dtype=torch.float64):
    return torch.rand(n, channels, height, width, generator=seeded(), dtype=dtype)


@pytest.fixture(autouse=True)
def _global_random_state_is_left_alone():
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state())


EVERYTHING = {
    "random_shift": (augment.random_shift, {"max_shift": 0}, {"max_shift": 2}),
    "random_flip": (augment.random_flip, {"probability": 0}, {"probability": 0.5}),
    "random_affine": (
        augment.random_affine,
        {"max_angle": 0, "max_zoom": 0},
        {"max_angle": 0.5, "max_zoom": 0.3},
    ),
    "random_warp": (
        augment.random_warp,
        {"bend": 0, "shift": 0, "ripple": 0},
        {"bend": 0.4, "ripple": 0.5},
    ),
    "random_gamma": (augment.random_gamma, {"strength": 0}, {"strength": 1.0}),
    "random_crop": (augment.random_crop, {"min_area": 1, "max_aspect": 1}, {"min_area": 0.3}),
    "add_noise": (augment.add_noise, {"std": 0}, {"std": 0.2}),
    "color_jitter": (
        augment.color_jitter,
        {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0},
        {},
    ),
    "cutout": (augment.cutout, {"size": 0}, {"size": 4}),
}
each = pytest.mark.parametrize(
    ("change", "nothing", "something"), EVERYTHING.values(), ids=EVERYTHING
)


@each
def test_no_strength_no_change(change, nothing, something):
    images = pictures()
    torch.testing.assert_close(change(images, **nothing, generator=seeded()), images)


@each
def test_same_generator_same_images_and_the_input_is_kept(change, nothing, something):
    images = pictures()
    before = images.clone()
    first, again, other = (change(images, **something, generator=seeded(i)) for i in (1, 1, 2))
    assert torch.equal(images, before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == images.shape
    assert first.dtype == images.dtype


@each
def test_each_image_has_its_own_change(change, nothing, something):
    images = pictures(1).expand(20, -1, -1, -1)
    changed = change(images, **something, generator=seeded())
    assert len({image.numpy().tobytes() for image in changed}) > 1


@each
def test_images_without_channels_are_refused(change, nothing, something):
    with pytest.raises(ValueError, match=r"images has shape \(6, 9, 7\).*add the axis of channels"):
        change(pictures()[:, 0], **something, generator=seeded())


# shift


@settings(max_examples=50)
@given(st.integers(-10, 10), st.integers(-10, 10))
def test_shift_is_scipys(down, right):
    images = pictures()
    ours = augment.shift(images, torch.tensor([[down, right]] * 6), fill=0.25)
    theirs = scipy.ndimage.shift(images.numpy(), (0, 0, down, right), order=0, cval=0.25)
    np.testing.assert_array_equal(ours, theirs)


def test_shift_of_a_framed_image_loses_nothing():
    """It is a roll, and keeps whole numbers whole."""
    images = torch.zeros(5, 1, 8, 8, dtype=torch.uint8)
    images[:, :, 2:6, 2:6] = torch.randint(17, (5, 1, 4, 4), generator=seeded()).byte()
    offsets = torch.tensor([[0, 0], [2, -2], [-1, 1], [1, 0], [0, 2]])
    moved = augment.shift(images, offsets)
    assert moved.dtype == torch.uint8
    for image, result, offset in zip(images, moved, offsets.tolist(), strict=True):
        np.testing.assert_array_equal(np.roll(image.numpy(), offset, axis=(1, 2)), result)


def test_all_shifts_are_equally_likely():
    images = torch.zeros(9000, 1, 5, 5)
    images[:, :, 2, 2] = 1
    counts = augment.random_shift(images, 1, generator=seeded()).sum(dim=(0, 1))
    assert counts.sum() == 9000
    assert (counts[1:4, 1:4] - 1000).abs().max() < 5 * math.sqrt(1000)


def test_shift_refuses_offsets_that_do_not_fit():
    with pytest.raises(ValueError, match=r"offsets has shape \(2,\) but must be \(6, 2\)"):
        augment.shift(pictures(), torch.tensor([1, 1]))
    with pytest.raises(ValueError, match="max_shift=-1 must be an integer of at least 0"):
        augment.random_shift(pictures(), -1)


# flip


def test_flip_mirrors_as_often_as_it_says():
    images = pictures(4000, 1, 2, 2)
    flipped = (augment.random_flip(images, 0.3, generator=seeded()) != images).any(dim=(1, 2, 3))
    assert abs(flipped.double().mean() - 0.3) < 5 * math.sqrt(0.3 * 0.7 / 4000)
    always = augment.random_flip(images, 1.0, generator=seeded())
    np.testing.assert_array_equal(always, np.flip(images.numpy(), axis=3))


# affine


@settings(max_examples=50)
@given(st.lists(st.floats(-2, 2), min_size=4, max_size=4), st.floats(-3, 3), st.floats(-3, 3))
def test_affine_is_scipys(entries, right, down):
    images = pictures(2)
    matrix = np.array(entries).reshape(2, 2)  # acts on (x, y); SciPy counts (y, x) from a corner
    matrices = torch.from_numpy(np.c_[matrix, [right, down]]).expand(2, 2, 3)
    ours = augment.affine(images, matrices)
    swapped, centre = matrix[::-1, ::-1], (np.array([9, 7]) - 1) / 2
    offset = centre - swapped @ centre + [down, right]
    for image, result in zip(images.flatten(0, 1), ours.flatten(0, 1), strict=True):
        theirs = scipy.ndimage.affine_transform(
            image.numpy(), swapped, offset, order=1, mode="grid-constant"
        )
        np.testing.assert_allclose(result, theirs, atol=1e-9)


def test_a_quarter_turn_is_rot90():
    images = pictures(2, 1, 8, 8)
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]).expand(2, 2, 3)
    torch.testing.assert_close(augment.affine(images, quarter), images.rot90(1, (2, 3)))


def test_random_affine_stays_within_its_limits():
    """A row of coordinates is turned and zoomed: the result tells the matrix."""
    coordinates = torch.arange(41.0, dtype=torch.float64) - 20
    images = torch.stack([coordinates.expand(41, 41), coordinates[:, None].expand(41, 41)])
    turned = augment.random_affine(
        images.expand(500, 2, 41, 41), max_angle=0.3, max_zoom=0.25, generator=seeded()
    )
    cos, sin = turned[:, :, 20, 21].T
    torch.testing.assert_close(turned[:, :, 21, 20].T, torch.stack([-sin, cos]))  # no shear
    angle, zoom = torch.atan2(sin, cos), torch.hypot(cos, sin)
    assert 0.28 < angle.max() <= 0.3
    assert -0.3 <= angle.min() < -0.28
    assert 1.22 < zoom.max() <= 1.25 + 1e-9
    assert 1 / 1.25 - 1e-9 <= zoom.min() < 1 / 1.22


def test_affine_refuses_matrices_that_do_not_fit():
    with pytest.raises(ValueError, match=r"matrices has shape \(2, 2\) but must be \(6, 2, 3\)"):
        augment.affine(pictures(), torch.eye(2))
    with pytest.raises(ValueError, match="max_angle=-1 must be a number in"):
        augment.random_affine(pictures(), max_angle=-1)


# crop


def test_crops_have_the_area_and_lie_inside():
    """A ramp cropped is a ramp: its slope is the share of the side, its ends are inside."""
    ramp = torch.arange(64.0, dtype=torch.float64)
    images = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64)])
    crops = augment.random_crop(
        images.expand(500, 2, 64, 64), 0.4, max_aspect=1.5, generator=seeded()
    )
    share_x = crops[:, 0, 32, 33] - crops[:, 0, 32, 32]
    share_y = crops[:, 1, 33, 32] - crops[:, 1, 32, 32]
    area, aspect = share_x * share_y, share_x / share_y
    assert 0.4 - 1e-9 < area.min() < 0.42
    assert 0.95 < area.max() <= 1
    assert 1.45 < aspect.max() < 1.5 + 1e-9
    assert 1 / 1.5 - 1e-9 < aspect.min() < 1 / 1.45
    assert crops.min() == 0
    assert crops.max() == 63
    x = crops[:, 0, 0, 32]  # the first column lies half a step inside of the crop's edge
    assert (x >= share_x / 2 - 0.5 - 1e-9).all()


def test_crop_refuses_an_area_above_1():
    with pytest.raises(ValueError, match=r"min_area=1.5 must be a number in \[0, 1\]"):
        augment.random_crop(pictures(), 1.5)
    with pytest.raises(ValueError, match=r"max_aspect=0.5 must be a number in \[1, inf\]"):
        augment.random_crop(pictures(), max_aspect=0.5)


# noise, colour, cutout


def test_noise_adds_its_variance():
    images = pictures(200)
    noise = augment.add_noise(images, 0.3, generator=seeded()) - images
    n = noise.numel()
    assert abs(noise.mean()) < 5 * 0.3 / math.sqrt(n)
    assert abs(noise.std() - 0.3) < 5 * 0.3 / math.sqrt(2 * n)


def test_each_strength_of_the_jitter_keeps_what_it_should():
    images = 0.4 + 0.2 * pictures(50)
    still = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0}

    def jitter(**strength):
        return augment.color_jitter(images, **(still | strength), generator=seeded())

    def grey(x):
        return x.mean(dim=1)

    def mean(x):
        return x.mean(dim=(1, 2, 3))

    def chroma(x):
        return (x - x.mean(dim=1, keepdim=True)).norm(dim=1)

    ratio = (jitter(brightness=0.3) / images).flatten(1)
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))
    assert 0.7 <= ratio.min() < 0.75
    assert 1.25 < ratio.max() <= 1.3
    torch.testing.assert_close(mean(jitter(contrast=0.5)), mean(images))
    spread = (jitter(contrast=0.5).std(dim=(1, 2, 3)) / images.std(dim=(1, 2, 3))).sort().values
    assert 0.5 <= spread[0] < 0.6 < 1.4 < spread[-1] <= 1.5
    torch.testing.assert_close(grey(jitter(saturation=1)), grey(images))
    saturation = (chroma(jitter(saturation=0.5)) / chroma(images)).flatten(1)
    torch.testing.assert_close(saturation, saturation[:, :1].expand_as(saturation))
    torch.testing.assert_close(grey(jitter(hue=0.3)), grey(images))
    torch.testing.assert_close(chroma(jitter(hue=0.3)), chroma(images))
    assert not torch.allclose(jitter(hue=0.3), images, atol=0.01)


def test_a_third_of_a_turn_of_hue_swaps_the_channels(monkeypatch):
    images = pictures()
    monkeypatch.setattr(augment, "uniform", lambda shape, **_: torch.ones(shape).double())
    turned = augment.color_jitter(
        images, brightness=0, contrast=0, saturation=0, hue=2 * math.pi / 3
    )
    torch.testing.assert_close(turned, images.roll(1, dims=1))


def test_jitter_stays_in_range_and_leaves_grey_grey():
    strong = {"brightness": 1, "contrast": 1, "saturation": 1, "hue": 3}
    jittered = augment.color_jitter(pictures(100), **strong, generator=seeded())
    assert jittered.min() == 0
    assert jittered.max() == 1
    one = augment.color_jitter(pictures(channels=1), **strong, generator=seeded())
    three = augment.color_jitter(
        pictures(channels=1).expand(-1, 3, -1, -1), **strong, generator=seeded()
    )
    torch.testing.assert_close(three, one.expand_as(three))


def test_jitter_refuses_grey_levels():
    with pytest.raises(ValueError, match=r"images has values .* divide by the largest grey level"):
        augment.color_jitter(16 * pictures(), generator=seeded())
    with pytest.raises(ValueError, match=r"contrast=2 must be a number in \[0, 1\]"):
        augment.color_jitter(pictures(), contrast=2, generator=seeded())


def test_cutout_blanks_one_square_anywhere():
    images = 1 + pictures(2000, 2, 6, 5)
    cut = augment.cutout(images, 3, fill=0, generator=seeded())
    blank = (cut == 0).all(dim=1)
    assert torch.equal(cut[:, 0] == 0, cut[:, 1] == 0)
    np.testing.assert_array_equal(cut + images * blank[:, None], images)
    assert (blank.sum(dim=(1, 2)) == 9).all()
    assert (blank.any(dim=2).sum(dim=1) == 3).all()
    corners = blank.any(dim=2).double().argmax(dim=1) * 3 + blank.any(dim=1).double().argmax(dim=1)
    counts = np.bincount(corners, minlength=12)
    assert len(counts) == 12
    assert abs(counts - 2000 / 12).max() < 5 * math.sqrt(2000 / 12)
    with pytest.raises(ValueError, match=r"size=6 must be .* at most 5: the square lies inside"):
        augment.cutout(images, 6)


def test_a_warp_without_bend_and_ripple_is_a_shift_of_parts_of_a_pixel():
    """On a ramp that rises by 1 a pixel, the change is the shift; it is uniform and in range."""
    ramp = torch.arange(9.0).expand(400, 1, 9, 9)
    moved = augment.random_warp(
        ramp, bend=0, shift=1.5, ripple=0, padding="border", generator=seeded()
    )
    change = (moved - ramp)[:, 0, :, 2:-2]
    assert torch.allclose(change.amax(dim=(1, 2)), change.amin(dim=(1, 2)), atol=1e-5)
    assert 1.4 < change.abs().max() <= 1.5 + 1e-5
    assert change[:, 0, 0].std() == pytest.approx(1.5 / 3**0.5, rel=0.1)


def test_ripples_have_the_standard_deviation_asked_for_at_a_knot():
    """The corner is one of the 3 x 3 points; the ramp is widened so that nothing is cut off."""
    for side in (9, 16):
        ramp = torch.arange(float(side))[:, None].expand(3000, 1, side, side)
        field = augment.random_warp(
            ramp, bend=0, shift=0, ripple=0.4, padding="border", generator=seeded()
        )
        middle = (side - 1) // 2
        change = (field - ramp)[:, 0, middle, middle]
        assert change.std() == pytest.approx(0.4, rel=0.12)


def test_a_bend_moves_the_edge_by_its_share():
    """The centre stays; at distance r the largest move is bend times r, in x and y together."""
    ramp = torch.arange(9.0).expand(2000, 1, 9, 9)
    moved = augment.random_warp(
        ramp, bend=0.2, shift=0, ripple=0, padding="border", generator=seeded()
    )
    change = moved - ramp
    assert change[:, 0, 4, 4].abs().max() < 1e-4
    assert change[:, 0, 4, 6].abs().max() == pytest.approx(0.4, rel=0.02)


def test_gamma_keeps_black_white_and_order():
    x = torch.linspace(0, 1, 12).expand(500, 1, 1, 12)
    y = augment.random_gamma(x, 0.7, generator=seeded())
    assert torch.equal(y[..., 0], x[..., 0])
    assert torch.equal(y[..., -1], x[..., -1])
    assert (y.diff(dim=-1) > 0).all()
    powers = (y[:, 0, 0, 5].log() / x[:, 0, 0, 5].log()).log()
    assert powers.abs().max() <= 0.7 + 1e-5
    assert powers.std() == pytest.approx(0.7 / 3**0.5, rel=0.1)
    with pytest.raises(ValueError, match="largest grey level"):
        augment.random_gamma(16 * x, 0.7)
