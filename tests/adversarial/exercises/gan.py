"""Wrong answers that the checkers of book/adversarial/gan.md must refuse."""

import torch
from torch.nn import functional


def the_other_way_round(real, fake):
    return functional.softplus(real - fake).mean(), functional.softplus(fake - real).mean()


def the_same_for_both(real, fake):
    loss = functional.softplus(fake - real).mean()
    return loss, loss


def minus_the_loss_of_the_other(real, fake):
    loss = functional.softplus(fake - real).mean()
    return loss, -loss


def against_the_mean_fake(real, fake):
    gap = real - fake.mean()
    return functional.softplus(-gap).mean(), functional.softplus(gap).mean()


def pair_by_pair_without_a_mean(real, fake):
    return functional.softplus(fake - real), functional.softplus(real - fake)


def not_in_pairs(real, fake):
    loss = functional.softplus(-real).mean() + functional.softplus(fake).mean()
    return loss, functional.softplus(-fake).mean()


def exp_overflows(real, fake):
    gap = real - fake
    return (1 + (-gap).exp()).log().mean(), (1 + gap.exp()).log().mean()


def parts(critic, real, fake, share, **graph):
    share = share.view(-1, *[1] * (real.ndim - 1))
    place = (share * real + (1 - share) * fake).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(place).sum(), place, **graph)
    return slopes


def length(slopes):
    return (slopes.flatten(1).square().sum(dim=1) + 1e-12).sqrt()


def over_one_axis(critic, real, fake, share):
    slopes = parts(critic, real, fake, share, create_graph=True)
    return (((slopes**2).sum(dim=1) + 1e-12).sqrt() - 1).square().mean()


def without_a_graph(critic, real, fake, share):
    return (length(parts(critic, real, fake, share)) - 1).square().mean()


def slope_detached(critic, real, fake, share):
    slopes = parts(critic, real, fake, share, create_graph=True).detach()
    return (length(slopes) - 1).square().mean()


def towards_zero(critic, real, fake, share):
    return length(parts(critic, real, fake, share, create_graph=True)).square().mean()


def of_the_squared_norm(critic, real, fake, share):
    slopes = length(parts(critic, real, fake, share, create_graph=True))
    return (slopes.square() - 1).square().mean()


def shares_the_other_way(critic, real, fake, share):
    return (length(parts(critic, real, fake, 1 - share, create_graph=True)) - 1).square().mean()


def at_the_real_images(critic, real, fake, share):
    return (length(parts(critic, real, real, share, create_graph=True)) - 1).square().mean()


def one_number_an_image(critic, real, fake, share):
    return (length(parts(critic, real, fake, share, create_graph=True)) - 1).square()


def of_the_mean_score(critic, real, fake, share):
    slopes = parts(critic, real, fake, share, create_graph=True) / len(real)
    return (length(slopes) - 1).square().mean()


WRONG = {
    "losses_of_pairs": [
        the_other_way_round,
        the_same_for_both,
        minus_the_loss_of_the_other,
        against_the_mean_fake,
        pair_by_pair_without_a_mean,
        not_in_pairs,
        exp_overflows,
    ],
    "slope_penalty": [
        over_one_axis,
        without_a_graph,
        slope_detached,
        towards_zero,
        of_the_squared_norm,
        shares_the_other_way,
        at_the_real_images,
        one_number_an_image,
        of_the_mean_score,
    ],
}
