"""Images to real bytes: an autoregressive model says how likely, an arithmetic coder writes.

Chapter: `neural_compression`.
"""

import copy
import hashlib
import zlib

import numpy as np
import torch

from companion.autoregressive.fast_sampling import walk
from companion.compression.container import read_integers, seal, unseal, write_integers
from companion.compression.frequencies import cumulate, quantize
from companion.compression.stream_codes import ArithmeticDecoder, ArithmeticEncoder
from companion.validation import check_event

MAGIC = b"Img1"
MAX_LEVELS = 256


def frequencies_in_turn(model, pixels):
    """Yield for each place its number and the frequencies there, given those before.

    Encoder and decoder both go through here: the same batch, the same order, the same
    operations, float64 on the CPU. That is what makes their integers equal; one unit of
    difference, and all that follows is noise.

    Parameters
    ----------
    model : Autoregressive
    pixels : integer tensor (n, n_entries)
        A place is looked at only after its frequencies were handed out: by then the
        decoder has filled it.

    Yields
    ------
    place : int
    frequencies : int64 array (n, n_levels)
    """
    model = copy.deepcopy(model).cpu().double().eval()
    known = walk(model, len(pixels))
    order = range(pixels.shape[1]) if model.order is None else model.order.tolist()
    for place in order:
        yield place, quantize(known.logits(place).softmax(dim=-1).numpy())
        known.set(place, pixels[:, place].long())


def fingerprint(model):
    """Eight bytes that tell a model from another: a hash of its class and of all it has learned.

    The same for float32 and float64 copies, on every device.
    """
    digest = hashlib.sha256(type(model).__name__.encode())
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name}{tuple(value.shape)}".encode())
        digest.update(value.cpu().double().numpy().astype("<f8").tobytes())
    return digest.digest()[:8]


def compress_images(images, model):
    """Losslessly compress images under a model, to the bytes of a self-describing file.

    Format: magic and version, fingerprint of the model, number of images and their shape, CRC-32 of
    the pixels, the arithmetic coder's message, CRC-32 of all of it. The model is not inside.

    Parameters
    ----------
    images : integer tensor (n, *event)
        Levels 0 ... n_levels - 1 of the model, at most 256 of them.
    model : Autoregressive
        The length of the message is within a fraction of a percent of ``-log2 p(images)`` bits.

    Returns
    -------
    bytes

    See Also
    --------
    decompress_images : the inverse.

    Notes
    -----
    Chapter: compression/neural_compression.
    """
    pixels = check_images(images, model).flatten(1)  # (n, n_entries)
    encoder = ArithmeticEncoder()
    for place, frequencies in frequencies_in_turn(model, pixels):
        levels = pixels[:, place].tolist()
        for level, edges in zip(levels, cumulate(frequencies).tolist(), strict=True):
            encoder.encode(level, edges)
    shape = write_integers(len(images), *model.event_shape)
    header = fingerprint(model) + shape + checksum(pixels)
    return seal(MAGIC, header + encoder.finish())


def decompress_images(blob, model):
    """Read what `compress_images` wrote, bit for bit.

    Parameters
    ----------
    blob : bytes
    model : Autoregressive
        The one that compressed.

    Returns
    -------
    uint8 tensor (n, *event)

    Raises
    ------
    ValueError
        If the file was cut or changed, if it was written with another model, or if this machine
        computes other probabilities than the one that wrote it. Wrong pixels are never returned.
    """
    body = unseal(MAGIC, blob)
    if body[:8] != fingerprint(model):
        raise ValueError(
            f"model has the fingerprint {fingerprint(model).hex()}, but blob was written with "
            f"{body[:8].hex()}: load the checkpoint that wrote it."
        )
    (n, *shape), body = read_integers(body[8:], 1 + len(model.event_shape))
    if tuple(shape) != model.event_shape:
        raise ValueError(f"blob has images of shape {tuple(shape)}, not {model.event_shape}.")
    decoder = ArithmeticDecoder(body[4:])
    images = torch.zeros(n, *shape, dtype=torch.uint8)
    pixels = images.view(n, -1)
    try:
        for place, frequencies in frequencies_in_turn(model, pixels):
            levels = [decoder.decode(edges) for edges in cumulate(frequencies).tolist()]
            pixels[:, place] = torch.tensor(levels)
        decoder.finish()
        agree = checksum(pixels) == body[:4]
    except ValueError:
        agree = False
    if not agree:
        raise ValueError(
            "blob is intact and the model is the right one, but this machine computes other "
            "probabilities than the one that wrote it: decode where it was written, or with the "
            "same version of PyTorch on the same kind of processor."
        )
    return images


def check_images(images, model):
    """Return images as the model's levels in uint8, or raise a `ValueError`."""
    if model.n_levels > MAX_LEVELS:
        raise ValueError(f"model has n_levels={model.n_levels}: at most {MAX_LEVELS} fit a byte.")
    if not len(images):
        raise ValueError("images is empty: pass at least one.")
    return model.check(check_event("images", images, model.event_shape)).to(torch.uint8).cpu()


def checksum(pixels):
    """CRC-32 of the pixels, 4 bytes."""
    return zlib.crc32(np.ascontiguousarray(pixels.numpy()).tobytes()).to_bytes(4, "little")
