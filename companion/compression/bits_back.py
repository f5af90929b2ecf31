"""Bits back: images to bytes by a latent variable model. Chapter: `bits_back`."""

import copy
import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import ndtr, ndtri

from companion.autoencoders.vae import VAE
from companion.compression.container import read_integers, seal, unseal, write_integers
from companion.compression.frequencies import PRECISION, cumulate, quantize
from companion.compression.neural import check_images, checksum, fingerprint
from companion.compression.rans import LEAST, RansCoder
from companion.distributions import discretized_logistic_log_prob
from companion.validation import check_integer

MAGIC = b"Bbk1"
TOTAL = 1 << PRECISION


def bucket_edges(n_bits):
    """Edges of ``2**n_bits`` buckets of the same mass under N(0, 1), from -inf to inf."""
    return ndtri(np.arange((1 << n_bits) + 1) / (1 << n_bits))


def bucket_centers(n_bits):
    """The medians of those buckets: the codes that a decoder network sees."""
    return ndtri((np.arange(1 << n_bits) + 0.5) / (1 << n_bits))


# Distributions of n symbols in whole numbers: `share` gives first slot and number of slots of each
# symbol, `find` the symbols in whose shares slots lie. `some` is the slice of the n that is meant.


class Prior:
    """Each of n symbols is one of 2^n_bits buckets, all equally likely."""

    def __init__(self, n, n_bits):
        self.n, self.shift = n, PRECISION - n_bits

    def share(self, bucket, some=slice(None)):
        return bucket << self.shift, np.full_like(bucket, 1 << self.shift)

    def find(self, slot, some):
        return slot >> self.shift


class Posterior:
    """A Gaussian over the buckets for each of n coordinates, mean and log_std (n,).

    Of 2^16 slots the share of bucket b begins at ``round(2^16 F((edge_b - mean) / std))``, where F
    is the distribution function of N(0, 1). A share may be empty: no slot is there, so that its
    bucket is never read, and need not be written.
    """

    def __init__(self, mean, log_std, edges):
        self.n, self.mean, self.edges = len(mean), mean, edges
        self.std = np.exp(np.clip(log_std, -30, 30))  # any q is right if both sides know it
        if not np.isfinite(self.mean * self.std).all():
            raise ValueError("model gives a posterior with NaN or infinity: train it again.")

    def share(self, bucket, some=slice(None)):
        start = self.start(bucket, some)
        return start, self.start(bucket + 1, some) - start

    def find(self, slot, some):
        low, high = np.zeros_like(slot), np.full_like(slot, len(self.edges) - 1)
        while (high - low > 1).any():  # bisection
            middle = (low + high) // 2
            right = self.start(middle, some) <= slot
            low, high = np.where(right, middle, low), np.where(right, high, middle)
        return low

    def start(self, bucket, some=slice(None)):
        z = (self.edges[bucket] - self.mean[some]) / self.std[some]
        return np.rint(TOTAL * ndtr(z)).astype(np.int64)


class Pixels:
    """The grey levels of one image given its code z (n_latent,): `quantize` of p(y | z)."""

    def __init__(self, model, z):
        mean, log_scale = model.decode(torch.from_numpy(z)[None])
        levels = torch.arange(model.n_levels).view(-1, *[1] * mean.dim())
        log_p = discretized_logistic_log_prob(levels, mean, log_scale, n_levels=model.n_levels)
        self.edges = cumulate(quantize(log_p.exp().view(model.n_levels, -1).T.numpy()))
        self.n = len(self.edges)

    def share(self, level, some=slice(None)):
        edges, pixel = self.edges[some], np.arange(len(level))
        return edges[pixel, level], edges[pixel, level + 1] - edges[pixel, level]

    def find(self, slot, some):
        return (slot[:, None] >= self.edges[some, 1:-1]).sum(axis=1)


def push(stack, distribution, symbols):
    """Put n symbols on the stack, as many at a time as it has lanes; they pop in order."""
    start, frequency = distribution.share(symbols)
    for place in reversed(range(0, distribution.n, stack.n_lanes)):
        some = slice(place, place + stack.n_lanes)
        stack.push(start[some], frequency[some])


