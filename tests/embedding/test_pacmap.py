"""PaCMAP against the package pacmap, PyTorch and the definitions of its pairs."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.embedding.pacmap import (
    PaCMAP,
    draw_others,
    further_pairs,
    mid_near_pairs,
    near_pairs,
    pair_loss,
    phase_weights,
)
from companion.metrics import distance_correlation, trustworthiness


@parametrize_with_checks([PaCMAP(n_neighbors=2, num_iters=(2, 2, 2))])
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def package(uncompiled):
    return uncompiled("pacmap.pacmap")


@pytest.fixture(scope="module")
def digits():
    X = load_digits().data[:500]
    return X + np.random.default_rng(0).normal(scale=1e-3, size=X.shape)


def as_pairs(partners):
    n, k = partners.shape
    return np.column_stack([np.repeat(np.arange(n), k), partners.ravel()]).astype(np.int32)


def test_loss_and_gradient_are_the_packages(package):
    """`eq-umap-pacmap`."""
    rng = np.random.default_rng(0)
    Y = rng.normal(scale=4, size=(40, 2)).astype(np.float32)
    weights, partners = (2.0, 37.0, 1.5), [draw_others(40, k, np.random) for k in (5, 3, 7)]
    theirs = package.pacmap_grad(Y, *map(as_pairs, partners), *weights)
    loss, gradient = 0.0, 0.0
    for weight, some, kind in zip(weights, partners, ("near", "mid", "further"), strict=True):
        part, slope = pair_loss(Y, some, kind)
        loss, gradient = loss + weight * part, gradient + weight * slope
    np.testing.assert_allclose(loss, theirs[-1, 0], rtol=1e-4)
    np.testing.assert_allclose(gradient, theirs[:-1], atol=1e-4)


@pytest.mark.parametrize("kind", ["near", "mid", "further"])
def test_gradient_against_autograd(kind):
    rng = np.random.default_rng(1)
    Y, partners = rng.normal(scale=3, size=(30, 3)), draw_others(30, 4, np.random.RandomState(0))
    leaf = torch.tensor(Y, requires_grad=True)
    e = 1 + ((leaf[:, None] - leaf[torch.tensor(partners)]) ** 2).sum(-1)
    terms = {"near": e / (10 + e), "mid": e / (10_000 + e), "further": 1 / (1 + e)}
    terms[kind].sum().backward()
    loss, gradient = pair_loss(Y, partners, kind)
    np.testing.assert_allclose(loss, terms[kind].sum().item())
    np.testing.assert_allclose(gradient, leaf.grad.numpy(), atol=1e-12)


def test_weights_of_the_phases_are_the_packages(package):
    for step in (0, 1, 50, 99, 100, 150, 199, 200, 449):
        mid, near, further = package.find_weight(1000.0, step, num_iters=(100, 100, 250))
        np.testing.assert_allclose(phase_weights(step), (near, mid, further))


def test_near_pairs_are_the_packages(package, digits):
    n_neighbors = 10
    mine = near_pairs(digits, n_neighbors)
    d = squareform(pdist(digits))
    order = np.argsort(d, axis=1, kind="stable")[:, 1:61]
    distances = np.take_along_axis(d, order, axis=1).astype(np.float32)
    width = np.maximum(distances[:, 3:6].mean(axis=1), 1e-10)
    scaled = package.scale_dist(distances, width, order.astype(np.int32))
    theirs = package.sample_neighbors_pair(
        digits.astype(np.float32), scaled, order.astype(np.int32), np.int32(n_neighbors)
    )
    theirs = theirs[:, 1].reshape(-1, n_neighbors)
    same = [len(set(a) & set(b)) for a, b in zip(mine, theirs, strict=True)]
    assert np.mean(same) > 0.999 * n_neighbors


def test_mid_near_pairs_lie_between_near_and_further(digits):
    random_state = np.random.RandomState(0)
    near = near_pairs(digits, 10)
    mid = mid_near_pairs(digits, 5, random_state)
    further = further_pairs(near, 20, random_state)
    d = squareform(pdist(digits))
    rows = np.arange(len(digits))[:, None]
    means = [d[rows, partners].mean() for partners in (near, mid, further)]
    assert means[0] < means[1] < means[2]
    for partners in (near, mid, further):
        assert (partners != rows).all()
    assert not (further[:, :, None] == near[:, None, :]).any()


def test_mid_near_is_the_second_of_six():
    """Ranks of the second smallest of six uniform draws have mean 2/7."""
    X = np.arange(2000.0)[:, None]
    ranks = mid_near_pairs(X, 3, np.random.RandomState(0))[0]  # of point 0: distance is rank
    many = np.concatenate([mid_near_pairs(X, 1, np.random.RandomState(s))[0] for s in range(200)])
    assert abs(many.mean() / 2000 - 2 / 7) < 5 * 0.16 / np.sqrt(200)
    assert (ranks > 0).all()


@pytest.mark.thorough
def test_as_good_as_the_package(digits, tmp_path):
    """The package as it compiles itself, in a process of its own."""
    pytest.importorskip("pacmap")
    np.save(tmp_path / "digits.npy", digits)
    code = (
        "import numpy as np, pacmap\n"
        "np.save('map.npy', pacmap.PaCMAP(random_state=0).fit_transform(np.load('digits.npy')))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    theirs = np.load(tmp_path / "map.npy")
    mine = PaCMAP(random_state=0).fit_transform(digits)
    for score, margin in ((trustworthiness, 0.01), (distance_correlation, 0.08)):
        assert score(digits, mine) > score(digits, theirs) - margin


def test_every_step_asks_for_the_weights_of_its_phase(digits, monkeypatch):
    seen = []

    def recorder(step, num_iters):
        seen.append((step, tuple(num_iters)))
        return phase_weights(step, num_iters)

    monkeypatch.setattr("companion.embedding.pacmap.phase_weights", recorder)
    PaCMAP(num_iters=(2, 3, 4), random_state=0).fit(digits[:100])
    assert seen == [(step, (2, 3, 4)) for step in range(9)]


@pytest.mark.parametrize("kind", ["near", "mid", "further"])
def test_each_weight_is_of_its_own_pairs(digits, kind):
    """`eq-umap-pacmap`, one term at a time."""
    model = PaCMAP(num_iters=(2, 2, 2), random_state=0).fit(digits[:100])
    pairs = {"near": model.pair_neighbors_, "mid": model.pair_MN_, "further": model.pair_FP_}
    loss, gradient = model._loss(model.embedding_, [name == kind for name in pairs])
    wanted = pair_loss(model.embedding_, pairs[kind], kind)
    np.testing.assert_allclose(loss, wanted[0])
    np.testing.assert_allclose(gradient, wanted[1], rtol=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_very_few_points(n):
    X = np.random.default_rng(0).normal(size=(n, 2))
    model = PaCMAP(n_neighbors=1, num_iters=(2, 2, 2), random_state=0).fit(X)
    np.testing.assert_array_less(model.pair_neighbors_, n)
    assert np.isfinite(model.embedding_).all()


def test_loss_falls_and_attributes_are_there(digits):
    few, many = (PaCMAP(num_iters=(0, 0, n), random_state=0).fit(digits[:200]) for n in (1, 200))
    assert many.loss_ < few.loss_
    assert many.n_iter_ == 200
    assert many.pair_neighbors_.shape == (200, 10)
    assert many.pair_MN_.shape == (200, 5)
    assert many.pair_FP_.shape == (200, 20)


def test_same_seed_same_picture(digits):
    one, two = (PaCMAP(random_state=2, num_iters=(5, 5, 5)).fit_transform(digits) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_many_features_and_no_extra_pairs():
    X = np.random.default_rng(0).normal(size=(60, 150))
    model = PaCMAP(MN_ratio=0, FP_ratio=0, num_iters=(2, 2, 2), random_state=0).fit(X)
    assert model.pair_MN_.shape == (60, 0)
    assert np.isfinite(model.embedding_).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_neighbors": 0}, "n_neighbors=0"),
        ({"n_neighbors": 99}, "n_neighbors=99.*further"),
        ({"MN_ratio": -1}, "MN_ratio=-1"),
        ({"FP_ratio": "2"}, "FP_ratio='2'"),
        ({"n_components": 0}, "n_components=0"),
        ({"lr": 0}, "lr=0"),
        ({"num_iters": (1, 2.5, 3)}, "num_iters=2.5"),
        ({"num_iters": 450}, "num_iters=450.*three"),
        ({"num_iters": (0, 0, 0)}, r"num_iters=\(0, 0, 0\) has no step.*at least one"),
        ({"init": "zeros"}, "init='zeros'.*'pca'"),
    ],
)
def test_bad_arguments(digits, arguments, message):
    with pytest.raises(ValueError, match=message):
        PaCMAP(**arguments).fit(digits[:100])
