"""What the site shows is what a run gives, within the budget, and the comparison can fail."""

import json
import subprocess
import sys

import nbformat
import pytest

from tools.budget import AVERAGE_SECONDS, LIMITS, RESULTS
from tools.chapters import EXECUTED, ROOT, chapters, load

BUDGET = json.loads(RESULTS.read_text())["chapters"]
COMPARED = "nbval-check-output"


def executed(page):
    """A chapter with the outputs that the site shows."""
    return nbformat.read(EXECUTED / f"{page.removeprefix('book/')}.ipynb", 4)


def compared_cells(notebook):
    """The cells whose output is compared."""
    return [c for c in notebook.cells if COMPARED in c.get("metadata", {}).get("tags", [])]


@pytest.mark.parametrize("page", chapters())
def test_at_least_three_printed_outputs_are_compared_and_no_figure(page):
    cells = compared_cells(executed(page))
    assert len(cells) >= 3
    for cell in cells:
        kinds = {output.output_type for output in cell.outputs}
        assert kinds == {"stream"}, f"{cell.source}: print it"


@pytest.mark.parametrize("page", chapters())
def test_a_chapter_was_measured_and_keeps_its_budget(page):
    cost = BUDGET[page]
    assert cost["cells"] == sum(c.cell_type == "code" for c in load(page).cells), "make budget"
    assert {name: cost[name] for name, limit in LIMITS.items() if cost[name] > limit} == {}


def test_the_book_keeps_its_budget():
    assert set(BUDGET) == set(chapters())
    total = sum(cost["seconds"] for cost in BUDGET.values())
    assert total <= AVERAGE_SECONDS * len(BUDGET)
    assert total / 2 <= 15 * 60


def nbval(notebook, folder):
    """Run nbval on a notebook as `make test` does."""
    nbformat.write(notebook, folder / "chapter.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, "--rootdir", str(folder), str(folder / "chapter.ipynb")],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    return run.returncode, run.stdout


def test_a_tampered_output_is_seen(tmp_path):
    page = min(BUDGET, key=lambda name: BUDGET[name]["seconds"])
    notebook = executed(page)
    cell = compared_cells(notebook)[0]
    notebook.cells = notebook.cells[: notebook.cells.index(cell) + 1]
    code, out = nbval(notebook, tmp_path)
    assert code == 0, out
    cell.outputs[0].text = "tampered " + cell.outputs[0].text
    code, out = nbval(notebook, tmp_path)
    assert code == 1, out
    assert "tampered" in out
