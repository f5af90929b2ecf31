"""Digits through a narrow convolutional code."""

from companion.autoencoders.autoencoder import ConvAutoencoder
from tools.training.recipe import Recipe, digit_images, train


def squared_error(model, held_out):
    """Mean squared error of a pixel, in squared grey levels."""
    return {"squared error a pixel": ((model(held_out) - held_out) ** 2).mean()}


RECIPES = {
    "conv": Recipe(
        title="Convolutional autoencoder",
        data=digit_images,
        make=ConvAutoencoder,
        fit=train,
        measure=squared_error,
        unit="squared error a pixel",
        n_steps=1200,
        settings={"learning_rate": 3e-3},
        tried=[{"learning_rate": 1e-2}, {"n_steps": 600}],
    ),
}
