"""Runs a notebook in a sandboxed kernel and says which of its checks passed, and why not.

What reads the kernel's answers stays outside the sandbox. A check counts only if it ran to its
end, which it proves by what it prints, another word for each check, which the submission has not
seen. What a submission has replaced in the libraries that checks use is put back before each
check, and reported.
"""

import asyncio
import json
import logging
import os
import secrets
import stat
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field

import nbformat
import psutil
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from traitlets import Any, List

from tools.assignments.grading import guard
from tools.assignments.grading.sandbox import environment
from tools.release.fresh import memory

TICK = 0.3  # seconds between two looks at what a kernel uses
BLOCK, DEEPEST = 4096, 50  # bytes of the smallest file; folders in folders
OPTIONS = ["--log-level=ERROR", "--HistoryManager.hist_file=:memory:"]


@dataclass
class Outcome:
    """What happened to one cell of code."""

    seconds: float = 0.0
    outputs: list = field(default_factory=list)
    reason: str = ""  # why it failed, in one line; empty if it did not


@dataclass
class Run:
    """What happened to a notebook: one outcome a cell of code, by position, and remarks."""

    outcomes: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)

    def as_json(self):
        """Return the run as a dict that JSON can hold."""
        return asdict(self)


class OneKernel(KernelSpecManager):
    """Knows one kernel, this Python behind a sandbox's words, whatever a notebook asks for."""

    words = List()

    def get_kernel_spec(self, kernel_name):
        """Return that kernel. It is interrupted by a message: signals stop at the sandbox."""
        argv = [*self.words, sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", interrupt_mode="message")


class Manager(AsyncKernelManager):
    """Starts a kernel that is spoken to through sockets in its own folder, not a network."""

    owner = Any()  # user and group of the folder

    def write_connection_file(self, **kwargs):
        """Write the file that names the sockets, and let the kernel's user read it."""
        super().write_connection_file(**kwargs)
        if os.getuid() == 0:
            os.chown(self.connection_file, *self.owner)


class Client(NotebookClient):
    """Runs cells in a sandbox; keeps no more of their output than is wanted."""

    def __init__(self, sandbox, folder):
        limits = sandbox.limits
        late = f"the cell was stopped after {limits.cell_seconds} seconds"
        place = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell()])
        super().__init__(
            place,
            timeout=limits.cell_seconds,
            startup_timeout=90,
            interrupt_on_timeout=True,
            error_on_timeout={"ename": "TimeoutError", "evalue": late, "traceback": [late]},
            allow_errors=True,
            raise_on_iopub_timeout=False,
            shutdown_kernel="immediate",
            extra_arguments=OPTIONS,
        )
        self.sandbox, self.folder = sandbox, folder
        self.room = limits.output_bytes
        self.reply, self.killed = {}, ""
        self.log.setLevel(logging.CRITICAL)

    def create_kernel_manager(self):
        """Make the manager of a kernel in the sandbox."""
        self.km = Manager(
            transport="ipc",
            ip=str(self.folder / "socket"),
            connection_file=str(self.folder / "kernel.json"),
            kernel_spec_manager=OneKernel(words=self.sandbox.command(self.folder)),
            owner=(self.folder.stat().st_uid, self.folder.stat().st_gid),
        )
        return self.km

    def output(self, outs, msg, display_id, cell_index):
        """Take an output, until there is no more room."""
        self.room -= len(json.dumps(msg["content"], default=str))
        if self.room > 0:
            with suppress(nbformat.ValidationError):  # a submission may send what is no output
                return super().output(outs, msg, display_id, cell_index)
        return None

    async def run_cell(self, cell):
        """Run a cell and return its outcome."""
        start, self.reply = time.monotonic(), {}
        self.room = self.sandbox.limits.output_bytes

        def remember(execute_reply, **_):
            self.reply = execute_reply["content"]

        self.on_cell_executed = remember
        try:
            await self.async_execute_cell(cell, 0, store_history=False)
            reason = error_of(cell, self.reply)
        except DeadKernelError:
            reason = self.killed or "the kernel died (memory, or the code ended its process)"
        return Outcome(round(time.monotonic() - start, 1), cell.outputs, reason)

    async def watch(self):
        """Kill the kernel when it has used its share of time, memory or disk."""
        limits, start = self.sandbox.limits, time.monotonic()
        process = psutil.Process(self.km.provisioner.process.pid)
        while not self.killed:
            await asyncio.sleep(TICK)
            if time.monotonic() - start > limits.notebook_seconds:
                self.killed = f"the notebook was stopped after {limits.notebook_seconds} seconds"
            elif process.is_running() and memory(process) > 1.5e6 * limits.memory_mb:
                self.killed = f"it used more than {1.5 * limits.memory_mb:.0f} MB of memory"
            elif written(self.folder, process, most=1e6 * limits.disk_mb):
                self.killed = f"it wrote more than {limits.disk_mb} MB"
        await self.km.shutdown_kernel(now=True)


