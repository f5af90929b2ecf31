"""Wrong answers that the checkers of book/flows/continuous.md must refuse."""

import torch

from companion.distributions import gaussian_log_prob


def rows(x, t):
    return t.view(-1, *[1] * (x.dim() - 1))


def time_along_the_columns(x0, x1, t):
    return (1 - t) * x0 + t * x1, x1 - x0


def from_data_to_noise(x0, x1, t):
    t = rows(x0, t)
    return t * x0 + (1 - t) * x1, x0 - x1


def velocity_backwards(x0, x1, t):
    t = rows(x0, t)
    return (1 - t) * x0 + t * x1, x0 - x1


def velocity_from_here(x0, x1, t):
    t = rows(x0, t)
    x_t = (1 - t) * x0 + t * x1
    return x_t, x1 - x_t


def only_two_axes(x0, x1, t):
    t = t[:, None]
    return (1 - t) * x0 + t * x1, x1 - x0


def on_a_circle(x0, x1, t):
    t = rows(x0, t)
    return torch.cos(torch.pi / 2 * t) * x0 + torch.sin(torch.pi / 2 * t) * x1, x1 - x0


def one_time_for_all(x0, x1, t):
    return (1 - t[0]) * x0 + t[0] * x1, x1 - x0


def back(velocity, trace, x, n_steps, *, way=-1, sign=-1, add=True, short=True, clock=None):
    h, total = 1 / n_steps, 0
    for i in range(n_steps, 0, -1):
        t = i * h if clock is None else clock
        v, spread = velocity(x, t), trace(x, t)
        x = x + way * h * v
        total = (total if add else 0) + (h if short else 1) * spread
    return gaussian_log_prob(x) + sign * total


def walks_on(velocity, trace, x, n_steps):
    return back(velocity, trace, x, n_steps, way=1)


def adds_the_gain(velocity, trace, x, n_steps):
    return back(velocity, trace, x, n_steps, sign=1)


def last_trace_only(velocity, trace, x, n_steps):
    return back(velocity, trace, x, n_steps, add=False)


def trace_without_the_step(velocity, trace, x, n_steps):
    return back(velocity, trace, x, n_steps, short=False)


def stands_at_one_time(velocity, trace, x, n_steps):
    return back(velocity, trace, x, n_steps, clock=1.0)


def time_runs_up(velocity, trace, x, n_steps):
    def mirrored(function):
        return lambda x, t: function(x, 1 - t)

    return back(mirrored(velocity), mirrored(trace), x, n_steps, way=1)


def earliest_step_first(velocity, trace, x, n_steps):
    def mirrored(function):
        return lambda x, t: function(x, 1 - t)

    return back(mirrored(velocity), mirrored(trace), x, n_steps)


def without_the_trace(velocity, trace, x, n_steps):
    return back(velocity, trace, x, n_steps, sign=0)


def mean_of_the_batch(velocity, trace, x, n_steps):
    return back(velocity, trace, x, n_steps).mean()


def grad(f, x, probe):
    x = x.detach().requires_grad_()
    return torch.autograd.grad(f(x), x, probe)[0]


def probe_on_one_side(f, x, probe):
    return grad(f, x, probe).sum(dim=1)


def ones_on_the_left(f, x, probe):
    return (grad(f, x, torch.ones_like(x)) * probe).sum(dim=1)


def mean_over_entries(f, x, probe):
    return (grad(f, x, probe) * probe).mean(dim=1)


def sum_over_the_batch(f, x, probe):
    return (grad(f, x, probe) * probe).sum()


def row_not_summed(f, x, probe):
    return grad(f, x, probe) * probe


def exact_trace(f, x, probe):
    x = x.detach().requires_grad_()
    y = f(x)
    rows = [torch.autograd.grad(y[:, d].sum(), x, retain_graph=True)[0] for d in range(x.shape[1])]
    return torch.stack([row[:, d] for d, row in enumerate(rows)]).sum(dim=0)


WRONG = {
    "walk": [
        time_along_the_columns,
        from_data_to_noise,
        velocity_backwards,
        velocity_from_here,
        only_two_axes,
        on_a_circle,
        one_time_for_all,
    ],
    "density_back": [
        walks_on,
        adds_the_gain,
        last_trace_only,
        trace_without_the_step,
        stands_at_one_time,
        time_runs_up,
        earliest_step_first,
        without_the_trace,
        mean_of_the_batch,
    ],
    "trace_estimate": [
        probe_on_one_side,
        ones_on_the_left,
        mean_over_entries,
        sum_over_the_batch,
        row_not_summed,
        exact_trace,
    ],
}
