"""PixelRNNs against PyTorch's LSTM, a loop over pixels, enumeration and what must be seen."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

from companion import data
from companion.autoregressive.ancestral import dependence
from companion.autoregressive.pixelrnn import (
    BothDiagonals,
    DiagonalBiLSTM,
    DiagonalLayer,
    PixelRNN,
    RowLayer,
    RowLSTM,
    scan,
    shift_down,
    skew,
    unskew,
)
from companion.layers import initialize
from tests.contracts import AutoregressiveContract, seeded

SMALL = {"n_hidden": 5, "n_layers": 2, "n_context": 0, "dropout": 0.1}


def digits(n):
    return torch.from_numpy(data.digits().x_train[:n])


def fresh(model):
    return initialize(model, generator=seeded(3)).double().eval()


def noise(*shape, seed=0):
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def seen_by_row_lstm(n_layers, height, width):
    """Which pixel sees which, by hops: mask A, then rows (left, or up and one aside) n times."""
    place = [(i, j) for i in range(height) for j in range(width)]

    def hop(steps):
        return torch.tensor([[(c - a, d - b) in steps for c, d in place] for a, b in place])

    first = hop({(-1, -1), (-1, 0), (-1, 1), (0, -1)}).long()
    inward = hop({(0, -1), (0, 0)}).long()
    upward = hop({(-1, -1), (-1, 0), (-1, 1)}).long()
    state = torch.linalg.matrix_power(torch.eye(len(place)) + upward, height).long().clamp(max=1)
    reach = torch.eye(len(place), dtype=torch.int64)
    for _ in range(n_layers):
        reach = (reach + reach @ state @ inward).clamp(max=1)  # beside the identity
    return (reach @ first).bool()


class TestRowLSTM(AutoregressiveContract):
    def make(self):
        model = RowLSTM((4, 5), **SMALL)
        assert isinstance(model, PixelRNN)
        return model

    def tiny(self):
        return RowLSTM((3, 3), 2, **SMALL)

    def batch(self):
        return digits(8)[:, :, 2:6, 1:6]

    def sees_enough(self, noticed, rank):
        """Its triangle and nothing else: never the last pixel of the row above, from the first."""
        return torch.equal(noticed.T, seen_by_row_lstm(2, 4, 5)) and not noticed[4, 5]


class TestDiagonalBiLSTM(AutoregressiveContract):
    def make(self):
        return DiagonalBiLSTM((4, 5), **SMALL)

    def tiny(self):
        return DiagonalBiLSTM((3, 3), 2, **SMALL)

    def batch(self):
        return digits(8)[:, :, 2:6, 1:6]

    def sees_enough(self, noticed, rank):
        """Every pixel sees every pixel before it."""
        return torch.equal(noticed, rank[:, None] < rank[None, :])


# Skewing.

IMAGES = arrays.arrays(
    "int64",
    arrays.array_shapes(min_dims=3, max_dims=3, max_side=7),
    elements=st.integers(-99, 99),
)


@given(IMAGES)
def test_skew_puts_diagonals_into_columns_and_unskew_is_its_inverse(image):
    """Equation eq-pixelrnn-skew, entry by entry."""
    x = torch.from_numpy(image)
    n, height, width = x.shape
    skewed = skew(x)
    assert skewed.shape == (n, height, height + width - 1)
    for i in range(height):
        for t in range(height + width - 1):
            inside = 0 <= t - i < width
            assert (skewed[:, i, t] == (x[:, i, t - i] if inside else 0)).all()
    assert torch.equal(unskew(skewed), x)


@given(IMAGES)
def test_unskew_is_the_adjoint_of_skew(image):
    """``<skew(x), y> = <x, unskew(y)>``: what stands outside the image is dropped."""
    x = torch.from_numpy(image)
    y = torch.arange(skew(x).numel()).view(skew(x).shape) % 7
    assert (skew(x) * y).sum() == (x * unskew(y)).sum()


def test_shift_down_moves_rows():
    x = torch.arange(12).view(1, 3, 4)
    assert shift_down(x)[0].tolist() == [[0] * 4, [0, 1, 2, 3], [4, 5, 6, 7]]


# Layers.


def pytorch_lstm(layer, input_weight, state_weight):
    """PyTorch's LSTM with the weights of a layer; its gates have the same order, i, f, g, o."""
    lstm = nn.LSTM(input_weight.shape[1], state_weight.shape[1], batch_first=True).double()
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(input_weight)
        lstm.weight_hh_l0.copy_(state_weight)
        lstm.bias_ih_l0.copy_(layer.input_to_state.bias)
        lstm.bias_hh_l0.zero_()
    return lstm


def test_row_layer_on_a_column_is_pytorchs_lstm():
    """Section "Against a reference": one pixel a row, so the neighbours above are outside."""
    layer, x = fresh(RowLayer(4, 3)), noise(2, 4, 6, 1)
    weights = layer.input_to_state.weight[:, :, 0, 1], layer.state_to_state.weight[:, :, 1]
    expected, _ = pytorch_lstm(layer, *weights)(x[..., 0].transpose(1, 2))
    torch.testing.assert_close(layer(x)[..., 0].transpose(1, 2), expected)


def test_diagonal_layer_on_a_row_is_pytorchs_lstm():
    layer, x = fresh(DiagonalLayer(4, 3)), noise(2, 4, 1, 6)
    weights = layer.input_to_state.weight[:, :, 0, 0], layer.state_to_state.weight[:, :, 1]
    expected, _ = pytorch_lstm(layer, *weights)(x[:, :, 0].transpose(1, 2))
    torch.testing.assert_close(layer(x)[:, :, 0].transpose(1, 2), expected)


