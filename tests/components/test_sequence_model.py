"""What is a sequence, what is a list of them, and when EM stops."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from companion.components.dynamics import LinearDynamicalSystem
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