def pop(stack, distribution):
    """Take n symbols off the stack, int64 (n,)."""
    symbols = np.empty(distribution.n, np.int64)
    for place in range(0, distribution.n, stack.n_lanes):
        some = slice(place, min(place + stack.n_lanes, distribution.n))
        symbols[some] = distribution.find(stack.peek(some.stop - place), some)
        stack.pop(*distribution.share(symbols[some], some))
    return symbols


class BorrowingStack(RansCoder):
    """A stack that begins with random bits, and takes more, from below, before it runs out.

    They are a hash's (SHAKE-256): the decoder finds them again at the bottom, and can check them.
    """

    def __init__(self, n_lanes):
        super().__init__(n_lanes)
        self.state, self.n_borrowed = random_states(n_lanes), 0

    def pop(self, start, frequency):
        """As `RansCoder.pop`, which takes at most one word a lane."""
        missing = len(start) - self.n_words
        if missing > 0:
            self.n_borrowed += missing
            words = self.words[: self.n_words]
            self.words = np.concatenate([random_words(self.n_borrowed)[:missing], words])
            self.n_words += missing
        super().pop(start, frequency)

    def content(self):
        """Bits on the stack less the words that were borrowed."""
        return np.log2(self.state).sum() + 16 * (self.n_words - self.n_borrowed)


def random_states(n_lanes):
    """States of the beginning: 32 random bits each."""
    return LEAST + np.frombuffer(hashlib.shake_256(b"states").digest(4 * n_lanes), "<u4")


def random_words(n):
    """The first n words that are borrowed, from the bottom of the stack up: the last one first."""
    return np.frombuffer(hashlib.shake_256(b"words").digest(2 * n), "<u2")[::-1].astype(np.uint16)


@dataclass
class Ledger:
    """Where the bits of a chain of images went: float arrays (n,), bits an image."""

    posterior: np.ndarray  # -log2 q(z | y), read from the stack to choose z: they come back
    pixels: np.ndarray  # -log2 p(y | z)
    prior: np.ndarray  # -log2 p(z)
    initial: int  # random bits that had to be there, in all: 32 a lane, 16 a borrowed word

    @property
    def one_way(self):
        """Bits an image if another source of random numbers chose z, and nothing came back."""
        return self.pixels + self.prior

    @property
    def net(self):
        """Bits by which the stack grew: on average minus the ELBO."""
        return self.pixels + self.prior - self.posterior


