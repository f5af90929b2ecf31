"""Counts against exact ones, networks against naive loops, a chain against its entropy rate."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from companion import data
from companion.autoregressive.ancestral import Autoregressive, dependence
from companion.autoregressive.sequences import (
    ALPHABET,
    CharRNN,
    HistogramModel,
    WaveNet,
    shift_right,
    split_topics,
    to_levels,
    to_text,
    windowed_log_prob,
)
from companion.autoregressive.transformer import CausalTransformer
from companion.layers import initialize
from companion.train import descend
from tests.contracts import AutoregressiveContract, seeded


class TestCharRNN(AutoregressiveContract):
    def make(self):
        return CharRNN(5, n_hidden=8, n_features=4)

    def tiny(self):
        return CharRNN(3, n_hidden=6, n_features=3)

    def batch(self):
        return torch.randint(5, (6, 12), generator=seeded(0))

    sample_options = {"length": 12}  # noqa: RUF012


class TestWaveNet(AutoregressiveContract):
    def make(self):
        return WaveNet(5, n_channels=6, n_layers=3)

    def tiny(self):
        return WaveNet(3, n_channels=4, n_layers=2)

    def batch(self):
        return torch.randint(5, (6, 12), generator=seeded(0))

    sample_options = {"length": 12}  # noqa: RUF012


class TestContext(TestCharRNN):
    """Models that are told something."""

    def make(self):
        return CharRNN(5, n_hidden=8, n_features=4, n_context=2)

    def inputs(self, batch):
        return batch, torch.ones(len(batch), 2)


class TestWaveNetContext(TestContext):
    def make(self):
        return WaveNet(5, n_channels=6, n_layers=2, n_context=2)


@pytest.mark.parametrize("contract", [TestContext, TestWaveNetContext])
def test_no_context_is_a_context_of_zeros_and_another_one_matters(contract):
    model, x = contract().model(), contract().batch()
    assert torch.equal(model.log_prob(x), model.log_prob(x, torch.zeros(6, 2)))
    assert not torch.allclose(model.log_prob(x), model.log_prob(x, torch.ones(6, 2)))


# Characters and topics.


def test_the_alphabet_is_that_of_the_text():
    assert "".join(sorted(set(data.text()))) == ALPHABET


@given(st.text(alphabet=ALPHABET, max_size=50))
def test_levels_and_text_are_inverse(text):
    assert to_text(to_levels(text)) == text


def test_unknown_characters_are_named():
    with pytest.raises(ValueError, match=r"text has \['é'\].*add"):
        to_levels("café")


def test_no_line_of_a_topic_held_out_stands_in_the_rest():
    learn, held_out = split_topics(data.text())
    assert sorted(learn.split("\f") + held_out.split("\f")) == sorted(data.text().split("\f"))
    assert 0.08 < len(held_out) / len(data.text()) <= 0.1

    def lines(text):
        return {line.strip() for line in text.split("\n") if len(line.strip()) >= 40}

    assert not lines(learn) & lines(held_out)


def test_topics_are_related_through_others():
    """a and c share nothing, but both share a line with b: they stay together."""
    one, two, alone = "1" * 40, "2" * 40, "3" * 40
    text = "\f".join([one, f"{one}\n{two}", alone, two, "short"])
    for seed in range(8):
        learn, _ = split_topics(text, 0.9, random_state=seed)
        together = [one, f"{one}\n{two}", two]
        assert sum(topic in learn.split("\f") for topic in together) in (0, 3)
    with pytest.raises(ValueError, match="share=2"):
        split_topics(text, 2)


# Counts.


def interpolated(rows, n_levels, n_previous, smoothing, context, level):
    """The recursion for one context, a tuple of levels; None stands before the first entry."""
    if context is None:
        return 1 / n_levels
    k = len(context)
    padded = [(None,) * k + tuple(row) for row in rows]
    seen = [
        (row[i : i + k], row[i + k]) for row in padded for i in range(len(row) - k)
    ]  # pairs of context and level
    counts = Counter(level for c, level in seen if c == context)
    shorter = context[1:] if k else None
    below = interpolated(rows, n_levels, n_previous, smoothing, shorter, level)
    return (counts[level] + smoothing * below) / (counts.total() + smoothing)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 2), min_size=5, max_size=5), min_size=1, max_size=4),
    st.lists(st.integers(0, 2), min_size=4, max_size=4),
    st.integers(0, 3),
    st.sampled_from([0.5, 3.0]),
)
def test_histogram_model_is_the_recursion_over_exact_counts(rows, new, n_previous, smoothing):
    """Equation eq-sequences-smoothing."""
    model = HistogramModel(3, n_previous, smoothing=smoothing).fit(torch.tensor(rows)).double()
    padded = (None,) * n_previous + tuple(new)
    expected = sum(
        math.log(interpolated(rows, 3, n_previous, smoothing, padded[i : i + n_previous], new[i]))
        for i in range(4)
    )
    assert model.log_prob(torch.tensor([new])).item() == pytest.approx(expected, abs=1e-5)


def test_order_zero_with_little_smoothing_is_the_histogram():
    x = torch.from_numpy(np.random.default_rng(0).integers(4, size=(3, 50)))
    model = HistogramModel(5, smoothing=1e-6).fit(x)
    expected = np.bincount(x.flatten(), minlength=5) / 150
    p = model.logits(x[:1])[0, 7].softmax(dim=-1)
    np.testing.assert_allclose(p, expected, atol=1e-6)


class FittedHistogram(AutoregressiveContract):
    def make(self):
        return HistogramModel(3, 2).fit(torch.randint(3, (4, 20), generator=seeded(1)))

    tiny = make

    def batch(self):
        return torch.randint(3, (2, 6), generator=seeded(0))

    def awake(self):
        return self.make().double()


@pytest.mark.parametrize(
    "name",
    [
        "test_probabilities_sum_to_one_by_enumeration",
        "test_samples_have_the_probabilities_that_log_prob_says",
        "test_no_gradient_flows_from_an_entry_to_itself_or_to_an_earlier_one",
        "test_no_conditional_notices_a_change_of_itself_or_of_what_comes_later",
        "test_wrong_shapes_and_levels_are_refused",
    ],
)
def test_histogram_model_keeps_the_contract_of_models_without_weights(name):
    getattr(FittedHistogram(), name)()


def test_a_histogram_model_depends_on_its_last_entries_and_no_others():
    x = torch.randint(3, (1, 7), generator=seeded(0))
    model = HistogramModel(3, 2).fit(x)
    lag = torch.arange(7)[:, None] - torch.arange(7)
    assert torch.equal(dependence(model, x) > 0, (lag >= 1) & (lag <= 2))


def test_histogram_model_checks_its_arguments():
    with pytest.raises(ValueError, match=r"n_previous=-1"):
        HistogramModel(3, -1)
    with pytest.raises(ValueError, match=r"smoothing=0"):
        HistogramModel(3, smoothing=0)
    with pytest.raises(ValueError, match=r"fit\(x\) first"):
        HistogramModel(3).log_prob(torch.zeros(1, 2))


# Networks.


def test_shift_right_moves_the_past_into_the_present():
    x = torch.arange(1.0, 7.0).view(1, 3, 2)
    assert shift_right(x).tolist() == [[[0, 0], [1, 2], [3, 4]]]


def test_char_rnn_is_an_lstm_cell_step_by_step():
    """Equation eq-causal_networks-cell: each state from the last one, by torch's own cell."""
    model, x = TestCharRNN().model(), TestCharRNN().batch()
    cell = nn.LSTMCell(4, 8)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in model.rnn.state_dict().items()})
    state, before = None, torch.zeros(6, 4)
    for t in range(12):
        state = cell(before, state)
        torch.testing.assert_close(model.logits(x)[:, t], model.head(state[0]))
        before = model.characters(x[:, t])


