"""Wrong answers that the checkers of book/clustering/experts.md must refuse."""

import numpy as np


def shared(logs):
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def gate_alone(y, gates, means, sigmas):
    return gates


def without_gate(y, gates, means, sigmas):
    return shared(-np.log(sigmas) - 0.5 * ((y[:, None] - means) / sigmas) ** 2)


def without_sigma_in_front(y, gates, means, sigmas):
    return shared(np.log(gates) - 0.5 * ((y[:, None] - means) / sigmas) ** 2)


def without_noise(y, gates, means, sigmas):
    return shared(np.log(gates) - 0.5 * (y[:, None] - means) ** 2)


def underflows(y, gates, means, sigmas):
    p = gates / sigmas * np.exp(-0.5 * ((y[:, None] - means) / sigmas) ** 2)
    with np.errstate(invalid="ignore"):
        return p / p.sum(axis=1, keepdims=True)


def zeros_for_nan(y, gates, means, sigmas):
    return np.nan_to_num(underflows(y, gates, means, sigmas))


def fitted(X, y, shares, power=1.0, ones=True, divide=True):
    A = np.column_stack([X, np.ones(len(X)) if ones else np.zeros(len(X))])
    coefs = np.array(
        [
            np.linalg.lstsq(A * r[:, None] ** power, y * r**power, rcond=None)[0]
            for r in np.sqrt(shares.T)
        ]
    )
    squares = (shares * (y[:, None] - A @ coefs.T) ** 2).sum(axis=0)
    return coefs[:, :-1], coefs[:, -1], squares / (shares.sum(axis=0) if divide else len(y))


def shares_squared(X, y, shares):
    return fitted(X, y, shares, power=2.0)


def without_shares(X, y, shares):
    return fitted(X, y, shares, power=0.0)


def without_intercept(X, y, shares):
    return fitted(X, y, shares, ones=False)


def variances_over_all_points(X, y, shares):
    return fitted(X, y, shares, divide=False)


def hard_shares(X, y, shares):
    return fitted(X, y, np.eye(shares.shape[1])[shares.argmax(axis=1)])


def deviations(X, y, shares):
    slopes, intercepts, variances = fitted(X, y, shares)
    return slopes, intercepts, np.sqrt(variances)


WRONG = {
    "expert_shares": [
        gate_alone,
        without_gate,
        without_sigma_in_front,
        without_noise,
        underflows,
        zeros_for_nan,
    ],
    "lines_of": [
        shares_squared,
        without_shares,
        without_intercept,
        variances_over_all_points,
        hard_shares,
        deviations,
    ],
}
