"""Every coder: integers of any type go where integers go, in whatever form, and none is changed."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
import torch

import companion.compression
from companion.autoencoders.vae import VAE
from companion.compression import neural, prefix_codes
from companion.compression.adaptive import AdaptiveModel, compress_symbols, decompress_symbols
from companion.compression.bits_back import BitsBackCoder
from companion.compression.context_mixing import (
    compress_bytes,
    compress_pictures,
    decompress_bytes,
    decompress_pictures,
)
from companion.compression.frequencies import cumulate
from companion.compression.rans import RansCoder
from companion.compression.stream_codes import ArithmeticDecoder, ArithmeticEncoder
from companion.layers import initialize
from tests.contracts import seeded

MESSAGE = np.array([0, 2, 1, 3, 0, 0, 2, 1, 0, 3] * 7)
COUNTS = np.array([5, 3, 2, 1])
IMAGES = np.random.default_rng(0).integers(0, 17, size=(2, 1, 4, 4))


def tree(code):
    """A prefix code there and back."""
    return lambda message, counts: code(counts).decode(code(counts).encode(message), len(message))


def arithmetic(message, counts):
    edges, encoder = cumulate(counts), ArithmeticEncoder()
    for symbol in message:
        encoder.encode(symbol, edges)
    decoder = ArithmeticDecoder(encoder.finish())
    return [decoder.decode(edges) for _ in message]


def adaptive(message, counts):
    model, encoder = AdaptiveModel(counts.dtype.type(4)), ArithmeticEncoder()
    for symbol in message:
        model.encode(symbol, encoder)
    model, decoder = AdaptiveModel(4), ArithmeticDecoder(encoder.finish())
    return [model.decode(decoder) for _ in message]


def rans(message, counts):
    shares = counts * counts.dtype.type(1)
    shares[0] += 16 - shares.sum()
    coder = RansCoder(n_lanes=counts.dtype.type(2), precision=counts.dtype.type(4))
    coder.encode(message, shares)
    return coder.decode(len(message), shares)


def vae():
    with torch.random.fork_rng(devices=[]):
        return initialize(VAE(2, event_shape=(1, 4, 4), n_hidden=8), generator=seeded()).eval()


def pixel_model():
    from companion.autoregressive.made import MADE

    with torch.random.fork_rng(devices=[]):
        return initialize(MADE((1, 4, 4), n_hidden=8), generator=seeded()).eval()


def there_and_back(compress, decompress):
    return lambda given: decompress(compress(given))


OF_SYMBOLS = {
    "HuffmanCode": tree(prefix_codes.HuffmanCode),
    "FixedLengthCode": lambda m, c: tree(lambda _: prefix_codes.FixedLengthCode(range(4)))(m, c),
    "StopCharacterCode": lambda m, c: tree(
        lambda c: prefix_codes.StopCharacterCode(range(4), c.dtype.type(2))
    )(m, c),
    "UnaryCode": lambda m, c: tree(lambda _: prefix_codes.UnaryCode(range(4)))(m, c),
    "PrefixTree": lambda m, c: tree(lambda _: prefix_codes.PrefixTree(["0", "10", "110", "111"]))(
        m, c
    ),
    "ArithmeticEncoder": arithmetic,
    "AdaptiveModel": adaptive,
    "RansCoder": rans,
    "compress_symbols": lambda m, c: decompress_symbols(compress_symbols(m, c.dtype.type(4))),
}
OF_IMAGES = {
    "compress_pictures": there_and_back(compress_pictures, decompress_pictures),
    "compress_images": lambda x: neural.decompress_images(
        neural.compress_images(x, pixel_model()), pixel_model()
    ),
    "BitsBackCoder": lambda x: BitsBackCoder(vae()).decode(BitsBackCoder(vae()).encode(x)),
}
OTHERS = {  # parts of a coder, and what has no symbols of its own
    "compress_bytes": "bytes",
    "BitEncoder": "of ContextMixer",
    "ContextMixer": "of compress_bytes and compress_pictures",
    "BorrowingStack": "of BitsBackCoder",
}
TYPES = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]


def test_no_coder_is_left_out():
    found = set()
    for module in pkgutil.iter_modules(companion.compression.__path__):
        name = f"companion.compression.{module.name}"
        for key, value in vars(importlib.import_module(name)).items():
            if getattr(value, "__module__", "") != name or key.startswith("_"):
                continue
            coder = inspect.isclass(value) and (hasattr(value, "encode") or hasattr(value, "push"))
            if coder or key.startswith("compress_"):
                found.add(key)
    assert found - {*OF_SYMBOLS, *OF_IMAGES, *OTHERS} == set(), "try it here with every integer"


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", OF_SYMBOLS)
def test_integers_of_any_type_come_back(name, kind):
    message, counts = MESSAGE.astype(kind), COUNTS.astype(kind)
    message.flags.writeable = False
    found = OF_SYMBOLS[name](message, counts)
    np.testing.assert_array_equal(np.asarray(found).astype(int), MESSAGE)
    np.testing.assert_array_equal(counts, COUNTS)


@pytest.mark.parametrize("form", [list, tuple, torch.from_numpy, lambda m: m[::-1][::-1]])
@pytest.mark.parametrize("name", OF_SYMBOLS)
def test_messages_of_any_form_come_back(name, form):
    given = form(MESSAGE.copy())
    found = OF_SYMBOLS[name](given, COUNTS.copy())
    np.testing.assert_array_equal(np.asarray(found).astype(int), MESSAGE)
    np.testing.assert_array_equal(np.asarray(given), MESSAGE)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64, np.float32])
@pytest.mark.parametrize("name", OF_IMAGES)
def test_images_of_any_type_come_back(name, kind):
    images = IMAGES.astype(kind)
    given = images.copy() if name == "compress_pictures" else torch.from_numpy(images)
    if name == "compress_pictures" and kind == np.float32:
        pytest.skip("a picture is of whole numbers")
    given = given[:, 0] if name == "compress_pictures" else given
    found = OF_IMAGES[name](given)
    np.testing.assert_array_equal(np.asarray(found).reshape(IMAGES.shape).astype(int), IMAGES)
    np.testing.assert_array_equal(images, IMAGES)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_any_form_come_back(kind):
    raw = b"the same again, " * 5
    assert decompress_bytes(compress_bytes(kind(raw))) == raw
