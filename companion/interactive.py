"""A picture with sliders that needs no kernel: its frames are made beforehand and kept in the page.

The script that swaps them stands inside the output, so that a control works on the site, in an
exported notebook and in a saved page alike. Where scripts do not run, the frame of the start is
shown, and a line of text says what it is.

Ground floor.
"""

import base64
import hashlib
import html
import io
import json
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

MAX_BYTES = 300_000

STYLE = """
.control { max-width: 100%; margin: 0 auto; padding: 0 6px; box-sizing: border-box; }
.control > div { display: grid; }
.control-frame { grid-area: 1 / 1; justify-self: center; max-width: 100%; height: auto; margin: 0; }
pre.control-frame { justify-self: stretch; text-align: left; white-space: pre-wrap; }
.control-pixels { image-rendering: pixelated; }
.control > .control-bar { grid-template-columns: auto 1fr; gap: 0 0.8em; margin-top: 0.5em; }
.control > [hidden] { display: none; }
.control label { display: grid; grid-template-columns: subgrid; grid-column: span 2; margin: 0; }
.control input { min-width: 0; width: 100%; height: 2em; margin: 0; }
.control label span { align-self: center; }
.control output { display: block; min-height: 1.5em; }
"""
# It begins with the name of its control, so that no two scripts of a page are the same.
SCRIPT = """
{
  const box = document.getElementById("$NAME");
  const content = box.querySelector("[type='application/json']").textContent;
  const { frames, alts, says } = JSON.parse(content);
  const knobs = [...box.querySelectorAll("input")];
  const first = box.querySelector(".control-frame");
  // Texts lie on top of each other, so that the longest one makes room for all.
  const panes = first.tagName !== "PRE" ? [] : frames.map((text) => {
    const pane = first.parentNode.appendChild(first.cloneNode());
    pane.textContent = text;
    return pane;
  });
  if (panes.length) first.remove();
  const show = () => {
    const at = knobs.reduce((sum, knob) => sum * (+knob.max + 1) + +knob.value, 0);
    panes.forEach((pane, i) => { pane.style.visibility = i === at ? "visible" : "hidden"; });
    if (!panes.length) {
      first.src = frames[at];
      first.alt = alts[at] ?? alts[0];
    }
    box.querySelector("output").textContent = says[at];
    knobs.forEach((knob) => knob.setAttribute("aria-valuetext", says[at]));
  };
  knobs.forEach((knob) => knob.addEventListener("input", show));
  box.querySelector(".control-bar").hidden = false;
  show();
}
"""


def encode(frame, dpi=110):
    """Return a frame as its text, or a picture as the bytes of a WebP file.

    A grey array, uint8 (h, w), keeps every pixel; of a figure or of an array (h, w, 3) 128 colours
    are kept.
    """
    if isinstance(frame, str):
        return frame
    if isinstance(frame, Figure):
        drawn = io.BytesIO()
        frame.savefig(drawn, format="png", dpi=dpi)
        plt.close(frame)
        image = Image.open(drawn).convert("RGB")
    else:
        pixels = np.asarray(frame)
        if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
            raise ValueError(
                f"frames has an entry of type {pixels.dtype} and shape {pixels.shape}: pass "
                "figures, texts, or images as uint8 arrays (h, w) or (h, w, 3)."
            )
        image = Image.fromarray(pixels)
    if image.mode == "RGB":
        image = image.quantize(128, Image.Quantize.FASTOCTREE).convert("RGB")
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, method=4)
    return file.getvalue()


class Control:
    """What `slider` returns: notebooks and the site display its HTML, others one frame.

    Attributes
    ----------
    html : str
    still : str or bytes
        The text, or the WebP file, of the frame at the start.
    """

    def __init__(self, html, still):
        self.html, self.still = html, still

    def _repr_mimebundle_(self, include=None, exclude=None):
        """All forms of the control, for a notebook to choose from."""
        if isinstance(self.still, str):
            return {"text/html": self.html, "text/plain": self.still}
        file = io.BytesIO()
        Image.open(io.BytesIO(self.still)).save(file, "PNG", optimize=True)
        png = base64.b64encode(file.getvalue()).decode()
        return {"text/html": self.html, "image/png": png, "text/plain": "a picture with sliders"}


def check(frames, sizes, alts, notes, start, shown):
    """Raise a `ValueError` if the arguments of `slider` do not belong together."""
    if not frames or len(frames) != np.prod(sizes):
        raise ValueError(
            f"frames has {len(frames)} entries but knobs has {' x '.join(map(str, sizes))} "
            "values: pass one frame for each combination."
        )
    if len(set(map(type, frames))) > 1:
        raise ValueError("frames has texts and pictures: make two controls.")
    if not isinstance(frames[0], str) and (not all(alts) or len(alts) not in (1, len(frames))):
        raise ValueError(f"alt={alts!r} must describe all frames at once, or each of them.")
    if notes is not None and len(notes) != len(frames):
        raise ValueError(f"notes has {len(notes)} entries: pass one for each of the frames.")
    if len(start) != len(sizes) or any(not 0 <= i < n for i, n in zip(start, sizes, strict=True)):
        raise ValueError(f"start={start!r} must be a place for each of the knobs {sizes}.")
    if any(not 0 <= i < len(frames) for i in shown):
        raise ValueError(f"shown={shown!r} must be places in the {len(frames)} frames.")


