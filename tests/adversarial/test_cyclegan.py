"""CycleGAN: there and back again, and where nothing is to do."""

import pytest
import torch
from torch import nn

from companion.adversarial.cyclegan import (
    CycleGAN,
    LocalTranslator,
    cycle_consistency_loss,
    identity_loss,
)
from companion.adversarial.gan import DenseDiscriminator, fit_gan
from companion.layers import initialize
from tests.adversarial.games import GameContract
from tests.contracts import seeded

SMALL = (1, 3, 5)


class Shade(nn.Module):
    """A translator that can learn to invert: a weight and an offset for every pixel."""

    def __init__(self, shape=SMALL):
        super().__init__()
        self.layer = nn.Linear(shape[1] * shape[2], shape[1] * shape[2])

    def forward(self, x):
        return self.layer(x.flatten(1)).view_as(x).tanh()


def pair(**options):
    judges = [DenseDiscriminator(SMALL, 12) for _ in range(2)]
    return CycleGAN(Shade(), Shade(), *judges, event_shape=SMALL, n_levels=7, **options)


def two_sets(n=8):
    return torch.randint(7, (2, n, *SMALL), generator=seeded(4)).unbind()


def random_images(n=6, seed=0):
    return 2 * torch.rand(n, *SMALL, generator=seeded(seed)) - 1


class TestCycleGAN(GameContract):
    idle = ("discriminator.a.network.4.bias", "discriminator.b.network.4.bias")

    def make(self) -> CycleGAN:
        return pair(cycle=2.0, identity=1.0)

    def batch(self):
        return two_sets()

    def sample(self, model, n, seed=2):
        """It draws nothing: what it makes is made of an image."""
        images = torch.randint(7, (n, *SMALL), generator=seeded(seed))
        return model.translate(images.to(next(model.parameters()).device), "b")

    def test_a_step_of_the_generator_raises_the_score_of_what_it_makes(self):
        model, (a, b) = pair(cycle=0.0).double(), two_sets()
        initialize(model, generator=seeded())
        optimizer = torch.optim.SGD(model.generator.parameters(), lr=1e-3)

        def scores():
            sets = {"a": model.prepare(b), "b": model.prepare(a)}
            return [model.judge(model.generate(x, goal), goal).mean() for goal, x in sets.items()]

        before = scores()
        model.generator_loss(a, b).backward()
        optimizer.step()
        assert all(new > old for new, old in zip(scores(), before, strict=True))


def negative(x):
    return -x


def permuted(x):
    return x.roll(1, dims=0)


def test_perfect_translators_come_back():
    a, b = random_images(), negative(random_images(4, seed=1))
    assert cycle_consistency_loss(negative, negative, a, b) == 0
    loss = cycle_consistency_loss(lambda x: 3 * x, lambda x: x / 3, a, b)
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_translators_that_swap_images_do_not_come_back():
    """Every output is a perfect image of its goal, but not the one that was asked for."""
    a, b = random_images(), negative(random_images(4, seed=1))
    expected = (permuted(a) - a).abs().mean() + (permuted(b) - b).abs().mean()
    found = cycle_consistency_loss(negative, lambda x: permuted(negative(x)), a, b)
    torch.testing.assert_close(found, expected)
    assert found > 0.5


def test_a_swap_that_is_undone_is_not_seen():
    """The limit of the loss: it knows no pairs, and whatever can be undone costs nothing."""
    a, b = random_images(), negative(random_images(6, seed=1))
    back = lambda x: negative(x).roll(-1, dims=0)  # noqa: E731
    assert cycle_consistency_loss(back, lambda x: permuted(negative(x)), a, b) == 0


def test_the_identity_loss_asks_each_translator_about_its_own_goal():
    """Pitfall G10: two cases in which it must be zero, and the wrong arguments are not."""
    a, b = torch.full((3, *SMALL), 0.3), torch.full((5, *SMALL), -0.8)

    def to_a(x):
        return torch.full_like(x, 0.3)

    def to_b(x):
        return torch.full_like(x, -0.8)

    assert identity_loss(to_a, to_b, a, b) == 0
    assert identity_loss(to_b, to_a, a, b) > 1  # the wrong way round
    same = lambda x: x  # noqa: E731
    assert identity_loss(same, same, random_images(), random_images(seed=1)) == 0
    x, y = random_images(), random_images(4, seed=1)
    expected = 2 * x.abs().mean() + 2 * y.abs().mean()
    torch.testing.assert_close(identity_loss(negative, negative, x, y), expected)


