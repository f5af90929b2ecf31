"""What a reader's browser shows of a built site, with the network closed.

`check` opens a page as somebody who has never seen the site, tries everything on it and returns all
that is wrong, as a dict from the name of a check to its findings. `page.js` holds what is asked
inside the page.
"""

import gzip
import http.server
import os
import re
import shutil
import threading
from functools import cache, partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import axe_playwright_python
import yaml

from tools.pages.chapters import ROOT

SITE = ROOT / "_build" / "html"
SHOTS = ROOT / "_build" / "screenshots"
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
# The address under which the site is published: 404.html has absolute links that begin with it.
BASE = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["html"]["baseurl"]
PREFIX = urlsplit(BASE).path

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PARTS = (
    8_000  # pixels: height of a part of a picture, quickest so; beyond 16,384 Chromium repeats it
)
HEAD = 3_000  # pixels: how much of a page is kept, in light, in the dark and as on a phone
WHOLE = bool(os.environ.get("WHOLE_PAGES"))  # in light all of it: a quarter more time

HANG = 120  # seconds: no check waits for a time, and what lasts so long will never end
OWN = 2_500_000  # bytes of a page and of its pictures, those further down included
SHARED = 1_200_000  # bytes of all else that a first visit loads, compressed
PICTURES = {".png", ".svg", ".gif", ".jpg", ".jpeg", ".webp"}
# What the first text must not wait for: it is kept back until that text is there.
LATER = re.compile(r"/mathjax/|\.(?:png|svg|gif|jpe?g|webp)$")

SCRIPT = (Path(__file__).parent / "page.js").read_text(encoding="utf-8")
COLOURS = ["color-contrast", "link-in-text-block"]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def pages(site=SITE):
    """Return the paths of the site's pages, relative to it; none if it is not built.

    A page that only leads to another is none.
    """
    found = [path.relative_to(site) for path in site.rglob("*.html")]
    found = [path for path in found if path.parts[0] != "_static"]
    return sorted(path.as_posix() for path in found if not leads_on(site / path))


def leads_on(path):
    """Say whether a page is nothing but a way to another one."""
    with path.open(encoding="utf-8") as file:
        return 'http-equiv="refresh"' in file.read(200).lower()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder under PREFIX, quietly."""

    protocol_version = "HTTP/1.1"

    def translate_path(self, path):
        """Return the file of an address; what is outside PREFIX does not exist."""
        inside = path.startswith(PREFIX)
        return super().translate_path(path[len(PREFIX) - 1 :] if inside else "/no such file")

    def do_GET(self):
        """Send a file; pictures and the script that sets formulas only after the first paint."""
        if LATER.search(urlsplit(self.path).path):
            self.server.painted.wait()
        super().do_GET()

    def log_message(self, *args):
        """Say nothing."""


def serve(site):
    """Serve a folder at a free port of this machine; return the server, its `url` set."""
    handler = partial(Handler, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.url = f"http://127.0.0.1:{server.server_port}{PREFIX}"
    server.site = site
    server.painted = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def launch(playwright):
    """Start the system's Chromium; it can reach nothing but this machine."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@cache
def compressed(path):
    """Return the size of a file as a web server sends it."""
    return len(gzip.compress(path.read_bytes(), 6))


