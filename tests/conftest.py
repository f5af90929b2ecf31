"""Random tests draw the same examples on every machine, and a slow machine is not a failure."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

settings.register_profile(
    "course", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("course")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """A test without a seed of its own draws the same whichever tests ran before it."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 -- scikit-learn's random_state=None
