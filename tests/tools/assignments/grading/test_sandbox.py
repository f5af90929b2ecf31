"""What a submission cannot do: code is run inside the sandbox and the tests look at the result."""

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.tools.assignments.small_set import needs_sandbox
from tools.assignments.__main__ import parser
from tools.assignments.grading import sandbox as module
from tools.assignments.grading.run import written
from tools.assignments.grading.sandbox import Limits, NoSandboxError, Sandbox, folders_of_python
from tools.pages.chapters import ROOT


def run(code, limits=None):
    """Run code in a sandbox of its own; return what it printed and the status."""
    sandbox = Sandbox(limits or Limits())
    with sandbox.folder() as folder:
        done = subprocess.run(
            [*sandbox.command(folder), sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
    return done.stdout.strip(), done.returncode


@needs_sandbox
def test_the_sandbox_can_be_tried():
    Sandbox().check()


@needs_sandbox
def test_the_course_s_package_and_python_are_there():
    said, status = run("import numpy, companion; print(numpy.arange(3).sum(), companion.__name__)")
    assert (said, status) == ("3 companion", 0)


@needs_sandbox
def test_there_is_no_network():
    said, _ = run(
        "import socket, os\n"
        "print([name for _, name in socket.if_nameindex()])\n"
        "try:\n    socket.create_connection(('192.0.2.1', 80), 2)\n"
        "except OSError as error:\n    print(error.strerror)"
    )
    assert said.split("\n") == ["['lo']", "Network is unreachable"]


@needs_sandbox
def test_nothing_of_the_repository_but_the_package_can_be_seen(tmp_path):
    other = tmp_path / "submitted" / "other.ipynb"
    other.parent.mkdir()
    other.write_text("the work of somebody else", encoding="utf-8")
    folders = (ROOT, Path.home(), tmp_path.parent, Path("/etc"))
    needed = {path.parts[: len(f.parts) + 1] for path in folders_of_python() for f in folders}
    said, _ = run(
        "import os\n"
        f"for folder in {[*map(str, folders), str(other.parent)]!r}:\n"
        "    for name in os.listdir(folder) if os.path.isdir(folder) else []:\n"
        "        print(os.path.join(folder, name))"
    )
    seen = {Path(line).parts for line in said.split("\n")}
    assert seen - needed <= {("/", "etc", "ld.so.cache"), ("/", "etc", "fonts")}
    assert (*ROOT.parts, "companion") in seen


@needs_sandbox
def test_no_other_process_and_no_variable_can_be_seen(monkeypatch):
    monkeypatch.setenv("ACCESS_TOKEN", "secret")
    said, _ = run(
        "import os\n"
        "print([n for n in os.listdir('/proc') if n.isdigit() and int(n) > 3])\n"
        "print('ACCESS_TOKEN' in os.environ)"
    )
    assert said.split("\n") == ["[]", "False"]


@needs_sandbox
def test_nothing_outside_its_folder_can_be_written():
    places = ["/usr", "/etc", str(ROOT / "companion"), sys.prefix, "/", "/proc/sys/kernel/hostname"]
    said, _ = run(
        "import os\n"
        f"for place in {places!r}:\n"
        "    path = place if os.path.isfile(place) else place + '/mine'\n"
        "    try:\n        open(path, 'w').write('x'); print('wrote', path)\n"
        "    except OSError: pass\n"
        "open('mine', 'w').write('x'); open('/tmp/mine', 'w').write('x'); print('done')"
    )
    assert said == "done"
    assert not (ROOT / "companion" / "mine").exists()


@needs_sandbox
def test_it_is_a_user_without_rights():
    said, _ = run(
        "import os\nprint(os.getuid() >= 60000)\n"
        "print([line.split()[1] for line in open('/proc/self/status') if 'CapEff' in line])\n"
        "try:\n    os.setuid(0); print('root')\nexcept OSError: pass\n"
        "try:\n    os.kill(1, 9)\nexcept OSError as error: print('no')\n"
    )
    assert said.split("\n") == ["True", "['0000000000000000']", "no"]


@needs_sandbox
def test_processes_are_counted_and_refused():
    said, _ = run(
        "import os, time\nmade = 0\n"
        "try:\n"
        "    for _ in range(200):\n"
        "        if os.fork() == 0: time.sleep(5); os._exit(0)\n"
        "        made += 1\n"
        "except OSError as error: print(made < 20, error.strerror)",
        Limits(processes=20),
    )
    assert said == "True Resource temporarily unavailable"


@needs_sandbox
def test_memory_and_files_have_a_limit():
    said, _ = run(
        "try:\n    bytearray(3 * 10**8)\nexcept MemoryError: print('no memory')\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try:\n    open('large', 'wb').write(bytes(3 * 10**6)); open('large', 'ab').write(b'x')\n"
        "except OSError as error: print(error.strerror)",
        Limits(memory_mb=200, disk_mb=2),
    )
    assert said.split("\n") == ["no memory", "File too large"]


WASTE = {
    "one file": "open('x', 'wb').write(bytes(3 * 10**6))",
    "many empty files": "[open(f'x{i}', 'w') and None for i in range(800)]",
    "a file without a name": "f = open('x', 'wb'); os.remove('x'); f.write(bytes(3 * 10**6))",
    "memory as a file": "f = os.memfd_create('x'); os.write(f, bytes(3 * 10**6))",
    "folders in folders": "for _ in range(1500): os.mkdir('d'); os.chdir('d')",
}


@needs_sandbox
@pytest.mark.parametrize("kind", WASTE)
def test_what_is_written_is_seen_and_removed_however_it_is_hidden(kind):
    sandbox = Sandbox()
    code = f"import os\n{WASTE[kind]}\nprint(flush=True)\ninput()"
    with sandbox.folder() as folder:
        words = [*sandbox.command(folder), sys.executable, "-c", code]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with psutil.Popen(words, **pipes) as process:
            assert process.stdout.readline() == b"\n"
            assert written(folder, process, most=2 * 10**6)
            assert not written(folder, process, most=10**7) or kind == "folders in folders"
            process.kill()
    assert not folder.parent.exists()


def test_without_bubblewrap_nothing_is_run_and_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NoSandboxError) as caught:
        Sandbox().check()
    message = str(caught.value)
    assert message == module.MISSING
    assert "there is no sandbox: a submission could read, change and delete what you can" in message
    assert "apt-get install bubblewrap" in message
    assert "--unsafe runs all submissions without protection" in message
    Sandbox(unsafe=True).check()


def test_a_sandbox_that_does_not_start_is_refused_with_what_bubblewrap_says(monkeypatch):
    told = ["sh", "-c", "echo 'No permissions to create namespace' >&2; exit 1"]
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(Sandbox, "command", lambda self, folder: told)
    with pytest.raises(NoSandboxError, match="bwrap says: No permissions to create namespace"):
        Sandbox().check()


def test_unsafe_is_used_only_if_it_is_asked_for():
    assert not Sandbox().unsafe
    assert not parser().parse_args(["grade", "hw"]).unsafe
    assert parser().parse_args(["grade", "hw", "--unsafe"]).unsafe
    with pytest.raises(SystemExit):
        parser().parse_args(["grade", "hw", "--unsaf=1"])
    with pytest.raises(SystemExit):
        parser().parse_args(["build", "hw", "kmeans", "--unsafe"])
