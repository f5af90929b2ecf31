"""Wrong answers that the checkers of book/autoregressive/causal_networks.md must refuse."""

import torch


def never(f, x):
    return False


def always(f, x):
    return True


def later_only(f, x):
    for i in range(1, len(x)):
        changed = x.clone()
        changed[i:] += 1.3
        if not torch.equal(f(changed)[:i], f(x)[:i]):
            return True
    return False


def first_input_only(f, x):
    changed = x.clone()
    changed[0] += 1.3
    return not torch.equal(f(changed)[0], f(x)[0])


def first_feature_only(f, x):
    for i in range(len(x)):
        changed = x.clone()
        changed[i:, 0] += 1.3
        if not torch.equal(f(changed)[: i + 1], f(x)[: i + 1]):
            return True
    return False


def any_reaction(f, x):
    return not torch.equal(f(x + 1), f(x))


def layers_only(kernel_size, dilations):
    return 2 ** len(dilations)


def forgot_the_present(kernel_size, dilations):
    return (kernel_size - 1) * sum(dilations)


def product_of_the_kernels(kernel_size, dilations):
    return kernel_size ** len(dilations)


def full_kernels(kernel_size, dilations):
    return 1 + kernel_size * sum(dilations)


WRONG = {
    "peeks": [never, always, later_only, first_input_only, first_feature_only, any_reaction],
    "receptive_field": [layers_only, forgot_the_present, product_of_the_kernels, full_kernels],
}
