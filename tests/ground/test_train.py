"""The training loop, its batches, and the moving average against closed forms and torch's own."""

import copy
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel

from companion import train
from tests.contracts import seeded


@pytest.fixture(autouse=True)
def _global_random_state_is_left_alone():
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state())


# fit


def test_fit_descends_to_the_least_squares_solution():
    """The minimum of a linear regression is known in closed form."""
    x = torch.randn(200, 3, generator=seeded(), dtype=torch.float64)
    y = x @ torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64) + x[:, 0] ** 2
    weight = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)

    def step(batch):
        inputs, targets = batch
        return train.descend(((inputs @ weight - targets) ** 2).mean(), optimizer)

    history = train.fit(step, itertools.repeat((x, y)), 400)
    torch.testing.assert_close(weight.detach(), torch.linalg.lstsq(x, y[:, None]).solution[:, 0])
    assert [record["step"] for record in history] == list(range(1, 401))
    losses = [record["loss"] for record in history]
    assert all(a > b - 1e-12 for a, b in itertools.pairwise(losses))


def test_fit_keeps_scalars_by_name_and_what_the_callback_adds():
    def step(batch):
        return {"generator": torch.tensor(float(batch)), "discriminator": 2 * batch}

    def callback(record):
        if record["step"] == 2:
            record["validation"] = 0.5

    history = train.fit(step, itertools.count(), 3, callback)
    assert history == [
        {"step": 1, "generator": 0.0, "discriminator": 0.0},
        {"step": 2, "generator": 1.0, "discriminator": 2.0, "validation": 0.5},
        {"step": 3, "generator": 2.0, "discriminator": 4.0},
    ]
    assert all(type(record["generator"]) is float for record in history)


def test_fit_ends_where_the_callback_says_true():
    history = train.fit(float, itertools.count(), 100, lambda record: record["loss"] >= 3)
    assert len(history) == 4


def test_fit_shows_its_progress_on_stderr(capsys):
    train.fit(float, itertools.count(), 5)
    out, err = capsys.readouterr()
    assert out == ""
    assert "5/5" in err
    assert "loss=4" in err


def test_fit_refuses_batches_that_end():
    with pytest.raises(ValueError, match=r"ended after 2 of n_steps=3: pass an endless iterator"):
        train.fit(float, [1.0, 2.0], 3)
    with pytest.raises(ValueError, match="n_steps=0 must be an integer of at least 1"):
        train.fit(float, itertools.count(), 0)


def test_descend_shortens_long_gradients():
    weight = torch.tensor([30.0, 40.0], requires_grad=True)
    loss = train.descend((weight**2).sum() / 2, torch.optim.SGD([weight], lr=1.0), max_norm=5.0)
    torch.testing.assert_close(weight.detach(), torch.tensor([27.0, 36.0]))
    assert not loss.requires_grad
    train.descend((weight**2).sum() / 2, torch.optim.SGD([weight], lr=1.0))
    torch.testing.assert_close(weight.detach(), torch.zeros(2))  # no old gradient is added


# minibatches


@given(st.integers(1, 30), st.data())
def test_a_pass_holds_each_row_at_most_once(n, data):
    batch_size = data.draw(st.integers(1, n))
    batches = train.minibatches(torch.arange(n), batch_size=batch_size, generator=seeded())
    for _ in range(2):
        rows = torch.cat(list(itertools.islice(batches, n // batch_size)))
        assert len(rows) == n // batch_size * batch_size == len(set(rows.tolist()))


def test_rows_of_several_tensors_stay_together_and_the_order_changes():
    x, y = torch.arange(60).reshape(20, 3), torch.arange(20)
    batches = train.minibatches(x, y, batch_size=20, generator=seeded())
    (x1, y1), (x2, y2) = next(batches), next(batches)
    assert torch.equal(x1[:, 0], 3 * y1)
    assert torch.equal(x2[:, 0], 3 * y2)
    assert not torch.equal(y1, y2)
    assert not torch.equal(y1, y)


def test_same_generator_same_batches():
    one, other = (
        train.minibatches(torch.arange(50), batch_size=7, generator=seeded(3)) for _ in range(2)
    )
    for a, b in itertools.islice(zip(one, other, strict=True), 20):
        assert torch.equal(a, b)


def test_minibatches_refuses_at_once_what_it_cannot_cut():
    with pytest.raises(ValueError, match=r"batch_size=4 must be .* at most 3: a batch holds no"):
        train.minibatches(torch.zeros(3), batch_size=4, generator=seeded())
    with pytest.raises(ValueError, match=r"tensors have \[3, 2\] rows: give at least one"):
        train.minibatches(torch.zeros(3), torch.zeros(2), batch_size=1, generator=seeded())
    with pytest.raises(ValueError, match="give at least one"):
        train.minibatches(batch_size=1, generator=seeded())


# MovingAverage


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=30), st.floats(0, 1))
def test_moving_average_is_the_weighted_mean(values, decay):
    model = nn.utils.skip_init(nn.Linear, 1, 1, bias=False, dtype=torch.float64)
    nn.init.constant_(model.weight, 1e6)  # from before the first update: does not count
    average = train.MovingAverage(model, decay)
    for value in values:
        nn.init.constant_(model.weight, value)
        average.update(model)
    weights = decay ** np.arange(len(values))[::-1]
    expected = np.average(values, weights=weights)
    assert average.model.weight.item() == pytest.approx(expected, abs=1e-8)


def test_without_decay_it_is_torchs_averaged_model():
    model = network()
    average, theirs = train.MovingAverage(model, decay=1.0), AveragedModel(model)
    for _ in range(10):
        disturb(model)
        average.update(model)
        theirs.update_parameters(model)
    for ours, other in zip(average.model.parameters(), theirs.module.parameters(), strict=True):
        torch.testing.assert_close(ours, other)


def test_the_copy_is_apart_from_the_model_and_can_be_put_back():
    model = network()
    average = train.MovingAverage(model, decay=0.5)
    assert not average.model.training
    assert not any(p.requires_grad for p in average.model.parameters())
    assert model.training
    assert all(p.requires_grad for p in model.parameters())
    for _ in range(3):
        disturb(model)
        average.update(model)
    assert not torch.equal(average.model[0].weight, model[0].weight)
    assert torch.equal(average.model[1].running_mean, model[1].running_mean)
    other = copy.deepcopy(model)
    average.copy_to(other)
    for name, value in average.model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])


