"""Print the built site as one PDF: `_build/learning-without-labels.pdf`.

    python -m tools.exports.pdf

A copy lies in the site, where the published page links to it.

Chromium prints the pages that `_toc.yml` lists, one after another, with running heads and page
numbers that go on; pypdf puts them together. Links between pages become links inside the file.
"""

import functools
import html
import http.server
import io
import json
import shutil
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import matplotlib
import yaml

from tools.pages.chapters import ROOT, pages
from tools.site.build import SITE, site_and_target

TARGET = ROOT / "_build" / "learning-without-labels.pdf"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
STYLE = Path(__file__).with_name("pdf.css").read_text(encoding="utf-8")
SCRIPT = Path(__file__).with_name("pdf.js").read_text(encoding="utf-8")
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
LEFT_OUT = "book/api"  # what the package's docstrings say is for the screen
COVER = "_static/book.png"
LOOK = "_static/course.css"  # where the letters are
TEXT_WIDTH = 642  # CSS pixels: A4 less the margins in pdf.css
INSIDE = "https://book.invalid/"  # what pdf.js puts before links from page to page


def parts(contents):
    """Yield the captions of `_toc.yml` and the pages below each; the root is in none."""
    for part in contents.get("parts") or [contents | {"root": None}]:
        below = {key: value for key, value in part.items() if key in ("chapters", "sections")}
        yield part.get("caption", ""), [p for p in pages(below) if not p.startswith(LEFT_OUT)]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *args):
        """Say nothing."""