def test_the_forget_gates_start_open():
    bias = TestCharRNN().model().rnn.bias_hh_l0
    assert (bias[8:16] == 1).all()
    assert (bias[:8].abs() < 0.36).all()  # PyTorch's own, within 1 / sqrt(8)


def test_keeping_the_state_gives_the_same_samples_as_starting_over():
    """The fast sampler of the recurrent network against the plain one of the base class."""
    model = TestCharRNN().model().eval()
    x, known = TestCharRNN().batch(), torch.arange(12) < 4
    known[7] = True  # a known entry in the middle is put in its place
    fast = model.complete(x, known, temperature=0.7, generator=seeded(3))
    plain = Autoregressive.complete(model, x, known, temperature=0.7, generator=seeded(3))
    assert torch.equal(fast, plain)
    assert torch.equal(fast[:, known], x[:, known])


def naive_wavenet(model, x):
    """Logits by loops over time and layers, one sequence int (T,), in numpy."""
    w = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    rows = w["characters.weight"][x]
    past = [np.zeros_like(rows[0]), *rows[:-1]]  # what step t is given
    total = np.zeros_like(rows)
    for i, _ in enumerate(model.blocks):
        kernel, bias = w[f"blocks.{i}.conv.weight"], w[f"blocks.{i}.conv.bias"]
        mix, mix_bias = w[f"blocks.{i}.mix.weight"][..., 0], w[f"blocks.{i}.mix.bias"]
        n_channels, after = len(bias) // 2, []
        for t in range(len(x)):
            old = past[t - 2**i] if t >= 2**i else np.zeros(n_channels)
            a = kernel[..., 0] @ old + kernel[..., 1] @ past[t] + bias
            h = np.tanh(a[:n_channels]) / (1 + np.exp(-a[n_channels:]))
            out = mix @ h + mix_bias
            after.append(past[t] + out[:n_channels])
            total[t] += out[n_channels:]
        past = after
    hidden = np.maximum(total, 0) @ w["head.1.weight"][..., 0].T + w["head.1.bias"]
    return np.maximum(hidden, 0) @ w["head.3.weight"][..., 0].T + w["head.3.bias"]


