"""The stop watch of the benchmarks measures what it says."""

import pytest

from benchmarks import harness
from benchmarks.harness import Case, clock, measure


def test_the_ratio_is_the_median_over_pairs_and_agreement_is_asked_first(monkeypatch):
    now, seen = [0.0], []

    def sleep(seconds):
        now[0] += seconds

    monkeypatch.setattr(harness.time, "perf_counter", lambda: now[0])
    ours, theirs = iter([9, 2, 2, 2, 8, 2]), iter([9, 1, 1, 4, 1, 1])  # the first pair warms up
    case = Case(
        "sleep",
        "time",
        1.0,
        lambda: (lambda: sleep(next(ours)), lambda: sleep(next(theirs)), lambda *r: seen.append(r)),
    )
    row = measure(case, seconds=0.0)
    assert seen == [(None, None)]
    assert row == {"ours": 2, "theirs": 1, "ratio": 2, "pairs": 5}


def test_the_clock_runs():
    assert 0 <= clock(lambda: sum(range(1000))) < 10


def test_a_disagreement_stops_the_benchmark():
    def agree(ours, theirs):
        assert ours == theirs

    with pytest.raises(AssertionError):
        measure(Case("wrong", "x", 1.0, lambda: (lambda: 1, lambda: 2, agree)))
