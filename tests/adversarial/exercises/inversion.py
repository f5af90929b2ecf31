"""Wrong answers that the checkers of book/adversarial/inversion.md must refuse."""

import torch


def slope(make, z, x, reduce):
    """The slope of some reduction of the errors, as a tensor like z."""
    place = z.detach().clone().requires_grad_()
    return torch.autograd.grad(reduce((make(place) - x).flatten(1).square()), place)[0]


def own_means(errors):
    return errors.mean(dim=1).sum()


def mean_over_the_batch(make, z, x, rate):
    return z - rate * slope(make, z, x, torch.mean)


def sum_over_the_pixels(make, z, x, rate):
    return z - rate * slope(make, z, x, torch.sum)


def uphill(make, z, x, rate):
    return z + rate * slope(make, z, x, own_means)


def only_the_slope(make, z, x, rate):
    return rate * slope(make, z, x, own_means)


def in_place(make, z, x, rate):
    z -= rate * slope(make, z, x, own_means)
    return z


def unit_length(make, z, x, rate):
    found = slope(make, z, x, own_means)
    return z - rate * found / found.norm(dim=1, keepdim=True)


def products(n):
    return [n * torch.roll(n, -1, dims=axis) for axis in (3, 2)]


def not_squared(n):
    return sum(one.mean(dim=(1, 2, 3)) for one in products(n))


def squares_averaged(n):
    return sum(one.square().mean(dim=(1, 2, 3)) for one in products(n))


def one_number_for_all(n):
    return sum(one.mean() ** 2 for one in products(n))


def to_the_right_only(n):
    return products(n)[0].mean(dim=(1, 2, 3)) ** 2


def edges_left_out(n):
    right, down = n[..., 1:] * n[..., :-1], n[..., 1:, :] * n[..., :-1, :]
    return right.mean(dim=(1, 2, 3)) ** 2 + down.mean(dim=(1, 2, 3)) ** 2


def sums(n):
    return sum(one.sum(dim=(1, 2, 3)) ** 2 for one in products(n))


def along_the_batch(n):
    return sum((n * torch.roll(n, 1, dims=axis)).mean(dim=(1, 2, 3)) ** 2 for axis in (0, 3))


def joined(image, code):
    return torch.cat([image.flatten(1), code], dim=1)


def labels_swapped(G, E, x, z):
    return joined(G(z), z), joined(x, E(x))


def codes_of_the_made(G, E, x, z):
    return joined(x, E(x)), joined(G(z), E(G(z)))


def codes_first(G, E, x, z):
    return torch.cat([E(x), x.flatten(1)], dim=1), torch.cat([z, G(z).flatten(1)], dim=1)


def noise_with_real_images(G, E, x, z):
    return joined(x, z), joined(G(z), z)


def detached(G, E, x, z):
    return joined(x, E(x)).detach(), joined(G(z), z).detach()


def reconstructions(G, E, x, z):
    return joined(G(E(x)), E(x)), joined(G(z), z)


WRONG = {
    "step": [
        mean_over_the_batch,
        sum_over_the_pixels,
        uphill,
        only_the_slope,
        in_place,
        unit_length,
    ],
    "agreement": [
        not_squared,
        squares_averaged,
        one_number_for_all,
        to_the_right_only,
        edges_left_out,
        sums,
        along_the_batch,
    ],
    "pairs": [
        labels_swapped,
        codes_of_the_made,
        codes_first,
        noise_with_real_images,
        detached,
        reconstructions,
    ],
}
