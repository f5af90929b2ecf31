"""The stop watch of the benchmarks measures what it says."""

import time

import pytest

from benchmarks.harness import Case, measure


def test_the_ratio_of_two_sleeps_and_the_agreement_is_asked_first():
    seen = []
    case = Case(
        "sleep",
        "time",
        1.0,
        lambda: (lambda: time.sleep(0.02), lambda: time.sleep(0.01), lambda *r: seen.append(r)),
    )
    row = measure(case, seconds=0.0)
    assert seen == [(None, None)]
    assert row["pairs"] == 5
    assert 1.3 < row["ratio"] < 3


def test_a_disagreement_stops_the_benchmark():
    def agree(ours, theirs):
        assert ours == theirs

    with pytest.raises(AssertionError):
        measure(Case("wrong", "x", 1.0, lambda: (lambda: 1, lambda: 2, agree)))
