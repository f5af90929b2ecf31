"""What the libraries' own tests say of our classes is kept by name, and a change is told."""

import importlib
import json
import subprocess
import sys

import pytest

from tools import ROOT, read_results
from tools.checks import peers


def test_what_is_new_and_what_is_gone_are_told():
    kept = {"failed": {"sklearn/a.py::one": "TypeError: x", "sklearn/a.py::two": "TypeError: y"}}
    found = {"failed": {"sklearn/a.py::two": "ValueError: z", "sklearn/a.py::three": "late"}}
    assert peers.compare(found, kept) == [
        "fails now: sklearn/a.py::three: late",
        "passes now, or is gone: sklearn/a.py::one",
    ]
    assert peers.compare(kept, kept) == []


def test_names_and_reasons_are_the_same_on_every_machine():
    assert (
        peers.name_of("../../lib/python3/site-packages/sklearn/a.py::t[x]") == "sklearn/a.py::t[x]"
    )
    said = "TypeError: <f at 0x7f3a> in /tmp/x/y.py is wrong\nmore"
    assert peers.reason(said) == "TypeError: <f at ...> in ...y.py is wrong"


@pytest.mark.parametrize("package", peers.SWAPPED)
def test_every_class_that_is_swapped_is_ours_and_theirs(package):
    for module, names in peers.SWAPPED[package].items():
        for name in names:
            assert hasattr(importlib.import_module(package), name)
            assert getattr(importlib.import_module(module), name).__module__.startswith("companion")


def test_every_reason_is_kept_and_no_test_went_on_for_ever():
    kept = read_results(peers.RESULTS)
    assert kept["passed"] > 600, "python -m tools.checks.peers --keep"
    assert all(kept["failed"].values())
    assert not any("no answer after" in line for line in kept["failed"].values())


def test_theirs_are_run_with_ours_in_their_place(tmp_path):
    """In a process of its own, since the swap stays."""
    test = tmp_path / "test_swap.py"
    test.write_text(
        "from sklearn.cluster import KMeans\n"
        "def test_swap():\n    assert KMeans.__module__ == 'companion.clustering.kmeans'\n"
        "def test_late():\n    import time; time.sleep(5)\n",
        encoding="utf-8",
    )
    code = (
        "import sys, pytest; from tools.checks import peers; peers.SECONDS = 1; "
        f"peers.FOUND = __import__('pathlib').Path({str(tmp_path / 'found.json')!r}); "
        f"sys.exit(pytest.main(['-q', '-p', 'tools.checks.peers', {str(test)!r}]))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert run.returncode == 1, run.stdout
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["passed"] == 1
    assert list(found["failed"].values()) == ["TimeoutError: no answer after 1 s"]
