"""The machinery of the course, a drawer for each purpose; no algorithm is here."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WRITTEN_BY = "written by"  # the first line of each file of results: which command to use, not hands


def read_results(path):
    """Return what a file of results holds, without the line that says who wrote it; empty if none.

    Parameters
    ----------
    path : path
        As in ``results/budget.json``.
    """
    if not Path(path).exists():
        return {}
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    return {key: value for key, value in found.items() if key != WRITTEN_BY}


def write_results(path, found, command):
    """Write a dict of results into a file that says which command it is from."""
    text = json.dumps({WRITTEN_BY: command, **found}, indent=1)
    Path(path).write_text(f"{text}\n", encoding="utf-8")
