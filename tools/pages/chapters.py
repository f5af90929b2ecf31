"""The pages of the book in reading order, each chapter as the notebook that the site shows."""

import copy
import difflib
import os
import re
import sys
from functools import cache

import yaml

from tools import ROOT
from tools.sphinx.source.companion_key import stamp
from tools.sphinx.source.strip_markers import strip

CACHE = ROOT / "_build" / ".jupyter_cache"
EXECUTED = ROOT / "_build" / "executed"
CELL = re.compile(r"^`{3,}\{code-cell\}", re.M)
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def use_one_thread():
    """Every kernel that is started from here computes on one thread: two give other numbers."""
    os.environ.update(ONE_THREAD)


def pages(node=None):
    """Yield the files that `_toc.yml` lists, in order, as in ``book/clustering/kmeans``."""
    if node is None:
        node = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    if isinstance(node, dict):
        yield from (node[key] for key in ("root", "file") if key in node)
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            if isinstance(child, dict | list):
                yield from pages(child)


def source(page):
    """Path of a page's source."""
    return ROOT / f"{page}.md"


def text_of(page):
    """Return the source of a page."""
    return source(page).read_text(encoding="utf-8-sig")


def load(page, *, markers=False):
    """Return a page as a notebook, its header stamped and its markers stripped, as Sphinx reads it.

    With `markers` those of solutions and hidden checks stay. A page without code cells gives None.
    """
    text = stamp(text_of(page))
    return copy.deepcopy(notebook_of(str(source(page)), text if markers else strip(text)))


@cache
def notebook_of(path, text):
    """Return a text as a notebook, None if it has no code cells; `path` is for messages."""
    from myst_nb.core.config import NbParserConfig
    from myst_nb.core.read import create_nb_reader
    from myst_parser.config.main import MdParserConfig

    reader = create_nb_reader(path, MdParserConfig(), NbParserConfig(), text)
    notebook = reader and reader.read(text)
    return notebook if notebook and any(c.cell_type == "code" for c in notebook.cells) else None


def has_code(page):
    """Say whether a page has code cells; its source is read, not parsed."""
    return bool(CELL.search(text_of(page)))


def chapters():
    """Pages that have code, in reading order."""
    return [page for page in pages() if has_code(page)]


def chapter_named(name):
    """Return the page of a chapter's name, as in ``kmeans``.

    Raises
    ------
    SystemExit
        If there is none.
    """
    found = {page.split("/")[-1]: page for page in chapters()}
    if name not in found:
        near = difflib.get_close_matches(name, found, n=1) or found
        sys.exit(f"no chapter of that name: {name} (there is {', '.join(near)})")
    return found[name]


def executed_path(page):
    """Where a chapter is kept with the outputs that the site shows."""
    return EXECUTED / f"{page.removeprefix('book/')}.ipynb"


def client(notebook, page, **options):
    """Return an nbclient for a chapter: a fresh kernel in the chapter's folder, without chatter."""
    from nbclient import NotebookClient

    folder = {"metadata": {"path": str(source(page).parent)}}
    quiet = ["--log-level=ERROR"]
    return NotebookClient(notebook, resources=folder, extra_arguments=quiet, **options)
