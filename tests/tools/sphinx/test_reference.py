"""The reference pages of a small book: API, errata, both spellings in the search."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tools.pages.chapters import ROOT, pages, text_of
from tools.sphinx.directives import companion_api
from tools.sphinx.source import spellings

CONF = """extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
extensions += ["tools.sphinx.directives.erratum", "tools.sphinx.directives.companion_api"]
extensions += ["tools.sphinx.source.spellings"]


def late(app, doctree, page):
    # As late as the map of methods is written.
    from docutils import nodes
    doctree[0].append(nodes.raw("", "<p>Equalisation</p>", format="html"))


def setup(app):
    app.connect("doctree-resolved", late)


exclude_patterns = ["_build", "tools", "companion"]
root_doc = "book/index"
myst_enable_extensions = ["colon_fence", "dollarmath"]
add_module_names = False
napoleon_use_ivar = True
strip_signature_backslash = True
numfig = True
"""
FILES = {
    "conf.py": CONF,
    "_toc.yml": "root: book/index\nchapters:\n- file: book/one/first\n- file: book/errata\n"
    "- file: book/corrections\n"
    "- file: book/api\n- file: book/api_ground\n- file: book/api_one\n",
    "book/index.md": "# Index\n\n```{toctree}\none/first\nerrata\ncorrections\n"
    "api\napi_ground\napi_one\n```\n",
    "book/one/first.md": "# First\n\nThe reparametrisation of a colour, and *optimizers*.\n\n"
    "## From the sources\n\n```{erratum} notes\n:printed: $1 + 1 = 3$ and |x|\n:right: it is 2\n"
    "```\n\n"
    "See.\n\n```{erratum} first\n:printed: it is 4\n:right: it is 2\n```\n\n"
    "Seen.\n\n```{literalinclude} ../../companion/one/a.py\n:pyobject: Widget.turn\n```\n",
    "book/errata.md": "# Errata\n\n```{errata} wrong\n```\n\n```{errata} loose\n```\n",
    "book/corrections.md": "# Corrections\n\n```{errata} corrected\n```\n",
    "book/api.md": "# API\n\n```{api-table}\n```\n",
    "book/api_ground.md": "# Ground\n\n```{api} ground\n```\n",
    "book/api_one.md": "# One\n\n```{api} one\n```\n",
    "companion/__init__.py": "",
    "companion/base.py": '"""What `all` need."""\n\n\ndef _hidden():\n    """No."""\n',
    "companion/one/__init__.py": "",
    "companion/one/a.py": '''"""Widgets.

More of them.
"""


class Widget:
    """A thing of shape (n, *event) with |x| and trailing_ names.

    Attributes
    ----------
    size_ : tensor (n, *event)
        Sum of |a - b|.

    Examples
    --------
    >>> 2 * 3
    6
    """

    def turn(self, angle):
        """Turn it, see `angle`."""
''',
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages of the small book, built strictly."""
    root = tmp_path_factory.mktemp("book")
    shutil.copytree(ROOT / "tools", root / "tools")
    shutil.copy(ROOT / "_config.yml", root)
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", ".", "_build"]
    run = subprocess.run(
        command,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return root / "_build"


def page(site, name):
    """The body of a page."""
    return (
        (site / f"book/{name}.html").read_text(encoding="utf-8").partition('<div class="body"')[2]
    )


def test_an_object_links_to_the_chapter_that_shows_it_and_back(site):
    api, chapter = page(site, "api_one"), page(site, "one/first")
    assert 'id="companion.one.a.Widget"' in api
    below = api.partition('id="companion.one.a.Widget"')[2].partition("turn")[0]
    assert re.search(r'Shown in <a [^>]*href="one/first.html"', below)
    assert 'href="../api_one.html#module-companion.one.a"' in chapter
    assert "_hidden" not in page(site, "api_ground")
    assert 'href="api_one.html#module-companion.one.a"' in page(site, "api")


def test_docstrings_are_prose(site):
    api = page(site, "api_one")
    assert "(n, *event)" in api
    assert "with |x| and trailing_ names" in api
    assert "size_" in api
    assert "Attributes" in api


def test_an_erratum_is_listed_with_a_link_to_its_place(site):
    errata, chapter = page(site, "errata"), page(site, "one/first")
    assert 'id="erratum-first-1"' in chapter
    assert 'href="../errata.html"' in chapter
    assert 'href="one/first.html#erratum-first-1"' in errata
    assert "and |x|" in errata
    assert errata.count("<table") == 1, "no table without a mark"


def test_a_correction_of_our_own_has_its_own_page(site):
    corrections, chapter = page(site, "corrections"), page(site, "one/first")
    assert "it is 4" in corrections
    assert "it is 4" not in page(site, "errata")
    assert 'href="one/first.html#erratum-first-2"' in corrections
    assert 'href="../corrections.html"' in chapter


def index(site):
    """Sphinx's search index."""
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    return json.loads(text[text.index("{") : text.rindex("}") + 1])


def test_the_search_knows_both_spellings_and_the_classes(site):
    found = index(site)
    first = found["docnames"].index("book/one/first")

    def pages_with(stem):
        pages = found["terms"].get(stem, [])
        return pages if isinstance(pages, list) else [pages]

    stems = ("reparametris", "reparameter", "reparametr", "colour", "color", "optimis", "equal")
    for stem in stems:
        assert first in pages_with(stem), stem
    names = [entry[-1] for entries in found["objects"].values() for entry in entries]
    assert "Widget" in names


@pytest.mark.parametrize(
    ("word", "others"),
    [
        ("reparameterization", {"reparametrisation", "reparameterisation", "reparametrization"}),
        ("Normalising", {"normalizing"}),
        ("colourful", {"colorful"}),
        ("neighbors", {"neighbours"}),
        ("centres", {"centers"}),
        ("factorisation", {"factorization"}),
        ("regularized", {"regularised"}),
        ("grey", {"gray"}),
        ("unlabelled", {"unlabeled"}),
        ("parameter", set()),
        ("noise", set()),
        ("supervised", set()),
        ("exercises", set()),
        ("pairwise", set()),
    ],
)
def test_other_spellings(word, others):
    assert spellings.variants(word) == others


def test_every_part_has_its_api_page():
    listed = list(pages())
    wanted = [f"book/api_{part}" for part in companion_api.parts(listed)]
    assert [name for name in wanted if name not in listed] == [], (
        "write it, five lines, as the others"
    )
    for name in wanted:
        assert f"```{{api}} {name.removeprefix('book/api_')}" in text_of(name)
