"""Rules that vote in place of labels: a majority, and a model of how often each rule is right.

Chapter: `semisupervised`.
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from companion.validation import check_integer, check_real

ABSTAIN = -1


def check_votes(votes, n_classes):
    """Return votes as int64 (n, n_rules), or raise a `ValueError`."""
    given = np.asarray(votes)
    if given.ndim != 2 or 0 in given.shape:
        raise ValueError(f"votes has shape {given.shape} but must be (n, n_rules), with a row.")
    if not np.isfinite(given).all() or (given != np.round(given)).any():
        raise ValueError(
            "votes has fractions or NaN: pass whole classes, -1 where a rule abstains."
        )
    found = given.astype(np.int64)
    if found.min() < ABSTAIN or found.max() >= n_classes:
        raise ValueError(
            f"votes has values from {found.min()} to {found.max()}, but n_classes={n_classes} "
            f"allows 0 to {n_classes - 1}, and -1 where a rule abstains."
        )
    return found


def vote_counts(votes, n_classes):
    """How many rules vote for each class, float (n, n_classes); those that abstain do not."""
    votes = check_votes(votes, n_classes)
    return (votes[:, :, None] == np.arange(n_classes)).sum(axis=1).astype(float)


def majority_vote(votes, n_classes=2, *, random_state=None):
    """Class with the most votes, ties by a draw: int64 (n,), -1 where all abstain.

    Parameters
    ----------
    votes : int array (n, n_rules)
        Classes 0, 1, ...; -1 where a rule abstains.
    n_classes : int
    random_state : int, RandomState or None
    """
    counts = vote_counts(votes, check_integer("n_classes", n_classes, 2))
    draw = check_random_state(random_state).random_sample(counts.shape)
    label = (counts + 0.5 * draw).argmax(axis=1)
    return np.where(counts.sum(axis=1) > 0, label, ABSTAIN)


def log_joint(votes, accuracies, balance):
    """``log p(y, votes)`` of each class y, (n, n_classes): rules err independently.

    A rule of accuracy a votes for the class with probability a, for each other one
    with ``(1 - a) / (K - 1)``; whether it votes says nothing.
    """
    K = len(balance)
    right, wrong = np.log(accuracies), np.log((1 - accuracies) / (K - 1))
    said = votes != ABSTAIN
    agrees = votes[:, :, None] == np.arange(K)  # (n, n_rules, K)
    gain = agrees.transpose(0, 2, 1) @ (right - wrong)
    return np.log(balance) + gain + (said @ wrong)[:, None]


def posterior(joint):
    """Probabilities of the classes, (n, n_classes), and log-likelihoods (n,), from `log_joint`."""
    top = joint.max(axis=1, keepdims=True)
    p = np.exp(joint - top)
    total = p.sum(axis=1, keepdims=True)
    return p / total, (top + np.log(total))[:, 0]


class LabelModel:
    """Accuracies of rules from how they agree with each other, by EM (Dawid and Skene, 1979).

    The true class is hidden; given it, rules err independently and spread errors evenly. EM begins
    with shares of votes. `prior` votes right and `prior` wrong are added to each rule's.

    Parameters
    ----------
    n_classes : int
    balance : array (n_classes,), optional
        How frequent the classes are; learned if None.
    prior : float, above 0
    max_iter : int
    tol : float
        EM stops when the mean log-likelihood, with the prior, rises by less.

    Attributes
    ----------
    accuracies_ : array (n_rules,)
    balance_ : array (n_classes,)
    losses_ : list of float
        Minus the mean log posterior density of the parameters, in nats an example; it never rises.
    """

    def __init__(self, n_classes=2, *, balance=None, prior=1.0, max_iter=200, tol=1e-7):
        self.n_classes, self.balance = n_classes, balance
        self.prior, self.max_iter, self.tol = prior, max_iter, tol

    def _check(self):
        K = check_integer("n_classes", self.n_classes, 2)
        check_real("prior", self.prior, 0, inclusive=False)
        if self.balance is None:
            return K, None
        balance = np.asarray(self.balance, dtype=float)
        if balance.shape != (K,) or not (balance > 0).all() or abs(balance.sum() - 1) > 1e-6:
            raise ValueError(
                f"balance={self.balance!r} must be {K} positive shares that sum to 1: divide by "
                "their sum."
            )
        return K, balance

    def fit(self, votes, y=None):
        """Learn accuracies from votes, int (n, n_rules); -1 where a rule abstains."""
        K, given = self._check()
        votes = check_votes(votes, K)
        said = (votes != ABSTAIN).sum(axis=0)
        shares = vote_counts(votes, K) + 1 / K
        q, self.losses_ = shares / shares.sum(axis=1, keepdims=True), []
        for _ in range(check_integer("max_iter", self.max_iter)):
            right = ((votes[:, :, None] == np.arange(K)) * q[:, None]).sum(axis=(0, 2))
            self.accuracies_ = (right + self.prior) / (said + 2 * self.prior)
            learned = (q.sum(axis=0) + self.prior) / (len(q) + K * self.prior)
            self.balance_ = learned if given is None else given
            q, log_p = posterior(log_joint(votes, self.accuracies_, self.balance_))
            density = np.log(self.accuracies_) + np.log1p(-self.accuracies_)
            held = self.prior * (density.sum() + (given is None) * np.log(self.balance_).sum())
            self.losses_.append(-(log_p.sum() + held) / len(q))
            if len(self.losses_) > 1 and self.losses_[-2] - self.losses_[-1] < self.tol:
                return self
        if self.max_iter > 1:
            warnings.warn(
                f"EM has not converged in max_iter={self.max_iter} rounds: allow more.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def predict_proba(self, votes):
        """Probabilities of the classes given the votes, (n, n_classes)."""
        votes = check_votes(votes, len(self.balance_))
        if votes.shape[1] != len(self.accuracies_):
            raise ValueError(
                f"votes has {votes.shape[1]} columns, but {len(self.accuracies_)} rules were "
                "learned: pass the votes of the same rules."
            )
        return posterior(log_joint(votes, self.accuracies_, self.balance_))[0]

    def predict(self, votes):
        """Likeliest class, int64 (n,)."""
        return self.predict_proba(votes).argmax(axis=1)
