"""PixelCNNs against naive loops, enumeration, and receptive fields that can be counted."""

import pytest
import torch

from companion import data
from companion.autoregressive.pixelcnn import (
    GatedBlock,
    GatedPixelCNN,
    PixelCNN,
    fisher_score,
    receptive_field,
)
from companion.layers import MaskedConv2d, causal_mask, initialize
from tests.contracts import AutoregressiveContract, seeded


class TestGatedPixelCNN(AutoregressiveContract):
    def make(self):
        return GatedPixelCNN(n_channels=8, n_layers=4, n_context=0, dropout=0.1)

    def tiny(self):
        return GatedPixelCNN((3, 4), 2, n_channels=4, n_layers=2, n_context=0)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])


class TestPixelCNN(AutoregressiveContract):
    def make(self):
        return PixelCNN(n_channels=8, n_layers=2, n_context=0, dropout=0.1)

    def tiny(self):
        return PixelCNN((3, 4), 2, n_channels=4, n_layers=2, n_context=0)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])

    def sees_enough(self, noticed, rank):
        """It sees its left neighbour; the last pixel of the row above is in the blind spot."""
        left = [noticed[i - 1, i] for i in range(64) if i % 8]
        wrapped = [noticed[i - 1, i] for i in range(8, 64, 8)]
        return all(left) and not any(wrapped)


def digits(n):
    return torch.from_numpy(data.digits().x_train[:n])


def fresh(model):
    return initialize(model, generator=seeded(3)).double().eval()


# Masks and convolutions.


@pytest.mark.parametrize("kind", ["A", "B"])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_the_mask_is_one_on_what_came_before(kernel_size, kind):
    """Equation eq-pixelcnn-mask, read off for each place by itself."""
    mask, half = causal_mask(kernel_size, kind), kernel_size // 2
    for i in range(-half, half + 1):
        for j in range(-half, half + 1):
            before = i < 0 or (i == 0 and j < 0) or (i == j == 0 and kind == "B")
            assert mask[i + half, j + half] == before


def test_a_mask_needs_a_centre_and_a_kind():
    with pytest.raises(ValueError, match="kernel_size=4 must be odd"):
        causal_mask(4, "A")
    with pytest.raises(ValueError, match="kind='C' is not known"):
        causal_mask(3, "C")


@pytest.mark.parametrize("kind", ["A", "B"])
def test_masked_convolution_is_a_double_loop_over_earlier_pixels(kind):
    layer = fresh(MaskedConv2d(2, 3, causal_mask(3, kind)))
    x = torch.randn(1, 2, 4, 5, generator=seeded(), dtype=torch.float64)
    naive = layer.bias[:, None, None].repeat(1, 4, 5).detach()
    for i in range(4):
        for j in range(5):
            for a, b in [(-1, -1), (-1, 0), (-1, 1), (0, -1)] + [(0, 0)] * (kind == "B"):
                if i + a >= 0 and 0 <= j + b < 5:
                    naive[:, i, j] += layer.weight[:, :, a + 1, b + 1] @ x[0, :, i + a, j + b]
    torch.testing.assert_close(layer(x)[0], naive)


def test_a_gated_block_is_a_loop_over_pixels():
    """Equation eq-pixelcnn-layer, one pixel after the other."""
    block = fresh(GatedBlock(3, n_context=2))
    v, h = torch.randn(2, 1, 3, 4, 5, generator=seeded(), dtype=torch.float64)
    context = torch.randn(1, 2, 1, 1, generator=seeded(1), dtype=torch.float64)

    def at(x, i, j):
        inside = 0 <= i < 4 and 0 <= j < 5
        return x[0, :, i, j] if inside else torch.zeros(3, dtype=torch.float64)

    def gated(s):
        return s[:3].tanh() / (1 + (-s[3:]).exp())

    new_v, new_h = block(v, h, context)
    for i in range(4):
        for j in range(5):
            down = block.down.bias + block.context.weight[:, :, 0, 0] @ context[0, :, 0, 0]
            for a in (-1, 0):
                for b in (-1, 0, 1):
                    down = down + block.down.weight[:, :, a + 1, b + 1] @ at(v, i + a, j + b)
            right = block.right.bias + block.link.bias + block.link.weight[:, :, 0, 0] @ down
            for b in (-1, 0):
                right = right + block.right.weight[:, :, 0, b + 1] @ at(h, i, j + b)
            mixed = block.mix.weight[:, :, 0, 0] @ gated(right) + block.mix.bias
            torch.testing.assert_close(new_v[0, :, i, j], v[0, :, i, j] + gated(down))
            torch.testing.assert_close(new_h[0, :, i, j], h[0, :, i, j] + mixed)


