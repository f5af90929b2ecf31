"""Super-resolution: settings chosen on images cut from the training set."""

from companion.autoregressive.fast_sampling import sample_parallel
from companion.autoregressive.super_resolution import SuperResolutionPixelCNN
from tools.training.autoregressive.pixelcnn import bits, train
from tools.training.recipe import Recipe, digit_images


def draw(model, n, generator):
    """Draw n digits: coarse pixels one by one, fine ones in three steps."""
    return sample_parallel(model, n, model.groups(), generator=generator)


RECIPES = {
    "super_resolution": Recipe(
        data=digit_images,
        make=SuperResolutionPixelCNN,
        fit=train,
        measure=bits,
        unit="bits/dim",
        n_steps=1500,
        settings={"learning_rate": 8e-3, "dropout": 0.3},
        tried=[
            {"parallel": False},
            {"dropout": 0.2, "n_steps": 800},
            {"dropout": 0.4, "n_steps": 2500},
            {"dropout": 0.2, "n_steps": 1000, "max_shift": 1, "n_context": 8},
        ],
        sample=draw,
    )
}
