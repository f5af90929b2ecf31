"""Images through a model to bytes and back (chapter neural_compression)."""

import bz2
import copy
import lzma
import random
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import data
from companion.autoregressive.ancestral import Autoregressive
from companion.autoregressive.fast_sampling import CachedLogits, PlainLogits
from companion.autoregressive.made import MADE
from companion.autoregressive.pixelcnn import GatedPixelCNN, PixelCNN
from companion.autoregressive.pixelcnnpp import PixelCNNPlusPlus
from companion.compression import neural
from companion.compression.container import seal, unseal
from companion.compression.neural import (
    compress_images,
    decompress_images,
    fingerprint,
    frequencies_in_turn,
)
from companion.compression.stream_codes import ArithmeticEncoder
from companion.layers import initialize
from companion.train import load_weights

GOLDEN = "496d673137a136e2d1bd195502010203408f7eff25c51deb855568"
BAR = 5200  # bytes for the 360 test digits, the model's weights apart


class Counts(Autoregressive):
    """Each entry has the same odds, but those of an entry that is read after a 1 are turned round.

    With ``backwards`` entries are read from the last to the first.
    """

    def __init__(self, weights=(8.0, 4.0, 2.0, 2.0), event_shape=(1, 2, 3), *, backwards=False):
        super().__init__(event_shape, len(weights))
        self.register_buffer("weights", torch.tensor(weights))
        n_entries = event_shape[1] * event_shape[2]
        if backwards:
            self.register_buffer("order", torch.arange(n_entries).flip(0))

    def conditionals(self, inputs, context=None, *, generator=None):
        step = 1 if self.order is None else -1
        before = torch.roll(inputs[..., 1].flatten(1), step, dims=1)
        before[:, 0 if step == 1 else -1] = 0
        logits = self.weights.to(inputs).log()
        turned = before.view(*inputs.shape[:-1], 1) > 0
        return torch.where(turned, logits.flip(0), logits)


@pytest.fixture(scope="module")
def digits():
    return torch.from_numpy(data.digits().x_test)


@pytest.fixture(scope="module")
def model():
    return load_weights(PixelCNNPlusPlus(), "autoregressive/pixelcnnpp")


@pytest.fixture(scope="module")
def file(model, digits):
    return compress_images(digits, model)


def test_the_test_digits_come_back_bit_for_bit(model, digits, file):
    restored = decompress_images(file, model)
    assert restored.dtype == torch.uint8
    assert torch.equal(restored, digits)


def test_the_file_is_below_the_bar_and_below_every_general_codec(digits, file, tmp_path):
    path = tmp_path / "digits.img"
    path.write_bytes(file)
    size = path.stat().st_size
    assert size <= BAR
    test, train = digits.numpy().tobytes(), data.digits().x_train.tobytes()
    for compress in (zlib.compress, bz2.compress, lzma.compress):
        assert size < len(compress(train + test)) - len(compress(train))
        assert size < len(compress(test))


def test_bytes_agree_with_the_log_likelihood_within_one_percent(model, digits, file):
    """The section on likelihood and file size: ``-log2 p`` bits."""
    expected = -model.double().log_prob(digits).sum().item() / np.log(2) / 8
    model.float()
    assert expected < len(file) < 1.01 * expected


def test_one_image_of_any_model_costs_its_own_log_likelihood():
    """A model with a table of odds: the length is known without the model's code."""
    images = torch.tensor([[0, 1, 3, 3, 0, 2]]).view(1, 1, 2, 3)
    sixteenths = [8, 4, 8, 2, 8, 2]  # after the 1 the odds are turned round: there a 3 has 8
    bits = sum(4 - np.log2(share) for share in sixteenths)
    message = unseal(b"Img1", compress_images(images, Counts()))[8 + 4 + 4 :]
    assert len(message) == np.ceil(bits / 8) == 2


def test_the_format_is_pinned():
    """Golden words: magic, fingerprint, 2 images of 1x2x3, CRC of the pixels, message, CRC."""
    images = torch.tensor([[0, 1, 3, 3, 0, 2], [0, 0, 0, 0, 0, 0]]).view(2, 1, 2, 3)
    blob = compress_images(images, Counts())
    assert blob.hex() == GOLDEN
    assert torch.equal(decompress_images(bytes.fromhex(GOLDEN), Counts()), images.to(torch.uint8))
    assert blob[:4] == b"Img1"
    assert blob[12:16] == bytes([2, 1, 2, 3])
    assert blob[16:20] == zlib.crc32(bytes(images.flatten().tolist())).to_bytes(4, "little")