def test_moving_average_refuses_a_decay_above_1():
    with pytest.raises(ValueError, match=r"decay=1.5 must be a number in \[0, 1\]"):
        train.MovingAverage(network(), decay=1.5)


def network():
    with torch.random.fork_rng():
        return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


@torch.no_grad()
def disturb(model, generator=seeded(7)):  # noqa: B008 (one stream for all calls)
    for value in [*model.parameters(), model[1].running_mean]:
        value.add_(torch.randn(value.shape, generator=generator))


# fit_images, shift_context, load_weights


class Independent(nn.Module):
    """Each pixel black or white by itself; the context adds to the logits."""

    def __init__(self, n_context=0):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(1, 3, 3))
        self.told = nn.Linear(n_context, 9, bias=False) if n_context else None
        self.seen = []

    def loss(self, x, context=None, *, generator=None):
        logits = self.logits
        if context is not None:
            self.seen.append((x, context))
            logits = logits + self.told(context).view(-1, 1, 3, 3)
        logits = logits.expand(x.shape)
        return nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


def black_and_white(n=400):
    share = torch.linspace(0.1, 0.9, 9).view(1, 3, 3)
    return (torch.rand(n, 1, 3, 3, generator=seeded()) < share).float()


def test_fit_images_finds_the_maximum_of_the_likelihood():
    """Of independent pixels: their mean, in closed form."""
    images = black_and_white()
    model, history = train.fit_images(
        Independent(), images, 400, generator=seeded(), learning_rate=0.1, weight_decay=0.0
    )
    torch.testing.assert_close(model.logits.sigmoid(), images.mean(0), atol=0.02, rtol=0)
    assert not model.training
    assert not model.logits.requires_grad
    assert len(history) == 400


def test_fit_images_is_the_same_for_the_same_generator():
    images = black_and_white()
    one, again, other = (
        train.fit_images(Independent(), images, 5, generator=seeded(s))[0] for s in (0, 0, 1)
    )
    assert torch.equal(one.logits, again.logits)
    assert not torch.equal(one.logits, other.logits)


def test_fit_images_moves_images_and_tells_the_model_how():
    """From a shifted image and its context the image can be had back."""
    with torch.random.fork_rng(devices=[]):
        model = Independent(n_context=8)
    images = torch.zeros(64, 1, 3, 3)
    images[:, 0, 1, 1] = 1.0  # one dot in the middle: where it is says how it was moved
    train.fit_images(model, images, 3, generator=seeded(), max_shift=1)
    assert len(model.seen) == 3
    moves = set()
    for x, context in model.seen:
        place = x.flatten(1).argmax(dim=1)
        for where, told in zip(place.tolist(), context, strict=True):
            offset = torch.tensor([[where // 3 - 1, where % 3 - 1]])
            assert torch.equal(train.shift_context(offset, 1)[0], told)
            moves.add(where)
    assert moves == set(range(9))


@pytest.mark.parametrize("max_shift", [1, 2])
def test_shift_context_tells_moves_apart_and_no_move_is_zero(max_shift):
    reach = range(-max_shift, max_shift + 1)
    offsets = torch.tensor(list(itertools.product(reach, reach)))
    context = train.shift_context(offsets, max_shift)
    assert context.shape == (len(offsets), len(offsets) - 1)
    assert len({tuple(row) for row in context.tolist()}) == len(offsets)
    assert not context[(offsets == 0).all(dim=1)].any()
    assert (context.sum(dim=1) == (offsets != 0).any(dim=1)).all()


def test_load_weights_refuses_what_is_not_there_or_not_this_models():
    with torch.random.fork_rng(devices=[]):
        linear = nn.Linear(1, 1)
    with pytest.raises(ValueError, match=r"name='classifier/nothing' .* make results PART=class"):
        train.load_weights(linear, "classifier/nothing")
    with pytest.raises(ValueError, match="another model"):
        train.load_weights(linear, "classifier/digits")


@pytest.mark.parametrize("n_steps", [1, 2, 3, 9, 10, 11, 19])
def test_a_short_trial_run_works(n_steps):
    how = {"batch_size": 4, "generator": seeded()}
    _, history = train.fit_images(Independent(), black_and_white(8), n_steps, **how)
    assert len(history) == n_steps


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="n_steps=0 must be an integer of at least 1"):
        train.fit_images(Independent(), black_and_white(8), 0, generator=seeded())
