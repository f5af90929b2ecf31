"""Restoration: what is scored is what was hidden, and what was hidden does not leak."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from companion import data
from companion.adversarial.gan import fit_gan
from companion.adversarial.networks import ConvDiscriminator
from companion.layers import initialize
from companion.selfsupervised.colors import nearest_color, split_colors
from companion.selfsupervised.encoder import ConvEncoder, Views
from companion.selfsupervised.patches import choose_patches, hidden_patches, patch, unpatch
from companion.selfsupervised.restoration import (
    Colorization,
    Inpainting,
    MaskedAutoencoder,
    SplitBrainAutoencoder,
)
from tests.contracts import DeepContract, seeded

PALETTE = torch.tensor([[0.0, 0.0], [0.2, -0.1], [-0.1, 0.2]])


def digits(n=32):
    return torch.from_numpy(data.digits().x_train[:n])


def colored(n=8, size=8):
    return torch.randint(256, (n, 3, size, size), generator=seeded(3)).to(torch.uint8)


def inpainting(**told):
    encoder = ConvEncoder(n_features=8, n_channels=4)
    return initialize(Inpainting(encoder, **told), generator=seeded()).eval()


@pytest.mark.parametrize("hole", [1, 3, 8])
def test_a_hole_is_a_square_inside_and_stands_everywhere_equally_often(hole):
    holes = inpainting(hole=hole).holes(3000, generator=seeded())
    assert holes.shape == (3000, 1, 8, 8)
    assert (holes.sum(dim=(1, 2, 3)) == hole**2).all()
    rows, columns = holes.any(3)[:, 0], holes.any(2)[:, 0]
    assert (rows.sum(1) == hole).all()
    assert (columns.sum(1) == hole).all()
    corner = rows.int().argmax(1) * 8 + columns.int().argmax(1)
    counts = corner.bincount()
    counts = counts[counts > 0]
    assert len(counts) == (9 - hole) ** 2
    expected = 3000 / len(counts)
    assert (counts - expected).abs().max() < 5 * expected**0.5 + 1


def test_the_loss_is_that_of_the_hole_and_what_stood_there_does_not_leak():
    """`eq-pretext-hole`."""
    model, x = inpainting(), digits()
    holes = model.holes(len(x), generator=seeded(5))
    images = model.encoder.prepare(x)
    filled = model(images, holes)
    assert torch.equal(filled[~holes], images[~holes])
    right = (filled - images)[holes].square().mean()
    torch.testing.assert_close(model.loss(x, generator=seeded(5)), right)
    other = torch.where(holes, 1 - images, images)
    assert torch.equal(model(other, holes)[holes], filled[holes])
    other = torch.where(holes, images, 1 - images)
    assert (model(other, holes) - filled)[holes].abs().max() > 1e-3


def test_it_restores_levels_and_keeps_its_mode():
    model, x = inpainting(), digits()
    holes = model.holes(len(x), generator=seeded(5))
    model.train()
    statistics = model.encoder.layers[1].running_mean.clone()
    filled = model.restore(x, holes)
    assert model.training
    assert torch.equal(statistics, model.encoder.layers[1].running_mean)
    assert torch.equal(filled[~holes], x[~holes].float())
    assert 0 <= filled.min() <= filled.max() <= 16


class Constant(nn.Module):
    """A network with one answer."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, x):
        return self.value.expand(len(x))


def test_a_discriminator_adds_its_share_and_is_not_trained_by_the_filler():
    x, loss = digits(), inpainting().loss(digits(), generator=seeded(5))
    model = inpainting(discriminator=Constant(0.7), weight=0.5)
    added = model.generator_loss(x, generator=seeded(5)) - loss
    assert added.item() == pytest.approx(0.5 * np.log1p(np.exp(-0.7)), abs=1e-5)
    model.generator_loss(x, generator=seeded(5)).backward()
    assert model.discriminator.value.grad is None
    found = model.discriminator_loss(x, generator=seeded(5))
    assert found.item() == pytest.approx(np.log1p(np.exp(-0.7)) + np.log1p(np.exp(0.7)), abs=1e-5)


def test_it_can_be_trained_as_a_game():
    model = inpainting(discriminator=ConvDiscriminator(n_channels=4, norm=False))
    before = [p.clone() for p in model.parameters()]
    trained, history = fit_gan(model, digits(), 3, generator=seeded(), batch_size=16)
    assert len(history) == 3
    assert all((p != q).any() for p, q in zip(model.parameters(), before, strict=True))
    assert not trained.training


def test_colours_are_scored_by_cross_entropy_and_drawn_as_a_mean():
    """`eq-pretext-colour`: at temperature 1 the mean of the palette, near 0 the likeliest."""
    model = initialize(Colorization(PALETTE, n_channels=4), generator=seeded()).eval()
    with torch.no_grad():
        model.head.weight.mul_(30)
    x = colored()
    grey, chroma = split_colors(x)
    logits = model(grey)
    goal = nearest_color(chroma, PALETTE)
    right = -logits.log_softmax(1).gather(1, goal[:, None]).mean()
    torch.testing.assert_close(model.loss(x), right)
    mean = (logits.softmax(1)[:, :, None] * PALETTE[None, :, :, None, None]).sum(1)
    torch.testing.assert_close(model.colors(x), mean)
    likeliest = PALETTE[logits.argmax(1)].movedim(-1, 1)
    torch.testing.assert_close(model.colors(x, 1e-4), likeliest, atol=1e-3, rtol=0)
    assert 0 <= model.paint(x).min() <= model.paint(x).max() <= 1


