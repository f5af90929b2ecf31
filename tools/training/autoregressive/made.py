"""MADE on the digits: its settings were chosen on images cut from the training set."""

import torch

from companion.autoregressive.made import MADE
from companion.layers import initialize
from companion.metrics import bits_per_dim
from companion.train import fit_images
from tools.training.recipe import Recipe, digit_images


def train(model, learn, n_steps, seed, **settings):
    """Train on images that are moved by a pixel, the model told how."""
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator)
    return fit_images(model, learn, n_steps, generator=generator, **settings)[0]


def measure(model, held_out):
    """Bits per dimension."""
    return {"test bits/dim": bits_per_dim(model.log_prob(held_out).mean(), 64)}


# The order of the pixels is a choice. Row by row is the default.
BOARD = torch.arange(64).view(8, 8)
FROM_CENTER = torch.cartesian_prod(*[torch.arange(8) - 3.5] * 2).norm(dim=1)
ORDERS = {
    "by columns": BOARD.T.flatten(),
    "odd rows, then even": torch.cat([BOARD[::2], BOARD[1::2]]).flatten(),
    "from the centre": FROM_CENTER.argsort(stable=True),
    "random": torch.randperm(64, generator=torch.Generator().manual_seed(0)),
}

RECIPES = {
    "made": Recipe(
        data=digit_images,
        make=MADE,
        fit=train,
        measure=measure,
        unit="bits/dim",
        n_steps=2500,
        settings={"max_shift": 1, "learning_rate": 0.006},
        sample=lambda model, n, generator: model.sample(n, generator=generator),
        tried=[
            {"rate": 0.5},
            {"n_context": 0, "max_shift": 0},
            {"n_layers": 2, "n_hidden": 256, "learning_rate": 0.004},
            *({"order": order} for order in ORDERS.values()),
        ],
    )
}
