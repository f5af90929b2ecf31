"""One command checks one chapter: the tests of its modules, and of all pages only its own."""

import subprocess
import sys

import pytest

from tools.checks import chapter
from tools.pages.chapters import ROOT, chapter_named

PAGE = chapter_named("kmeans")


def test_the_modules_that_a_chapter_shows_are_tested():
    files = chapter.module_tests(PAGE)
    assert "tests/clustering/test_kmeans.py" in files
    assert chapter.test_file("companion.metrics") == "tests/ground/test_metrics.py"
    assert chapter.test_file("companion.data.text") == "tests/ground/test_text.py"
    assert all((ROOT / path).exists() for path in files)


def test_of_the_tests_of_pages_those_of_the_page_are_kept():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "tests.one_page"]
    command += [
        "--page",
        PAGE,
        "tests/book/test_architecture.py",
        "tests/ground/test_validation.py",
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 0, run.stdout
    tests = [line for line in run.stdout.splitlines() if "::" in line]
    of_pages = [line for line in tests if line.startswith("tests/book")]
    assert len(of_pages) >= 4
    assert all(f"[{PAGE}]" in line for line in of_pages)
    assert any(line.startswith("tests/ground") for line in tests)


@pytest.mark.parametrize(("name", "words"), [("kmean", "there is kmeans"), ("xyz", "there is why")])
def test_an_unknown_name_is_answered_with_the_known_ones(name, words):
    with pytest.raises(SystemExit, match=f"no chapter of that name: {name} .{words}"):
        chapter.main([name])
