"""The gradients of SNE and t-SNE, and the descent that both use. Chapter: `neighbors`."""

import numpy as np
from scipy.sparse import csr_array, triu

from companion.embedding.repulsion import attractive_forces, repulsive_forces, student

LEAST_GAIN = 0.01
BLOCK = 256  # rows, so that a block stays in the cache


def once(P):
    """Return each pair of a symmetric P once: the entries above the diagonal, csr_array (n, n)."""
    pairs = csr_array(triu(P, 1))
    pairs.sort_indices()
    return pairs


def kl_divergence(P, Y, degrees_of_freedom=1.0, *, method="exact"):
    """KL(P || Q) in nats, with q_ij = k_ij / sum k of the `student` kernel, over all i != j.

    Parameters
    ----------
    P : csr_array (n, n)
        Joint probabilities, with sum 1.
    Y : array (n, q)
    degrees_of_freedom : float
    method : {"exact", "fft"}
        How the kernels of all pairs are added up.
    """
    total = repulsive_forces(np.asarray(Y, float), degrees_of_freedom, method=method)[1]
    kernel, _ = student(squared_lengths(P, Y), degrees_of_freedom)
    seen = P.data > 0
    p = P.data[seen].astype(np.float64)
    return float(p @ np.log(p / kernel[seen]) + p.sum() * np.log(total))


def squared_lengths(P, Y):
    """Squared distance in the picture of the two ends of every entry of P."""
    ends = np.repeat(np.arange(len(Y)), np.diff(P.indptr))
    return ((np.asarray(Y, float)[ends] - np.asarray(Y, float)[P.indices]) ** 2).sum(axis=1)


def tsne_gradient(pairs, Y, degrees_of_freedom=1.0, *, exaggeration=1.0, method="exact"):
    """Gradient of `kl_divergence` with respect to Y, array (n, q), and the sum of all kernels.

    ``2 (nu + 1) / nu  sum_j (p_ij - q_ij) (y_i - y_j) / (1 + d_ij^2 / nu)``, which is attraction
    less repulsion. `pairs` is what `once` makes of P; `exaggeration` multiplies the attraction.
    """
    pushes, total = repulsive_forces(Y, degrees_of_freedom, method=method)
    gradient = attractive_forces(pairs, Y, degrees_of_freedom)
    gradient *= Y.dtype.type(exaggeration)
    gradient -= pushes / Y.dtype.type(total)
    gradient *= Y.dtype.type(2 * (degrees_of_freedom + 1) / degrees_of_freedom)
    return gradient, total


def degrees_of_freedom_slope(P, Y, degrees_of_freedom):
    """Derivative of `kl_divergence` with respect to nu: half of E_p g - E_q g.

    ``g = log(1 + d^2 / nu) - (nu + 1) d^2 / (nu^2 + nu d^2)``: at the best nu, the pairs that P
    takes and those that Q takes have the same mean of g. It costs n^2 steps.
    """
    nu = degrees_of_freedom

    def g(squares):
        return np.log1p(squares / nu) - (nu + 1) * squares / (nu * (nu + squares))

    weight = total = 0.0
    Y = np.asarray(Y, dtype=np.float32)
    for start in range(0, len(Y), BLOCK):
        squares = sum((y[start : start + BLOCK, None] - y) ** 2 for y in Y.T)
        kernel = student(squares, nu)[0]
        weight += float((kernel * g(squares)).sum(dtype=np.float64))  # g(0) = 0
        total += float(kernel.sum(dtype=np.float64))
    return 0.5 * (float(P.data @ g(squared_lengths(P, Y))) - weight / (total - len(Y)))


def sne_divergence(P, Y):
    """``sum_i KL(p(. | i) || q(. | i))`` in nats, P a csr_array (n, n) whose rows sum to 1."""
    Y = np.asarray(Y, float)
    log_q = -squared_lengths(P, Y) - np.repeat(gaussian_pushes(Y)[1], np.diff(P.indptr))
    seen = P.data > 0
    return float(P.data[seen] @ (np.log(P.data[seen]) - log_q[seen]))


def sne_gradient(P, Y):
    """Gradient of `sne_divergence`, array (n, q).

    ``2 sum_j (p_j|i - q_j|i + p_i|j - q_i|j) (y_i - y_j)``, with ``q(j | i)`` in proportion to
    ``exp(-d_ij^2)`` for each i by itself.
    """
    columns = np.column_stack([Y, np.ones(len(Y), Y.dtype)])
    pulls = P @ columns + P.T @ columns
    return 2 * (Y * pulls[:, -1:] - pulls[:, :-1] - gaussian_pushes(Y)[0])


def gaussian_pushes(Y):
    """Return sum_j (q_j|i + q_i|j) (y_i - y_j), (n, q), and log sum_j exp(-d_ij^2), (n,)."""
    n, q = Y.shape
    ones, centred = np.ones(n, Y.dtype), Y - Y.mean(axis=0)
    norms = (centred**2).sum(axis=1)
    left, right = np.column_stack([-2 * centred, norms, ones]), np.vstack([centred.T, ones, norms])
    columns, sums, logs = np.column_stack([Y, ones]), np.zeros((n, q + 1), Y.dtype), np.zeros(n)
    for start in range(0, n, BLOCK):
        rows = slice(start, min(start + BLOCK, n))
        squares = left[rows] @ right
        squares[np.arange(len(squares)), np.arange(start, rows.stop)] = np.inf
        nearest = squares.min(axis=1, keepdims=True)  # taken out, so that not every exp underflows
        shares = np.exp(np.subtract(nearest, squares, out=squares), out=squares)
        totals = shares.sum(axis=1, keepdims=True)
        sums[rows] += (shares @ columns) / totals
        sums += shares.T @ (columns[rows] / totals)
        logs[rows] = (np.log(totals) - nearest)[:, 0]
    return Y * sums[:, -1:] - sums[:, :-1], logs


class Descent:
    """Gradient descent with momentum and a gain for every coordinate (Jacobs, 1988).

    A gain grows while the gradient keeps pointing where the step went, and shrinks when it turns.
    """

    def __init__(self, Y):
        self.Y = Y
        self.step, self.gains = np.zeros_like(Y), np.ones_like(Y)

    def move(self, gradient, momentum, learning_rate):
        """Make one step, in place, and put the middle of the picture back to the origin.

        Exaggerated attraction may contract a picture so far that an offset would drown it.
        """
        onwards = self.step * gradient < 0
        self.gains *= np.where(onwards, self.Y.dtype.type(1), self.Y.dtype.type(0.8))
        self.gains += np.where(onwards, self.Y.dtype.type(0.2), self.Y.dtype.type(0))
        np.maximum(self.gains, self.Y.dtype.type(LEAST_GAIN), out=self.gains)
        self.step *= self.Y.dtype.type(momentum)
        self.step -= self.Y.dtype.type(learning_rate) * self.gains * gradient
        self.Y += self.step
        self.Y -= self.Y.mean(axis=0)