def test_wavenet_is_a_loop_over_time():
    model, x = TestWaveNet().awake(), TestWaveNet().batch()
    for row in x:
        ours = model.logits(row[None])[0].detach().numpy()
        np.testing.assert_allclose(ours, naive_wavenet(model, row), atol=1e-10)


@pytest.mark.parametrize("n_layers", [1, 2, 3, 4])
def test_the_receptive_field_doubles_with_each_layer(n_layers):
    """Equation eq-causal_networks-field, by gradient."""
    # 32 channels: with 8, one random network in a hundred has all its head's units switched off.
    model = WaveNet(3, n_channels=32, n_layers=n_layers)
    x = torch.zeros(1, 20, dtype=torch.int64)
    seen = (dependence(model, x) > 0)[-1]
    assert seen.nonzero().flatten().tolist() == list(range(19 - 2**n_layers, 19))
    assert model.receptive_field == 2**n_layers


# What training reaches.


def markov_chain(n, length, seed):
    """Sequences of a chain of three states that starts in its stationary distribution."""
    table = np.array([[0.9, 0.1, 0.0], [0.1, 0.2, 0.7], [0.5, 0.25, 0.25]])
    values, vectors = np.linalg.eig(table.T)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    stationary /= stationary.sum()
    rng = np.random.default_rng(seed)
    x = np.empty((n, length), dtype=int)
    x[:, 0] = rng.choice(3, n, p=stationary)
    for t in range(1, length):
        x[:, t] = (rng.random((n, 1)) > table[x[:, t - 1]].cumsum(axis=1)).sum(axis=1).clip(max=2)
    logs = np.log(np.where(table > 0, table, 1))
    rate = -(stationary[:, None] * table * logs).sum()
    start = -(stationary * np.log(stationary)).sum()
    return torch.from_numpy(x), start + (length - 1) * rate


@pytest.mark.parametrize(
    "make",
    [
        lambda: CharRNN(3, n_hidden=16, n_features=8),
        lambda: WaveNet(3, n_channels=12, n_layers=2),
        lambda: HistogramModel(3, 1),
    ],
)
def test_a_markov_chain_is_learned_to_its_entropy(make):
    """Equation eq-sequences-rate: the best loss there is, and none is below it."""
    x, _ = markov_chain(4000, 20, seed=0)
    fresh, entropy = markov_chain(4000, 20, seed=1)
    contract = TestCharRNN()
    contract.make = make
    if isinstance(make(), HistogramModel):
        model = make().fit(x)
    else:
        model = contract.model()
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.05, total_iters=150)
        for i in range(150):
            descend(model.loss(x[64 * (i % 60) :][:64]), optimizer)
            schedule.step()
    with torch.no_grad():
        losses = -model.log_prob(fresh)
    error = losses.std().item() / 4000**0.5
    assert -4 * error < losses.mean().item() - entropy < 0.02 * entropy + 4 * error


@pytest.mark.parametrize(("n_levels", "n_previous"), [(256, 7), (50257, 4)])
def test_contexts_that_int64_cannot_number_are_refused(n_levels, n_previous):
    HistogramModel(n_levels, n_previous - 1)
    with pytest.raises(ValueError, match=f"n_previous={n_previous} of n_levels={n_levels} makes"):
        HistogramModel(n_levels, n_previous)


@pytest.mark.parametrize("n", [3, 8, 9, 20, 29])
def test_windows_judge_every_entry_once(n):
    """Each entry by hand: the window that it is judged in, and its place there."""
    small = {"n_units": 8, "n_heads": 2, "n_layers": 1, "n_context": 0}
    model = CausalTransformer((None,), 5, max_length=8, **small)
    model = initialize(model, generator=seeded(0))
    model, x = model.eval(), torch.randint(5, (n,), generator=seeded(1))
    found = windowed_log_prob(model, x, 8, 3)
    assert found.shape == (n,)
    for i in range(n):
        start = 0 if i < 8 else -(-(i - 7) // 3) * 3
        before = x[start : i + 1]
        expected = model.logits(before[None])[0, -1].log_softmax(dim=0)[x[i]]
        torch.testing.assert_close(found[i], expected)
