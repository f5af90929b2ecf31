"""Each check lets good values through and names argument, value and remedy of bad ones."""

import numpy as np
import pytest

from companion import validation


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_integers_pass_as_int(value):
    checked = validation.check_integer("k", value, low=3, high=3)
    assert checked == 3
    assert type(checked) is int


@pytest.mark.parametrize("value", [2, 6, 4.0, "4", True, None, np.nan, np.array([4])])
def test_what_is_no_integer_in_range_is_refused(value):
    with pytest.raises(
        ValueError, match=r"^k=.* an integer of at least 3 and at most 5: buy more\.$"
    ):
        validation.check_integer("k", value, low=3, high=5, remedy="buy more.")


def test_an_integer_without_a_ceiling():
    assert validation.check_integer("k", 10**30) == 10**30
    for bad in (0, True):
        with pytest.raises(ValueError, match=r"^k=.* must be an integer of at least 1\.$"):
            validation.check_integer("k", bad)


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int64(1)])
def test_numbers_pass_as_float(value):
    checked = validation.check_real("share", value, 0, 1)
    assert checked == value
    assert type(checked) is float


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf, True, "0.5", None, 1j, [0.5]])
def test_what_is_no_number_in_range_is_refused(value):
    with pytest.raises(ValueError, match=r"^share=.* must be a number in \[0, 1\]: halve it\.$"):
        validation.check_real("share", value, 0, 1, remedy="halve it.")


def test_an_open_interval_leaves_out_its_ends():
    assert validation.check_real("eps", 1e-300, 0, inclusive=False) == 1e-300
    for end in (0, 0.0, np.inf):
        with pytest.raises(ValueError, match=r"^eps=.* must be a number in \(0, inf\)\.$"):
            validation.check_real("eps", end, 0, inclusive=False)


def test_a_choice_is_one_of_the_words():
    assert validation.check_choice("init", "random", ("k-means++", "random")) == "random"
    for bad in ("Random", "", None, 1, ["random"]):
        with pytest.raises(ValueError, match=r"init=.* choose one of 'k-means\+\+', 'random'"):
            validation.check_choice("init", bad, ("k-means++", "random"))


def test_a_distance_matrix_passes_as_float64():
    points = np.random.default_rng(0).normal(size=(5, 2))
    distances = np.linalg.norm(points[:, None] - points, axis=-1)
    checked = validation.check_distance_matrix("D", distances.tolist())
    assert checked.dtype == np.float64
    np.testing.assert_array_equal(checked, distances)
    integers = validation.check_distance_matrix("D", np.ones((3, 3), int) - np.eye(3, dtype=int))
    assert integers.dtype == np.float64


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros((2, 3)), r"D has shape \(2, 3\) but must be square"),
        (np.zeros(4), r"D has shape \(4,\) but must be square"),
        (np.zeros((1, 1)), r"D has shape \(1, 1\): give at least 2 points"),
        ([[0, np.nan], [np.nan, 0]], "D contains NaN or infinity: remove"),
        ([[0, np.inf], [np.inf, 0]], "D contains NaN or infinity: remove"),
        ([[0, -1], [-1, 0]], "D has a negative entry, -1: a distance is at least 0"),
        ([[0, 1], [1, 0.5]], "D has 0.5 on its diagonal: a point is at distance 0"),
        ([[0, 1], [2, 0]], r"D is not symmetric: pass \(D \+ D.T\) / 2"),
    ],
)
def test_what_is_no_distance_matrix_is_refused(matrix, message):
    with pytest.raises(ValueError, match=message):
        validation.check_distance_matrix("D", matrix)


@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (0, 1, 3, 8)])
def test_events_of_the_right_shape_pass(shape):
    x = np.zeros(shape)
    assert validation.check_event("x", x, (1, None, 8)) is x


@pytest.mark.parametrize("shape", [(), (2,), (1, 8, 8), (2, 1, 8, 7), (2, 1, 8, 8, 1)])
def test_events_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"^x has shape .* but must be \(B, 1, any, 8\): reshape"):
        validation.check_event("x", np.zeros(shape), (1, None, 8))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
def test_rounding_in_distances_is_repaired_in_every_unit(dtype, scale):
    A = np.random.default_rng(0).normal(size=(6, 40))
    A[3:] = 2 * A[:3] + 1
    noisy = (scale * (1 - np.corrcoef(A))).astype(dtype)
    noisy[0, 1] += dtype(scale) * np.finfo(dtype).eps
    found = validation.check_distance_matrix("D", noisy)
    np.testing.assert_array_equal(found, found.T)
    assert (found >= 0).all()
    assert not np.diag(found).any()
    np.testing.assert_allclose(found, noisy, atol=scale * np.finfo(dtype).eps ** 0.5)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
def test_a_distance_that_rounding_made_negative_is_zero(scale):
    """As between two rows in 1 - np.corrcoef(A) of which one is a multiple of the other."""
    D = scale * np.array([[0, 1.0, 1], [1, 0, -4e-16], [1, -4e-16, 0]])
    np.testing.assert_array_equal(validation.check_distance_matrix("D", D), D.clip(0))


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
def test_what_is_plainly_not_symmetric_is_refused_in_every_unit(scale):
    D = scale * np.array([[0, 20.0, 25], [29, 0, 21], [22, 28, 0]])
    with pytest.raises(ValueError, match="D is not symmetric"):
        validation.check_distance_matrix("D", D)


def test_codes_have_rows_and_the_right_number_of_finite_columns():
    np.testing.assert_array_equal(validation.check_codes([[1, 2]], 2), [[1.0, 2.0]])
    with pytest.raises(ValueError, match="X has 1 columns, but a code has 2: pass what transform"):
        validation.check_codes([[1.0]], 2)
    for bad in ([1.0, 2.0], [[np.nan, 1.0]]):
        with pytest.raises(ValueError, match=r"2D array|contains NaN"):
            validation.check_codes(bad, 2)
