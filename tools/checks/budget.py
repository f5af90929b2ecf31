"""Measure what each chapter costs, alone on one core, and write `results/budget.json`.

python -m tools.checks.budget             all chapters
python -m tools.checks.budget kmeans      this one; the others keep their figures
"""

import os
import platform
import sys
from datetime import datetime

import nbformat

from tools import read_results, write_results
from tools.pages.chapters import ROOT, chapter_named, chapters, client, load, use_one_thread

RESULTS = ROOT / "results" / "budget.json"
LIMITS = {"seconds": 60, "slowest_cell": 30, "setup": 10, "memory_mb": 800}
AVERAGE_SECONDS = 30
PEAK_MEMORY = """import resource, sys
_unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _unit)"""


def seconds(cell):
    """Return how long a cell ran, from the kernel's own time stamps."""
    times = cell.metadata["execution"]
    start, end = (
        datetime.fromisoformat(times[name].replace("Z", "+00:00"))
        for name in ("iopub.execute_input", "shell.execute_reply")
    )
    return (end - start).total_seconds()


def measure(page):
    """Run a chapter in a fresh kernel and return its seconds and its peak memory."""
    notebook = load(page)
    notebook.cells.append(nbformat.v4.new_code_cell(PEAK_MEMORY))
    client(notebook, page, timeout=900).execute()
    cells = [cell for cell in notebook.cells[:-1] if cell.cell_type == "code"]
    setup = [seconds(cell) for cell in cells if "setup" in cell.metadata.get("tags", [])]
    return {
        "seconds": round(sum(map(seconds, cells)), 1),
        "slowest_cell": round(max(map(seconds, cells)), 1),
        "setup": round(sum(setup), 1),
        "memory_mb": round(int(notebook.cells[-1].outputs[0].text) / 1e6),
        "cells": len(cells),
    }


def main(names):
    """Measure the chapters one by one and write the file."""
    use_one_thread()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    old = read_results(RESULTS).get("chapters", {})
    wanted, found = list(map(chapter_named, names)) or chapters(), {}
    for page in chapters():
        if page in wanted:
            found[page] = measure(page)
            print(page, found[page], flush=True)
        elif page in old:
            found[page] = old[page]
    machine = f"one core, {platform.machine()}, Python {platform.python_version()}"
    write_results(RESULTS, {"machine": machine, "chapters": found}, "make budget")


if __name__ == "__main__":
    main(sys.argv[1:])