class Printer:
    """A tab that prints pages of a built site, and counts the sheets.

    Parameters
    ----------
    browser : playwright Browser
    folder : Path
        The site.
    """

    def __init__(self, browser, folder):
        handler = functools.partial(Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{server.server_port}/"
        self.count, self.front = 0, ""
        self.tab = browser.new_page(viewport={"width": TEXT_WIDTH, "height": 1000})
        self.tab.emulate_media(media="print", color_scheme="light")
        self.tab.route("**/*", self._answer)

    def _answer(self, route):
        """Give what is asked for: fonts, the title page, the site; nothing from elsewhere."""
        path = urlsplit(route.request.url).path
        if not route.request.url.startswith(self.address):
            route.abort()
        elif path.startswith("/pdf-fonts/"):
            route.fulfill(path=FONTS / Path(path).name)
        elif path == "/pdf-front.html":
            route.fulfill(body=self.front, content_type="text/html; charset=utf-8")
        else:
            route.continue_()

    def chapter(self, page, part):
        """Return a page of the site as bytes of a PDF, and its title and sections."""
        self.tab.goto(f"{self.address}{page}.html")
        self.tab.evaluate("window.MathJax?.startup?.promise")
        self.tab.add_style_tag(content=STYLE)
        found = self.tab.evaluate(SCRIPT)
        if found["tooWide"]:
            raise ValueError(f"{page}: {found['tooWide'][0]!r} is wider than the sheet. Break it.")
        heads = f"@top-left {{ content: {json.dumps(part, ensure_ascii=False)} }} "
        heads += f"@top-right {{ content: {json.dumps(found['title'], ensure_ascii=False)} }}"
        self.tab.add_style_tag(
            content=f"@page {{ {heads} }} html {{ counter-reset: page {self.count} }} "
            "@page :first { @top-left { content: none } @top-right { content: none } }"
        )
        return self._print(), found

    def opening(self, text):
        """Return the title page and the table of contents as bytes of a PDF."""
        self.front = text
        self.tab.goto(f"{self.address}pdf-front.html")
        self.tab.add_style_tag(content=STYLE + ":root { --numbers: lower-roman }")
        self.tab.evaluate("document.fonts.ready")
        return self._print()

    def _print(self):
        return self.tab.pdf(prefer_css_page_size=True, print_background=True)


def title_page(config):
    """Return the HTML of the title page."""
    site, description = config["html"]["baseurl"], config["sphinx"]["config"]["ogp_description"]
    return (
        f'<section class="title-page"><h1>{html.escape(config["title"])}</h1>'
        f'<p>{html.escape(description)}</p><img src="{COVER}" alt="">'
        f"<small>{html.escape(config['author'])}, "
        f"{config['copyright']}. The same book with sliders to move, code to unfold and run, and "
        f'search: <a href="{site}">{site}</a>. Code that only draws a picture is left out here; '
        "solutions stand at the end of each chapter. Text and figures: CC BY 4.0. Code: MIT."
        "</small></section>"
    )


def table_of_contents(entries):
    """Return the HTML of the contents: (caption of the part, page, title, number) in order."""
    lines, last = [], None
    for part, page, title, number in entries:
        if part != last:
            lines.append(f"<h2>{html.escape(part)}</h2>" if part else "")
            last = part
        lines.append(
            f'<div><span><a href="{INSIDE}{page}.html">{html.escape(title)}</a></span>'
            f"<span>{number}</span></div>"
        )
    return f'<section class="contents"><h1>Contents</h1>{"".join(lines)}</section>'


def places(reader, page, offset):
    """Return where each place of a page stands: (page, id) to (sheet, height)."""
    found = {}
    for name, target in reader.named_destinations.items():
        sheet = reader.get_destination_page_number(target)
        found[page, unquote(name.removeprefix("/"))] = (offset + sheet, float(target.top or 0))
    return found


def link_up(writer, where, starts, site):
    """Turn links from page to page into links inside the file, or to the site for the others."""
    from pypdf.generic import ArrayObject, FloatObject, NameObject, NullObject, TextStringObject

    for sheet in writer.pages:
        for annotation in sheet.get("/Annots") or []:
            annotation = annotation.get_object()
            action = annotation.get("/A")
            address = str(action.get_object().get("/URI", "")) if action else ""
            if not address.startswith(INSIDE):
                continue
            url = urlsplit(address)
            page, place = url.path.strip("/").removesuffix(".html"), unquote(url.fragment)
            target = where.get((page, place), starts.get(page))
            if target is None:
                address = f"{site.rstrip('/')}/{address.removeprefix(INSIDE)}"
                action.get_object()[NameObject("/URI")] = TextStringObject(address)
                continue
            number, top = target
            goal = writer.pages[number].indirect_reference
            place = [goal, NameObject("/XYZ"), NullObject(), FloatObject(top), NullObject()]
            annotation[NameObject("/Dest")] = ArrayObject(place)
            del annotation["/A"]


def make(folder=SITE, target=TARGET, root=ROOT):
    """Print the site in `folder` to the file `target`; return the number of its sheets."""
    from playwright.sync_api import sync_playwright
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import Fit

    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    entries, files, where = [], [], {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        printer = Printer(browser, folder)
        for part, below in parts(contents):
            for page in below:
                data, found = printer.chapter(page, part)
                reader = PdfReader(io.BytesIO(data))
                where |= places(reader, page, printer.count)
                entries.append((part, page, found["title"], printer.count + 1))
                files.append((part, page, found, reader))
                printer.count += len(reader.pages)
                print(f"{page}: {len(reader.pages)} pages", flush=True)
        text = f'<!doctype html><meta charset="utf-8"><title>{html.escape(config["title"])}</title>'
        text += f'<link rel="stylesheet" href="{LOOK}"><body class="printed">'
        text += title_page(config) + table_of_contents(entries)
        opening = PdfReader(io.BytesIO(printer.opening(text)))
        browser.close()

    writer, before = PdfWriter(), len(opening.pages)
    writer.append(opening, import_outline=False)
    where = {key: (before + sheet, top) for key, (sheet, top) in where.items()}
    starts, above, last = {}, None, None
    writer.add_outline_item(title="Contents", page_number=1)
    for part, page, found, reader in files:
        start = len(writer.pages)
        writer.append(reader, import_outline=False)
        starts[page] = (start, float(reader.pages[0].mediabox.top))
        bookmark = functools.partial(writer.add_outline_item, page_number=start)
        if part != last:
            above, last = bookmark(title=part) if part else None, part
        chapter = bookmark(title=found["title"], parent=above)
        for title, place in found["sections"]:
            sheet, top = where.get((page, place), starts[page])
            bookmark(title=title, page_number=sheet, parent=chapter, fit=Fit.xyz(top=top))
    link_up(writer, where, starts, config["html"]["baseurl"])
    writer.root_object.pop("/Names", None)  # all links are direct now
    writer.set_page_label(0, before - 1, style="/r")
    writer.set_page_label(before, len(writer.pages) - 1, style="/D", start=1)
    writer.add_metadata({"/Title": config["title"], "/Author": config["author"]})
    writer.compress_identical_objects()
    target.parent.mkdir(parents=True, exist_ok=True)
    writer.write(target)
    return len(writer.pages)


def main():
    """Print the site, if there is one and something that can print it."""
    site, target = site_and_target(__doc__.split("\n")[0], TARGET)
    if CHROMIUM is None:
        sys.exit(f"a PDF needs Chromium: install one of {', '.join(NAMES)}")
    count = make(site, target)
    shutil.copy(target, site / TARGET.name)
    print(f"{target}: {count} pages, {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
