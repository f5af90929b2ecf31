"""Run every benchmark and write `results/benchmarks.json`.

python -m benchmarks               all
python -m benchmarks clustering    this part; the others keep their figures
"""

import importlib
import platform
import sys
import warnings
from pathlib import Path

import numpy
import scipy
import sklearn
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info

from benchmarks import harness
from tools import read_results, write_results

FOLDER = Path(__file__).parent
RESULTS = FOLDER.parent / "results" / "benchmarks.json"


def machine():
    """Say what the figures were measured with, thread counts as the libraries report them."""
    threads = max((pool["num_threads"] for pool in threadpool_info()), default=1)
    versions = ", ".join(f"{m.__name__} {m.__version__}" for m in (numpy, scipy, sklearn))
    python = f"Python {platform.python_version()}"
    return f"{platform.machine()}, threads a process: {threads}; {python}, {versions}"


def main(parts):
    """Measure, print and write the table; return the cases that pass their bar."""
    old = read_results(RESULTS).get("cases", [])
    rows = [row for row in old if parts and row["part"] not in parts]
    for path in sorted(FOLDER.glob("*/[a-z]*.py")):
        if not parts or path.parent.name in parts:
            importlib.import_module(f"benchmarks.{path.parent.name}.{path.stem}")
    warnings.simplefilter("ignore", ConvergenceWarning)  # cases may ask for a number of steps
    width = max(len(case.name) for case in harness.CASES)
    for case in harness.CASES:
        row = {"part": case.part, "name": case.name, "library": case.library, "bar": case.bar}
        row |= harness.measure(case) | {"note": case.note}
        rows.append(row)
        verdict = "" if row["ratio"] <= case.bar else "  SLOWER THAN THE BAR"
        print(
            f"{case.name:{width}}  {row['ours']:8.3f} s  {row['theirs']:8.3f} s "
            f"{case.library:12}  ratio {row['ratio']:.2f} (at most {case.bar}){verdict}",
            flush=True,
        )
    write_results(RESULTS, {"machine": machine(), "cases": rows}, "make bench")
    return [row for row in rows if row["ratio"] > row["bar"]]


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
