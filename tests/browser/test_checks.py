"""Each check of the suite, seen red on a small site that has one thing wrong."""

import os
import shutil

import pytest
from PIL import Image

from tests.browser import browser as look
from tests.browser.links import broken, unlisted
from tools.pages.chapters import ROOT

PAGE = """<!DOCTYPE html>
<html lang="en" data-theme="light"><head><meta charset="utf-8"><title>A page</title>
<link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  html { background: white; color: black } html[data-theme=dark] { background: black; color: white }
  a, button { color: inherit; background: none } .toggle-hidden p { display: none }
  :focus-visible { outline: 3px solid } pre, .table-responsive { overflow: auto }
  details { max-width: 400px }
</style>
<script defer src="_static/scroll.js"></script>
</head><body>
<a href="#main">To the text</a>
<button class="theme-switch-button"
  onclick="document.documentElement.dataset.theme = 'dark'">Dark</button>
<main id="main"><article>
<h1>A page</h1>
<p>A formula <span class="math"><mjx-container>x</mjx-container></span>,
  and code: <code>\\(x\\)</code>.
  <a download href="file.ipynb">The notebook</a></p>
<img src="picture.png" alt="A grey square." width="20">
<details><summary>Solution</summary><p>Hidden.</p><pre>%s</pre></details>
<div class="toggle toggle-hidden"><button class="toggle-button"
  onclick="this.parentElement.classList.toggle('toggle-hidden')">Hint</button><p>Hidden.</p></div>
<div class="table-responsive"><div style="width: 700px">Fits, but not on a phone.</div></div>
<div class="control"><label>size <input type="range" max="3" value="1"
  oninput="this.parentElement.nextElementSibling.textContent = this.value"></label><pre>1</pre>
</div>
</article></main>
<script>document.querySelectorAll("pre").forEach((pre) => {  // once, as the theme does
  pre.tabIndex = pre.scrollWidth > pre.clientWidth ? 0 : -1;
})</script>
</body></html>
"""
PAGE = PAGE.replace("%s", "a line that is wider than its place, " * 3)

