"""Sphinx extension: every chapter can be taken away, and started where its files really are.

Beside a page with code this writes what its download menu offers, made by
`tools.exports.notebooks`: the chapter as a notebook with results and without, and its source. The
buttons of Colab and JupyterHub are pointed to the branch of exported notebooks, for neither of them
reads MyST Markdown. Binder keeps the source on the main branch: there a click opens it as a
notebook.
"""

import shutil
from pathlib import Path, PurePosixPath
from urllib.parse import urlencode

import nbformat
from pydata_sphinx_theme.utils import get_theme_options_dict
from sphinx.util import logging

FOLDER = "notebooks"  # inside the site
FILES = {  # what the menu says, the file's ending, what the pointer is told
    "Notebook with results": (".ipynb", "An .ipynb file that runs outside the book"),
    "Clean notebook": ("-clean.ipynb", "The same file without results"),
    "Source in Markdown": (".md", "The MyST Markdown that this page is made of"),
}
logger = logging.getLogger(__name__)


def inside(page, ending=".ipynb"):
    """Path of a page's export inside a tree of notebooks, as in ``clustering/kmeans.ipynb``."""
    return f"{page.removeprefix('book/')}{ending}"


def write_files(page, folder):
    """Write the files of a page's download menu; say whether the page has code at all."""
    from jupyter_cache import get_cache

    from tools.exports import notebooks
    from tools.pages import chapters
    from tools.site import execute

    if chapters.load(page) is None:
        return False
    path = folder / inside(page)
    path.parent.mkdir(parents=True, exist_ok=True)
    executed = execute.executed(get_cache(chapters.CACHE), page)
    nbformat.write(notebooks.export(page, executed), path)
    nbformat.write(
        notebooks.export(page, executed, clean=True), folder / inside(page, "-clean.ipynb")
    )
    shutil.copyfile(chapters.source(page), folder / inside(page, ".md"))
    return True


def downloads(page, pathto):
    """Return the download menu of a page."""
    buttons = [
        {
            "type": "link",
            "text": text,
            "tooltip": tooltip,
            "url": pathto(f"{FOLDER}/{inside(page, ending)}", 1),
            "icon": "fas fa-file-code" if ending == ".md" else "fas fa-book",
            "label": "download-file",
        }
        for text, (ending, tooltip) in FILES.items()
    ]
    return {
        "type": "group",
        "tooltip": "Download this chapter",
        "icon": "fas fa-download",
        "buttons": buttons,
        "label": "download-buttons",
    }


def notebook_url(service, page, options, branch):
    """Where a service finds the exported notebook of a page."""
    repository = options["repository_url"].rstrip("/")
    owner, name = PurePosixPath(repository).parts[-2:]
    launch = options["launch_buttons"]
    if service == "Colab":
        base = launch["colab_url"].rstrip("/")
        return f"{base}/github/{owner}/{name}/blob/{branch}/{inside(page)}"
    query = {"repo": repository, "branch": branch, "urlpath": f"lab/tree/{name}/{inside(page)}"}
    base = launch["jupyterhub_url"].rstrip("/")
    return f"{base}/hub/user-redirect/git-pull?{urlencode(query, safe='/')}"


def edit_buttons(app, page, template, context, doctree):
    """Write the files of a page and put its buttons right."""
    if "kernelspec" not in app.env.metadata.get(page, {}):
        return
    try:
        if not write_files(page, Path(app.outdir) / FOLDER):
            return
    except (ValueError, KeyError) as error:  # no plain form for a directive; not in the cache
        logger.warning("cannot be exported as a notebook: %s", error, location=page)
        return
    from tools.exports.notebooks import BRANCH

    options, groups = get_theme_options_dict(app), context["header_buttons"]
    launch = [group for group in groups if group.get("label") == "launch-buttons"]
    for button in (button for group in launch for button in group["buttons"]):
        if button["text"] in ("Colab", "JupyterHub"):
            button["url"] = notebook_url(button["text"], page, options, BRANCH)
    groups.insert(groups.index(launch[0]) + 1 if launch else 0, downloads(page, context["pathto"]))


def drop_copies(app, error):
    """Remove the theme's own copies of the notebooks: they make sense inside the site only."""
    if error is None and app.builder.format == "html" and not app.config.html_copy_source:
        shutil.rmtree(Path(app.outdir) / "_sources", ignore_errors=True)


def setup(app):
    """Called by Sphinx."""
    app.connect("html-page-context", edit_buttons, priority=600)  # after the theme's
    app.connect("build-finished", drop_copies)
    app.add_js_file("launch.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
