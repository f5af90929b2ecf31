"""Checks of arguments. Each error names the argument, its value and the remedy. Ground floor."""

import numbers

import numpy as np
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data


def check_integer(name, value, low=1, high=None, remedy=""):
    """Return `value` as an int, or raise a `ValueError` if it is no integer in [low, high]."""
    wanted = f"an integer of at least {low}" + (f" and at most {high}" if high is not None else "")
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or value < low or (high is not None and value > high):
        raise ValueError(f"{name}={value!r} must be {wanted}" + (f": {remedy}" if remedy else "."))
    return int(value)


def check_real(name, value, low=-np.inf, high=np.inf, inclusive=True, remedy=""):
    """Return `value` as a float, or raise a `ValueError` if it is not in [low, high].

    With ``inclusive=False`` the interval is open.
    """
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    inside = is_real and (low <= value <= high if inclusive else low < value < high)
    if not inside:
        interval = f"[{low}, {high}]" if inclusive else f"({low}, {high})"
        raise ValueError(
            f"{name}={value!r} must be a number in {interval}" + (f": {remedy}" if remedy else ".")
        )
    return float(value)


def check_choice(name, value, choices):
    """Return `value`, or raise a `ValueError` if it is none of `choices`."""
    if not (isinstance(value, str) and value in choices):
        raise ValueError(
            f"{name}={value!r} is not known: choose one of {', '.join(map(repr, choices))}."
        )
    return value


def check_event(name, x, event_shape):
    """Return a tensor `x` (B, *event_shape), or raise a `ValueError`; None stands for any size."""
    sizes, wanted = tuple(x.shape[1:]), tuple(event_shape)
    if len(sizes) != len(wanted) or any(
        want not in (None, size) for want, size in zip(wanted, sizes, strict=True)
    ):
        shape = ", ".join("any" if size is None else str(size) for size in wanted)
        raise ValueError(f"{name} has shape {tuple(x.shape)} but must be (B, {shape}): reshape it.")
    return x


def check_levels(name, x, n_levels):
    """Return a tensor of whole levels 0 ... n_levels - 1, or raise a `ValueError`."""
    low, high = (float(x.min()), float(x.max())) if x.numel() else (0, 0)
    if not (low >= 0 and high < n_levels):
        raise ValueError(
            f"{name} has values from {low:g} to {high:g} but n_levels={n_levels} allows 0 to "
            f"{n_levels - 1}: pass whole levels, not scaled images."
        )
    if x.is_floating_point() and (x != x.round()).any():
        raise ValueError(
            f"{name} has fractions, between {low:g} and {high:g}: pass whole levels, not images "
            f"scaled to [0, 1]; {name}.round(), say."
        )
    return x


def check_squares(name, values):
    """Return an array or sparse matrix, or raise a `ValueError` where sums of squares overflow.

    NaN passes: whether it may stand there is another question.
    """
    entries = values.data if sparse.issparse(values) else values
    if entries.size == 0:
        return values
    largest = max(np.fmax.reduce(entries, axis=None), -np.fmin.reduce(entries, axis=None))
    if largest > 0.5 * np.sqrt(np.finfo(np.float64).max / entries.size):
        raise ValueError(
            f"{name} has an entry of size {largest:g}, whose square overflows: rescale {name}, or "
            "mark no data as NaN and leave those rows out."
        )
    return values


def check_points(estimator, X, y="no_validation", **options):
    """Return X as float64, or X and y, as scikit-learn's `validate_data` with its options does.

    Every estimator's data enter here; what `check_squares` refuses is refused, too.
    """
    checked = validate_data(estimator, X, y, dtype=np.float64, **options)
    check_squares("X", checked[0] if isinstance(checked, tuple) else checked)
    return checked


def check_dense_points(estimator, X, **options):
    """`check_points` for an estimator that takes sparse rows, too: made dense, 8 n d bytes."""
    X = check_points(estimator, X, accept_sparse="csr", **options)
    return X.toarray() if sparse.issparse(X) else X


def rounding_of(matrix, dtype=np.float64):
    """What entries of a matrix, dense or sparse, may be off by: sqrt(eps) times the largest.

    Squares that are expanded, and correlations, lose half of the digits. A `dtype` that is no
    float counts as float64.
    """
    kind = dtype if np.dtype(dtype).kind == "f" else np.float64
    return np.sqrt(np.finfo(kind).eps) * abs(matrix).max()


def check_symmetric(name, matrix, rounding):
    """Return (M + M') / 2 of a square matrix, or raise a `ValueError` if the two differ by more."""
    if abs(matrix - matrix.T).max() > rounding:
        raise ValueError(
            f"{name} is not symmetric: pass ({name} + {name}.T) / 2 if the two directions should "
            "be averaged."
        )
    return (matrix + matrix.T) / 2


def check_distance_matrix(name, distances):
    """Return a matrix of distances as float64, or raise a `ValueError`.

    It must be square, symmetric, non-negative and zero on its diagonal. What deviates from that by
    rounding alone is repaired, as in ``1 - np.corrcoef(A)``: by as much as distances that come from
    squared ones do, `rounding_of`.
    """
    given = np.asarray(distances)
    matrix = np.asarray(given, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"{name} has shape {matrix.shape} but must be square (n, n): "
            "pass the distances between all pairs."
        )
    if len(matrix) < 2:
        raise ValueError(f"{name} has shape {matrix.shape}: give at least 2 points.")
    if not np.isfinite(matrix).all():
        raise ValueError(
            f"{name} contains NaN or infinity: remove those rows and columns, or impute them."
        )
    check_squares(name, matrix)
    rounding = rounding_of(matrix, given.dtype)
    if (matrix < -rounding).any():
        raise ValueError(
            f"{name} has a negative entry, {matrix.min():g}: a distance is at least 0. "
            f"Pass {name}.clip(0) if that is noise."
        )
    if (np.abs(np.diag(matrix)) > rounding).any():
        raise ValueError(
            f"{name} has {np.abs(np.diag(matrix)).max():g} on its diagonal: a point is at distance "
            f"0 from itself. Call np.fill_diagonal({name}, 0) if that is noise."
        )
    matrix = np.maximum(check_symmetric(name, matrix, rounding), 0.0)
    np.fill_diagonal(matrix, 0.0)
    return matrix


def check_codes(X, n_columns):
    """Return codes X (n, n_columns) as float64, or raise a `ValueError`: for inverse_transform."""
    X = check_array(X, dtype=np.float64, input_name="X")
    if X.shape[1] != n_columns:
        raise ValueError(
            f"X has {X.shape[1]} columns, but a code has {n_columns}: pass what transform returns."
        )
    return X
