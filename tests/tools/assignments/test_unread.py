"""A file that cannot be read is no zero: it is named, and somebody must look."""

import csv

import pytest

from tests.tools.assignments.small_set import NO_SANDBOX, hand_in
from tools.assignments import __main__ as command
from tools.assignments.export import export

BROKEN = "small.ipynb cannot be read as a notebook (NotJSONError)"


@pytest.fixture(scope="module")
def graded(course):
    """A course with one submission that can be read in UTF-16 only, and one not at all."""
    for student, data in {"bad": b"{ cut off", "blank": b""}.items():
        (hand_in(course, student) / "small.ipynb").write_bytes(data)
    wide = hand_in(course, "wide") / "small.ipynb"
    wide.rename(wide.with_suffix(".IPYNB"))
    wide = wide.with_suffix(".IPYNB")
    wide.write_bytes(wide.read_text(encoding="utf-8").encode("utf-16"))
    return course


def said(course, capsys):
    """Return what `grade` prints, a line each."""
    options = ["--unsafe"] if NO_SANDBOX else []
    arguments = command.parser().parse_args(["grade", "hw", "--workers", "2", *options])
    command.run_grade(course, arguments)
    return capsys.readouterr().out.splitlines()


def test_grade_names_it_at_the_end_also_when_called_again(graded, capsys):
    for _ in range(2):
        lines = said(graded, capsys)
        scores = {line.split()[0]: line for line in lines[:3]}
        assert scores["bad"].endswith("to be read")
        assert scores["blank"].endswith("to be read")
        assert scores["wide"].startswith("wide   6 of 10")
        assert lines[3].startswith("NOT READ")
        assert {line.split(":")[0].strip() for line in lines[4:6]} == {"bad", "blank"}
        assert any(BROKEN in line for line in lines[4:6])


def test_the_tables_have_no_zero_for_it(graded, capsys):
    said(graded, capsys)
    list(export(graded, "hw"))

    def column(kind, place):
        with (graded.root / "grades" / f"hw{kind}.csv").open(encoding="utf-8", newline="") as file:
            return {line[0]: line[place] for line in csv.reader(file)}

    assert column("-canvas", 5)["bad"] == ""
    assert column("-canvas", 5)["wide"] == "6.0"
    assert column("-moodle", 4)["bad"] == ""
    assert f"{BROKEN}: to be read" in column("-moodle", 5)["bad"]
    assert int(column("", 5)["bad"]) > 0


def test_read_at_last_it_is_graded(graded, capsys):
    hand_in(graded, "bad")
    lines = said(graded, capsys)
    assert next(line for line in lines if line.startswith("bad")).startswith("bad    6 of 10")
    assert not any("small.ipynb cannot" in line and "bad:" in line for line in lines)
