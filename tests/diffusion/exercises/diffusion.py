"""Wrong answers that the checkers of book/diffusion/diffusion.md must refuse."""

import torch


def shares(betas):
    return torch.cat([torch.ones(1), torch.cumprod(1 - betas, dim=0)])


def spread(share, x0):
    return share.view(-1, *[1] * (x0.dim() - 1))


def shifted_by_one(x0, t, noise, betas):
    share = spread(torch.cumprod(1 - betas, dim=0)[(t - 1).clamp(min=0)], x0)
    return share.sqrt() * x0 + (1 - share).sqrt() * noise


def one_step_too_early(x0, t, noise, betas):
    share = spread(shares(betas)[(t - 1).clamp(min=0)], x0)
    return share.sqrt() * x0 + (1 - share).sqrt() * noise


def without_the_root(x0, t, noise, betas):
    share = spread(shares(betas)[t], x0)
    return share * x0 + (1 - share) * noise


def root_of_the_noise_only(x0, t, noise, betas):
    share = spread(shares(betas)[t], x0)
    return share * x0 + (1 - share).sqrt() * noise


def variance_for_deviation(x0, t, noise, betas):
    share = spread(shares(betas)[t], x0)
    return share.sqrt() * x0 + (1 - share) * noise


def product_of_the_betas(x0, t, noise, betas):
    share = spread(torch.cat([torch.zeros(1), torch.cumprod(betas, dim=0)])[t], x0)
    return (1 - share).sqrt() * x0 + share.sqrt() * noise


def sum_of_the_betas(x0, t, noise, betas):
    share = spread(torch.cat([torch.ones(1), (1 - betas.cumsum(0)).clamp(min=0)])[t], x0)
    return share.sqrt() * x0 + (1 - share).sqrt() * noise


def one_step_only(x0, t, noise, betas):
    share = spread(torch.cat([torch.ones(1), 1 - betas])[t], x0)
    return share.sqrt() * x0 + (1 - share).sqrt() * noise


def along_the_last_axis(x0, t, noise, betas):
    share = shares(betas)[t][: x0.shape[-1]]
    return share.sqrt() * x0 + (1 - share).sqrt() * noise


def back(x, guess, t, betas, fresh, *, variance="posterior", swapped=False, noisy_end=False):
    kept = shares(betas)
    now, before, beta = kept[t], kept[t - 1], betas[t - 1]
    x0 = (x - (1 - now).sqrt() * guess) / now.sqrt()
    a, b = (x, x0) if swapped else (x0, x)
    mean = (before.sqrt() * beta * a + (1 - beta).sqrt() * (1 - before) * b) / (1 - now)
    width = {
        "posterior": beta * (1 - before) / (1 - now),
        "beta": beta if t > 1 else 0 * beta,
        "upside down": beta * (1 - now) / (1 - before) if t > 1 else 0 * beta,
        "none": 0 * beta,
    }[variance]
    width = beta if noisy_end and t == 1 else width
    return mean + width.sqrt() * fresh


def with_beta_as_variance(x, guess, t, betas, fresh):
    return back(x, guess, t, betas, fresh, variance="beta")


def upside_down(x, guess, t, betas, fresh):
    return back(x, guess, t, betas, fresh, variance="upside down")


def never_any_noise(x, guess, t, betas, fresh):
    return back(x, guess, t, betas, fresh, variance="none")


def noise_in_the_last_step(x, guess, t, betas, fresh):
    return back(x, guess, t, betas, fresh, noisy_end=True)


def image_and_noise_swapped(x, guess, t, betas, fresh):
    return back(x, guess, t, betas, fresh, swapped=True)


def jumps_to_the_guess(x, guess, t, betas, fresh):
    now = shares(betas)[t]
    return (x - (1 - now).sqrt() * guess) / now.sqrt()


def takes_the_guess_for_the_image(x, guess, t, betas, fresh):
    kept = shares(betas)
    now, before, beta = kept[t], kept[t - 1], betas[t - 1]
    mean = (before.sqrt() * beta * guess + (1 - beta).sqrt() * (1 - before) * x) / (1 - now)
    return mean + (beta * (1 - before) / (1 - now)).sqrt() * fresh


def variance_as_deviation(x, guess, t, betas, fresh):
    still = back(x, guess, t, betas, 0 * fresh)
    kept = shares(betas)
    return still + betas[t - 1] * (1 - kept[t - 1]) / (1 - kept[t]) * fresh


def beta_of_the_next_step(x, guess, t, betas, fresh):
    return back(x, guess, t, torch.cat([betas[1:], betas[-1:]]), fresh)


def divides_by_zero(x, guess, t, betas, fresh):
    kept = shares(betas)
    before, beta = kept[t - 1], betas[t - 1]
    x0 = (x - (1 - kept[t]).sqrt() * guess) / kept[t].sqrt()
    precision = 1 / (1 - before) + (1 - beta) / beta
    mean = before.sqrt() / (1 - before) * x0 + (1 - beta).sqrt() / beta * x
    return mean / precision + fresh / precision.sqrt()


WRONG = {
    "jump": [
        shifted_by_one,
        one_step_too_early,
        without_the_root,
        root_of_the_noise_only,
        variance_for_deviation,
        product_of_the_betas,
        sum_of_the_betas,
        one_step_only,
        along_the_last_axis,
    ],
    "step_back": [
        with_beta_as_variance,
        upside_down,
        never_any_noise,
        noise_in_the_last_step,
        image_and_noise_swapped,
        jumps_to_the_guess,
        takes_the_guess_for_the_image,
        variance_as_deviation,
        beta_of_the_next_step,
        divides_by_zero,
    ],
}
