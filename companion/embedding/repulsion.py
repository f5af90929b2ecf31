"""Attraction and repulsion: the two halves of the gradient of t-SNE. Chapter: `neighbors`.

The repulsive sum has n^2 terms. On a regular grid it is a convolution, and costs a few Fourier
transforms (Linderman and others, 2019).
"""

from functools import lru_cache

import numpy as np
from scipy import fft
from scipy.sparse import csr_array

from companion.validation import check_choice, check_real

SPACING = 0.5  # of the nodes, where the kernel falls to one half at distance 1
FEWEST = 24  # intervals across the picture: while it is small, the grid is finer
WIDEST = 1024  # intervals across: beyond it memory would grow with the square of the width
FAR = 300  # across, in roots of nu: beyond it the exact sum needs double precision
BLOCK = 256  # rows and columns of the exact sum, so that a block stays in the cache
STENCIL = 3  # nodes a point is spread over, in each direction


def student(squared_distances, degrees_of_freedom=1.0):
    """Return k = (1 + d^2 / nu)^(-(nu + 1) / 2) and (1 + d^2 / nu)^(-1), both shaped as d^2."""
    inverse = 1 / (1 + squared_distances / degrees_of_freedom)
    return power(inverse, (degrees_of_freedom + 1) / 2), inverse


def power(base, exponent):
    """Powers of positive numbers; with a logarithm, as NumPy's own take several times as long."""
    return base if exponent == 1 else np.exp(exponent * np.log(base))


def attractive_forces(pairs, Y, degrees_of_freedom=1.0):
    """Return sum_j p_ij (y_i - y_j) / (1 + d_ij^2 / nu), array (n, q).

    Only neighbours pull: `pairs`, csr_array (n, n), holds p_ij of each pair once. The force of a
    pair is added to its row and taken from its column.
    """
    n, degrees = len(Y), np.diff(pairs.indptr)
    differences = [np.repeat(y, degrees) - y[pairs.indices] for y in np.ascontiguousarray(Y.T)]
    weights = sum(d * d for d in differences)
    weights /= degrees_of_freedom
    weights += 1
    np.divide(pairs.data, weights, out=weights)
    heads = np.flatnonzero(degrees)  # rows without a pair have no sum
    forces = np.empty_like(Y)
    for column, force in enumerate(differences):
        force *= weights
        forces[:, column] = -np.bincount(pairs.indices, force, n)
        if len(heads):
            forces[heads, column] += np.add.reduceat(force, pairs.indptr[heads])
    return forces


def repulsive_forces(Y, degrees_of_freedom=1.0, *, method="fft", spacing=SPACING):
    """Return sum_j k_ij (y_i - y_j) / (1 + d_ij^2 / nu), and the sum of all k_ij, i != j.

    Everybody pushes everybody.

    Parameters
    ----------
    Y : array (n, q)
        A picture; q = 2 for the method ``"fft"``.
    degrees_of_freedom : float
        nu of the kernel k of `student`.
    method : {"fft", "exact"}
        About n log n steps and a relative error of a few per cent, or n^2 steps. A picture wider
        than 1,024 intervals of the grid is summed exactly whatever the method.
    spacing : float
        Of the nodes of the grid, in units of Y.

    Returns
    -------
    forces : array (n, q)
    total : float
    """
    check_choice("method", method, ("fft", "exact"))
    check_real("degrees_of_freedom", degrees_of_freedom, 0, inclusive=False)
    check_real("spacing", spacing, 0, inclusive=False)
    if method == "exact" or np.ptp(Y, axis=0).max() > WIDEST * spacing:
        return _exact_forces(Y, degrees_of_freedom)
    sums = grid_sums(Y, force_kernels, degrees_of_freedom, spacing)
    return sums[:, 1:], float(sums[:, 0].sum(dtype=np.float64)) - len(Y)  # less k_ii = 1


