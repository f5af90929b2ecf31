"""What a recipe says, and the data that most of them use."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from sklearn.model_selection import train_test_split

from companion import data


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


def digit_images(final):
    """Return the training and the test digits, or two parts of the training digits, uint8."""
    digits = data.digits()
    if not final:
        return tuple(
            map(
                torch.from_numpy,
                train_test_split(
                    digits.x_train, test_size=300, random_state=1, stratify=digits.y_train
                ),
            )
        )
    return tuple(map(torch.from_numpy, (digits.x_train, digits.x_test)))