def test_models_without_a_cache_and_with_an_order_of_their_own():
    generator = torch.Generator().manual_seed(0)
    small = {"n_levels": 5, "n_context": 0}
    models = [
        initialize(MADE((1, 3, 4), 5, n_hidden=16), generator=generator),
        initialize(PixelCNN((3, 4), n_channels=4, n_layers=2, **small), generator=generator),
        initialize(GatedPixelCNN((3, 4), n_channels=4, n_layers=2, **small), generator=generator),
        Counts(backwards=True),
    ]
    for model in models:
        images = model.eval().sample(7, generator=generator)
        model.train()  # dropout must be off nevertheless
        assert torch.equal(decompress_images(compress_images(images, model), model), images)


def test_the_walk_gives_the_conditionals_of_one_full_pass():
    """Softmax of the logits, nearly: one part in 2^16 is lost by rounding."""
    generator = torch.Generator().manual_seed(0)
    model = GatedPixelCNN((3, 4), 5, n_channels=4, n_layers=2, n_context=0)
    model = initialize(model, generator=generator).eval()
    x = model.sample(3, generator=generator)
    exact = model.double().logits(x).softmax(dim=-1).flatten(1, -2)  # (3, 12, 5)
    pixels, filled, places = x.flatten(1), torch.zeros(3, 12, dtype=torch.uint8), []
    for place, frequencies in frequencies_in_turn(model, filled):
        np.testing.assert_allclose(frequencies / 2**16, exact[:, place].detach(), atol=1e-4)
        filled[:, place] = pixels[:, place].to(torch.uint8)
        places.append(place)
    assert places == list(range(12))


def test_the_cached_walk_and_the_plain_one_give_the_same_integers(model, digits):
    """In float64 they are equal, in float32 they are not: the floating-point trap."""
    x = digits[:5].long()

    def integers(dtype):
        exact = copy.deepcopy(model).to(dtype)
        walks = [CachedLogits(exact, len(x)), PlainLogits(exact, len(x))]
        rows = [[], []]
        for place in range(64):
            for walk, row in zip(walks, rows, strict=True):
                row.append(neural.quantize(walk.logits(place).softmax(dim=-1).numpy()))
                walk.set(place, x.flatten(1)[:, place])
        return np.array(rows)

    one, other = integers(torch.float64)
    assert np.array_equal(one, other)
    one, other = integers(torch.float32)
    assert not np.array_equal(one, other)


