"""Chapters as nbval runs them: their source, with what their compared cells must print.

    python -m tools.site.compared                 write all of them to `_build/fresh`
    python -m tools.site.compared --keep kmeans   keep what it printed when it was run last

`make test` runs every chapter once. nbval compares what is printed with `results/outputs.json`, and
`tests/first_run.py` keeps the run in `_build/ran`, whence `execute` takes it for the site.
"""

import shutil
import sys

import nbformat

from tools import ROOT, read_results, write_results
from tools.pages.chapters import chapter_named, chapters, executed_path, load

FRESH, RAN = ROOT / "_build" / "fresh", ROOT / "_build" / "ran"
OUTPUTS = ROOT / "results" / "outputs.json"
COMPARED = "nbval-check-output"


def place(folder, page):
    """Where a folder has a chapter."""
    return folder / f"{page.removeprefix('book/')}.ipynb"


def compared(notebook):
    """The cells whose output is compared."""
    return [c for c in notebook.cells if COMPARED in c.get("metadata", {}).get("tags", [])]


def printed(cell):
    """What a cell printed."""
    return "".join(output.get("text", "") for output in cell.outputs)


def fresh(page):
    """Return a chapter that was not run, its compared cells with what they must print."""
    notebook = load(page)
    texts = read_results(OUTPUTS).get(page, [])
    for cell, text in zip(compared(notebook), texts, strict=False):
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
    for cell in compared(notebook):
        cell.execution_count = 1  # nbval compares a cell that was run, with no output too
    return notebook


def write(pages):
    """Write chapters to `_build/fresh`, and nothing else there."""
    shutil.rmtree(FRESH, ignore_errors=True)
    for page in pages:
        place(FRESH, page).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(fresh(page), place(FRESH, page))


def keep(pages):
    """Write what the compared cells of chapters printed into `results/outputs.json`."""
    found = {page: read_results(OUTPUTS).get(page, []) for page in chapters()}
    for page in pages:
        found[page] = list(map(printed, compared(nbformat.read(executed_path(page), 4))))
    write_results(OUTPUTS, found, "make outputs")


def main(arguments):
    """Do what the command line asks for."""
    names = [name for name in arguments if name != "--keep"]
    pages = list(map(chapter_named, names)) or chapters()
    (keep if "--keep" in arguments else write)(pages)


if __name__ == "__main__":
    main(sys.argv[1:])
