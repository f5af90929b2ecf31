"""Random tests draw the same examples on every machine, and a slow machine is not a failure."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

settings.register_profile(
    "course", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def pytest_configure(config):
    """Properties hold for many examples: `make test` draws fewer of them than `make test-all`.

    A coder's message that does not come back is rare and a catastrophe: the tests of coders take
    the profile `many`.
    """
    course, quick = settings.get_profile("course"), "not thorough" in config.option.markexpr
    settings.register_profile("few", course, max_examples=30)
    settings.register_profile("many", course, max_examples=200 if quick else 2000)
    settings.load_profile("few" if quick else "course")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """A test without a seed of its own draws the same whichever tests ran before it."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 -- scikit-learn's random_state=None
