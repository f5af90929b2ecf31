"""Layers against torch's own, and their causality by automatic differentiation."""

import pytest
import torch
from torch import nn

from companion import layers
from tests.contracts import seeded


def normal(*shape, seed=0):
    return torch.randn(shape, generator=seeded(seed))


def built(make):
    """The module that `make` returns, with weights from a seed and the global state left alone."""
    with torch.random.fork_rng():
        return layers.initialize(make(), generator=seeded())


@pytest.fixture(autouse=True)
def _global_random_state_is_left_alone():
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state())


# initialize


class Everything(nn.Module):
    """One of each kind of layer with weights that the course uses."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.block = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ConvTranspose2d(2, 1, 3))
        self.lstm = nn.LSTM(3, 5)
        self.embedding = nn.Embedding(4, 3)
        self.attention = nn.MultiheadAttention(4, 2)


def everything():
    with torch.random.fork_rng():
        return Everything()


def test_initialize_draws_what_torch_draws():
    """The seed that the generator yields, given to torch, makes the same weights."""
    model = layers.initialize(everything(), generator=seeded(3))
    with torch.random.fork_rng():
        torch.manual_seed(torch.randint(2**62, (), generator=seeded(3)).item())
        linear = nn.Linear(3, 4)
    assert torch.equal(model.linear.weight, linear.weight)
    assert torch.equal(model.linear.bias, linear.bias)


def test_same_generator_same_weights_in_every_layer():
    one, again, other = (
        layers.initialize(everything(), generator=seeded(s)).state_dict() for s in (1, 1, 2)
    )
    for name in one:
        assert torch.equal(one[name], again[name])
        if not name.startswith("attention") or "weight" in name:  # biases of attention are 0
            assert not torch.equal(one[name], other[name])


def test_a_generator_gives_each_module_its_own_weights():
    generator = seeded()
    first, second = (
        layers.initialize(everything(), generator=generator).linear.weight for _ in range(2)
    )
    assert not torch.equal(first, second)


# dropout


def test_dropout_keeps_the_mean_and_drops_the_rate():
    x = torch.full((200_000,), 3.0)
    dropped = layers.dropout(x, 0.3, generator=seeded())
    torch.testing.assert_close(dropped.unique(), torch.tensor([0.0, 3 / 0.7]))
    share = (dropped == 0).float().mean()
    assert abs(share - 0.3) < 5 * (0.3 * 0.7 / len(x)) ** 0.5


def test_dropout_at_its_ends():
    x = normal(50).requires_grad_()
    assert layers.dropout(x, 0.5, training=False) is x
    assert torch.equal(layers.dropout(x, 0.0, generator=seeded()), x)
    assert not layers.dropout(x, 1.0, generator=seeded()).any()
    layers.dropout(x, 0.5, generator=seeded()).sum().backward()
    assert set(x.grad.unique().tolist()) == {0.0, 2.0}
    with pytest.raises(ValueError, match=r"rate=1.1 must be a number in \[0, 1\]"):
        layers.dropout(x, 1.1)


def test_same_generator_same_dropout():
    x = torch.ones(100)
    assert torch.equal(*(layers.dropout(x, 0.5, generator=seeded(1)) for _ in range(2)))
    assert not torch.equal(*(layers.dropout(x, 0.5, generator=seeded(s)) for s in (1, 2)))


# sinusoidal_embedding


def test_a_shift_of_the_position_is_a_rotation_of_its_embedding():
    """Dot products depend on the difference of two positions only."""
    codes = layers.sinusoidal_embedding(torch.arange(50), 32)
    assert codes.shape == (50, 32)
    products = codes @ codes.T
    for distance in (0, 1, 7):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    assert products[0, 0].item() == pytest.approx(16)
    assert products[0, 1:].max() < 15.6


def test_embedding_holds_the_sines_it_names():
    codes = layers.sinusoidal_embedding(torch.tensor([0.5]), 4, max_period=100.0)
    t = torch.tensor([0.5, 0.05])
    torch.testing.assert_close(codes[0], torch.cat([t.sin(), t.cos()]))
    with pytest.raises(ValueError, match="n_dims=3 must be even: one sine"):
        layers.sinusoidal_embedding(torch.arange(5), 3)
    for n_dims in range(2, 200, 2):
        assert layers.sinusoidal_embedding(torch.arange(2), n_dims).shape == (2, n_dims)


# Masks and causality


def jacobian_pattern(function, x):
    """Which entry of the output depends on which of the input: bool (n_outputs, n_inputs)."""
    n = x.numel()
    jacobian = torch.autograd.functional.jacobian(lambda v: function(v.view_as(x)).flatten(), x)
    return jacobian.reshape(-1, n) != 0


def test_masked_linear_depends_on_what_its_mask_says():
    mask = (normal(5, 4) > 0).float()
    layer = built(lambda: layers.MaskedLinear(mask))
    assert torch.equal(jacobian_pattern(layer, normal(1, 4)), mask.bool())
    full = built(lambda: layers.MaskedLinear(torch.ones(5, 4)))
    x = normal(3, 4)
    torch.testing.assert_close(full(x), nn.functional.linear(x, full.weight, full.bias))
    assert built(lambda: layers.MaskedLinear(mask, bias=False)).bias is None


def test_masked_convolution_sees_only_pixels_before():
    """With the mask of PixelCNN's first layer no output sees itself or anything later."""
    mask = torch.ones(3, 3)
    mask[1, 1:], mask[2] = 0, 0
    layer = built(lambda: layers.MaskedConv2d(1, 1, mask))
    depends = jacobian_pattern(layer, normal(1, 1, 5, 6))
    assert not depends.triu().any()
    assert depends.any(dim=1).sum() == 29  # all but the first pixel see something
    whole = built(lambda: layers.MaskedConv2d(2, 3, torch.ones(3, 5), bias=False))
    plain = nn.functional.conv2d(normal(1, 2, 6, 6), whole.weight, padding="same")
    torch.testing.assert_close(whole(normal(1, 2, 6, 6)), plain)


