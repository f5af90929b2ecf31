"""The steps of non-negative matrix factorisation, for dense and sparse data. Chapter: `parts`."""

import numpy as np
from scipy.linalg import svd
from scipy.sparse import issparse
from scipy.special import kl_div

from companion.clustering.eigenvectors import largest_eigenvectors

TINY = float(np.finfo(np.float32).eps)  # share of the largest entry that stands for zero


def divergence(X, W, H, beta_loss="frobenius"):
    """Half the squared error of X (n, d) against WH, or sum x log(x / wh) - x + wh, in nats."""
    if issparse(X):
        return _sparse_divergence(X, W, H, beta_loss)
    product = W @ H
    if beta_loss == "frobenius":
        residual = X - product
        return 0.5 * float(np.vdot(residual, residual))
    return float(kl_div(X, np.where(X > 0, np.maximum(product, floor(X)), product)).sum())


def _sparse_divergence(X, W, H, beta_loss):
    """The same from the entries that are not zero: WH is never written down."""
    if beta_loss == "frobenius":
        cross = float(np.vdot(X @ H.T, W))
        return max(0.5 * float(X.data @ X.data - 2 * cross + np.vdot(W.T @ W, H @ H.T)), 0.0)
    model = np.maximum(at_entries(X, W, H), floor(X))
    zeros = float(W.sum(axis=0) @ H.sum(axis=1)) - model.sum()  # of wh where x is 0
    return float(kl_div(X.data, model).sum() + max(zeros, 0.0))


def at_entries(X, W, H):
    """WH at the entries of a sparse X that are stored: (nnz,)."""
    X = X.tocoo()
    return np.einsum("ek,ek->e", W[X.row], H.T[X.col])


def floor(X):
    """Least value of a model of X that is divided by, in the unit of X."""
    return max(TINY * X.max(), np.finfo(np.float64).tiny)


def product(A, B):
    """A B, laid out in memory as A is: BLAS is quicker if a long side comes last."""
    return A @ B if issparse(A) or A.flags.c_contiguous else (B.T @ A.T).T


def multiplicative_step(X, W, H, beta_loss="frobenius", l1=0.0, l2=0.0):
    """The codes W (n, k) after one update; for the parts, pass X.T, H.T and W.T.

    Each entry is multiplied by (negative part of its gradient) / (positive part).
    """
    W, H = (np.asarray(a, dtype=float) for a in (W, H))
    X = X if issparse(X) else np.asarray(X, dtype=float)
    if beta_loss == "frobenius":
        down, up = product(X, H.T), product(W, H @ H.T)
    else:
        down, up = product(shares_of(X, W, H), H.T), H.sum(axis=1)
    if l1 or l2:
        up = up + l1 + l2 * W
    up[up == 0] = 1.0  # there the code is zero, and stays
    down /= up
    return np.multiply(W, down, out=down)


def shares_of(X, W, H):
    """X / WH, entry by entry; sparse as X is."""
    if issparse(X):
        ratio = X.tocoo(copy=True)
        ratio.data = ratio.data / np.maximum(at_entries(X, W, H), floor(X))
        return ratio.tocsr()
    model = product(W, H)
    np.maximum(model, floor(X), out=model)
    return np.divide(X, model, out=model)


def coordinate_step(X, W, H, l1=0.0, l2=0.0):
    """The codes W (n, k) after one round over its columns, and how far they were.

    Each column jumps to its best values: a parabola's lowest point, or zero.
    """
    W, violation = np.array(W, dtype=float, order="F"), 0.0
    gram, target = H @ H.T + l2 * np.eye(len(H)), X @ H.T - l1
    for j in range(len(H)):
        gradient = W @ gram[j] - target[:, j]
        wrong = np.where(W[:, j] == 0, np.minimum(gradient, 0), gradient)
        violation += np.abs(wrong).sum()
        if gram[j, j] > 0:
            W[:, j] = np.maximum(W[:, j] - gradient / gram[j, j], 0)
    return W, float(violation)


def nndsvd(X, n_components, fill=0.0):
    """Codes (n, k) and parts (k, d) from the singular vectors of X (n, d), zeros set to `fill`.

    Of each pair of vectors only the positive or only the negative parts are kept, whichever
    pair has the larger product of norms (Boutsidis and Gallopoulos, 2008).
    """
    U, singular, Vt = _leading(X, n_components)
    W, H = np.zeros((X.shape[0], n_components)), np.zeros((n_components, X.shape[1]))
    for j in range(n_components):
        sides = [(np.maximum(s * U[:, j], 0), np.maximum(s * Vt[j], 0)) for s in (1, -1)]
        norms = [np.linalg.norm(u) * np.linalg.norm(v) for u, v in sides]
        (u, v), size = sides[int(np.argmax(norms))], max(norms)
        if size > 0:
            scale = np.sqrt(singular[j] * size)
            W[:, j], H[j] = scale * u / np.linalg.norm(u), scale * v / np.linalg.norm(v)
    for factor in (W, H):
        factor[factor < 1e-6 * factor.max()] = fill
    return W, H


def _leading(X, k):
    """The leading singular vectors and values of X (n, d): (n, k), (k,), (k, d)."""
    if not issparse(X):
        U, singular, Vt = svd(X, full_matrices=False)
        return U[:, :k], singular[:k], Vt[:k]
    tall = X.shape[0] >= X.shape[1]
    gram = X.T @ X if tall else X @ X.T
    scale = float(np.sqrt(gram.multiply(gram).sum())) or 1.0  # no eigenvalue is larger
    values, vectors = largest_eigenvectors(gram / scale, k, random_state=0)
    singular = np.sqrt(scale * values.clip(0))
    others = (X @ vectors if tall else X.T @ vectors) / np.where(singular > 0, singular, 1.0)
    U, V = (others, vectors) if tall else (vectors, others)
    return U, singular, V.T
