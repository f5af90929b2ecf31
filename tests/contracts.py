"""What every deep model promises. A test file subclasses one of these for each of its models.

```python
class TestMADE(AutoregressiveContract):
    def make(self):
        return MADE(n_hidden=32)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])
```
"""

import copy
import io
import itertools

import pytest
import torch

from companion.autoregressive.ancestral import dependence
from companion.layers import initialize


def seeded(seed=0):
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


class DeepContract:
    """A model with `loss`, and `sample` where it generates."""

    n_steps = 20  # of training, in which the loss must fall
    learning_rate = 3e-3

    def make(self):
        """Return a small model, its weights drawn by PyTorch."""
        raise NotImplementedError

    def batch(self):
        """Return a few data points."""
        raise NotImplementedError

    def model(self):
        """Return the same small model every time, and leave the global state alone."""
        with torch.random.fork_rng(devices=[]):
            return initialize(self.make(), generator=seeded())

    def loss(self, model, batch, seed=1):
        """Call the model's loss on whatever `batch` returns."""
        batch = batch if isinstance(batch, tuple) else (batch,)
        return model.loss(*batch, generator=seeded(seed))

    def test_loss_is_a_finite_scalar_and_every_parameter_has_a_gradient(self):
        model, batch = self.model(), self.batch()
        # A step first: a last layer that starts at zero hides those before it.
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(2):
            optimizer.zero_grad()
            loss = self.loss(model, batch)
            loss.backward()
            optimizer.step()
        assert loss.shape == ()
        assert torch.isfinite(loss)
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, f"{name} is not used"
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().max() > 0, f"{name} does not matter"

    def test_same_generator_same_loss_and_global_state_untouched(self):
        model, batch = self.model(), self.batch()
        state = torch.get_rng_state()
        assert torch.equal(self.loss(model, batch), self.loss(model, batch))
        assert torch.equal(state, torch.get_rng_state())

    def test_loss_falls(self):
        model, batch = self.model(), self.batch()
        optimizer = torch.optim.Adam(model.parameters(), lr=self.learning_rate)
        losses = []
        for _ in range(self.n_steps):
            optimizer.zero_grad()
            loss = self.loss(model, batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0]

    def test_saved_and_loaded_it_is_the_same_model(self):
        model, batch = self.model().eval(), self.batch()
        file = io.BytesIO()
        torch.save(model.state_dict(), file)
        file.seek(0)
        with torch.random.fork_rng(devices=[]):
            other = self.make().eval()
        other.load_state_dict(torch.load(file, weights_only=True))
        assert torch.equal(self.loss(model, batch), self.loss(other, batch))

    def test_it_can_be_copied(self):
        model = self.model().eval()
        batch = self.batch()
        assert torch.equal(self.loss(copy.deepcopy(model), batch), self.loss(model, batch))


class GenerativeContract(DeepContract):
    """A model with `sample` too."""

    def sample(self, model, n, seed=2):
        """Draw n samples."""
        return model.sample(n, generator=seeded(seed))

    def test_same_generator_same_samples_and_global_state_untouched(self):
        model = self.model().eval()
        state = torch.get_rng_state()
        first = self.sample(model, 3)
        assert torch.equal(first, self.sample(model, 3))
        assert not torch.equal(first, self.sample(model, 3, seed=3))
        assert torch.equal(state, torch.get_rng_state())
        assert not first.requires_grad

    def test_samples_look_like_data(self):
        batch = self.batch()
        batch = batch[0] if isinstance(batch, tuple) else batch
        samples = self.sample(self.model().eval(), 3)
        assert samples.shape == (3, *batch.shape[1:])


