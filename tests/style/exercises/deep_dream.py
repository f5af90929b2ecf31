"""Wrong answers that the checkers of book/style/deep_dream.md must refuse."""


def plain_step(x, gradient, step):
    return (x + step * gradient).clamp(0, 1)


def one_length_for_all(x, gradient, step):
    return (x + step * gradient / gradient.abs().mean().clamp(min=1e-12)).clamp(0, 1)


def downhill(x, gradient, step):
    length = gradient.abs().mean(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)
    return (x - step * gradient / length).clamp(0, 1)


def out_of_range(x, gradient, step):
    length = gradient.abs().mean(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)
    return x + step * gradient / length


def divides_by_zero(x, gradient, step):
    return (x + step * gradient / gradient.abs().mean(dim=(1, 2, 3), keepdim=True)).clamp(0, 1)


def the_largest_entry(x, gradient, step):
    length = gradient.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)
    return (x + step * gradient / length).clamp(0, 1)


def widths(layer, *, start=1, pooling=1, growth=2):
    """The right answer with other numbers."""
    block, place = int(layer[4]), int(layer[6])
    width, distance = start, 1
    for b, n_convolutions in enumerate((2, 2, 3, 3, 3)[:block], start=1):
        width += 2 * distance * (place if b == block else n_convolutions)
        if b < block:
            width, distance = width + pooling * distance, growth * distance
    return width


def starts_at_zero(layer):
    return widths(layer, start=0)


def without_the_poolings_width(layer):
    return widths(layer, pooling=0)


def distances_do_not_grow(layer):
    return widths(layer, growth=1)


def in_places_of_the_layer(layer):
    return 3


WRONG = {
    "step_up": [
        plain_step,
        one_length_for_all,
        downhill,
        out_of_range,
        divides_by_zero,
        the_largest_entry,
    ],
    "field_of": [
        starts_at_zero,
        without_the_poolings_width,
        distances_do_not_grow,
        in_places_of_the_layer,
    ],
}
