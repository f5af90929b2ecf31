"""What a reader's machine does: run in the fresh environment that a reader or Binder has.

    python tools/release/reader.py [--offline] [--lab] FILE ...

Runs each chapter (`.md`, opened by jupytext as JupyterLab does it, or `.ipynb`) in its own folder,
with JupyterLab beside it if asked. Before each step a line `step NAME` is printed, and `end` after
the last. This file imports nothing but what environment.yml installs.
"""

import argparse
import errno
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


def open_loopback():
    """Bring up 127.0.0.1, which is down in a new network namespace (kernels talk over it)."""
    import fcntl

    get_flags, set_flags, up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, get_flags, request))[1]
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", flags | up))


def network_is_off():
    """Say whether there is no way out: no route to 192.0.2.1, an address made for examples."""
    try:
        socket.create_connection(("192.0.2.1", 9), timeout=1).close()
    except OSError as error:
        return error.errno == errno.ENETUNREACH
    return False


def start_lab(page):
    """Start JupyterLab here, wait until it answers and gives a page as a notebook with code."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--allow-root"]
    command += ["--IdentityProvider.token=", "--ServerApp.log_level=ERROR"]
    lab = subprocess.Popen(command, start_new_session=True)
    url = f"http://127.0.0.1:{port}/api/contents/{page}?type=notebook&content=1"
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                cells = json.load(answer)["content"]["cells"]
            break
        except urllib.error.HTTPError:
            raise  # it answers, and cannot open the page
        except OSError:
            if lab.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    assert any(cell["cell_type"] == "code" for cell in cells), f"{page} opened without code"
    return lab


def run(path):
    """Run a chapter in a fresh kernel, in its own folder."""
    import jupytext
    from nbclient import NotebookClient

    notebook = jupytext.read(path)
    notebook.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3"})
    folder = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=600, resources=folder).execute()


def main():
    """Do what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--offline", action="store_true", help="fail where the network is on")
    parser.add_argument("--lab", action="store_true", help="start JupyterLab first, beside it all")
    arguments = parser.parse_args()
    if arguments.offline:
        open_loopback()
        if not network_is_off():
            sys.exit("the network is on")
    lab = None
    try:
        if arguments.lab:
            print("step JupyterLab answers", flush=True)
            lab = start_lab(arguments.files[0].as_posix())
        for path in arguments.files:
            print(f"step {path.with_suffix('').as_posix()}", flush=True)
            run(path)
        print("end", flush=True)
    finally:
        if lab:
            os.killpg(lab.pid, signal.SIGTERM)
            lab.wait()


if __name__ == "__main__":
    main()