def slider(frames, knobs, *, alt="", notes=None, start=None, shown=None, width=None, dpi=110):
    """Return one picture or text whose frame the reader chooses by sliders.

    Parameters
    ----------
    frames : iterable of matplotlib figures, of uint8 arrays (h, w) or (h, w, 3), or of str
        One for each combination of values, the last knob changing fastest. Figures are closed; a
        generator makes one at a time.
    knobs : dict of str to sequence
        Name of each slider and its values, numbers or texts, in order.
    alt : str or sequence of str
        What is to be seen, for a reader who cannot see it: of all frames at once, or of each.
        Texts need none.
    notes : sequence of str, optional
        A few words for each frame, shown below it and read out when the slider moves.
    start : tuple of int, optional
        Place of each knob at first, among its values; the middle by default.
    shown : sequence of int, optional
        Frames that a printed book shows side by side; the start by default.
    width : int, optional
        Width in CSS pixels, by default that of the frames. Small arrays then show their pixels.
    dpi : float
        Of figures.

    Returns
    -------
    Control
        Leave it as the last line of a cell.

    Examples
    --------
    >>> control = slider(["cold", "warm"], {"temperature": [0.5, 1]}, start=[0])
    >>> control.still
    'cold'
    """
    values = [
        [v if isinstance(v, str) else f"{v:g}".replace("-", "−") for v in some]
        for some in knobs.values()
    ]
    frames = [encode(frame, dpi) for frame in frames]
    alts = [alt] if isinstance(alt, str) else list(alt)
    sizes = [len(some) for some in values]
    start = [size // 2 for size in sizes] if start is None else list(start)
    check(frames, sizes, alts, notes, start, shown or [])
    at = int(np.ravel_multi_index(start, sizes))
    says = [
        ", ".join(f"{name} = {value}" for name, value in zip(knobs, chosen, strict=True))
        for chosen in product(*values)
    ]
    if notes is not None:
        says = [f"{setting}: {note}" for setting, note in zip(says, notes, strict=True)]
    content = {
        "frames": [f if isinstance(f, str) else data_uri(f) for f in frames],
        "alts": alts,
        "says": says,
        "shown": [at] if shown is None else list(shown),
    }
    bars = [
        (name, len(some) - 1, place) for name, some, place in zip(knobs, values, start, strict=True)
    ]
    first, width = picture(frames[at], alts[at % len(alts)], width)
    page = markup(first, width, bars, says[at], content)
    if (size := len(page.encode())) > MAX_BYTES:
        raise ValueError(
            f"frames takes {size:,} bytes, at most {MAX_BYTES:,} are allowed: pass fewer or "
            "smaller ones."
        )
    return Control(page, frames[at])


def data_uri(picture):
    """Return the bytes of a WebP file as an address that holds them."""
    return "data:image/webp;base64," + base64.b64encode(picture).decode()


def picture(frame, alt, width):
    """Return the HTML of the frame that is seen first, and its width in CSS pixels."""
    if isinstance(frame, str):
        return f'<pre class="control-frame">{html.escape(frame)}</pre>', width
    columns, rows = Image.open(io.BytesIO(frame)).size
    width = width or columns
    pixels = " control-pixels" if width >= 4 * columns else ""
    size = f'width="{width}" height="{round(width * rows / columns)}"'
    source = f'src="{data_uri(frame)}" alt="{html.escape(alt)}"'
    return f'<img class="control-frame{pixels}" {source} {size}>', width


def markup(first, width, bars, says, content):
    """Return the HTML of a control: a frame, sliders, a line of text, all frames, the script."""
    says = html.escape(says)
    labels = "".join(
        f"<label><span>{html.escape(name)}</span> "
        f'<input type="range" min="0" max="{last}" value="{place}" autocomplete="off" '
        f'aria-valuetext="{says}"></label>'
        for name, last, place in bars
    )
    packed = json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")
    name = "control-" + hashlib.sha256((labels + packed).encode()).hexdigest()[:8]
    narrow = f' style="width: {max(width, 340) + 12}px"' if width else ""
    return (
        f'<div class="control" id="{name}"{narrow}><style>{STYLE}</style><div>{first}</div>'
        f'<div class="control-bar" hidden>{labels}</div><output aria-live="off">{says}</output>'
        f'<script type="application/json">{packed}</script>'
        f"<script>{SCRIPT.replace('$NAME', name)}</script></div>"
    )
