"""Masked language models of the help topics, one or two seeds each, and four controls.

Settings are compared on topics cut from those to learn from; the topics held out are read once. The
vocabulary is that of all topics to learn from.
"""

from functools import partial

import torch

from companion import data
from companion.autoregressive.repeats import Repeats
from companion.autoregressive.sequences import split_topics
from companion.layers import initialize
from companion.selfsupervised.blanks import blanks, fill_blanks
from companion.selfsupervised.vocabulary import Vocabulary, neighbour_pairs, pair_counts, paragraphs
from companion.selfsupervised.words import MaskedLanguageModel, SkipGram
from companion.train import fit_images
from tools.training.recipe import Recipe

WINDOW, N_STEPS = 2, 1000
SETTINGS = {"learning_rate": 7e-3, "batch_size": 64}
PAIRS = {"learning_rate": 2e-2, "batch_size": 2048, "weight_decay": 0}


def topics(final):
    """Return text to learn from and text held out; no line stands in both."""
    learn, held_out = split_topics(data.text())
    return (learn, held_out) if final else split_topics(learn)


def vocabulary():
    """Return the words of the text to learn from."""
    return Vocabulary(paragraphs(topics(final=True)[0]))


def make(rate=0.4, n_layers=1, dropout=0.1, shares=(0.8, 0.1), causal=False, n_networks=2):
    """Return two networks, or as many as told."""
    told = {"rate": rate, "n_layers": n_layers, "dropout": dropout}
    told |= {"shares": shares, "causal": causal}
    return Repeats(partial(MaskedLanguageModel, vocabulary().counts, **told), n_networks)


def word_vectors(words, learn, *, n_dims, window=WINDOW):
    """Vectors of words by skip-gram, seed 0."""
    generator = torch.Generator().manual_seed(0)
    stream = words.stream(paragraphs(learn), window)
    pairs = neighbour_pairs(stream, len(words), window)
    counts = pair_counts(pairs, len(words)).sum(dim=0)
    model = initialize(SkipGram(counts, n_dims=n_dims), generator=generator)
    model, _ = fit_images(model, pairs, 400, generator=generator, **PAIRS)
    return model.words.weight


def fit(networks, learn, n_steps, seed, *, window=WINDOW, **settings):
    """Train networks on pieces of the text, each from a seed of its own.

    With ``window=0`` word vectors begin as random ones, else as those of `word_vectors`.
    """
    words, trained = vocabulary(), []
    n_dims = networks[0].word.embedding_dim
    vectors = word_vectors(words, learn, n_dims=n_dims, window=window) if window else None
    for i, network in enumerate(networks):
        generator = torch.Generator().manual_seed(seed + i)
        network = initialize(network, generator=generator)
        if window:
            network.begin_with(vectors)
        pieces = words.stream(paragraphs(learn)).unfold(0, len(network.place.weight), 1)
        trained.append(fit_images(network, pieces, n_steps, generator=generator, **settings)[0])
    for network, average in zip(networks, trained, strict=True):
        network.load_state_dict(average.state_dict())
    return networks


def measure(networks, held_out):
    """Nats a blank and share of blanks filled as they were, means over the networks."""
    words, nats, right = vocabulary(), [], []
    places, hidden = blanks(words.stream(paragraphs(held_out)), len(words), 11)
    for network in networks:
        logs = fill_blanks(network, places)
        nats.append(-logs.gather(1, hidden[:, None]).mean())
        right.append((logs.argmax(dim=1) == hidden).double().mean())
    return {"nats/blank": sum(nats) / len(nats), "accuracy": sum(right) / len(right)}


masked = partial(
    Recipe,
    data=topics,
    make=make,
    fit=fit,
    measure=measure,
    unit="nats/blank",
    on="text",
    n_steps=N_STEPS,
    seed=1,
    settings=SETTINGS,
    control=True,
)

RECIPES = {
    "masked_words": masked(
        title="Masked language model",
        tried=[
            {"rate": 0.15},
            {"rate": 0.3},
            {"learning_rate": 1e-2},
            {"learning_rate": 5e-3},
            {"dropout": 0.2},
            {"n_layers": 2, "learning_rate": 5e-3},
            {"window": 4},
        ],
    ),
    "masked_always": masked(
        title="Masked language model, always [MASK]", make=partial(make, shares=(1.0, 0.0))
    ),
    "masked_left": masked(
        title="Masked language model, left only", make=partial(make, causal=True, n_networks=1)
    ),
    "masked_cold": masked(
        title="Masked language model, random start",
        settings=SETTINGS | {"window": 0},
        tried=[{"learning_rate": 1e-2}, {"learning_rate": 2e-2}],
    ),
    "masked_longer": masked(
        title="Masked language model, random start, longer",
        make=partial(make, n_networks=1),
        n_steps=2500,
        settings=SETTINGS | {"window": 0},
    ),
}
