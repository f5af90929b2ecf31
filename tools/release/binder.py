"""Do the steps of Binder's image here, as far as one machine can, and write `results/binder.json`.

    python -m tools.release.binder

From an empty folder: clone the repository, ask the package index for every name in environment.yml,
install them, run postBuild, start JupyterLab and run the quickest chapter of each part, the last
two with the network off and in the memory that Binder gives. What conda does on Binder (a Python
and pip) is done by venv.
"""

import json
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import write_results
from tools.pages.chapters import ROOT
from tools.release import fresh
from tools.release.check_notebooks import READER

RESULTS = ROOT / "results" / "binder.json"
LIMIT_MB = 2000
OPENER = "labconfig/default_setting_overrides.json"


def resolve(python, lines, folder):
    """Ask the index for every line and everything that they need; return the names and versions.

    Raises
    ------
    RuntimeError
        If something would come in another version than the tested one.
    """
    words = [word for line in lines for word in line.split()]
    report = Path(folder) / "report.json"
    options = ["--dry-run", "--quiet", "--ignore-installed", "--report", str(report)]
    yield from fresh.watch(
        [python, "-m", "pip", "install", *options, *words], first="resolve", cwd=folder
    )
    if wrong := fresh.wrong_versions(json.loads(report.read_text(encoding="utf-8")), lines):
        raise RuntimeError("; ".join(wrong))


def steps(scratch, lines):
    """Yield each step as measured, in a folder that is thrown away afterwards."""
    venv, clone, home = (scratch / name for name in ("environment", "clone", "home"))
    home.mkdir()
    python = str(venv / "bin" / "python")
    yield from fresh.watch(["git", "clone", "-q", f"file://{ROOT}", str(clone)], first="clone")
    variables = fresh.environment(venv, home)
    made = fresh.make(venv, lines, clone, env=variables)
    yield next(made)
    yield from resolve(python, lines, clone)
    yield from made
    yield from fresh.watch(["./postBuild"], first="postBuild", cwd=clone, env=variables)
    assert list(home.rglob(OPENER)), "postBuild did not say how chapters are opened"
    closed = fresh.without_network()
    command = [*closed, python, str(READER), "--lab"]
    command += ["--offline"] if closed else []
    pages = [f"{page}.md" for page in fresh.one_a_part()]
    yield from fresh.watch([*command, *pages], limit_mb=LIMIT_MB, cwd=clone, env=variables)


def main():
    """Measure and write the file."""
    if subprocess.run(["git", "-C", str(ROOT), "diff", "--quiet", "HEAD"], check=False).returncode:
        print("what is not committed is not in the clone and is not tried", flush=True)
    lines, all_reached = fresh.reachable_lines(fresh.pip_lines())
    rows = []
    scratch = Path(tempfile.mkdtemp(prefix="binder"))
    try:
        for step, seconds, peak in steps(scratch, lines):
            rows.append({"step": step, "seconds": seconds, "memory_mb": peak})
            print(f"{step}: {seconds} s, {peak} MB", flush=True)
        packages = list((scratch / "environment").glob("lib/*/site-packages/*.dist-info"))
        environment_mb = fresh.size_mb(scratch / "environment")
    except RuntimeError as error:
        sys.exit(str(error))
    finally:
        shutil.rmtree(scratch)
    found = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "pytorch_index": all_reached,
        "network": "off" if fresh.without_network() else "on",
        "limit_mb": LIMIT_MB,
        "packages": len(packages),
        "environment_mb": environment_mb,
        "steps": rows,
    }
    write_results(RESULTS, found, "make binder")


if __name__ == "__main__":
    main()