class BitsBackCoder:
    """Lossless compression with a VAE: bits back with asymmetric numeral systems (BB-ANS).

    To choose a code z for an image y is to *read* ``-log2 q(z | y)`` bits from the stack. Then y is
    pushed under p(y | z), and z under the prior: the stack grows by minus the ELBO, on average, if
    what is read there is like random bits. The decoder pops z and y, knows q(z | y), and pushes the
    chosen bits back. A code is a bucket for each coordinate, one of 2^k with the same prior mass.
    Image follows image, in float64 on the CPU: both sides compute the same whole numbers.

    Sources: Hinton and van Camp (1993), Frey and Hinton (1996); on a stack, Townsend et al. (2019).

    Parameters
    ----------
    model : VAE
        At most 256 levels, independent given the code. A copy is kept.
    n_bucket_bits : int
        k, from 1 to 16. Few make a coarse code; with many, 2^16 slots are too coarse for q.
    n_lanes : int
        Of the stack; each costs 6 bytes a file, of which 4 are random bits of the beginning.
    """

    def __init__(self, model, *, n_bucket_bits=10, n_lanes=4):
        if not isinstance(model, VAE) or type(model).pixels is not VAE.pixels:
            raise ValueError(f"model is a {type(model).__name__}: use a plain VAE.")
        self.n_bucket_bits = check_integer("n_bucket_bits", n_bucket_bits, high=PRECISION)
        self.n_lanes = check_integer("n_lanes", n_lanes)
        self.model = copy.deepcopy(model).cpu().double().eval()
        self.fingerprint = fingerprint(self.model)

    def encode(self, images, *, return_ledger=False):
        """Compress grey levels (n, *event_shape) to bytes; with their `account`, if that is wanted.

        Format: magic and version, fingerprint of the model, number of images, k, lanes, levels,
        shape, CRC-32 of the pixels, the stack, CRC-32 of all of it. The model is not inside.
        """
        images = self._check(images)
        stack, contents = self._push_all(images)
        header = write_integers(len(images), self.n_bucket_bits, self.n_lanes, *self._levels())
        pixels = checksum(images.flatten(1))
        file = seal(MAGIC, self.fingerprint + header + pixels + stack.to_bytes())
        return (file, self._ledger(stack, contents)) if return_ledger else file

    def account(self, images):
        """Return the `Ledger` of what `encode` does with these images."""
        return self._ledger(*self._push_all(self._check(images)))

    def _ledger(self, stack, contents):
        before, chosen, seen, after = np.array(contents).T
        initial = 32 * self.n_lanes + 16 * stack.n_borrowed
        return Ledger(before - chosen, seen - chosen, after - seen, initial)

    def decode(self, data):
        """Read what `encode` wrote, bit for bit, with its k and lanes: uint8 (n, *event_shape).

        A `ValueError` says that the file was cut or changed, or that another model or a machine
        that computes otherwise wrote it: pixels have a checksum, the bottom has known random bits.
        """
        body = unseal(MAGIC, data)
        (n, n_bits, n_lanes, *levels), rest = read_integers(body[8:], 3 + len(self._levels()))
        if body[:8] != self.fingerprint or tuple(levels) != self._levels():
            raise ValueError(
                f"model {self.fingerprint.hex()} with levels and shape {self._levels()} did not "
                f"write data: that was {body[:8].hex()} with {levels}, load its checkpoint."
            )
        check_integer("n_bucket_bits", n_bits, high=PRECISION)
        stack = RansCoder.from_bytes(rest[4:], n_lanes)
        try:
            images = self._pop_all(stack, n, n_bits)
            agree = checksum(images.flatten(1)) == rest[:4] and is_at_the_beginning(stack)
        except ValueError:
            agree = False
        if not agree:
            raise ValueError(
                "data is intact and the model has the right weights, but this machine computes "
                "other probabilities than the one that wrote it: decode where it was written, or "
                "with the same versions of PyTorch and SciPy on the same kind of processor."
            )
        return images

    @torch.no_grad()
    def _push_all(self, images):
        """Return the stack and, for each image, its content before and after each of the steps."""
        stack, contents = BorrowingStack(self.n_lanes), []
        prior, posterior, pixels = self._distributions(self.n_bucket_bits)
        for y in images.split(1):
            before = stack.content()
            z = pop(stack, posterior(y))
            chosen = stack.content()
            push(stack, pixels(z), y.flatten().long().numpy())
            seen = stack.content()
            push(stack, prior, z)
            contents.append((before, chosen, seen, stack.content()))
        return stack, contents

    @torch.no_grad()
    def _pop_all(self, stack, n, n_bits):
        prior, posterior, pixels = self._distributions(n_bits)
        images = torch.zeros(n, *self.model.event_shape, dtype=torch.uint8)
        for i in reversed(range(n)):
            y, z = images[i : i + 1], pop(stack, prior)
            y[:] = torch.from_numpy(pop(stack, pixels(z))).view_as(y)
            push(stack, posterior(y), z)
        return images

    def _distributions(self, n_bits):
        """Give p(z), and functions that give q(z | y) for an image and p(y | z) for buckets."""
        edges, centers = bucket_edges(n_bits), bucket_centers(n_bits)

        def posterior(y):
            mean, log_std = (v[0].numpy() for v in self.model.encode(y))
            return Posterior(mean, log_std, edges)

        prior = Prior(self.model.n_latent, n_bits)
        return prior, posterior, lambda bucket: Pixels(self.model, centers[bucket])

    def _levels(self):
        return self.model.n_levels, *self.model.event_shape

    def _check(self, images):
        images, top = torch.as_tensor(images), self.model.n_levels - 1
        if not ((images >= 0) & (images <= top) & (images == images.long())).all():
            raise ValueError(f"images must have whole levels from 0 to {top}: do not scale them.")
        return check_images(images, self.model)


def is_at_the_beginning(stack):
    """Tell whether only the random bits of a `BorrowingStack` are left."""
    states, words = random_states(stack.n_lanes), random_words(stack.n_words)
    return (stack.state == states).all() and (stack.words[: stack.n_words] == words).all()