@pytest.fixture
def threads():
    """A function that sets the number of threads; afterwards it is as before."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("n_threads", "n_images"),
    [(2, 20), *(pytest.param(n, 360, marks=pytest.mark.thorough) for n in (2, 3))],
)
def test_the_number_of_threads_changes_nothing(model, digits, threads, n_threads, n_images):
    images = digits[:n_images]
    threads(1)
    file = compress_images(images, model)
    threads(n_threads)
    assert compress_images(images, model) == file
    assert torch.equal(decompress_images(file, model), images)


def test_neither_the_model_nor_the_random_state_is_touched(model, digits):
    state = torch.get_rng_state()
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    compress_images(digits[:2], model)
    assert model.training
    model.eval()
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in model.state_dict().items():
        assert value.dtype == kept[name].dtype
        assert torch.equal(value, kept[name])


@settings(settings.get_profile("many"))
@given(st.integers(2, 256), st.integers(1, 5), st.integers(0, 2**32 - 1), st.floats(0.01, 15))
def test_random_images_alphabets_and_odds_round_trip(n_levels, n_images, seed, spread):
    draw = np.random.default_rng(seed)
    weights = np.exp(spread * draw.normal(size=n_levels))
    model = Counts(tuple(weights.tolist()), event_shape=(1, 1, 3))
    images = torch.from_numpy(draw.integers(0, n_levels, size=(n_images, 1, 1, 3)))
    assert torch.equal(decompress_images(compress_images(images, model), model), images)


def test_every_truncated_file_is_refused():
    model, blob = small_file()
    for length in range(len(blob)):
        with pytest.raises(ValueError, match="blob"):
            decompress_images(blob[:length], model)


def test_a_thousand_corruptions_of_a_byte_are_refused():
    model, blob = small_file()
    draw = random.Random(0)
    for _ in range(1000):
        changed = bytearray(blob)
        changed[draw.randrange(len(blob))] ^= draw.randrange(1, 256)
        with pytest.raises(ValueError, match="blob"):
            decompress_images(bytes(changed), model)


def test_corruptions_with_a_right_checksum_never_give_other_pixels():
    """As if the outer checksum had missed them: the pixels have one of their own."""
    model, blob = small_file()
    body = unseal(b"Img1", blob)
    draw, images = random.Random(0), decompress_images(blob, model)
    n_decoded = 0
    for _ in range(500):
        changed = bytearray(body)
        place = draw.randrange(14, len(body))  # behind fingerprint and number of images
        changed[place] ^= draw.randrange(1, 256)
        try:
            decoded = decompress_images(seal(b"Img1", bytes(changed)), model)
        except ValueError:
            continue
        n_decoded += 1
        assert torch.equal(decoded, images)
    assert n_decoded == 0


def test_another_model_is_told_by_its_fingerprint():
    _, blob = small_file()
    with pytest.raises(ValueError, match="load the checkpoint that wrote it"):
        decompress_images(blob, Counts((8.0, 4.0, 2.0, 2.001)))
    twin = Counts(event_shape=(1, 3, 2))
    with pytest.raises(ValueError, match="shape"):
        decompress_images(blob, twin)


def test_a_machine_that_computes_otherwise_is_noticed(monkeypatch):
    """One unit more or less in the integers, as another processor's rounding might give."""
    model, blob = small_file()
    exact, calls = neural.quantize, []

    def otherwise(probabilities):
        frequencies = exact(probabilities)
        if len(calls) == 1:
            frequencies[0, 0] -= 300
            frequencies[0, 1] += 300
        calls.append(1)
        return frequencies

    monkeypatch.setattr(neural, "quantize", otherwise)
    with pytest.raises(ValueError, match="this machine computes other probabilities"):
        decompress_images(blob, model)


def test_fingerprints_differ_by_weight_and_class_and_not_by_precision(model):
    other = load_weights(PixelCNNPlusPlus(), "autoregressive/pixelcnnpp")
    assert fingerprint(other) == fingerprint(model) == fingerprint(other.double())
    with torch.no_grad():
        next(other.parameters()).view(-1)[0] += 1e-9
    assert fingerprint(other) != fingerprint(model)
    assert fingerprint(Counts()) != fingerprint(Counts(backwards=True))
    assert len(fingerprint(model)) == 8


def test_wrong_images_are_refused(model, digits):
    with pytest.raises(ValueError, match=r"images has shape .* reshape"):
        compress_images(digits[:, 0], model)
    with pytest.raises(ValueError, match="images is empty"):
        compress_images(digits[:0], model)
    with pytest.raises(ValueError, match="whole levels"):
        compress_images(digits.int() + 5, model)
    with pytest.raises(ValueError, match="n_levels=300"):
        compress_images(torch.zeros(1, 1, 2, 3), Counts((1.0,) * 300))


def test_no_file_of_this_kind(model):
    for blob in (b"", b"PNG", zlib.compress(b"x"), seal(b"Img2", b"12345678")):
        with pytest.raises(ValueError, match="blob"):
            decompress_images(blob, model)


def test_a_message_that_is_continued_is_refused():
    """More bytes than the decoder needs are no file that `compress_images` writes."""
    model, blob = small_file()
    body = unseal(b"Img1", blob)
    with pytest.raises(ValueError, match="blob"):
        decompress_images(seal(b"Img1", body + b"\0"), model)


def small_file():
    model = Counts()
    images = model.sample(20, generator=torch.Generator().manual_seed(0))
    return model, compress_images(images, model)


def test_the_message_is_the_arithmetic_coders():
    """The walk adds nothing: a table's message is what the coder gives for its frequencies."""
    images = torch.tensor([[0, 3, 2, 0, 0, 0]]).view(1, 1, 2, 3)
    encoder = ArithmeticEncoder()
    edges = [0, *neural.quantize([8, 4, 2, 2]).cumsum().tolist()]
    for level in images.flatten().tolist():
        encoder.encode(level, edges)
    assert unseal(b"Img1", compress_images(images, Counts()))[16:] == encoder.finish()
