"""Questions that images answer: exact turns, exact cuts, pointers; and on noise nothing to know."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from companion import data
from companion.layers import initialize
from companion.selfsupervised.colors import nearest_color, split_colors
from companion.selfsupervised.encoder import ConvEncoder, Views
from companion.selfsupervised.moving import FILM_COLORS, moving_shapes
from companion.selfsupervised.pretext import (
    NEIGHBOURS,
    RelativePatch,
    RotationPrediction,
    VideoColorization,
    rotate,
    within_reach,
)
from companion.train import fit_images
from tests.contracts import DeepContract, seeded

COLORS = torch.from_numpy(FILM_COLORS)


def digits(n=32):
    return torch.from_numpy(data.digits().x_train[:n])


def noise(n, shape=(1, 8, 8), n_levels=17, seed=0):
    return torch.randint(n_levels, (n, *shape), generator=seeded(seed)).to(torch.uint8)


def small(**told):
    return initialize(
        RotationPrediction(ConvEncoder(n_features=8, n_channels=4), **told), generator=seeded()
    )


def test_a_turn_is_numpys_and_moves_pixels_only():
    x, turns = noise(12), torch.arange(12) % 4
    turned = rotate(x, turns)
    for image, k, found in zip(x, turns.tolist(), turned, strict=True):
        assert np.array_equal(np.rot90(image[0].numpy(), k), found[0].numpy())
    assert torch.equal(turned.flatten(1).sort(1).values, x.flatten(1).sort(1).values)
    assert torch.equal(rotate(turned, (4 - turns) % 4), x)
    with pytest.raises(ValueError, match="square"):
        rotate(torch.zeros(1, 1, 4, 5), torch.zeros(1, dtype=torch.int64))


def test_the_question_holds_a_turned_image_and_its_turn():
    x = digits(200)
    images, turns = small().question(x, generator=seeded(1))
    assert torch.equal(images, rotate(x / 16, turns))
    assert (torch.bincount(turns, minlength=4) > 25).all()


def test_views_come_before_the_turn():
    """A flip after the turn would change the answer; before it, turning back gives the view."""

    def flip(images, *, generator=None):
        return images.flip(-1)

    x = digits(50)
    images, turns = small(views=flip).question(x, generator=seeded(1))
    assert torch.equal(rotate(images, (4 - turns) % 4), x.flip(-1) / 16)


def test_the_loss_is_the_cross_entropy_of_the_turn():
    model, x = small().eval(), digits()
    images, turns = model.question(x, generator=seeded(2))
    logits = model.head(model.encoder(images).relu())
    right = functional.cross_entropy(logits, turns)
    torch.testing.assert_close(model.loss(x, generator=seeded(2)), right)


def chance(right, p):
    """Whether a share is within 3 standard errors of p."""
    return abs(right.double().mean() - p) < 3 * (p * (1 - p) / right.numel()) ** 0.5


def test_on_pure_noise_it_guesses_at_chance_and_with_a_mark_it_does_not():
    """Trained on noise and asked about fresh noise: 1/4. A mark before the turn is found."""
    learn, fresh = noise(600), noise(1000, seed=1)
    for marked in (False, True):
        if marked:
            learn[:, :, -1], fresh[:, :, -1] = learn[:, :, -1] // 2, fresh[:, :, -1] // 2
        told = {"generator": seeded(), "learning_rate": 7e-3}
        model, _ = fit_images(small(), learn, 80, **told)
        # Four turns of one image are one draw: a turn each.
        turns = torch.arange(1000) % 4
        right = model.guesses(rotate(fresh, turns)) == turns
        if marked:
            assert right.double().mean() > 0.5
        else:
            assert chance(right, 0.25)


def test_all_four_turns_of_each_image_are_asked():
    model, x = small().eval(), digits(7)
    right = model.right(x)
    assert right.shape == (4, 7)
    for k in range(4):
        turned = rotate(x, torch.full((7,), k))
        assert torch.equal(right[k], model.guesses(turned) == k)


def patches(gap=1, jitter=0, size=4, **told):
    encoder = ConvEncoder((1, size, size), 256, n_features=8, n_channels=4)
    model = RelativePatch(encoder, gap=gap, jitter=jitter, n_hidden=8, **told)
    return initialize(model, generator=seeded())


def test_patches_are_cut_where_they_are_said_to_be():
    """Pixels that say where they are: without jitter the step is the answer's, times size + gap."""
    model = patches()
    assert model.side == 14
    rows, columns = torch.meshgrid(torch.arange(14), torch.arange(14), indexing="ij")
    (middle, other), place = model.question(
        (14 * rows + columns).expand(400, 1, 14, 14), generator=seeded()
    )
    assert (middle == (14 * rows + columns)[5:9, 5:9]).all()
    for k, (down, right) in enumerate(NEIGHBOURS):
        corner = 5 + 5 * down, 5 + 5 * right
        square = (14 * rows + columns)[corner[0] : corner[0] + 4, corner[1] : corner[1] + 4]
        assert (other[place == k] == square).all()
    assert torch.bincount(place, minlength=8).min() > 20


