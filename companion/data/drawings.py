"""Pictures drawn by formula: glyphs from the fonts of matplotlib, and faces from known factors.

Faces are painted from back to front out of the signed distances of `companion.data.shapes`.

Ground floor.
"""

import string
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from scipy.ndimage import gaussian_filter, map_coordinates
from sklearn.utils import check_random_state

from companion.data.shapes import LUMA, arc, box, coverage, ellipse, paint, pixel_grid
from companion.validation import check_choice, check_integer, check_real

BLOCK = 500  # pictures drawn at a time, which bounds the memory

CHARACTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
FONTS = [
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmr10", "cmss10", "cmtt10", "cmti10"),
]


def glyphs(n, *, size=28, characters=CHARACTERS, fonts=None, jitter=1.0, random_state=None):
    """Draw letters and digits in many fonts, each turned, sheared, scaled and shifted a little.

    Parameters
    ----------
    n : int
    size : int
        Side of an image in pixels, at least 8.
    characters : str
        The classes, ASCII letters and digits; by default all 62, ``data.CHARACTERS``.
    fonts : sequence of str, optional
        Some of ``data.FONTS``; all 15 by default. With one font each, two calls with the same state
        draw the same characters, turned and moved alike: pairs.
    jitter : float
        With 1, up to 12 degrees of rotation, 15 % of shear and size, a fourteenth of the side of
        shift; other values scale these, and 0 leaves only the fonts.
    random_state : int, RandomState or None

    Returns
    -------
    images : uint8 array (n, 1, size, size)
        0 is paper, 255 is ink.
    labels : int64 array (n,)
        The class is ``characters[label]``; the classes are equally frequent, within one.

    Raises
    ------
    ValueError
        If a number is out of range, the characters are not distinct ASCII letters and digits, or a
        font is not known.

    Examples
    --------
    >>> images, labels = glyphs(1000, characters="ABC", random_state=0)
    >>> images.shape, np.bincount(labels)
    ((1000, 1, 28, 28), array([334, 333, 333]))
    """
    n = check_integer("n", n)
    size = check_integer("size", size, low=8)
    jitter = check_real("jitter", jitter, low=0.0, high=2.0)
    distinct = isinstance(characters, str) and 0 < len(characters) == len(set(characters))
    if not (distinct and set(characters) <= set(CHARACTERS)):
        raise ValueError(
            f"characters={characters!r} must be a string of distinct ASCII letters and digits: "
            "remove what is twice or something else."
        )
    fonts = FONTS if fonts is None else [check_choice("fonts", font, FONTS) for font in fonts]
    if not fonts:
        raise ValueError("fonts=[] has no font: give some of data.FONTS, or None for all.")
    rng = check_random_state(random_state)
    labels = rng.permutation(np.arange(n, dtype=np.int64) % len(characters))
    number = np.array([FONTS.index(font) for font in fonts])
    which = labels * len(FONTS) + number[rng.randint(len(fonts), size=n)]
    angle, shear, scale, *shift = jitter * rng.uniform(-1, 1, size=(5, n))
    inverse = _inverse_affine(np.radians(12) * angle, 0.15 * shear, 1 + 0.15 * scale)
    shift = size / 14 * np.stack(shift, axis=1)

    masters = np.concatenate([_masters(character, 2 * size) for character in characters])
    pixels = np.mgrid[:size, :size].reshape(2, -1) - (size - 1) / 2  # from the centre, (2, pixels)
    images = np.empty((n, 1, size, size), dtype=np.uint8)
    for block in _blocks(n):
        at = 2 * inverse[block] @ (pixels - shift[block, :, None]) + size - 0.5
        index = np.broadcast_to(which[block, None], at[:, 0].shape)
        ink = map_coordinates(masters, [index, at[:, 0], at[:, 1]], order=1)
        images[block] = ink.reshape(-1, 1, size, size)
    return images, labels


def _inverse_affine(angle, shear, scale):
    """Return the matrices (n, 2, 2) that map a place in the picture to one in the master."""
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.stack([cos, -sin, sin, cos], axis=1).reshape(-1, 2, 2)
    sheared = np.tile(np.eye(2), (len(shear), 1, 1))
    sheared[:, 1, 0] = shear
    return rotation @ sheared / scale[:, None, None]


