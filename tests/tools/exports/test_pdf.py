"""The book on paper and the packed site, made of a small book by the system's Chromium."""

import re
import zipfile
from itertools import pairwise

import pytest

from tests.tools import small_book
from tools.exports import pdf
from tools.site import offline

if pdf.CHROMIUM is None:
    pytest.skip(
        f"no Chromium to print with: install one of {', '.join(pdf.NAMES)}", allow_module_level=True
    )
pypdf = pytest.importorskip("pypdf")
sync_api = pytest.importorskip("playwright.sync_api")

ONE = """---

# Chapter one

Go on with {doc}`two`, above all with {ref}`its end <end-of-two>`. $a_0$

```{math}
:label: eq-one-first
x = y
```

## Something to move

```{code-cell} ipython3
---
mystnb:
  figure:
    name: fig-one-slider
    caption: A caption.
tags: [hide-input]
---
from companion.interactive import slider

slider(["cold sample", "warm sample", "hot sample"], {"temperature": [1, 2, 3]}, shown=[0, 2])
```

```{code-cell} ipython3
print("printed", "by", "a", "line", "of", "code", "of", "ninety-six", "characters,", "all", "seen")
```

:::{exercise} Try it
:label: ex-one-try
Do something.
:::

:::{solution} ex-one-try
:class: dropdown
This is how.
:::

## Summary

The last word before the solutions.
"""
TWO = """# Chapter two

An unheard-of word: quokka.

```{math}
:label: eq-two-last
WIDE
```

Among words it is as wide: $WIDE$.

(end-of-two)=
## The end

Above stands {eq}`eq-two-last`.
"""
TOC = """format: jb-book
root: book/index
parts:
  - caption: Clustering
    numbered: 1
    chapters: [{file: book/part/one}, {file: book/part/two}]
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A built site of two chapters; its folder is `_build/html`."""
    root = tmp_path_factory.mktemp("book")
    wide = r"z = \underbrace{" + " + ".join(f"a_{{{i}}}" for i in range(40)) + "}_n"
    files = {
        "_toc.yml": TOC,
        "book/index.md": "# A small book\n",
        "book/part/one.md": small_book.HEADER + ONE,
        "book/part/two.md": TWO.replace("WIDE", wide),
    }
    small_book.write(root, files, "book/course.yml")
    status, out = small_book.render(root)
    assert status == 0, out[-3000:]
    return root


@pytest.fixture(scope="module")
def printed(book):
    """The small book on paper."""
    target = book / "small.pdf"
    count = pdf.make(book / "_build" / "html", target, book)
    reader = pypdf.PdfReader(target)
    assert len(reader.pages) == count
    return reader


def texts(reader):
    """The text of each sheet, white space aside."""
    return [" ".join(sheet.extract_text().split()) for sheet in reader.pages]


@pytest.mark.timeout(600)
def test_title_contents_and_page_numbers(printed):
    title, contents, *sheets = texts(printed)
    assert title.startswith("Learning Without Labels")
    first = next(i for i, text in enumerate(sheets) if "Go on with" in text)
    second = next(i for i, text in enumerate(sheets) if "quokka" in text)
    assert re.search(rf"1\. Chapter one {first + 1} 2\. Chapter two {second + 1}\b", contents)
    assert printed.page_labels == ["i", "ii", *map(str, range(1, len(sheets) + 1))]
    for number, text in enumerate(sheets, 1):
        assert re.search(rf"(^| ){number}( |$)", text)


@pytest.mark.timeout(600)
def test_nothing_is_cut_off_and_nothing_is_left_of_the_screen(printed):
    text = " ".join(texts(printed)[2:])
    assert '"characters,", "all", "seen")' in text
    assert "cold sample temperature = 1" in text
    assert "hot sample temperature = 3" in text
    assert "warm sample" not in text, "that frame was not chosen for paper"
    assert "(1.1)" in text
    assert "(2.1)" in text
    assert "import slider" not in text, "code that only draws is left out"
    assert text.index("last word before") < text.index("Solutions") < text.index("This is how.")
    assert not re.search(r"Show the code|Copy|Previous|Next|Contents|Binder", text)


@pytest.mark.timeout(600)
def test_a_wide_formula_fits_on_the_sheet(printed):
    sheet = next(sheet for sheet in printed.pages if "quokka" in sheet.extract_text())
    right = []
    sheet.extract_text(visitor_text=lambda text, cm, tm, *rest: right.append(cm[0] * tm[4] + cm[4]))
    assert max(right) < float(sheet.mediabox.width) - 50


@pytest.mark.timeout(600)
def test_every_chapter_is_printed_in_letters_of_the_same_size(printed):
    sizes = []
    for word in ("Go on with", "quokka"):
        sheet = next(sheet for sheet in printed.pages[2:] if word in sheet.extract_text())
        sheet.extract_text(
            visitor_text=lambda text, cm, tm, font, size, word=word: (
                word.split()[0] in text and sizes.append(round(abs(cm[3] * tm[3] * size), 2))
            )
        )
    assert sizes == pytest.approx([10.5, 10.5], rel=0.01)


