"""Small books for tests: the course's tools, look and settings around a few pages."""

import shutil
import subprocess
import sys
from pathlib import Path

from tools.pages.chapters import ROOT

SETTINGS = ("_config.yml", "CITATION.cff", "requirements.lock", "book/references.bib")
# The front matter of a chapter, which may go on.
HEADER = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec:
  display_name: Python 3
  language: python
  name: python3
"""


def write(root, files, *more):
    """Write a book into a folder: texts by name, and more files of the course."""
    shutil.copytree(ROOT / "tools", root / "tools")
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    for name in (*SETTINGS, *more):
        shutil.copy(ROOT / name, root / name)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def render(root):
    """Build a book strictly; return the status and what was printed."""
    command = [str(Path(sys.executable).with_name("jupyter-book"))]
    run = subprocess.run(
        [*command, "build", str(root), "-W", "-n", "--keep-going"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return run.returncode, run.stdout
