"""Attention over earlier pixels against a loop, and against what convolutions can reach."""

import math

import torch

from companion import data
from companion.autoregressive.ancestral import dependence
from companion.autoregressive.pixelcnn import GatedPixelCNN
from companion.autoregressive.pixelsnail import CausalAttention, PixelSNAIL
from tests.contracts import AutoregressiveContract, seeded


class TestPixelSNAIL(AutoregressiveContract):
    def make(self):
        return PixelSNAIL(n_channels=6, n_layers=2, n_keys=4, n_context=0)

    def tiny(self):
        return PixelSNAIL((2, 3), 3, n_channels=6, n_layers=2, n_keys=4, n_context=0)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])


def test_attention_is_a_mean_over_earlier_pixels_weighted_by_content():
    """Equation of the chapter, pixel by pixel; place 0 is the one where there is nothing."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        layer = CausalAttention(5, 2, 3).double()
    h = torch.randn(2, 5, 3, 4, generator=seeded(), dtype=torch.float64)
    x = torch.randn(2, 2, 3, 4, generator=seeded(1), dtype=torch.float64)
    with torch.no_grad():
        got = layer(h, x)
        for image, row, column in [(0, 0, 0), (0, 1, 2), (1, 2, 3)]:
            pixels = [(i // 4, i % 4) for i in range(4 * row + column)]
            told = [torch.cat([h[image, :, i, j], x[image, :, i, j]]) for i, j in pixels]
            told = [torch.zeros(7, dtype=torch.float64), *told]
            query = layer.query(h[image, :, row, column])
            scores = [(query @ layer.key(t) / math.sqrt(3)).exp() for t in told]
            seen = sum(s * layer.value(t) for s, t in zip(scores, told, strict=True)) / sum(scores)
            mixed = layer.mix(seen)
            expected = mixed[:5].tanh() * mixed[5:].sigmoid()
            torch.testing.assert_close(got[image, :, row, column], expected)


def test_attention_reaches_what_few_convolutions_do_not():
    """Two layers over a strip of 30 pixels: the last one sees the first, and all between."""
    strip = torch.randint(3, (1, 1, 1, 30), generator=seeded())
    arguments = {"n_levels": 3, "n_channels": 6, "n_layers": 2, "n_context": 0}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        attentive = PixelSNAIL((1, 30), n_keys=4, **arguments).double()
        plain = GatedPixelCNN((1, 30), **arguments).double()
    assert (dependence(attentive, strip)[-1, :-1] > 0).all()
    assert (dependence(plain, strip)[-1] > 0).sum() == 5  # 3 by the first layer, 1 by each other
