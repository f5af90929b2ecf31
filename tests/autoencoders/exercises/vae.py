"""Wrong answers that the checkers of book/autoencoders/vae.md must refuse."""

import math

import torch


def mean_of_the_logs(log_weights):
    return log_weights.mean(dim=0)


def sum_without_division(log_weights):
    return torch.logsumexp(log_weights, dim=0)


def over_images(log_weights):
    return torch.logsumexp(log_weights, dim=1) - math.log(log_weights.shape[1])


def underflows(log_weights):
    return log_weights.exp().mean(dim=0).log()


def largest_weight(log_weights):
    return log_weights.max(dim=0).values


def one_maximum_for_all(log_weights):
    top = log_weights.max()
    return (log_weights - top).exp().mean(dim=0).log() + top


def clamps_the_weights(log_weights):
    return log_weights.exp().mean(dim=0).clamp(min=1e-300).log()


def adds_a_little(log_weights):
    return (log_weights.exp().mean(dim=0) + 1e-12).log()


def clamps_the_logarithms(log_weights):
    return torch.logsumexp(log_weights.clamp(min=-700), dim=0) - math.log(len(log_weights))


def slopes_of(z, f, *parameters):
    return torch.autograd.grad(f(z).mean(), parameters)


def leaves(mean, log_std):
    return (v.detach().clone().requires_grad_() for v in (mean, log_std))


def sums_over_the_draws(f, mean, log_std, noise):
    mean, log_std = leaves(mean, log_std)
    z = mean + log_std.exp() * noise
    return torch.autograd.grad(f(z).sum(), (mean, log_std))


def for_the_deviation(f, mean, log_std, noise):
    mean, log_std = leaves(mean, log_std)
    std = log_std.detach().exp().requires_grad_()
    return slopes_of(mean + std * noise, f, mean, std)


def log_variance(f, mean, log_std, noise):
    mean, log_std = leaves(mean, log_std)
    return slopes_of(mean + (log_std / 2).exp() * noise, f, mean, log_std)


def forgets_the_logarithm(f, mean, log_std, noise):
    mean, log_std = leaves(mean, log_std)
    return slopes_of(mean + log_std * noise, f, mean, log_std)


def at_the_mean(f, mean, log_std, noise):
    mean, log_std = leaves(mean, log_std)
    (slope,) = slopes_of(mean[None], f, mean)
    return slope, torch.zeros_like(slope)


def draws_its_own_noise(f, mean, log_std, noise):
    mean, log_std = leaves(mean, log_std)
    return slopes_of(mean + log_std.exp() * torch.randn_like(noise), f, mean, log_std)


def score_function(f, mean, log_std, noise):
    value = f(mean + log_std.exp() * noise)[:, None]
    return (value * noise / log_std.exp()).mean(0), (value * (noise**2 - 1)).mean(0)


def price(mean, log_std):
    return ((mean**2 + torch.exp(2 * log_std) - 1) / 2 - log_std).sum(dim=1)


def assembled(encode, decode, x, noise, *, draw=None, error=None, kl=price, over=torch.mean):
    mean, log_std = encode(x)
    z = (draw or (lambda m, s, e: m + s.exp() * e))(mean, log_std, noise)
    square = ((x - decode(z)) ** 2).sum(dim=1)
    constant = x.shape[1] * math.log(2 * math.pi) / 2
    fit = -square / 2 - constant if error is None else error(square, x.shape[1])
    return over(kl(mean, log_std) - fit)


def error_of_a_mean_pixel(encode, decode, x, noise):
    return assembled(encode, decode, x, noise, error=lambda square, n: -square / n)


def squares_without_the_half(encode, decode, x, noise):
    return assembled(encode, decode, x, noise, error=lambda square, n: -square)


def without_the_constant(encode, decode, x, noise):
    return assembled(encode, decode, x, noise, error=lambda square, n: -square / 2)


def without_the_price(encode, decode, x, noise):
    return assembled(encode, decode, x, noise, kl=lambda m, s: 0 * m[:, 0])


def rewards_the_price(encode, decode, x, noise):
    return assembled(encode, decode, x, noise, kl=lambda m, s: -price(m, s))


def mean_price_of_a_coordinate(encode, decode, x, noise):
    return assembled(encode, decode, x, noise, kl=lambda m, s: price(m, s) / m.shape[1])


def price_of_log_variances(encode, decode, x, noise):
    return assembled(encode, decode, x, noise, kl=lambda m, s: price(m, s / 2))


def price_without_the_one(encode, decode, x, noise):
    return assembled(encode, decode, x, noise, kl=lambda m, s: price(m, s) + m.shape[1] / 2)


def wrong_sign_of_the_logarithm(encode, decode, x, noise):
    return assembled(encode, decode, x, noise, kl=lambda m, s: price(m, s) + 2 * s.sum(dim=1))


def sum_of_the_batch(encode, decode, x, noise):
    return assembled(encode, decode, x, noise, over=torch.sum)


def elbo_itself(encode, decode, x, noise):
    return -assembled(encode, decode, x, noise)


def decodes_the_mean(encode, decode, x, noise):
    return assembled(encode, decode, x, noise, draw=lambda m, s, e: m)


def log_std_for_log_variance_in_the_draw(encode, decode, x, noise):
    return assembled(encode, decode, x, noise, draw=lambda m, s, e: m + (s / 2).exp() * e)


def cuts_the_gradient(encode, decode, x, noise):
    return assembled(encode, decode, x, noise, draw=lambda m, s, e: (m + s.exp() * e).detach())


WRONG = {
    "weighted_bound": [
        mean_of_the_logs,
        sum_without_division,
        over_images,
        underflows,
        largest_weight,
        one_maximum_for_all,
        clamps_the_weights,
        adds_a_little,
        clamps_the_logarithms,
    ],
    "slopes": [
        sums_over_the_draws,
        for_the_deviation,
        log_variance,
        forgets_the_logarithm,
        at_the_mean,
        draws_its_own_noise,
        score_function,
    ],
    "minus_bound": [
        error_of_a_mean_pixel,
        squares_without_the_half,
        without_the_constant,
        without_the_price,
        rewards_the_price,
        mean_price_of_a_coordinate,
        price_of_log_variances,
        price_without_the_one,
        wrong_sign_of_the_logarithm,
        sum_of_the_batch,
        elbo_itself,
        decodes_the_mean,
        log_std_for_log_variance_in_the_draw,
        cuts_the_gradient,
    ],
}