def test_jitter_moves_both_patches_and_nothing_leaves_the_window():
    model = patches(jitter=2)
    rows, columns = torch.meshgrid(*[torch.arange(model.side)] * 2, indexing="ij")
    window = torch.stack([rows, columns]).expand(800, 2, -1, -1)
    model.encoder.event_shape = (2, 4, 4)
    (middle, other), place = model.question(window, generator=seeded())
    step = torch.tensor(NEIGHBOURS)[place] * 5
    for part, due in ((middle, torch.full((800, 2), 5)), (other, 5 + step)):
        moves = part[:, :, 0, 0] - due
        assert moves.unique().tolist() == [0, 1, 2, 3, 4]
        assert (part[:, 0] - part[:, 0, :1, :1] == torch.arange(4)[:, None]).all()


def test_on_pure_noise_the_place_is_guessed_at_chance():
    model = patches()
    learn, fresh = (noise(n, (1, 14, 14), 256, seed) for n, seed in ((400, 0), (1500, 1)))
    model, _ = fit_images(model, learn, 60, generator=seeded(), learning_rate=7e-3)
    assert chance(model.right(fresh, generator=seeded(3)), 1 / 8)


def video(**told):
    model = VideoColorization(COLORS, n_channels=8, n_features=8, **told)
    return initialize(model, generator=seeded()).eval()


def pairs(n=6, size=12):
    return moving_shapes(n, n_frames=2, size=size, random_state=0).clips


def test_pointers_are_a_softmax_over_the_reference():
    """`eq-pretext-pointer`, against the formula in NumPy."""
    model, x = video(), pairs(2)
    first, second = (split_colors(frame)[0] for frame in x.unbind(1))
    weights = model.pointers(second, first)
    f, g = (model.features(2 * part - 1).flatten(2).double().detach() for part in (second, first))
    f, g = f / f.norm(dim=1, keepdim=True), g / g.norm(dim=1, keepdim=True)
    scores = np.exp(np.einsum("bci,bcj->bij", f, g) / 0.05)
    np.testing.assert_allclose(weights.detach(), scores / scores.sum(2, keepdims=True), atol=1e-5)


def test_the_loss_is_what_the_right_colour_gets():
    model, x = video(), pairs()
    (first, color), (second, goal) = (split_colors(frame) for frame in x.unbind(1))
    weights = model.pointers(second, first)
    same = (
        nearest_color(goal, COLORS).flatten(1)[:, :, None]
        == nearest_color(color, COLORS).flatten(1)[:, None]
    )
    right = -((weights * same).sum(2) + 1e-4).log().mean()
    torch.testing.assert_close(model.loss(x), right)


