"""Sphinx extension: a card of 1200 x 630 for every page, which social media show beside a link.

The card of a page has its title, its part and its question beside the figure that `course: poster:`
names; a page without one gets the picture of the book. A small picture of every poster is made for
the list of chapters. All are drawn from the executed outputs, into `_cards/`, and only when they
have changed.
"""

import hashlib
from pathlib import Path

import matplotlib
from docutils import nodes
from PIL import Image, ImageChops, ImageDraw, ImageFont, PngImagePlugin
from sphinx.util import logging

from tools.pages.front_matter import course, part_of

LOGGER = logging.getLogger(__name__)
SIZE, SMALL = (1200, 630), (440, 231)
GROUND, INK, FAINT, ACCENT = "#0F1B2D", "#FFFFFF", "#B8C4D6", "#E69F00"
BOOK = "_static/book.png"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
MARGIN = 56


def font(size, *, bold=False):
    """Return a font that comes with matplotlib."""
    return ImageFont.truetype(str(FONTS / f"DejaVuSans{'-Bold' if bold else ''}.ttf"), size)


def fitted(picture, width, height):
    """Return a picture as large as it can be in a place."""
    scale = min(width / picture.width, height / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS)


def trimmed(picture):
    """Return a picture without the margins that have the colour of its corner."""
    ground = Image.new("RGB", picture.size, picture.getpixel((0, 0)))
    return picture.crop(ImageChops.difference(picture, ground).getbbox())


