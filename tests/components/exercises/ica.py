"""Wrong answers that the checkers of book/components/ica.md must refuse."""

import numpy as np


def _tanh(w, Z):
    return np.tanh(Z @ w)


def without_length(w, Z):
    g = _tanh(w, Z)
    return Z.T @ g / len(Z) - (1 - g**2).mean() * w


def gradient_only(w, Z):
    new = Z.T @ _tanh(w, Z) / len(Z)
    return new / np.linalg.norm(new)


def sums_for_means(w, Z):
    g = _tanh(w, Z)
    new = Z.T @ g - (1 - g**2).mean() * w
    return new / np.linalg.norm(new)


def in_place(w, Z):
    g = _tanh(w, Z)
    w *= -(1 - g**2).mean()
    w += Z.T @ g / len(Z)
    w /= np.linalg.norm(w)
    return w


def one_for_each_row(w, Z):
    g = _tanh(w, Z)
    return Z * g[:, None] - (1 - g**2)[:, None] * w


def bits(table):
    joint = np.asarray(table, float) / np.sum(table)
    ratio = joint / (joint.sum(axis=1, keepdims=True) * joint.sum(axis=0))
    return float((joint[joint > 0] * np.log2(ratio[joint > 0])).sum())


def nan_at_zero(table):
    joint = np.asarray(table, float) / np.sum(table)
    with np.errstate(all="ignore"):
        ratio = joint / (joint.sum(axis=1, keepdims=True) * joint.sum(axis=0))
        return float((joint * np.log(ratio)).sum())


def counts_as_probabilities(table):
    joint = np.asarray(table, float)
    there = joint > 0
    ratio = joint / (joint.sum(axis=1, keepdims=True) * joint.sum(axis=0))
    return float((joint[there] * np.log(ratio[there])).sum())


def joint_entropy(table):
    joint = np.asarray(table, float) / np.sum(table)
    return float(-(joint[joint > 0] * np.log(joint[joint > 0])).sum())


def unweighted(table):
    joint = np.asarray(table, float) / np.sum(table)
    ratio = joint / (joint.sum(axis=1, keepdims=True) * joint.sum(axis=0))
    return float(np.log(ratio[joint > 0]).mean())


def _sigmoid(u):
    return 1 / (1 + np.exp(-u))


def downhill(W, X, rate):
    U = X @ W.T
    return W - rate * (np.eye(len(W)) + (1 - 2 * _sigmoid(U)).T @ U / len(X)) @ W


def ordinary(W, X, rate):
    return W + rate * (np.linalg.inv(W).T + (1 - 2 * _sigmoid(X @ W.T)).T @ X / len(X))


def transposed(W, X, rate):
    U = X @ W.T
    return W + rate * (np.eye(len(W)) + U.T @ (1 - 2 * _sigmoid(U)) / len(X)) @ W


def without_last_factor(W, X, rate):
    U = X @ W.T
    return W + rate * (np.eye(len(W)) + (1 - 2 * _sigmoid(U)).T @ U / len(X))


def with_a_rate_of_its_own(W, X, rate):
    U = X @ W.T
    return W + 0.1 * (np.eye(len(W)) + (1 - 2 * _sigmoid(U)).T @ U / len(X)) @ W


def changes_its_argument(W, X, rate):
    U = X @ W.T
    W += rate * (np.eye(len(W)) + (1 - 2 * _sigmoid(U)).T @ U / len(X)) @ W
    return W


WRONG = {
    "one_step": [without_length, gradient_only, sums_for_means, in_place, one_for_each_row],
    "information": [bits, nan_at_zero, counts_as_probabilities, joint_entropy, unweighted],
    "natural_step": [
        downhill,
        ordinary,
        transposed,
        without_last_factor,
        with_a_rate_of_its_own,
        changes_its_argument,
    ],
}
