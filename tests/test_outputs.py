"""scikit-learn's `transform_output="pandas"` also reaches the estimators inside of ours."""

import numpy as np
import pytest
import sklearn

from companion.components.dynamics import LinearDynamicalSystem
from companion.components.infomax import InfomaxICA
from companion.components.nnk import NNKMeans
from companion.embedding.pacmap import PaCMAP
from companion.embedding.sne import TSNE
from companion.embedding.umap import UMAP

RNG = np.random.default_rng(0)
X, WIDE = RNG.laplace(size=(40, 3)), RNG.normal(size=(40, 110))
# Each turns data into numbers by way of another estimator's `transform`.
ASKED = {
    "t-SNE": lambda: TSNE(perplexity=5, max_iter=2, random_state=0).fit(X).embedding_,
    "UMAP": lambda: UMAP(5, n_epochs=2, init="pca", random_state=0).fit(X).embedding_,
    "PaCMAP": lambda: (
        PaCMAP(n_neighbors=5, num_iters=(2, 2, 2), random_state=0).fit(WIDE).embedding_
    ),
    "NNK-Means": lambda: NNKMeans(5, random_state=0).fit(X).predict(X),
    "infomax": lambda: InfomaxICA(random_state=0).fit(X).score_samples(X),
    "dynamics": lambda: LinearDynamicalSystem(1, max_iter=2).fit(X).score(X),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ASKED)
def test_tables_where_they_are_asked_for_change_no_number(name):
    pytest.importorskip("pandas")
    right = ASKED[name]()
    with sklearn.config_context(transform_output="pandas"):
        found = ASKED[name]()
    assert type(found) is type(right)
    np.testing.assert_array_equal(found, right)
