"""Losses against closed forms and finite differences, invariances, and the search."""

import numpy as np
import pytest
import torch

from companion.layers import initialize
from companion.style.features import Features
from companion.style.style_transfer import (
    StyleTransfer,
    content_loss,
    feature_means,
    gram_matrix,
    style_loss,
)
from tests.contracts import DeviceContract, seeded


class Tiny(Features):
    """The interface of VGG-16 with few channels."""

    WIDTHS = ((4, 5), (6, 3))


def tiny(pooling="mean"):
    """A tiny network in float64, drawn at random."""
    with torch.random.fork_rng(devices=[]):
        return initialize(Tiny(pooling=pooling), generator=seeded()).double()


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def image(height=13, width=11, seed=0):
    return torch.rand(1, 3, height, width, generator=seeded(seed), dtype=torch.float64)


def transfer(content_seed=1, **options):
    layers = {"content_layers": ("conv2_1",), "style_layers": ("conv1_1", "conv1_2", "conv2_2")}
    content = None if content_seed is None else image(13, 11, content_seed)
    return StyleTransfer(tiny(), content, image(9, 16, seed=2), **layers | options)


# The Gram matrix, eq-style_transfer-gram.


def test_gram_matrix_is_the_sum_over_places_divided_by_their_number():
    F = normal(2, 3, 4, 5)
    by_hand = np.zeros((2, 3, 3))
    for b, i, j, row, column in np.ndindex(2, 3, 3, 4, 5):
        by_hand[b, i, j] += F[b, i, row, column] * F[b, j, row, column] / 20
    np.testing.assert_allclose(gram_matrix(F), by_hand, rtol=1e-12)


def test_gram_matrix_forgets_where_and_how_large():
    """Pitfall T1: places in any order, and a picture laid out two by two, have the same one."""
    F = normal(2, 5, 6, 7)
    order = torch.randperm(42, generator=seeded(1))
    permuted = F.flatten(2)[:, :, order].view_as(F)
    for same in (permuted, F.repeat(1, 1, 2, 2), F.mT, F.flip(3)):
        torch.testing.assert_close(gram_matrix(same), gram_matrix(F))
        torch.testing.assert_close(feature_means(same), feature_means(F))
    assert not torch.allclose(gram_matrix(F.roll(1, dims=1)), gram_matrix(F))


@pytest.mark.parametrize("places", [(2, 2), (9, 1)])
def test_gram_matrix_is_symmetric_and_positive_semidefinite(places):
    G = gram_matrix(1e3 * normal(3, 6, *places))
    torch.testing.assert_close(G, G.mT)
    eigenvalues = torch.linalg.eigvalsh(G)
    assert (eigenvalues > -1e-9 * eigenvalues.max()).all()
    if places == (2, 2):  # its rank is at most the number of places
        assert (eigenvalues[:, :2] < 1e-9 * eigenvalues.max()).all()


def test_gram_matrix_holds_means_and_covariances():
    F = normal(1, 4, 5, 6)
    means = feature_means(F)
    covariance = torch.from_numpy(np.cov(F[0].flatten(1), bias=True))
    torch.testing.assert_close(gram_matrix(F)[0], covariance + means.mT @ means)


# Losses.


def test_content_loss_and_its_slope_are_those_of_the_formula():
    """Gatys et al., equations 1 and 2: without division the slope is F - P."""
    F, P = normal(1, 4, 3, 5), normal(1, 4, 3, 5, seed=1)
    F.requires_grad_()
    loss = content_loss({"a": F}, {"a": P}, {"a": 3.0})
    torch.testing.assert_close(loss, 3 * ((F - P) ** 2).sum() / (2 * 4 * 15))
    (slope,) = torch.autograd.grad(loss, F)
    torch.testing.assert_close(slope * 4 * 15 / 3, (F - P).detach())


