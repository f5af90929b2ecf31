"""Free pictures that are on the machine: scikit-image's, and scikit-learn's two. Ground floor.

scikit-image knows more pictures than it brings along and fetches the others when they are called
for. Only those in its package are offered here, read from its folder, so that nothing is fetched.
"""

from importlib import resources

import numpy as np
from PIL import Image

from companion.data.photos import photos
from companion.validation import check_choice, check_integer

# Licences are those that scikit-image's documentation names for each; picture by picture: what it
# shows, whose it is.
FILES = {
    "astronaut": "astronaut.png",  # Eileen Collins; NASA, public domain
    "brick": "brick.png",  # a wall; CC0Textures, CC0
    "camera": "camera.png",  # a man with a camera; Lav Varshney, CC0
    "cat": "chelsea.png",  # the cat Chelsea; Stefan van der Walt, CC0
    "clock": "clock_motion.png",  # a clock, blurred; Stefan van der Walt, public domain
    "coffee": "coffee.png",  # a cup; Rachel Michetti, CC0
    "coins": "coins.png",  # Greek coins; Brooklyn Museum, no known restrictions
    "galaxies": "hubble_deep_field.jpg",  # NASA, public domain
    "grass": "grass.png",  # linolafett, CC0
    "gravel": "gravel.png",  # CC0Textures, CC0
    "moon": "moon.png",  # its surface
    "retina": "retina.jpg",  # an eye's background; Mikael Häggström, CC0
    "rocket": "rocket.jpg",  # a launch; SpaceX, public domain
    "tissue": "ihc.png",  # glands, stained; CMMI, no known restrictions
}
PICTURES = [*FILES, "china", "flower"]


def picture(name, *, size=None):
    """Load a photograph or a texture, whole or as a square of a given size.

    Parameters
    ----------
    name : str
        One of ``data.PICTURES``.
    size : int, optional
        The largest square in the middle is scaled to ``size x size`` pixels (Lanczos).

    Returns
    -------
    uint8 array (height, width, 3)
        Red, green and blue from 0 to 255; a grey picture has the three alike.

    Raises
    ------
    ValueError
        If there is no such picture, or the size is not positive.

    Examples
    --------
    >>> picture("cat").shape, picture("cat", size=128).shape
    ((300, 451, 3), (128, 128, 3))
    """
    if check_choice("name", name, PICTURES) in FILES:
        with (resources.files("skimage.data") / FILES[name]).open("rb") as file:
            image = Image.open(file).convert("RGB")
    else:
        image = Image.fromarray(photos()[name])
    if size is not None:
        size, side = check_integer("size", size), min(image.size)
        left, top = ((length - side) / 2 for length in image.size)
        box = (left, top, left + side, top + side)
        image = image.resize((size, size), Image.Resampling.LANCZOS, box=box)
    return np.array(image)
