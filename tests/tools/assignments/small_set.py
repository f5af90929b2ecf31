"""A small private set for the tests: two functions with checks, one answer in words."""

import re

import nbformat
import pytest

from tests.tools.small_book import HEADER
from tools.assignments.course import Course
from tools.assignments.grading.run import flags
from tools.assignments.grading.sandbox import NoSandboxError, Sandbox
from tools.assignments.release import build


def why_no_sandbox():
    """Say why this machine has no sandbox; nothing if it has one."""
    try:
        Sandbox().check()
    except NoSandboxError as error:
        return f"NOTHING WAS GRADED IN A SANDBOX HERE: {error}"
    return ""


NO_SANDBOX = why_no_sandbox()
needs_sandbox = pytest.mark.skipif(bool(NO_SANDBOX), reason=NO_SANDBOX)
HIDDEN = "two centres at the same distance: the first one counts"
TEXT = f"""{HEADER}---

# Small set

```{{code-cell}} ipython3
:tags: [setup]
import numpy as np

line = np.array([0.0, 1.0, 4.0])
```

:::{{exercise}} The nearest centre
:label: ex-small-nearest

Write `nearest(x, centers)`.
:::

:::{{admonition}} Hint
:class: dropdown tip
Distances first.
:::

```{{solution-start}} ex-small-nearest
```

```{{code-cell}} ipython3
:nbgrader: {{grade_id: nearest, solution: true}}
def nearest(x, centers):
    \"\"\"Index of the nearest centre for every number.\"\"\"
    ### BEGIN SOLUTION
    return np.abs(x[:, None] - centers).argmin(axis=1)
    ### END SOLUTION
```

```{{solution-end}}
```

```{{code-cell}} ipython3
:nbgrader: {{grade_id: nearest-check, grade: true, points: 2}}
assert np.array_equal(nearest(line, line), [0, 1, 2]), "every centre is nearest to itself"
```

```{{code-cell}} ipython3
:nbgrader: {{grade_id: nearest-hidden, grade: true, points: 3}}
# More checks run here when your work is graded.
### BEGIN HIDDEN TESTS
_between = nearest(np.array([3.5, 0.5]), line[[0, 2, 1]])
assert np.array_equal(_between, [1, 0]), "{HIDDEN}"
### END HIDDEN TESTS
```

:::{{exercise}} The mean
:label: ex-small-mean

Write `mean(x)`.
:::

```{{solution-start}} ex-small-mean
```

```{{code-cell}} ipython3
:nbgrader: {{grade_id: mean, solution: true}}
def mean(x):
    \"\"\"The number with the smallest sum of squared distances.\"\"\"
    ### BEGIN SOLUTION
    return x.sum() / len(x)
    ### END SOLUTION
```

```{{solution-end}}
```

```{{code-cell}} ipython3
:nbgrader: {{grade_id: mean-check, grade: true, points: 1}}
assert np.isclose(mean(line), 5 / 3), "divide the sum by the number of points"
```

:::{{exercise}} Why it is the mean
:label: ex-small-why
:class: points-4

Show that no other number has a smaller sum of squared distances.
:::

:::{{solution}} ex-small-why
:class: dropdown
The derivative is zero at the mean and nowhere else.
:::
"""
NEAREST = re.search(r"def nearest.*?argmin\(axis=1\)\n", TEXT, re.S)[0]
MEAN = re.search(r"def mean.*?len\(x\)\n", TEXT, re.S)[0]
WORDS = "Put the derivative to zero."


def page(folder, text=TEXT, name="small"):
    """Write a set and return its path as the command line takes it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return str(path)


def make_course(folder):
    """Return a course with the set built as assignment hw."""
    course = Course(folder / "course")
    list(build(course, "hw", [page(folder)]))
    return course


def cell_of(notebook, name):
    """Return the cell that nbgrader knows by a name."""
    return next(cell for cell in notebook.cells if flags(cell).get("grade_id") == name)


def released(course):
    """Return the notebook that students get."""
    return nbformat.read(course.folder("release", "hw") / "small.ipynb", 4)


def hand_in(course, student, *, nearest=NEAREST, mean=MEAN, words=WORDS, edit=None):
    """Put a student's work where submissions are collected."""
    notebook = released(course)
    for name, text in {"nearest": nearest, "mean": mean, "ex-small-why": words}.items():
        if text is not None:
            cell_of(notebook, name).source = text
    if edit:
        edit(notebook)
    place = course.folder("submitted", "hw", student)
    place.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, place / "small.ipynb")
    return place


def log_of(course, student):
    """Return what the log says about a student."""
    return (course.root / "logs" / "hw" / f"{student}.txt").read_text(encoding="utf-8")


def points(notebook):
    """Return the points that a notebook's cells are worth."""
    return sum(flags(cell).get("points", 0) for cell in notebook.cells)