def test_style_loss_and_its_slope_are_those_of_the_formula():
    """Gatys et al., equations 4 and 6, whose Gram matrices are sums over places."""
    F, A = normal(1, 4, 3, 5), gram_matrix(normal(1, 4, 6, 2, seed=1))
    F.requires_grad_()
    loss = style_loss({"a": F}, {"a": A}, {"a": 3.0})
    n_channels, n_places = 4, 15
    flat = F[0].flatten(1).detach()
    difference = flat @ flat.T - n_places * A[0]  # of the printed, unnormalised matrices
    torch.testing.assert_close(loss, 3 * (difference**2).sum() / (4 * n_channels**2 * n_places**2))
    (slope,) = torch.autograd.grad(loss, F)
    printed = (flat.T @ difference).T / (n_channels**2 * n_places**2)
    torch.testing.assert_close(slope[0].flatten(1), 3 * printed)


@pytest.mark.parametrize("statistic", [gram_matrix, feature_means])
def test_slopes_agree_with_finite_differences(statistic):
    model = transfer(style_weight=7.0, content_weight=2.0, statistic=statistic)
    x = image(seed=5).requires_grad_()
    assert torch.autograd.gradcheck(model.loss, x, eps=1e-6, atol=1e-6)


def test_layers_have_weights_and_the_batch_a_mean():
    F = {"a": normal(2, 3, 4, 4), "b": normal(2, 5, 2, 2, seed=1)}
    P = {"a": normal(1, 3, 4, 4, seed=2), "b": normal(1, 5, 2, 2, seed=3)}
    A = {name: gram_matrix(p) for name, p in P.items()}
    for loss, target in ((content_loss, P), (style_loss, A)):
        alone = {name: loss({name: F[name]}, {name: target[name]}) for name in F}
        torch.testing.assert_close(loss(F, target), (alone["a"] + alone["b"]) / 2)
        told = loss(F, target, {"a": 0.25, "b": 3.0})
        torch.testing.assert_close(told, 0.25 * alone["a"] + 3 * alone["b"])
        each = [loss({k: v[i : i + 1] for k, v in F.items()}, target) for i in range(2)]
        torch.testing.assert_close(loss(F, target), (each[0] + each[1]) / 2)


def test_the_lectures_style_loss_grows_sixteenfold_when_both_pictures_are_tiled():
    """Errata, L308: no division by the number of places."""

    def printed(F, P):
        return F[0].flatten(1) @ F[0].flatten(1).T - P[0].flatten(1) @ P[0].flatten(1).T

    F, P = normal(1, 4, 3, 5), normal(1, 4, 3, 5, seed=1)
    tiled = [t.repeat(1, 1, 2, 2) for t in (F, P)]
    ratio = printed(*tiled).square().sum() / printed(F, P).square().sum()
    torch.testing.assert_close(ratio, torch.tensor(16.0, dtype=torch.float64))
    ours = [style_loss({"a": f}, {"a": gram_matrix(p)}) for f, p in ((F, P), tiled)]
    torch.testing.assert_close(*ours)
    contents = [content_loss({"a": f}, {"a": p}) for f, p in ((F, P), tiled)]
    torch.testing.assert_close(*contents)


def test_losses_refuse_what_does_not_fit():
    F = {"a": normal(1, 3, 4, 4)}
    with pytest.raises(ValueError, match="features lacks"):
        style_loss(F, {"b": normal(1, 3, 3)})
    with pytest.raises(ValueError, match="weights lacks"):
        style_loss(F, {"a": normal(1, 3, 3)}, {"b": 1.0})
    with pytest.raises(ValueError, match=r"targets\['a'\] has shape"):
        content_loss(F, {"a": normal(1, 3, 4, 5)})
    with pytest.raises(ValueError, match="features has shape"):
        gram_matrix(normal(3, 4, 5))


# The model.


def test_each_loss_is_zero_at_its_picture_and_one_without_features():
    model = transfer()
    content = model.terms(model.content)
    assert content["content"] == 0
    assert content["style"] > 0.01
    style = model.terms(image(13, 11, seed=3))
    assert style["style"] > 0.01
    model = StyleTransfer(
        tiny(), image(9, 16, 2), image(9, 16, 2), content_layers=("conv2_1",),
        style_layers=("conv1_1", "conv2_2"),
    )  # fmt: skip
    assert model.loss(image(9, 16, 2)) == 0
    model.features.forward = lambda x, layers: {k: 0 * v for k, v in tiny()(x, layers).items()}
    nothing = model.terms(image(9, 16, 2))
    torch.testing.assert_close(nothing["content"].item(), 1.0)
    torch.testing.assert_close(nothing["style"].item(), 1.0)


