"""The seconds of stages and of parts are kept where the report and the results look for them."""

import json
import sys
from types import SimpleNamespace

import pytest

from tests.seconds import Seconds, place
from tools.checks import stage


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """A folder of its own for what stages keep."""
    monkeypatch.setattr(stage, "KEPT", tmp_path / "checks")
    monkeypatch.setattr(stage, "RESULTS", tmp_path / "checks.json")


def test_a_stage_gives_the_status_of_its_command_and_its_seconds(capfd):
    code = "import sys; print('said'); sys.exit(3)"
    assert stage.main(["one", sys.executable, "-c", code]) == 3
    assert stage.main(["two", sys.executable, "-c", ""]) == 0
    out = capfd.readouterr().out
    assert "said\nstage one: " in out
    assert list(stage.read("stages")) == ["one", "two"]
    assert stage.report()[-1].startswith("together")


def test_results_want_every_stage():
    for name in stage.STAGES[:-1]:
        stage.keep("stages", stage.read("stages") | {name: 1.0})
    with pytest.raises(ValueError, match=rf"no seconds of {stage.STAGES[-1]}: run .ci/run first"):
        stage.results()
    stage.keep("stages", stage.read("stages") | {stage.STAGES[-1]: 1.0})
    stage.keep("tests", {"tests": {"clustering": 2.0}})
    assert stage.main(["--keep"]) == 0
    found = json.loads(stage.RESULTS.read_text(encoding="utf-8"))
    assert found["stages"] == dict.fromkeys(stage.STAGES, 1.0)
    assert found["tests"] == {"clustering": 2.0}


def test_seconds_are_added_up_by_part_and_by_chapter():
    seconds = Seconds()
    for test, duration in (
        ("tests/clustering/test_kmeans.py::test_a", 1.0),
        ("tests/clustering/test_kmeans.py::test_b[x/y]", 2.0),
        ("tests/tools/site/test_build.py::test_c", 4.0),
        ("companion/clustering/kmeans.py::companion.clustering.kmeans", 8.0),
        ("companion/metrics.py::companion.metrics.f", 0.5),
        ("_build/fresh/clustering/kmeans.ipynb::Cell 3", 16.0),
    ):
        seconds.pytest_runtest_logreport(SimpleNamespace(nodeid=test, duration=duration))
    seconds.pytest_sessionfinish()
    found = stage.read("tests")
    assert found["tests"] == {"clustering": 11.0, "ground": 0.5, "tools": 4.0}
    assert found["chapters"] == {"book/clustering/kmeans": 16.0}
    assert place("_build/fresh/why.ipynb::Cell 0") == ("chapters", "book/why")
