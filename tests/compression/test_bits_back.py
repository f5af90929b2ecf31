"""Bits back: the rate is the ELBO, the file is exact, and damage never gives other pixels."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from companion import data, train
from companion.autoencoders.vae import VAE, PeekingVAE
from companion.compression import bits_back
from companion.compression.bits_back import (
    BitsBackCoder,
    BorrowingStack,
    Pixels,
    Posterior,
    Prior,
    bucket_centers,
    bucket_edges,
    is_at_the_beginning,
    pop,
    push,
    random_states,
    random_words,
)
from companion.compression.container import seal
from companion.compression.rans import LEAST, RansCoder
from companion.layers import initialize
from tests.contracts import seeded


def small(seed=0, n_latent=3, **arguments):
    """A VAE with weights from a seed: 2x3 pixels, 5 levels."""
    arguments = {"event_shape": (1, 2, 3), "n_levels": 5, "n_hidden": 8} | arguments
    with torch.random.fork_rng(devices=[]):
        model = initialize(VAE(n_latent, **arguments), generator=seeded(seed))
    return model.eval().requires_grad_(False)


SLOPES = (1.0, -0.5)


class Toy(VAE):
    """One code, two pixels of three levels; simple enough for integrals over the code.

    The means of the pixels are linear in z, the posterior is what the arguments say.
    """

    def __init__(self, mean=0.0, log_std=0.0, slopes=SLOPES):
        super().__init__(1, event_shape=(1, 1, 2), n_levels=3, n_hidden=1)
        self.mean, self.log_std = torch.tensor([mean]), torch.tensor([log_std])
        self.slopes = torch.tensor(slopes)

    def encode(self, x, *, generator=None):
        rows = torch.ones(len(x), 1, dtype=torch.float64)
        return self.mean * rows, self.log_std * rows

    def decode(self, z, *, generator=None):
        mean = (1 + self.slopes.double() * z).view(-1, 1, 1, 2)
        return mean, torch.full_like(mean, -1.0)


def logistic_mass(level, mean, log_scale, n_levels):
    """Probability of a grey level, by the distribution function of the logistic."""

    def below(edge):
        return 1 / (1 + math.exp(-(edge - mean) / math.exp(log_scale)))

    low = 0.0 if level == 0 else below(level - 0.5)
    high = 1.0 if level == n_levels - 1 else below(level + 0.5)
    return high - low


def toy_likelihood(x, z, slopes):
    return math.prod(logistic_mass(v, 1 + s * z, -1.0, 3) for v, s in zip(x, slopes, strict=True))


# Buckets.


@pytest.mark.parametrize("n_bits", [1, 2, 7, 12, 16])
def test_buckets_have_the_same_mass_and_their_centers_half_of_it_on_each_side(n_bits):
    edges, centers = bucket_edges(n_bits), bucket_centers(n_bits)
    np.testing.assert_allclose(np.diff(norm.cdf(edges)), 2.0**-n_bits, rtol=1e-6)
    np.testing.assert_allclose(
        norm.cdf(centers) - norm.cdf(edges[:-1]), 2.0 ** -(n_bits + 1), rtol=1e-6
    )
    assert (edges[0], edges[-1]) == (-np.inf, np.inf)


@pytest.mark.parametrize("n_bits", [1, 5, 12, 16])
def test_shares_of_a_posterior_fill_all_slots_once(n_bits):
    """They sum to 2^16, are the Gaussian's mass to a slot, and `find` is their inverse."""
    mean, log_std = np.array([0.0, 1.3, -3.9, 9.0, -0.2]), np.array([0.0, -2.0, -1.0, -1.0, -40.0])
    posterior, edges = Posterior(mean, log_std, bucket_edges(n_bits)), bucket_edges(n_bits)
    buckets = np.arange(1 << n_bits)
    for i in range(5):
        some = slice(i, i + 1)
        start, frequency = posterior.share(buckets, some)
        assert frequency.sum() == 1 << 16
        assert (frequency >= 0).all()
        np.testing.assert_array_equal(start, np.append(0, frequency.cumsum()[:-1]))
        exact = np.diff(norm.cdf(edges, mean[i], max(np.exp(log_std[i]), 1e-12))) * 2.0**16
        assert np.abs(frequency - exact).max() < 1 + 1e-6
        slots = np.arange(0, 1 << 16, 7)
        np.testing.assert_array_equal(
            posterior.find(slots, some), np.repeat(buckets, frequency)[slots]
        )


