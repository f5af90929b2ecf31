"""Slides hold what belongs on a slide, and bring along what they need."""

import re

import nbformat
import pytest
from bs4 import BeautifulSoup

from tools.exports.notebooks import export
from tools.pages.chapters import chapters
from tools.slides import slides

TEXT = """# A chapter

Short. The rest is said.

## A formula

Let $a. B$ be a number. The sum:

$$
a + b

= c
$$

where $c$ is large. It is.

### Below

- one

- two

*Figure 1. What to see. Look at it.*

<details>
<summary>Hint</summary>

Folded.

</details>

```python
x = 1

y = 2
```

## Exercises

### Exercise 1

Solve it.

## Summary

The end."""
PICTURE = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})


def markdown(text, *tags):
    return nbformat.v4.new_markdown_cell(text, metadata={"tags": list(tags)})


def code(source, *tags, outputs=()):
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}, outputs=list(outputs))


def made(*cells):
    """Return (slide type, source) of the slides of some cells."""
    notebook = slides.deck(nbformat.v4.new_notebook(cells=list(cells)))
    return [(cell.metadata.slideshow.slide_type, cell.source) for cell in notebook.cells]


def test_text_becomes_slides():
    found = made(markdown(TEXT))
    assert found[:3] == [
        ("slide", "# A chapter"),
        ("-", "Short."),
        ("notes", "Short. The rest is said."),
    ]
    starts = [source for kind, source in found if kind in ("slide", "subslide")]
    assert starts == ["# A chapter", "## A formula", "### Below", "## Summary"]
    on_slides = [source for kind, source in found if kind != "notes"]
    assert "Let $a. B$ be a number. The sum:" in on_slides, "beside a formula, text is whole"
    assert "$$\na + b\n\n= c\n$$" in on_slides, "a formula is not divided"
    assert "- one\n\n- two" in on_slides
    assert "*Figure 1. What to see. Look at it.*" in on_slides, "a caption is whole"
    assert not [source for source in on_slides if "Solve" in source or "Folded" in source]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One. Two.", "One."),
        ("Is it? It is.", "Is it?"),
        ("By {`A. B`} [A. B](x.y). Then.", "By {`A. B`} [A. B](x.y)."),
        ("**A name.** Then more. And.", "**A name.**"),
        ("About 3.5 of them (cf. A. Other) stay. So.", "About 3.5 of them (cf. A. Other) stay."),
        ("No end", "No end"),
    ],
)
def test_the_first_sentence(text, first):
    assert slides.first_sentence(text) == first


def test_code_is_hidden_where_it_only_draws():
    cells = made(
        code("%pip install x", "install"),
        code("import numpy", "setup"),
        code("a = 1"),
        code("plot()", "hide-input", outputs=[PICTURE]),
        code("b = 2", "hide-input"),
        code("c = 3", "skip"),
    )
    assert cells == [("-", "a = 1"), ("-", "")]


def test_a_set_up_cell_of_the_exercises_is_no_slide():
    assert made(markdown("## Exercises\n\nText."), code("a = 1"), markdown("## Summary")) == [
        ("slide", "## Summary")
    ]


def test_what_is_deeper_is_no_slide_until_the_next_heading_of_its_level():
    deeper = "{0} Deep\n\n> **Deeper.** What is found.\n\nText."
    cells = made(
        markdown("## Core"),
        markdown(deeper.format("###")),
        code("a = 1"),
        markdown("#### Below\n\nText."),
        markdown("### Beside"),
        markdown(deeper.format("##") + "\n\n### Below\n\nText."),
        code("b = 2"),
        markdown("## Summary"),
        code("c = 3"),
    )
    assert [source for _, source in cells] == ["## Core", "### Beside", "## Summary", "c = 3"]


def test_lines_that_keep_numbers_and_cells_that_check_are_no_slide():
    cells = made(code("a = 1\nglue('a', a)\nprint(a)"), code("assert a\nglue('a', a)"))
    assert cells == [("-", "a = 1\nprint(a)")]


def test_tags_begin_and_delay():
    cells = made(markdown("One."), code("a = 1", "slide"), markdown("Two.", "fragment"))
    assert cells == [("-", "One."), ("slide", "a = 1"), ("fragment", "Two.")]


def test_long_code_goes_on_and_docstrings_are_short():
    function = 'def f():\n    """First line.\n\n    More.\n    """\n' + "    x = 1\n" * 10
    portions = slides.portions("\n\n".join([function.rstrip()] * 3))
    assert [portion.count("def f") for portion in portions] == [1, 1, 1]
    assert all("More" not in portion for portion in portions)
    assert 'f():\n    """First line."""\n    x = 1' in portions[0]
    short = 'def g():\n    """One."""\n    return """two"""'
    assert slides.portions(short) == [short]


def test_slides_of_a_chapter_need_no_network(tmp_path):
    page = next(page for page in chapters() if page.count("/") == 2)
    path = slides.write(page, tmp_path)
    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    wanted = [tag["src"] for tag in soup.select("script[src], img[src]")]
    wanted += [tag["href"] for tag in soup.select("link[href]")]
    wanted += re.findall(r'url\("([^"]+)"\)', "".join(tag.text for tag in soup.select("style")))
    files = [name for name in wanted if not name.startswith("data:")]
    assert len(files) >= 5
    assert all((path.parent / name).is_file() for name in files), files
    assert all(image.get("alt") for image in soup.select("img")), "a picture without description"
    assert (
        len(soup.select(".slides > section"))
        == sum(
            part.startswith("## ")
            and not part.startswith("## Exercises")
            and slides.DEEPER not in part
            for cell in export(page).cells
            if cell.cell_type == "markdown"
            for part in re.split(r"(?m)^(?=## )", cell.source)
        )
        + 1
    )
    assert soup.select("aside.notes")


def test_an_unknown_chapter_is_named(monkeypatch):
    monkeypatch.setattr("sys.argv", ["slides", "nothing"])
    with pytest.raises(SystemExit, match="no chapter of that name: nothing"):
        slides.main()
