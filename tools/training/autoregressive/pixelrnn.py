"""Row LSTM and Diagonal BiLSTM: settings chosen on images cut from the training set."""

import torch

from companion.autoregressive.pixelrnn import DiagonalBiLSTM, RowLSTM
from companion.layers import initialize
from companion.metrics import bits_per_dim
from companion.train import fit_images
from tools.training.recipe import Recipe, digit_images


def train(model, images, n_steps, seed, **settings):
    """Train on images that are moved by up to a pixel, the model told how."""
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator)
    return fit_images(model, images, n_steps, generator=generator, **settings)[0]


def measure(model, images):
    """Bits per dimension of images as they are."""
    return {"test bits/dim": bits_per_dim(model.log_prob(images).mean(), 64)}


def sample(model, n, generator):
    """Draw from the model."""
    return model.sample(n, generator=generator)


SETTINGS = {"max_shift": 1, "learning_rate": 2e-2, "batch_size": 32}
SHARED = {
    "data": digit_images,
    "fit": train,
    "measure": measure,
    "unit": "bits/dim",
    "sample": sample,
}

RECIPES = {
    "row_lstm": Recipe(
        **SHARED,
        make=RowLSTM,
        n_steps=700,
        settings=SETTINGS | {"dropout": 0.1},
        tried=[{"dropout": 0.2}, {"dropout": 0.2, "learning_rate": 1e-2}],
    ),
    "diagonal_bilstm": Recipe(
        **SHARED,
        make=DiagonalBiLSTM,
        n_steps=500,
        settings=SETTINGS | {"dropout": 0.2},
        tried=[{"dropout": 0.15, "n_hidden": 16, "n_steps": 550}],
    ),
}