@pytest.mark.parametrize("model", [PixelCNN, GatedPixelCNN])
def test_no_context_is_a_context_of_zeros_and_others_matter(model):
    model, x = fresh(model(n_channels=8, n_layers=2, n_context=3)), digits(2)
    zeros = torch.zeros(2, 3, dtype=torch.float64)
    torch.testing.assert_close(model.log_prob(x), model.log_prob(x, zeros))
    assert (model.log_prob(x, zeros + 1) != model.log_prob(x)).all()
    everywhere = (zeros + 1)[:, :, None, None].expand(2, 3, 8, 8)  # a context for each pixel
    torch.testing.assert_close(model.log_prob(x, zeros + 1), model.log_prob(x, everywhere))


# What is seen.


def reached(row, column, n_layers, height, width):
    """Pixels that hops of a 3x3 mask can reach: the first by mask A, the others by mask B."""
    hops = {(-1, -1), (-1, 0), (-1, 1), (0, -1)}
    seen = {(row + a, column + b) for a, b in hops}
    for _ in range(n_layers):
        seen |= {(i + a, j + b) for i, j in seen for a, b in hops}
    return {(i, j) for i, j in seen if 0 <= i < height and 0 <= j < width}


@pytest.mark.parametrize("n_layers", [0, 1, 2, 6])
def test_the_receptive_field_of_masked_layers_is_counted_by_hops(n_layers):
    """Section "The blind spot"."""
    model = fresh(PixelCNN((9, 10), 3, n_channels=6, n_layers=n_layers, n_context=0))
    field = receptive_field(model, 6, 4)
    assert set(map(tuple, (field > 0).nonzero().tolist())) == reached(6, 4, n_layers, 9, 10)


def test_top_right_is_seen_and_the_blind_spot_is_a_wedge_on_the_right():
    """Errata: not only the top left. Blind: farther to the right than it is above."""
    model = fresh(PixelCNN((9, 10), 3, n_channels=6, n_layers=12, n_context=0))
    field = receptive_field(model, 6, 4) > 0
    for i in range(9):
        for j in range(10):
            before = i < 6 or (i == 6 and j < 4)
            blind = j - 4 > 6 - i
            assert field[i, j] == (before and not blind)
    assert field[5, 5]


def test_two_stacks_see_everything_before():
    model = fresh(GatedPixelCNN((9, 10), 3, n_channels=6, n_layers=6, n_context=0))
    field = (receptive_field(model, 6, 4) > 0).flatten()
    assert field.tolist() == [i < 64 for i in range(90)]


# The Fisher score.


@pytest.mark.parametrize("parameters", ["head.3", "position", ""])
def test_fisher_score_is_the_gradient_of_one_image_after_the_other(parameters):
    """Section "A representation without a code", by plain autograd."""
    model, x = fresh(GatedPixelCNN(n_channels=4, n_layers=2, n_context=0)), digits(5)
    scores = fisher_score(model, x, parameters, chunk_size=2)
    weights = [p for name, p in model.named_parameters() if name.startswith(parameters)]
    for score, image in zip(scores, x, strict=True):
        slopes = torch.autograd.grad(model.log_prob(image[None]).sum(), weights)
        torch.testing.assert_close(score, torch.cat([slope.flatten() for slope in slopes]))
    assert not scores.requires_grad


def test_the_mean_score_under_the_model_is_zero():
    """A theorem: the sum over all images of p(x) grad log p(x) is the gradient of 1."""
    contract = TestGatedPixelCNN()
    model = contract.tiny_model()
    events = contract.every_event(model)
    probability = model.log_prob(events).exp().detach()
    mean = probability @ fisher_score(model, events, "head.3", chunk_size=1024)
    assert mean.abs().max() < 1e-10


def test_fisher_score_names_the_parameters_there_are():
    with pytest.raises(ValueError, match="parameters='tail' starts no parameter's name: try above"):
        fisher_score(GatedPixelCNN(), digits(1), "tail")