def test_masked_convolution_takes_a_mask_for_each_channel():
    mask = torch.zeros(2, 2, 1, 1)
    mask[0, 0] = mask[1, 0] = mask[1, 1] = 1
    layer = built(lambda: layers.MaskedConv2d(2, 2, mask))
    depends = jacobian_pattern(layer, normal(1, 2, 1, 1))
    assert depends.tolist() == [[True, False], [True, True]]


@pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (2, 1), (3, 2), (2, 4)])
def test_causal_convolution_sees_the_past_it_names(kernel_size, dilation):
    layer = built(lambda: layers.CausalConv1d(1, 1, kernel_size, dilation=dilation))
    depends = jacobian_pattern(layer, normal(1, 1, 12))
    for now in range(12):
        seen = {now - i * dilation for i in range(kernel_size)}
        assert set(depends[now].nonzero()[:, 0].tolist()) == {t for t in seen if t >= 0}


# ResidualBlock


def test_a_new_block_is_the_identity_also_after_initialize():
    for block in (
        built(lambda: layers.ResidualBlock(4, n_groups=2)),
        built(lambda: nn.Sequential(layers.ResidualBlock(4))),
    ):
        x = normal(2, 4, 5, 5)
        assert torch.equal(block(x), x)


def test_every_weight_of_a_used_block_has_a_gradient_and_context_matters():
    block = built(lambda: layers.ResidualBlock(4, n_context=3))
    nn.init.normal_(block.conv2.weight, generator=seeded())
    x, context = normal(2, 4, 5, 5), normal(2, 3)
    block(x, context).square().sum().backward()
    assert all(p.grad.abs().max() > 0 for p in block.parameters())
    assert not torch.allclose(block(x, context), block(x, -context))


def test_context_must_be_given_where_the_block_has_it():
    x = normal(1, 4, 5, 5)
    with pytest.raises(ValueError, match="context is missing, but the block was made with n_c"):
        built(lambda: layers.ResidualBlock(4, n_context=3))(x)
    with pytest.raises(ValueError, match="context is given, but the block was made without n_c"):
        built(lambda: layers.ResidualBlock(4))(x, normal(1, 3))
