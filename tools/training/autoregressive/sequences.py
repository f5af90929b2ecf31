"""A recurrent network and a WaveNet over the characters of Python's help."""

import torch

from companion import data
from companion.autoregressive.sequences import CharRNN, WaveNet, split_topics, to_levels
from companion.layers import initialize
from companion.metrics import bits_per_dim
from companion.train import fit_images
from tools.training.recipe import Recipe


def topics(final):
    """Return text to learn from and text held out; no line stands in both."""
    learn, held_out = split_topics(data.text())
    return (learn, held_out) if final else split_topics(learn)


def train(model, learn, n_steps, seed, *, learning_rate, batch_size, length):
    """Train on windows of `length` characters from anywhere in the text."""
    generator = torch.Generator().manual_seed(seed)
    options = {"learning_rate": learning_rate, "batch_size": batch_size}
    windows = to_levels(learn).unfold(0, length, 1)
    model = initialize(model, generator=generator)
    return fit_images(
        model, windows, n_steps, **options, weight_decay=0, decay=0.98, generator=generator
    )[0]


def measure(model, held_out):
    """Bits per character, all of them in one sequence."""
    levels = to_levels(held_out)[None]
    return {"test bits/character": bits_per_dim(model.log_prob(levels), levels.shape[1])}


RECIPES = {
    "char_rnn": Recipe(
        data=topics,
        make=CharRNN,
        fit=train,
        measure=measure,
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
        data=topics,
        make=WaveNet,
        fit=train,
        measure=measure,
        unit="test bits/character",
        n_steps=900,
        settings={"learning_rate": 8e-3, "batch_size": 8, "length": 128},
        tried=[{"learning_rate": 4e-3, "n_steps": 600}],
    ),
}
