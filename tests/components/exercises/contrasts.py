"""Wrong answers that the checkers of book/components/contrasts.md must refuse."""

import numpy as np


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


def downhill(B, X, rate):
    U = X @ B.T
    return B - rate * (np.eye(len(B)) + (1 - 2 * _sigmoid(U)).T @ U / len(X)) @ B


def ordinary(B, X, rate):
    return B + rate * (np.linalg.inv(B).T + (1 - 2 * _sigmoid(X @ B.T)).T @ X / len(X))


def transposed(B, X, rate):
    U = X @ B.T
    return B + rate * (np.eye(len(B)) + U.T @ (1 - 2 * _sigmoid(U)) / len(X)) @ B


def without_last_factor(B, X, rate):
    U = X @ B.T
    return B + rate * (np.eye(len(B)) + (1 - 2 * _sigmoid(U)).T @ U / len(X))


def with_a_rate_of_its_own(B, X, rate):
    U = X @ B.T
    return B + 0.1 * (np.eye(len(B)) + (1 - 2 * _sigmoid(U)).T @ U / len(X)) @ B


def changes_its_argument(B, X, rate):
    U = X @ B.T
    B += rate * (np.eye(len(B)) + (1 - 2 * _sigmoid(U)).T @ U / len(X)) @ B
    return B


WRONG = {
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
