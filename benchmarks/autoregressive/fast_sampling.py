"""Sampling with cached activations against a full pass of the network for every pixel."""

import torch

from benchmarks.harness import case  # first: it asks for one thread
from companion.autoregressive.fast_sampling import sample_cached
from companion.autoregressive.pixelcnn import GatedPixelCNN
from companion.layers import initialize


@case("GatedPixelCNN, 64 samples, cached", "the naive sampler", bar=0.066)
def cached():
    model = initialize(GatedPixelCNN(), generator=torch.Generator().manual_seed(0)).eval()

    def same(ours, theirs):
        assert torch.equal(ours, theirs)

    return (
        lambda: sample_cached(model, 64, generator=torch.Generator().manual_seed(0)),
        lambda: model.sample(64, generator=torch.Generator().manual_seed(0)),
        same,
    )
