"""What a recipe says, and what most of them use: the digits, the training, the measure."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from sklearn.model_selection import train_test_split

from companion import data
from companion.layers import initialize
from companion.metrics import bits_per_dim
from companion.train import fit_images


class Recipe(NamedTuple):
    """How one model is trained and measured.

    Attributes
    ----------
    data : callable
        ``data(final)`` returns what to learn from and what to measure on. With ``final=False``
        both come from the training set, and settings are chosen by them; with ``final=True`` they
        are the whole training set and the test set, which is read once.
    make : callable
        ``make(**settings)`` returns the model before training (of the chosen settings with no
        argument), as the chapter makes it before it loads the weights.
    fit : callable
        ``fit(model, learn, n_steps, seed, **settings)`` returns the trained model.
    measure : callable
        ``measure(model, held_out)`` returns a dict of figures, the most important one first.
    unit : str
        Of that first figure.
    n_steps : int
    settings : dict
        Those chosen.
    tried : sequence of dict
        The settings compared on held-out training data; may hold ``n_steps`` too.
    seed : int
    sample : callable, optional
        ``sample(model, n, generator)`` draws digits; their Fréchet distance is then measured too.
    keep, kept : callable, optional
        ``keep(kept(), model)`` returns the module whose weights are written in the model's place,
        as the images that it draws; ``kept()`` makes it empty. Not counted as training.
    title : str
        The model's name as readers know it; by default its key, without underscores.
    on : str
        The data set of the figures. The scoreboard lists what was measured on the test digits.
    control : bool
        A model of a control, or one that is told more than others: not for the scoreboard.
    n_trainings : int
        How many runs `fit` makes, one for each draw of the data, say; seconds are of one of them.
    """

    data: Callable
    make: Callable
    fit: Callable
    measure: Callable
    unit: str
    n_steps: int
    settings: dict[str, Any] = {}  # noqa: RUF012
    tried: Sequence[dict] = ()
    seed: int = 0
    sample: Callable | None = None
    keep: Callable | None = None
    kept: Callable | None = None
    title: str = ""
    on: str = "digits"
    control: bool = False
    n_trainings: int = 1


def labelled_digits(final):
    """Return (images, labels) to learn from and to measure on: training and test set.

    With ``final=False`` both are parts of the training set.
    """
    x_train, y_train, x_test, y_test = map(torch.from_numpy, data.digits())
    if final:
        return (x_train, y_train), (x_test, y_test)
    split = train_test_split(x_train, y_train, test_size=300, random_state=1, stratify=y_train)
    x_train, x_validation, y_train, y_validation = split
    return (x_train, y_train), (x_validation, y_validation)


def digit_images(final):
    """Return the images of `labelled_digits`, uint8."""
    (learn, _), (held_out, _) = labelled_digits(final)
    return learn, held_out


def train(model, learn, n_steps, seed, **settings):
    """Draw the weights, then `companion.train.fit_images` with the settings."""
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator)
    return fit_images(model, learn, n_steps, generator=generator, **settings)[0]


def bits(model, held_out):
    """Bits per dimension."""
    return {"bits/dim": bits_per_dim(model.log_prob(held_out).mean(), held_out[0].numel())}


def draw(model, n, generator):
    """Draw from the model."""
    return model.sample(n, generator=generator)


digit_model = partial(Recipe, data=digit_images, fit=train, measure=bits, unit="bits/dim")