@pytest.mark.parametrize("n_bits", [1, 10, 16])
def test_a_posterior_equal_to_the_prior_is_the_prior_to_the_slot(n_bits):
    posterior, prior = Posterior(np.zeros(1), np.zeros(1), bucket_edges(n_bits)), Prior(1, n_bits)
    buckets = np.arange(1 << n_bits)
    for ours, theirs in zip(posterior.share(buckets), prior.share(buckets), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_posterior_that_is_no_number_is_refused():
    for mean, log_std in ((np.nan, 0.0), (np.inf, 0.0), (0.0, np.nan)):
        with pytest.raises(ValueError, match="model gives a posterior with NaN or infinity: train"):
            Posterior(np.array([mean]), np.array([log_std]), bucket_edges(4))


def test_shares_of_pixels_are_the_masses_of_the_logistic():
    z = np.array([0.7])
    edges = Pixels(Toy(), z).edges
    for pixel, slope in enumerate((1.0, -0.5)):
        masses = [logistic_mass(v, 1 + slope * 0.7, -1.0, 3) for v in range(3)]
        np.testing.assert_allclose(np.diff(edges[pixel]) / 2**16, masses, atol=2e-4)
    assert (edges[:, -1] == 1 << 16).all()


@pytest.mark.parametrize("n_lanes", [1, 2, 5, 7])
def test_symbols_of_a_distribution_pop_in_their_order(n_lanes):
    """Fewer symbols than lanes, as many, more."""
    rng, stack = np.random.default_rng(0), RansCoder(n_lanes)
    model = small().double()
    bucket, pixels = rng.integers(0, 1 << 9, 5), Pixels(model, rng.normal(size=3))
    levels, posterior = rng.integers(0, 5, 6), Posterior(np.zeros(5), np.ones(5), bucket_edges(9))
    for distribution, symbols in ((Prior(5, 9), bucket), (pixels, levels), (posterior, bucket)):
        push(stack, distribution, symbols)
    assert pop(stack, posterior).tolist() == bucket.tolist()
    assert pop(stack, pixels).tolist() == levels.tolist()
    assert pop(stack, Prior(5, 9)).tolist() == bucket.tolist()
    stack.check_empty()


# Rates.


def test_the_rate_on_digits_is_the_elbo():
    """Within 1 %, and within 5 standard errors: one code an image against 200."""
    vae = train.load_weights(VAE(), "autoencoders/vae")
    x = torch.from_numpy(data.digits().x_test)
    ledger = BitsBackCoder(vae).account(x)
    elbo = -vae.elbo(x, n_samples=200, generator=seeded()).double().numpy() / math.log(2)
    difference = ledger.net - elbo
    assert abs(difference.mean()) < 0.01 * elbo.mean()
    assert abs(difference.mean()) < 5 * difference.std() / math.sqrt(len(x)) + 0.1
    assert ledger.one_way.mean() > 2 * ledger.net.mean()


def test_digits_come_back_and_the_file_is_the_net_rate_and_the_initial_bits():
    vae = train.load_weights(VAE(), "autoencoders/vae")
    x = torch.from_numpy(data.digits().x_test[:40])
    coder = BitsBackCoder(vae)
    blob, ledger = coder.encode(x, return_ledger=True)
    assert blob == coder.encode(x)
    assert str(ledger) == str(coder.account(x))
    decoded = coder.decode(blob)
    assert decoded.dtype == torch.uint8
    assert torch.equal(decoded, x)
    header = 8 * (4 + 8 + 7 + 4 + 4)  # names, shape, two checksums
    states = (48 - 32) * 4 + 16 * 4  # of a lane's 48 bits a state uses between 32 and 48
    assert 0 <= 8 * len(blob) - ledger.net.sum() - ledger.initial - header <= states


def test_where_the_posterior_is_the_prior_an_image_costs_its_likelihood():
    """Nothing for the code: -log2 p(x | z) to the slot, whatever z is chosen."""
    model, x = Toy(slopes=(0.0, 0.0)), torch.tensor([[[[0, 1]]], [[[2, 2]]], [[[1, 0]]]])
    ledger = BitsBackCoder(model, n_lanes=1).account(x)
    exact = [-math.log2(toy_likelihood(v.flatten().tolist(), 0.0, (0, 0))) for v in x]
    np.testing.assert_allclose(ledger.pixels, exact, atol=0.005)
    np.testing.assert_allclose(ledger.net, exact, atol=0.005)
    np.testing.assert_allclose(ledger.prior, 10, atol=1e-3)
    np.testing.assert_allclose(ledger.posterior, 10, atol=1e-3)


def fresh_rates(monkeypatch, model, x, n):
    """Net bits of the image x, n times, each on a stack of new random bits: float array (n,)."""
    rng, coder = np.random.default_rng(0), BitsBackCoder(model, n_lanes=1)
    monkeypatch.setattr(bits_back, "random_states", lambda n: LEAST + rng.integers(0, 1 << 32, n))
    image = torch.tensor(x).view(1, *model.event_shape)
    return np.array([coder.account(image).net[0] for _ in range(n)])


def moments(x):
    """``p(x)`` of the toy, and mean and log standard deviation of its true posterior."""
    p, first, second = (
        quad(lambda z: z**k * norm.pdf(z) * toy_likelihood(x, z, SLOPES), -9, 9)[0]  # noqa: B023
        for k in range(3)
    )
    return p, first / p, math.log(second / p - (first / p) ** 2) / 2


@pytest.mark.parametrize("posterior", [(0.4, -0.3), (0.0, 0.0), (-1.5, -1.0)])
@pytest.mark.parametrize("x", [(2, 1), (0, 2)])
def test_the_mean_rate_is_minus_the_elbo_by_integration(monkeypatch, x, posterior):
    """One code, two pixels, any q: the mean over random bits is the integral over z.

    It is at least -log2 p(x), an integral too.
    """
    mean, std = posterior[0], math.exp(posterior[1])

    def cost(z):
        code = norm.logpdf(z, mean, std) - norm.logpdf(z)
        likelihood = math.log(toy_likelihood(x, z, SLOPES))
        return norm.pdf(z, mean, std) * (code - likelihood) / math.log(2)

    minus_elbo = quad(cost, mean - 9 * std, mean + 9 * std)[0]
    net = fresh_rates(monkeypatch, Toy(*posterior), x, 400)
    error = 5 * net.std() / math.sqrt(len(net)) + 0.003
    assert abs(net.mean() - minus_elbo) < error
    assert net.mean() > -math.log2(moments(x)[0]) - error


@pytest.mark.parametrize("x", list(itertools.product(range(3), repeat=2)))
def test_a_posterior_with_the_true_moments_costs_hardly_more_than_log_p(monkeypatch, x):
    p, *posterior = moments(x)
    net = fresh_rates(monkeypatch, Toy(*posterior), x, 100)
    assert -5 * net.std() / 10 - 0.003 < net.mean() + math.log2(p) < 0.1


def test_bits_that_are_not_random_give_another_rate():
    """The same image again and again: what is read is the code before, and z stops moving.

    It goes to where ``F(z) = F((z - mean) / std)``; what an image costs there is no mean over q.
    """
    mean, std = 0.5, 0.5
    ledger = BitsBackCoder(Toy(mean, math.log(std)), n_bucket_bits=16, n_lanes=1).account(
        torch.tensor([2, 1]).view(1, 1, 1, 2).expand(60, -1, -1, -1)
    )
    z = mean / (1 - std)
    code = (norm.logpdf(z, mean, std) - norm.logpdf(z)) / math.log(2)
    fixed = code - math.log2(toy_likelihood((2, 1), z, SLOPES))
    np.testing.assert_allclose(ledger.net[-20:], fixed, atol=0.1)


# Files.


@pytest.mark.parametrize("n_lanes", [1, 2, 3, 6, 50])
@pytest.mark.parametrize(("n_latent", "n_bucket_bits"), [(1, 1), (3, 4), (7, 16)])
def test_random_images_come_back(n_lanes, n_latent, n_bucket_bits):
    """Numbers of latents and pixels above and below that of the lanes, levels at random."""
    model = small(n_latent, n_latent)
    coder = BitsBackCoder(model, n_lanes=n_lanes, n_bucket_bits=n_bucket_bits)
    for n in (1, 2, 25):
        x = torch.randint(5, (n, 1, 2, 3), generator=seeded(n))
        assert torch.equal(coder.decode(coder.encode(x)), x.to(torch.uint8))


def test_images_of_two_channels_by_convolutions_and_256_levels_come_back():
    model = small(event_shape=(2, 8, 8), n_levels=256, n_channels=4)
    x = torch.randint(256, (5, 2, 8, 8), generator=seeded(), dtype=torch.uint8)
    coder = BitsBackCoder(model, n_lanes=16)
    assert torch.equal(coder.decode(coder.encode(x)), x)
    assert torch.equal(BitsBackCoder(model).decode(coder.encode(x)), x), "lanes are in the file"


def test_the_type_of_the_images_and_of_the_weights_and_dropout_do_not_matter():
    model = small()
    x = torch.randint(5, (4, 1, 2, 3), generator=seeded())
    blob = BitsBackCoder(model).encode(x)
    for other in (x.float(), x.to(torch.uint8), x.numpy()):
        assert BitsBackCoder(model).encode(other) == blob
    model.train()
    state = torch.get_rng_state()
    assert BitsBackCoder(model).encode(x) == blob
    assert BitsBackCoder(model.double()).encode(x) == blob
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training


def test_the_stack_borrows_what_it_needs_and_gives_it_back():
    """The states and words of the beginning are left when all images have been taken off."""
    coder = BitsBackCoder(small(n_latent=40), n_bucket_bits=16, n_lanes=3)
    x = torch.randint(5, (3, 1, 2, 3), generator=seeded())
    stack, _ = coder._push_all(coder._check(x))
    assert stack.n_borrowed >= 30
    assert coder.account(x).initial == 3 * 32 + 16 * stack.n_borrowed
    other = RansCoder.from_bytes(stack.to_bytes(), 3)
    assert not is_at_the_beginning(other)
    assert torch.equal(coder._pop_all(other, 3, 16), x.to(torch.uint8))
    assert is_at_the_beginning(other)
    assert other.n_words == stack.n_borrowed
    other.words[0] ^= 1
    assert not is_at_the_beginning(other)
    other.words[0] ^= 1
    other.state[2] += 1
    assert not is_at_the_beginning(other)


def test_borrowed_words_lie_below_the_others():
    stack = BorrowingStack(2)
    assert stack.state.tolist() == random_states(2).tolist()
    assert ((stack.state >= 2.0**32) & (stack.state < 2.0**33)).all()
    before = stack.content()
    for _ in range(6):
        stack.pop(stack.peek(2), [1, 1])
    assert stack.n_borrowed >= 12 - 2
    assert random_words(20)[-7:].tolist() == random_words(7).tolist()
    assert before - stack.content() == pytest.approx(12 * 16, abs=0.01)


GOLDEN = (
    "42626b3149c41efdf17ed0a302060205010203036d85f8c108670d0c0041e9fa0b3fcefee3d1f3b5560a10c229a84e"
)


def by_hand():
    """A VAE whose every weight is a small whole number or a half: exact on every machine."""
    model = small(n_latent=2, n_hidden=3)
    with torch.no_grad():
        for parameter in model.parameters():
            steps = torch.arange(parameter.numel()).view_as(parameter)
            parameter.copy_((steps * 5 % 7 - 3) / 4)
    return model


def test_the_format_stays_what_it_is():
    x = torch.tensor([[0, 1, 2, 3, 4, 0], [4, 4, 4, 2, 1, 0]]).view(2, 1, 2, 3)
    coder = BitsBackCoder(by_hand(), n_bucket_bits=6, n_lanes=2)
    blob = coder.encode(x)
    assert blob.hex() == GOLDEN
    assert torch.equal(coder.decode(bytes.fromhex(GOLDEN)), x.to(torch.uint8))


# Damage, and wrong arguments.


@pytest.fixture(scope="module")
def tiny():
    coder = BitsBackCoder(small(), n_bucket_bits=6, n_lanes=2)
    x = torch.randint(5, (4, 1, 2, 3), generator=seeded())
    return coder, coder.encode(x)


def test_every_truncation_and_what_follows_is_an_error(tiny):
    coder, blob = tiny
    for end in range(len(blob)):
        with pytest.raises(ValueError, match="blob"):
            coder.decode(blob[:end])
    with pytest.raises(ValueError, match="blob"):
        coder.decode(blob + b"\0")


def test_a_thousand_changed_bytes_are_errors(tiny):
    coder, blob = tiny
    rng = np.random.default_rng(0)
    for _ in range(1000):
        place, change = int(rng.integers(len(blob))), int(rng.integers(1, 256))
        with pytest.raises(ValueError, match="blob"):
            coder.decode(blob[:place] + bytes([blob[place] ^ change]) + blob[place + 1 :])


def test_changes_under_a_right_checksum_are_errors_too(tiny):
    """As if the machine computed otherwise: the pixels' own checksum and the bits at the bottom."""
    coder, blob = tiny
    rng, body = np.random.default_rng(0), blob[4:-4]
    for _ in range(300):
        place, change = int(rng.integers(14, len(body))), int(rng.integers(1, 256))
        other = body[:place] + bytes([body[place] ^ change]) + body[place + 1 :]
        with pytest.raises(ValueError, match=r"levels|computes other probabilities|state below"):
            coder.decode(seal(b"Bbk1", other))


def test_another_number_of_images_is_an_error(tiny):
    coder, blob = tiny
    for n in (0, 3, 5, 100):
        with pytest.raises(ValueError, match="computes other probabilities"):
            coder.decode(seal(b"Bbk1", blob[4:12] + bytes([n]) + blob[13:-4]))


@pytest.mark.parametrize("bits", [0, 17])
def test_buckets_that_cannot_be_are_an_error(tiny, bits):
    coder, blob = tiny
    with pytest.raises(ValueError, match="n_bucket_bits"):
        coder.decode(seal(b"Bbk1", blob[4:13] + bytes([bits]) + blob[14:-4]))


def test_another_model_is_an_error(tiny):
    _, blob = tiny
    near = small()
    with torch.no_grad():
        near.code.bias[0] += 1e-6
    for model in (small(1), near, small(n_levels=6), small(event_shape=(1, 3, 2))):
        with pytest.raises(ValueError, match=r"model .* did not write data: .* load"):
            BitsBackCoder(model).decode(blob)


def test_settings_that_are_no_weights_are_found_out_by_the_pixels():
    x = torch.randint(5, (4, 1, 2, 3), generator=seeded())
    blob = BitsBackCoder(small(log_scale=0.0)).encode(x)
    with pytest.raises(ValueError, match="computes other probabilities"):
        BitsBackCoder(small(log_scale=1.0)).decode(blob)


def test_a_file_of_another_kind_is_an_error(tiny):
    with pytest.raises(ValueError, match="no file of this kind"):
        tiny[0].decode(b"Img1" + bytes(30))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.full((1, 1, 2, 3), 5), "images must have whole levels from 0 to 4: do not scale"),
        (torch.full((1, 1, 2, 3), -1), "images must have whole levels from 0 to 4"),
        (torch.full((1, 1, 2, 3), 0.5), "images must have whole levels from 0 to 4"),
        (torch.full((1, 1, 2, 3), torch.nan), "images must have whole levels from 0 to 4"),
        (torch.zeros(1, 6), r"images has shape \(1, 6\) but must be \(B, 1, 2, 3\): reshape"),
        (torch.zeros(0, 1, 2, 3), "images is empty"),
    ],
)
def test_wrong_images(tiny, images, message):
    with pytest.raises(ValueError, match=message):
        tiny[0].encode(images)


def test_wrong_models_and_settings():
    with pytest.raises(ValueError, match="model is a Linear: use a plain VAE"):
        BitsBackCoder(torch.nn.Linear(1, 1))
    with pytest.raises(ValueError, match="model is a PeekingVAE: use a plain VAE"):
        BitsBackCoder(PeekingVAE())
    with pytest.raises(ValueError, match=r"n_bucket_bits=17 must be .* at most 16"):
        BitsBackCoder(small(), n_bucket_bits=17)
    with pytest.raises(ValueError, match="n_lanes=0 must be an integer of at least 1"):
        BitsBackCoder(small(), n_lanes=0)
    with pytest.raises(ValueError, match="n_levels=257: at most 256"):
        BitsBackCoder(small(n_levels=257)).encode(torch.zeros(1, 1, 2, 3))
