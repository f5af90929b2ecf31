"""Pictures and captions in one space."""

import math

import pytest
import torch

from companion import data
from companion.adversarial.captions import tokenize
from companion.layers import initialize
from companion.selfsupervised.clip import CLIP, clip_loss
from companion.train import descend
from tests.contracts import DeepContract, seeded

SCENES = data.scenes(64, size=16, random_state=8)
IMAGES, TOKENS = torch.from_numpy(SCENES.images), tokenize(SCENES.captions)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


class TestCLIP(DeepContract):
    def make(self):
        return CLIP(12)

    def batch(self):
        return IMAGES[:9], TOKENS[:9]


def test_the_loss_is_symmetric_and_known_where_nothing_is_told_apart():
    image, text = normal(6, 4), normal(6, 4, seed=1)
    torch.testing.assert_close(clip_loss(image, text, 3.0), clip_loss(text, image, 3.0))
    ones, eye = torch.ones(6, 8), torch.eye(8)[:6]
    assert clip_loss(ones, ones, 7.0).item() == pytest.approx(math.log(6), rel=1e-5)
    due = math.log(1 + 5 * math.exp(-7.0))
    assert clip_loss(eye, eye, 7.0).item() == pytest.approx(due, rel=1e-4)
    torch.testing.assert_close(clip_loss(5 * image, text, 3.0), clip_loss(image, text, 3.0))


def test_both_directions_count():
    """One caption is close to all images: rows see it, columns are needed to punish it."""
    image, text = torch.eye(4), torch.eye(4)
    text[1] = text[0]
    rows = torch.log_softmax(9 * image @ text.T, dim=1).diagonal().mean()
    assert clip_loss(image, text, 9.0) != -rows


def test_from_near_collapse_the_directions_spread():
    model = initialize(CLIP(8), generator=seeded())
    with torch.no_grad():
        for linear in model.to_space.values():
            linear.weight.mul_(1e-2)
            linear.bias.fill_(1.0)
    before = model.image(IMAGES).std(dim=0).mean()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(40):
        descend(model.loss(IMAGES, TOKENS), optimizer)
    assert model.image(IMAGES).std(dim=0).mean() > 5 * before


def test_the_scale_is_clamped():
    model = CLIP(scale=50.0, max_scale=60.0)
    assert model.scale.item() == pytest.approx(50)
    with torch.no_grad():
        model.log_scale.fill_(20.0)
    assert model.scale.item() == 60
    with pytest.raises(ValueError, match="scale=200"):
        CLIP(scale=200.0)


def test_naming_asks_for_the_nearest_caption():
    model = initialize(CLIP(8), generator=seeded()).eval()
    names = model.name(IMAGES[:20], TOKENS[:7])
    scores = model.image(IMAGES[:20]) @ model.caption(TOKENS[:7]).T
    assert torch.equal(names, scores.argmax(dim=1))
    with pytest.raises(ValueError, match="one caption"):
        clip_loss(torch.ones(3, 4), torch.ones(2, 4), 1.0)
