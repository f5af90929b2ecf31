"""PixelCNN++ against SciPy's logistic distribution."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import softmax

from companion import data
from companion.autoregressive.pixelcnnpp import PixelCNNPlusPlus, SoftmaxPixelCNN
from companion.layers import initialize
from tests.contracts import AutoregressiveContract, seeded


class TestPixelCNNPlusPlus(AutoregressiveContract):
    def make(self):
        return PixelCNNPlusPlus(n_components=2, n_channels=8, n_layers=4, n_context=0)

    def tiny(self):
        shape = (2, 3)
        return PixelCNNPlusPlus(shape, 4, n_components=2, n_channels=4, n_layers=2, n_context=0)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])


class TestSoftmaxPixelCNN(AutoregressiveContract):
    def make(self):
        return SoftmaxPixelCNN(n_channels=8, n_layers=4)

    def tiny(self):
        return SoftmaxPixelCNN((2, 3), 4, n_channels=4, n_layers=2)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])


def test_only_the_last_layer_of_the_control_differs():
    ours, control = PixelCNNPlusPlus(), SoftmaxPixelCNN()
    shapes = [{n: w.shape for n, w in m.named_parameters()} for m in (ours, control)]
    assert shapes[0].keys() == shapes[1].keys()
    other = {name for name in shapes[0] if shapes[0][name] != shapes[1][name]}
    assert other == {"head.3.weight", "head.3.bias"}
    x = torch.from_numpy(data.digits().x_test[:2]).long()
    assert torch.equal(ours.embed(x), control.embed(x))


@pytest.mark.parametrize("n_components", [1, 3])
def test_a_level_has_the_logistic_mass_between_its_edges(n_components):
    """Equation eq-pixelcnn-logistic, by SciPy's distribution functions."""
    model = PixelCNNPlusPlus(n_components=n_components, n_channels=8, n_layers=1, n_context=0)
    model = initialize(model, generator=seeded()).double().eval()
    hidden = 3 * torch.randn(1, 8, 2, 2, generator=seeded(1), dtype=torch.float64)
    logits, means, log_scales = (part.detach().numpy() for part in model.mixture(hidden))
    edges = np.r_[-np.inf, np.arange(0.5, 16), np.inf]  # the first and last level get the tails
    for i in np.ndindex(2, 2):
        place = (0, 0, *i)
        bumps = stats.logistic(means[place][:, None], np.exp(log_scales[place])[:, None])
        expected = softmax(logits[place]) @ np.diff(bumps.cdf(edges), axis=1)
        np.testing.assert_allclose(
            model.readout(hidden)[place].exp().detach(), expected, rtol=1e-9, atol=1e-15
        )


def test_neighbouring_levels_are_likely_together_from_the_start():
    """One bump: probabilities rise to one level and fall after it."""
    model = initialize(PixelCNNPlusPlus(n_components=1), generator=seeded()).eval()
    logs = model.logits(torch.from_numpy(data.digits().x_test[:4])).detach()[:, 0].flatten(0, 2)
    rises = logs[:, 1:-2].diff(dim=1) > 0  # the tails of the first and last level aside
    assert (rises.int().diff(dim=1) <= 0).all()


def test_pixels_enter_as_one_number_from_minus_one_to_one():
    model = PixelCNNPlusPlus()
    x = torch.tensor([0, 8, 16]).view(3, 1, 1, 1).expand(3, 1, 8, 8)
    assert model.embed(x)[:, 0, 0, 0].tolist() == [[-1, 1], [0, 1], [1, 1]]


def test_the_likelihood_is_the_mass_that_the_conditionals_give():
    model = initialize(PixelCNNPlusPlus(n_channels=8, n_layers=2), generator=seeded()).eval()
    x = torch.from_numpy(data.digits().x_test[:3]).long()
    expected = model.logits(x).gather(-1, x[..., None]).flatten(1).sum(dim=1)
    torch.testing.assert_close(model.log_prob(x), expected)