# What is wrong: the check that must see it, a part of the page, what stands in its place.
WRONG = {
    "an error in a script": ("console", "</body>", "<script>nowhere()</script></body>"),
    "a style that is not there": (
        "failed requests",
        "<style>",
        '<link rel="stylesheet" href="no.css"><style>',
    ),
    "a script from elsewhere": (
        "third party",
        "</body>",
        '<script src="https://example.org/x.js"></script></body>',
    ),
    "a formula left alone": ("formulas", "<mjx-container>x</mjx-container>", "x^2"),
    "a formula with an error": ("formulas", ">x</mjx", "><mjx-merror>x</mjx-merror></mjx"),
    "a red word in a formula": (
        "formulas",
        ">x</mjx",
        '><mjx-mtext style="color: red">x</mjx-mtext></mjx',
    ),
    "raw mathematics": ("formulas", "A formula", "A formula \\(x\\) and"),
    "raw dollars": ("formulas", "A formula", "A formula $$x$$ and"),
    "raw mark-up": ("markup", "A formula", "A formula of {doc}`there`"),
    "a picture that is not there": ("images", 'src="picture.png"', 'src="other.png"'),
    "a picture without words": ("alt", 'alt="A grey square."', 'alt=""'),
    "a picture with its name for words": ("alt", 'alt="A grey square."', 'alt="picture.png"'),
    "a solution that stays closed": (
        "dropdowns",
        "<summary>",
        '<summary onclick="event.preventDefault()">',
    ),
    "a hint for the mouse alone": (
        "dropdowns",
        'toggle-button"',
        'toggle-button" onkeydown="event.preventDefault()" onkeyup="event.preventDefault()"',
    ),
    "a slider that does nothing": ("controls", "oninput", "data-was"),
    "a slider for the mouse alone": (
        "controls",
        "<input",
        '<input onkeydown="event.preventDefault()"',
    ),
    "no ring around what is in focus": ("keyboard", "outline: 3px solid", "outline: none"),
    "a click on what is no button": ("keyboard", "<h1>", '<h1 onclick="alert()">'),
    "another order of tabs": ("keyboard", "<a download", '<a tabindex="3" download'),
    "no link past the navigation": ("skip link", '<a href="#main">To the text</a>', ""),
    "a link past the navigation to nowhere": ("skip link", "#main", "#text"),
    "no dark mode": ("dark mode", "dataset.theme = 'dark'", "dataset.theme = 'light'"),
    "wider than a phone": ("width", "<h1>", '<div style="width: 800px">wide</div><h1>'),
    "cut off on a phone": (
        "width",
        "<h1>",
        '<div style="overflow: hidden"><div style="width: 800px">wide</div></div><h1>',
    ),
    "text that waits for the formulas' script": (
        "first text",
        "<style>",
        '<script src="mathjax/slow.js"></script><style>',
    ),
    "text that waits for the formulas' style": (
        "first text",
        "<style>",
        '<link rel="stylesheet" href="mathjax/slow.css"><style>',
    ),
    "text that a script shows when formulas are set": (
        "first text",
        "<style>",
        "<style>body { visibility: hidden }",
    ),
    "a block that becomes too wide when its fold opens": (
        "scrolling",
        '<script defer src="_static/scroll.js"></script>',
        "",
    ),
    "a block that is too wide on a phone, of no known kind": (
        "scrolling",
        'class="table-responsive"',
        'style="overflow: auto"',
    ),
    "a heavy page": ("size", "</body>", f"<!-- {'x' * look.OWN} --></body>"),
    "a heavy script": ("size", "</body>", '<script src="_static/heavy.js"></script></body>'),
    "a notebook that is not there": ("downloads", "file.ipynb", "no.ipynb"),
    "grey on white": (
        "accessible, light",
        "<h1>",
        '<style>html[data-theme="light"] p { color: #aaa }</style><h1>',
    ),
    "grey on black": (
        "accessible, dark",
        "<h1>",
        '<style>html[data-theme="dark"] p { color: #444 }</style><h1>',
    ),
    "a button without a name": ("accessible, light", ">Hint<", "><"),
    "text outside every landmark": ("accessible, light", "<main", "<p>Lost.</p><main"),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A site of one good page and one for everything that can be wrong."""
    root = tmp_path_factory.mktemp("site")
    for folder in ("_static", "mathjax"):
        (root / folder).mkdir()
    Image.new("RGB", (20, 20), "grey").save(root / "picture.png")
    (root / "file.ipynb").write_text("{}", encoding="utf-8")
    shutil.copy(ROOT / "book" / "_static" / "scroll.js", root / "_static")
    for name in ("slow.js", "slow.css"):
        (root / "mathjax" / name).write_text("", encoding="utf-8")
    (root / "_static" / "heavy.js").write_text(
        f"// {os.urandom(look.SHARED).hex()}", encoding="utf-8"
    )
    (root / "good.html").write_text(PAGE, encoding="utf-8")
    for number, (_, part, instead) in enumerate(WRONG.values()):
        assert PAGE.count(part), part
        (root / f"{number}.html").write_text(PAGE.replace(part, instead, 1), encoding="utf-8")
    server = look.serve(root)
    yield server
    server.shutdown()


def test_a_good_page_has_nothing_wrong_and_its_pictures_are_kept(browser, small, tmp_path):
    assert look.check(browser, small, "good.html", tmp_path) == {}
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"good-{look}.jpg" for look in ("light", "dark", "phone")}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_seen(browser, small, what):
    number, check = list(WRONG).index(what), WRONG[what][0]
    with look.Visit(browser, small, f"{number}.html") as visit:
        checks = look.checks(visit, None, look.Known())
        assert any(found for name, found in checks if name == check)


NEW = {  # on a page of which all else is known
    "grey letters of a new kind": (
        "accessible, light",
        '<h1>A page</h1><p class="new" style="color: #aaa">Pale.</p>',
    ),
    "a fold of a new kind": (
        "dropdowns",
        '<h1>A page</h1><details class="new"><summary onkeydown="event.preventDefault()" '
        'onkeyup="event.preventDefault()">Answer</summary><p>Hidden.</p></details>',
    ),
    "other styles": (
        "accessible, dark",
        '<style>html[data-theme="dark"] p { color: #444 }</style><h1>A page</h1>',
    ),
}


@pytest.mark.timeout(300)
def test_what_is_new_is_seen_and_what_is_known_is_not_tried_again(browser, small):
    known, page = look.Known(), small.site / "new.html"
    names = '<script>var name = "%s"</script><h1>'
    page.write_text(PAGE.replace("<h1>", names % "one"), encoding="utf-8")
    assert look.check(browser, small, "new.html", None, known) == {}
    before = len(known.folds), len(known.colours)
    assert min(before) > 1
    page.write_text(PAGE.replace("<h1>", names % "two"), encoding="utf-8")
    assert look.check(browser, small, "new.html", None, known) == {}
    assert (len(known.folds), len(known.colours)) == before
    for name, (check, instead) in NEW.items():
        html = PAGE.replace("<h1>A page</h1>", names[:-4] % "three" + instead)
        page.write_text(html, encoding="utf-8")
        assert set(look.check(browser, small, "new.html", None, known)) == {check}, name
    page.unlink()


def test_pages_are_found_by_walking(small):
    assert len(look.pages(small.site)) == len(WRONG) + 1


LINKS = """<h1 id="here">Here</h1><img src="{0}picture.png"><a href="#here"></a>
<a href="{0}part/two.html#here"></a><a href="mailto:a@example.org"></a>
<a href="https://example.org/no.html"></a><meta property="og:image" content="{1}picture.png">
"""


def test_broken_links_are_seen(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "picture.png").write_bytes(b"")
    one, two = tmp_path / "one.html", tmp_path / "part" / "two.html"
    one.write_text(LINKS.format("", look.BASE), encoding="utf-8")
    two.write_text(LINKS.format("../", look.BASE), encoding="utf-8")
    (tmp_path / "sitemap.xml").write_text(
        f'<urlset xmlns="x"><url><loc>{look.BASE}one.html</loc></url></urlset>',
        encoding="utf-8",
    )
    assert broken(tmp_path) == []
    assert unlisted(tmp_path) == []

    wrong = ["three.html", "one.html#there", look.PREFIX + "four.html", look.BASE + "no.png"]
    one.write_text(
        one.read_text(encoding="utf-8") + "".join(f'<a href="{link}"></a>' for link in wrong),
        encoding="utf-8",
    )
    two.write_text(two.read_text(encoding="utf-8") + '<img src="picture.png">', encoding="utf-8")
    assert broken(tmp_path) == [f"one.html: {link}" for link in wrong] + [
        "part/two.html: picture.png"
    ]
    (tmp_path / "sitemap.xml").write_text(
        f'<urlset xmlns="x"><url><loc>{look.BASE}five.html</loc></url></urlset>',
        encoding="utf-8",
    )
    assert unlisted(tmp_path) == [f"{look.BASE}five.html"]
