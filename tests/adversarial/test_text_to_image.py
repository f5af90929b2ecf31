"""Text to image: a picture must look real and fit its caption."""

import copy

import pytest
import torch
from torch.nn import functional

from companion import data
from companion.adversarial.captions import tokenize
from companion.adversarial.matching import CaptionMatcher, fit_matcher
from companion.adversarial.text_to_image import (
    SIZE,
    SceneDiscriminator,
    ScenePainter,
    TextPainter,
    TextToImageGAN,
)
from companion.layers import initialize
from tests.adversarial.games import GameContract
from tests.contracts import seeded

SCENES = data.scenes(300, size=16, random_state=8)
IMAGES, TOKENS = torch.from_numpy(SCENES.images), tokenize(SCENES.captions)
PAIR = ["a red circle above a small blue cross", "a small blue cross below a red circle"]


class TestTextToImageGAN(GameContract):
    sample_options = {"context": "a red circle left of a black cross"}  # noqa: RUF012
    learning_rate = 1e-3

    def make(self):
        return TextToImageGAN()

    def batch(self):
        return IMAGES[:6], TOKENS[:6]


def new_game(**options):
    """A game with random weights."""
    return initialize(TextToImageGAN(**options), generator=seeded())


class TestGame:
    def gradients(self, value, model):
        """Names of the parts that a loss reaches."""
        model.zero_grad()
        value.backward()
        return {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}

    def test_each_player_gets_the_gradient_of_its_own_loss(self):
        model, batch = new_game(), (IMAGES[:6], TOKENS[:6])
        own = model.discriminator_loss(*batch, generator=seeded())
        assert self.gradients(own, model) == {"discriminator"}
        against = model.generator_loss(*batch, generator=seeded())
        assert self.gradients(against, model) == {"generator"}

    def test_the_text_encoder_learns_from_the_discriminator(self):
        model = new_game()
        model.discriminator_loss(IMAGES[:6], TOKENS[:6], generator=seeded()).backward()
        assert model.discriminator.matcher.text.words.weight.grad.abs().sum() > 0

    def test_without_weight_no_wrong_pair_counts(self):
        model = new_game(weight=0.0, veil=0.0)
        real, fake = torch.rand(2, 6, 3, SIZE, SIZE, generator=seeded()) * 2 - 1
        values = [
            model.discriminator_value(real, fake, TOKENS[:6], generator=seeded(n)) for n in range(2)
        ]
        assert values[0] == values[1], "changed words matter"

    def test_the_losses_are_the_three_kinds_of_pairs_and_the_slopes(self):
        model = new_game(weight=0.7, weight_generator=0.3, gamma=0.2, veil=0.0).double()
        torch.nn.init.normal_(model.discriminator.real.weight, generator=seeded(3))
        tokens, player = TOKENS[:8], model.discriminator
        real = model.prepare(IMAGES[:8])
        z = model.noise(8, generator=seeded(5))
        fake = model.generate(z, tokens).detach()
        right, below = player(real, tokens), player(fake, tokens)
        # `discriminator_value` draws the veils first.
        draws = seeded(1)
        for _ in range(2):
            torch.randn(real.shape, generator=draws, dtype=torch.float64)
        wrong = player.matcher.matching(player.matcher.features(real), tokens, generator=draws)
        slopes = []
        for images in (real[:2], fake[:2]):
            x = images.clone().requires_grad_()
            (slope,) = torch.autograd.grad(player(x, tokens[:2]).sum(), x)
            slopes.append(slope.square().sum(dim=(1, 2, 3)).mean())
        due = functional.softplus(below - right).mean() + 0.7 * wrong
        due = due + 0.2 / 2 * (slopes[0] + slopes[1])
        found = model.discriminator_value(real, fake, tokens, generator=seeded(1))
        torch.testing.assert_close(found, due)

    def test_the_discriminator_begins_as_the_matcher_in_evaluation_mode(self):
        matcher = initialize(CaptionMatcher(), generator=seeded())
        matcher, _ = fit_matcher(matcher, IMAGES, TOKENS, 5, generator=seeded())
        player = SceneDiscriminator(matcher)
        x = IMAGES[:9] / 127.5 - 1
        for module in (player.train(), player.eval()):
            torch.testing.assert_close(module(x, TOKENS[:9]), matcher(x, TOKENS[:9]))
            alone = module(x[:1], TOKENS[:1])
            torch.testing.assert_close(module(x[:9], TOKENS[:9])[:1], alone)
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in player.modules())
        before = copy.deepcopy(matcher.state_dict())
        with torch.no_grad():
            for p in player.parameters():
                p.add_(1.0)
        for name, value in matcher.state_dict().items():
            assert torch.equal(value, before[name]), "the game changed the matcher"

    def test_the_painter_draws_what_the_game_draws(self):
        model = new_game()
        painter = TextPainter()
        painter.load_state_dict(model.painter().state_dict())
        draw = {"context": PAIR * 3, "generator": None}
        images = [m.sample(6, **draw | {"generator": seeded(4)}) for m in (model, painter)]
        assert torch.equal(*images)
        tokens = painter.sample(6, context=tokenize(PAIR * 3), generator=seeded(4))
        assert torch.equal(tokens, images[0])
        one = painter.sample(1, context=PAIR[0], generator=seeded(4))
        torch.testing.assert_close(one, images[0][:1], atol=1.0, rtol=0)

    def test_both_objects_are_made_by_the_same_hand(self):
        """Exchange what the split layer says of the two: the objects are exchanged."""
        painter = initialize(ScenePainter(), generator=seeded())
        other = copy.deepcopy(painter)
        with torch.no_grad():
            for p in (other.split.weight, other.split.bias):
                p.copy_(p.unflatten(0, (2, -1)).flip(0).flatten(0, 1))
        z, text = torch.randn(3, 16, generator=seeded(1)), torch.randn(3, 96, generator=seeded(2))
        pairs = zip(painter.objects(z, text), other.objects(z, text), strict=True)
        for here, there in pairs:
            torch.testing.assert_close(here, there.flip(1))

    def test_an_object_is_painted_where_the_painter_says(self):
        painter = initialize(ScenePainter(), generator=seeded())
        z = torch.randn(1, 16, generator=seeded(1))
        text = torch.randn(1, 96, generator=seeded(2))
        with torch.no_grad():
            for offset in ((0.0, 0.0), (0.4, -0.3)):
                painter.place.weight.zero_()
                painter.place.bias.copy_(torch.tensor(offset))
                places, *_ = painter.objects(z, text)
                alpha = (painter(z, text) - painter(z, text)[..., :1, :1]).abs().sum(dim=1)[0]
                middle = alpha.sum(dim=0) @ painter.pixels / alpha.sum()
                assert middle.item() == pytest.approx(places[0, 0, 0].item(), abs=0.5)
                middle = alpha.sum(dim=1) @ painter.pixels / alpha.sum()
                assert middle.item() == pytest.approx(places[0, 0, 1].item(), abs=0.5)

    def test_captions_are_counted(self):
        with pytest.raises(ValueError, match=r"context has 2 captions but must have 1.* n=3"):
            new_game().sample(3, context=PAIR)
