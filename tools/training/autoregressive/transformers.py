"""Characters and digits by transformers."""

from functools import partial

from companion.autoregressive.sequences import N_CHARACTERS, to_levels, windowed_log_prob
from companion.autoregressive.transformer import CausalTransformer
from companion.metrics import bits_per_dim
from tools.training.autoregressive.texts import topics, train_text
from tools.training.recipe import Recipe, digit_model, draw


def bits_in_windows(model, held_out):
    """Bits per character, each read after at least 48 others."""
    logs = windowed_log_prob(model, to_levels(held_out), 64, 16)
    return {"test bits/character": bits_per_dim(logs.mean(), 1)}


RECIPES = {
    "text_transformer": Recipe(
        title="Causal transformer of text",
        on="text",
        data=topics,
        make=partial(CausalTransformer, (None,), N_CHARACTERS, rate=0.0),
        fit=train_text,
        measure=bits_in_windows,
        unit="test bits/character",
        n_steps=1500,
        settings={"learning_rate": 8e-3, "batch_size": 16, "length": 64},
        tried=[
            {"length": 32, "n_steps": 2600},
            {"batch_size": 8, "n_layers": 3, "n_steps": 1800},
            {"batch_size": 8, "n_units": 96, "n_steps": 1600, "learning_rate": 6e-3},
            {"n_units": 96, "n_layers": 3, "n_steps": 600, "learning_rate": 5e-3},
        ],
    ),
    "transformer": digit_model(
        title="Causal transformer",
        make=CausalTransformer,
        n_steps=1000,
        settings={"batch_size": 16, "learning_rate": 0.005},
        tried=[
            {"n_layers": 3, "n_steps": 900},
            {"n_layers": 3, "n_steps": 900, "n_heads": 2},
            {"n_layers": 3, "n_steps": 900, "n_context": 8, "max_shift": 1, "rate": 0.0},
            {"n_layers": 3, "n_steps": 700},
            {"n_layers": 3, "n_steps": 700, "rate": 0.2, "learning_rate": 0.004},
            {"n_layers": 3, "n_steps": 350, "n_units": 96, "learning_rate": 0.003},
        ],
        sample=draw,
    ),
}
