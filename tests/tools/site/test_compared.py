"""One run of a chapter by nbval compares what it prints and gives the site its outputs."""

import copy
import subprocess
import sys

import nbformat
import pytest
from jupyter_cache import get_cache

from tools.pages.chapters import ROOT, chapters, load
from tools.site import execute
from tools.site.compared import COMPARED, compared, fresh, place

# The folders are others than those of the chapters.
RUN = """
import pathlib, sys
import pytest
from tools.site import compared
compared.FRESH, compared.RAN = (pathlib.Path(sys.argv[1]) / name for name in ("fresh", "ran"))
options = ["-q", "-p", "no:cacheprovider", "-p", "tests.first_run", "--nbval-lax"]
sys.exit(pytest.main([*options, "--rootdir", sys.argv[1], str(compared.FRESH)]))
"""


def chapter(compared_text="4\n", last="1 + 1"):
    """A notebook with a compared cell, and one that shows between two words."""
    new = nbformat.v4.new_code_cell
    cells = [
        new("print(2 + 2)"),
        new("print('a')\ndisplay({'text/plain': 'b'}, raw=True)\nprint('c')"),
    ]
    cells += [nbformat.v4.new_markdown_cell("words"), new(last)]
    cells[0].metadata["tags"], cells[0].execution_count = [COMPARED], 1
    cells[0].outputs = [nbformat.v4.new_output("stream", name="stdout", text=compared_text)]
    kernel = {"name": "python3", "display_name": "Python 3", "companion_key": "k"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def run(folder, notebook):
    """Run nbval on a notebook; return its status and what was kept."""
    (folder / "fresh").mkdir()
    nbformat.write(notebook, folder / "fresh" / "one.ipynb")
    command = [sys.executable, "-c", RUN, str(folder)]
    status = subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode
    kept = folder / "ran" / "one.ipynb"
    return status, nbformat.read(kept, 4) if kept.exists() else None


def test_a_run_that_holds_is_kept_in_the_order_in_which_it_was_shown(tmp_path):
    status, kept = run(tmp_path, chapter())
    assert status == 0
    code = [cell for cell in kept.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3]
    assert code[0].outputs[0].text == "4\n"
    assert [output.output_type for output in code[1].outputs] == [
        "stream",
        "display_data",
        "stream",
    ]
    assert code[2].outputs[0].data["text/plain"] == "2"
    assert kept.metadata == chapter().metadata


@pytest.mark.parametrize("wrong", [{"compared_text": "5\n"}, {"last": "1 / 0"}])
def test_a_run_that_does_not_hold_is_red_and_not_kept(tmp_path, wrong):
    status, kept = run(tmp_path, chapter(**wrong))
    assert status == 1
    assert kept is None


def test_the_site_takes_over_what_was_run_as_it_stands(tmp_path, monkeypatch):
    page = chapters()[0]
    monkeypatch.setattr(execute, "RAN", tmp_path)
    cache = get_cache(tmp_path / "cache")
    assert not execute.take_over(cache, page)
    ran = load(page)
    for count, cell in enumerate((c for c in ran.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"{count}\n")]
    place(tmp_path, page).parent.mkdir(parents=True, exist_ok=True)
    for change in ("source", "key"):
        other = copy.deepcopy(ran)
        if change == "source":
            other.cells[-1].source += " "
        else:
            other.metadata["kernelspec"]["companion_key"] = "another"
        nbformat.write(other, place(tmp_path, page))
        assert not execute.take_over(cache, page), f"taken with another {change}"
    nbformat.write(ran, place(tmp_path, page))
    assert execute.take_over(cache, page)
    assert execute.is_cached(cache, page)
    shown = [cell for cell in execute.executed(cache, page).cells if cell.cell_type == "code"]
    assert [cell.outputs[0].text for cell in shown] == [f"{i}\n" for i in range(1, len(shown) + 1)]


def test_compared_cells_come_with_what_they_must_print():
    notebook = fresh(chapters()[0])
    assert all(cell.outputs[0].text for cell in compared(notebook))
    others = [c for c in notebook.cells if c.cell_type == "code" and c not in compared(notebook)]
    assert not any(cell.outputs for cell in others)