def test_what_is_carried_is_a_mean_and_the_order_of_pixels_is_kept():
    model, clip = video(), moving_shapes(3, n_frames=4, size=12, random_state=0).clips
    values = torch.rand(3, 5, 12, 12, generator=seeded())
    carried = model.carry(clip, values)
    assert carried.shape == (3, 4, 5, 12, 12)
    assert torch.equal(carried[:, 0], values)
    assert carried.min() >= values.min()
    assert carried.max() <= values.max() + 1e-5
    grey = split_colors(clip.flatten(0, 1))[0].unflatten(0, (3, 4))
    by_hand = model.pointers(grey[:, 1], grey[:, 0]) @ values.flatten(2).transpose(1, 2)
    torch.testing.assert_close(carried[:, 1], by_hand.transpose(1, 2).unflatten(2, (12, 12)))


class Surroundings(nn.Module):
    """Features of a pixel are the 3 x 3 pixels around it."""

    def forward(self, x):
        return functional.unfold(x, 3, padding=1).unflatten(2, x.shape[-2:])


def test_sharp_pointers_carry_a_still_picture_as_it_is():
    model = video(temperature=1e-3)
    model.features = Surroundings()
    clip = noise(2, (1, 10, 10), 256).expand(-1, 3, -1, -1)[:, None].expand(-1, 3, -1, -1, -1)
    values = torch.rand(2, 2, 10, 10, generator=seeded())
    torch.testing.assert_close(model.carry(clip, values)[:, 2], values, atol=1e-2, rtol=0)


def test_weights_that_are_loaded_do_not_change_the_palette_that_was_given():
    """A buffer that shares memory with the caller's array would be written through."""
    given = FILM_COLORS.copy()
    model = VideoColorization(torch.from_numpy(given), n_channels=4, n_features=4)
    model.load_state_dict({name: value.half() for name, value in model.state_dict().items()})
    assert np.array_equal(given, FILM_COLORS)


def test_no_pointer_is_longer_than_the_reach():
    model, x = video(reach=2), pairs(2)
    first, second = (split_colors(frame)[0] for frame in x.unbind(1))
    weights = model.pointers(second, first).view(2, 12, 12, 12, 12)
    rows, columns = np.indices((12, 12))
    for i, j in ((0, 0), (5, 7), (11, 3)):
        far = torch.from_numpy(np.maximum(abs(rows - i), abs(columns - j)) > 2)
        assert (weights[:, i, j][:, far] == 0).all()
        assert (weights[:, i, j][:, ~far] > 0).all()
    assert within_reach(3, 4, 9).all()


def test_colours_of_the_second_frame_do_not_reach_the_pointers():
    model, clip = video(), pairs(2)
    grey = (255 * split_colors(clip[:, 1])[0]).round().to(torch.uint8)
    other = clip.clone()
    other[:, 1] = grey
    values = split_colors(clip[:, 0])[1]
    torch.testing.assert_close(
        model.carry(clip, values), model.carry(other, values), atol=0.02, rtol=0
    )


def test_what_the_models_are_not_made_for_is_refused():
    with pytest.raises(ValueError, match="gap=-1"):
        RelativePatch(gap=-1)
    with pytest.raises(ValueError, match="x has shape"):
        patches().loss(torch.zeros(2, 1, 9, 9))
    with pytest.raises(ValueError, match="reach=0"):
        VideoColorization(COLORS, reach=0)
    with pytest.raises(ValueError, match="temperature=0"):
        VideoColorization(COLORS, temperature=0)
    with pytest.raises(ValueError, match="palette has shape"):
        VideoColorization(torch.zeros(3))


class TestRotationPrediction(DeepContract):
    def make(self):
        return RotationPrediction(ConvEncoder(n_features=8, n_channels=4), views=Views())

    def batch(self):
        return digits()


class TestRelativePatch(DeepContract):
    def make(self):
        encoder = ConvEncoder((1, 4, 4), 256, n_features=8, n_channels=4)
        return RelativePatch(encoder, gap=1, jitter=1, n_hidden=8)

    def batch(self):
        return noise(40, (1, 16, 16), 256)


class TestVideoColorization(DeepContract):
    def make(self):
        return VideoColorization(COLORS, n_channels=8, n_features=8, temperature=0.2)

    def batch(self):
        return pairs(4)
