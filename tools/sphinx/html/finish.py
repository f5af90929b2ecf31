"""Sphinx extension: what the theme leaves to be done on every page, done to its HTML.

Less to load: scripts without a use are left out, the others wait until the text is there, and so do
pictures below the first, whose sizes are written beside them so that the text does not jump. Large
pictures are kept in 256 colours.
Easier to use without a mouse or without eyes: every identifier once, every part of the page in a
landmark, lists that say that they are lists. Easier to read: punctuation stays with its formula,
a per cent sign with its number.
"""

import io
import re
from pathlib import Path

from PIL import Image
from sphinx.jinja2glue import BuiltinTemplateLoader

SCRIPT = re.compile(r"[ \t]*<script([^>]*)>(.*?)</script>\n?", re.S)
PICTURE = re.compile(r'<img ([^>]*?src="[^"]*?_images/([^"/]+)"[^>]*?)/?>')

# The icons are drawn with the fonts; the script that draws them again weighs half a megabyte.
# Words are looked for on the search page only, so no other page needs the index.
UNUSED = ("_static/scripts/fontawesome.js",)
LARGE = 350_000  # bytes; a figure made of photographs has more, a drawing seldom
SEARCH = ("_static/searchtools.js", "_static/language_data.js", "searchindex.js")
# Scripts in the page read what this one sets.
FIRST = "_static/documentation_options.js"

REPAIRS = (
    # sphinx-exercise gives every exercise's content the same identifier.
    (re.compile(r' id="(exercise|solution)-content"'), r' class="\1-content"'),
    # The role of an entry is no longer a list item's.
    (re.compile(r' role="doc-biblioentry"'), ' role="listitem"'),
    # The arrow that unfolds a list of pages has no name.
    (re.compile(r'<summary>(?=<span class="toctree-toggle")'), '<summary aria-label="Its pages">'),
    # Name and search button stand outside every landmark.
    (
        re.compile(r'<div id="pst-primary-sidebar"'),
        '<div role="complementary" aria-label="Book" id="pst-primary-sidebar"',
    ),
    # A formula is a box, and browsers would begin a line with the comma behind it. (A match begins
    # where a word does: tried at every letter, a sound in the page would take minutes.)
    (
        re.compile(
            r"((?<![^\s>])[^\s>]*"
            r'<span class="math notranslate nohighlight">[^<]*</span>[^\s<]+)'
        ),
        r'<span class="together">\1</span>',
    ),
    # A number from the code has a hyphen for a minus, and may end a line before its per cent sign.
    (re.compile(r'(?<=<span class="pasted-text">)-(?=\d)'), "\N{MINUS SIGN}"),
    (re.compile(r'(<span class="pasted-text">[^<]*</span>)\s+(?=%)'), r"\1&#160;"),
)


# A section whose text is folded, and what its entry in a list of contents says to whoever hears it.
FOLDED = re.compile(
    r'<section id="([^"]+)">\s*(?:<span id="[^"]*"></span>\s*)*<h\d>(?:(?!</h\d>).)*</h\d>\s*'
    r'<div class="deeper ',
    re.S,
)
SAYS_DEEPER = '<span class="visually-hidden"> (deeper)</span>'

# A signature of several lines is written as definitions without terms.
SIGNATURE = re.compile(r'<dl>\s*((?:<dd><em class="sig-param">.*?</dd>\s*)+)</dl>', re.S)


def signature(match):
    """Return the lines of a signature as lines."""
    lines = re.sub(r"<(/?)dd>", lambda tag: f"<{tag[1]}span>", match[1])
    return f'<span class="sig-lines">{lines}</span>'


def source(attributes):
    """Return the address of a script without its version, or an empty string."""
    found = re.search(r'src="([^"?]*)', attributes)
    return found[1] if found else ""


def scripts(html, page):
    """Return the HTML with every script once, if it is used, and none in the way of the text."""
    done = set()

    def one(match):
        attributes, text = match.groups()
        name = source(attributes)
        idle = name.endswith(UNUSED) or (name.endswith(SEARCH) and page != "search")
        if idle or (attributes, text) in done:
            return ""
        done.add((attributes, text))
        if name and not name.endswith(FIRST) and not re.search(r"\b(defer|async)\b", attributes):
            return match[0].replace("<script", "<script defer", 1)
        return match[0]

    return SCRIPT.sub(one, html)


def pictures(html, size):
    """Return the HTML with the pictures' sizes; all but the first are loaded when they are near.

    `size(name)` is (width, height) of a picture of the site, or None.
    """
    count = 0

    def one(match):
        nonlocal count
        attributes, name = match.groups()
        extra = ' decoding="async"'
        if count and "loading=" not in attributes:
            extra += ' loading="lazy"'
        if "height=" not in attributes and (known := size(name)):
            extra += f' width="{known[0]}" height="{known[1]}"'
        count += 1
        return f"<img {attributes.rstrip()}{extra} />"

    return PICTURE.sub(one, html)


def marked(html):
    """Return the HTML with a mark at every entry of a list of contents that leads to a fold."""
    for name in FOLDED.findall(html):
        entry = re.compile(
            rf'(<a class=")([^"]*nav-link"[^>]*href="#{re.escape(name)}">)(.*?)(</a>)', re.S
        )
        html = entry.sub(rf"\1is-deeper \2\3{SAYS_DEEPER}\4", html)
    return html


def finish(html, page="", size=lambda name: None):
    """Return a page's HTML with all of this done."""
    html = marked(SIGNATURE.sub(signature, html))
    for pattern, better in REPAIRS:
        html = pattern.sub(better, html)
    return pictures(scripts(html, page), size)


class Templates(BuiltinTemplateLoader):
    """The theme's templates, each page finished after it is rendered."""

    def init(self, builder, *args, **options):
        """Remember the builder: it knows where the pictures come from."""
        super().init(builder, *args, **options)
        self.builder = builder

    def size(self, name):
        """Return width and height of a picture."""
        for uri, chosen in self.builder.images.items():
            path = Path(self.builder.srcdir, uri)
            if chosen == name and path.suffix != ".svg" and path.exists():
                with Image.open(path) as image:
                    return image.size
        return None

    def render(self, template, context):
        """Return a page."""
        html = super().render(template, context)
        return finish(html, context.get("pagename", ""), self.size)


def lighten(folder, large=LARGE):
    """Write each PNG of a folder that has more bytes than `large` in 256 colours, if that is less.

    Photographs in a figure take a third, and the dots of the palette are too fine to be seen.
    """
    for path in Path(folder).glob("*.png"):
        if path.stat().st_size > large:
            with Image.open(path) as image:
                few = image.convert("RGB").quantize(256)
            file = io.BytesIO()
            few.save(file, "PNG", optimize=True)
            if len(file.getvalue()) < path.stat().st_size:
                path.write_bytes(file.getvalue())


def setup(app):
    """Called by Sphinx."""

    def choose(app, config):
        config.template_bridge = f"{__name__}.Templates"

    def pictures_of(app, exception):
        if exception is None:
            lighten(Path(app.outdir) / "_images")

    app.connect("config-inited", choose)
    app.connect("build-finished", pictures_of)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
