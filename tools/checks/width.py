"""Code that a page shows and that is wider than the page: 84 characters fit at 1,200 pixels.

    python -m tools.checks.width     write what there is to `results/wide_lines.json`

A test refuses more wide lines than that file has, in any cell and in any included object. Run the
command after lines became narrower; it is no way to allow new ones.
"""

import re

from tools import write_results
from tools.exports.notebooks import included
from tools.pages.chapters import ROOT, chapters, load, source, text_of
from tools.pages.plumbing import without_glue
from tools.pages.usage import INCLUDE

WIDTH = 84
RESULTS = ROOT / "results" / "wide_lines.json"
HIDDEN = {"hide-cell", "hide-input", "remove-cell", "remove-input"}
OPTION = re.compile(r"^:(\w+):[ \t]*(\S+)", re.M)


def wide(text):
    """Return the lines of a text that do not fit."""
    return [line for line in text.split("\n") if len(line) > WIDTH]


def wide_lines(page):
    """Return the wide lines of a page's visible cells, and of each object that it includes."""
    cells = [cell for cell in load(page).cells if cell.cell_type == "code"]
    shown = [c.source for c in cells if not HIDDEN & set(c.metadata.get("tags", []))]
    found = {page: [line for code in shown for line in wide(without_glue(code))]}
    for path, options in INCLUDE.findall(text_of(page)):
        file = (source(page).parent / path).resolve()
        chosen = dict(OPTION.findall(options))
        name = f"{file.relative_to(ROOT).as_posix()}:{chosen.get('pyobject', '')}"
        found[name] = wide(included(file, chosen))
    return {name: lines for name, lines in found.items() if lines}


def main():
    """Write the file."""
    found = {name: len(ls) for page in chapters() for name, ls in wide_lines(page).items()}
    write_results(RESULTS, dict(sorted(found.items())), "python -m tools.checks.width")
    print(f"{sum(found.values())} wide lines in {len(found)} places")


if __name__ == "__main__":
    main()
