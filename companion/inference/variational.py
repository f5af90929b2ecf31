"""Variational inference, one factor after the other: fields of tables, and mixtures of Gaussians.

Chapter: `variational`.
"""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.clustering.mixtures import STARTS, first_shares, share_out
from companion.inference.fields import bound_of, coordinate_update, log_factors
from companion.inference.mixture_steps import (
    CONCENTRATIONS,
    Beliefs,
    bound,
    log_joint,
    mean_weights,
    update,
)
from companion.inference.normal_wishart import NormalWishart, log_student, mean_precision_factors
from companion.validation import (
    check_choice,
    check_integer,
    check_points,
    check_real,
    check_symmetric,
    rounding_of,
)


class MeanField(NamedTuple):
    """The best product of marginals that was found.

    Attributes
    ----------
    marginals : dict
        Probabilities of the states by variable; what was seen is certain.
    bound : float
        Lower bound, in nats, on the log of the sum of all states' products of factors: on log Z of
        a field, on log p(evidence) of a Bayesian network.
    bounds : list of float
        The bound after each round; it never falls.
    n_rounds : int
    change : float
        Largest change of a probability in the last round.
    """

    marginals: dict
    bound: float
    bounds: list
    n_rounds: int
    change: float


def mean_field(model, evidence=None, *, n_rounds=1000, tol=1e-9, start=None):
    """Approximate ``p(all | evidence)`` by a product of marginals (Peterson and Anderson, 1987).

    One marginal after the other is set to its best, `coordinate_update`. What is found depends on
    the start where the bound has several maxima.

    Parameters
    ----------
    model : GraphicalModel
        No table may have a zero once the evidence is cut out.
    evidence : dict, optional
        States by variable.
    n_rounds : int
    tol : float
        Ends when no probability changes by more in a round.
    start : dict, optional
        Probabilities by variable; where none are given, all states alike.

    Returns
    -------
    MeanField
    """
    check_integer("n_rounds", n_rounds)
    check_real("tol", tol, 0)
    evidence = model.check_evidence(evidence)
    factors = log_factors(model, evidence)
    q = {v: np.full(n, 1 / n) for v, n in model.n_states.items() if v not in evidence}
    for v, p in (start or {}).items():
        p = np.asarray(p, dtype=float)
        if v not in q or p.shape != q[v].shape or (p < 0).any() or not np.isclose(p.sum(), 1):
            raise ValueError(
                f"start[{v!r}]={p} does not fit: give each hidden variable one probability a "
                f"state, of sum 1. Hidden are {tuple(q)}."
            )
        q[v] = p
    bounds, change = [], np.inf
    while len(bounds) < n_rounds and change > tol:
        change = 0.0
        for v in q:
            old, q[v] = q[v], coordinate_update(factors, q, v)
            change = max(change, float(np.abs(q[v] - old).max()))
        bounds.append(bound_of(factors, q))
    seen = {v: np.eye(model.n_states[v])[state] for v, state in evidence.items()}
    marginals = {v: (q | seen)[v] for v in model.variables}
    return MeanField(marginals, bounds[-1], bounds, len(bounds), change)


