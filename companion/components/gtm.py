"""A sheet bent into the data: the generative topographic mapping. Chapter: `demixed`."""

import warnings
from itertools import product

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.clustering.mixtures import share_out
from companion.components.latent_gaussian import noise_floor
from companion.components.pca import PCA
from companion.validation import check_codes, check_integer, check_points, check_real


def grid(n, n_components):
    """Points (n^q, q) of a regular grid that fills the cube [-1, 1]^q; one alone is its centre."""
    side = np.zeros(1) if n == 1 else np.linspace(-1, 1, n)
    points = list(product(side, repeat=n_components))
    return np.array(points).reshape(-1, n_components)


def basis(Z, centers, width):
    """Functions of z (K, q): 1, its coordinates, and a Gaussian bump at every centre: (K, m)."""
    bumps = np.exp(-0.5 * cdist(Z, centers, "sqeuclidean") / width**2)
    return np.hstack([np.ones((len(Z), 1)), Z, bumps])


def e_step(X, nodes, noise_variance):
    """Log density of every row (n,), in nats, and the responsibility (n, K) of every node.

    The density is a mixture: round Gaussians of equal weight at the nodes (K, d) of the sheet.
    """
    (K, d), squares = nodes.shape, cdist(X, nodes, "sqeuclidean")
    constant = np.log(K) + 0.5 * d * np.log(2 * np.pi * noise_variance)
    return share_out(-0.5 * squares / noise_variance - constant)


def m_step(X, shares, features, noise_variance, penalties):
    """Weights (m, d) of the sheet, and noise, that fit these shares (n, K) best.

    Weighted least squares: node i, with its features (m,), should lie where its
    share of the data lies. A squared weight of feature j costs penalties[j] / 2,
    in nats.
    """
    counts, sums = shares.sum(axis=0), shares.T @ X
    gram = (features.T * counts) @ features + np.diag(penalties * noise_variance)
    weights = np.linalg.solve(gram, features.T @ sums)
    nodes = features @ weights
    squares = (X**2).sum() - 2 * (sums * nodes).sum()
    return weights, (squares + counts @ (nodes**2).sum(axis=1)) / X.size


