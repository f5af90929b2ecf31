"""Characters by three networks, digits by MADE and a transformer."""

from functools import partial

import torch

from companion import data
from companion.autoregressive.made import MADE
from companion.autoregressive.sequences import (
    N_CHARACTERS,
    CharRNN,
    WaveNet,
    split_topics,
    to_levels,
)
from companion.autoregressive.transformer import CausalTransformer, windowed_log_prob
from companion.metrics import bits_per_dim
from tools.training.recipe import Recipe, digit_model, draw, train


def topics(final):
    """Return text to learn from and text held out; no line stands in both."""
    learn, held_out = split_topics(data.text())
    return (learn, held_out) if final else split_topics(learn)


def train_text(model, learn, n_steps, seed, *, length, **settings):
    """Train on windows of `length` characters from anywhere in the text."""
    windows = to_levels(learn).unfold(0, length, 1)
    return train(model, windows, n_steps, seed, weight_decay=0, decay=0.98, **settings)


def bits_per_character(model, held_out):
    """Bits per character, all of them in one sequence."""
    levels = to_levels(held_out)[None]
    return {"test bits/character": bits_per_dim(model.log_prob(levels), levels.shape[1])}


def bits_in_windows(model, held_out):
    """Bits per character, each read after at least 48 others."""
    logs = windowed_log_prob(model, to_levels(held_out), 64, 16)
    return {"test bits/character": bits_per_dim(logs.mean(), 1)}


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
    "char_rnn": Recipe(
        title="Char-RNN",
        on="text",
        data=topics,
        make=CharRNN,
        fit=train_text,
        measure=bits_per_character,
        unit="test bits/character",
        n_steps=1200,
        settings={"learning_rate": 1.2e-2, "batch_size": 16, "length": 64},
        tried=[
            {"learning_rate": 8e-3},
            {"n_hidden": 128, "batch_size": 32, "learning_rate": 1e-2},
            {"length": 128, "n_steps": 600},
        ],
    ),
    "wavenet": Recipe(
        title="WaveNet",
        on="text",
        data=topics,
        make=WaveNet,
        fit=train_text,
        measure=bits_per_character,
        unit="test bits/character",
        n_steps=900,
        settings={"learning_rate": 8e-3, "batch_size": 8, "length": 128},
        tried=[{"learning_rate": 4e-3, "n_steps": 600}],
    ),
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
    "made": digit_model(
        title="MADE",
        make=MADE,
        n_steps=2500,
        settings={"max_shift": 1, "learning_rate": 0.006},
        tried=[
            {"rate": 0.5},
            {"n_context": 0, "max_shift": 0},
            {"n_layers": 2, "n_hidden": 256, "learning_rate": 0.004},
            *({"order": order} for order in ORDERS.values()),
        ],
        sample=draw,
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
