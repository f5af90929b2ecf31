"""PixelCNN and gated PixelCNN: settings chosen on images cut from the training set."""

import torch

from companion.autoregressive.fast_sampling import sample_cached
from companion.autoregressive.pixelcnn import GatedPixelCNN, PixelCNN
from companion.layers import initialize
from companion.metrics import bits_per_dim
from companion.train import fit_images
from tools.training.recipe import Recipe, digit_images


def train(model, images, n_steps, seed, **settings):
    """Train on images, shifted by up to a pixel where the settings say so."""
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator)
    return fit_images(model, images, n_steps, generator=generator, **settings)[0]


def bits(model, images):
    """Bits per dimension of images as they are."""
    return {"bits/dim": bits_per_dim(model.log_prob(images), 64).mean()}


SETTINGS = {"learning_rate": 8e-3, "dropout": 0.25}
SHIFTS = {"learning_rate": 5e-3, "dropout": 0.2, "max_shift": 1}
BARE = {"learning_rate": 5e-3, "dropout": 0.0}


def draw(model, n, generator):
    """Draw n digits, activations cached."""
    return sample_cached(model, n, generator=generator)


RECIPES = {
    "gated_pixelcnn": Recipe(
        data=digit_images,
        make=GatedPixelCNN,
        fit=train,
        measure=bits,
        unit="bits/dim",
        n_steps=420,
        settings=SETTINGS,
        tried=[SHIFTS, BARE],
        sample=draw,
    ),
    # Two that show what the remedies against learning by heart do, and what they cost.
    "gated_pixelcnn_shifts": Recipe(
        data=digit_images,
        make=GatedPixelCNN,
        fit=train,
        measure=bits,
        unit="bits/dim",
        n_steps=420,
        settings=SHIFTS,
        sample=draw,
    ),
    "gated_pixelcnn_bare": Recipe(
        data=digit_images,
        make=GatedPixelCNN,
        fit=train,
        measure=bits,
        unit="bits/dim",
        n_steps=420,
        settings=BARE,
    ),
    "pixelcnn": Recipe(
        data=digit_images,
        make=PixelCNN,
        fit=train,
        measure=bits,
        unit="bits/dim",
        n_steps=420,
        settings=SETTINGS | {"learning_rate": 5e-3},
    ),
}