def written(folder, process, most):
    """Say whether more than `most` bytes are in a folder, or in files without a name.

    An entry counts as a block at least. Folders in folders without end count as too much.
    """
    total, waiting = unnamed(process), [(folder, 0)]
    while waiting and total <= most:
        place, depth = waiting.pop()
        if depth > DEEPEST:
            return True
        with suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += max(BLOCK, entry.stat(follow_symlinks=False).st_size)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, depth + 1))
    return total > most


def unnamed(process):
    """Bytes in files that a process and its children hold open and that have no name any more."""
    sizes = {}
    with suppress(psutil.NoSuchProcess):
        for one in [process, *process.children(recursive=True)]:
            with suppress(OSError), os.scandir(f"/proc/{one.pid}/fd") as entries:
                for entry in entries:
                    with suppress(OSError):
                        found = entry.stat()
                        if stat.S_ISREG(found.st_mode) and not found.st_nlink:
                            sizes[found.st_dev, found.st_ino] = found.st_size
    return sum(sizes.values())


def error_of(cell, reply):
    """Return in one line why a cell failed, or nothing."""
    errors = [output for output in cell.outputs if output.output_type == "error"]
    if reply.get("status") == "ok" and not errors:
        return ""
    late = reply.get("ename") == "TimeoutError"  # then the cell only shows that it was interrupted
    error = errors[-1] if errors and not late else reply
    if not errors:
        cell.outputs.append(
            nbformat.v4.new_output(
                "error",
                ename=reply.get("ename", "Error"),
                evalue=reply.get("evalue", ""),
                traceback=reply.get("traceback") or [reply.get("evalue", "")],
            )
        )
    return f"{error.get('ename', 'Error')}: {error.get('evalue', '')}".split("\n")[0][:300]


def flags(cell):
    """nbgrader's marks of a cell."""
    return cell.metadata.get("nbgrader", {})


def name_of(cell):
    """nbgrader's name of a cell; cells that students added have none."""
    return flags(cell).get("grade_id", "own cell")


def is_check(cell):
    """Say whether a cell is a checker."""
    return cell.cell_type == "code" and flags(cell).get("grade") and not flags(cell).get("solution")


async def execute(notebook, sandbox):
    """Run all cells of code and return a `Run`.

    After a kernel has died or does not react any more, the cells that are left are not run.
    """
    run, seen, words = Run(), False, (secrets.token_hex(16), secrets.token_hex(16))
    with sandbox.folder() as folder:
        client = Client(sandbox, folder)
        told = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        async with client.async_setup_kernel(cwd=str(folder), env=environment(folder), **told):
            watcher = asyncio.ensure_future(client.watch())
            dead = ""
            for position, cell in enumerate(notebook.cells):
                if cell.cell_type != "code" or not cell.source.strip():
                    continue
                if dead:
                    run.outcomes[position] = Outcome(reason=f"not run: {dead}")
                    continue
                if not seen and not flags(cell).get("locked"):
                    await client.run_cell(nbformat.v4.new_code_cell(guard.remember(*words)))
                    seen = True
                if seen and is_check(cell):
                    outcome = await run_check(client, cell, *words, run.notes)
                else:
                    outcome = await client.run_cell(nbformat.v4.new_code_cell(cell.source))
                run.outcomes[position] = outcome
                if client.room <= 0:
                    most = sandbox.limits.output_bytes
                    run.notes.append(f"{name_of(cell)} printed more than {most} bytes: cut off")
                if outcome.reason and not await alive(client):
                    dead = client.killed or "an earlier cell ended the kernel or froze it"
                    outcome.reason = client.killed or outcome.reason
            watcher.cancel()
    return run


async def alive(client):
    """Say whether a kernel still reacts, some seconds after a cell that failed."""
    try:
        await client.kc.kernel_info(reply=True, timeout=5)
    except (TimeoutError, RuntimeError, DeadKernelError):
        return False
    return True


async def run_check(client, cell, word, secret, notes):
    """Run a check through the guard and demand the proof that it ran to its end."""
    number, name = secrets.token_hex(16), name_of(cell)
    code = guard.check(word, number, cell.source)
    outcome = await client.run_cell(nbformat.v4.new_code_cell(code))
    restored, complete = guard.read(outcome.outputs, word, guard.proof(secret, number))
    if restored:
        notes.append(f"before {name} these were put back: {', '.join(restored)}")
    elif restored is None:
        notes.append(f"before {name} the guard did not run")
    if not complete and not outcome.reason:
        outcome.reason = "the check did not run to its end"
    return outcome
