"""Figures as a checkpoint: what is written is read."""

import pytest
import torch

from companion.selfsupervised.readings import Readings


def test_what_is_kept_is_what_was_given():
    numbers = torch.linspace(0, 1, 6).view(2, 3)
    kept = Readings(2, 3).fill(numbers.numpy())
    other = Readings(2, 3)
    other.load_state_dict(kept.state_dict())
    assert torch.equal(other.values, numbers)
    numbers[0, 0] = 9
    assert kept.values[0, 0] == 0


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match="numbers has shape"):
        Readings(2, 3).fill(torch.zeros(3, 2))
