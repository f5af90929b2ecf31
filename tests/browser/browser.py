"""What a reader's browser shows of a built site, with the network closed.

`check` opens a page as somebody who has never seen the site, tries everything on it and returns all
that is wrong, as a dict from the name of a check to its findings. `page.js` holds what is asked
inside the page.
"""

import gzip
import http.server
import shutil
import threading
from functools import cache, partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import axe_playwright_python
import yaml
from playwright.sync_api import TimeoutError as TooLate

from tools.chapters import ROOT

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
BASE = yaml.safe_load((ROOT / "_config.yml").read_text())["html"]["baseurl"]
PREFIX = urlsplit(BASE).path

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PARTS = 16_000  # pixels: height of a part of a picture; Chromium repeats itself beyond 16,384
HEAD = 4_000  # pixels: how much of a page is kept in the dark and as on a phone

FIRST_PAINT = 3.0  # seconds until the first text on a busy machine; a third of one when it is idle
OWN = 2_500_000  # bytes of a page and of its pictures, those further down included
SHARED = 1_200_000  # bytes of all else that a first visit loads, compressed
PICTURES = {".png", ".svg", ".gif", ".jpg", ".jpeg", ".webp"}

SCRIPT = (Path(__file__).parent / "page.js").read_text()
COLOURS = ["color-contrast", "link-in-text-block"]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()


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
        path = Path(urlsplit(self.path).path)
        if path.suffix in PICTURES or "mathjax" in path.parts:
            self.server.painted.wait(30)
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
        self.context.set_default_timeout(30_000)
        self.console, self.failed, self.requests = [], [], []
        self.context.on("console", self._console)
        self.context.on("weberror", lambda error: self.console.append(str(error.error)))
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.context.on("requestfailed", lambda request: self.failed.append(request.url))
        self.context.on("response", self._response)
        self.page = self.context.new_page()
        server.painted.clear()
        self.page.goto(server.url + path, wait_until="commit")
        self.first_paint = self._first_paint()
        server.painted.set()
        self.page.wait_for_load_state("load")
        self.page.evaluate(SCRIPT)
        still = "* { transition: none !important; animation: none !important }"
        self.page.add_style_tag(content=still)
        self.page.evaluate("window.MathJax?.startup?.promise")

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

    def _first_paint(self):
        """Return the seconds to the first text; None if it waits for what it must not wait for."""
        paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        try:
            return self.page.wait_for_function(paint, timeout=10_000).json_value() / 1000
        except TooLate:
            return None

    def file(self, url):
        """Return the file of an address of the site, or None."""
        path = unquote(urlsplit(url).path)
        file = self.server.site / path.removeprefix(PREFIX)
        return file if url.startswith(self.server.url) and file.is_file() else None

    def ask(self, name):
        """Call a function of page.js."""
        return self.page.evaluate(f"look.{name}()")

    def strangers(self):
        """Return the requests that went anywhere but to the site."""
        ours = (self.server.url, "data:", "blob:", "about:")
        return [url for url in self.requests if not url.startswith(ours)]


def check(browser, server, path, shots=None):
    """Open a page, try everything on it and return what is wrong: name of the check -> findings."""
    found = {}
    with Visit(browser, server, path) as visit:
        page = visit.page
        found["first paint"] = first_paint(visit)
        found["images"] = visit.ask("images")
        found["formulas"] = visit.ask("formulas")
        found["markup"] = visit.ask("markup")
        found["alt"] = visit.ask("alt")
        picture(page, shots, path, "light")
        found["skip link"] = skip_link(page)
        found["dropdowns"] = dropdowns(page)
        found["controls"] = controls(page)
        found["keyboard"] = visit.ask("focus")
        found["dark mode"] = darken(page)
        picture(page, shots, path, "dark", HEAD)
        page.set_viewport_size(PHONE)
        found["width"] = visit.ask("overflow")
        page.evaluate("document.documentElement.dataset.theme = 'light'")
        picture(page, shots, path, "phone", HEAD)
        page.set_viewport_size(DESKTOP)
        found["size"] = sizes(visit)
        visit.ask("thin")
        off = {rule: {"enabled": False} for rule in COLOURS}
        found["accessible, light"] = axe(page, rules=off)
        # Nothing but colours differs in the dark; to compare them takes most of the time.
        visit.ask("kinds")
        found["accessible, light"] += axe(page, runOnly=COLOURS)
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        found["accessible, dark"] = axe(page, runOnly=COLOURS)
        found["downloads"] = downloads(visit)
        found["third party"] = visit.strangers()
        found["failed requests"] = visit.failed
        found["console"] = visit.console
    return {name: findings for name, findings in found.items() if findings}


def first_paint(visit):
    """The first text waits neither for pictures nor for formulas, and is there soon."""
    if visit.first_paint is None:
        return ["nothing is painted before pictures and formulas are there"]
    late = visit.first_paint > FIRST_PAINT
    return [f"after {visit.first_paint:.1f} s"] if late else []


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


def dropdowns(page):
    """Folded parts open and close by a click and by the keyboard; afterwards all are open."""
    found = []
    for selector in ("details > summary", "button.toggle-button"):
        control = page.query_selector(f"main :is({selector})")
        if control is None:
            continue
        name = control.evaluate("look.name")
        for key in ("click", "click", "Enter", "Enter", "Space", "Space"):
            before = control.evaluate("look.isOpen")
            control.click() if key == "click" else control.press(key)
            if control.evaluate("look.isOpen") == before:
                found.append(f"{key} does nothing: {name}")
    return found + page.evaluate("look.openAll()")


def controls(page):
    """What can be set changes a picture or a text, by the keyboard alone."""
    found = []
    # A form leads to another page: the search is tried by itself.
    for control in page.query_selector_all("main article :is(input, select, button):not(form *)"):
        if not control.evaluate("look.isControl"):
            continue
        before, after = control.evaluate("look.keys")
        if before:
            control.press(before)
        was = control.evaluate("look.state")
        control.press(after)
        if control.evaluate("look.state") == was:
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
    """Keep a picture of the page, or of its head, in parts of the height that Chromium can draw."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    width = page.viewport_size["width"]
    height = page.evaluate("document.documentElement.scrollHeight")
    height = min(height, most or height)
    name = path.removesuffix(".html").replace("/", "-")
    for part, top in enumerate(range(0, height, PARTS)):
        page.screenshot(
            path=folder / f"{name}-{look}{f'-{part + 1}' if part else ''}.jpg",
            type="jpeg",
            quality=70,
            full_page=True,
            clip={"x": 0, "y": top, "width": width, "height": min(PARTS, height - top)},
        )
