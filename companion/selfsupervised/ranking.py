"""New categories among images without labels, found by ranking statistics.

Chapter: `contrastive`.
"""

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import nn
from torch.nn import functional

from companion.metrics import contingency_table
from companion.selfsupervised.encoder import ConvEncoder, Views
from companion.validation import check_integer, check_real


def same_ranks(z, n_top):
    """Say which rows have the same `n_top` largest features, (n, d) to bool (n, n).

    Their order does not count, nor does any increasing change of the values.
    """
    check_integer("n_top", n_top, 1, z.shape[1], "there are no more features.")
    top = z.topk(n_top, dim=1).indices.sort(dim=1).values
    return (top[:, None] == top).all(dim=2)


def pairwise_loss(p_a, p_b, same, eps=1e-6):
    """Cross-entropy of the question “the same class?” over all pairs of rows, in nats.

    ``p_a . p_b`` is the probability that two draws agree, (n, k) each; `same` is bool (n, n).
    """
    agree = (p_a @ p_b.T).clamp(eps, 1 - eps)
    return functional.binary_cross_entropy(agree, same.to(agree.dtype))


def matched_accuracy(labels_true, labels_pred):
    """Share of points that are right when clusters are given the best names, one a class.

    >>> matched_accuracy([0, 0, 1, 1], [7, 7, 3, 7])
    0.75
    """
    table = contingency_table(labels_true, labels_pred)
    rows, columns = linear_sum_assignment(-np.asarray(table))
    return float(np.asarray(table)[rows, columns].sum() / np.asarray(table).sum())


class RankingStatistics(nn.Module):
    """Labelled known classes and unlabelled new ones, learned together (Han et al., 2020).

    Parameters
    ----------
    encoder : ConvEncoder
        Pretrained without labels as a rule. Its features are ranked.
    views : Views
    n_known, n_new : int
        Classes with labels, and classes to find; their number is given.
    n_top : int
        Two unlabelled images count as of one class if their `n_top` largest features are the same.
    consistency : float
        Weight of the squared difference between the answers for two views. The paper lets it
        rise during training; here it is constant.

    References
    ----------
    Han et al. (2020), arXiv:2002.05714.
    """

    def __init__(self, encoder=None, views=None, *, n_known=5, n_new=5, n_top=5, consistency=1.0):
        super().__init__()
        self.encoder = ConvEncoder() if encoder is None else encoder
        self.views = Views() if views is None else views
        n_features = self.encoder.n_features
        self.known = nn.Linear(n_features, check_integer("n_known", n_known, 2))
        self.new = nn.Linear(n_features, check_integer("n_new", n_new, 2))
        self.n_top = check_integer("n_top", n_top, 1, n_features, "there are no more features.")
        self.consistency = check_real("consistency", consistency, 0)

    def partners(self, z):
        """`same_ranks`: which unlabelled images count as of one class, features (n, d)."""
        return same_ranks(z, self.n_top)

    def loss(self, x, labels, *, generator=None):
        """Known classes by their labels, new ones by pairs, both for two views: nats.

        Parameters
        ----------
        x : tensor (B, *event)
            Levels.
        labels : int tensor (B,)
            0 ... n_known - 1, and -1 for an image without a label.
        """
        if int(labels.min()) < -1 or int(labels.max()) >= self.known.out_features:
            raise ValueError(
                f"labels reach from {int(labels.min())} to {int(labels.max())}: give 0 "
                f"to {self.known.out_features - 1} for known classes "
                "and -1 for images without label."
            )
        images, is_new = self.encoder.prepare(x), labels < 0
        views = [self.views(images, generator=generator) for _ in range(2)]
        features = [self.encoder(view) for view in views]
        known = [self.known(z) for z in features]
        new = [self.new(z).softmax(dim=1) for z in features]
        both = new, [s.softmax(dim=1) for s in known]
        apart = [(a - b).square().mean() for a, b in both]
        loss = self.consistency * sum(apart)
        if not is_new.all():
            loss = loss + functional.cross_entropy(known[0][~is_new], labels[~is_new])
        if is_new.any():
            same = self.partners(features[0][is_new].detach())
            loss = loss + pairwise_loss(new[0][is_new], new[1][is_new], same)
        return loss

    def encode(self, x):
        """Features of levels, (B, *event) to (B, n_features)."""
        return self.encoder.encode(x)

    @torch.no_grad()
    def predict(self, x):
        """Number of the new class of each image, (B, *event) to (B,); the numbers mean nothing."""
        return self.new(self.encode(x)).argmax(dim=1)
