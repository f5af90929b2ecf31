"""A small classifier of the digits: the fixed features that judge and guide generated images.

Ground floor.
"""

from functools import cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from companion import data
from companion.layers import dropout
from companion.metrics import frechet_distance
from companion.train import load_weights


class DigitClassifier(nn.Module):
    """Convolutional network on 8x8 images: 64 features, then ten logits.

    A new one has random weights. `DigitClassifier.load` gives the one that
    ``make results PART=classifier`` has trained; ``results/classifier.json`` has its test accuracy.

    Images are (B, 1, 8, 8) with grey levels 0 ... 16 of any type, as `companion.data.digits` has
    them. Gradients flow to float images, for guidance.

    Examples
    --------
    >>> images = torch.from_numpy(data.digits().x_test[:5])
    >>> DigitClassifier.load()(images).argmax(dim=1).tolist() == data.digits().y_test[:5].tolist()
    True
    """

    N_FEATURES = 64

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 48, 3, padding=1)
        self.conv3 = nn.Conv2d(48, 64, 3, padding=1)
        self.hidden = nn.Linear(64 * 2 * 2, self.N_FEATURES)
        self.output = nn.Linear(self.N_FEATURES, 10)

    def features(self, x):
        """Penultimate layer, (B, 1, 8, 8) to (B, 64)."""
        if x.ndim != 4 or x.shape[1:] != (1, 8, 8):
            raise ValueError(
                f"x has shape {tuple(x.shape)} but must be (B, 1, 8, 8) with grey levels 0 to 16."
            )
        x = x.to(self.conv1.weight.dtype) / 8 - 1
        x = functional.relu(self.conv1(x))
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)  # (B, 48, 4, 4)
        x = functional.max_pool2d(functional.relu(self.conv3(x)), 2)  # (B, 64, 2, 2)
        return functional.relu(self.hidden(x.flatten(1)))

    def forward(self, x):
        """Logits of the ten digits, (B, 1, 8, 8) to (B, 10)."""
        return self.output(self.features(x))

    def loss(self, x, y, *, rate=0.0, generator=None):
        """Mean cross-entropy of labels `y` (B,) in nats, with dropout of the features."""
        features = dropout(self.features(x), rate, generator=generator)
        return functional.cross_entropy(self.output(features), y)

    @classmethod
    def load(cls):
        """Return the trained classifier, in evaluation mode and with frozen weights."""
        with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten
            return load_weights(cls(), "classifier/digits")


def digit_features(images):
    """Features of images (n, 1, 8, 8) with grey levels 0 ... 16, standardised: array (n, 64).

    They have mean 0 and standard deviation 1 over the training images.
    """
    classifier, mean, std = _reference()
    return (_features(classifier, images) - mean) / std


def relative_frechet_distance(images):
    """How far images are from the training digits, in units of what the test digits are.

    ``F(images, train) / F(test, train)`` with `metrics.frechet_distance` of `digit_features`. For
    figures that can be compared, pass as many images as there are training digits, 1,437.

    Parameters
    ----------
    images : array or tensor (n, 1, 8, 8)
        Grey levels 0 ... 16.

    Returns
    -------
    float, 0 for the training images and 1 for the test images
    """
    train, unit = _yardstick()
    return frechet_distance(digit_features(images), train) / unit


@torch.no_grad()
def _features(classifier, images):
    return classifier.features(torch.as_tensor(images).cpu()).double().numpy()


@cache
def _reference():
    """The classifier, and mean and deviation of its features over the training images."""
    classifier = DigitClassifier.load()
    features = _features(classifier, data.digits().x_train)
    std = features.std(axis=0)
    return classifier, features.mean(axis=0), np.where(std > 0, std, 1.0)  # dead units stay 0


@cache
def _yardstick():
    """Features of the training digits, and how far those of the test digits are from them."""
    train, test = map(digit_features, (data.digits().x_train, data.digits().x_test))
    return train, frechet_distance(test, train)
