"""`.ci/run` keeps to its plan, and the plan leaves room for the whole course."""

import copy

import pytest

from tools import ROOT, read_results
from tools.checks import shares
from tools.checks.stage import RESULTS
from tools.pages.chapters import chapters

FOUND = read_results(RESULTS)
AGAIN = "run .ci/run on an idle machine, then python -m tools.checks.stage --keep"
measured = pytest.mark.skipif(not FOUND, reason=f"not measured: {AGAIN}")
EXAMPLE = {
    "stages": dict.fromkeys(shares.SHARES, 1.0),
    "tests": {"clustering": 1.0, "tools": 1.0},
    "chapters": {"book/clustering/kmeans": 1.0},
}


def test_the_plan_leaves_room_for_the_whole_course():
    total = sum(share.of(shares.CHAPTERS, shares.PARTS) for share in shares.SHARES.values())
    assert total <= shares.TOTAL, "less for one stage, or the course does not fit"


@measured
def test_every_stage_part_and_chapter_keeps_to_its_share():
    assert shares.excesses(FOUND) == []


@measured
def test_everything_was_measured():
    """What is new is skipped, for it can be measured only by a run that is green."""
    assert set(FOUND["stages"]) == set(shares.SHARES), AGAIN
    folders = {
        path.parent.relative_to(ROOT / "tests").parts[0] for path in ROOT.glob("tests/*/test_*")
    }
    new = (set(chapters()) - set(FOUND["chapters"])) | (folders - {"browser"} - set(FOUND["tests"]))
    if new:
        pytest.skip(f"not measured yet: {', '.join(sorted(new))}; {AGAIN}")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("stages", "the stage {0} takes"),
        ("tests", "tests/{0} takes"),
        ("chapters", "{0} takes"),
    ],
)
def test_what_is_over_its_share_is_named(kind, words):
    found = copy.deepcopy(EXAMPLE)
    name = next(iter(found[kind]))
    found[kind][name] = 10_000
    assert [line.split(" 10000 s")[0] for line in shares.excesses(found)] == [words.format(name)]
    assert shares.excesses(EXAMPLE) == []
