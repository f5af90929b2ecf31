"""Runs a notebook in a sandboxed kernel and says which of its checks passed, and why not.

What reads the kernel's answers stays outside the sandbox. A check counts only if it ran to its
last line, which prints a word that is drawn anew for each check and that the submission has not
seen. What a submission has replaced in the libraries that checks use is put back before each
check, and reported.
"""

import asyncio
import json
import logging
import os
import secrets
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field

import nbformat
import psutil
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from traitlets import Any, List

from tools.assignments import guard
from tools.assignments.sandbox import environment
from tools.fresh import memory

TICK = 0.3  # seconds between two looks at what a kernel uses
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
        return super().output(outs, msg, display_id, cell_index) if self.room > 0 else None

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
            elif size_of(self.folder) > 1e6 * limits.disk_mb:
                self.killed = f"it wrote more than {limits.disk_mb} MB"
        await self.km.shutdown_kernel(now=True)


def size_of(folder):
    """Bytes of all files below a folder."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
            except OSError:
                continue
    return total


def error_of(cell, reply):
    """Return in one line why a cell failed, or nothing."""
    errors = [output for output in cell.outputs if output.output_type == "error"]
    if reply.get("status") == "ok" and not errors:
        return ""
    error = errors[-1] if errors else reply
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


def take_out(outputs, word):
    """Remove `word` and what follows it in its line from printed output; return what followed."""
    for output in outputs:
        if output.output_type == "stream" and word in output.text:
            before, _, after = output.text.partition(word)
            line, _, rest = after.partition("\n")
            output.text = before + rest
            if not output.text:
                outputs.remove(output)
            return line
    return None


def flags(cell):
    """nbgrader's marks of a cell."""
    return cell.metadata.get("nbgrader", {})


def is_check(cell):
    """Say whether a cell is a checker."""
    return cell.cell_type == "code" and flags(cell).get("grade") and not flags(cell).get("solution")


async def execute(notebook, sandbox):
    """Run all cells of code and return a `Run`.

    After a kernel has died or does not react any more, the cells that are left are not run.
    """
    run, seen, word = Run(), False, secrets.token_hex(16)
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
                    await hidden(client, guard.remember(word))
                    seen = True
                outcome = await run_one(client, cell, word if seen else None, run.notes)
                run.outcomes[position] = outcome
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


async def hidden(client, source):
    """Run code of the grader's own and return its outcome."""
    return await client.run_cell(nbformat.v4.new_code_cell(source))


async def run_one(client, cell, word, notes):
    """Run a cell; if it is a check, guard it and demand the proof that it ran to its end."""
    if not is_check(cell) or word is None:
        return await client.run_cell(nbformat.v4.new_code_cell(cell.source))
    restored = take_out((await hidden(client, guard.restore(word))).outputs, word)
    replaced = json.loads(restored) if restored else []
    if replaced:
        notes.append(f"before {flags(cell)['grade_id']} these were put back: {', '.join(replaced)}")
    elif restored is None:
        notes.append(f"before {flags(cell)['grade_id']} the guard did not run")
    proof = secrets.token_hex(16)
    outcome = await client.run_cell(nbformat.v4.new_code_cell(cell.source + guard.proof(proof)))
    if take_out(outcome.outputs, proof) is None and not outcome.reason:
        outcome.reason = "the check did not run to its end"
    return outcome
