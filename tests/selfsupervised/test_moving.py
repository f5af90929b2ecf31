"""Films: what moves keeps its colour, and no grey frame tells it."""

import pytest
import torch

from companion.selfsupervised.colors import split_colors
from companion.selfsupervised.moving import FILM_COLORS, moving_shapes


def test_same_state_same_film_and_another_another():
    first, again = (moving_shapes(3, n_frames=3, random_state=4) for _ in range(2))
    assert torch.equal(first.clips, again.clips)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.clips, moving_shapes(3, n_frames=3, random_state=5).clips)
    assert first.clips.shape == (3, 3, 3, 24, 24)
    assert first.labels.shape == (3, 3, 24, 24)


def test_at_speed_zero_nothing_moves_and_else_something_does():
    still = moving_shapes(4, n_frames=3, speed=0, random_state=0)
    assert (still.clips == still.clips[:, :1]).all()
    film = moving_shapes(20, n_frames=2, speed=2, random_state=0)
    assert (film.labels[:, 0] != film.labels[:, 1]).flatten(1).any(1).all()


def test_a_shape_keeps_its_colour_and_its_pattern():
    film = moving_shapes(30, n_frames=5, n_objects=1, random_state=1)
    grey, chroma = split_colors(film.clips.flatten(0, 1))
    chroma = chroma.unflatten(0, (30, 5))
    palette = torch.from_numpy(FILM_COLORS)
    for labels, values in zip(film.labels, chroma, strict=True):
        inside = values.movedim(1, -1)[labels == 1]
        middle = inside.median(dim=0).values
        assert (palette - middle).norm(dim=1).min() < 0.02
        assert ((inside - middle).norm(dim=1) < 0.02).double().mean() > 0.6
    assert grey.std() > 0.05


def test_light_says_nothing_about_colour():
    """Correlation of light with both chromas over many films is chance."""
    film = moving_shapes(600, n_frames=1, random_state=2)
    grey, chroma = split_colors(film.clips[:, 0])
    # Pixels of one film belong together: one number a film.
    light, colors = grey.mean(dim=(1, 2, 3)), chroma.mean(dim=(2, 3))
    for values in colors.T:
        r = torch.corrcoef(torch.stack([light, values]))[0, 1]
        assert abs(r) < 4 / 600**0.5


def test_the_light_is_not_cut():
    grey, chroma = split_colors(moving_shapes(50, n_frames=2, random_state=3).clips.flatten(0, 1))
    assert grey.min() > 0.25
    assert grey.max() < 0.75
    assert chroma.norm(dim=1).max() < 0.24


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="n_objects=0"):
        moving_shapes(1, n_objects=0)
    with pytest.raises(ValueError, match="speed=-1"):
        moving_shapes(1, speed=-1)
    with pytest.raises(ValueError, match="size=4"):
        moving_shapes(1, size=4)
