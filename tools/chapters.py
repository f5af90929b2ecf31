"""The pages of the book in reading order, each chapter as the notebook that the site shows."""

import os
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "_build" / ".jupyter_cache"
EXECUTED = ROOT / "_build" / "executed"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
from companion_key import stamp  # noqa: E402
from strip_markers import strip  # noqa: E402


def use_one_thread():
    """Every kernel that is started from here computes on one thread: two give other numbers."""
    os.environ.update(ONE_THREAD)


def pages(node=None):
    """Yield the files that `_toc.yml` lists, in order, as in ``book/clustering/kmeans``."""
    if node is None:
        node = yaml.safe_load((ROOT / "_toc.yml").read_text())
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


def load(page, *, markers=False):
    """Return a page as a notebook, its header stamped and its markers stripped, as Sphinx reads it.

    With `markers` those of solutions and hidden checks stay. A page without code cells gives None.
    """
    from myst_nb.core.config import NbParserConfig
    from myst_nb.core.read import create_nb_reader
    from myst_parser.config.main import MdParserConfig

    text = stamp(source(page).read_text())
    text = text if markers else strip(text)
    reader = create_nb_reader(str(source(page)), MdParserConfig(), NbParserConfig(), text)
    notebook = reader and reader.read(text)
    return notebook if notebook and any(c.cell_type == "code" for c in notebook.cells) else None


def chapters():
    """Pages that have code, in reading order."""
    return [page for page in pages() if load(page) is not None]


def client(notebook, page, **options):
    """Return an nbclient for a chapter: a fresh kernel in the chapter's folder, without chatter."""
    from nbclient import NotebookClient

    folder = {"metadata": {"path": str(source(page).parent)}}
    quiet = ["--log-level=ERROR"]
    return NotebookClient(notebook, resources=folder, extra_arguments=quiet, **options)
