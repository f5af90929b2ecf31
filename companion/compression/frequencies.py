"""Probabilities as whole numbers: the only form in which coders of this part see them.

Chapter: `code_costs`.
"""

import numpy as np

from companion.validation import check_integer

PRECISION = 16


def quantize(probabilities, precision=PRECISION):
    """Whole numbers, at least 1 each, that sum to ``2**precision`` and are nearly proportional.

    With ``c`` the running sum of the probabilities over their total and ``K`` symbols, the edge
    after symbol k is ``round(c_k (2^precision - K)) + k + 1``. A coder needs the edges to be the
    same on both sides, to the last unit; from here on there are no fractions.

    Parameters
    ----------
    probabilities : array (..., K)
        Not negative, with a positive sum; float64 leaves the fewest doubts about rounding.
    precision : int
        At most 31; ``2**precision`` must be at least K.

    Returns
    -------
    int64 array (..., K)
        No symbol has frequency 0: what cannot happen could not be written.

    Examples
    --------
    >>> quantize([0.5, 0.25, 0.25, 0.0], precision=4)
    array([7, 4, 4, 1])
    """
    p = np.asarray(probabilities, dtype=np.float64)
    check_integer("precision", precision, high=31)
    if p.ndim == 0 or not 1 <= p.shape[-1] <= 1 << precision:
        raise ValueError(
            f"probabilities has shape {p.shape} but must be (..., K), 1 <= K <= 2**precision = "
            f"{1 << precision}: raise precision."
        )
    edges = np.cumsum(p, axis=-1)
    if not (np.isfinite(edges).all() and (p >= 0).all() and (edges[..., -1] > 0).all()):
        raise ValueError(
            "probabilities has a negative, infinite or missing entry, or a row of zeros."
        )
    room = (1 << precision) - p.shape[-1]
    edges = np.rint(edges / edges[..., -1:] * room).astype(np.int64)
    return np.diff(edges, axis=-1, prepend=0) + 1


def check_frequencies(frequencies, total=None):
    """Return frequencies (K,) as int64, or raise a `ValueError`; positive, with the given sum."""
    f = np.asarray(frequencies)
    if f.ndim != 1 or not len(f) or not np.issubdtype(f.dtype, np.integer) or f.min() < 1:
        raise ValueError(
            f"frequencies of shape {f.shape} and type {f.dtype} must be a list of whole numbers of "
            "at least 1: make them with quantize."
        )
    if total is not None and f.sum() != total:
        raise ValueError(f"frequencies sum to {f.sum()} but must sum to {total}: use quantize.")
    return f.astype(np.int64)


def cumulate(frequencies):
    """Edges ``0, f_0, f_0 + f_1, ...`` of the symbols' shares: (..., K) to int64 (..., K + 1)."""
    f = np.asarray(frequencies, dtype=np.int64)
    return np.concatenate([np.zeros((*f.shape[:-1], 1), np.int64), f.cumsum(axis=-1)], axis=-1)


def entropy(frequencies):
    """Shannon entropy in bits a symbol of frequencies or probabilities (K,)."""
    p = np.asarray(frequencies, dtype=np.float64)
    p = p / p.sum()
    p = p[p > 0]  # afterwards: what is tiny may have become 0
    return float(-(p * np.log2(p)).sum())
