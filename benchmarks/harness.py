"""Time two callables in turn and keep the ratio.

Machines drift, so the two run alternately in one process, and the ratio is the median over
neighbouring runs.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

CASES = []


@dataclass
class Case:
    """One row of the table.

    `setup()` makes the data and returns `(ours, theirs, agree)`: two callables without arguments,
    and one that is given both results and raises an `AssertionError` where they do not agree.
    """

    name: str
    library: str
    bar: float
    setup: Callable
    note: str = ""
    part: str = ""


def case(name, library, bar, note=""):
    """Register a benchmark; `bar` is the largest ratio of our time to theirs that we allow."""

    def register(setup):
        CASES.append(Case(name, library, bar, setup, note, setup.__module__.split(".")[-2]))
        return setup

    return register


def measure(case, *, min_pairs=5, max_pairs=25, seconds=12.0):
    """Run both sides in turn, `min_pairs` times or for about `seconds`, once before to warm up.

    Returns
    -------
    dict with `ours` and `theirs` (median seconds), `ratio` (median over the pairs), `pairs`
    """
    ours, theirs, agree = case.setup()
    agree(ours(), theirs())
    pairs, start = [], time.perf_counter()
    while len(pairs) < min_pairs or (
        len(pairs) < max_pairs and time.perf_counter() - start < seconds
    ):
        pairs.append((clock(ours), clock(theirs)))
    return {
        "ours": statistics.median(a for a, _ in pairs),
        "theirs": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(a / b for a, b in pairs),
        "pairs": len(pairs),
    }


def clock(function):
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
