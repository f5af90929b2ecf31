"""PixelSNAIL: settings chosen on images cut from the training set."""

from companion.autoregressive.pixelsnail import PixelSNAIL
from tools.training.autoregressive.pixelcnn import SETTINGS, bits, train
from tools.training.recipe import Recipe, digit_images

RECIPES = {
    "pixelsnail": Recipe(
        data=digit_images,
        make=PixelSNAIL,
        fit=train,
        measure=bits,
        unit="bits/dim",
        n_steps=600,
        settings=SETTINGS | {"dropout": 0.3},
        tried=[{"dropout": 0.25, "n_steps": 480}, {"dropout": 0.4, "n_steps": 700}],
    )
}
