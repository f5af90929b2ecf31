"""Where a picture begins: principal components, noise, or what the reader gives.

Chapter: `neighbors`.
"""

import numpy as np
from sklearn.utils import check_array

from companion.components.pca import PCA
from companion.validation import check_choice, check_integer


def starting_picture(X, n_components, init, random_state, size=1.0, metric="euclidean"):
    """Return a first picture of the rows of X (n, d), float32 array (n, n_components).

    Parameters
    ----------
    X : array (n, d), or array (n, n) of distances with ``metric="precomputed"``
    n_components : int
    init : {"pca", "random"} or array (n, n_components)
        An array is taken as it is. Where X has fewer principal components than are wanted, noise
        of a hundredth of the size fills the rest.
    random_state : RandomState
    size : float
        Standard deviation of the first column.
    metric : {"euclidean", "precomputed"}
        Distances have no principal components: they are refused with "pca".
    """
    check_integer("n_components", n_components)
    n = len(X)
    if not isinstance(init, str):
        init = check_array(init, dtype=np.float32, input_name="init", copy=True)
        if init.shape != (n, n_components):
            raise ValueError(
                f"init has shape {init.shape} but must be {(n, n_components)}: "
                "give one row for each point."
            )
        return init
    if check_choice("init", init, ("pca", "random")) == "random":
        return (size * random_state.normal(size=(n, n_components))).astype(np.float32)
    if metric == "precomputed":
        raise ValueError(
            "init='pca' needs points, and metric='precomputed' gives distances: choose "
            f"init='random', or give an array {(n, n_components)}."
        )
    Y = random_state.normal(scale=0.01, size=(n, n_components))
    k = min(n_components, *X.shape)
    pca = PCA(k).fit(X)
    if pca.explained_variance_[0] > 0:  # else all points are equal
        coordinates = np.asarray(pca.transform(X))  # pandas, where it is asked for
        Y[:, :k] = coordinates / coordinates[:, 0].std()
    return (size * Y).astype(np.float32)