def test_what_does_not_fit_on_a_sheet_is_refused_unless_it_is_hidden(tmp_path):
    page = '<article class="bd-article"><h1>A page</h1><{0} {1}>Far out.</{0}></article>'
    wide = 'style="position: absolute; width: 900px"'
    (tmp_path / "wide.html").write_text(page.format("p", wide), encoding="utf-8")
    (tmp_path / "spoken.html").write_text(page.format("mjx-assistive-mml", wide), encoding="utf-8")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=pdf.CHROMIUM, args=pdf.FLAGS)
        with pytest.raises(ValueError, match=r"wide: 'Far out.' is wider than the sheet"):
            pdf.Printer(browser, tmp_path).chapter("wide", "")
        assert pdf.Printer(browser, tmp_path).chapter("spoken", "")[1]["title"] == "A page"
        browser.close()


@pytest.mark.timeout(600)
def test_links_lead_to_their_places_in_the_file(printed):
    goals, outside = [], []
    for sheet in printed.pages:
        for annotation in sheet.get("/Annots") or []:
            annotation = annotation.get_object()
            if "/Dest" in annotation:
                number = printed.get_page_number(annotation["/Dest"][0].get_object())
                goals.append((number, float(annotation["/Dest"][3])))
            else:
                outside.append(annotation["/A"]["/URI"])
    assert not any("invalid" in address or "127.0.0.1" in address for address in outside)
    quokka = next(i for i, text in enumerate(texts(printed)) if "quokka" in text)
    heights = sorted(top for number, top in goals if number == quokka)
    assert len(heights) == 4, "from the contents, the chapter's name, a place and a number"
    assert heights[0] < heights[-1] - 50, "the place stands below the heading"


def titles(outline, depth=0):
    """The entries of an outline with their depth."""
    for entry in outline:
        if isinstance(entry, list):
            yield from titles(entry, depth + 1)
        else:
            yield depth, entry.title


@pytest.mark.timeout(600)
def test_bookmarks_follow_the_parts_and_sections(printed):
    assert list(titles(printed.outline)) == [
        (0, "Contents"),
        (0, "Clustering"),
        (1, "1. Chapter one"),
        (2, "Something to move"),
        (2, "Summary"),
        (2, "Solutions"),
        (1, "2. Chapter two"),
        (2, "The end"),
    ]
    places = [printed.get_destination_page_number(entry) for entry in flat(printed.outline)]
    assert all(a <= b for a, b in pairwise(places))


def flat(outline):
    """The entries of an outline in order."""
    for entry in outline:
        yield from flat(entry) if isinstance(entry, list) else [entry]


@pytest.fixture(scope="module")
def unpacked(book):
    """The address of the packed site, unpacked, and a browser that has no network."""
    folder, target = book / "elsewhere", book / "small.zip"
    assert offline.pack(book / "_build" / "html", target) > 20
    again = book / "again.zip"
    offline.pack(book / "_build" / "html", again)
    assert again.read_bytes() == target.read_bytes(), "the same site gives the same file"
    zipfile.ZipFile(target).extractall(folder)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=pdf.CHROMIUM, args=pdf.FLAGS)
        yield (folder / offline.FOLDER).as_uri(), browser
        browser.close()


@pytest.fixture
def tab(unpacked):
    """A tab that records what goes wrong."""
    _, browser = unpacked
    page = browser.new_page()
    page.wrong = []
    page.on("console", lambda message: message.type == "error" and page.wrong.append(message.text))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("requestfailed", lambda request: page.wrong.append(request.url))
    yield page
    page.close()


@pytest.mark.timeout(600)
def test_the_unpacked_site_shows_formulas_and_leads_on(unpacked, tab):
    address, _ = unpacked
    tab.goto(f"{address}/index.html")
    tab.locator("nav a.reference.internal", has_text="Chapter one").first.click()
    tab.wait_for_url("**/part/one.html")
    tab.evaluate("MathJax.startup.promise")
    assert tab.locator("mjx-container").count() == 2
    assert tab.evaluate("[...document.fonts].filter((font) => font.status === 'error').length") == 0
    tab.locator("article a", has_text="Chapter two").click()
    tab.wait_for_url("**/part/two.html")
    assert tab.wrong == []


@pytest.mark.timeout(600)
def test_the_unpacked_site_can_be_searched(unpacked, tab):
    address, _ = unpacked
    tab.goto(f"{address}/search.html?q=quokka")
    tab.locator("#search-results li a").first.click()
    tab.wait_for_url("**/part/two.html*")
    assert tab.wrong == []


@pytest.mark.timeout(600)
def test_a_slider_moves_by_the_keyboard_and_says_where_it_is(unpacked, tab):
    address, _ = unpacked
    tab.goto(f"{address}/book/part/one.html")
    knob, says = tab.get_by_label("temperature"), tab.locator(".control output")
    panes = tab.locator(".control-frame:visible")
    assert says.inner_text() == knob.get_attribute("aria-valuetext") == "temperature = 2"
    assert panes.all_inner_texts() == ["warm sample"]
    height = tab.locator(".control").bounding_box()["height"]
    knob.focus()
    tab.keyboard.press("End")
    assert says.inner_text() == knob.get_attribute("aria-valuetext") == "temperature = 3"
    assert panes.all_inner_texts() == ["hot sample"]
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowLeft")
    assert panes.all_inner_texts() == ["cold sample"]
    assert tab.locator(".control").bounding_box()["height"] == height, "nothing jumps"
    assert tab.wrong == []
