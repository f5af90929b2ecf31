"""Every file is read and written as UTF-8 by name: the course works under any code page."""

import ast
import subprocess
import sys

import pytest

from tools.pages.chapters import ROOT, chapters

DECODING = ("text", "universal_newlines")  # what makes subprocess return text
NAME = chapters()[1].split("/")[-1]
# Third parties may do as they like; what our own modules forget is an error.
RUN = """
import runpy, sys, warnings
warnings.simplefilter("ignore", EncodingWarning)
warnings.filterwarnings("error", category=EncodingWarning, module="tools|companion|__main__")
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def forgotten(text):
    """Yield the lines that open a text file, or read what a program says, without a code page."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        owner = getattr(getattr(node.func, "value", None), "id", "")
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if "encoding" in given:
            continue
        if (name, len(node.args)) in {("read_text", 0), ("write_text", 1)}:
            yield node.lineno
        elif name == "open" and owner not in {"Image", "lzma", "tarfile", "wave", "gzip"}:
            place = 1 if isinstance(node.func, ast.Name) else 0
            mode = node.args[place] if len(node.args) > place else given.get("mode")
            if "b" not in getattr(mode, "value", "r"):
                yield node.lineno
        elif any(getattr(given.get(word), "value", False) is True for word in DECODING):
            yield node.lineno


@pytest.mark.parametrize("folder", ["benchmarks", "companion", "tests", "tools"])
def test_no_file_is_opened_without_its_encoding(folder):
    found = [
        f'{path.relative_to(ROOT)}:{line}: write encoding="utf-8"'
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in forgotten(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_what_is_forgotten_is_seen():
    for bad in (
        "p.read_text()",
        "p.write_text(x)",
        "open(p)",
        "open(p, 'w')",
        "p.open()",
        "p.open('a')",
        "p.open(mode='w')",
        "run(c, text=True)",
    ):
        assert list(forgotten(bad)) == [1], bad
    for good in ("p.read_bytes()", "open(p, 'rb')", "p.open('wb')", "Image.open(p)", "run(c)"):
        assert list(forgotten(good)) == [], good


@pytest.mark.parametrize(
    "words",
    [
        ["tools.site.execute", NAME],
        ["tools.exports.notebooks", NAME, "--to"],
        pytest.param(["tools.training.results"], marks=pytest.mark.thorough),
        pytest.param(["tools.assignments", "--course"], marks=pytest.mark.thorough),
    ],
    ids=lambda words: words[0],
)
def test_the_tools_name_the_encoding_of_what_they_open(tmp_path, words):
    more = {"--to": [tmp_path], "--course": [tmp_path, "build", "hw", "homework/sample.md"]}
    command = [sys.executable, "-X", "warn_default_encoding", "-c", RUN, *words]
    run = subprocess.run(
        [*command, *more.get(words[-1], [])],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert "EncodingWarning" not in run.stderr, run.stderr[-2000:]
    assert run.returncode == 0 or words == ["tools.training.results"], run.stderr[-2000:]


def test_a_tool_that_forgets_is_seen(tmp_path):
    (tmp_path / "tools.py").write_text("open(__file__).close()\n", encoding="utf-8")
    command = [sys.executable, "-X", "warn_default_encoding", "-c", RUN, "tools"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert "EncodingWarning" in run.stderr
