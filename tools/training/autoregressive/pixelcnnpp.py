"""PixelCNN++: one as good as we can, and small ones that read the pixels in several orders."""

from torch import nn

from companion.autoregressive.pixelcnn import ORDERS
from companion.autoregressive.pixelcnnpp import PixelCNNPlusPlus
from tools.training.autoregressive.pixelcnn import SETTINGS, bits, draw, train
from tools.training.recipe import Recipe, digit_images


def small_ones():
    """Return a small network for each order."""
    return nn.ModuleDict({name: PixelCNNPlusPlus(n_channels=16) for name in ORDERS})


def train_each(models, images, n_steps, seed, **settings):
    """Train each on images turned so that reading them is its order."""
    return nn.ModuleDict(
        {
            name: train(model, ORDERS[name](images).contiguous(), n_steps, seed, **settings)
            for name, model in models.items()
        }
    )


def bits_of_each(models, images):
    """Bits per dimension by order."""
    return {name: bits(model, ORDERS[name](images))["bits/dim"] for name, model in models.items()}


RECIPES = {
    "pixelcnnpp": Recipe(
        data=digit_images,
        make=PixelCNNPlusPlus,
        fit=train,
        measure=bits,
        unit="bits/dim",
        n_steps=480,
        settings=SETTINGS,
        tried=[{"dropout": 0.2}, {"dropout": 0.3}, {"max_shift": 1, "n_context": 8}],
        sample=draw,
    ),
    "pixel_orders": Recipe(
        data=digit_images,
        make=small_ones,
        fit=train_each,
        measure=bits_of_each,
        unit="bits/dim, small network",
        n_steps=220,
        settings={"learning_rate": 8e-3},
    ),
}
