"""Directions by regression, against scikit-learn; attributes of drawings that are known."""

import pytest
import torch
from sklearn.linear_model import LinearRegression

from companion.adversarial.edits import attribute_directions, ink_moments
from tests.contracts import seeded


def test_directions_are_those_of_linear_regression():
    z = torch.randn(90, 4, generator=seeded()).double()
    values = torch.randn(90, 3, generator=seeded(1)).double() + z[:, :3] ** 2 - 2 * z[:, 1:]
    directions = attribute_directions(z + 5, values)
    reference = LinearRegression().fit(values, z)
    torch.testing.assert_close(directions, torch.from_numpy(reference.coef_.T.copy()))


def test_groups_are_columns_of_their_own():
    """Fixed effects: the same slopes as with an indicator a group among the predictors."""
    z = torch.randn(90, 4, generator=seeded()).double()
    groups = torch.randint(0, 5, (90,), generator=seeded(2)) * 3
    values = z[:, :2] + groups[:, None] + torch.randn(90, 2, generator=seeded(1)).double()
    hot = torch.nn.functional.one_hot(groups).double()
    reference = LinearRegression().fit(torch.cat([values, hot], dim=1), z).coef_[:, :2].T
    directions = attribute_directions(z, values, groups)
    torch.testing.assert_close(directions, torch.from_numpy(reference.copy()))
    assert (directions - attribute_directions(z, values)).abs().max() > 0.1


def test_a_step_along_a_direction_raises_the_attribute_by_one_and_leaves_the_other():
    """Where codes are a linear function of attributes."""
    A = torch.tensor([[3.0, -4.0, 1.0], [0.0, 2.0, 2.0]]).double()
    values = torch.randn(30, 2, generator=seeded()).double()
    torch.testing.assert_close(attribute_directions(values @ A, values), A)


def test_a_leaning_line_has_its_slope():
    """Ink moves one column to the right for each row further up; upright and blank lean by 0."""
    x = torch.zeros(4, 1, 7, 7)
    for row in range(7):
        x[0, 0, row, 6 - row] = 4.0  # a diagonal, bottom left to top right
        x[1, 0, row, row] = 2.0
        x[2, 0, row, 3] = 1.0
    ink, lean = ink_moments(x).T
    torch.testing.assert_close(ink, torch.tensor([4.0, 2.0, 1.0, 0.0]) / 7)
    torch.testing.assert_close(lean, torch.tensor([1.0, -1.0, 0.0, 0.0]))


def test_moments_of_whole_levels_are_those_of_real_numbers_and_odd_sizes_do():
    x = torch.randint(0, 17, (5, 1, 6, 9), generator=seeded(3))
    torch.testing.assert_close(ink_moments(x), ink_moments(x.float()))
    moved = torch.roll(torch.nn.functional.pad(x.float(), (2, 2, 2, 2)), (1, -1), dims=(2, 3))
    torch.testing.assert_close(ink_moments(moved)[:, 1], ink_moments(x)[:, 1])
    assert torch.isfinite(ink_moments(-x)).all()


def test_too_few_codes_are_refused():
    with pytest.raises(ValueError, match="more rows than attributes"):
        attribute_directions(torch.zeros(2, 4), torch.zeros(2, 2))
    with pytest.raises(ValueError, match="values has shape"):
        attribute_directions(torch.zeros(9, 2), torch.zeros(9))
