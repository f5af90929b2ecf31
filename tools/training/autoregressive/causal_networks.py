"""Characters by two networks, digits by MADE."""

import torch

from companion.autoregressive.made import MADE
from companion.autoregressive.sequences import CharRNN, WaveNet
from tools.training.autoregressive.texts import bits_per_character, topics, train_text
from tools.training.recipe import Recipe, digit_model, draw

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
}
