"""What the site shows is what a run gives, within the budget, and the comparison can fail."""

import json
import subprocess
import sys

import nbformat
import pytest

from tools import read_results
from tools.checks.budget import AVERAGE_SECONDS, LIMITS, RESULTS
from tools.pages.chapters import EXECUTED, ROOT, chapters, load
from tools.site.compared import COMPARED, OUTPUTS
from tools.site.compared import compared as compared_cells

BUDGET = json.loads(RESULTS.read_text(encoding="utf-8"))["chapters"]


def executed(page):
    """A chapter with the outputs that the site shows."""
    return nbformat.read(EXECUTED / f"{page.removeprefix('book/')}.ipynb", 4)


@pytest.mark.parametrize("page", chapters())
def test_at_least_three_printed_outputs_are_compared_and_no_figure(page):
    cells = compared_cells(executed(page))
    assert len(cells) >= 3, (
        f"{page}.md: tag {3 - len(cells)} more cells that print what is exact {COMPARED}"
    )
    for cell in cells:
        kinds = {output.output_type for output in cell.outputs}
        assert kinds == {"stream"}, f"print it, and do nothing else in this cell: {cell.source}"


@pytest.mark.parametrize("page", chapters())
def test_what_compared_cells_must_print_is_kept(page):
    kept, cells = read_results(OUTPUTS).get(page, []), compared_cells(load(page))
    remedy = f"make outputs NAME={page.split('/')[-1]}"
    assert len(kept) == len(cells), f"{page} compares other cells than were kept: {remedy}"
    assert all(kept), f"a compared cell of {page} printed nothing: print what is exact, {remedy}"


def test_nothing_is_kept_of_what_is_no_chapter():
    assert set(read_results(OUTPUTS)) <= set(chapters()), "make outputs"


@pytest.mark.parametrize("page", chapters())
def test_a_chapter_was_measured_and_keeps_its_budget(page):
    cost, remedy = BUDGET.get(page, {}), f"make budget NAME={page.split('/')[-1]}"
    cells = sum(cell.cell_type == "code" for cell in load(page).cells)
    assert cost.get("cells") == cells, f"{page} has changed: {remedy}, on an idle machine"
    found = [
        f"{page}: {name} is {cost[name]}, {limit} at most: make it cheaper, then {remedy}"
        for name, limit in LIMITS.items()
        if cost[name] > limit
    ]
    assert found == []


def test_the_book_keeps_its_budget():
    gone = set(BUDGET) - set(chapters())
    assert gone == set(), "results/budget.json has pages that are no chapters any more: make budget"
    total = sum(cost["seconds"] for cost in BUDGET.values())
    slowest = sorted(BUDGET, key=lambda page: -BUDGET[page]["seconds"])[:5]
    assert total <= AVERAGE_SECONDS * len(BUDGET), (
        f"{total / len(BUDGET):.1f} s a chapter, {AVERAGE_SECONDS} at most: make one of these "
        f"cheaper, then make budget NAME=...: {', '.join(slowest)}"
    )
    assert total / 2 <= 15 * 60, "the book from nothing takes more than 15 minutes on two cores"


def nbval(notebook, folder):
    """Run nbval on a notebook as `make test` does."""
    nbformat.write(notebook, folder / "chapter.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, "--rootdir", str(folder), str(folder / "chapter.ipynb")],
        capture_output=True,
        encoding="utf-8",
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
