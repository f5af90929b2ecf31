"""`glue` hands plain numbers to myst-nb, and is silent where there is none."""

import sys

import numpy as np
import pytest

from companion.book import glue


@pytest.fixture
def kept(monkeypatch):
    """What `glue` passes to myst-nb."""
    calls = []
    myst_nb = type(sys)("myst_nb")
    myst_nb.glue = lambda name, value, display: calls.append((name, value, display))
    monkeypatch.setitem(sys.modules, "myst_nb", myst_nb)
    return calls


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float64(1.5), 1.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.array(2.0), 2.0),
        (7, 7),
        (0.25, 0.25),
        ("rings", "rings"),
    ],
)
def test_values_are_kept_as_plain_numbers_and_not_shown(kept, value, plain):
    glue("kmeans-value", value)
    assert kept == [("kmeans-value", plain, False)]
    assert type(kept[0][1]) is type(plain)


def test_without_a_book_nothing_happens(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "myst_nb", None)  # as if it were not installed
    assert glue("kmeans-value", 1.0) is None
    assert capsys.readouterr() == ("", "")
