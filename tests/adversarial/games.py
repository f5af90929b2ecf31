"""What every game of two networks promises, beside the contract of generative models."""

import torch

from companion.distributions import sum_event
from tests.contracts import GenerativeContract, seeded


def awake(model):
    """Twenty times the weights: at first images are grey whatever the noise."""
    with torch.no_grad():
        for p in model.generator.parameters():
            p.mul_(20)
    return model


class GameContract(GenerativeContract):
    """A `GAN`: two players, each with a loss and a gradient of its own.

    The sum of both losses need not fall; each falls while the other player waits.
    """

    idle = ()  # parameters without an effect: the offset of a score of which only differences count

    def test_loss_is_a_finite_scalar_and_every_parameter_has_a_gradient(self):
        model, batch = self.model(), self.batch()
        loss = self.loss(model, batch)
        loss.backward()
        assert loss.shape == ()
        assert torch.isfinite(loss)
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, f"{name} is not used"
            assert torch.isfinite(parameter.grad).all(), name
            moved = parameter.grad.abs().max() > 1e-7
            assert moved == (name not in self.idle), name

    def test_loss_falls(self):
        """Of each player while the other is frozen, on the same data and noise."""
        for name in ("discriminator", "generator"):
            model, inputs = self.model(), self.inputs(self.batch())
            player, loss_of = getattr(model, name), getattr(model, f"{name}_loss")
            optimizer = torch.optim.Adam(player.parameters(), lr=self.learning_rate)
            losses = []
            for _ in range(self.n_steps):
                optimizer.zero_grad()
                loss = loss_of(*inputs, generator=seeded(1))
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            assert losses[-1] < losses[0], name

    def test_no_gradient_of_one_player_reaches_the_other(self):
        model, inputs = self.model(), self.inputs(self.batch())
        for name, other in (("discriminator", "generator"), ("generator", "discriminator")):
            model.zero_grad()
            getattr(model, f"{name}_loss")(*inputs, generator=seeded(1)).backward()
            assert all(p.grad is None for p in getattr(model, other).parameters()), name
            grads = [p.grad for p in getattr(model, name).parameters()]
            assert all(grad is not None for grad in grads)
            assert sum(grad.abs().sum() for grad in grads) > 0
            assert all(p.requires_grad for p in model.parameters())

    def test_the_gradient_of_the_sum_is_that_of_each_players_own_loss(self):
        """G first: D's fakes are drawn before those of G."""
        model, inputs = self.model().double(), self.inputs(self.batch())
        generator = seeded(1)
        model.discriminator_loss(*inputs, generator=generator).backward()
        model.generator_loss(*inputs, generator=generator).backward()
        own = [p.grad.clone() for p in model.parameters()]
        model.zero_grad()
        model.loss(*inputs, generator=seeded(1)).backward()
        for p, due in zip(model.parameters(), own, strict=True):
            torch.testing.assert_close(p.grad, due)

    def test_a_step_of_the_generator_raises_the_score_of_what_it_makes(self):
        model, inputs = self.model().double(), self.inputs(self.batch())
        optimizer = torch.optim.SGD(model.generator.parameters(), lr=1e-3)

        def score():
            fake = model.generate(model.noise(len(inputs[0]), generator=seeded(1)), *inputs[1:])
            return sum_event(model.judge(fake, *inputs[1:])).mean()

        before = score()
        model.generator_loss(*inputs, generator=seeded(1)).backward()
        optimizer.step()
        assert score() > before
