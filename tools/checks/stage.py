"""Run a stage of the checks and keep how long it took.

    python -m tools.checks.stage NAME COMMAND ...   run a command, print its seconds, keep them
    python -m tools.checks.stage                    print the seconds of all stages
    python -m tools.checks.stage --keep             write them to `results/checks.json`

`.ci/run` names its stages so. The last form is for a machine that does nothing else; it needs a run
of all stages, and the seconds of the tests by part that `tests/seconds.py` left.
"""

import json
import os
import platform
import subprocess
import sys
import time

from tools import ROOT, write_results

KEPT = ROOT / "_build" / "checks"
RESULTS = ROOT / "results" / "checks.json"
STAGES = ("install", "chapters", "tests", "site", "browser")


def read(name):
    """Return what an earlier stage kept under a name, empty if nothing."""
    path = KEPT / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def keep(name, found):
    """Keep something for the report."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def run(name, command):
    """Run a stage; return its status."""
    start = time.monotonic()
    status = subprocess.run(command, check=False).returncode
    seconds = round(time.monotonic() - start, 1)
    print(f"stage {name}: {seconds} s", flush=True)
    keep("stages", read("stages") | {name: seconds})
    return status


def report():
    """Return the lines that show all stages."""
    stages = read("stages")
    total = sum(stages.values())
    lines = [f"{name:10} {seconds:7.1f} s" for name, seconds in stages.items()]
    return [*lines, f"{'together':10} {total:7.1f} s, {total / 60:.1f} minutes"]


def results():
    """Return what `results/checks.json` holds.

    Raises
    ------
    ValueError
        If a stage was not run.
    """
    stages = read("stages")
    if missing := [name for name in STAGES if name not in stages]:
        raise ValueError(f"no seconds of {', '.join(missing)}: run .ci/run first, then --keep")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = f"{cores} cores, {platform.machine()}, Python {platform.python_version()}"
    return {"machine": machine, "stages": {name: stages[name] for name in STAGES}} | read("tests")


def main(words):
    """Do what the command line says; return a status."""
    if words == ["--keep"]:
        try:
            found = results()
        except ValueError as error:
            sys.exit(str(error))
        write_results(RESULTS, found, "python -m tools.checks.stage --keep, after .ci/run")
    elif words:
        return run(words[0], words[1:])
    print("\n".join(report()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
