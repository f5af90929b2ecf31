"""A page of the built site without its poster, a number or an exercise is no page."""

import pytest

from tools.site import complete

SOURCE = """---
course: {poster: fig-one-a}
---
# One

```{code-cell} ipython3
---
mystnb:
  figure:
    name: fig-one-a
    caption: It is {glue:text}`one-b:.1f` long.
---
```
There are {glue:text}`one-a` and {glue:text}`one-b:.2f`.

:::{exercise} Try
:label: ex-one-try
:class: level-1
:::
"""
PAGE = """<html><body><nav><img src="a.png"></nav><article><h1>One</h1>
<figure id="fig-one-a"><img src="../_images/a.png"><span class="pasted-text">3.1</span></figure>
<span class="pasted-text">7</span> <span class="pasted-text">3.14</span>
<div id="ex-one-try">Try</div></article></body></html>"""


OBJECT = "&lt;a.B at 0x7fb51f343c90&gt;"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site of one page, on which everything is there."""
    monkeypatch.setattr(complete, "pages", lambda: ["book/one"])
    monkeypatch.setattr(complete, "text_of", lambda page: SOURCE)
    monkeypatch.setattr(complete, "course", lambda page: {"poster": "fig-one-a"})
    (tmp_path / "_images").mkdir()
    (tmp_path / "_images" / "a.png").write_bytes(b"a picture")
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "one.html").write_text(PAGE, encoding="utf-8")
    return tmp_path


def test_a_page_with_all_it_promises_passes(site):
    assert complete.problems(site) == []


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ('id="fig-one-a"', "", "poster fig-one-a shows no picture"),
        ("../_images/a.png", "../_images/lost.png", "poster fig-one-a shows no picture"),
        ('<span class="pasted-text">7</span>', "", "3 glued numbers stand in the source, 2 on"),
        (">3.14<", "><", "3 on the page, 1 of them empty: glue"),
        ('id="ex-one-try"', "", "exercise ex-one-try is not on the page"),
        ("<h1>One</h1>", "", "it has no title"),
        ("</article>", f"<p class='cell_output'>{OBJECT}</p></article>", "shows <a.B at 0x7f"),
        ("article>", "main>", "no page book/one.html"),
    ],
)
def test_what_is_not_there_is_named(site, was, now, words):
    assert was in PAGE
    (site / "book" / "one.html").write_text(PAGE.replace(was, now), encoding="utf-8")
    found = complete.problems(site)
    assert len(found) == 1
    assert words in found[0]


def test_an_empty_site_is_no_site(tmp_path):
    assert len(complete.problems(tmp_path)) == len(list(complete.pages()))