def test_colour_of_the_input_does_not_reach_the_guess():
    model = initialize(Colorization(PALETTE, n_channels=4), generator=seeded()).eval()
    x = colored()
    grey = split_colors(x)[0]
    as_grey = (255 * grey).round().to(torch.uint8).expand(-1, 3, -1, -1)
    torch.testing.assert_close(model.colors(x), model.colors(as_grey), atol=5e-3, rtol=0)


@pytest.mark.parametrize("crossed", [True, False])
def test_the_halves_of_a_split_brain_see_one_half_each(crossed):
    model = SplitBrainAutoencoder((3, 8, 8), n_features=6, crossed=crossed)
    model = initialize(model, generator=seeded()).eval()
    x = colored(16)
    grey = (255 * split_colors(x)[0]).round().to(torch.uint8).expand(-1, 3, -1, -1)
    code, of_grey = model.encode(x), model.encode(grey)
    assert code.shape == (16, 6)
    torch.testing.assert_close(code[:, :3], of_grey[:, :3], atol=1e-2, rtol=0)
    assert (code[:, 3:] - of_grey[:, 3:]).abs().max() > 1e-2
    assert model.drawers[0][-1].out_channels == (2 if crossed else 1)
    assert model.drawers[1][-1].out_channels == (1 if crossed else 2)


def masked(**told):
    told = {"n_units": 16, "n_heads": 2, "n_layers": 1, "n_kept": 5} | told
    return initialize(MaskedAutoencoder(**told), generator=seeded()).eval()


def test_a_masked_autoencoder_is_scored_on_hidden_patches_only():
    """`eq-pretext-masked`: whatever it draws where it can see costs nothing."""
    model, x = masked(), digits()
    kept, back = choose_patches(len(x), 16, 5, generator=seeded(4))
    patches, hidden = patch(model.prepare(x), 2), hidden_patches(kept, 16)
    guess = model.decoder(model.encoder(patches, kept), back)
    right = functional.mse_loss(guess[hidden], patches[hidden])
    torch.testing.assert_close(model.loss(x, generator=seeded(4)), right)
    guess = guess.detach().requires_grad_()
    (guess - patches)[hidden].square().mean().backward()
    assert (guess.grad[~hidden] == 0).all()
    assert (guess.grad[hidden] != 0).any(1).all()


def test_hidden_pixels_do_not_reach_the_guess():
    model, x = masked(), digits()
    kept, back = choose_patches(len(x), 16, 5, generator=seeded(4))
    hidden = unpatch(hidden_patches(kept, 16)[..., None].expand(-1, -1, 4), (1, 8, 8))
    first = model.restore(x, kept, back)
    assert torch.equal(first[~hidden], x[~hidden].float())
    assert torch.equal(
        model.restore(torch.where(hidden, 16 - x, x), kept, back)[hidden], first[hidden]
    )
    other = model.restore(torch.where(hidden, x, 16 - x), kept, back)
    assert (other - first)[hidden].abs().max() > 1e-3


def test_features_are_the_codes_of_all_patches():
    model, x = masked(), digits()
    every = torch.arange(16).expand(len(x), -1)
    code = model.encoder(patch(model.prepare(x), 2), every)
    torch.testing.assert_close(model.encode(x), code.flatten(1))
    torch.testing.assert_close(model.encode(x)[:1], model.encode(x[:1]))


def test_what_the_models_are_not_made_for_is_refused():
    with pytest.raises(ValueError, match="hole=9"):
        inpainting(hole=9)
    with pytest.raises(ValueError, match="n_kept=16"):
        masked(n_kept=16)
    with pytest.raises(ValueError, match="size=3 must divide"):
        masked(size=3)
    with pytest.raises(ValueError, match="fractions"):
        masked().loss(torch.rand(2, 1, 8, 8))
    with pytest.raises(ValueError, match="palette has shape"):
        Colorization(torch.zeros(3))
    with pytest.raises(ValueError, match="temperature=0"):
        Colorization(PALETTE).colors(colored(), 0)
    with pytest.raises(ValueError, match="x has shape"):
        SplitBrainAutoencoder((3, 8, 8)).loss(colored(2, 16))


class TestInpainting(DeepContract):
    def make(self):
        return Inpainting(ConvEncoder(n_features=8, n_channels=4), views=Views())

    def batch(self):
        return digits()


class TestContextEncoder(TestInpainting):
    def make(self):
        judge = ConvDiscriminator(n_channels=4, norm=False)
        return Inpainting(ConvEncoder(n_features=8, n_channels=4), discriminator=judge, weight=0.1)


class TestColorization(DeepContract):
    def make(self):
        return Colorization(PALETTE, n_channels=4, dilations=(1, 2))

    def batch(self):
        return colored()


class TestSplitBrain(DeepContract):
    def make(self):
        return SplitBrainAutoencoder((3, 8, 8), n_features=8)

    def batch(self):
        return colored(32)


class TestMaskedAutoencoder(DeepContract):
    def make(self):
        return MaskedAutoencoder(n_units=16, n_heads=2, n_layers=1)

    def batch(self):
        return digits()
