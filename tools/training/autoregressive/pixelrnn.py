"""Row LSTM and Diagonal BiLSTM: settings chosen on images cut from the training set."""

from functools import partial

from companion.autoregressive.pixelrnn import DiagonalBiLSTM, RowLSTM
from companion.autoregressive.repeats import Repeats
from tools.training.recipe import bits, digit_model, draw, train

SETTINGS = {"max_shift": 1, "learning_rate": 2e-2, "batch_size": 32}

# What does each gain: both directions, depth, a longer training? Three seeds of each.
KINDS = {
    "row": (RowLSTM, 2, 600),
    "row, 4 layers": (RowLSTM, 4, 600),
    "row, longer": (RowLSTM, 2, 1500),
    "diagonal": (DiagonalBiLSTM, 2, 600),
    "diagonal, 4 layers": (DiagonalBiLSTM, 4, 600),
}
N_SEEDS = 3


def readers(n_hidden=16):
    """Return three networks of each kind."""
    kinds = [(kind, n_layers) for kind, n_layers, _ in KINDS.values() for _ in range(N_SEEDS)]
    return Repeats([partial(kind, n_hidden=n_hidden, n_layers=n) for kind, n in kinds])


def train_readers(models, images, n_steps, seed, **settings):
    """Train each kind for its steps, with the same seeds and settings."""
    lengths = [n for _, _, n in KINDS.values() for _ in range(N_SEEDS)]
    for i, n in enumerate(lengths):
        models[i] = train(models[i], images, n, seed + i % N_SEEDS, **settings)
    return models


def bits_of_readers(models, images):
    """Mean bits per dimension, and those of every kind and seed."""
    each = [bits(model, images)["bits/dim"] for model in models]
    names = [f"{kind}, seed {seed}" for kind in KINDS for seed in range(N_SEEDS)]
    return {"bits/dim": sum(each) / len(each)} | dict(zip(names, each, strict=True))


RECIPES = {
    "row_lstm": digit_model(
        title="Row LSTM",
        make=RowLSTM,
        n_steps=700,
        settings=SETTINGS | {"dropout": 0.1},
        tried=[{"dropout": 0.2}, {"dropout": 0.2, "learning_rate": 1e-2}],
        sample=draw,
    ),
    "diagonal_bilstm": digit_model(
        title="Diagonal BiLSTM",
        make=DiagonalBiLSTM,
        n_steps=500,
        settings=SETTINGS | {"dropout": 0.2},
        tried=[{"dropout": 0.15, "n_hidden": 16, "n_steps": 550}],
        sample=draw,
    ),
    "pixelrnn_readers": digit_model(
        title="Fifteen small PixelRNNs",
        make=readers,
        fit=train_readers,
        measure=bits_of_readers,
        unit="bits/dim, small networks",
        control=True,
        n_steps=600,
        n_trainings=N_SEEDS * len(KINDS),
        settings=SETTINGS,
    ),
}
