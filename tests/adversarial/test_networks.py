"""Sizes, first weights and batch normalisation of the convolutions."""

import pytest
import torch
from torch import nn

from companion.adversarial.gan import DCGAN
from companion.adversarial.networks import ConvDiscriminator, ConvGenerator
from tests.contracts import seeded


def test_batch_normalisation_is_made_as_it_is_meant():
    """`BatchNorm2d(n, 0.8)` would set eps (G8): what it returns must have a deviation of 1."""
    model = DCGAN(5, n_channels=6)
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert len(norms) == 3
    for norm in norms:
        assert norm.eps < 1e-3
        assert norm.momentum == pytest.approx(0.1)
        x = 3 + 0.1 * torch.randn(40, norm.num_features, 5, 5, generator=seeded(2))
        assert abs(norm(x).std() - 1) < 0.05


def test_sizes_double_and_halve_and_weights_begin_small():
    for shape in ((1, 8, 8), (3, 12, 16)):
        generator = ConvGenerator(5, shape, 8)
        images = generator(torch.randn(4, 5, generator=seeded()))
        assert images.shape == (4, *shape)
        assert images.abs().max() < 1
        assert ConvDiscriminator(shape, 8)(images).shape == (4,)
    weights = DCGAN(5, n_channels=6).generator.network[4].weight
    assert weights.std().item() == pytest.approx(0.02, rel=0.1)


def test_without_norm_the_score_of_an_image_is_its_own():
    images = torch.randn(5, 1, 8, 8, generator=seeded())
    for norm in (True, False):
        critic = ConvDiscriminator(n_channels=6, norm=norm)
        alone = critic(images[:1].repeat(2, 1, 1, 1))[0]
        assert torch.allclose(critic(images)[0], alone, atol=1e-6) != norm
