"""What the site makes of the front matter, in a small book: list, map, cards, foot, lost page."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
import yaml
from bs4 import BeautifulSoup
from docutils import nodes
from PIL import Image

from tests.tools import small_book
from tools.pages import front_matter
from tools.pages.chapters import ROOT
from tools.sphinx.html import page_foot, social_cards

SITE = "https://ORG.github.io/learning-without-labels"
PREFIX = "/learning-without-labels/"
TOC = """format: jb-book
root: book/index
parts:
  - caption: Start
    chapters: [{file: book/using}]
  - caption: Clustering
    numbered: 1
    chapters: [{file: book/clustering/kmeans}]
"""
INDEX = """# A small book

```{method-map}
```

## Some of it

```{chapter-list}
```
"""
USING = "# How to use\n\n## Cite it\n\n```{citation}\n```\n"
CHAPTER = (
    small_book.HEADER
    + """\
course:
  question: Which "few" points stand for all?
  poster: fig-kmeans-line
  goals: [groups, fewer]
  methods:
    - {name: K-means, kind: centres, at: The `idea`}
    - {name: Mixture & more, kind: distributions, goals: [density], at: fig-kmeans-line}
    - {name: Distortion, kind: centres, at: eq-kmeans-j}
---

# K-means

## The `idea`

```{math}
:label: eq-kmeans-j
J = 1
```

```{code-cell} ipython3
---
mystnb:
  image:
    alt: A line that rises.
  figure:
    name: fig-kmeans-line
    caption: A line.
---
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.show()
```
"""
)


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The folder of a book of one chapter, built."""
    root = tmp_path_factory.mktemp("book")
    files = {
        "_toc.yml": TOC,
        "book/index.md": INDEX,
        "book/using.md": USING,
        "book/clustering/kmeans.md": CHAPTER,
    }
    small_book.write(root, files, "book/course.yml")
    status, out = small_book.render(root)
    assert status == 0, out
    return root


@pytest.fixture(scope="module")
def page(book):
    """A function that parses a page of the built book."""

    def parse(name):
        return BeautifulSoup(
            (book / "_build/html" / f"{name}.html").read_text(encoding="utf-8"), "html.parser"
        )

    return parse


def test_every_method_is_a_link_to_its_place_with_its_goals(book, page):
    links = page("book/index").select(".method-map .methods a")
    target = page("book/clustering/kmeans")
    assert [link.contents[0].strip() for link in links] == [
        "K-means",
        "Distortion",
        "Mixture & more",
    ]
    for link in links:
        path, _, anchor = link["href"].partition("#")
        assert path == "clustering/kmeans.html"
        assert target.find(id=anchor) is not None
    names = [link["href"].partition("#")[2] for link in links]
    assert names == ["the-idea", "equation-eq-kmeans-j", "fig-kmeans-line"]
    spoken = [link.select_one(".visually-hidden").text.strip() for link in links]
    assert spoken == 2 * ["(find groups, need fewer numbers)"] + ["(estimate a density)"]
    assert [link.parent["class"] for link in links] == 2 * [["for-groups", "for-fewer"]] + [
        ["for-density"]
    ]
    assert [len(link.select("svg[aria-hidden=true]")) for link in links] == [2, 2, 1]


def test_the_map_has_the_tree_of_generative_models_without_a_script(page):
    tree = page("book/index").select_one(".method-map .branch-blue")
    headings = {level: [h.text for h in tree.select(level)] for level in ("h3", "h4", "h5", "h6")}
    assert headings["h3"] == ["Generative models"]
    assert headings["h4"] == ["Explicit density", "Implicit density"]
    assert headings["h5"] == ["Tractable", "Approximate", "In one step", "In many steps"]
    assert headings["h6"] == ["Flows", "Variational", "Markov chain"], "those with something in it"
    whole = page("book/index").select_one(".method-map")
    assert not whole.select("script, [onclick]")
    buttons = whole.select("fieldset label input[type=radio][name=goal]")
    assert [b["value"] for b in buttons] == ["all", "density", "groups", "fewer"], (
        "goals with methods"
    )
    assert [b.has_attr("checked") for b in buttons] == [True, False, False, False]
    assert "GAN" in [li.span.contents[0] for li in whole.select("li.to-come")]
    assert "Huffman codes" in [li.span.contents[0] for li in whole.select("li.to-come")]


def test_the_chapters_are_listed_in_order_and_the_other_parts_are_to_come(page):
    listed = page("book/index").select_one(".chapter-list")
    (card,) = listed.select(".chapter-cards a")
    assert card["href"] == "clustering/kmeans.html"
    assert card.strong.text == "K-means"
    assert card.select_one("strong + span").text == 'Which "few" points stand for all?'
    assert listed.h3.text == "Part 1 Clustering"
    to_come = [(li["value"], li.strong.text) for li in listed.select(".parts-to-come li")]
    parts = [part["part"] for part in front_matter.plan()["parts"]]
    assert to_come == [(str(n), name) for n, name in enumerate(parts, 1) if name != "Clustering"]