class Visit:
    """A page in a browser that has never seen the site; records requests, failures and errors."""

    def __init__(self, browser, server, path, **options):
        """Open the page and wait until its scripts have done their work."""
        look = {"viewport": DESKTOP, "color_scheme": "light", "reduced_motion": "reduce"}
        self.server, self.path = server, path
        self.context = browser.new_context(**(look | options))
        self.context.set_default_timeout(HANG * 1000)
        self.console, self.failed, self.requests = [], [], []
        self.context.on("console", self._console)
        self.context.on("weberror", lambda error: self.console.append(str(error.error)))
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.context.on("requestfailed", lambda request: self.failed.append(request.url))
        self.context.on("response", self._response)
        self.context.add_init_script(SCRIPT)
        self.page = self.context.new_page()
        try:
            self._open()
        except BaseException:
            self.context.close()
            raise

    def _open(self):
        """Load the page: the first text, then what was kept back for it, then all the rest."""
        self.server.painted.clear()
        try:
            self.page.goto(self.server.url + self.path, wait_until="commit")
            # Asked again and again, not at every frame: a page that waits draws no frames.
            text = "later => look.firstText(new RegExp(later))"
            state = self.page.wait_for_function(text, arg=LATER.pattern, polling=20).json_value()
            self.first_text = [] if state == "painted" else [state]
        finally:
            self.server.painted.set()
        self.page.wait_for_load_state("load")
        self.page.evaluate("window.MathJax?.startup?.promise")
        self.page.evaluate("document.fonts.ready.then(() => look.frame())")

    def __enter__(self):
        """Return the visit itself."""
        return self

    def __exit__(self, *error):
        """Close all that was opened for it."""
        self.context.close()

    def _console(self, message):
        if message.type == "error":
            self.console.append(message.text)

    def _response(self, response):
        if response.status >= 400:
            self.failed.append(f"{response.status} {response.url}")

    def file(self, url):
        """Return the file of an address of the site, or None."""
        path = unquote(urlsplit(url).path)
        file = self.server.site / path.removeprefix(PREFIX)
        return file if url.startswith(self.server.url) and file.is_file() else None

    def ask(self, name, *args):
        """Call a function of page.js."""
        return self.page.evaluate(f"args => look.{name}(...args)", list(args))

    def picked(self, name, *args):
        """Call a function of page.js that picks elements; yield what it says of each, and each."""
        for index, said in enumerate(self.ask(name, *args)):
            yield said, self.page.evaluate_handle("index => look.at(index)", index).as_element()

    def strangers(self):
        """Return the requests that went anywhere but to the site."""
        ours = (self.server.url, "data:", "blob:", "about:")
        return [url for url in self.requests if not url.startswith(ours)]


class Known:
    """What was tried on another page and need not be again: kinds of folds, kinds of colours."""

    def __init__(self):
        """Nothing is known."""
        self.folds, self.colours = set(), set()


def check(browser, server, path, shots=None, known=None):
    """Open a page, try everything on it and return what is wrong: name of the check -> findings.

    What an earlier page has of the same kind is not tried again if both are given the same `Known`.
    """
    found = {}
    with Visit(browser, server, path) as visit:
        for name, findings in checks(visit, shots, known or Known()):
            found.setdefault(name, []).extend(findings)
    return {name: findings for name, findings in found.items() if findings}


def checks(visit, shots, known):
    """Try everything on an open page, one after the other; yield name of the check, findings."""
    page, path = visit.page, visit.path
    yield "first text", visit.first_text
    for name in ("images", "formulas", "markup", "alt"):
        yield name, visit.ask(name)
    picture(page, shots, path, "light", None if WHOLE else HEAD)
    yield "skip link", skip_link(page)
    yield "dropdowns", dropdowns(visit, known.folds)
    yield "scrolling", visit.ask("scrolling")
    yield "controls", controls(visit)
    yield "keyboard", visit.ask("focus")
    yield "dark mode", darken(page)
    picture(page, shots, path, "dark", HEAD)
    page.set_viewport_size(PHONE)
    yield "width", visit.ask("overflow")
    yield "scrolling", [f"on a phone: {found}" for found in visit.ask("scrolling")]
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    picture(page, shots, path, "phone", HEAD)
    yield "size", sizes(visit)
    yield "downloads", downloads(visit)
    yield "third party", visit.strangers()
    yield "failed requests", visit.failed
    yield "console", visit.console
    visit.ask("thin")
    page.set_viewport_size(DESKTOP)
    off = {rule: {"enabled": False} for rule in COLOURS}
    yield "accessible, light", axe(page, rules=off)
    # Nothing but colours differs in the dark; to compare them takes most of the time.
    known.colours.update(visit.ask("kinds", sorted(known.colours)))
    yield "accessible, light", axe(page, runOnly=COLOURS)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    yield "accessible, dark", axe(page, runOnly=COLOURS)


