"""The U-Net: shapes, and that everything it is told matters."""

import pytest
import torch

from companion.diffusion.unet import UNet
from companion.layers import initialize
from tests.contracts import seeded


def awake(model, size=0.1):
    """Random weights: no layer that starts at zero hides those before it."""
    generator = seeded()
    model = initialize(model, generator=generator).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(size * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.mark.parametrize(
    ("event_shape", "n_scales"), [((1, 8, 8), 2), ((3, 6, 10), 2), ((2, 5, 7), 1), ((1, 12, 4), 3)]
)
@pytest.mark.parametrize("n_outputs", [None, 5])
def test_the_image_keeps_its_size(event_shape, n_scales, n_outputs):
    model = UNet(event_shape, n_outputs=n_outputs, n_channels=8, n_scales=n_scales)
    x = torch.randn(3, *event_shape, generator=seeded())
    out = model(x, torch.rand(3, generator=seeded()))
    assert out.shape == (3, n_outputs or event_shape[0], *event_shape[1:])


def test_it_hears_the_time_the_context_and_every_pixel():
    model = awake(UNet((1, 4, 4), n_channels=8, n_context=3))
    x, t = torch.randn(2, 1, 4, 4, generator=seeded(1)), torch.tensor([0.2, 0.7])
    context = torch.eye(3)[:2]
    said = model(x, t, context)
    assert ((model(x, t + 0.1, context) - said).abs() > 1e-6).any()
    assert ((model(x, t, context.flip(1)) - said).abs() > 1e-6).any()
    torch.testing.assert_close(model(x, t), model(x, t, 0 * context))
    jacobian = torch.autograd.functional.jacobian(lambda v: model(v[None], t[:1])[0], x[0])
    assert (jacobian.view(16, 16).abs() > 1e-9).all(), "a pixel does not hear all the others"


def test_a_row_does_not_depend_on_its_neighbours():
    model = awake(UNet((1, 4, 4), n_channels=8))
    x, t = torch.randn(5, 1, 4, 4, generator=seeded(1)), torch.rand(5, generator=seeded(2))
    torch.testing.assert_close(model(x, t)[:1], model(x[:1], t[:1]))


def test_dropout_comes_from_the_generator():
    model = awake(UNet((1, 4, 4), n_channels=8, rate=0.5)).train()
    x, t = torch.randn(2, 1, 4, 4, generator=seeded(1)), torch.tensor([0.2, 0.7])
    assert torch.equal(model(x, t, generator=seeded(1)), model(x, t, generator=seeded(1)))
    assert not torch.equal(model(x, t, generator=seeded(1)), model(x, t, generator=seeded(2)))


def test_sides_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="n_scales=3 wants sides divisible by 4"):
        UNet((1, 6, 6), n_scales=3)
    with pytest.raises(ValueError, match="shape"):
        UNet((1, 8, 8), n_channels=8)(torch.zeros(1, 1, 4, 4), torch.zeros(1))
