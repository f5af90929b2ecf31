"""Checks of arguments. Each error names the argument, its value and the remedy."""

import numbers

import numpy as np


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


def check_distance_matrix(name, distances):
    """Return a matrix of distances as float64, or raise a `ValueError`.

    It must be square, symmetric, non-negative and zero on its diagonal.
    """
    matrix = np.asarray(distances, dtype=np.float64)
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
    if (matrix < 0).any():
        raise ValueError(
            f"{name} has a negative entry, {matrix.min():g}: a distance is at least 0."
        )
    if np.diag(matrix).any():
        raise ValueError(
            f"{name} has {np.abs(np.diag(matrix)).max():g} on its diagonal: "
            "a point is at distance 0 from itself."
        )
    if not np.allclose(matrix, matrix.T):
        raise ValueError(
            f"{name} is not symmetric: pass (D + D.T) / 2 if the two directions should be averaged."
        )
    return matrix
