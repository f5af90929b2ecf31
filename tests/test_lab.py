"""JupyterLab in a real browser: a click on a chapter opens a notebook that can be read."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tools.chapters import ROOT, chapters
from tools.pdf import CHROMIUM, FLAGS

SHOTS = ROOT / "_build" / "screenshots"
PATIENCE = 120  # seconds, on a busy machine
PAGE = next(page for page in chapters() if page.count("/") == 2)


@pytest.fixture
def lab(tmp_path):
    """The address of JupyterLab on a copy of the book, set up by postBuild alone."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed: make setup")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine: nothing to open JupyterLab with")
    shutil.copytree(ROOT / "book", tmp_path / "book")
    places = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = os.environ | places | {"PATH": path, "HOME": str(tmp_path)}
    subprocess.run([ROOT / "postBuild"], env=env, check=True, cwd=tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--allow-root"]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={tmp_path}"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    address, start = f"http://127.0.0.1:{port}", time.monotonic()
    try:
        while True:
            try:
                urllib.request.urlopen(f"{address}/api", timeout=10).close()
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "log").read_text()[-3000:]
                assert time.monotonic() - start < PATIENCE, "JupyterLab does not answer"
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def tab(lab):
    """A browser's tab that can reach JupyterLab and nothing else, and what else it asked for."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    elsewhere = []

    def gate(route):
        if route.request.url.startswith((lab, "data:", "blob:")):
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        page.set_default_timeout(PATIENCE * 1000)
        page.context.route("**/*", gate)
        yield page, elsewhere
        browser.close()


def is_readable_notebook(tab, name):
    """Check what the tab shows, and keep a picture of it."""
    tab.wait_for_selector(".jp-Notebook .jp-CodeCell")
    head = tab.locator(".jp-Notebook .jp-MarkdownCell").first
    head.locator("h1").wait_for()
    head.get_by_text("What you will learn", exact=True).wait_for()  # without its mark-up
    tab.wait_for_timeout(1000)  # for the picture
    SHOTS.mkdir(parents=True, exist_ok=True)
    tab.screenshot(path=SHOTS / f"jupyterlab-{name}.png")
    assert ":::" not in head.inner_text(), "the mark-up of admonitions is shown as text"


@pytest.mark.timeout(900)
def test_a_double_click_opens_a_chapter_as_a_notebook(lab, tab):
    tab, elsewhere = tab
    tab.goto(f"{lab}/lab?reset")
    *folders, file = f"{PAGE}.md".split("/")
    for name in [*folders, file]:
        item = tab.locator(".jp-DirListing-item", has=tab.get_by_text(name, exact=True))
        item.dblclick()
    is_readable_notebook(tab, "click")
    assert elsewhere == []


@pytest.mark.timeout(900)
def test_the_address_that_binder_gives_opens_a_chapter_as_a_notebook(lab, tab):
    tab, elsewhere = tab
    tab.goto(f"{lab}/lab/tree/{PAGE}.md?reset")
    is_readable_notebook(tab, "address")
    assert elsewhere == []
