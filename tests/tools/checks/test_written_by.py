"""What a command writes says so in its first line, and can be read without that line."""

import json

import pytest

from tools import ROOT, WRITTEN_BY, read_results, write_results

FILES = sorted((ROOT / "results").glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_results_says_which_command_wrote_it(path):
    first = next(iter(json.loads(path.read_text(encoding="utf-8"))))
    assert first == WRITTEN_BY, f"write {path.name} by tools.write_results, not by hand"


def test_the_lock_says_which_command_wrote_it():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert text.startswith("# Written by: make lock\n")


def test_results_are_read_without_the_line(tmp_path):
    path = tmp_path / "one.json"
    assert read_results(path) == {}
    write_results(path, {"a": 1}, "make something")
    assert read_results(path) == {"a": 1}
    assert WRITTEN_BY in path.read_text(encoding="utf-8").split("\n")[1]
