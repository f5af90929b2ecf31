"""Every chapter has two speeds, and within a part a letter means one thing."""

from collections import defaultdict

import pytest

from tools.checks import speeds
from tools.pages.chapters import chapters, text_of

PAGES = [page for page in chapters() if page.count("/") == 2]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_two_speeds(page):
    assert speeds.problems(page) == []


def test_within_a_part_a_letter_means_one_thing():
    parts = defaultdict(dict)
    for page in PAGES:
        parts[page.split("/")[1]][page] = text_of(page)
    assert [line for pages in parts.values() for line in speeds.clashes(pages)] == []


BOX = """:::{{admonition}} Letters of this page
:class: dropdown notation

- $x$: {0}
- $\\mu$, $\\sigma$: mean and deviation
  of a code
:::
"""


def test_a_letter_with_two_meanings_is_named():
    one, two = BOX.format("an image"), BOX.format("a point")
    assert speeds.letters(one) == {
        "$x$": "an image",
        "$\\mu$": "mean and deviation of a code",
        "$\\sigma$": "mean and deviation of a code",
    }
    assert speeds.clashes({"a": one, "b": one}) == []
    (said,) = speeds.clashes({"a": one, "b": two})
    assert said.startswith("$x$ is 'an image' in a and 'a point' in b")


CHAPTER = (
    """---
course: {}
---
# A page

"""
    + BOX.format("an image")
    + """
```{code-cell} ipython3
import torch
plots.diagram({}, [])
```

## From the sources

:::{deeper}
One formula of the notes is wrong, two are loose.
:::

## Exercises

:::{exercise} A trial
:label: ex-a
:class: level-2 experiment
:::

```{compare} ex-a
```

## Summary
"""
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# A page\n", "# A page\n" + "word " * 3300, "its core takes 31 minutes"),
        ("## Summary\n", "## Summary\n" + "\n" * 1000, "lines, 1000 at most"),
        (":::{deeper}\n", ":::{note}\n", "'From the sources' is not folded"),
        ("## Exercises", "### Exercises", "'Exercises' is folded"),
        ("One formula of the notes is wrong, two are loose.", "Wrong.", "is no sentence"),
        ("Letters of", "Signs of", "has no box"),
        ("plots.diagram", "plots.curves", "no drawing of its method"),
        ("{compare} ex-a", "{compare} ex-b", "write {compare} ex-a above"),
        ("", "", None),
    ],
)
def test_what_a_page_lacks_is_named(old, new, message, monkeypatch):
    assert old in CHAPTER
    text = CHAPTER.replace(old, new) if old else CHAPTER
    for module in (speeds, speeds.study.__globals__, speeds.exercises.__globals__):
        set_item = monkeypatch.setitem if isinstance(module, dict) else monkeypatch.setattr
        set_item(module, "text_of", lambda page: text)
    found = speeds.problems("book/part/a")
    assert len(found) == (message is not None)
    assert not message or message in found[0]