def naive(image, gates_of, neighbours, n_hidden):
    """One pixel after the other: states and cells in dictionaries, 0 outside the image."""
    _, height, width = image.shape
    zero = torch.zeros(n_hidden, dtype=torch.float64)
    hidden, cell = {}, {}
    for r in range(height):
        for c in range(width):
            gates = gates_of(r, c)
            for (up, aside), weight in neighbours.items():
                gates = gates + weight @ hidden.get((r - up, c + aside), zero)
            i, f, g, o = gates.chunk(4)
            forget = f.sigmoid() * cell.get(previous(neighbours, r, c), zero)
            cell[r, c] = forget + i.sigmoid() * g.tanh()
            hidden[r, c] = o.sigmoid() * cell[r, c].tanh()
    rows = [torch.stack([hidden[r, c] for c in range(width)], 1) for r in range(height)]
    return torch.stack(rows, 1)  # (n_hidden, H, W)


def previous(neighbours, r, c):
    """Where the cell comes from: above in a Row LSTM, the left in a diagonal one."""
    return (r - 1, c) if len(neighbours) == 3 else (r, c - 1)


def test_row_layer_is_a_loop_over_pixels():
    """Equations eq-pixelrnn-gates and eq-pixelrnn-cell."""
    layer, x = fresh(RowLayer(4, 3)), noise(1, 4, 5, 6)
    kernel, bias = layer.input_to_state.weight[:, :, 0], layer.input_to_state.bias

    def gates_of(r, c):
        gates = bias + kernel[:, :, 1] @ x[0, :, r, c]
        return gates + kernel[:, :, 0] @ x[0, :, r, c - 1] if c else gates

    above = {(1, k - 1): layer.state_to_state.weight[:, :, k] for k in range(3)}
    torch.testing.assert_close(layer(x)[0], naive(x[0], gates_of, above, 3))


@pytest.mark.parametrize("shape", [(5, 6), (6, 3), (1, 4)])
def test_diagonal_layer_is_a_loop_over_pixels(shape):
    """Equation eq-pixelrnn-diagonal: the left one and the one above it."""
    layer, x = fresh(DiagonalLayer(4, 3)), noise(1, 4, *shape)
    kernel, bias = layer.input_to_state.weight[:, :, 0, 0], layer.input_to_state.bias
    above, left = layer.state_to_state.weight.unbind(-1)
    expected = naive(
        x[0], lambda r, c: bias + kernel @ x[0, :, r, c], {(1, 0): above, (0, -1): left}, 3
    )
    torch.testing.assert_close(layer(x)[0], expected)


def test_a_cell_that_forgets_nothing_counts():
    """Closed form: with all gates open the cell after n lines is n tanh(g)."""
    inputs = torch.zeros(4, 1, 4, 1)
    inputs[:, 0, [0, 1, 3]], inputs[:, 0, 2] = 1e3, 0.3
    states = scan(inputs, lambda hidden: torch.zeros(1, 4, 1))[:, 0, 0, 0]
    steps = torch.arange(1, 5)
    torch.testing.assert_close(states, (steps * torch.tensor(0.3).tanh()).tanh())


# What is seen.


def dependence_of(model):
    return dependence(model, torch.zeros(1, *model.event_shape)) > 0


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_the_row_lstm_sees_a_triangle(n_layers):
    """Section "What a pixel sees": at most one more column for each row up, on the right."""
    model = fresh(RowLSTM((6, 11), 2, n_hidden=4, n_layers=n_layers, n_context=0))
    sees = dependence_of(model)
    assert torch.equal(sees, seen_by_row_lstm(n_layers, 6, 11))
    field = sees[5 * 11 + 5].view(6, 11)
    for up in range(6):
        row = field[5 - up].nonzero().flatten()
        to_the_right = 5 + up if up else 4
        assert row.max() == min(to_the_right, 10)
        assert row.min() == max(5 - up - n_layers - 1, 0)


class Peeking(BothDiagonals):
    def combine(self, left, right):
        return left + right


def test_without_the_shift_a_pixel_sees_itself_and_the_rest_of_its_row():
    """Section "Break it"."""
    model = DiagonalBiLSTM((4, 5), 2, n_hidden=4, n_layers=1, n_context=0)
    model.layers = nn.ModuleList([Peeking(8, 4)])
    row = torch.arange(20) // 5
    assert torch.equal(dependence_of(fresh(model)), row[:, None] >= row)


class WithoutEmptyColumn(DiagonalBiLSTM):
    features = PixelRNN.features


@pytest.mark.parametrize("n_layers", [1, 3])
def test_without_the_empty_column_the_last_pixel_of_the_row_above_is_missed(n_layers):
    """Section "From the sources": all but the first layer's kernel has to leave it out."""
    model = WithoutEmptyColumn((5, 6), 2, n_hidden=4, n_layers=n_layers, n_context=0)
    sees = dependence_of(fresh(model))
    for i in range(30):
        missed = {6 * (i // 6) - 1} if i >= 6 and i % 6 < 4 else set()
        assert set((~sees[i, :i]).nonzero().flatten().tolist()) == missed


# Context.


@pytest.mark.parametrize("model", [RowLSTM, DiagonalBiLSTM])
def test_no_context_is_a_context_of_zeros_and_others_matter(model):
    model, x = fresh(model(n_hidden=4, n_context=3)), digits(2)
    zeros = torch.zeros(2, 3, dtype=torch.float64)
    torch.testing.assert_close(model.log_prob(x), model.log_prob(x, zeros))
    assert (model.log_prob(x, zeros + 1) != model.log_prob(x)).all()
