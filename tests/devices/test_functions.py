"""Functions that take a model or images give on a pretended GPU what they give on the CPU."""

import copy

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves

from companion import augment, data, train
from companion.autoencoders.autoencoder import (
    LinearAutoencoder,
    bernoulli_kl,
    converge,
    optimal_denoiser,
    projector,
)
from companion.autoencoders.latent import amortization_gap, iwae_bound
from companion.autoencoders.linear_vae import (
    LinearVAE,
    reparametrized_gradients,
    score_gradients,
)
from companion.autoencoders.segnet import class_iou
from companion.autoencoders.vae import VAE
from companion.autoregressive.ancestral import dependence
from companion.autoregressive.fast_sampling import sample_cached, sample_parallel
from companion.autoregressive.made import MADE
from companion.autoregressive.pixelcnn import (
    GatedPixelCNN,
    PixelCNN,
    fisher_score,
    receptive_field,
)
from companion.autoregressive.sequences import CharRNN, HistogramModel, WaveNet
from companion.autoregressive.super_resolution import SuperResolutionPixelCNN
from companion.autoregressive.transformer import CausalTransformer
from companion.classifier import DigitClassifier, digit_features
from companion.compression.bits_back import BitsBackCoder
from companion.compression.neural import compress_images, decompress_images
from companion.layers import initialize, sinusoidal_embedding
from tests.contracts import no_generator, seeded
from tests.pretended_gpu import generator_on_device, needs_pretended_gpu, pretended_gpu

IMAGES = torch.from_numpy(data.digits().x_train[:8])
SHAPE = (1, 3, 4)


