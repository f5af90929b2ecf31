"""`glue` keeps plain numbers as myst-nb does, and is silent where there is none."""

import numpy as np
import pytest
from IPython import display as shown
from IPython.core.interactiveshell import InteractiveShell
from myst_nb import glue as theirs

from companion import book
from companion.book import glue


@pytest.fixture
def displayed(monkeypatch):
    """What is handed to IPython's `display`, by us and by myst-nb."""
    calls = []

    def keep(data, **options):
        calls.append((data, options))

    monkeypatch.setattr(shown, "display", keep)
    monkeypatch.setattr("myst_nb.ext.glue.ipy_display", keep)
    InteractiveShell.instance()  # formats as a kernel does
    yield calls
    InteractiveShell.clear_instance()


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
def test_values_are_kept_as_myst_nb_keeps_plain_ones(displayed, value, plain):
    glue("kmeans-value", value)
    theirs("kmeans-value", plain, display=False)
    assert displayed[0] == displayed[1]
    assert displayed[0][0] == {f"{book.PREFIX}text/plain": repr(plain)}


def test_without_a_book_nothing_happens(monkeypatch, displayed, capsys):
    monkeypatch.setattr(book, "find_spec", lambda name: None)  # as if it were not installed
    assert glue("kmeans-value", 1.0) is None
    assert displayed == []
    assert capsys.readouterr() == ("", "")
