"""Mixtures of experts: regressions whose mixing proportions depend on x, fitted by EM.

p(y | x) = sum_k g_k(x) p_k(y | x), with a softmax gate g.

Chapter: `experts`.
"""

import warnings

import numpy as np
from scipy.special import log_expit
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from companion.clustering.lloyd import with_ones
from companion.clustering.mixtures import share_out
from companion.clustering.softmax import fit_softmax, log_softmax
from companion.validation import check_integer, check_points, check_real

INNER_STEPS = 4  # of Newton, in one M-step: any rise of the bound is enough for EM


def fit_lines(A, y, shares, min_variance):
    """Weighted least squares: coefficients (k, p), noise variances (k,)."""
    coefs = np.empty((shares.shape[1], A.shape[1]))
    for line, root in zip(coefs, np.sqrt(shares.T), strict=True):
        line[:] = np.linalg.lstsq(A * root[:, None], y * root, rcond=None)[0]
    counts = shares.sum(axis=0) + 10 * np.finfo(float).eps
    variances = (shares * (y[:, None] - A @ coefs.T) ** 2).sum(axis=0) / counts
    return coefs, np.maximum(variances, min_variance)


class MixtureOfExperts(BaseEstimator):
    """What the two mixtures share: the gate, the starts and the steps of EM."""

    def _fit(self, X, y):
        n, d = X.shape
        k = check_integer("n_components", self.n_components, 1, n, "at most one a row of X.")
        for name in ("max_iter", "n_init"):
            check_integer(name, getattr(self, name))
        for name in ("tol", "penalty"):
            check_real(name, getattr(self, name), low=0)
        random_state = check_random_state(self.random_state)
        columns = StandardScaler().fit(X)
        self._center, self._scale = columns.mean_, columns.scale_
        A = self._standardised(X)
        joint = np.column_stack([A[:, :-1], (y - y.mean()) / (y.std() or 1.0)])
        climbs = (self._climb(A, y, near_seeds(joint, k, random_state)) for _ in range(self.n_init))
        best, self.lower_bounds_, self.converged_ = max(climbs, key=lambda climb: climb[1][-1])
        gate, self._experts = best
        self._gate = np.vstack([np.zeros(d + 1), gate])  # class 0 has score 0
        self.gate_coef_, self.gate_intercept_ = self._in_units_of_x(self._gate)
        self.coef_, self.intercept_ = self._in_units_of_x(self._experts[0])
        self.lower_bound_, self.n_iter_ = self.lower_bounds_[-1], len(self.lower_bounds_)
        if not self.converged_:
            warnings.warn(
                f"The likelihood still rose by more than tol={self.tol} at max_iter="
                f"{self.max_iter}: raise max_iter or tol, or n_init.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    def _standardised(self, X):
        """Columns of mean 0 and deviation 1, and one of ones: Newton's method needs both."""
        return with_ones((X - self._center) / self._scale)

    def _in_units_of_x(self, W):
        """Slopes and intercepts for X itself, from those for `_standardised`."""
        slopes = W[:, :-1] / self._scale
        return slopes, W[:, -1] - slopes @ self._center

    def _climb(self, A, y, shares):
        """Steps of EM from responsibilities until the objective gains at most `tol`."""
        gate, experts, bounds = np.zeros((shares.shape[1] - 1, A.shape[1])), None, []
        penalty = self.penalty / self._scale**2  # of the coefficients in units of X
        for _ in range(self.max_iter):
            gate = fit_softmax(A, shares, gate, penalty, INNER_STEPS)
            experts = self._fit_experts(A, y, shares, experts)
            log_joint = log_softmax(A, gate) + self._log_experts(A, y, experts)
            log_likelihood, shares = share_out(log_joint)
            cost = 0.5 * np.sum(penalty * (gate[:, :-1] ** 2).sum(axis=0))
            cost += self._expert_cost(experts, penalty)
            bounds.append(float(log_likelihood.mean() - cost / len(A)))
            if len(bounds) > 1 and bounds[-1] - bounds[-2] <= self.tol:
                return (gate, experts), bounds, True
        return (gate, experts), bounds, False

    def _columns(self, X):
        check_is_fitted(self)
        return self._standardised(check_points(self, X, reset=False))

    def _log_gate(self, A):
        return log_softmax(A, self._gate[1:])

    def gate_proba(self, X):
        """Mixing proportions g_k(x), before y is seen: (n, k)."""
        return np.exp(self._log_gate(self._columns(X)))

    def _e_step(self, X, y):
        A, y = self._columns(X), self._encode(y)
        if y.shape != (len(A),):
            raise ValueError(f"y has shape {y.shape} but X has {len(A)} rows: pass one y for each.")
        return share_out(self._log_gate(A) + self._log_experts(A, y, self._experts))

    def responsibilities(self, X, y):
        """Probability of each expert once y is seen: (n, k)."""
        return self._e_step(X, y)[1]

    def log_likelihood(self, X, y):
        """Log p(y | x) of every row, in nats: (n,)."""
        return self._e_step(X, y)[0]


def near_seeds(joint, k, random_state):
    """Responsibilities to start from: half to the nearest of k random rows, half to everyone.

    Wholly hard shares would drive the first gate to infinity.
    """
    seeds = joint[random_state.choice(len(joint), size=k, replace=False)]
    nearest = ((joint[:, None] - seeds) ** 2).sum(axis=2).argmin(axis=1)
    return 0.5 * np.eye(k)[nearest] + 0.5 / k


class MixtureOfLinearRegressions(RegressorMixin, MixtureOfExperts):
    """p(y | x) = sum_k g_k(x) N(y; coef_k x + intercept_k, variance_k), with a softmax gate g.

    Fitted by EM: least squares for each line, Newton's method for the gate (Jordan and Jacobs,
    1994). The best of `n_init` starts is kept.

    Parameters
    ----------
    n_components : int
        Number of experts k.
    penalty : float
        Half of it times the squared gate coefficients is taken from the log likelihood of the
        data: without, a gate that separates its experts perfectly has no best coefficients.
    min_variance : float
        Least variance of the noise, in squared units of y: no line shrinks onto a few points.
    tol : float
        Stop when the mean log likelihood of a row rises by no more, in nats.
    max_iter, n_init : int
    random_state : int, RandomState or None

    Attributes
    ----------
    coef_, intercept_, noise_variance_ : array (k, d), (k,) and (k,)
    gate_coef_, gate_intercept_ : array (k, d) and (k,)
        g = softmax(gate_coef_ x + gate_intercept_). Only differences matter: expert 0 has zeros.
    lower_bounds_, lower_bound_ : list of float, and its last
        Mean log likelihood of a row, less the penalty, in nats, after each step of EM.
    converged_, n_iter_ : bool and int
    """

    def __init__(
        self,
        n_components=2,
        *,
        penalty=1e-3,
        min_variance=1e-6,
        tol=1e-6,
        max_iter=500,
        n_init=5,
        random_state=None,
    ):
        self.n_components = n_components
        self.penalty = penalty
        self.min_variance = min_variance
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.random_state = random_state

    def fit(self, X, y):
        """Fit gate and lines to X (n, d) and y (n,)."""
        X, y = check_points(self, X, y, y_numeric=True, ensure_min_samples=2)
        check_real("min_variance", self.min_variance, low=0, inclusive=False)
        self._fit(X, y.astype(np.float64))
        self.noise_variance_ = self._experts[1]
        return self

    def _encode(self, y):
        return np.asarray(y, dtype=np.float64)

    def _expert_cost(self, experts, penalty):
        return 0.0

    def _fit_experts(self, A, y, shares, experts):
        return fit_lines(A, y, shares, self.min_variance)

    def _log_experts(self, A, y, experts):
        coefs, variances = experts
        squares = (y[:, None] - A @ coefs.T) ** 2 / variances
        return -0.5 * (squares + np.log(2 * np.pi * variances))

    def predict_experts(self, X):
        """Mean of y by each expert: (n, k)."""
        return self._columns(X) @ self._experts[0].T

    def predict(self, X):
        """Mean of y given x: (n,)."""
        return (self.gate_proba(X) * self.predict_experts(X)).sum(axis=1)

    def sample_y(self, X, random_state=None):
        """Draw y from p(y | x) for every row: (n,)."""
        means, ceilings = self.predict_experts(X), np.cumsum(self.gate_proba(X), axis=1)
        random_state = check_random_state(random_state)
        expert = (random_state.uniform(size=(len(means), 1)) > ceilings[:, :-1]).sum(axis=1)
        noise = random_state.standard_normal(len(means)) * np.sqrt(self.noise_variance_[expert])
        return means[np.arange(len(means)), expert] + noise


class MixtureOfLogisticRegressions(ClassifierMixin, MixtureOfExperts):
    """p(y = 1 | x) = sum_k g_k(x) sigmoid(coef_k x + intercept_k), with a softmax gate g.

    Fitted by EM; gate and experts by Newton's method (Jordan and Jacobs, 1994). Two classes.
    Arguments and attributes are those of `MixtureOfLinearRegressions`, except for the noise; the
    penalty acts on the experts' coefficients too.

    Attributes
    ----------
    classes_ : array (2,)
        The second is y = 1.
    """

    def __init__(
        self,
        n_components=2,
        *,
        penalty=1e-3,
        tol=1e-6,
        max_iter=500,
        n_init=5,
        random_state=None,
    ):
        self.n_components = n_components
        self.penalty = penalty
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X, y):
        """Fit gate and experts to X (n, d) and labels y (n,) of two classes."""
        X, y = check_points(self, X, y, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) != 2:
            raise ValueError(
                "Only binary classification is supported. y has "
                f"{len(self.classes_)} class(es): pass labels of exactly two classes."
            )
        return self._fit(X, self._encode(y))

    def _encode(self, y):
        return (np.asarray(y) == self.classes_[1]).astype(np.float64)

    def _expert_cost(self, experts, penalty):
        return 0.5 * np.sum(penalty * experts[0][:, :-1] ** 2)

    def _fit_experts(self, A, y, shares, experts):
        coefs = np.zeros((shares.shape[1], A.shape[1])) if experts is None else experts[0].copy()
        for i, share in enumerate(shares.T):
            targets = np.column_stack([share * (1 - y), share * y])
            start, penalty = coefs[i : i + 1], self.penalty / self._scale**2
            coefs[i] = fit_softmax(A, targets, start, penalty, INNER_STEPS)[0]
        return (coefs,)

    def _log_experts(self, A, y, experts):
        return log_expit((2 * y[:, None] - 1) * (A @ experts[0].T))

    def predict_experts(self, X):
        """Probability of the second class by each expert: (n, k)."""
        return np.exp(log_expit(self._columns(X) @ self._experts[0].T))

    def predict_proba(self, X):
        """Probability of the two classes given x: (n, 2)."""
        second = (self.gate_proba(X) * self.predict_experts(X)).sum(axis=1)
        return np.column_stack([1 - second, second])

    def predict(self, X):
        """The more probable class of every row: (n,)."""
        second = self.predict_proba(X)[:, 1] > 0.5
        return self.classes_[second.astype(int)]

    def sample_y(self, X, random_state=None):
        """Draw a class from p(y | x) for every row: (n,)."""
        second = self.predict_proba(X)[:, 1]
        random_state = check_random_state(random_state)
        return self.classes_[(random_state.uniform(size=len(second)) < second).astype(int)]
