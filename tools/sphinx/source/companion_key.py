"""Sphinx extension: a chapter's cached outputs hold only for the companion code that it imports.

The execution cache compares a chapter's code cells and its kernelspec. This adds to the kernelspec
a hash of every companion file that the chapter reaches by imports, of the checkpoints and data that
belong to those files, and of the lock. An edit then runs the chapters that reach it and no others.
"""

import ast
import hashlib
import re
from functools import cache

from tools import ROOT

IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(companion[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]+)"
    r"|import[ \t]+(companion[\w.]*))",
    re.M,
)
# Tools of the site, of the tests and for grading: no chapter's results can depend on them.
TOOLS = re.compile(
    rb"^#.*\n"
    rb"|^(?:alembic|appnope|axe-playwright-python|colorama|faiss-cpu|ghp-import|greenlet|ipywidgets"
    rb"|jupyterlab[_-](?:myst|widgets)|lark|llvmlite|Mako|nbgrader|notebook|numba|openTSNE|pacmap"
    rb"|playwright|pyee|pynndescent|pypdf|pywinpty|RapidFuzz|rfc3987-syntax|setuptools|sphinx-revealjs|umap-learn"
    rb"|wheel|widgetsnbextension|zuko)==.*\n",
    re.M,
)
HEADER = re.compile(r"\A---\n(?:.*\n)*?kernelspec:\n")


def module_files(name):
    """Return the file of a module and the `__init__` files above it; nothing for another name."""
    parts = name.split(".")
    for path in (ROOT.joinpath(*parts).with_suffix(".py"), ROOT.joinpath(*parts, "__init__.py")):
        if path.exists():
            return {path, *(ROOT.joinpath(*parts[:i], "__init__.py") for i in range(1, len(parts)))}
    return set()


def imported_names(path):
    """Return the dotted companion names that a file imports, whether modules or members."""
    return imports(path.relative_to(ROOT), path.read_text(encoding="utf-8"))


@cache
def imports(path, text):
    """Return those names for a file's text; its path, from the root, tells what a dot means."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = path.parts[: -node.level] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] == "companion"}


def reached_files(names):
    """Return the companion files that these names need, directly or not, sorted."""
    done, todo = set(), set().union(*map(module_files, names))
    while todo:
        path = todo.pop()
        done.add(path)
        todo |= set().union(*map(module_files, imported_names(path))) - done
    return sorted(done)


def assets(path):
    """Return the checkpoints and packed data that belong to a companion file."""
    checkpoints = ROOT / "companion" / "checkpoints"
    found = [p for name in (path.stem, path.parent.name) for p in checkpoints.glob(f"{name}/*.pt")]
    return found + (list(path.parent.glob("*.xz")) if path.stem == "text" else [])


def key(text):
    """Return the hash of all that a chapter's results depend on besides its own cells."""
    names = set()
    for base, what, whole in IMPORT.findall(text):
        names |= {base or whole, *(f"{base}.{word}" for word in re.findall(r"\w+", what))}
    files = reached_files(names)
    extra = {asset for path in files for asset in assets(path)}
    digest = hashlib.sha256()
    for path in [*files, *sorted(extra)]:
        digest.update(path.read_bytes())
    lock = ROOT / "requirements.lock"
    digest.update(TOOLS.sub(b"", lock.read_bytes()) if lock.exists() else b"")
    return digest.hexdigest()[:16]


def stamp(text):
    """Return the text with the key in the kernelspec of its header (which is in block style)."""
    stamped, count = HEADER.subn(rf"\g<0>  companion_key: '{key(text)}'" + "\n", text, count=1)
    if not count and "{code-cell}" in text:
        raise ValueError("a page with code cells needs a block-style jupytext header: kernelspec:")
    return stamped


def setup(app):
    """Called by Sphinx."""

    def read(app, name, source):
        source[0] = stamp(source[0])

    app.connect("source-read", read, priority=500)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
