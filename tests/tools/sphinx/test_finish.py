"""What is done to every page's HTML after the theme has rendered it."""

import numpy as np
import pytest
from PIL import Image
from sphinx.jinja2glue import BuiltinTemplateLoader
from sphinx.util import import_object

from tools.pages import chapters  # noqa: F401  puts the extensions on the path
from tools.sphinx.html import finish

HEAD = """
<script src="{0}_static/documentation_options.js?v=1"></script>
<script src="{0}_static/doctools.js?v=1"></script>
<script async="async" src="{0}_static/own.js"></script>
<script>let one = 1;</script>
<script>let one = 1;</script>
<script defer src="{0}_static/scripts/fontawesome.js?digest=1"></script>
<script src="{0}_static/searchtools.js"></script>
<script src="{0}searchindex.js"></script>
"""


@pytest.mark.parametrize("root", ["", "../../", "/learning-without-labels/"])
def test_scripts_come_once_and_wait_but_for_the_one_that_others_read(root):
    html = finish.finish(HEAD.format(root), "book/part/chapter")
    assert html.split("\n")[1:-1] == [
        f'<script src="{root}_static/documentation_options.js?v=1"></script>',
        f'<script defer src="{root}_static/doctools.js?v=1"></script>',
        f'<script async="async" src="{root}_static/own.js"></script>',
        "<script>let one = 1;</script>",
    ]


def test_the_search_page_keeps_its_index():
    html = finish.finish(HEAD.format(""), "search")
    assert 'defer src="_static/searchtools.js"' in html
    assert 'defer src="searchindex.js"' in html


def test_pictures_have_their_size_and_all_but_the_first_wait():
    image = '<img alt="a &gt; b" src="../../_images/{}.png" />'
    html = "".join(image.format(name) for name in "abc") + '<img src="_static/d.png" />'
    sizes = {"a.png": (3, 4), "b.png": (5, 6)}
    assert finish.pictures(html, sizes.get) == (
        '<img alt="a &gt; b" src="../../_images/a.png" decoding="async" width="3" height="4" />'
        '<img alt="a &gt; b" src="../../_images/b.png" decoding="async" loading="lazy"'
        ' width="5" height="6" />'
        '<img alt="a &gt; b" src="../../_images/c.png" decoding="async" loading="lazy" />'
        '<img src="_static/d.png" />'
    )


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ('<section id="exercise-content">', '<section class="exercise-content">'),
        ('<section id="solution-content">', '<section class="solution-content">'),
        ('<div id="x" role="doc-biblioentry">', '<div id="x" role="listitem">'),
        (
            '<div id="pst-primary-sidebar" class="x">',
            '<div role="complementary" aria-label="Book" id="pst-primary-sidebar" class="x">',
        ),
    ],
)
def test_what_helpers_for_the_blind_stumble_over_is_mended(theirs, ours):
    assert finish.finish(theirs) == ours


def test_punctuation_stays_with_its_formula():
    formula = r'<span class="math notranslate nohighlight">\(x\)</span>'
    html = f"<p>If ({formula}), then {formula} or {formula}.</p><p>{formula}</p>"
    assert finish.finish(html) == (
        f'<p>If <span class="together">({formula}),</span> then {formula} or '
        f'<span class="together">{formula}.</span></p><p>{formula}</p>'
    )


def test_a_number_from_the_code_has_a_minus_and_stays_with_its_per_cent_sign():
    number = (
        '<p>By <span class="pasted-text">{}</span>{}% to <span class="pasted-text">-</span></p>'
    )
    expected = number.format("\N{MINUS SIGN}2.5", "&#160;")
    assert finish.finish(number.format("-2.5", "\n")) == expected


def test_pages_are_finished_with_the_sizes_of_the_book_s_pictures(tmp_path, monkeypatch):
    Image.new("RGB", (7, 8)).save(tmp_path / "shown.png")

    class Builder:
        srcdir = tmp_path
        images = {"shown.png": "copied.png"}  # noqa: RUF012

    page = '<img src="_images/copied.png">'
    monkeypatch.setattr(BuiltinTemplateLoader, "init", lambda self, builder: None)
    monkeypatch.setattr(BuiltinTemplateLoader, "render", lambda self, template, context: page)
    templates = finish.Templates()
    templates.init(Builder)
    assert 'width="7" height="8"' in templates.render("page.html", {"pagename": "x"})


def test_a_large_picture_keeps_its_look_in_fewer_bytes_and_a_small_one_its_bytes(tmp_path):
    waves = np.sin(np.arange(180)[:, None, None] / [9, 14, 23] + np.arange(200)[:, None] / 17)
    grain = np.random.default_rng(0).normal(0, 6, waves.shape)
    photograph = np.clip(128 + 90 * waves + grain, 0, 255).astype(np.uint8)
    large, small = tmp_path / "large.png", tmp_path / "small.png"
    Image.fromarray(photograph).save(large)
    Image.fromarray(photograph[:20, :20]).save(small)
    before, kept = large.stat().st_size, small.read_bytes()
    finish.lighten(tmp_path, large=len(kept))
    assert large.stat().st_size < before / 2
    assert small.read_bytes() == kept
    with Image.open(large) as image:
        seen = np.asarray(image.convert("RGB"), dtype=float)
    assert seen.shape == photograph.shape
    assert np.abs(seen - photograph).mean() < 12


def test_sphinx_finds_the_templates_by_the_name_that_the_extension_gives():
    class App:
        def connect(self, event, function):
            function(self, self)

    finish.setup(app := App())
    assert import_object(app.template_bridge) is finish.Templates


@pytest.mark.timeout(20)
def test_a_sound_in_the_page_takes_no_time():
    page = f'<audio src="data:audio/wav;base64,{"A" * 200_000}"></audio>'
    assert finish.finish(page) == page
