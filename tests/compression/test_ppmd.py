"""The sizes that are kept are those of the data, and of PPMd where pyppmd is installed."""

import pytest

from companion.compression.ppmd import ppmd_sizes, rival_data
from tools import read_results
from tools.training.ppmd import ORDERS, TARGET, ppmd

DATA = rival_data()


@pytest.mark.parametrize("name", DATA)
def test_each_file_was_measured_with_every_order(name):
    sizes = ppmd_sizes(name, DATA[name])
    assert tuple(sizes) == ORDERS
    assert all(0 < size < len(DATA[name]) for size in sizes.values())


def test_nothing_else_was_measured():
    assert set(read_results(TARGET)["files"]) == set(DATA)


def test_other_bytes_are_refused():
    with pytest.raises(ValueError, match=r"not what was measured as 'text': measure it"):
        ppmd_sizes("text", DATA["text"] + b".")


@pytest.mark.parametrize("name", DATA)
def test_the_program_says_the_same(name):
    pytest.importorskip("pyppmd")
    sizes = ppmd_sizes(name, DATA[name])
    assert [ppmd(DATA[name], order) for order in (4, 16)] == [sizes[4], sizes[16]]
