"""Each check of the suite, seen red on a small site that has one thing wrong."""

import os

import pytest
from PIL import Image

from tests.browser import browser as look
from tests.browser.links import broken, unlisted

PAGE = """<!DOCTYPE html>
<html lang="en" data-theme="light"><head><meta charset="utf-8"><title>A page</title>
<link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  html { background: white; color: black } html[data-theme=dark] { background: black; color: white }
  a, button { color: inherit; background: none } .toggle-hidden p { display: none }
  :focus-visible { outline: 3px solid }
</style>
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
<details><summary>Solution</summary><p>Hidden.</p></details>
<div class="toggle toggle-hidden"><button class="toggle-button"
  onclick="this.parentElement.classList.toggle('toggle-hidden')">Hint</button><p>Hidden.</p></div>
<div class="control"><label>size <input type="range" max="3" value="1"
  oninput="this.parentElement.nextElementSibling.textContent = this.value"></label><pre>1</pre>
</div>
</article></main>
</body></html>
"""

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
        "first paint",
        "<style>",
        '<script src="mathjax/slow.js"></script><style>',
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
    (root / "file.ipynb").write_text("{}")
    (root / "mathjax" / "slow.js").write_text("")
    (root / "_static" / "heavy.js").write_text(f"// {os.urandom(look.SHARED).hex()}")
    (root / "good.html").write_text(PAGE)
    for number, (_, part, instead) in enumerate(WRONG.values()):
        assert PAGE.count(part), part
        (root / f"{number}.html").write_text(PAGE.replace(part, instead, 1))
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
    assert check in look.check(browser, small, f"{number}.html")


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
    one.write_text(LINKS.format("", look.BASE))
    two.write_text(LINKS.format("../", look.BASE))
    (tmp_path / "sitemap.xml").write_text(
        f'<urlset xmlns="x"><url><loc>{look.BASE}one.html</loc></url></urlset>'
    )
    assert broken(tmp_path) == []
    assert unlisted(tmp_path) == []

    wrong = ["three.html", "one.html#there", look.PREFIX + "four.html", look.BASE + "no.png"]
    one.write_text(one.read_text() + "".join(f'<a href="{link}"></a>' for link in wrong))
    two.write_text(two.read_text() + '<img src="picture.png">')
    assert broken(tmp_path) == [f"one.html: {link}" for link in wrong] + [
        "part/two.html: picture.png"
    ]
    (tmp_path / "sitemap.xml").write_text(
        f'<urlset xmlns="x"><url><loc>{look.BASE}five.html</loc></url></urlset>'
    )
    assert unlisted(tmp_path) == [f"{look.BASE}five.html"]