def framed(picture, width, height, *, pad=22, radius=18):
    """Return a picture in the middle of a white sheet with round corners, on the ground."""
    sheet = Image.new("RGB", (width, height), GROUND)
    ImageDraw.Draw(sheet).rounded_rectangle((0, 0, width - 1, height - 1), radius, fill="white")
    inside = fitted(picture, width - 2 * pad, height - 2 * pad)
    sheet.paste(inside, ((width - inside.width) // 2, (height - inside.height) // 2))
    return sheet


def lines(text, face, width):
    """Break a text into lines that fit a width."""
    broken = [""]
    for word in text.split():
        longer = f"{broken[-1]} {word}".strip()
        if face.getlength(longer) <= width or not broken[-1]:
            broken[-1] = longer
        else:
            broken.append(word)
    return broken


def write(draw, text, at, width, *, sizes, bold=False, fill=INK, rows=3):
    """Write a text in the largest size in which it takes so many rows; return where it ends."""
    for size in sizes:
        face = font(size, bold=bold)
        broken = lines(text, face, width)
        if len(broken) <= rows and max(map(face.getlength, broken)) <= width:
            break
    x, y = at
    for line in broken:
        draw.text((x, y), line, font=face, fill=fill)
        y += round(1.28 * size)
    return y


def card(picture, title, above, question, site, *, own=True):
    """Draw the card of a page.

    A figure of its own stands beside the text, or above it if it is wide; the book's picture always
    stands above.
    """
    sheet = Image.new("RGB", SIZE, GROUND)
    draw = ImageDraw.Draw(sheet)
    wide = not own or picture.width > 1.9 * picture.height
    left, width = MARGIN, SIZE[0] - 2 * MARGIN if wide else 430
    if wide:
        height = 330
        shown = framed(picture, SIZE[0] - 2 * MARGIN, height) if own else cropped(picture, height)
        sheet.paste(shown, ((SIZE[0] - shown.width) // 2, MARGIN if own else 0))
        top = MARGIN + height + 26 if own else height + 40
    else:
        shown = framed(picture, SIZE[0] - width - 2 * MARGIN - 34, SIZE[1] - 2 * MARGIN)
        sheet.paste(shown, (SIZE[0] - MARGIN - shown.width, MARGIN))
        top = MARGIN + 24
    if above:
        draw.text((left, top), above, font=font(22, bold=True), fill=ACCENT)
        top += 42
    sizes = (46, 42, 38, 34) if wide else (52, 46, 40, 36, 32)
    top = write(draw, title, (left, top), width, sizes=sizes, bold=True, rows=1 if wide else 4)
    asked = (26, 24, 22) if wide else (28, 26, 24)
    write(draw, question, (left, top + 12), width, sizes=asked, fill=FAINT, rows=2 if wide else 6)
    if site != title:
        face = font(20)
        x = SIZE[0] - MARGIN - face.getlength(site) if wide else left
        draw.text((x, SIZE[1] - MARGIN + (14 if wide else -24)), site, font=face, fill=FAINT)
    return sheet


def cropped(picture, height):
    """Return the upper part of a picture over the whole width of a card."""
    picture = fitted(picture, SIZE[0], 10 * SIZE[0])
    return picture.crop((0, 0, SIZE[0], height))


def poster(env, page):
    """Return the path of the figure that stands for a page and what it shows; (None, "") if none.

    What it shows is its alt text. A figure that moves has its own in every frame, and is described
    by its caption here.
    """
    name = course(page).get("poster")
    if name is None:
        return None, ""
    for figure in env.get_doctree(page).findall(nodes.figure):
        image = next(figure.findall(nodes.image), None)
        if name in figure["names"] + figure["ids"] and image is not None:
            caption = next((node.astext() for node in figure.findall(nodes.caption)), "")
            return Path(env.srcdir) / image["uri"], image.get("alt") or " ".join(caption.split())
    LOGGER.warning("%s: there is no figure %s for its card", page, name)
    return None, ""


def about(app, page):
    """Return what the card of a page says: title, line above it, question or description."""
    caption, number = part_of(page)
    above = f"Part {number} · {caption}" if caption else ""
    question = course(page).get("question", "")
    if page == app.config.root_doc:
        question = app.config.ogp_description
    return app.env.titles[page].astext(), above, question


def save(image, path, made_of):
    """Write a picture in 256 colours with a note of what it was made of."""
    path.parent.mkdir(parents=True, exist_ok=True)
    note = PngImagePlugin.PngInfo()
    note.add_text("made-of", made_of)
    image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True, pnginfo=note)


def is_made_of(path, made_of):
    """Say whether a picture exists and carries this note."""
    if not path.exists():
        return False
    with Image.open(path) as image:
        return image.info.get("made-of") == made_of


def draw_cards(app, env):
    """Draw the cards that are missing or out of date."""
    if app.builder.format != "html":
        return
    env.course_alts = {}
    book = Path(app.srcdir) / "book" / BOOK
    for page in sorted(env.found_docs):
        path, alt = poster(env, page)
        env.course_alts[page] = alt
        words = [*about(app, page), app.config.project]
        source = path or book
        made_of = hashlib.sha256(
            b"\0".join([source.read_bytes(), Path(__file__).read_bytes(), *map(str.encode, words)])
        ).hexdigest()
        target = Path(app.outdir) / "_cards" / f"{page}.png"
        if not is_made_of(target, made_of):
            with Image.open(source) as image:
                picture = image.convert("RGB")
            picture = trimmed(picture) if path is not None else picture
            save(card(picture, *words, own=path is not None), target, made_of)
            if path is not None:
                small = framed(picture, *SMALL, pad=10, radius=0)
                save(small, target.with_suffix(".small.png"), made_of)


def add_tags(app, pagename, templatename, context, doctree):
    """Give sphinxext.opengraph, which comes later, the card and the description of a page."""
    if doctree is None or app.builder.format != "html":
        return
    title, _, question = about(app, pagename)
    alt = app.env.course_alts.get(pagename) or app.config.ogp_image_alt
    meta = dict(context.get("meta") or {})
    meta |= {
        "og:image": f"_cards/{pagename}.png",
        "og:image:alt": f"{title}. {alt}",
        "og:image:width": str(SIZE[0]),
        "og:image:height": str(SIZE[1]),
    }
    if question:
        meta["og:description"] = question
        described = question.replace('"', "&quot;")
        context["metatags"] += f'<meta name="description" content="{described}" />\n'
    context["meta"] = meta


def setup(app):
    """Called by Sphinx."""
    app.add_config_value("ogp_description", "", "html", types=frozenset({str}))
    app.connect("env-updated", draw_cards)
    app.connect("html-page-context", add_tags, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