class GenerativeTopographicMapping(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """A density around a smooth sheet: x = y(z) + noise, with z from a grid and y bent by EM.

    y(z) = features(z) weights; the features are 1, z and Gaussian bumps. A mixture whose centres
    are tied to a sheet, so that z is a map of the data.

    Parameters
    ----------
    n_components : int
        Dimension q of the sheet.
    n_grid : int
        Points of the grid along each axis; n_grid^q nodes in all.
    n_basis : int
        Bumps along each axis. With 0 the sheet stays flat, and the model is a probabilistic PCA
        whose z has another prior.
    width : float
        Standard deviation of a bump, in units of the distance between two neighbours.
    penalty : float
        Price, in nats, of half a squared weight of a bump: the larger, the stiffer the sheet. Its
        unit is one over the squared unit of X: for data of standard deviation s take 0.1 / s^2.
    tol : float
        Stop when a step gains less than this, in nats, over all rows.
    max_iter : int
    min_noise_variance : float
        The noise is not allowed below this share of the mean variance of the variables.
    random_state : int, RandomState or None
        For `sample`; the fit starts from principal components and draws nothing.

    Attributes
    ----------
    weights_ : array (1 + q + n_basis^q, d)
    grid_, nodes_ : arrays (K, q) and (K, d)
        The grid of z, and its places in the data.
    noise_variance_ : float
    loglike_ : list of float
        Log likelihood of all rows less the penalty, in nats, before every step of EM.
    n_iter_ : int

    References
    ----------
    Bishop, Svensen and Williams (1998). Chapter: demixed.
    """

    def __init__(
        self,
        n_components=2,
        *,
        n_grid=15,
        n_basis=5,
        width=1.0,
        penalty=0.1,
        tol=1e-1,
        max_iter=200,
        min_noise_variance=1e-9,
        random_state=0,
    ):
        self.n_components = n_components
        self.n_grid = n_grid
        self.n_basis = n_basis
        self.width = width
        self.penalty = penalty
        self.tol = tol
        self.max_iter = max_iter
        self.min_noise_variance = min_noise_variance
        self.random_state = random_state

    def fit(self, X, y=None):
        """Bend the plane of the first principal components into the rows of X (n, d)."""
        X = check_points(self, X, ensure_min_samples=2)
        q = self._check_arguments(*X.shape)
        self.mean_ = X.mean(axis=0)
        X = X - self.mean_
        self.grid_, self.centers_ = grid(self.n_grid, q), grid(self.n_basis, q)
        features = self._features(self.grid_)
        penalties = np.repeat([0.0, self.penalty], [1 + q, len(self.centers_)])
        floor = float(noise_floor(np.square(X).mean(), self.min_noise_variance))
        weights, noise = self._start(X, q, features.shape[1])
        noise = max(noise, floor)
        self.loglike_, converged = [], False
        while True:
            log_likelihood, shares = e_step(X, features @ weights, noise)
            price = 0.5 * (penalties[:, None] * weights**2).sum()
            self.loglike_.append(float(log_likelihood.sum() - price))
            self.n_iter_ = len(self.loglike_)
            converged = self.n_iter_ > 1 and self.loglike_[-1] - self.loglike_[-2] < self.tol
            if converged or self.n_iter_ == self.max_iter:
                break
            weights, noise = m_step(X, shares, features, noise, penalties)
            noise = max(noise, floor)
        self.weights_, self.noise_variance_ = weights, float(noise)
        self.nodes_ = features @ weights + self.mean_
        if not converged:
            warnings.warn(
                f"The log likelihood still gained tol={self.tol} nats or more at max_iter="
                f"{self.max_iter}: raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _check_arguments(self, n, d):
        q = check_integer("n_components", self.n_components, 1, min(n, d), "min(n, d) is the most")
        most = int(100_000 ** (1 / q))
        limits = f"at least 2^{q} and at most 100,000"
        check_integer("n_grid", self.n_grid, 2, most, f"the grid has n_grid^{q} nodes, {limits}")
        limits = "none for a flat sheet and at most 100,000"
        check_integer("n_basis", self.n_basis, 0, most, f"there are n_basis^{q} bumps, {limits}")
        check_real("width", self.width, low=0, inclusive=False)
        remedy = "without a price the bumps are not determined; take a small one"
        check_real("penalty", self.penalty, low=0, inclusive=False, remedy=remedy)
        check_real("tol", self.tol, low=0)
        check_integer("max_iter", self.max_iter)
        check_real("min_noise_variance", self.min_noise_variance, low=0, inclusive=False)
        return q

    def _features(self, Z):
        spacing = 2 / max(self.n_basis - 1, 1)
        return basis(Z, self.centers_, self.width * spacing)

    def _start(self, X, q, n_features):
        """A flat sheet, as wide as the data along its first axes, and the variance around it."""
        pca = PCA(q).fit(X)
        weights = np.zeros((n_features, X.shape[1]))
        sides = np.sqrt(3 * pca.explained_variance_)  # of a uniform density of this variance
        weights[1 : q + 1] = sides[:, None] * pca.components_
        between = (sides.max() / (self.n_grid - 1)) ** 2  # half the way to the next node
        return weights, max(pca.noise_variance_, between)

    def _e_step(self, X):
        check_is_fitted(self)
        X = check_points(self, X, reset=False)
        return e_step(X, self.nodes_, self.noise_variance_)

    def responsibilities(self, X):
        """Probability (n, K) that a row of X (n, d) comes from each node of the grid."""
        return self._e_step(X)[1]

    def transform(self, X):
        """Posterior mean (n, q) of z: the place of every row on the map."""
        return self.responsibilities(X) @ self.grid_

    def inverse_transform(self, X):
        """The points y(z) (n, d) of the sheet at places X (n, q), which may lie between nodes."""
        check_is_fitted(self)
        Z = check_codes(X, self.grid_.shape[1])
        return self._features(Z) @ self.weights_ + self.mean_

    def score_samples(self, X):
        """Log density of every row (n,), in nats."""
        return self._e_step(X)[0]

    def score(self, X, y=None):
        """Mean log density of a row, in nats."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples=1):
        """Draw rows (n, d) and the grid points (n, q) that stand behind them."""
        check_is_fitted(self)
        check_integer("n_samples", n_samples)
        rng = check_random_state(self.random_state)
        node = rng.randint(len(self.grid_), size=n_samples)
        noise = np.sqrt(self.noise_variance_) * rng.normal(size=(n_samples, self.nodes_.shape[1]))
        return self.nodes_[node] + noise, self.grid_[node]

    def magnification(self, Z):
        """Area (n,) of the sheet in the data for a unit of area of the map at Z (n, q).

        It is sqrt(det J J') with J (q, d) the derivative of y; it is large where the sheet is
        stretched over a gap.
        """
        check_is_fitted(self)
        Z = np.asarray(Z, float)
        q, bumps = Z.shape[1], self._features(Z)[:, 1 + Z.shape[1] :]
        width = self.width * 2 / max(self.n_basis - 1, 1)
        slopes = -(Z[:, :, None] - self.centers_.T) / width**2 * bumps[:, None]
        J = slopes @ self.weights_[1 + q :] + self.weights_[1 : 1 + q]
        return np.sqrt(np.linalg.det(J @ np.swapaxes(J, 1, 2)).clip(0))

    @property
    def _n_features_out(self):
        return self.grid_.shape[1]
