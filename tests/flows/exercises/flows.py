"""Wrong answers that the checkers of book/flows/flows.md must refuse."""

import math

import torch


def without_the_slope(x, f, slope):
    return -(f(x) ** 2) / 2 - math.log(2 * math.pi) / 2


def without_the_constant(x, f, slope):
    return -(f(x) ** 2) / 2 + torch.log(slope(x))


def divides_by_the_slope(x, f, slope):
    return -(f(x) ** 2) / 2 - math.log(2 * math.pi) / 2 - torch.log(slope(x))


def density_and_no_logarithm(x, f, slope):
    return torch.exp(-(f(x) ** 2) / 2) / math.sqrt(2 * math.pi) * slope(x)


def halves(x, stays, network):
    return (torch.where(stays, 0, v) for v in network(torch.where(stays, x, 0)))


def network_sees_everything(x, stays, network, backwards=False):
    s, t = (torch.where(stays, 0, v) for v in network(x))
    if backwards:
        return (x - t) * torch.exp(-s), -s.sum(dim=1)
    return x * torch.exp(s) + t, s.sum(dim=1)


def sums_all_of_s(x, stays, network, backwards=False):
    s, _ = network(torch.where(stays, x, 0))
    own, t = halves(x, stays, network)
    if backwards:
        return (x - t) * torch.exp(-own), -s.sum(dim=1)
    return x * torch.exp(own) + t, s.sum(dim=1)


def undoes_in_the_wrong_order(x, stays, network, backwards=False):
    s, t = halves(x, stays, network)
    if backwards:
        return x * torch.exp(-s) - t, -s.sum(dim=1)
    return x * torch.exp(s) + t, s.sum(dim=1)


def same_sign_on_the_way_back(x, stays, network, backwards=False):
    s, t = halves(x, stays, network)
    if backwards:
        return (x - t) * torch.exp(-s), s.sum(dim=1)
    return x * torch.exp(s) + t, s.sum(dim=1)


def one_number_for_the_batch(x, stays, network, backwards=False):
    s, t = halves(x, stays, network)
    if backwards:
        return (x - t) * torch.exp(-s), -s.sum()
    return x * torch.exp(s) + t, s.sum()


def moves_everything(x, stays, network, backwards=False):
    s, t = network(torch.where(stays, x, 0))
    if backwards:
        return (x - t) * torch.exp(-s), -s.sum(dim=1)
    return x * torch.exp(s) + t, s.sum(dim=1)


def mean_of_the_logs(log_density, x, noise):
    return torch.stack([log_density(x + u) for u in noise]).mean(dim=0)


def sum_of_the_densities(log_density, x, noise):
    return torch.logsumexp(torch.stack([log_density(x + u) for u in noise]), dim=0)


def underflows(log_density, x, noise):
    return torch.stack([log_density(x + u) for u in noise]).exp().mean(dim=0).log()


def half_a_bin(log_density, x, noise):
    logs = torch.stack([log_density(x + u / 2) for u in noise])
    return torch.logsumexp(logs, dim=0) - math.log(len(noise))


def over_rows(log_density, x, noise):
    logs = torch.stack([log_density(x + u) for u in noise])
    return torch.logsumexp(logs, dim=1) - math.log(len(x))


WRONG = {
    "log_density": [
        without_the_slope,
        without_the_constant,
        divides_by_the_slope,
        density_and_no_logarithm,
    ],
    "coupling": [
        network_sees_everything,
        sums_all_of_s,
        undoes_in_the_wrong_order,
        same_sign_on_the_way_back,
        one_number_for_the_batch,
        moves_everything,
    ],
    "bound": [mean_of_the_logs, sum_of_the_densities, underflows, half_a_bin, over_rows],
}