def _exact_forces(Y, degrees_of_freedom):
    """All pairs, block by block; 1 + d^2 / nu is one product of matrices.

    Blocks below the diagonal are the transposes of those above.
    """
    Y = np.asarray(Y)
    precision, (n, q) = Y.dtype, Y.shape
    if np.ptp(Y) > FAR * np.sqrt(degrees_of_freedom):
        Y = Y.astype(np.float64)  # the product is a small difference of large squares
    scaled = (Y - Y.mean(axis=0)) / np.sqrt(degrees_of_freedom).astype(Y.dtype)
    norms, ones = (scaled**2).sum(axis=1), np.ones(n, Y.dtype)
    left = np.column_stack([-2 * scaled, norms + 1, ones])
    right = np.ascontiguousarray(np.column_stack([scaled, ones, norms]).T)
    charges = np.column_stack([Y, ones])
    pushes, total = np.zeros((n, q + 1), Y.dtype), 0.0
    blocks = [slice(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]
    for place, rows in enumerate(blocks):
        for columns in blocks[place:]:
            inverse = np.reciprocal(left[rows] @ right[:, columns])
            kernel = power(inverse, (degrees_of_freedom + 1) / 2)
            share = float((kernel @ ones[columns]).sum(dtype=np.float64))
            kernel = np.multiply(kernel, inverse, out=inverse)
            pushes[rows] += kernel @ charges[columns]
            if rows != columns:
                pushes[columns] += kernel.T @ charges[rows]
            total += share if rows == columns else 2 * share
    forces = Y * pushes[:, -1:] - pushes[:, :-1]
    return forces.astype(precision, copy=False), total - n


def force_kernels(across, up, degrees_of_freedom):
    """Return the three functions of y_i - y_j that are summed: k, and the two parts of a push."""
    kernel, inverse = student(across**2 + up**2, degrees_of_freedom)
    push = kernel * inverse
    return np.stack([kernel, push * across, push * up])


@lru_cache(maxsize=4)
def kernel_transforms(kernels, size, spacing, degrees_of_freedom):
    """Fourier transforms of `kernels` on a grid of size x size nodes that closes upon itself.

    They depend on the grid alone, and are kept: a picture fits the same grid for many steps.
    """
    offsets = fft.fftfreq(size, 1 / size) * spacing  # 0, 1, ..., -2, -1
    values = kernels(offsets[:, None], offsets[None, :], degrees_of_freedom)
    return fft.rfft2(values.astype(np.float32))


def stencil(places):
    """Return the nearest node of every place (n,), and the weights (n, 3) of it and its two sides.

    They are Lagrange's: a parabola through the values at the three nodes.
    """
    nearest = np.rint(places).astype(np.int32)
    s = (places - nearest).astype(np.float32)
    return nearest, np.stack([s * (s - 1) / 2, 1 - s * s, s * (s + 1) / 2], axis=1)


def grid_sums(Y, kernels, degrees_of_freedom, spacing=SPACING):
    """Return sum_j kernel(y_i - y_j) for all i and every kernel, float32 array (n, n_kernels).

    Spread each point over 9 nodes of a grid, convolve there by Fourier transforms, and read off at
    the points with the same weights. The grid is twice as wide as the picture, so that its ends,
    which meet, do not feel each other.
    """
    low = Y.min(axis=0)
    extent = max(float((Y.max(axis=0) - low).max()), 1e-12)
    spacing /= 2.0 ** max(0, int(np.ceil(np.log2(FEWEST * spacing / extent))))
    n_nodes = int(extent / spacing) + STENCIL + 1
    size = fft.next_fast_len(2 * n_nodes, real=True)
    (row, across), (column, up) = (stencil((y - y.min()) / spacing + 1) for y in Y.T)
    neighbors = np.arange(-1, 2, dtype=np.int32)
    nodes = (row * n_nodes + column)[:, None] + (neighbors[:, None] * n_nodes + neighbors).ravel()
    weights = across[:, :, None] * up[:, None, :]
    starts = np.arange(0, nodes.size + 1, STENCIL**2, dtype=np.int32)
    spread = csr_array((weights.ravel(), nodes.ravel(), starts), shape=(len(Y), n_nodes**2))
    charges = (spread.T @ np.ones(len(Y), np.float32)).reshape(n_nodes, n_nodes)
    transforms = kernel_transforms(kernels, size, spacing, degrees_of_freedom)
    product = fft.rfft2(charges, (size, size)) * transforms
    potentials = fft.irfft2(product, (size, size))[:, :n_nodes, :n_nodes]
    return spread @ np.ascontiguousarray(potentials.reshape(len(transforms), -1).T)
