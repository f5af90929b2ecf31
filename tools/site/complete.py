"""Is the site really there? What a page of the built site lacks of what its source promises.

And what it shows that nobody meant to.

A build can succeed and leave a page without its poster, a number or its exercises. The build
asks here before it says that the site stands.
"""

import re

from bs4 import BeautifulSoup
from docutils.nodes import make_id

from tools.pages.chapters import pages, text_of
from tools.pages.front_matter import FRONT, course

GLUED = re.compile(r"\{glue:text\}`([^`:]+)")
ADDRESS = re.compile(r"<[^<>]+ at 0x[0-9a-f]+>")
EXERCISE = re.compile(r"^[:`]{3,}\{exercise(?:-start)?\}.*\n:label: *(\S+)", re.M)


def parsed(page, site):
    """Return the article of a page, or None if the page is not there."""
    path = site / f"{page}.html"
    html = path.read_text(encoding="utf-8") if path.exists() else ""
    return BeautifulSoup(html, "html.parser").find("article")


def is_shown(figure, page, site):
    """Say whether a figure holds a picture that is there."""
    folder = (site / page).parent
    images = figure.find_all("img") if figure else []
    return any(i["src"].startswith("data:") or (folder / i["src"]).is_file() for i in images)


def lacking(page, article, site):
    """Yield what the article of a page lacks, and what to do."""
    if article is None:
        yield f"no page {page}.html: is it in _toc.yml?"
        return
    if article.find("h1") is None:
        yield "it has no title: does its source begin with # and a title, below the header?"
    text = FRONT.sub("", text_of(page))
    poster = course(page).get("poster")
    if poster and not is_shown(article.find(id=make_id(poster)), page, site):
        yield f"its poster {poster} shows no picture: does the cell of that figure draw one?"
    promised = GLUED.findall(text)
    values = [span.get_text(strip=True) for span in article.select("span.pasted-text")]
    if len([value for value in values if value]) < len(promised):
        yield (
            f"{len(promised)} glued numbers stand in the source, {len(values)} on the page, "
            f"{values.count('')} of them empty: glue what is missing in a cell"
        )
    for output in article.select(".cell_output"):
        if found := ADDRESS.search(output.get_text()):
            yield f"a cell shows {found[0]}, another at each run: give what it ends in a name"
    for label in EXERCISE.findall(text):
        if article.find(id=label) is None:
            yield f"exercise {label} is not on the page: is its directive closed and dedented?"


def problems(site):
    """Return what the site lacks, as sentences for an author; all pages of `_toc.yml` are read."""
    return [
        f"{page}.md: {what}" for page in pages() for what in lacking(page, parsed(page, site), site)
    ]
