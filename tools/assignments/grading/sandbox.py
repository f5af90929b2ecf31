"""Where a student's code runs: without network, files of others, or more than its share.

The kernel of a submission starts inside bubblewrap. It sees Python, the companion package and an
empty folder; it runs as a user who may do nothing; it is spoken to through sockets in that folder.
The program that grades stays outside, and so do the gradebook, the checks and other submissions.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib

import companion

FIRST_USER = 60000  # where the grader is root, each kernel gets a user of its own, from here on
SYSTEM = ["/usr", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/fonts"]
MISSING = f"""there is no sandbox: a submission could read, change and delete what you can.
On Debian or Ubuntu: apt-get install bubblewrap
Elsewhere grade in a container with bubblewrap inside, as the instructor's guide shows.
--unsafe runs all submissions without protection (here: {platform.system()})."""


@dataclass(frozen=True)
class Limits:
    """What one notebook may use."""

    cell_seconds: int = 30
    notebook_seconds: int = 300
    memory_mb: int = 2000
    processes: int = 64  # threads count
    disk_mb: int = 100
    output_bytes: int = 200_000


class NoSandboxError(RuntimeError):
    """Submissions cannot be isolated on this machine."""


def folders_of_python():
    """Return the folders that Python and the course's package need."""
    python = Path(sys.executable).resolve().parents[1]
    found = {Path(p).absolute() for p in (sys.prefix, sys.base_prefix, python)}
    found.add(Path(companion.__file__).parent.absolute())
    return sorted(path for path in found if not found & set(path.parents))


def way_to(paths):
    """Return bubblewrap's words that make the folders above some paths, open to everybody."""
    above = {parent for path in paths for parent in path.parents if parent != Path("/")}
    return [word for path in sorted(above) for word in ("--perms", "0755", "--dir", str(path))]


def bubblewrap(folder, limits, user):
    """Return the words that start a command inside bubblewrap, where it may write one folder."""
    bound = [word for path in SYSTEM for word in ("--ro-bind-try", path, path)]
    shared = str(folder / "tmp")  # on disk, where its size is watched: not in memory
    words = ["bwrap", *way_to(map(Path, SYSTEM)), *bound, "--proc", "/proc", "--dev", "/dev"]
    words += ["--bind", shared, "/tmp", "--bind", shared, "/dev/shm"]
    python = folders_of_python()
    words += way_to([*python, folder])
    for path in map(str, python):
        words += ["--ro-bind", path, path]
    words += ["--bind", str(folder), str(folder), "--chdir", str(folder)]
    words += ["--die-with-parent", "--new-session", "--unshare-net", "--unshare-pid"]
    words += ["--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--clearenv"]
    for name, value in environment(folder).items():
        words += ["--setenv", name, value]
    # Linux does not count the processes of root: a user without rights must run the code.
    if os.getuid() == 0:
        words += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        words += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    else:
        words += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
    return [*words, *prlimit(limits)]


def prlimit(limits):
    """Return the words that start a command with these limits."""
    return [
        "prlimit",
        f"--data={limits.memory_mb * 10**6}",
        f"--nproc={limits.processes}",
        f"--fsize={limits.disk_mb * 10**6}",
        "--nofile=256",
        "--core=0",
    ]


def environment(folder):
    """The variables of a kernel."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    language = {"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    return {"HOME": str(folder), "PATH": path, **one_thread, **language}


@dataclass(frozen=True)
class Sandbox:
    """How kernels are started: inside bubblewrap, or, only on demand, without protection."""

    limits: Limits = Limits()
    unsafe: bool = False
    user: int = FIRST_USER

    @contextmanager
    def folder(self):
        """Give an empty folder that the kernel's user may write, behind one that is closed."""
        name = tempfile.mkdtemp(prefix="grade-")
        try:
            folder = Path(name, "home")
            fonts = folder / ".cache" / "matplotlib"
            fonts.mkdir(parents=True)
            (folder / "tmp").mkdir()
            for known in Path(matplotlib.get_cachedir()).glob("fontlist*.json"):
                shutil.copy(known, fonts)  # finding the fonts takes seconds
            if os.getuid() == 0 and not self.unsafe:
                for path in [folder, *folder.rglob("*")]:
                    os.chown(path, self.user, self.user)
            yield folder
        finally:
            # Folders may be nested more deeply than Python removes them.
            subprocess.run(["rm", "-rf", name], stderr=subprocess.DEVNULL, check=False)

    def command(self, folder):
        """Return the words that come before a command which runs in `folder`."""
        if self.unsafe:
            return []
        return bubblewrap(folder, self.limits, self.user)

    def for_user(self, number):
        """Return the sandbox of another user, whose processes count apart."""
        return replace(self, user=FIRST_USER + number % 5000)

    def check(self):
        """Try the sandbox.

        Raises
        ------
        NoSandboxError
            If it cannot be started, or the network is within reach inside.
        """
        if self.unsafe:
            return
        if not shutil.which("bwrap"):
            raise NoSandboxError(MISSING)
        with self.folder() as folder:
            code = "print(open('/proc/net/dev').read().count(':'))"
            run = subprocess.run(
                [*self.command(folder), sys.executable, "-c", code],
                capture_output=True,
                encoding="utf-8",
                check=False,
            )
        if run.returncode or run.stdout.strip() != "1":
            raise NoSandboxError(f"{MISSING}\nbwrap says: {run.stderr.strip() or run.stdout}")