def test_the_loss_is_what_it_says():
    a, b = two_sets()
    losses = {}
    for cycle, identity in ((0.0, 0.0), (3.0, 0.0), (0.0, 2.0)):
        model = initialize(pair(cycle=cycle, identity=identity), generator=seeded())
        losses[cycle, identity] = model.generator_loss(a, b)
    images = model.prepare(a), model.prepare(b)
    to_a, to_b = model.generator["a"], model.generator["b"]
    games = losses[0.0, 0.0]
    cycle = 3 * cycle_consistency_loss(to_a, to_b, *images)
    torch.testing.assert_close(losses[3.0, 0.0], games + cycle)
    torch.testing.assert_close(losses[0.0, 2.0], games + 2 * identity_loss(to_a, to_b, *images))


def test_each_judge_sees_the_images_of_its_own_set():
    model, (a, b) = initialize(pair(), generator=seeded()), two_sets()
    a, b = model.prepare(a), model.prepare(b)
    assert torch.equal(model.judge(a, "a"), model.discriminator["a"](a))
    assert not torch.allclose(model.judge(a, "a"), model.judge(a, "b"))
    own = model.discriminator_value(b, model.generate(a, "b"), "b")
    own.backward()
    assert all(p.grad is None for p in model.discriminator["a"].parameters())


def test_without_a_cycle_neither_way_hears_of_the_other():
    a, b = two_sets()
    for cycle, reached in ((0.0, False), (1.0, True)):
        model = initialize(pair(cycle=cycle), generator=seeded())
        weight = model.generator["a"].layer.weight
        a_side = model.generator_value(model.prepare(b), model.generate(model.prepare(a), "b"), "b")
        if cycle:
            images = model.prepare(a), model.prepare(b)
            a_side = a_side + cycle_consistency_loss(
                model.generator["a"], model.generator["b"], *images
            )
        a_side.backward()
        assert (weight.grad is not None) == reached


def test_it_learns_to_translate_what_has_one_answer():
    """Dark stripes to light ones, with a mark that tells the image apart."""
    generator = seeded(2)
    mark = torch.randint(5, (400,), generator=generator)
    a = torch.zeros(400, *SMALL, dtype=torch.int64)
    a[torch.arange(400), 0, 1, mark] = 6
    b = 6 - a.roll(7, dims=0)
    model = initialize(pair(cycle=5.0), generator=generator)
    model, _ = fit_gan(model, (a, b), 300, generator=generator, learning_rate=1e-2, batch_size=32)
    there = model.translate(a[:50], "b")
    assert (model.translate(there, "a") - a[:50]).abs().float().mean() < 0.5
    assert (there.double().mean() - b.double().mean()).abs() < 0.7


def test_a_goal_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="goal='c'"):
        pair().translate(two_sets()[0], "c")


def test_a_local_translator_sees_eleven_pixels_and_knows_its_place():
    """By gradient: what it must not see has no influence, the corners of what it may see do."""
    translator = initialize(LocalTranslator(size=19, n_channels=4), generator=seeded(1)).double()
    x = torch.zeros(1, 1, 19, 19, dtype=torch.double).requires_grad_()
    (seen,) = torch.autograd.grad(translator(x)[0, 0, 9, 9], x)
    near = torch.zeros(19, 19, dtype=torch.bool)
    near[4:15, 4:15] = True
    assert (seen[0, 0][near] != 0).all()
    assert (seen[0, 0][~near] == 0).all()
    flat = translator(x)[0, 0, 6:13, 6:13]
    assert flat.std() > 1e-4  # blank paper is not the same everywhere
    with torch.no_grad():
        for p in translator.network.parameters():
            p.zero_()
        images = 2 * torch.rand(3, 1, 19, 19, generator=seeded(2)).double() - 1
        torch.testing.assert_close(translator(images), torch.tanh(2 * images))
