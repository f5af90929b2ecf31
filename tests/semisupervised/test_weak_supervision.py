"""Votes: posteriors by enumeration, accuracies that are recovered, abstaining that is no vote."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from companion.semisupervised.weak_supervision import (
    LabelModel,
    log_joint,
    majority_vote,
    posterior,
)


def simulated(accuracies, n=4000, n_classes=2, cover=1.0, seed=0):
    """Votes of rules that err independently, and the truth."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    votes = np.repeat(y[:, None], len(accuracies), axis=1)
    wrong = rng.random(votes.shape) > np.asarray(accuracies)
    other = (votes + rng.integers(1, n_classes, size=votes.shape)) % n_classes
    votes = np.where(wrong, other, votes)
    return np.where(rng.random(votes.shape) < cover, votes, -1), y


UNEQUAL = [0.9, 0.85, 0.6, 0.55, 0.55]


@pytest.mark.parametrize(("n_classes", "cover"), [(2, 1.0), (2, 0.6), (4, 0.6)])
def test_accuracies_are_recovered_and_the_majority_is_beaten(n_classes, cover):
    votes, y = simulated(UNEQUAL, n_classes=n_classes, cover=cover)
    model = LabelModel(n_classes).fit(votes)
    assert abs(model.accuracies_ - UNEQUAL).max() < 0.05
    said = votes.max(axis=1) >= 0
    right = (model.predict(votes) == y)[said].mean()
    assert right > (majority_vote(votes, n_classes, random_state=0) == y)[said].mean() + 0.01
    assert abs(model.balance_ - 1 / n_classes).max() < 0.05


def test_equal_rules_do_as_well_as_the_majority():
    votes, y = simulated([0.75] * 5)
    right = (LabelModel().fit(votes).predict(votes) == y).mean()
    assert right >= (majority_vote(votes) == y).mean() - 0.01


def test_the_posterior_by_enumeration():
    accuracies, balance = np.array([0.8, 0.7, 0.6]), np.array([0.5, 0.3, 0.2])
    votes = np.array(list(itertools.product([-1, 0, 1, 2], repeat=3)))
    found, log_p = posterior(log_joint(votes, accuracies, balance))
    for vote, p, total in zip(votes, found, log_p, strict=True):
        due = balance.copy()
        for k, v, a in itertools.product(range(3), range(3), range(3)):
            if v == 0:  # once for each rule a
                due[k] *= {-1: 1.0, k: accuracies[a]}.get(vote[a], (1 - accuracies[a]) / 2)
        np.testing.assert_allclose(p, due / due.sum())
        assert total == pytest.approx(np.log(due.sum()))
    full = log_p[(votes >= 0).all(axis=1)]
    assert np.exp(full).sum() == pytest.approx(1)


def test_two_classes_three_rules_against_the_triplet_formula():
    """E[v_i v_j] = (2 a_i - 1)(2 a_j - 1) gives the accuracies in closed form (Fu et al., 2020)."""
    votes, _ = simulated([0.9, 0.8, 0.7], n=40_000)
    m = (2 * votes - 1).T @ (2 * votes - 1) / len(votes)
    due = [np.sqrt(m[i, j] * m[i, k] / m[j, k]) for i, j, k in ((0, 1, 2), (1, 0, 2), (2, 0, 1))]
    found = LabelModel(balance=[0.5, 0.5]).fit(votes).accuracies_
    np.testing.assert_allclose(2 * found - 1, due, atol=0.02)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_em_never_makes_it_less_likely(seed):
    rng = np.random.default_rng(seed)
    votes = rng.integers(-1, 3, size=(30, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        losses = LabelModel(3, max_iter=30).fit(votes).losses_
    assert np.diff(losses).max(initial=0) < 1e-10


def test_abstaining_is_no_vote_for_class_0():
    """Pitfall M6: six votes for 0 are a 0; who abstains changes nothing."""
    assert majority_vote(np.zeros((1, 6), dtype=int)).tolist() == [0]
    assert majority_vote([[-1, -1, 1]]).tolist() == [1]
    assert majority_vote([[-1, -1]]).tolist() == [-1]
    votes, _ = simulated([0.9, 0.8, 0.7, 0.6], n=500)
    model = LabelModel().fit(votes)
    more = np.column_stack([votes, np.full(len(votes), -1)])
    np.testing.assert_allclose(
        LabelModel().fit(more).predict_proba(more), model.predict_proba(votes)
    )
    assert model.predict(np.zeros((1, 4), dtype=int)).tolist() == [0]
    silent = model.predict_proba([[-1] * 4])
    np.testing.assert_allclose(silent, model.balance_[None])


def test_ties_are_drawn():
    tie = np.tile([0, 1], (400, 1))
    share = majority_vote(tie, random_state=0).mean()
    assert abs(share - 0.5) < 0.1
    assert (majority_vote(tie, random_state=0) == majority_vote(tie, random_state=0)).all()


def test_names_of_classes_do_not_matter():
    votes, _ = simulated(UNEQUAL, n=600, n_classes=3)
    order = np.array([2, 0, 1])
    here, there = LabelModel(3).fit(votes), LabelModel(3).fit(order[votes])
    p = there.predict_proba(order[votes])[:, order]
    np.testing.assert_allclose(p, here.predict_proba(votes), atol=1e-6)


@pytest.mark.parametrize(
    ("votes", "words"),
    [
        ([0, 1], "must be"),
        ([[0, 2]], "allows 0 to 1"),
        ([[0.5, 1]], "fractions"),
        ([[-2, 1]], "-1 where a rule abstains"),
    ],
)
def test_votes_that_are_none_are_refused(votes, words):
    with pytest.raises(ValueError, match=words):
        majority_vote(votes)


def test_wrong_settings_are_refused():
    votes, _ = simulated([0.8, 0.7], n=20)
    with pytest.raises(ValueError, match="divide by their sum"):
        LabelModel(balance=[0.5, 0.6]).fit(votes)
    with pytest.raises(ValueError, match="the votes of the same rules"):
        LabelModel().fit(votes).predict(votes[:, :1])
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        LabelModel(max_iter=2, tol=0.0).fit(votes)
