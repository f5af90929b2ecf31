"""One protocol for all image methods of the part: the same sets, encoder, steps and readings.

Digits, and 16x16 capital letters in fifteen fonts as the harder set. Settings are chosen on
training images held out (``final=False``); the test images are read once.
"""

import string

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from companion import data
from companion.layers import initialize
from companion.selfsupervised.encoder import ConvEncoder
from companion.selfsupervised.protocol import label_curve
from companion.train import fit_images

N_STEPS, BATCH_SIZE, LEARNING_RATE = 600, 256, 7e-3
SHAPES = {"digits": ((1, 8, 8), 17), "letters": ((1, 16, 16), 256)}


def labelled(name, final):
    """Return (images, labels) to learn from and to measure on, of digits or letters."""
    if name == "digits":
        x_train, y_train, x_test, y_test = data.digits()
    else:
        told = {"size": 16, "characters": string.ascii_uppercase}
        x_train, y_train = data.glyphs(2600, random_state=0, **told)
        x_test, y_test = data.glyphs(1300, random_state=1, **told)
    if not final:
        split = train_test_split(x_train, y_train, test_size=300, random_state=1, stratify=y_train)
        x_train, x_test, y_train, y_test = split
    return tuple(
        tuple(map(torch.from_numpy, pair)) for pair in ((x_train, y_train), (x_test, y_test))
    )


def encoder(name="digits"):
    """Return the encoder of all methods, for digits or letters."""
    return ConvEncoder(*SHAPES[name])


def pretrain(model, images, n_steps=N_STEPS, seed=0, **settings):
    """Draw the weights of a method and train it without labels, calling its `update` each step."""
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator)
    if hasattr(model, "begin"):  # slow copies begin as copies, queues with directions
        model.begin(generator=generator)
    settings = {"learning_rate": LEARNING_RATE, "batch_size": BATCH_SIZE} | settings

    def follow(record):
        if hasattr(model, "update"):
            model.update()

    return fit_images(model, images, n_steps, generator=generator, callback=follow, **settings)[0]


def curve(model, learn, held_out, *, n_draws=20, **options):
    """Read accuracy off the features of a model with ``encode``, by number of labels a class."""
    (x, y), (x_held_out, y_held_out) = learn, held_out
    features = [np.asarray(model.encode(images)) for images in (x, x_held_out)]
    return label_curve(features[0], y, features[1], y_held_out, n_draws=n_draws, **options)


def figures(accuracies):
    """Return means and spreads of a curve as plain floats, read by a line and then by neighbours.

    `accuracies` has an array for each of 1, 4, 10 and all labels a class (``linear_1`` ...), and
    then, if there are eight, those by neighbours (``knn_1`` ...).
    """
    names = [f"{reader}_{n}" for reader in ("linear", "knn") for n in (1, 4, 10, "all")]
    told = [(name, found) for name, found in zip(names, accuracies, strict=False) if len(found)]
    means = {name: float(found.mean()) for name, found in told}
    return means | {f"{name}_std": float(found.std()) for name, found in told}
