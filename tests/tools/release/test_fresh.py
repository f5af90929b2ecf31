"""The parts of `make binder` and `make check-notebooks`: a fresh machine, watched and limited."""

import json
import subprocess
import sys
import time

import nbformat
import psutil
import pytest

from tools.pages.chapters import ROOT, chapters
from tools.release import binder, fresh
from tools.release.check_notebooks import READER, this_repository_instead, write
from tools.sphinx.directives.measured import BinderTable

TAKE = "import sys, time; x = bytearray(int(sys.argv[1]) * 10**6); x[::4096] = x[::4096]; "
CHAPTER = """---
kernelspec: {name: python3, display_name: Python 3, language: python}
---

# A chapter

```{code-cell} ipython3
from pathlib import Path
Path("done").write_text("yes")
```
"""


def python(code, *words):
    return [sys.executable, "-c", code, *map(str, words)]


def runs(pid):
    """Say whether a process lives; one that waits to be buried does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_each_part_has_one_chapter_and_it_is_the_quickest():
    seconds = json.loads(fresh.BUDGET.read_text(encoding="utf-8"))["chapters"]
    parts = {page.split("/")[-2] for page in chapters()} - {"book"}
    found = fresh.one_a_part()
    assert [page.split("/")[-2] for page in found] == sorted(
        parts, key=[p.split("/")[-2] for p in chapters()].index
    )
    for best in found:
        rivals = [p for p in seconds if p.split("/")[-2] == best.split("/")[-2]]
        assert not rivals or seconds[best]["seconds"] == min(seconds[p]["seconds"] for p in rivals)


def test_an_index_that_does_not_answer_is_left_out(monkeypatch, capsys):
    lines = ["--extra-index-url https://index.example/cpu", "torch==2", "-e ."]
    monkeypatch.setattr(fresh, "can_reach", lambda url: True)
    assert fresh.reachable_lines(lines) == (lines, True)
    monkeypatch.setattr(fresh, "can_reach", lambda url: False)
    assert fresh.reachable_lines(lines) == (["torch==2", "-e ."], False)
    assert "https://index.example/cpu does not answer" in capsys.readouterr().out


def test_another_version_than_the_tested_one_is_noticed():
    def report(**found):
        return {"install": [{"metadata": {"name": k, "version": v}} for k, v in found.items()]}

    lines = ["--extra-index-url https://index.example", "torch==2.1", "Scikit_Learn==1.5", "-e ."]
    good = {"torch": "2.1+cpu", "scikit-learn": "1.5", "joblib": "1"}
    assert fresh.wrong_versions(report(**good), lines) == []
    assert fresh.wrong_versions(report(**good | {"torch": "2.2"}), lines) == [
        "torch==2.1 resolves to 2.2"
    ]
    assert fresh.wrong_versions(report(torch="2.1"), lines) == [
        "Scikit_Learn==1.5 resolves to nothing"
    ]


def test_steps_are_timed_and_their_memory_is_real():
    code = (
        "import subprocess, sys, time; print('before'); time.sleep(0.3)\n"
        "print('step small', flush=True); time.sleep(0.5)\n"
        f"print('step child', flush=True)\n"
        f"subprocess.run([sys.executable, '-c', {TAKE + 'time.sleep(1)'!r}, '300'])\n"
        "print('end', flush=True); time.sleep(0.3)"
    )
    found = {name: (seconds, peak) for name, seconds, peak in fresh.watch(python(code))}
    assert list(found) == ["small", "child"]
    assert found["small"][0] >= 0.4
    assert found["small"][1] < 100 < 300 <= found["child"][1] < 450


def test_a_command_that_takes_too_much_is_stopped_with_its_children(tmp_path):
    pid = tmp_path / "pid"
    child = TAKE + "time.sleep(60)"
    code = (
        "import pathlib, subprocess, sys; print('step big', flush=True)\n"
        f"run = subprocess.Popen([sys.executable, '-c', {child!r}, '300'])\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(run.pid)); run.wait()"
    )
    start = time.monotonic()
    with pytest.raises(fresh.TooMuchMemoryError, match=r"big: \d+ MB used, 200 MB allowed"):
        list(fresh.watch(python(code), limit_mb=200))
    assert time.monotonic() - start < 50
    child = int(pid.read_text(encoding="utf-8"))
    while runs(child):
        assert time.monotonic() - start < 55, "the child goes on"
        time.sleep(0.1)


def test_a_command_that_fails_is_an_error_with_what_it_said():
    with pytest.raises(RuntimeError, match=r"(?s)try:.*what went wrong"):
        list(fresh.watch(python("print('step try'); raise SystemExit('what went wrong')")))


def test_a_reader_runs_both_kinds_of_file_in_their_folders(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "one.md").write_text(CHAPTER, encoding="utf-8")
    cell = nbformat.v4.new_code_cell("open('also', 'w').close()")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "two.ipynb")
    command = [sys.executable, READER, "part/one.md", "two.ipynb"]
    steps = [name for name, *_ in fresh.watch(command, cwd=tmp_path)]
    assert steps == ["part/one", "two"]
    assert (tmp_path / "part" / "done").exists()
    assert (tmp_path / "also").exists()


def test_without_network_kernels_still_talk_and_nothing_else_does(tmp_path):
    closed = fresh.without_network()
    if not closed:
        pytest.skip("this system does not let us turn the network off (unshare -n)")
    (tmp_path / "one.md").write_text(CHAPTER, encoding="utf-8")
    command = [*closed, sys.executable, READER, "--offline", "one.md"]
    assert [name for name, *_ in fresh.watch(command, cwd=tmp_path)] == ["one"]
    assert (tmp_path / "done").exists()


def test_the_first_cell_would_install_this_repository(tmp_path):
    url = "https://server.example/who/what"
    (tmp_path / "page").mkdir()
    run = subprocess.run(
        ["git", "ls-remote", url, "HEAD"],
        env=fresh.environment(tmp_path, tmp_path) | this_repository_instead(url),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    head = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, encoding="utf-8", check=True
    )
    assert run.stdout.split()[0] == head.stdout.strip()
    (name,) = write([chapters()[1]], tmp_path)
    assert not any(c.get("outputs") for c in nbformat.read(tmp_path / name, 4).cells)


def test_the_table_says_what_was_measured_and_what_could_not_be():
    page = chapters()[1]
    steps = [
        {"step": "install", "seconds": 12.34, "memory_mb": 100},
        {"step": page, "seconds": 5, "memory_mb": 700},
    ]
    found = {"machine": "a machine", "limit_mb": 2000, "packages": 90, "environment_mb": 1234}
    table = BinderTable.markdown(
        None, found | {"steps": steps, "network": "off", "pytorch_index": True}
    )
    assert "| install | 12.3 | 100 |" in table
    assert f"| {{doc}}`/{page}` | 5.0 | 700 |" in table
    assert "90 packages, 1,234 MB" in table[-1]
    assert "network off, all in 2,000 MB" in table[-1]
    assert "out of reach" not in table[-1]
    table = BinderTable.markdown(
        None, found | {"steps": steps, "network": "on", "pytorch_index": False}
    )
    assert "out of reach" in table[-1]
    assert "could not be turned off" in table[-1]


def test_what_was_measured_fits_into_binder_and_names_chapters_that_exist():
    found = json.loads(binder.RESULTS.read_text(encoding="utf-8"))
    assert found["limit_mb"] == binder.LIMIT_MB
    assert found["network"] == "off"
    assert all(0 < row["memory_mb"] < binder.LIMIT_MB for row in found["steps"][-2:])
    run = [row["step"] for row in found["steps"] if row["step"].startswith("book/")]
    assert run
    assert set(run) <= set(chapters()), "run make binder: a chapter was renamed"
