"""What vectors of words are compared by: neighbours, analogies, and the vectors of counts.

Chapter: `words`.
"""

import torch
from torch.nn import functional

from companion.selfsupervised.vocabulary import pointwise_mutual_information
from companion.validation import check_integer


def cosines(vectors, others=None):
    """Cosines of rows with rows, float64 (n, m); of a row of zeros they are 0."""
    rows = functional.normalize(vectors.double(), dim=1)
    return rows @ (rows if others is None else functional.normalize(others.double(), dim=1)).T


def nearest(vectors, number, candidates, n=5):
    """Which `n` of the candidates have the largest cosine with a word, itself left out: int64 (n,).

    `candidates` int64 (m,) are numbers of words, as is `number`.
    """
    candidates = candidates[candidates != number]
    near = cosines(vectors[candidates], vectors[number][None])[:, 0]
    return candidates[near.argsort(descending=True)[: check_integer("n", n)]]


def svd_vectors(counts, n_dims):
    """Vectors from counts alone: singular vectors of the positive mutual information.

    ``max(PMI, 0) = U S V'``, and a word is its row of ``U sqrt(S)``, float (n_words, n_dims).
    Levy and Goldberg, 2014.
    """
    check_integer("n_dims", n_dims, high=len(counts))
    # Single precision: of a thousand words the factors take as much room as all else.
    u, s, _ = torch.linalg.svd(pointwise_mutual_information(counts).clamp(min=0).float())
    return u[:, :n_dims] * s[:n_dims].sqrt()


def analogies(vectors, pairs, *, exclude=True, offset=True):
    """Answer "a is to b as c is to ...?" for all two pairs (a, b) and (c, d) of a list.

    The answer is the word whose vector has the largest cosine with ``b - a + c``, of vectors of
    length 1 (Mikolov et al., 2013).

    Parameters
    ----------
    vectors : tensor (n_words, n_dims)
    pairs : int64 tensor (n, 2)
    exclude : bool
        Whether the three words of the question are no answers.
    offset : bool
        With False the answer is the nearest to c: for comparison.

    Returns
    -------
    questions : int64 tensor (n (n - 1), 4)
        a, b, c, and d, which is right.
    answers : int64 tensor (n (n - 1),)
    """
    rows = functional.normalize(vectors.double(), dim=1)
    first, second = (~torch.eye(len(pairs), dtype=torch.bool, device=pairs.device)).nonzero().T
    questions = torch.cat([pairs[first], pairs[second]], dim=1)
    answers = []
    for some in questions.split(500):
        a, b, c, _ = some.T
        wanted = rows[c] + (rows[b] - rows[a] if offset else 0)
        near = wanted @ rows.T
        if exclude:
            near.scatter_(1, some[:, :3], -torch.inf)
        answers.append(near.argmax(dim=1))
    return questions, torch.cat(answers)
