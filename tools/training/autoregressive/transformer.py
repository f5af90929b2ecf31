"""The causal transformer on the digits: its settings were chosen on part of the training set."""

from companion.autoregressive.transformer import CausalTransformer
from tools.training.autoregressive.made import measure, train
from tools.training.recipe import Recipe, digit_images

RECIPES = {
    "transformer": Recipe(
        data=digit_images,
        make=CausalTransformer,
        fit=train,
        measure=measure,
        unit="bits/dim",
        n_steps=1000,
        settings={"batch_size": 16, "learning_rate": 0.005},
        sample=lambda model, n, generator: model.sample(n, generator=generator),
        tried=[
            {"n_layers": 3, "n_steps": 900},
            {"n_layers": 3, "n_steps": 900, "n_heads": 2},
            {"n_layers": 3, "n_steps": 900, "n_context": 8, "max_shift": 1, "rate": 0.0},
            {"n_layers": 3, "n_steps": 700},
            {"n_layers": 3, "n_steps": 700, "rate": 0.2, "learning_rate": 0.004},
            {"n_layers": 3, "n_steps": 350, "n_units": 96, "learning_rate": 0.003},
        ],
    )
}
