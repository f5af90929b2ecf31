"""One protocol for all image methods: what can be read off frozen features with few labels?

Chapter: `contrastive`.
"""

from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state

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
