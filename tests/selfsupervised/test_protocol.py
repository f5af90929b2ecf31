"""The protocol: which labels are drawn, and what is read with them."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from companion.selfsupervised.encoder import ConvEncoder
from companion.selfsupervised.protocol import KeptCurves, label_curve, label_draws


def blobs(n, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 4)
    return 9 * np.eye(4)[y] + rng.normal(size=(n, 4)), y


def test_each_draw_has_so_many_of_each_class_and_none_twice():
    y = np.random.default_rng(0).integers(3, size=80)
    draws = label_draws(y, 5, 7, random_state=1)
    assert draws.shape == (7, 15)
    for draw in draws:
        assert np.bincount(y[draw]).tolist() == [5, 5, 5]
        assert len(set(draw.tolist())) == 15
    assert len({tuple(draw) for draw in draws.tolist()}) == 7
    assert np.array_equal(draws, label_draws(y, 5, 7, random_state=1))
    assert label_draws(y, None).tolist() == [list(range(80))]


def test_more_labels_than_there_are_is_refused():
    with pytest.raises(ValueError, match="n_per_class=3"):
        label_draws([0, 0, 1, 1, 1], 3)


@pytest.mark.parametrize("reader", ["linear", "neighbors"])
def test_what_is_apart_is_read_with_one_label(reader):
    curve = label_curve(*blobs(200), *blobs(90, 1), (1, 3, None), n_draws=4, reader=reader)
    assert [len(a) for a in curve.accuracies] == [4, 4, 1]
    assert min(a.min() for a in curve.accuracies) > 0.95


def test_labels_that_mean_nothing_are_read_by_chance():
    z, y = blobs(400)
    other = np.random.default_rng(5).permutation(y)
    curve = label_curve(z, other, *blobs(400, 1), (10,), n_draws=10)
    assert abs(curve.accuracies[0].mean() - 0.25) < 0.15


def test_with_all_labels_it_is_logistic_regression_on_standardised_features():
    (z, y), (z_test, y_test) = blobs(60), blobs(50, 1)
    z, z_test = z + np.random.default_rng(1).normal(size=z.shape) * 5, z_test
    mean, std = z.mean(axis=0), z.std(axis=0)
    model = LogisticRegression(max_iter=2000).fit((z - mean) / std, y)
    due = model.score((z_test - mean) / std, y_test)
    assert label_curve(z, y, z_test, y_test, (None,)).accuracies[0][0] == due


def test_reading_leaves_the_encoder_as_it_was_and_each_image_alone():
    """Running statistics included: a probe in training mode would change them."""
    encoder = ConvEncoder().train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    x = torch.randint(17, (40, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    y = np.arange(40) % 2
    features = encoder.encode(x).numpy()
    label_curve(features, y, features, y, (1, None), n_draws=2)
    assert encoder.training
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, before[name]), name
    np.testing.assert_allclose(encoder.encode(x[:1]).numpy(), features[:1], atol=1e-6)


def test_kept_curves_are_those_that_were_kept():
    curve = label_curve(*blobs(200), *blobs(90, 1), (1, 3, None), n_draws=4)
    kept = KeptCurves(2, n_draws=4, n_numbers=3)
    kept.keep(1, curve.accuracies, 90, nats=1.5)
    for found, due in zip(kept.accuracies(1), curve.accuracies, strict=True):
        np.testing.assert_allclose(found, due)
    assert [len(found) for found in kept.accuracies()] == [4, 4, 1], "what was not drawn is no zero"
    assert kept.nats.tolist() == [0.0, 1.5]
    again = KeptCurves(2, n_draws=4, n_numbers=3)
    again.load_state_dict(kept.state_dict())
    assert torch.equal(again.right, kept.right)
    with pytest.raises(ValueError, match="n_models=0"):
        KeptCurves(0)