def skip_link(page):
    """The first stop of the Tab key is a link past the navigation, and one sees it."""
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.keyboard.press("Tab")
    target = page.evaluate(
        "look.seen(document.activeElement) && document.activeElement.getAttribute('href')"
    )
    if not target or not target.startswith("#") or not page.query_selector(target):
        return [f"the first stop of the Tab key leads to {target}"]
    return []


def dropdowns(visit, known):
    """Folded parts open; one of each kind also closes and opens by a click and by the keyboard."""
    found = visit.ask("openAll")
    for kind, control in visit.picked("folds", sorted(known)):
        was, still = control.evaluate("look.isOpen"), []
        for key in ("click", "click", "Enter", "Enter", "Space", "Space"):
            control.click() if key == "click" else control.press(key)
            now = control.evaluate("look.isOpen")
            if now == was:
                still.append(f"{key} does nothing: {control.evaluate('look.name')}")
            was = now
        found += still
        known |= set() if still else {kind}
    return found + visit.ask("openAll")


def controls(visit):
    """What can be set changes a picture or a text, by the keyboard alone."""
    found = []
    for (before, after), control in visit.picked("controls"):
        if before:
            control.press(before)
        control.evaluate("look.remember")
        control.press(after)
        if not control.evaluate("look.changed"):
            found.append(f"{after} changes nothing: {control.evaluate('look.name')}")
    return found


def darken(page):
    """The button for dark mode works by the keyboard."""
    button = page.query_selector("button.theme-switch-button")
    if button is None:
        return ["there is no button"]
    for _ in range(3):
        button.press("Enter")
        if page.evaluate("document.documentElement.dataset.theme") == "dark":
            return []
    return ["the button does not make the page dark"]


def axe(page, **options):
    """Return what axe-core finds, but for what it calls minor."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE)
    options |= {"resultTypes": ["violations"], "preload": False}
    result = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{rule['impact']} {rule['id']}: {' '.join(node['html'].split())[:160]}"
        for rule in result["violations"]
        if rule["impact"] != "minor"
        for node in rule["nodes"][:3]
    ]


def sizes(visit):
    """A page with its pictures is small, and so is what it shares with the others."""
    own = shared = 0
    for file in {visit.file(url) for url in visit.requests} - {None}:
        inside = file.relative_to(visit.server.site).parts[0]
        if inside != "_static" and file.suffix in PICTURES | {".html"}:
            own += file.stat().st_size
        else:
            shared += compressed(file)
    found = [f"{own:,} bytes of its own, at most {OWN:,}"] if own > OWN else []
    if shared > SHARED:
        found.append(f"{shared:,} bytes shared, compressed, at most {SHARED:,}")
    return found


def downloads(visit):
    """Every file of the site that is offered for download is there."""
    links = visit.page.evaluate("look.downloads()")
    inside = [url for url in links if url.startswith(visit.server.url)]
    status = {url: visit.context.request.head(url).status for url in inside}
    return [f"{code} {url}" for url, code in status.items() if code != 200]


def picture(page, folder, path, look, most=None):
    """Keep a picture of the page, or of its head, in parts of the height that Chromium can draw.

    The window is made as high as a part: to draw what is outside of it takes twice as long.
    """
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    page.evaluate("document.activeElement.blur()")
    size = page.viewport_size
    height = page.evaluate("document.documentElement.scrollHeight")
    height = min(height, most or height)
    name = path.removesuffix(".html").replace("/", "-")
    page.set_viewport_size(size | {"height": min(PARTS, height)})
    for part, top in enumerate(range(0, height, PARTS)):
        page.evaluate(f"scrollTo(0, {top})")
        page.screenshot(
            path=folder / f"{name}-{look}{f'-{part + 1}' if part else ''}.jpg",
            type="jpeg",
            quality=70,
        )
    page.set_viewport_size(size)
    page.evaluate("scrollTo(0, 0)")