def fresh(model, seed=0):
    """The same weights every time, away from zero, in evaluation mode."""
    model = initialize(model, generator=seeded(seed)).eval()
    generator = seeded(seed + 1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return model


def gated(**options):
    return fresh(GatedPixelCNN(SHAPE[1:], 5, n_channels=4, n_layers=2, **options))


def small(shape=SHAPE, n_levels=5):
    """Three images of few pixels and levels."""
    return torch.randint(n_levels, (3, *shape), generator=seeded(3))


def told(n=3, n_context=2):
    return torch.linspace(-1, 1, n * n_context).view(n, n_context)


# Each takes a device and a function that makes a generator from a seed, and returns tensors.


def bounds(device, generator):
    """`iwae_bound` and `amortization_gap`, of a VAE and of one that can be solved."""
    vae, linear = fresh(VAE(3, n_hidden=8)).to(device), fresh(LinearVAE(5, 2)).to(device)
    x = torch.linspace(-1, 1, 15).view(3, 5).to(device)
    yield iwae_bound(vae, IMAGES.to(device), 3, generator=generator(0))
    yield linear.exact_posterior(x)
    for model, some in ((vae, IMAGES[:3].to(device)), (linear, x)):
        yield amortization_gap(model, some, n_steps=2, n_samples=2, generator=generator(1))


def gradients(device, generator):
    mean, log_std = torch.zeros(2).to(device), torch.full((2,), -0.5).to(device)
    for estimate in (reparametrized_gradients, score_gradients):
        yield estimate(lambda z: z.square().sum(1), mean, log_std, 4, generator=generator(0))


def what_autoencoders_are_compared_with(device, generator):
    x = torch.linspace(-1, 2, 40).view(8, 5).cos().to(device)
    model = fresh(LinearAutoencoder(5, 2)).to(device)
    yield torch.tensor(converge(model, x, 3)).to(device)
    yield projector(model.decoder.weight.detach())
    yield optimal_denoiser(x[:2], x, 0.5)
    yield bernoulli_kl(0.1, x.sigmoid())
    masks = torch.arange(8).view(2, 4).to(device) % 3
    yield class_iou(masks, masks.flip(0), 3)


def what_is_seen(device, generator):
    for model in (gated(), fresh(PixelCNN(SHAPE[1:], 5, n_channels=4, n_layers=2))):
        yield receptive_field(model.to(device), 1, 2)
        yield dependence(model, small()[:1].to(device))
    yield fisher_score(model, small().to(device), "head.3")


def fast_samples(device, generator):
    model, context = gated(n_context=2).to(device), told().to(device)
    yield sample_cached(model, 3, generator=generator(0))
    yield sample_cached(model, 3, context, generator=generator(0))
    yield sample_parallel(model, 3, 4, context, temperature=0.8, generator=generator(1))
    order = torch.arange(11, -1, -1)
    made = fresh(MADE(SHAPE, 5, n_hidden=16, n_context=2, order=order)).to(device)
    yield sample_parallel(made, 3, 4, context, generator=generator(1))


def resolutions(device, generator):
    model = fresh(SuperResolutionPixelCNN((4, 4), 5, n_channels=4, n_blocks=1)).to(device)
    low = model.downsample(small((1, 4, 4)).to(device))
    yield low
    yield model.log_prob_low(low)
    yield model.upsample(low, generator=generator(0))
    yield sample_parallel(model, 2, model.groups(), generator=generator(1))


def contexts_and_completions(device, generator):
    """What a model is told reaches every layer; some entries are given, others drawn."""
    image, text = small().to(device), small((9,)).to(device)
    models = {
        gated(n_context=2): image,
        fresh(MADE(SHAPE, 5, n_hidden=16, n_context=2)): image,
        fresh(CausalTransformer(SHAPE, 5, n_units=8, n_heads=2, n_context=2)): image,
        fresh(CharRNN(5, n_hidden=8, n_features=4, n_context=2)): text,
        fresh(WaveNet(5, n_channels=4, n_layers=2, n_context=2)): text,
    }
    for model, x in models.items():
        context, known = told().to(device), torch.zeros_like(x[0], dtype=torch.bool)
        known[..., :1] = True
        yield model.to(device).log_prob(x, context)
        yield model.complete(x, known, context, generator=generator(0))


def counts(device, generator):
    x = small((9,)).to(device)
    model = HistogramModel(5, 2).fit(x)
    yield model.log_prob(x)
    yield model.sample(2, length=4, generator=generator(0))


def augmented(device, generator):
    images = (IMAGES / 16).to(device)
    yield augment.random_shift(images, 2, generator=generator(0))
    yield augment.random_flip(images, generator=generator(0))
    yield augment.random_affine(images, generator=generator(0))
    yield augment.random_crop(images, generator=generator(0))
    yield augment.add_noise(images, generator=generator(0))
    yield augment.color_jitter(images.expand(-1, 3, -1, -1), generator=generator(0))
    yield augment.cutout(images, 3, generator=generator(0))


def features(device, generator):
    """The classifier's own device is the CPU, that of images is the caller's."""
    images = IMAGES.to(device)
    yield DigitClassifier.load().to(device)(images)
    yield torch.from_numpy(np.ascontiguousarray(digit_features(images))).to(device)
    yield sinusoidal_embedding(torch.arange(4).to(device), 6)


def files(device, generator):
    """Coders copy the model to the CPU: the bytes are the same wherever it was."""
    x = small().to(device)
    for model in (gated(), fresh(MADE(SHAPE, 5, n_hidden=16))):
        blob = compress_images(x, model.to(device))
        yield torch.frombuffer(bytearray(blob), dtype=torch.uint8).to(device)
        yield decompress_images(blob, model).to(device)
    coder = BitsBackCoder(fresh(VAE(2, event_shape=SHAPE, n_levels=5, n_hidden=8)).to(device))
    blob = coder.encode(x)
    yield torch.frombuffer(bytearray(blob), dtype=torch.uint8).to(device)
    yield coder.decode(blob).to(device)


ASKED = [
    bounds,
    gradients,
    what_autoencoders_are_compared_with,
    what_is_seen,
    fast_samples,
    resolutions,
    contexts_and_completions,
    counts,
    augmented,
    features,
    files,
]


@needs_pretended_gpu
@pytest.mark.parametrize("make_generator", [seeded, generator_on_device, no_generator])
@pytest.mark.parametrize("ask", ASKED, ids=lambda ask: ask.__name__)
def test_functions_say_on_a_device_what_they_say_on_the_cpu(ask, make_generator):
    expected = tree_leaves(list(ask(torch.device("cpu"), seeded)))
    with pretended_gpu() as device:
        said = tree_leaves(list(ask(device, make_generator)))
        assert {value.device for value in said} == {device}
        if make_generator(0) is not None:
            torch.testing.assert_close([value.cpu() for value in said], expected)


def trained(model, device, **options):
    return train.fit_images(
        copy.deepcopy(model).to(device), IMAGES, 3, generator=seeded(1), batch_size=4, **options
    )


@needs_pretended_gpu
@pytest.mark.parametrize("max_shift", [0, 1])
def test_a_model_is_trained_on_a_device_as_on_the_cpu(max_shift):
    """Images that move, the context that says how, and the moving average of weights."""
    model = fresh(GatedPixelCNN(n_channels=4, n_layers=1, n_context=8))
    expected, losses = trained(model, "cpu", max_shift=max_shift)
    with pretended_gpu() as device:
        average, history = trained(model, device, max_shift=max_shift)
        for there, here in zip(average.parameters(), expected.parameters(), strict=True):
            assert there.device == device
            # Where a gradient is rounding error alone, Adam's step has its sign.
            torch.testing.assert_close(there.cpu(), here, atol=1e-4, rtol=1e-4)
    assert [h["loss"] for h in history] == pytest.approx([h["loss"] for h in losses], rel=1e-5)


@needs_pretended_gpu
def test_a_checkpoint_is_loaded_into_a_model_on_a_device():
    expected = train.load_weights(VAE(), "autoencoders/vae")
    with pretended_gpu() as device:
        model = train.load_weights(VAE().to(device), "autoencoders/vae")
        assert all(weight.device == device for weight in model.parameters())
        assert torch.equal(model.code.weight.cpu(), expected.code.weight)
