"""Row LSTM and Diagonal BiLSTM: settings chosen on images cut from the training set."""

from companion.autoregressive.pixelrnn import DiagonalBiLSTM, RowLSTM
from tools.training.recipe import digit_model, draw

SETTINGS = {"max_shift": 1, "learning_rate": 2e-2, "batch_size": 32}

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
}
