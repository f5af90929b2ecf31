"""JupyterLab in a real browser: a click on a chapter opens a notebook that can be read."""

import os
import shutil
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from threading import Thread

import pytest

from tools.exports.pdf import CHROMIUM, FLAGS
from tools.pages.chapters import ROOT, chapters

SHOTS = ROOT / "_build" / "screenshots"
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
    server = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    try:
        said = []
        for line in server.stdout:
            said.append(line)
            if "is running at:" in line:
                break
        else:
            pytest.fail(f"JupyterLab ends before it can be reached: {''.join(said)[-3000:]}")
        # What nobody reads would stop it.
        Thread(target=deque, args=(server.stdout, 0), daemon=True).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


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
        page.set_default_timeout(0)  # the limit of the whole test is the only one
        page.context.route("**/*", gate)
        yield page, elsewhere
        browser.close()


def is_readable_notebook(tab, name):
    """Check what the tab shows, and keep a picture of it."""
    tab.wait_for_selector(".jp-Notebook .jp-CodeCell")
    head = tab.locator(".jp-Notebook .jp-MarkdownCell").first
    head.locator("h1").wait_for()
    head.get_by_text("What you will learn", exact=True).wait_for()  # without its mark-up
    # For the picture: the start is over, the letters are there, and a cell could be run.
    tab.locator("#jupyterlab-splash").wait_for(state="detached")
    tab.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
    tab.evaluate("document.fonts.ready")
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
