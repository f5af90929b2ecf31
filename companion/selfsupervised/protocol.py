"""One protocol for all image methods: what can be read off frozen features with few labels?

Chapter: `contrastive`.
"""

from typing import NamedTuple

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from torch import nn

from companion.validation import check_choice, check_integer


def label_draws(y, n_per_class, n_draws=10, *, random_state=0):
    """Indices of `n_per_class` examples of each class, (n_draws, n_classes * n_per_class).

    Draws are independent; within a draw none comes twice. ``n_per_class=None`` takes all, once.
    """
    y = np.asarray(y)
    if n_per_class is None:
        return np.arange(len(y))[None]
    rng, classes = check_random_state(random_state), np.unique(y)
    fewest = min(int((y == k).sum()) for k in classes)
    n = check_integer("n_per_class", n_per_class, 1, fewest, "examples of the rarest class")
    return np.array(
        [
            np.concatenate([rng.choice(np.flatnonzero(y == k), n, replace=False) for k in classes])
            for _ in range(check_integer("n_draws", n_draws))
        ]
    )


class LabelCurve(NamedTuple):
    """Test accuracies, by numbers of labels a class: a list of arrays (n_draws,) each."""

    n_labels: tuple
    accuracies: list


def label_curve(
    z_train,
    y_train,
    z_test,
    y_test,
    n_labels=(1, 4, 10, None),
    *,
    n_draws=10,
    reader="linear",
    random_state=0,
):
    """Accuracy on test features against the number of labels, read by a line or by neighbours.

    Features are standardised by all training features, which needs no labels; so also where one
    label a class would give no spread.

    Parameters
    ----------
    z_train, z_test : array (n, d), (m, d)
    y_train, y_test : array (n,), (m,)
    n_labels : tuple of int or None
        Labels a class; None is all.
    reader : {"linear", "neighbors"}
        Logistic regression with scikit-learn's default penalty, or the nearest labelled example.

    Returns
    -------
    LabelCurve
    """
    check_choice("reader", reader, ("linear", "neighbors"))
    y_train = np.asarray(y_train)
    scale = StandardScaler().fit(z_train)
    z_train, z_test = scale.transform(z_train), scale.transform(z_test)
    accuracies = []
    for n in n_labels:
        found = []
        for chosen in label_draws(y_train, n, n_draws, random_state=random_state):
            if reader == "linear":
                model = make_pipeline(LogisticRegression(max_iter=2000))
            else:
                model = KNeighborsClassifier(1)
            found.append(model.fit(z_train[chosen], y_train[chosen]).score(z_test, y_test))
        accuracies.append(np.array(found))
    return LabelCurve(tuple(n_labels), accuracies)


class KeptCurves(nn.Module):
    """Label curves of several models as counts of right answers: a checkpoint without weights.

    Parameters
    ----------
    n_models, n_draws, n_numbers : int
        Models, draws of labels, and numbers of labels a class.

    Attributes
    ----------
    right : int16 tensor (n_models, n_numbers, n_draws)
        Test images named rightly; -1 where there was no such draw.
    n_test : int tensor ()
    nats : float tensor (n_models,)
        A figure kept beside each curve, such as a bound of mutual information.
    """

    def __init__(self, n_models, n_draws=20, n_numbers=4):
        super().__init__()
        shape = [check_integer("n_models", n_models), check_integer("n_numbers", n_numbers)]
        shape.append(check_integer("n_draws", n_draws))
        self.register_buffer("right", torch.full(shape, -1, dtype=torch.int16))
        self.register_buffer("n_test", torch.tensor(1))
        self.register_buffer("nats", torch.zeros(n_models))

    def keep(self, row, accuracies, n_test, nats=0.0):
        """Keep the curve of one model: a list of arrays, one for each number of labels."""
        self.n_test.fill_(check_integer("n_test", n_test))
        self.nats[row] = nats
        for number, found in enumerate(accuracies):
            counts = torch.from_numpy(np.rint(np.asarray(found) * n_test).astype(np.int16))
            self.right[row, number, : len(counts)] = counts

    def accuracies(self, *rows):
        """Accuracies of some models (all, if none is named), a list by numbers of labels."""
        right = self.right[list(rows)] if rows else self.right
        tables = right.transpose(0, 1).flatten(1).numpy()
        return [table[table >= 0] / int(self.n_test) for table in tables]
