"""What is a sequence, what is a list of them, and when EM stops."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from companion.components.dynamics import LinearDynamicalSystem
from companion.components.gpfa import GPFA
from companion.components.sequence_model import SequenceModel, sequences_of


@pytest.mark.parametrize(
    ("X", "count", "alone"),
    [
        (np.ones((4, 2)), 1, True),
        ([[1.0, 2.0], [3.0, 4.0]], 1, True),
        (np.ones((3, 4, 2)), 3, False),
        ([np.ones((4, 2)), np.ones((5, 2))], 2, False),
        ([np.ones((4, 2))], 1, False),
    ],
)
def test_one_or_several(X, count, alone):
    sequences, single = sequences_of(LinearDynamicalSystem(), X, reset=True)
    assert single is alone
    assert len(sequences) == count
    assert all(sequence.shape[1] == 2 for sequence in sequences)


class Ladder(SequenceModel):
    """The parameter is a number that the M-step halves; the likelihood is minus that number."""

    def __init__(self, tol=0.1, max_iter=100):
        self.tol = tol
        self.max_iter = max_iter

    def climb(self, X):
        return self._climb([X], 1.0, lambda _, p: (-p, p), lambda _, posterior, p: posterior / 2)


def test_em_stops_when_a_step_gains_too_little():
    """Two rows: a gain below 0.2 nats; the steps gain 1/2, 1/4, 1/8."""
    model = Ladder()
    assert model.climb(np.ones((2, 1))) == 0.125
    assert model.loglike_ == [-1.0, -0.5, -0.25, -0.125]
    assert model.n_iter_ == 4


def test_em_warns_and_returns_what_the_last_likelihood_is_of():
    model = Ladder(max_iter=3)
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        assert model.climb(np.ones((2, 1))) == 0.25
    assert model.loglike_[-1] == -0.25


@pytest.mark.parametrize("scale", [1e-13, 1e-6, 1e9])
@pytest.mark.parametrize(
    ("model", "n", "off", "noise_off"),
    [
        (LinearDynamicalSystem(1, max_iter=10), 80, 1e-6, 1e-6),
        (GPFA(1, max_iter=4), 30, 1e-4, 1e-3),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_unit_of_the_rows_does_not_matter(scale, model, n, off, noise_off):
    """Volts and teslas: the score moves by the logarithm of the unit, the noise by its square."""
    rng = np.random.default_rng(0)
    walk = 0.3 * np.cumsum(rng.normal(size=(n, 1)), axis=0)
    X = walk @ rng.normal(size=(1, 4)) + 0.3 * rng.normal(size=(n, 4))
    one, other = (clone(model).fit(c * X) for c in (1, scale))
    assert other.score(scale * X) + 4 * np.log(scale) == pytest.approx(one.score(X), abs=off)
    wanted = scale**2 * one.noise_variance_
    np.testing.assert_allclose(other.noise_variance_, wanted, rtol=noise_off)
