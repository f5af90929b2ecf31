"""Minutes of study are those that the weights say, section by section."""

import pytest

from tools.pages import study as module
from tools.pages.study import EXERCISE, FIGURE, FORMULA, INLINE, LINE, WORDS_A_MINUTE, rounded

WORDS = "one two three four five six seven eight nine ten " * (WORDS_A_MINUTE // 10)
PAGE = f"""---
jupytext: nothing counts
---

# A page

{WORDS}

:::{{admonition}} Letters of this page
:class: dropdown notation
- $x$: {WORDS}
:::

```{{math}}
:label: eq-a
a = b
```

## Deep $n$

:::{{deeper}}
One sentence, $z$.
:::

$$
c = d
$$

```{{code-cell}} ipython3
:tags: [nbval-check-output]
# ## no heading
a = 1

glue("a", a)
b = 2
```

### Below it

{WORDS}

```{{code-cell}} ipython3
---
mystnb:
  figure:
    name: fig-a
tags: [hide-input]
---
plt.show()
```

## Core again

```{{literalinclude}} a.py
:language: python
:pyobject: f
```

### Deep as well

:::{{deeper}}
Another.
:::

{WORDS}

### Not deep

$a$ and $b$

## Exercises

{WORDS}

:::{{exercise}} One
:label: ex-a
:class: level-1
:::

:::{{exercise}} Two
:label: ex-b
:class: level-3 experiment
:::
"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Minutes of the page above."""
    (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "a.py").write_text("def f():\n    x = 1\n\n    return x\n", encoding="utf-8")
    monkeypatch.setattr(module, "text_of", lambda page: PAGE)
    monkeypatch.setattr(module, "source", lambda page: tmp_path / "page.md")
    return module.study("page")


def words(count):
    """Minutes of so many words."""
    return count / WORDS_A_MINUTE


def test_core_deeper_and_exercises_are_apart(page):
    head, again, undeep = 1 + words(2) + FORMULA, 3 * LINE, 2 * INLINE + words(1)
    assert page.core == pytest.approx(head + again + undeep)
    first = words(2) + INLINE + FORMULA + 3 * LINE + 1 + FIGURE
    assert page.deeper == pytest.approx((first, 1 + words(1)))
    assert page.exercises == EXERCISE[1] + EXERCISE[3]
    assert page.everything == pytest.approx(page.core + sum(page.deeper))


def test_sections_know_where_they_are_and_their_teaser():
    found = module.sections(PAGE)
    assert [(s.level, s.title, s.deeper) for s in found] == [
        (1, "", None),
        (2, "Deep $n$", 0),
        (3, "Below it", 0),
        (2, "Core again", None),
        (3, "Deep as well", 1),
        (3, "Not deep", None),
        (2, "Exercises", None),
    ]
    teasers = {section.title: module.teaser(section) for section in found}
    assert teasers["Deep $n$"] == "One sentence, $z$."
    assert teasers["Core again"] == ""


def test_an_hour_and_more_is_said_in_steps_of_five():
    assert [rounded(number) for number in (0, 0.2, 27.1, 59, 60.5, 93)] == [0, 1, 28, 59, 65, 95]
