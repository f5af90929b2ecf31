"""The syllabus says what stands in the chapters; the instructor's guide, what the commands take."""

import re
import shlex

import pytest

from tests.tools.assignments.small_set import points
from tools.assignments.__main__ import parser
from tools.assignments.convert import WRITTEN_POINTS, assignment
from tools.pages import chapters, front_matter
from tools.pages.chapters import ROOT
from tools.sphinx.directives import syllabus
from tools.sphinx.html import launch

CHAPTERS = [page for pages in front_matter.parts().values() for page in pages]
GUIDE = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
CHAPTER = """# A chapter

:::{admonition} What you will learn
:class: learn
- to do this, and
- why that is so

- what is left.

**Read first**: nothing
:::

## Exercises

:::{exercise} A function
:label: ex-a-function
:class: level-1

Write it.
:::

```{code-cell} ipython3
:nbgrader: {grade_id: f-check, grade: true, points: 2}
assert f() == 1, "one"
```

```{code-cell} ipython3
:nbgrader: {grade_id: f-more, grade: true, points: 3}
assert f() == 1, "one"
```

:::{exercise} A proof
:label: ex-a-proof
:class: level-3 points-5

Show it.
:::

:::{exercise} A trial
:label: ex-a-trial
:class: level-2

Try it.
:::

```{code-cell} ipython3
f()
```

## Summary

```{code-cell} ipython3
1
```
"""


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """Return a function that writes a chapter, with something replaced, and reads its exercises."""
    for module in (front_matter, chapters):
        monkeypatch.setattr(module, "ROOT", tmp_path)

    def write(old="", new=""):
        assert old in CHAPTER
        (tmp_path / "a.md").write_text(CHAPTER.replace(old, new), encoding="utf-8")
        return syllabus.exercises("a")

    return write


def test_kind_level_and_points_of_exercises(chapter):
    found = [(task.title, task.kind, task.level, task.points) for task in chapter()]
    assert found == [
        ("A function", "code", 1, 5),
        ("A proof", "derivation", 3, 5),
        ("A trial", "experiment", 2, WRITTEN_POINTS),
    ]


def test_an_experiment_without_code_says_so(chapter):
    assert chapter("level-3 points-5", "level-3 experiment")[1].kind == "experiment"


@pytest.mark.parametrize("wrong", ["points-5", "level-4"])
def test_an_exercise_without_a_level_is_named(chapter, wrong):
    with pytest.raises(ValueError, match="'A proof' has no level: write `:class: level-2`"):
        chapter("level-3 points-5", wrong)


def test_objectives_are_sentences_without_their_ends(chapter):
    chapter()
    assert syllabus.objectives("a") == ["To do this", "Why that is so", "What is left"]


@pytest.mark.parametrize("page", CHAPTERS)
def test_an_assignment_has_the_points_that_the_syllabus_says(page):
    tasks = syllabus.exercises(page)
    assert sum(task.points for task in tasks) == points(assignment(page))
    assert {"code", "derivation", "experiment"} <= {task.kind for task in tasks}
    assert 3 <= len(syllabus.objectives(page)) <= 6


def test_a_week_is_a_part_whether_it_is_written_or_not():
    text = "\n".join(syllabus.syllabus())
    names = [part["part"] for part in front_matter.plan()["parts"]]
    assert re.findall(r"(?m)^## Week \d+: (.+)$", text) == names
    assert len(names) == 13
    assert set(re.findall(r"\{doc\}`/(.+?)`", text)) == set(CHAPTERS)
    assert text.count("to come |") == text.count("To come: ") == 13 - len(front_matter.parts())


def commands():
    """Lines of the guide's blocks of shell commands."""
    blocks = re.findall(r"(?ms)^```bash\n(.*?)^```", GUIDE)
    return [line for block in blocks for line in block.splitlines()]


def test_the_guides_commands_exist():
    targets = re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"))
    asked = [shlex.split(line) for line in commands()]
    asked += [shlex.split(text) for text in re.findall(r"`(python -m [^`]+)`", GUIDE)]
    taken = []
    for words in asked:
        if words[:3] == ["python", "-m", "tools.assignments"] and "--help" not in words:
            taken.append(parser().parse_args(words[3:]).command)
        elif words[0] == "make":
            assert words[1] in targets
    assert set(taken) == {"build", "grade", "export"}


def test_the_guides_files_and_limits_exist():
    for path in re.findall(r"`((?:homework|tests|environment)[\w/.]*)`", GUIDE):
        assert (ROOT / path).exists(), path
    table = re.findall(r"`(--[\w-]+)`", GUIDE)
    known = parser().parse_args(["grade", "hw1"])
    for option in table:
        assert hasattr(known, option[2:].replace("-", "_")) or option == "--privileged", option
    assert len(table) > 6


def test_the_guides_link_is_the_button_of_a_hub():
    url = re.search(r"^https://hub\.example\.org\S+$", GUIDE, re.M)[0]
    repository = re.search(r"git clone (\S+)", GUIDE)[1]
    options = {
        "repository_url": repository,
        "launch_buttons": {"jupyterhub_url": "https://hub.example.org"},
    }
    page = "book/clustering/kmeans"
    made = launch.notebook_url("JupyterHub", page, options, "notebooks")
    assert url == made.replace("%3A", ":")