@cache
def _masters(character, side):
    """Draw a character in every font, centred and soft enough to be halved: (fonts, side, side)."""
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    masters = np.zeros((len(FONTS), side, side), dtype=np.float32)
    for master, font_name in zip(masters, FONTS, strict=True):
        font = FT2Font(str(folder / f"{font_name}.ttf"))
        font.set_size(0.76 * side, 72)
        font.set_text(character)
        font.draw_glyphs_to_bitmap(antialiased=True)
        ink = np.asarray(font.get_image())[:side, :side]
        top, left = (side - np.array(ink.shape)) // 2
        master[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
        gaussian_filter(master, 0.7, output=master)
    return masters


def _blocks(n):
    return [slice(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]


# Name: lowest and highest value. What 0 looks like, or the two ends.
FACE_FACTORS = {
    "skin": (0.0, 1.0),  # light to dark
    "hair_color": (0.0, 1.0),  # black, brown, auburn, blond, grey
    "hair_length": (0.0, 1.0),  # above the ears to the shoulders
    "face_width": (-1.0, 1.0),  # narrow to wide
    "eye_distance": (-1.0, 1.0),  # close-set to wide-set
    "eye_size": (-1.0, 1.0),  # small to large
    "brow": (-1.0, 1.0),  # low and flat to raised
    "mouth_curve": (-1.0, 1.0),  # sad to smiling
    "yaw": (-1.0, 1.0),  # looking to the left of the picture, to the right
    "light": (-1.0, 1.0),  # falls from the left, from the right
}
SKIN = [(0.98, 0.85, 0.75), (0.91, 0.71, 0.56), (0.74, 0.52, 0.37), (0.45, 0.29, 0.20)]
HAIR = [
    *((0.08, 0.07, 0.08), (0.30, 0.18, 0.11), (0.52, 0.24, 0.12)),
    *((0.86, 0.68, 0.36), (0.72, 0.72, 0.73)),
]


def faces(n, *, size=32, color=True, random_state=None):
    """Draw faces from ten known factors, uniform and independent of each other.

    Parameters
    ----------
    n : int
    size : int
        Side of an image in pixels, at least 16.
    color : bool
        Otherwise grey.
    random_state : int, RandomState or None

    Returns
    -------
    images : uint8 array (n, 3, size, size), or (n, 1, size, size) with ``color=False``
    factors : float64 array (n, 10)
        The columns are named by ``data.FACE_FACTORS``, a dict of name to (lowest, highest).

    Raises
    ------
    ValueError
        If `n` or `size` is out of range.

    Examples
    --------
    >>> images, factors = faces(100, random_state=0)
    >>> images.shape, factors.shape, list(FACE_FACTORS)[-2:]
    ((100, 3, 32, 32), (100, 10), ['yaw', 'light'])
    """
    n = check_integer("n", n)
    rng = check_random_state(random_state)
    low, high = np.array(list(FACE_FACTORS.values())).T
    factors = rng.uniform(low, high, size=(n, len(FACE_FACTORS)))
    return draw_faces(factors, size=size, color=color), factors


def draw_faces(factors, *, size=32, color=True):
    """Draw the faces that have the given factors; see `faces` for the arguments and the images.

    Changing one column at a time shows what a factor does, and what a learned code should find.
    """
    factors = np.asarray(factors, dtype=np.float32)
    size = check_integer("size", size, low=16)
    low, high = np.array(list(FACE_FACTORS.values()), dtype=np.float32).T
    if factors.ndim != 2 or factors.shape[1] != len(FACE_FACTORS):
        raise ValueError(f"factors has shape {factors.shape}: give (n, {len(FACE_FACTORS)}).")
    if not ((low <= factors) & (factors <= high)).all():
        raise ValueError(
            f"factors has values from {factors.min():g} to {factors.max():g}: "
            "keep each column in its interval of data.FACE_FACTORS."
        )
    images = np.empty((len(factors), 3 if color else 1, size, size), dtype=np.uint8)
    for block in _blocks(len(factors)):
        picture = np.moveaxis(_draw_block(factors[block], size), 0, 1)
        if not color:
            picture = np.tensordot(picture, LUMA, axes=(1, 0))[:, None]
        images[block] = np.round(255 * picture)
    return images


def _draw_block(factors, size):
    """Paint faces from back to front on a canvas (3, n, size, size) with values in [0, 1]."""
    named = dict(zip(FACE_FACTORS, factors.T[..., None, None], strict=True))
    zoom = 0.9
    x, y = (zoom * axis for axis in pixel_grid(size))
    y = y + 0.07
    canvas = np.empty((3, len(factors), size, size), dtype=np.float32)
    canvas[:] = np.reshape([0.80, 0.86, 0.88], (3, 1, 1, 1)) - 0.08 * y

    def fill(distance, color):
        paint(canvas, coverage(distance, 2 * zoom / size), color)

    turn = 0.4 * named["yaw"]  # of the head, in radians
    half_width = 0.47 + 0.06 * named["face_width"]
    middle = half_width * np.sin(turn)
    head = ellipse(x * (1 + 0.14 * y), y - 0.02, half_width, 0.62)
    side_light = 1 + 0.22 * named["light"] * np.clip(x / half_width, -1, 1)
    skin = _blend(SKIN, named["skin"])
    hair = _blend(HAIR, named["hair_color"]) * side_light
    lit_skin = skin * side_light * (1 - 0.14 * np.clip(1 + head / 0.4, 0, 1) ** 2)

    # Behind the head: long hair, neck, shoulders, ears.
    length = 0.17 + 0.42 * named["hair_length"]
    fall = box(x, y + 0.3 - length, half_width + 0.09, length, radius=0.15)
    fill(np.maximum(fall, -y - 0.2), 0.78 * hair)
    fill(box(x, y - 0.6, 0.18, 0.25), 0.8 * skin * side_light)
    fill(ellipse(x, y - 1.20, 0.82, 0.46), (0.22, 0.42, 0.55))
    for side in (-1, 1):
        fill(ellipse(x - side * half_width, y - 0.06, 0.07, 0.13), 0.84 * skin * side_light)

    # The head, and the crown of hair with an opening for the face.
    fill(head, lit_skin)
    opening = ellipse(x - 0.6 * middle, y - 0.24, half_width * 0.95, 0.62)
    crown = ellipse(x, y + 0.06, half_width + 0.09, 0.64)
    fill(np.maximum(np.maximum(crown, y - 0.04), -opening), hair)

    for side in (-1, 1):
        place = turn + side * (0.46 + 0.07 * named["eye_distance"])
        eye_x = x - half_width * np.sin(place)
        eye_size = 0.088 + 0.022 * named["eye_size"]
        narrowing = np.cos(place)
        white = ellipse(eye_x, y + 0.02, 1.35 * eye_size * narrowing, eye_size)
        iris = ellipse(eye_x - 0.03 * named["yaw"], y + 0.02, 0.7 * eye_size, 0.78 * eye_size)
        fill(white, (0.98, 0.98, 0.97))
        fill(np.maximum(white, iris), (0.16, 0.11, 0.10))
        raised = 0.20 + 0.045 * named["brow"]
        bend = 0.045 + 0.03 * named["brow"]
        fill(arc(eye_x, y + raised, 0.13 * narrowing, bend, 0.023), 0.6 * hair)

    fill(ellipse(x - 1.12 * middle, y - 0.19, 0.055, 0.04), 0.76 * skin)
    smile = named["mouth_curve"]
    mouth = arc(x - 0.9 * middle, y - 0.37 - 0.05 * smile, 0.19, -0.11 * smile, 0.034)
    lips = 0.45 * skin + np.reshape([0.28, 0.04, 0.07], (3, 1, 1, 1))
    fill(np.maximum(mouth, head + 0.03), lips)
    return np.clip(canvas, 0, 1)


def _blend(palette, position):
    """Colours (3, n, 1, 1) between those of a palette, at positions 0 to 1."""
    stops = np.linspace(0, 1, len(palette))
    channels = [np.interp(position, stops, channel) for channel in np.transpose(palette)]
    return np.stack(channels).astype(np.float32)