class AutoregressiveContract(GenerativeContract):
    """A subclass of `Autoregressive`: exact, causal, and strict about its input."""

    def tiny(self):
        """Return a model small enough to enumerate: at most 5,000 events; None to skip nothing.

        Its event and levels are read from the model itself.
        """
        raise NotImplementedError

    def tiny_model(self):
        """Return the tiny model with weights far from zero."""
        with torch.random.fork_rng(devices=[]):
            model = initialize(self.tiny(), generator=seeded()).double().eval()
        generator = seeded(7)
        with torch.no_grad():
            for parameter in model.parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
                parameter.add_(0.5 * noise)
        return model

    tiny_length = 4  # where the event has any length

    def every_event(self, model):
        """All events of a tiny model, int64 (n_events, *event)."""
        shape = [self.tiny_length if size is None else size for size in model.event_shape]
        n_entries = torch.tensor(shape).prod().item()
        events = torch.tensor(list(itertools.product(range(model.n_levels), repeat=n_entries)))
        assert len(events) <= 5000, "make the tiny model smaller"
        return events.view(-1, *shape)

    def test_probabilities_sum_to_one_by_enumeration(self):
        model = self.tiny_model()
        with torch.no_grad():
            total = model.log_prob(self.every_event(model)).logsumexp(dim=0).exp().item()
        assert total == pytest.approx(1.0, abs=1e-9)

    def test_samples_have_the_probabilities_that_log_prob_says(self):
        model, n = self.tiny_model(), 2000
        events = self.every_event(model)
        with torch.no_grad():
            expected = model.log_prob(events).exp() * n
        length = {"length": self.tiny_length} if None in model.event_shape else {}
        drawn = model.sample(n, **length, generator=seeded(5))
        index = (events.flatten(1)[None] == drawn.flatten(1)[:, None]).all(dim=2).double().argmax(1)
        counts = torch.bincount(index, minlength=len(events)).double()
        # Pearson's statistic over cells that are common enough, the rare ones together.
        common = expected >= 5
        observed = torch.cat([counts[common], counts[~common].sum()[None]])
        wanted = torch.cat([expected[common], expected[~common].sum()[None]])
        wanted, observed = wanted[wanted > 1e-6], observed[wanted > 1e-6]
        statistic = ((observed - wanted) ** 2 / wanted).sum().item()
        freedom = max(len(wanted) - 1, 1)
        assert statistic < freedom + 5 * (2 * freedom) ** 0.5 + 10

    def awake(self):
        """Return the model in float64; no layer that starts at zero may hide a leak."""
        model, generator = self.model().double().eval(), seeded(11)
        with torch.no_grad():
            for parameter in model.parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
                parameter.add_(0.05 * noise)
        return model

    def rank(self, model, n_entries):
        """Position of each entry in the order."""
        order = torch.arange(n_entries) if model.order is None else model.order
        return order.argsort()

    def test_no_gradient_flows_from_an_entry_to_itself_or_to_an_earlier_one(self):
        model = self.awake()
        reacts = dependence(model, self.batch()[:1]) > 0  # [who reacts, to what]
        rank = self.rank(model, len(reacts))
        leaks = reacts & (rank[:, None] <= rank[None, :])
        assert not leaks.any(), f"entry, sees: {leaks.nonzero()[:5].tolist()}"
        assert self.sees_enough(reacts.T, rank), "a conditional sees too little of its past"

    def test_no_conditional_notices_a_change_of_itself_or_of_what_comes_later(self):
        model, batch = self.awake(), self.batch()[:2].long()
        with torch.no_grad():
            before = model.logits(batch).flatten(1, -2)
            n_entries = before.shape[1]
            rank = self.rank(model, n_entries)
            noticed = torch.zeros(n_entries, n_entries, dtype=torch.bool)  # [changed, who notices]
            for entry in range(n_entries):
                changed = batch.clone().flatten(1)
                changed[:, entry] = (changed[:, entry] + model.n_levels // 2) % model.n_levels
                after = model.logits(changed.view_as(batch)).flatten(1, -2)
                noticed[entry] = (after != before).any(dim=2).any(dim=0)
        leaks = noticed & (rank[:, None] >= rank[None, :])
        assert not leaks.any(), f"entry, seen by: {leaks.nonzero()[:5].tolist()}"
        assert self.sees_enough(noticed, rank), "a conditional sees too little of its past"

    def sees_enough(self, noticed, rank):
        """Every entry but the first sees the one just before it; loosen where that is not so."""
        order = rank.argsort()
        return all(noticed[a, b] for a, b in itertools.pairwise(order.tolist()))

    def test_wrong_shapes_and_levels_are_refused(self):
        model, batch = self.model(), self.batch()
        for wrong, words in (
            (batch[..., None], "shape"),
            (batch.long() + model.n_levels, "levels"),
            (batch.long() - model.n_levels, "levels"),
            (batch.double() + 0.5, "levels|fractions"),
        ):
            with pytest.raises(ValueError, match=words):
                model.log_prob(wrong)

    def test_log_prob_of_any_integer_type(self):
        model, batch = self.model().eval(), self.batch()[:2]
        with torch.no_grad():
            assert torch.equal(model.log_prob(batch.long()), model.log_prob(batch.float()))