def test_the_total_is_the_weighted_sum():
    model = transfer(content_weight=0.3, style_weight=20.0)
    x = image(seed=4)
    terms = model.terms(x)
    torch.testing.assert_close(model.loss(x), 0.3 * terms["content"] + 20 * terms["style"])
    shares = {"conv1_1": 1.0, "conv1_2": 0.0, "conv2_2": 0.0}
    alone = transfer(style_layers=("conv1_1",)).terms(x)["style"]
    torch.testing.assert_close(transfer(layer_weights=shares).terms(x)["style"], alone)


@pytest.mark.parametrize("method", ["lbfgs", "adam"])
def test_the_loss_falls_and_the_range_is_kept(method):
    model = transfer(style_weight=100.0)
    found, history = model.run(n_evaluations=40, method=method)
    losses = [record["loss"] for record in history]
    assert [record["step"] for record in history] == list(range(1, 41))
    assert min(losses) < 0.2 * losses[0]
    assert found.shape == model.content.shape
    assert 0 <= found.min() <= found.max() <= 1
    assert not found.requires_grad
    # What is returned has the loss that is reported for it.
    np.testing.assert_allclose(model.loss(found).item(), min(losses), rtol=1e-9)
    for record in history:
        total = record["content"] + 100 * record["style"]
        np.testing.assert_allclose(record["loss"], total, rtol=1e-9)


def test_the_search_leaves_the_pictures_and_the_network_alone():
    model = transfer()
    content, state = model.content.clone(), {k: v.clone() for k, v in model.state_dict().items()}
    model.run(n_evaluations=5)
    assert torch.equal(model.content, content)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_textures_start_from_noise_of_the_generator():
    model = transfer(None)
    state = torch.get_rng_state()
    noise = model.start((10, 12), generator=seeded(3))
    assert noise.shape == (1, 3, 10, 12)
    assert 0 <= noise.min() < noise.max() <= 1
    runs = [
        model.run(model.start((10, 12), generator=seeded(3)), 8)[0],
        model.run(noise, 8)[0],
    ]
    assert torch.equal(*runs)
    assert not torch.equal(runs[0], model.run(model.start((10, 12), generator=seeded(4)), 8)[0])
    assert torch.equal(state, torch.get_rng_state())
    with pytest.raises(ValueError, match="size=None"):
        model.start()
    with_content = transfer()
    assert with_content.start(generator=seeded()).shape == with_content.content.shape


def test_a_texture_of_another_size_takes_the_statistics_of_the_style():
    model = transfer(None)
    _, history = model.run(model.start((18, 16), generator=seeded()), 60)
    assert history[-1]["style"] < 0.05 * history[0]["style"]
    assert history[-1]["content"] == 0


def test_wrong_pictures_are_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"content has values from .* divide bytes by 255"):
        StyleTransfer(tiny(), 255 * image(), image())
    with pytest.raises(ValueError, match="style has values"):
        StyleTransfer(tiny(), image(), image() - 0.5, content_layers=("conv2_1",))
    with pytest.raises(ValueError, match="style has shape"):
        StyleTransfer(tiny(), image(), image()[:, :1], content_layers=("conv2_1",))
    with pytest.raises(ValueError, match="style_weight=-1"):
        transfer(style_weight=-1)
    with pytest.raises(ValueError, match="layer_weights lacks"):
        transfer(layer_weights={"conv1_1": 1.0})
    with pytest.raises(ValueError, match="method='sgd'"):
        transfer().run(method="sgd")
    with pytest.raises(ValueError, match="n_evaluations=0"):
        transfer().run(n_evaluations=0)
    with pytest.raises(ValueError, match="start has values"):
        transfer().run(2 * image())


class TestOnADevice(DeviceContract):
    """The whole loss, with gradients of the network's weights."""

    def model(self) -> StyleTransfer:
        return transfer(style_weight=5.0).float()

    def batch(self):
        return image(seed=6).float()

    def inputs(self, batch):
        return (batch,)
