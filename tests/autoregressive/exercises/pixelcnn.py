"""Wrong answers that the checkers of book/autoregressive/pixelcnn.md must refuse."""

import numpy as np
import torch
from torch.nn import functional

# center_mask


def the_same_for_both(kind):
    return torch.ones(3, 3).tril()


def sees_what_comes_later(kind):
    return torch.ones(3, 3).triu(0 if kind == "B" else 1)


def sees_everything_in_b(kind):
    return torch.ones(3, 3) if kind == "B" else torch.ones(3, 3).tril(-1)


def only_itself(kind):
    return torch.eye(3) * (kind == "B")


def entries_of_two(kind):
    if kind == "A":
        return torch.tensor([[0, 0, 0], [1, 0, 0], [2, 0, 0]])
    return torch.tensor([[1, 0, 0], [1, 1, 0], [0, 2, 1]])


def with_numbers_of_colours(kind):
    return np.array([[0, 0, 0], [1, 0, 0], [1, 2, 0]]) + (kind == "B") * np.eye(3)


# see_above


def sees_its_own_row(x, kernel):
    return functional.conv2d(functional.pad(x, (1, 1, 1, 0)), kernel)


def sees_below(x, kernel):
    return functional.conv2d(functional.pad(x[:, :, 1:], (1, 1, 0, 2)), kernel)


def wraps_around(x, kernel):
    return functional.conv2d(functional.pad(x, (1, 1, 1, 0)), kernel).roll(1, dims=2)


def two_rows_too_high(x, kernel):
    return functional.conv2d(functional.pad(x[:, :, :-2], (1, 1, 3, 0)), kernel)


def flips_the_kernel(x, kernel):
    return functional.conv2d(functional.pad(x[:, :, :-1], (1, 1, 2, 0)), kernel.flip(-1, -2))


def only_to_the_left(x, kernel):
    return functional.conv2d(functional.pad(x[:, :, :-1], (2, 0, 2, 0)), kernel)


def without_padding(x, kernel):
    return functional.conv2d(x, kernel)


def blind(x, kernel):
    return torch.zeros_like(x)


# level_mass


def without_tails(mean, scale, n_levels):
    edges = np.arange(n_levels + 1) - 0.5
    return np.diff(1 / (1 + np.exp(-(edges - mean) / scale)))


def density_at_the_level(mean, scale, n_levels):
    s = 1 / (1 + np.exp(-(np.arange(n_levels) - mean) / scale))
    return s * (1 - s) / scale


def edges_one_half_too_low(mean, scale, n_levels):
    edges = np.arange(n_levels - 1)
    return np.diff(np.r_[0.0, 1 / (1 + np.exp(-(edges - mean) / scale)), 1.0])


def normalised_without_tails(mean, scale, n_levels):
    mass = without_tails(mean, scale, n_levels)
    return mass / mass.sum()


def always_seventeen(mean, scale, n_levels):
    edges = np.arange(16) + 0.5
    return np.diff(np.r_[0.0, 1 / (1 + np.exp(-(edges - mean) / scale)), 1.0])


# finish


def sample(logits, generator):
    return torch.multinomial(logits.softmax(-1), 1, generator=generator)[..., 0]


def one_pass_for_all(model, x, n_rows, generator):
    x, logits = x.clone(), model.logits(x)
    for r, c in np.ndindex(x.shape[2] - n_rows, x.shape[3]):
        x[:, 0, n_rows + r, c] = sample(logits[:, 0, n_rows + r, c], generator)
    return x


def one_pass_a_row(model, x, n_rows, generator):
    x = x.clone()
    for r in range(n_rows, x.shape[2]):
        logits = model.logits(x)
        for c in range(x.shape[3]):
            x[:, 0, r, c] = sample(logits[:, 0, r, c], generator)
    return x


def takes_the_likeliest(model, x, n_rows, generator):
    x = x.clone()
    for r, c in np.ndindex(x.shape[2] - n_rows, x.shape[3]):
        x[:, 0, n_rows + r, c] = model.logits(x)[:, 0, n_rows + r, c].argmax(-1)
    return x


def draws_everything(model, x, n_rows, generator):
    x = x.clone()
    for r, c in np.ndindex(*x.shape[2:]):
        x[:, 0, r, c] = sample(model.logits(x)[:, 0, r, c], generator)
    return x


def column_by_column(model, x, n_rows, generator):
    x = x.clone()
    for c, r in np.ndindex(x.shape[3], x.shape[2] - n_rows):
        x[:, 0, n_rows + r, c] = sample(model.logits(x)[:, 0, n_rows + r, c], generator)
    return x


def changes_what_it_got(model, x, n_rows, generator):
    for r, c in np.ndindex(x.shape[2] - n_rows, x.shape[3]):
        x[:, 0, n_rows + r, c] = sample(model.logits(x)[:, 0, n_rows + r, c], generator)
    return x


def only_the_new_rows(model, x, n_rows, generator):
    return draws_everything(model, x, n_rows, generator)[:, :, n_rows:]


WRONG = {
    "center_mask": [
        the_same_for_both,
        sees_what_comes_later,
        sees_everything_in_b,
        only_itself,
        entries_of_two,
        with_numbers_of_colours,
    ],
    "see_above": [
        sees_its_own_row,
        sees_below,
        wraps_around,
        two_rows_too_high,
        flips_the_kernel,
        only_to_the_left,
        without_padding,
        blind,
    ],
    "level_mass": [
        without_tails,
        density_at_the_level,
        edges_one_half_too_low,
        normalised_without_tails,
        always_seventeen,
    ],
    "finish": [
        one_pass_for_all,
        one_pass_a_row,
        takes_the_likeliest,
        draws_everything,
        column_by_column,
        changes_what_it_got,
        only_the_new_rows,
    ],
}
