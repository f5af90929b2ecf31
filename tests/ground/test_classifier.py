"""The committed classifier against the data, and the distance that rests on its features."""

from importlib import resources

import numpy as np
import pytest
import torch

from companion import data
from companion.classifier import DigitClassifier, digit_features, relative_frechet_distance
from companion.layers import initialize
from companion.metrics import frechet_distance
from tests.contracts import DeepContract, seeded
from tools.training.classifier.digits import RECIPES
from tools.training.results import measure, restore, trained

CHECKPOINT = resources.files("companion") / "checkpoints/classifier/digits.pt"


@pytest.fixture(scope="module")
def digits():
    return data.digits()


@pytest.fixture(scope="module")
def classifier():
    return DigitClassifier.load()


@pytest.fixture(autouse=True)
def _global_random_state_is_left_alone():
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state())


def fresh():
    with torch.random.fork_rng():
        return initialize(DigitClassifier(), generator=seeded())


# The committed checkpoint


def test_test_accuracy_is_high():
    model, recipe = restore("classifier", "digits")
    assert measure(recipe, model, recipe.data(final=True)[1])["test accuracy"] >= 0.98


def test_checkpoint_is_small_and_holds_tensors_only():
    with CHECKPOINT.open("rb") as file:
        weights = torch.load(file, weights_only=True)
    assert all(w.dtype == torch.float16 for w in weights.values())
    assert len(CHECKPOINT.read_bytes()) < 200_000


def test_loaded_classifier_is_frozen_but_passes_gradients_to_the_image(classifier, digits):
    """A small step along the gradient of a class makes that class more likely: guidance."""
    assert not classifier.training
    assert not any(p.requires_grad for p in classifier.parameters())
    others = digits.x_test[digits.y_test != 3][:20]
    images = torch.from_numpy(others).float().requires_grad_()

    def log_prob(x):
        return classifier(x).log_softmax(dim=1)[:, 3]

    (gradient,) = torch.autograd.grad(log_prob(images).sum(), images)
    assert gradient.isfinite().all()
    assert (log_prob(images + 0.01 * gradient) > log_prob(images)).all()


# The network


class TestDigitClassifier(DeepContract):
    def make(self):
        return DigitClassifier()

    def batch(self):
        x, y, _, _ = data.digits()
        return torch.from_numpy(x[:100]), torch.from_numpy(y[:100])


def test_shapes_types_and_the_last_layer(classifier, digits):
    images = torch.from_numpy(digits.x_test[:7])
    features = classifier.features(images)
    assert features.shape == (7, DigitClassifier.N_FEATURES)
    assert classifier(images).shape == (7, 10)
    torch.testing.assert_close(classifier(images), classifier.output(features))
    torch.testing.assert_close(classifier(images), classifier(images.float()))
    torch.testing.assert_close(classifier(images)[2:3], classifier(images[2:3]))


@pytest.mark.parametrize("shape", [(8, 8), (5, 64), (5, 8, 8), (5, 3, 8, 8), (5, 1, 16, 16)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"x has shape .* must be \(B, 1, 8, 8\) with grey levels"):
        fresh()(torch.zeros(shape))


def test_loss_is_the_cross_entropy(digits):
    x, y = torch.from_numpy(digits.x_train[:100]), torch.from_numpy(digits.y_train[:100])
    model = fresh()
    log_probs = model(x).log_softmax(dim=1)
    expected = -sum(log_probs[i, label] for i, label in enumerate(y)) / 100
    torch.testing.assert_close(model.loss(x, y), expected)


def test_dropout_comes_from_the_generator(digits):
    x, y = torch.from_numpy(digits.x_train[:100]), torch.from_numpy(digits.y_train[:100])
    model = fresh()
    one, again, other = (model.loss(x, y, rate=0.5, generator=seeded(s)) for s in (1, 1, 2))
    assert one == again != other
    assert one != model.loss(x, y)


def test_training_again_gives_the_same_weights():
    recipe = RECIPES["digits"]
    learn, _ = recipe.data(final=True)
    one, again = (trained(recipe, learn, n_steps=10)[0].state_dict() for _ in range(2))
    assert all(torch.equal(one[name], again[name]) for name in one)


# Distances of features


def test_features_are_standardised_on_the_training_set(digits):
    features = digit_features(digits.x_train)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-10)
    deviation = features.std(axis=0)
    assert ((abs(deviation - 1) < 1e-10) | (deviation == 0)).all()
    assert (deviation > 0).sum() > 32
    np.testing.assert_allclose(digit_features(torch.from_numpy(digits.x_train)), features)


def test_frechet_distance_is_a_multiple_of_the_test_sets(digits):
    assert relative_frechet_distance(digits.x_train) == pytest.approx(0, abs=1e-6)
    assert relative_frechet_distance(digits.x_test) == pytest.approx(1)
    zeros = digits.x_train[digits.y_train == 0]
    train = digit_features(digits.x_train)
    expected = frechet_distance(digit_features(zeros), train) / frechet_distance(
        digit_features(digits.x_test), train
    )
    assert relative_frechet_distance(zeros) == pytest.approx(expected)


def test_frechet_distance_grows_as_images_get_worse(digits):
    """More noise is farther, and so are digits in a mirror and pixels of several digits."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=digits.x_train.shape)
    noisy = [
        relative_frechet_distance(np.clip(np.round(digits.x_train + s * noise), 0, 16))
        for s in (0.5, 2, 4, 8)
    ]
    assert noisy == sorted(noisy)
    assert noisy[0] < 1
    assert noisy[-1] > 10
    assert relative_frechet_distance(digits.x_train[..., ::-1].copy()) > 10
    pixels = rng.permuted(digits.x_train.reshape(-1, 64), axis=0).reshape(-1, 1, 8, 8)
    assert relative_frechet_distance(pixels) > 10
