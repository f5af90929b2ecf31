"""Greedy sparse codes: pick the atom that matches best, again and again. Chapter: `sparse_coding`.

A dictionary D is (n_features, n_atoms), one atom a column, and y ~ D a with few entries of a that
are not zero. Signals y are a vector (n_features,) or the columns of a matrix; codes follow suit.
"""

import numpy as np

from companion.validation import check_integer, check_real

BLOCK = 256  # signals at a time: what is kept of them then stays in the cache
TINY = np.finfo(np.float64).eps


def check_dictionary(D, y, unit=False):
    """Return D (n_features, n_atoms) and the signals as columns; with `unit`, of unit norm."""
    D, y = np.asarray(D, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if D.ndim != 2 or not D.size or not np.isfinite(D).all():
        raise ValueError(
            f"D has shape {D.shape} but must be (n_features, n_atoms), finite: one atom a column."
        )
    if y.ndim not in (1, 2) or y.shape[0] != len(D) or not np.isfinite(y).all():
        raise ValueError(
            f"y has shape {y.shape} but must be ({len(D)},) or ({len(D)}, n_signals), finite: "
            "one signal a column, as long as an atom of D."
        )
    if unit:
        lengths = np.linalg.norm(D, axis=0)
        worst = lengths[np.abs(lengths - 1).argmax()]
        if abs(worst - 1) > 1e-6:
            raise ValueError(
                f"D has an atom of norm {worst:g}: divide every column by its norm, "
                "D / np.linalg.norm(D, axis=0)."
            )
    return D, y.reshape(len(D), -1)


def matching_pursuit(D, y, n_steps):
    """Greedy code of y: add the atom that matches the residual best, n_steps times.

    e = y; then: j = argmax |D_j'e|, c = D_j'e, a_j += c, e -= c D_j. An atom may be
    chosen again. |e| tends to 0 if the atoms span the space.

    Parameters: D (n_features, n_atoms) of unit columns, y (n_features,) or
    (n_features, n_signals). Returns the code, (n_atoms,) or (n_atoms, n_signals).
    Mallat and Zhang (1993).
    """
    D, Y = check_dictionary(D, y, unit=True)
    n_steps = check_integer("n_steps", n_steps, low=0)
    gram, matches = D.T @ D, Y.T @ D  # of every signal with every atom
    codes, everyone = np.zeros_like(matches), np.arange(len(matches))
    for _ in range(n_steps):
        best = np.abs(matches).argmax(axis=1)
        shadows = matches[everyone, best]
        codes[everyone, best] += shadows
        matches -= shadows[:, None] * gram[best]
    return codes.T.reshape(-1, *np.shape(y)[1:])


def orthogonal_mp(D, y, n_nonzero_coefs=None, *, tol=None):
    """Greedy code of y whose coefficients are fitted anew, all of them, after every choice.

    The residual stays orthogonal to the atoms chosen, so that none is chosen twice.

    Parameters
    ----------
    D : array (n_features, n_atoms)
        Atoms of unit norm; otherwise the longer ones are preferred.
    y : array (n_features,) or (n_features, n_signals)
    n_nonzero_coefs : int, optional
        Atoms in a code, at most; by default a tenth of n_atoms, or as many as it takes with `tol`.
    tol : float, optional
        Stop as soon as the squared norm of the residual is at most this.

    Returns
    -------
    array (n_atoms,) or (n_atoms, n_signals)
        A code has fewer atoms where they are linearly dependent, or where nothing is left.

    References
    ----------
    Pati, Rezaiifar and Krishnaprasad (1993); all signals at once: Rubinstein, Zibulevsky and Elad
    (2008). Chapter: sparse_coding.

    Examples
    --------
    >>> orthogonal_mp(np.eye(3), [3.0, -1.0, 2.0], 2)
    array([3., 0., 2.])
    """
    D, Y = check_dictionary(D, y)
    most = min(D.shape)
    if n_nonzero_coefs is None:
        n_nonzero_coefs = most if tol is not None else max(min(D.shape[1] // 10, most), 1)
    n_atoms = check_integer("n_nonzero_coefs", n_nonzero_coefs, 1, most, "of min(D.shape) at most")
    tol = -1.0 if tol is None else check_real("tol", tol, low=0)
    gram, codes = D.T @ D, np.zeros((Y.shape[1], D.shape[1]))
    for start in range(0, Y.shape[1], BLOCK):
        rows = slice(start, start + BLOCK)
        signals = Y[:, rows].T
        squares = np.einsum("nd,nd->n", signals, signals)
        _pursue(gram, signals @ D, squares, n_atoms, tol, codes[rows])
    return codes.T.reshape(-1, *np.shape(y)[1:])


def _pursue(gram, matches, squares, n_atoms, tol, codes):
    """Write the codes (n, n_atoms) of n signals that match the atoms by `matches` (n, n_atoms).

    Gram-Schmidt on the atoms chosen gives orthonormal directions q_1, q_2, ... for each signal.
    They are never formed; what is kept is how they match the atoms: ``shadows[:, k] = D'q_k``.
    """
    n, m = matches.shape
    chosen, lengths = np.zeros((n, n_atoms), dtype=int), np.zeros((n, n_atoms))
    shadows, lower = np.empty((n, n_atoms, m)), np.empty((n, n_atoms, n_atoms))
    live, left, floor = np.arange(n), squares.copy(), TINY * squares
    for k in range(n_atoms + 1):
        everyone = np.arange(len(live))
        best = np.abs(matches).argmax(axis=1)
        along = shadows[everyone, :k, best]  # q_i'd of the atom d that was chosen
        across = gram[best, best] - np.einsum("nk,nk->n", along, along)
        go = (matches[everyone, best] ** 2 > floor) & (left > tol) & (k < n_atoms)
        go &= across > 10 * TINY * gram[best, best]
        if not go.all():
            done = ~go
            _fill(codes, live[done], chosen[done, :k], lengths[done, :k], lower[done, :k, :k])
            if not go.any():
                return
            simple = (live, left, floor, matches, chosen, lengths, best, along)
            live, left, floor, matches, chosen, lengths, best, along = (x[go] for x in simple)
            shadows, lower = _keep(shadows, go, k), _keep(lower, go, k)
            across, everyone = across[go], np.arange(len(live))
        root = np.sqrt(across)
        chosen[:, k] = best
        lower[:, k, :k], lower[:, k, k], lower[:, k, k + 1 :] = along, root, 0.0
        lengths[:, k] = matches[everyone, best] / root  # q_k'y
        shadow = gram[best] - (along[:, None] @ shadows[:, :k])[:, 0]
        shadow /= root[:, None]
        shadows[:, k] = shadow
        matches -= lengths[:, k, None] * shadow
        left -= lengths[:, k] ** 2


def _keep(array, go, k):
    """The rows `go` of array (n, n_atoms, ...), of which k atoms are written so far."""
    kept = np.empty((np.count_nonzero(go), *array.shape[1:]))
    kept[:, :k] = array[go, :k]
    return kept


def _fill(codes, rows, chosen, lengths, lower):
    """From coordinates on the orthonormal directions, those on the atoms: solve L'a = lengths."""
    if chosen.shape[1]:
        upper = np.swapaxes(lower, 1, 2)
        coefficients = np.linalg.solve(upper, lengths[..., None])[..., 0]
        codes[rows[:, None], chosen] = coefficients
