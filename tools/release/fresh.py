"""A machine that has only what environment.yml says: made, watched, and limited in memory."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import psutil
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.checks.budget import RESULTS as BUDGET
from tools.pages.chapters import ONE_THREAD, ROOT, chapters

INTERVAL = 0.1  # seconds between two looks at the memory


class TooMuchMemoryError(RuntimeError):
    """A command was stopped because it used more memory than it may."""


def pip_lines(root=ROOT):
    """Return the lines that environment.yml gives to pip."""
    environment = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))
    return next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))


def can_reach(url):
    """Say whether a package index answers."""
    try:
        urllib.request.urlopen(url, timeout=15).close()
    except OSError:
        return False
    return True


def reachable_lines(lines):
    """Return the lines without the indexes that do not answer, and say whether all do."""
    urls = {line: line.split()[-1] for line in lines if line.startswith("--extra-index-url")}
    lost = {line for line, url in urls.items() if not can_reach(url)}
    for line in lost:
        print(f"{urls[line]} does not answer: left out", flush=True)
    return [line for line in lines if line not in lost], not lost


def one_a_part():
    """Return the quickest chapter of each part, in reading order."""
    seconds = {
        page: cost["seconds"]
        for page, cost in json.loads(BUDGET.read_text(encoding="utf-8"))["chapters"].items()
    }
    found = {}
    for page in chapters():
        part = page.split("/")[-2]
        if part != "book":
            best = found.get(part, page)
            found[part] = min(best, page, key=lambda name: seconds.get(name, float("inf")))
    return list(found.values())


def wrong_versions(report, lines):
    """Return what pip's report would install in other versions than the lines pin."""
    found = {
        canonicalize_name(item["metadata"]["name"]): item["metadata"]["version"]
        for item in report["install"]
    }
    wanted = [Requirement(line) for line in lines if re.match(r"\w", line)]
    return [
        f"{pin} resolves to {found.get(canonicalize_name(pin.name), 'nothing')}"
        for pin in wanted
        if canonicalize_name(pin.name) not in found
        or found[canonicalize_name(pin.name)] not in pin.specifier
    ]


def environment(venv, home):
    """The variables of a reader with a home of their own and nothing else of the course."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "JUPYTER"))}
    path = os.pathsep.join([str(venv / "bin"), os.environ["PATH"]])
    return kept | ONE_THREAD | {"HOME": str(home), "PATH": path, "VIRTUAL_ENV": str(venv)}


def without_network():
    """Return the words that start a command without network, or none where it is not permitted."""
    for words in (["unshare", "-n"], ["unshare", "-rn"]):
        if (
            shutil.which("unshare")
            and subprocess.run([*words, "true"], check=False).returncode == 0
        ):
            return words
    print("this system does not let us turn the network off (unshare -n)", flush=True)
    return []


def memory(process):
    """Real memory of a process and its children in bytes: pages that they share count once."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            full = one.memory_full_info()
            total += getattr(full, "pss", full.uss)
        except psutil.AccessDenied:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def stop(process):
    """Kill a process and all its children."""
    for one in [*process.children(recursive=True), process]:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue


def watch(command, *, first="", limit_mb=None, **options):
    """Run a command and yield `(step, seconds, peak memory in MB)` for each step that it prints.

    A step begins with the line ``step NAME`` and ends with the next, or with ``end``; what comes
    before the first is the step `first`, left out if it has no name.

    Raises
    ------
    TooMuchMemoryError
        If the command and its children together use more than `limit_mb`; they are killed.
    RuntimeError
        If it ends with another status than 0; with the end of what it printed.
    """
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", **options
    ) as run:
        process, printed, steps = psutil.Process(run.pid), [], [[first, time.monotonic(), 0]]

        def read():
            for line in run.stdout:
                printed.append(line)
                word, _, name = line.strip().partition(" ")
                if word in ("step", "end"):
                    steps.append([name, time.monotonic(), 0])

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            while run.poll() is None:
                used = memory(process) / 1e6 if process.is_running() else 0
                steps[-1][2] = max(steps[-1][2], used)
                if limit_mb and used > limit_mb:
                    raise TooMuchMemoryError(
                        f"{steps[-1][0]}: {used:.0f} MB used, {limit_mb} MB allowed"
                    )
                time.sleep(INTERVAL)
        finally:
            if run.poll() is None:
                stop(process)
        reader.join(10)
        steps.append(["", time.monotonic(), 0])
        if run.returncode:
            raise RuntimeError(f"{steps[-2][0] or command}:\n{''.join(printed)[-3000:]}")
    for (name, start, peak), (_, end, _) in itertools.pairwise(steps):
        if name:
            yield name, round(end - start, 1), round(peak)


def make(venv, lines, folder, **options):
    """Make an environment with Python and these lines of pip's; yield the two steps as measured."""
    yield from watch([sys.executable, "-m", "venv", str(venv)], first="new environment")
    words = [word for line in lines for word in line.split()]
    command = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", *words]
    yield from watch(command, first="install", cwd=folder, **options)


def size_mb(folder):
    """Size of all files of a folder."""
    return round(sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file()) / 1e6)
