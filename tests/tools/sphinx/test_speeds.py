"""A page with two speeds: the deeper is folded, plumbing is not seen, answers are compared."""

import re
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup
from docutils import nodes

from tests.tools import small_book
from tools.pages.study import Study
from tools.sphinx.directives import compare, deeper

CHAPTER = f"""{small_book.HEADER}---

# A chapter

Words before.

## The core

```{{code-cell}} ipython3
:tags: [setup]
import matplotlib.pyplot as plt
from companion.book import glue
```

```{{code-cell}} ipython3
x = 2
for name in ("a", "b"):
    y = x
    glue(name, y)
print("seen")
```

```{{code-cell}} ipython3
assert x == 2
```

```{{code-cell}} ipython3
glue("c", x)
```

(a-target)=
## More of it

:::{{deeper}}
What is **found**: {{glue:text}}`c`.
:::

Text that is folded.

### Below

```{{code-cell}} ipython3
print("folded output")
```

## Exercises

:::{{exercise}} A trial
:label: ex-a
:class: level-2
Draw.
:::

```{{compare}} ex-a
```

```{{solution-start}} ex-a
:class: dropdown
```

```{{code-cell}} ipython3
---
mystnb:
  image:
    alt: A line.
  figure:
    name: fig-a
    caption: A figure.
---
print("forty-two")
plt.plot([0, 1])
plt.show()
```

```{{solution-end}}
```

See [](#a-target) and {{numref}}`fig-a`.
"""
FILES = {
    "_toc.yml": "format: jb-book\nroot: book/index\nchapters:\n- file: book/part/a\n",
    "book/index.md": "# A book\n\nHello.\n",
    "book/part/a.md": CHAPTER,
    "companion/__init__.py": "",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of a small book, and its chapter as HTML."""
    root = tmp_path_factory.mktemp("speeds")
    small_book.write(root, FILES, "book/course.yml")
    status, out = small_book.render(root)
    assert status == 0, out
    path = root / "_build" / "html" / "book" / "part" / "a.html"
    return root, BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_a_deeper_section_is_folded_below_its_sentence(built):
    _, html = built
    section = html.select_one("section#more-of-it, section#a-target")
    names = [child.name for child in section.find_all(recursive=False) if child.name != "span"]
    assert names == ["h2", "div", "details"]
    assert section.find("div").get_text(strip=True) == "What isfound:2."
    fold = section.find("details")
    assert fold.summary.get_text() == "Deeper: 1 minute"
    assert not fold.has_attr("open")
    assert "Text that is folded." in fold.get_text()
    assert "folded output" in fold.get_text()
    assert fold.find("section").find("h3")
    assert len(html.select("details.deeper-fold")) == 1


def test_lists_of_contents_mark_it_and_keep_what_is_below(built):
    _, html = built
    entries = {
        a.get_text(" ", strip=True): "is-deeper" in a["class"]
        for a in html.select(".bd-sidebar-secondary a.nav-link")
    }
    marked = [text for text, deeper in entries.items() if deeper]
    assert len(marked) == 1
    assert re.search(r"More of it.*\(deeper\)", marked[0])
    assert any("Below" in text for text in entries)


def test_lines_that_keep_numbers_are_not_seen_and_checks_are_folded(built):
    root, html = built
    shown = "\n".join(pre.get_text() for pre in html.select(".cell_input pre"))
    assert "glue" not in shown
    assert "y = x" in shown
    check = next(pre for pre in html.select(".cell_input pre") if "assert" in pre.get_text())
    assert check.find_parent("details")
    assert all(cell.get_text(strip=True) for cell in html.select("div.cell"))
    download = root / "_build" / "html" / "notebooks" / "part" / "a.ipynb"
    cells = nbformat.read(download, 4).cells
    assert "glue(name, y)" in "\n".join(cell.source for cell in cells)


def test_what_a_right_answer_gives_can_be_seen_before_the_solution(built):
    _, html = built
    box = html.select_one(".admonition.compare")
    assert "dropdown" in box["class"]
    assert "forty-two" in box.get_text()
    assert box.find("img")["alt"] == "A line."
    assert "plt.plot" not in box.get_text()
    ids = [node["id"] for node in html.select("[id]")]
    assert len(ids) == len(set(ids))
    assert "Fig. 1" in html.get_text()


def test_downloads_mark_it_and_have_the_comparison(built):
    root, _ = built
    cells = nbformat.read(root / "_build" / "html" / "notebooks" / "part" / "a.ipynb", 4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert "> **Deeper.** What is **found**: 2." in text
    compared = re.search(r"<details>\n<summary>To compare with.*?</details>", text, re.S)[0]
    assert "```text\nforty-two\n```" in compared
    assert "](data:image/png;base64," in compared


def section(*children):
    """A section of a page as docutils has it."""
    return nodes.section("", nodes.title("", "A title"), *children)


def paragraph():
    return nodes.paragraph("", "Text.")


@pytest.mark.parametrize(
    "content",
    [
        section(paragraph(), deeper.Mark()),
        section(deeper.Mark(), paragraph(), deeper.Mark()),
        section(deeper.Mark(), paragraph(), section(deeper.Mark(), paragraph())),
        nodes.container("", deeper.Mark()),
    ],
    ids=["below text", "twice", "inside another", "in no section"],
)
def test_a_mark_that_folds_nothing_is_named(content, monkeypatch):
    monkeypatch.setattr(deeper, "study", lambda page: Study(1, (1, 1), 1))
    with pytest.raises(ValueError, match="directly below a heading"):
        deeper.fold(
            SimpleNamespace(env=SimpleNamespace(docname="a")), nodes.document("", "", "", content)
        )


def test_a_solution_with_nothing_to_compare_with_is_named():
    box = compare.Compare(label="ex-a")
    document = nodes.document("", "", "", section(box, paragraph()))
    with pytest.raises(ValueError, match="solution of ex-a shows nothing"):
        compare.fill(SimpleNamespace(env=SimpleNamespace(docname="a")), document)