class BayesianGaussianMixture(DensityMixin, BaseEstimator):
    """A mixture of Gaussians whose weights, means and precisions are uncertain, too.

    Mean field between the shares of the points and all else (Attias, 1999). Arguments and
    attributes are those of scikit-learn's class with full covariances.

    Parameters
    ----------
    n_components : int
        The most that may be used.
    tol : float
        Stop when the bound moves by less, in nats (of all points together).
    reg_covar : float
        Added to every variance, in squared units of X. With 0 the bound never falls.
    max_iter, n_init : int
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}
    weight_concentration_prior_type : {"dirichlet_process", "dirichlet_distribution"}
        Sticks that are broken in order, or weights that are all alike.
    weight_concentration_prior : float, optional
        Small: few components. By default 1 / n_components.
    mean_precision_prior, mean_prior : float, array (d,), optional
        How many points the prior mean is worth, 1; and the mean itself, that of X.
    degrees_of_freedom_prior, covariance_prior : float, array (d, d), optional
        How many points the prior scatter is worth, d; and the scatter, by default X's covariance.
    random_state : int, RandomState or None

    Attributes
    ----------
    weights_, means_ : arrays (k,), (k, d)
        Posterior means.
    covariances_, precisions_, precisions_cholesky_ : array (k, d, d)
        `precisions_` are posterior means, `covariances_` their inverses.
    weight_concentration_ : array (k,), or two of them for sticks
    mean_precision_, degrees_of_freedom_ : array (k,)
    converged_, n_iter_ : bool and int
    lower_bounds_, lower_bound_ : list of float, and its last
        Bound on the log evidence log p(X), in nats, all constants included.

    Examples
    --------
    >>> X = [[1.0], [2.0], [3.0], [10.0], [11.0]]
    >>> mixture = BayesianGaussianMixture(3, random_state=0, max_iter=500).fit(X)
    >>> mixture.predict(X).tolist()[:3]
    [0, 0, 0]
    """

    def __init__(
        self,
        n_components=1,
        *,
        tol=1e-3,
        reg_covar=1e-6,
        max_iter=100,
        n_init=1,
        init_params="kmeans",
        weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=None,
        mean_precision_prior=None,
        mean_prior=None,
        degrees_of_freedom_prior=None,
        covariance_prior=None,
        random_state=None,
    ):
        self.n_components = n_components
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state

    def fit(self, X, y=None):
        """Update shares and beliefs in turn from `n_init` starts; keep the highest bound."""
        X = check_points(self, X, ensure_min_samples=2)
        prior = self._prior(X)
        random_state = check_random_state(self.random_state)
        k, how = self.n_components, self.init_params
        starts = (first_shares(X, k, how, random_state) for _ in range(self.n_init))
        climbs = (self._climb(X, shares, prior) for shares in starts)
        best, self.lower_bounds_, self.converged_ = max(climbs, key=lambda climb: climb[1][-1])
        self.lower_bound_, self.n_iter_ = self.lower_bounds_[-1], len(self.lower_bounds_)
        self._beliefs, (self.weight_concentration_, gaussians) = best, best
        self.means_, self.mean_precision_, self.degrees_of_freedom_, scatter = gaussians
        self.covariances_ = scatter / self.degrees_of_freedom_[:, None, None]
        self.precisions_cholesky_ = mean_precision_factors(gaussians)
        self.precisions_ = self.precisions_cholesky_ @ self.precisions_cholesky_.swapaxes(1, 2)
        self.weights_ = mean_weights(self.weight_concentration_)
        if not self.converged_:
            warnings.warn(
                f"The bound still moved by tol={self.tol} or more at max_iter={self.max_iter}"
                ": raise max_iter or tol, or try another start.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _climb(self, X, shares, prior):
        """Beliefs and shares in turn until the bound moves by less than `tol`."""
        kind, bounds = self.weight_concentration_prior_type, []
        beliefs = update(X, shares, prior, kind, self.reg_covar)
        joint = log_joint(X, beliefs)
        for _ in range(self.max_iter):
            shares = share_out(joint)[1]
            beliefs = update(X, shares, prior, kind, self.reg_covar)
            joint = log_joint(X, beliefs)
            bounds.append(bound(shares, joint, beliefs, prior))
            if len(bounds) > 1 and abs(bounds[-1] - bounds[-2]) < self.tol:
                return beliefs, bounds, True
        return beliefs, bounds, False

    def _prior(self, X):
        """Beliefs before the data, from the arguments, which are checked."""
        n, d = X.shape
        k = check_integer("n_components", self.n_components, 1, n, "at most one a row of X.")
        check_choice("init_params", self.init_params, STARTS)
        kind = self.weight_concentration_prior_type
        check_choice("weight_concentration_prior_type", kind, CONCENTRATIONS)
        check_real("tol", self.tol, low=0)
        check_real("reg_covar", self.reg_covar, low=0)
        check_integer("max_iter", self.max_iter)
        check_integer("n_init", self.n_init)

        def given(name, default, low=0):
            value = getattr(self, name)
            value = default if value is None else value
            return check_real(name, value, low, inclusive=False)

        self.weight_concentration_prior_ = given("weight_concentration_prior", 1 / k)
        self.mean_precision_prior_ = given("mean_precision_prior", 1.0)
        self.degrees_of_freedom_prior_ = given("degrees_of_freedom_prior", d, d - 1)
        self.mean_prior_ = X.mean(axis=0) if self.mean_prior is None else self.mean_prior
        self.covariance_prior_ = self.covariance_prior
        if self.covariance_prior is None:
            cov = np.atleast_2d(np.cov(X.T))
            self.covariance_prior_ = cov + self.reg_covar * np.eye(d)
        for name, shape in (("mean_prior", (d,)), ("covariance_prior", (d, d))):
            value = np.array(getattr(self, f"{name}_"), dtype=float)
            if value.shape != shape or not np.isfinite(value).all():
                raise ValueError(f"{name}={value} must be finite, of shape {shape}.")
            setattr(self, f"{name}_", value)
        rounding = rounding_of(self.covariance_prior_)
        check_symmetric("covariance_prior", self.covariance_prior_, rounding)
        if np.linalg.eigvalsh(self.covariance_prior_)[0] <= 0:
            raise ValueError(
                "covariance_prior has an eigenvalue of 0 or less: give a covariance, raise "
                "reg_covar, or reduce the dimension with PCA if features are linearly dependent."
            )
        count = (
            np.array([float(v)])
            for v in (self.mean_precision_prior_, self.degrees_of_freedom_prior_)
        )
        gaussian = NormalWishart(self.mean_prior_[None], *count, self.covariance_prior_[None])
        return Beliefs(self.weight_concentration_prior_, gaussian)

    def _joint(self, X):
        check_is_fitted(self)
        return log_joint(check_points(self, X, reset=False), self._beliefs)

    def predict_proba(self, X):
        """Shares (n, k) that the bound asks for, given the beliefs."""
        return share_out(self._joint(X))[1]

    def predict(self, X):
        """Index of the largest share of every row: (n,)."""
        return self.predict_proba(X).argmax(axis=1)

    def fit_predict(self, X, y=None):
        """Fit, then `predict`."""
        return self.fit(X).predict(X)

    def score_samples(self, X):
        """Log of sum_k exp E log(weight_k N(x; k)), (n,): below a density; scikit-learn's."""
        return share_out(self._joint(X))[0]

    def score(self, X, y=None):
        """Mean of `score_samples`."""
        return float(self.score_samples(X).mean())

    def log_predictive(self, X):
        """Log density of every row under the beliefs, a mixture of Student t: (n,), in nats."""
        check_is_fitted(self)
        X, gaussians = check_points(self, X, reset=False), self._beliefs.gaussians
        students = log_student(X, gaussians, self.precisions_cholesky_)
        return share_out(students + np.log(self.weights_))[0]
