"""Codecs of the standard library and of Pillow, each at its best settings: sizes to compare with.

Every function reads back what it wrote, and counts bytes only if it is the same.

Chapter: `neural_compression`.
"""

import bz2
import io
import lzma
import zlib
from itertools import product

import numpy as np
from PIL import Image

EXTREME = {"preset": 6 | lzma.PRESET_EXTREME}
GRID = [{"lp": lp, "pb": pb} for lp in (0, 1, 3) for pb in (0, 1, 3)]  # data with a period


def check(same):
    """Raise a `ValueError` unless what came back is what went in."""
    if not same:
        raise ValueError("a codec returned other data than it was given: its row is no size.")


def picture_bytes(pixels, options):
    """Bytes of a grey picture (h, w) as Pillow writes it with these options of `Image.save`."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, **options)
    back = np.asarray(Image.open(file))
    check(np.array_equal(back[..., 0] if back.ndim == 3 else back, pixels))
    return len(file.getvalue())


def sheet(tiles, columns):
    """Put images (n, h, w) side by side, `columns` of them in a row; n is a multiple of it."""
    h, w = tiles.shape[1:]
    return np.ascontiguousarray(
        tiles.reshape(-1, columns, h, w).transpose(0, 2, 1, 3).reshape(-1, w * columns)
    )


def picture_files(tiles, layouts=(1, 4, 120), scales=(1, 15)):
    """Bytes of n small images (n, h, w), uint8, as picture files: a dict of row to bytes.

    A sheet has the best of the layouts (images in a row), with grey levels as they are or
    stretched. JPEG 2000 takes no picture that is too small for its levels of wavelets.
    """
    sheets = [sheet(tiles, columns) * np.uint8(s) for columns, s in product(layouts, scales)]
    formats = {
        "PNG": [{"format": "PNG", "optimize": True}],
        "WebP": [{"format": "WEBP", "lossless": True, "quality": 100, "method": 6}],
    }
    table = {
        f"{name}, a file each": sum(picture_bytes(tile, options[0]) for tile in tiles)
        for name, options in formats.items()
    }
    formats["JPEG 2000"] = [
        {"format": "JPEG2000", "irreversible": False, "no_jp2": True, "num_resolutions": n}
        for n in (3, 4)
    ]
    for name, options in formats.items():
        fit = [some for some in sheets if name != "JPEG 2000" or min(some.shape) >= 24]
        table[f"{name}, one sheet"] = min(picture_bytes(s, o) for s, o in product(fit, options))
    return table


def deflate(message, strategy, dictionary=b""):
    """Bytes by zlib without a container; it may know the last 32 kB of a dictionary."""
    extra = [dictionary[-32768:]] if dictionary else []
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy, *extra)
    packed = packer.compress(message) + packer.flush()
    check(zlib.decompressobj(-15, *extra).decompress(packed) == message)
    return len(packed)


def plain(codec, message, **options):
    """Bytes by the module bz2 or lzma, with its container."""
    packed = codec.compress(message, **options)
    check(codec.decompress(packed) == message)
    return len(packed)


def raw_lzma(message, settings):
    """The stream of LZMA without a container."""
    filters = [{"id": lzma.FILTER_LZMA1, "lc": 0} | EXTREME | settings]
    packed = lzma.compress(message, lzma.FORMAT_RAW, filters=filters)
    check(lzma.decompress(packed, lzma.FORMAT_RAW, filters=filters) == message)
    return packed


def lzma_after(known, message):
    """Bytes that LZMA has to send if the reader has `known` already.

    The stream of both begins like that of `known` alone, which the reader can make:
    only what comes after the common beginning is sent, and three bytes for its length.
    """
    both = known + message
    best = min(GRID, key=lambda settings: len(raw_lzma(both, settings)))
    longer = [best | {"nice_len": n, "mf": lzma.MF_BT2} for n in (16, 32, 64, 273)]
    best = min([best, *longer], key=lambda settings: len(raw_lzma(both, settings)))
    streams = [raw_lzma(message, best) for message in (known, both)]
    alone, joint = (np.frombuffer(stream, np.uint8) for stream in streams)
    n = min(len(alone), len(joint))
    differ = alone[:n] != joint[:n]
    return len(joint) - (int(differ.argmax()) if differ.any() else n) + 3


def general_codecs(test, train):
    """Bytes of images `test` (n, ...) by zlib, bz2, xz and LZMA: a dict of row to bytes.

    Images go in one after the other, or place by place, whichever is shorter; once more they go in
    after the images `train`. bz2 then has a difference of two sizes, the others what is sent.
    """
    known, in_order = train.tobytes(), test.tobytes()
    orders = [in_order, test.reshape(len(test), -1).T.tobytes()]
    return {
        "zlib": min(deflate(m, s) for m, s in product(orders, range(4))),
        "zlib, training set known": min(deflate(in_order, s, known) for s in range(4)),
        "bz2": min(plain(bz2, m) for m in orders),
        "bz2, training set known": plain(bz2, known + in_order) - plain(bz2, known),
        "xz": min(plain(lzma, m, **EXTREME) for m in orders),
        "LZMA": min(len(raw_lzma(m, s)) for m, s in product(orders, GRID)),
        "LZMA, training set known": lzma_after(known, in_order),
    }
