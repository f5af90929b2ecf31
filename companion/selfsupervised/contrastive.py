"""Which two views belong together? InfoNCE, SimCLR, and what makes good views.

Chapter: `contrastive`.
"""

import math

import torch

from companion.selfsupervised.encoder import TwoViews, unit
from companion.validation import check_real


def check_scores(scores):
    """Refuse scores that are not (N, N), N at least 2."""
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or len(scores) < 2:
        raise ValueError(
            f"scores has shape {tuple(scores.shape)} but must be (N, N) with N at least 2: row i "
            "compares the first partner of pair i with the second partners of all pairs."
        )
    return scores


def info_nce(scores):
    """Loss of finding each partner among N, from scores (N, N): a scalar in nats.

    ``-1/N sum_i log softmax_j(scores_ij)_i``. The mean of ``log N - loss`` is at
    most the mutual information of the pairs, and at most log N (van den Oord et
    al., 2018, arXiv:1807.03748).

    >>> round(info_nce(torch.zeros(4, 4)).item(), 4)  # nothing told apart: log 4
    1.3863
    """
    return (check_scores(scores).logsumexp(dim=1) - scores.diagonal()).mean()


def info_nce_against(positive, negatives):
    """The same with negatives of another number: scores (N,) and (N, n) to a scalar in nats."""
    scores = torch.cat([positive[:, None], negatives], dim=1)
    return (scores.logsumexp(dim=1) - positive).mean()


def nt_xent(z_a, z_b, temperature=0.5):
    """InfoNCE of SimCLR: all 2N views, each looking for its partner among the 2N - 1 others.

    Parameters
    ----------
    z_a, z_b : tensor (N, d)
        Row i of both comes from the same image. Lengths do not count: scores are cosines divided
        by the temperature.
    temperature : float

    Returns
    -------
    tensor ()
        In nats; log(2N - 1) if nothing is told apart.

    Notes
    -----
    Source: Chen et al. (2020), arXiv:2002.05709, there summed over i and divided by 2N.
    """
    if z_a.shape != z_b.shape or z_a.ndim != 2:
        raise ValueError(
            f"z_a has shape {tuple(z_a.shape)} and z_b {tuple(z_b.shape)}: give two views of the "
            "same images, (N, d) each."
        )
    pairs = torch.arange(len(z_a), device=z_a.device).repeat(2)
    return supervised_contrastive(torch.cat([z_a, z_b]), pairs, temperature)


def supervised_contrastive(z, labels, temperature=0.5):
    """Contrastive loss; all rows of the same label are partners: a scalar in nats.

    ``-mean_i 1/|P(i)| sum_{p in P(i)} log softmax_{j != i}(z_i . z_j / T)_p``,
    with P(i) the others of i's label. Rows without a partner are left out;
    without any the loss is 0 (Khosla et al., 2020, arXiv:2004.11362, their L_out
    without the factor T).

    Parameters
    ----------
    z : tensor (n, d)
        Only directions count.
    labels : int tensor (n,)
    temperature : float
    """
    temperature = check_real("temperature", temperature, 0, inclusive=False)
    if z.ndim != 2 or labels.shape != z.shape[:1]:
        raise ValueError(
            f"z has shape {tuple(z.shape)} and labels {tuple(labels.shape)}: "
            "give (n, d) and one label for each of the n rows, (n,)."
        )
    z = unit(z)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    scores = (z @ z.T / temperature).masked_fill(itself, -torch.inf)
    log_share = scores - scores.logsumexp(dim=1, keepdim=True)
    is_partner = (labels[:, None] == labels) & ~itself
    n_partners = is_partner.sum(dim=1)
    total = -log_share.masked_fill(~is_partner, 0).sum(dim=1)
    total = total / n_partners.clamp_min(1)
    return total.sum() / (n_partners > 0).sum().clamp_min(1)


class SimCLR(TwoViews):
    """Views of one image together, of different images apart (Chen et al., 2020).

    Parameters
    ----------
    temperature : float
    **options
        See `TwoViews`: encoder, views, n_hidden, n_outputs.
    """

    def __init__(self, encoder=None, views=None, *, temperature=0.5, **options):
        super().__init__(encoder, views, **options)
        self.temperature = check_real("temperature", temperature, 0, inclusive=False)

    def compare(self, z_a, z_b):
        """`nt_xent`."""
        return nt_xent(z_a, z_b, self.temperature)


def view_mutual_information(scores):
    """Lower bound of the mutual information of two views, from scores (N, N): a float in nats.

    ``log N - info_nce(scores)``, never above log N. What views share, and nothing else, can be
    learned from them; what they share beside the label is ballast (Tian et al., 2020).
    """
    return math.log(len(check_scores(scores))) - info_nce(scores).item()
