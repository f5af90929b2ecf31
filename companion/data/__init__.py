"""Every data set of the course, real or drawn, and already on the machine. Ground floor.

Nothing is downloaded unless the reader calls one of the functions of `companion.data.downloads` by
name. A chapter writes ``from companion import data``; all public names of the package's modules are
here.
"""

from companion.data.cities import CITIES, EARTH_RADIUS, cities, flat_chart, great_circle
from companion.data.digits import Digits, digits
from companion.data.downloads import (
    CIFAR10_CLASSES,
    FASHION_CLASSES,
    DownloadError,
    LabelledImages,
    cifar10,
    fashion_mnist,
    mnist,
    olivetti_faces,
)
from companion.data.drawings import CHARACTERS, FACE_FACTORS, FONTS, draw_faces, faces, glyphs
from companion.data.photos import patches, photos
from companion.data.pictures import PICTURES, picture
from companion.data.scenes import COLORS, HELD_OUT, RELATIONS, SHAPES, SIZES, Scenes, scenes
from companion.data.text import text
from companion.data.toys import TOYS, toy

__all__ = [
    "CHARACTERS",
    "CIFAR10_CLASSES",
    "CITIES",
    "COLORS",
    "EARTH_RADIUS",
    "FACE_FACTORS",
    "FASHION_CLASSES",
    "FONTS",
    "HELD_OUT",
    "PICTURES",
    "RELATIONS",
    "SHAPES",
    "SIZES",
    "TOYS",
    "Digits",
    "DownloadError",
    "LabelledImages",
    "Scenes",
    "cifar10",
    "cities",
    "digits",
    "draw_faces",
    "faces",
    "fashion_mnist",
    "flat_chart",
    "glyphs",
    "great_circle",
    "mnist",
    "olivetti_faces",
    "patches",
    "photos",
    "picture",
    "scenes",
    "text",
    "toy",
]
