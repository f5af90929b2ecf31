"""Slides in a browser without network: formulas are set, and nothing is larger than its slide."""

import nbformat
import pytest

from tests.browser.browser import HANG
from tools.slides import slides

LONG = "A sentence that fills a line and goes on for a while, so that the slide is full. " * 5
CODE = "\n".join(f"number_{i} = {i}" for i in range(40))
TOO_LARGE = """() => Reveal.getSlides().filter((slide) => {
  const { h, v } = Reveal.getIndices(slide);
  Reveal.slide(h, v);
  return slide.scrollHeight > 722 || slide.scrollWidth > 1282;
}).length"""


@pytest.fixture
def tab(browser, tmp_path):
    """The slides of a small chapter that has too much for a slide."""
    formula = "Let\n\n$$\n\\sum_n x_n\n$$\n\nbe known."
    text = "# A chapter\n\n## Long\n\n" + "\n\n".join([f"{LONG}$x_1$\n\n{formula}"] * 6)
    cells = [nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell(CODE)]
    path = tmp_path / "small.slides.html"
    path.write_text(
        slides.slides(nbformat.v4.new_notebook(cells=cells), "A chapter"), encoding="utf-8"
    )
    slides.write_assets(tmp_path)
    tab = browser.new_page(viewport={"width": 1280, "height": 720})
    tab.set_default_timeout(HANG * 1000)
    tab.problems = []
    tab.on("console", lambda message: tab.problems.append(message.text))
    tab.on("pageerror", lambda error: tab.problems.append(str(error)))
    tab.on("requestfailed", lambda request: tab.problems.append(request.url))
    tab.goto(path.as_uri())
    tab.wait_for_selector(".reveal.ready")
    yield tab
    tab.close()


def test_everything_fits(tab):
    assert tab.problems == []
    assert tab.locator("mjx-container").count() == 12
    assert tab.evaluate("Reveal.getTotalSlides()") > 3
    assert tab.evaluate(TOO_LARGE) == 0


def test_a_slide_that_is_too_full_is_noticed(tab):
    tab.evaluate("Reveal.getSlides()[1].append(...Reveal.getSlides()[2].children)")
    assert tab.evaluate(TOO_LARGE) == 1
