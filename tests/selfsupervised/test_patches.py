"""Patches: cut and put together, seen and hidden, never mixed up."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from companion.layers import initialize
from companion.selfsupervised.patches import (
    PatchDecoder,
    PatchEncoder,
    choose_patches,
    hidden_patches,
    patch,
    take,
    unpatch,
)
from tests.contracts import seeded

sizes = st.integers(1, 4)


@given(sizes, sizes, sizes, sizes, sizes)
@settings(max_examples=40, deadline=None)
def test_what_is_cut_and_put_together_is_what_it_was(n, channels, rows, columns, size):
    images = torch.randn(n, channels, rows * size, columns * size, generator=seeded())
    patches = patch(images, size)
    assert patches.shape == (n, rows * columns, channels * size**2)
    assert torch.equal(unpatch(patches, images.shape[1:]), images)
    for r in range(rows):
        for c in range(columns):
            square = images[:, :, r * size : (r + 1) * size, c * size : (c + 1) * size]
            assert torch.equal(patches[:, r * columns + c], square.flatten(1))


def test_they_are_the_columns_of_pytorchs_unfold():
    images = torch.randn(3, 2, 6, 8, generator=seeded())
    assert torch.equal(patch(images, 2), functional.unfold(images, 2, stride=2).transpose(1, 2))


@given(st.integers(1, 6), st.integers(2, 9), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_seen_and_hidden_go_back_to_their_places(n, n_patches, n_kept):
    n_kept = min(n_kept, n_patches)
    tokens = torch.randn(n, n_patches, 3, generator=seeded())
    kept, back = choose_patches(n, n_patches, n_kept, generator=seeded(1))
    hidden = hidden_patches(kept, n_patches)
    assert (hidden.sum(1) == n_patches - n_kept).all()
    blank = torch.full((n, n_patches - n_kept, 3), 7.0)
    whole = take(torch.cat([take(tokens, kept), blank], 1), back)
    assert torch.equal(whole[~hidden], tokens[~hidden])
    assert (whole[hidden] == 7).all()


def test_every_patch_is_seen_equally_often():
    kept, _ = choose_patches(4000, 8, 3, generator=seeded())
    shares = torch.bincount(kept.flatten(), minlength=8) / 4000
    torch.testing.assert_close(shares, torch.full((8,), 3 / 8), atol=0.03, rtol=0)


def test_the_encoder_is_given_nothing_but_what_is_seen():
    """Also the order in which patches are given does not matter: places travel with them."""
    encoder = initialize(PatchEncoder(6, 4, 8, n_heads=2), generator=seeded()).double()
    patches = torch.randn(5, 6, 4, dtype=torch.float64, generator=seeded(1))
    kept, _ = choose_patches(5, 6, 3, generator=seeded(2))
    other = torch.where(hidden_patches(kept, 6)[..., None], 1e3, patches)
    assert torch.equal(encoder(patches, kept), encoder(other, kept))
    moved = patches.clone()
    moved[torch.arange(5), kept[:, 0]] += 1
    assert (encoder(moved, kept) - encoder(patches, kept)).abs().amax(2).min() > 1e-6
    turned = encoder(patches, kept.flip(1)).flip(1)
    torch.testing.assert_close(turned, encoder(patches, kept))


def test_the_decoder_draws_a_code_where_its_patch_was():
    """Codes in another order, with places to match, give the same picture; swapped ones do not."""
    decoder = initialize(PatchDecoder(6, 4, 8, n_heads=2), generator=seeded()).double()
    codes = torch.randn(5, 3, 8, dtype=torch.float64, generator=seeded(1))
    kept, back = choose_patches(5, 6, 3, generator=seeded(2))
    swapped = torch.where(back < 3, 2 - back, back)
    torch.testing.assert_close(decoder(codes.flip(1), swapped), decoder(codes, back))
    assert (decoder(codes.flip(1), back) - decoder(codes, back)).abs().max() > 1e-3
    assert kept.shape == (5, 3)


def test_what_is_no_image_of_patches_is_refused():
    with pytest.raises(ValueError, match="size=3 must divide"):
        patch(torch.zeros(1, 1, 8, 8), 3)
    with pytest.raises(ValueError, match="patches has shape"):
        unpatch(torch.zeros(1, 4, 4), (1, 8, 8))
    with pytest.raises(ValueError, match="n_kept=9"):
        choose_patches(1, 8, 9)
