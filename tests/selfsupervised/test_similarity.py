"""Neighbours and analogies where they are known."""

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from companion.selfsupervised.similarity import analogies, cosines, nearest, svd_vectors
from companion.selfsupervised.vocabulary import pointwise_mutual_information
from tests.contracts import seeded


def test_cosines_are_scikit_learns():
    x, y = torch.randn(5, 3, generator=seeded()), torch.randn(4, 3, generator=seeded(1))
    x[2] = 0
    np.testing.assert_allclose(cosines(x, y), cosine_similarity(x, y), atol=1e-6)
    np.testing.assert_allclose(cosines(x), cosine_similarity(x), atol=1e-6)


def test_nearest_leaves_the_word_itself_out():
    angles = torch.tensor([0.0, 0.1, 0.3, 2.0, 3.1])
    x = torch.stack([angles.cos(), angles.sin()], dim=1) * torch.tensor([[1.0], [9], [2], [3], [1]])
    assert nearest(x, 0, torch.arange(5), 3).tolist() == [1, 2, 3]
    assert nearest(x, 1, torch.tensor([1, 4, 2]), 2).tolist() == [2, 4]
    with pytest.raises(ValueError, match="n=0"):
        nearest(x, 0, torch.arange(5), 0)


def test_with_all_dimensions_svd_vectors_hold_the_matrix():
    counts = torch.randint(5, (6, 6), generator=seeded()).double()
    counts = counts + counts.T
    information = pointwise_mutual_information(counts).clamp(min=0).float()
    vectors = svd_vectors(counts, 6)
    # Symmetric: rows of U S U' up to signs, so U S U' (U S U')' is the square.
    gram = (vectors @ vectors.T) @ (vectors @ vectors.T)
    torch.testing.assert_close(gram, information @ information, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="n_dims=7"):
        svd_vectors(counts, 7)


def flags():
    """Singulars on a circle, each plural the same step away."""
    base = torch.eye(4, 6)
    return torch.cat([base, base + 0.6 * torch.eye(6)[5]]), torch.tensor(
        [[i, i + 4] for i in range(4)]
    )


def test_parallel_pairs_are_answered():
    vectors, pairs = flags()
    questions, answers = analogies(vectors, pairs)
    assert len(questions) == 12
    assert len({tuple(row) for row in questions.tolist()}) == 12
    for a, b, c, d in questions.tolist():
        assert b == a + 4
        assert d == c + 4
        assert a != c
    assert torch.equal(answers, questions[:, 3])


def test_the_words_of_the_question_are_no_answers_unless_allowed():
    vectors = torch.randn(30, 4, generator=seeded())
    pairs = torch.arange(20).view(10, 2)
    for options in ({}, {"offset": False}):
        questions, answers = analogies(vectors, pairs, **options)
        assert not (answers[:, None] == questions[:, :3]).any()
    questions, answers = analogies(vectors, pairs, exclude=False, offset=False)
    assert torch.equal(answers, questions[:, 2]), "nearest to a word is the word"


def test_answers_are_those_of_a_loop():
    vectors, pairs = torch.randn(12, 5, generator=seeded(2)), torch.arange(8).view(4, 2)
    questions, answers = analogies(vectors, pairs)
    rows = vectors.double() / vectors.double().norm(dim=1, keepdim=True)
    for (a, b, c, _), answer in zip(questions.tolist(), answers.tolist(), strict=True):
        near = rows @ (rows[b] - rows[a] + rows[c])
        assert answer == max(set(range(12)) - {a, b, c}, key=lambda i: near[i])