def test_cards_have_their_size_and_are_named_in_the_page(book, page):
    html = book / "_build" / "html"
    for name in ("book/index", "book/using", "book/clustering/kmeans"):
        tags = {m["property"]: m["content"] for m in page(name).select("meta[property]")}
        assert tags["og:image"] == f"{SITE}/_cards/{name}.png"
        with Image.open(html / "_cards" / f"{name}.png") as image:
            assert image.size == (1200, 630)
            assert image.size == (int(tags["og:image:width"]), int(tags["og:image:height"]))
            assert len(image.convert("RGB").getcolors(1 << 20)) > 20
    assert tags["og:image:alt"] == "K-means. A line that rises."
    assert tags["og:description"] == 'Which "few" points stand for all?'
    described = page(name).select("meta[name=description]")
    assert [m["content"] for m in described] == ['Which "few" points stand for all?']
    assert page(name).select_one("meta[name='twitter:card']")["content"] == "summary_large_image"
    assert (html / page("book/index").select_one(".chapter-cards img")["src"].lstrip("./")).exists()


@pytest.mark.parametrize(("alt", "said"), [("A line.", "A line."), ("", "Where it goes.")])
def test_a_picture_without_a_description_is_described_by_its_caption(monkeypatch, alt, said):
    image = nodes.image(uri="line.png", alt=alt)
    figure = nodes.figure("", image, nodes.caption("", "Where\nit goes."), names=["fig-line"])
    monkeypatch.setattr(social_cards, "course", lambda page: {"poster": "fig-line"})
    env = SimpleNamespace(srcdir="book", get_doctree=lambda page: figure)
    assert social_cards.poster(env, "one") == (Path("book/line.png"), said)


def test_the_sitemap_lists_all_pages(book):
    tree = ElementTree.parse(book / "_build" / "html" / "sitemap.xml")
    found = {node.text for node in tree.iter() if node.tag.endswith("}loc")}
    assert found == {f"{SITE}/book/{n}.html" for n in ("index", "using", "clustering/kmeans")}


def test_every_page_can_be_reported_and_says_how_to_cite(page):
    for name, title in (("book/using", "How to use"), ("book/clustering/kmeans", "K-means")):
        links = [a for a in page(name).select("a") if a.text.strip() == page_foot.REPORT]
        assert len(links) == 2, "one in the menu of the head, one at the foot"
        for link in links:
            asked = parse_qs(urlsplit(link["href"]).query)
            assert asked["title"] == [f"{title} ({name}): "]
            assert f"{SITE}/{name}.html" in asked["body"][0]
        cite = page(name).select_one(".page-foot a[href$='#cite-it']")
        assert cite.text == "How to cite"
    assert page("book/using").find(id="cite-it") is not None


def test_the_citation_is_that_of_the_repository(page):
    shown = page("book/using").select_one("pre").text.strip()
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert shown == page_foot.bibtex(citation)
    fields = dict(re.findall(r"^  (\w+) += \{(.*)\},?$", shown, re.M))
    assert fields["title"] == "{" + citation["title"] + "}"
    assert fields["url"] == citation["url"]
    assert fields["year"] == str(citation["date-released"].year)


def test_people_are_cited_by_family_and_given_name():
    cff = {"title": "A: b", "date-released": "2026-01-02", "url": "u", "version": 1}
    people = [{"family-names": "Noether", "given-names": "Emmy"}, {"name": "A Group"}]
    assert "author  = {Noether, Emmy and {A Group}}" in page_foot.bibtex(cff | {"authors": people})


def test_the_page_for_lost_readers_helps_from_any_address(page):
    lost = page("404")
    assert lost.h1.text.startswith("There is no such page") or lost.select_one(".lost h1")
    form = lost.select_one(".lost form")
    assert form["action"] == f"{PREFIX}search.html"
    assert form.select_one("input[name=q]")["id"] == form.label["for"]
    assert lost.select_one(".lost a")["href"] == f"{PREFIX}book/index.html"
    for tag in lost.select("link[href], script[src], a[href], img[src], form[action]"):
        address = tag.get("href") or tag.get("src") or tag.get("action")
        assert re.match(rf"{PREFIX}|https://|#", address), f"relative: {tag}"


def test_a_build_refuses_places_that_are_not_there(book, tmp_path):
    root, text = tmp_path / "book", CHAPTER
    shutil.copytree(book, root)
    for old, new in [
        ("{name: K-means, kind: centres, at: The `idea`}", "{name: A, kind: centres, at: B}"),
        ("poster: fig-kmeans-line", "poster: fig-kmeans-curve"),
    ]:
        assert old in text
        text = text.replace(old, new)
    (root / "book/clustering/kmeans.md").write_text(text, encoding="utf-8")
    status, out = small_book.render(root)
    assert status != 0
    assert "'B', no heading" in out
    assert "no figure named 'fig-kmeans-curve'" in out


def test_the_picture_of_the_book_is_small_and_made_by_the_tool():
    import tools.site.picture

    assert tools.site.picture.TARGET.stat().st_size < 300_000
    with Image.open(tools.site.picture.TARGET) as image:
        assert image.size == (tools.site.picture.WIDTH, tools.site.picture.HEIGHT)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"]({tools.site.picture.TARGET.relative_to(ROOT)})" in readme
