"""Labels that spread over a graph of neighbours, and a network that learns from what they reach.

Chapter: `semisupervised`.
"""

import numpy as np
import torch
from scipy.sparse import diags, identity
from scipy.sparse.linalg import splu
from sklearn.neighbors import kneighbors_graph
from sklearn.preprocessing import StandardScaler, normalize

from companion.semisupervised.learner import FewLabels
from companion.validation import check_integer, check_real


def directions(z, like=None):
    """Features (n, d) standardised, by the means and spreads of `like`, and of length 1."""
    z = np.asarray(z, dtype=np.float64)
    return normalize(StandardScaler().fit(z if like is None else np.asarray(like)).transform(z))


def neighbour_graph(z, n_neighbors=10):
    """Symmetric graph of neighbours, edges over the root of the degrees they join, (n, n) sparse.

    Features (n, d) are standardised, and compared by their cosines.
    """
    z = directions(z)
    n = check_integer("n_neighbors", n_neighbors, 1, len(z) - 1)
    edges = kneighbors_graph(z, n)
    edges = edges.maximum(edges.T)
    root = diags(1 / np.sqrt(np.asarray(edges.sum(axis=1)).ravel()))
    return (root @ edges @ root).tocsc()


def spread_labels(graph, chosen, y, n_classes=10, *, alpha=0.99):
    """Solve ``F = alpha S F + (1 - alpha) Y``; rows sum to 1, (n, n_classes).

    Y has a 1 for each label y (L,) of the images `chosen` (L,); S is the
    `neighbour_graph` (Zhou et al., 2004). A part without labels gets equal shares.
    """
    alpha = check_real("alpha", alpha, 0, 1, inclusive=False)
    told = np.zeros((graph.shape[0], n_classes))
    told[chosen, y] = 1
    system = (identity(len(told)) - alpha * graph).tocsc()
    spread = np.maximum(splu(system).solve((1 - alpha) * told), 0) + 1e-12
    return spread / spread.sum(axis=1, keepdims=True)


def balance(p, shares=None, n_rounds=50):
    """Scale rows and columns of p (n, K) in turn until classes have their shares (Sinkhorn, 1967).

    Rows sum to 1 at the end; by default all classes are equally frequent.
    """
    p = np.array(p, dtype=np.float64)
    K = p.shape[1]
    shares = np.full(K, 1 / K) if shares is None else np.asarray(shares, dtype=np.float64)
    for _ in range(check_integer("n_rounds", n_rounds)):
        p *= len(p) * shares / p.sum(axis=0)
        p /= p.sum(axis=1, keepdims=True)
    return p


def prototype_labels(u, q, *, temperature=0.05, even=True, n_rounds=20):
    """Soft k-means that begins with labels q (n, n_classes), of `spread_labels`.

    In turn: prototypes are the directions of ``sum_n q_nk u_n``; q is
    ``exp(u . prototype / temperature)``, rows scaled to sum 1, balanced if `even`.
    Points u (n, d) are `directions`. It ends early where prototypes move by less
    than 1e-4. Return q and the prototypes (n_classes, d).
    """
    t = check_real("temperature", temperature, 0, inclusive=False)
    before = np.zeros((q.shape[1], u.shape[1]))
    for _ in range(check_integer("n_rounds", n_rounds)):
        prototypes = normalize(q.T @ u)
        if np.abs(prototypes - before).max() < 1e-4:
            break
        before = prototypes
        scores = u @ prototypes.T / t
        q = np.exp(scores - scores.max(axis=1, keepdims=True)) + 1e-12
        q = q / q.sum(axis=1, keepdims=True)
        q = balance(q, n_rounds=10) if even else q
    return q, prototypes


class SpreadLabels(FewLabels):
    """Labels spread over the network's own features teach its views; now and then, spread anew.

    ``mean_n -sum_k q_nk log p(k | view of n)``, where q are balanced labels on the graph.

    Parameters
    ----------
    network : Classifier
        Its encoder begins with weights that were learned without labels, or there is no such graph.
    x : levels (n, *event)
        All training images.
    chosen, y : int arrays (L,)
        Which of them have a label, and which.
    every : int
        Steps after which labels spread anew.
    even : bool
        Whether classes are known to be equally frequent: then labels are balanced.
    views, weight, n_ramp
        See `FewLabels`.
    """

    n_views = 1

    def __init__(self, network, x, chosen, y, views=None, *, every=50, even=True, **options):
        super().__init__(network, views, **options)
        self.sets = x, np.asarray(chosen), np.asarray(y)
        self.every, self.even = check_integer("every", every), bool(even)
        self.register_buffer("goals", torch.zeros(len(x), network.head.out_features))

    @torch.no_grad()
    def begin(self):
        """Spread the labels over the present features."""
        x, chosen, y = self.sets
        graph = neighbour_graph(self.network.encoder.encode(x).cpu().numpy())
        found = spread_labels(graph, chosen, y, self.goals.shape[1])
        self.goals.copy_(torch.from_numpy(balance(found) if self.even else found))
        return self

    def unlabelled(self, logits, index):
        """Cross-entropy of the spread labels."""
        return -(self.goals[index] * logits[0].log_softmax(dim=1)).sum(dim=1).mean()

    @torch.no_grad()
    def update(self):
        """Count the step; every so often, spread the labels anew."""
        super().update()
        if self.n_updates % self.every == 0:
            self.begin()
