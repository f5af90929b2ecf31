"""How networks learn characters and are judged: what the chapters on text share."""

from companion import data
from companion.autoregressive.sequences import split_topics, to_levels
from companion.metrics import bits_per_dim
from tools.training.recipe import train


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
