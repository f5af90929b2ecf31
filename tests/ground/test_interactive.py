"""A control holds every frame, says what each is, and its start is seen without a script."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from companion.interactive import MAX_BYTES, slider

mpl.use("Agg")


class Reader(HTMLParser):
    """The tags of a page with their attributes, and the text inside each kind of tag."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.open = [], {}, []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "tags are closed in order"

    def handle_data(self, data):
        self.text.setdefault(self.open[-1], []).append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def content(control):
    """What the script reads."""
    packed = re.search(r'<script type="application/json">(.*?)</script>', control.html, re.S)
    return json.loads(packed[1])


def decoded(address):
    """The picture that a data address holds."""
    kind, data = address.split(",")
    assert kind == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


@pytest.fixture
def grid():
    """Six grey images, each of one level, for two knobs of two and three values."""
    images = [np.full((8, 9), 40 * i, dtype=np.uint8) for i in range(6)]
    notes = [f"level {40 * i}" for i in range(6)]
    knobs = {"row": [-1, 1], "column": ["a", "b", "<c>"]}
    return slider(images, knobs, alt='A "plain" field', notes=notes, start=[1, 0], width=90)


def test_frames_keep_their_order_and_every_grey_pixel(grid):
    kept = content(grid)
    for i, (address, says) in enumerate(zip(kept["frames"], kept["says"], strict=True)):
        assert (decoded(address)[..., 0] == 40 * i).all()
        assert f"level {40 * i}" in says
    assert kept["shown"] == [3], "on paper the start, unless somebody chooses"
    assert kept["says"][2] == "row = −1, column = <c>: level 80"
    assert kept["says"][5].startswith("row = 1, column = <c>")


def test_a_grey_picture_keeps_every_pixel_and_its_own_description():
    images = noise(2, 16)
    control = slider(images, {"k": [0, 1]}, alt=["one", "two"])
    kept = content(control)
    for image, address in zip(images, kept["frames"], strict=True):
        assert (decoded(address) == image[..., None]).all()
    assert kept["alts"] == ["one", "two"]
    assert Reader(control.html).all("img")[0]["alt"] == "two"


def test_without_a_script_the_start_is_shown_and_named(grid):
    page = Reader(grid.html)
    assert page.open == []
    (image,) = page.all("img")
    assert image["alt"] == 'A "plain" field'
    assert (image["width"], image["height"]) == ("90", "80")
    assert "control-pixels" in image["class"], "ten times as large: each pixel is seen"
    assert (decoded(image["src"])[..., 0] == 120).all()
    assert page.text["output"] == ["row = 1, column = a: level 120"]
    assert "hidden" in next(a for a in page.all("div") if a.get("class") == "control-bar")


def test_each_slider_has_its_label_its_range_and_words_for_its_value(grid):
    page = Reader(grid.html)
    assert page.text["span"] == ["row", "column"]
    first, second = page.all("input")
    assert (first["type"], first["min"], first["max"], first["value"]) == ("range", "0", "1", "1")
    assert (second["max"], second["value"]) == ("2", "0")
    assert first["aria-valuetext"] == second["aria-valuetext"] == page.text["output"][0]


def test_a_figure_keeps_its_colours_and_is_closed():
    def figure(color):
        fig, ax = plt.subplots(figsize=(2, 1))
        ax.set_facecolor(color)
        return fig

    control = slider(map(figure, ("#0072B2", "#D55E00")), {"colour": ["b", "r"]}, alt="A field")
    assert plt.get_fignums() == []
    for address, color in zip(content(control)["frames"], ("#0072B2", "#D55E00"), strict=True):
        image = decoded(address)
        assert image.shape == (110, 220, 3)
        wanted = 255 * np.array(mpl.colors.to_rgb(color))
        assert np.abs(image[50, 120] - wanted).max() <= 8


def test_texts_lie_in_the_page_and_cannot_break_out_of_it():
    hostile = "</script><b>bold</b> & more"
    control = slider([hostile, "two"], {"n": [0, 1]}, start=[0], shown=[1])
    page = Reader(control.html)
    assert page.all("b") == []
    assert page.text["pre"] == [hostile]
    assert content(control)["frames"] == [hostile, "two"]
    assert content(control)["shown"] == [1]
    assert control._repr_mimebundle_()["text/plain"] == hostile


def test_a_viewer_without_html_gets_a_picture(grid):
    bundle = grid._repr_mimebundle_()
    assert bundle["text/html"] == grid.html
    image = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert image.format == "PNG"
    assert (np.asarray(image.convert("L")) == 120).all()


def test_the_same_frames_give_the_same_page(grid):
    images = [np.full((8, 9), 40 * i, dtype=np.uint8) for i in range(6)]
    knobs = {"row": [-1, 1], "column": ["a", "b", "<c>"]}
    notes = [f"level {40 * i}" for i in range(6)]
    again = slider(images, knobs, alt='A "plain" field', notes=notes, start=[1, 0], width=90)
    assert again.html == grid.html


def noise(n, size):
    return np.random.default_rng(0).integers(0, 256, (n, size, size), dtype=np.uint8)


@pytest.mark.parametrize(
    ("frames", "knobs", "options", "message"),
    [
        (noise(3, 4), {"k": [1, 2]}, {}, r"frames has 3 entries but knobs has 2 values.*one frame"),
        (noise(4, 4), {"k": [1, 2], "m": [1]}, {}, r"4 entries but knobs has 2 x 1 values"),
        ([], {"k": []}, {}, r"frames has 0 entries"),
        (["text", noise(1, 4)[0]], {"k": [1, 2]}, {}, r"texts and pictures.*two controls"),
        (noise(2, 4), {"k": [1, 2]}, {"alt": ""}, r"alt=\[''\] must describe"),
        (noise(2, 4), {"k": [1, 2]}, {"alt": ["a", "b", "c"]}, r"alt=.*must describe"),
        (noise(2, 4), {"k": [1, 2]}, {"notes": ["a"]}, r"notes has 1 entries: pass one"),
        (noise(2, 4), {"k": [1, 2]}, {"start": [2]}, r"start=\[2\] must be a place"),
        (noise(2, 4), {"k": [1, 2]}, {"start": [0, 0]}, r"start=\[0, 0\] must be a place"),
        (noise(2, 4), {"k": [1, 2]}, {"shown": [2]}, r"shown=\[2\] must be places in the 2"),
        (noise(2, 4) / 255, {"k": [1, 2]}, {}, r"frames has an entry of type float64.*uint8"),
        (noise(2, 500), {"k": [1, 2]}, {}, rf"at most {MAX_BYTES:,} are allowed: pass fewer"),
    ],
)
def test_what_does_not_fit_together_is_refused(frames, knobs, options, message):
    with pytest.raises(ValueError, match=message):
        slider(frames, knobs, **{"alt": "Noise"} | options)
