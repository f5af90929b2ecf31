"""Several opinions about the next symbol, mixed into one bet: no network, a lot of counting.

Chapter: `context_models`.
"""

from operator import add, mul

import numpy as np

from companion.compression.container import read_integers, seal, unseal, write_integers
from companion.compression.frequencies import PRECISION, quantize
from companion.compression.prefix_codes import HuffmanCode
from companion.compression.stream_codes import SMALL, ArithmeticDecoder, ArithmeticEncoder, Interval
from companion.validation import check_integer

TOTAL = 1 << PRECISION
UNIT = 256  # a logit of 1
LARGEST = 8 * UNIT - 1  # and the largest one, either way
TRUST = 4  # a count above it is cut when the other answer comes


def _tables():
    """Everything that needs a logarithm, computed once, rounded, and read from tables since.

    A pair of counts up to 255 is one number, 256 no + yes.
    """
    no, yes = np.divmod(np.arange(1 << 16), 256)
    logit = np.rint(UNIT * np.log((yes + 0.15) / (no + 0.15))).astype(int)
    yes_chance = 1 / (1 + np.exp(-np.arange(-LARGEST, LARGEST + 1) / UNIT))
    share = quantize(np.stack([1 - yes_chance, yes_chance], axis=1))[:, 1]
    more_no, more_yes = np.minimum(no + 1, 255), np.minimum(yes + 1, 255)
    less_no, less_yes = (np.where(n > TRUST, (n + TRUST) // 2, n) for n in (no, yes))
    after = [256 * more_no + less_yes, 256 * less_no + more_yes]
    return logit.clip(-LARGEST, LARGEST).tolist(), share.tolist(), [a.tolist() for a in after]


LOGIT, SHARE, AFTER = _tables()


class Answers(Interval):
    """What `write` and `read` do of a share, for two symbols and millions of answers: in a hurry.

    No share is checked, as all are from SHARE. A carry waits for the next byte: `low` stays below
    two windows until then.
    """

    def narrow_to(self, share, bit):
        """Take the first `share` of ``2**16`` if the answer is yes, and the rest if it is no."""
        step = self.width >> PRECISION
        if bit:
            self.width = share * step
        else:
            self.low += share * step
            self.width = (TOTAL - share) * step


class BitEncoder(Answers, ArithmeticEncoder):
    """Writes answers, each with a share for *yes* out of ``2**16``."""

    def answer(self, share, bit):
        """Write an answer, 0 or 1, and return it."""
        self.narrow_to(share, bit)
        if self.width < SMALL:
            self.write(0, 1, 1)  # all of the interval: only the window moves
        return bit


class BitDecoder(Answers, ArithmeticDecoder):
    """Reads what a `BitEncoder` wrote."""

    def answer(self, share, bit=None):
        """Return the next answer; the argument `bit`, which an encoder needs, is not looked at."""
        bit = int(self.peek(TOTAL) < share)
        self.narrow_to(share, bit)
        if self.width < SMALL:
            self.read(0, 1, 1)
        return bit


class ContextMixer:
    """Asks for a symbol question by question, down the tree of a code, and bets on each answer.

    Each context keeps two counts for each question: noes and yeses. Its opinion is the logit
    ``s_i = log((yes + 0.15) / (no + 0.15))``. The bet on *yes* is ``p = sigmoid(sum_i w_i s_i)``,
    and the weights climb the log-likelihood, ``w_i += rate (bit - p) s_i`` (Mahoney, 2005). An
    answer that contradicts a count cuts it, so that the recent past weighs more.

    All are whole numbers: a machine that rounds otherwise could not read the file.
    Chapter: compression/context_models.

    Parameters
    ----------
    code : PrefixTree
        What is asked: an inner node is a question, a leaf a symbol.
    n_contexts : int
    size : int
        There are ``2**size`` pairs of counts. Contexts that meet in one share it, which costs bits
        and breaks nothing.
    """

    def __init__(self, code, n_contexts, size=22):
        self.children, self.root = code.children, code.root
        self.words = {symbol: [*map(int, word)] for symbol, word in code.codewords.items()}
        # A list, though it takes four times the memory of an array: it makes no number anew.
        self.counts = [0] * (1 << check_integer("size", size, low=18, high=28))
        self.weights = [int(0.3 * TOTAL)] * check_integer("n_contexts", n_contexts)

    def code(self, coder, contexts, symbol=None, guess=None):
        """Write a symbol to a `BitEncoder`, or read one from a `BitDecoder`; return it.

        `contexts` are whole numbers from 0 on. If there is a guess, it is the first question.
        """
        if len(contexts) != len(self.weights):
            raise ValueError(f"contexts has {len(contexts)} entries, not {len(self.weights)}.")
        if symbol is not None and symbol not in self.words:
            raise ValueError(f"symbol={symbol!r} has no codeword: build the code with it.")
        n, last = len(contexts), len(self.counts) - 1
        self.blocks = [
            (n * context + i) * 0x9E3779B97F4A7C15 % ((1 << 61) - 1) & last
            for i, context in enumerate(contexts, 1)
        ]
        if guess is not None and self._ask(coder, len(self.children) + guess, symbol == guess):
            return guess
        node, word = self.root, iter(self.words.get(symbol, ()))
        while node >= 0:
            node = self.children[node][self._ask(coder, node, next(word, None))]
        return ~node

    def _ask(self, coder, question, bit):
        """Predict, code, update: the same lines for encoder and decoder."""
        counts = self.counts
        places = [block ^ question for block in self.blocks]
        pairs = [counts[place] for place in places]
        logits = [LOGIT[pair] for pair in pairs]
        mixed = sum(map(mul, self.weights, logits)) >> PRECISION
        if abs(mixed) > LARGEST:
            mixed = LARGEST if mixed > 0 else -LARGEST
        share = SHARE[mixed + LARGEST]
        bit = coder.answer(share, bit)
        error = (bit << PRECISION) - share
        if abs(error) > 256:  # else there is nothing to learn
            steps = [s * error >> 15 for s in logits]
            self.weights = list(map(add, self.weights, steps))
        after = AFTER[bit]
        for i, place in enumerate(places):
            counts[place] = after[pairs[i]]
        return bit


def enough(n):
    """Say how many pairs of counts, as a power of 2, suit a message of n symbols."""
    return min(max(n.bit_length() + 4, 18), 22)


class TextPast:
    """What has been read of a text: contexts for the next byte, and a guess at it.

    Contexts are the last byte, the last two, the last three, and a *match*: what followed when the
    last five bytes stood there before, and for how long that has been right.
    """

    N_CONTEXTS = 4

    def __init__(self):
        self.seen, self.last_five, self.places = bytearray(), 0, {}
        self.match = self.length = 0

    def predict(self):
        """Return the contexts, and a guess or None."""
        last = self.last_five
        guess = self.seen[self.match] if self.match else None
        match = 1 + 16 * guess + min(self.length, 15) if self.match else 0
        return (last & 0xFF, last & 0xFFFF, last & 0xFFFFFF, match), guess

    def add(self, byte):
        """Read one more byte."""
        if self.match and self.seen[self.match] == byte:
            self.match, self.length = self.match + 1, self.length + 1
        else:
            self.match = 0
        self.seen.append(byte)
        self.last_five = (self.last_five << 8 | byte) & 0xFFFFFFFFFF
        if not self.match:
            self.match, self.length = self.places.get(self.last_five, 0), 0
        self.places[self.last_five] = len(self.seen)


def _pass_through(raw, n, code, coder):
    """Code n bytes, those of `raw` or, if it is None, those that the coder reads."""
    mixer, past = ContextMixer(code, TextPast.N_CONTEXTS, enough(n)), TextPast()
    for place in range(n):
        contexts, guess = past.predict()
        past.add(mixer.code(coder, contexts, None if raw is None else raw[place], guess))
    return past.seen


def compress_bytes(raw):
    """Write bytes, best those of a text, with a mixture of contexts: a file to itself."""
    code = HuffmanCode(np.bincount(np.frombuffer(raw or b"\0", np.uint8)))
    encoder = BitEncoder()
    _pass_through(raw, len(raw), code, encoder)
    return seal(b"Mix1", write_integers(len(raw)) + code.description() + encoder.finish())


def decompress_bytes(blob):
    """Read what `compress_bytes` wrote, or raise a `ValueError`."""
    (n,), body = read_integers(unseal(b"Mix1", blob), 1)
    code, data = HuffmanCode.from_description(body)
    decoder = BitDecoder(data)
    raw = bytes(_pass_through(None, n, code, decoder))
    decoder.finish()
    return raw


def pixel_contexts(image, row, column, n_levels):
    """Contexts for a pixel of a list of rows, from the four known pixels around it.

    The place alone; with it the pixel to the left; with it the one above; these two together; and
    left, above and both diagonals in six shades each. Beyond the border it is paper, 0.
    """
    left = image[row][column - 1] if column else 0
    above = image[row - 1] if row else [0] * len(image[row])
    corner, up, other = ([0, *above, 0][column + i] for i in range(3))
    place = row * len(above) + column
    shades = 0
    for level in (left, corner, up, other):
        shades = 6 * shades + 6 * level // n_levels
    return place, 256 * place + left, 256 * place + up, 256 * left + up, shades


def _go_over(images, shape, code, coder):
    """Code images (n, H, W) pixel by pixel; return them as lists, those that the coder reads."""
    n, height, width = shape
    mixer = ContextMixer(code, 5, enough(n * height * width))
    n_levels, out = max(code.codewords) + 1, []
    for k in range(n):
        image = [[0] * width for _ in range(height)]
        for row in range(height):
            for column in range(width):
                contexts = pixel_contexts(image, row, column, n_levels)
                level = None if images is None else images[k][row][column]
                image[row][column] = mixer.code(coder, contexts, level)
        out.append(image)
    return out


def compress_pictures(images):
    """Write grey images (n, H, W), levels from 0 to 255, with a mixture of contexts: a file."""
    x = np.asarray(images)
    if x.ndim != 3 or x.dtype.kind not in "iu" or (x.size and not 0 <= x.min() <= x.max() < 256):
        raise ValueError(
            f"images has shape {x.shape} and type {x.dtype} but must be (n, H, W), whole numbers "
            "from 0 to 255: leave out the axis of channels."
        )
    code = HuffmanCode(np.bincount(x.ravel()) if x.size else [1])
    encoder = BitEncoder()
    _go_over(x.tolist(), x.shape, code, encoder)
    return seal(b"Pic1", write_integers(*x.shape) + code.description() + encoder.finish())


def decompress_pictures(blob):
    """Read what `compress_pictures` wrote, uint8 (n, H, W), or raise a `ValueError`."""
    shape, body = read_integers(unseal(b"Pic1", blob), 3)
    code, data = HuffmanCode.from_description(body)
    decoder = BitDecoder(data)
    images = _go_over(None, shape, code, decoder)
    decoder.finish()
    return np.array(images, np.uint8).reshape(shape)
