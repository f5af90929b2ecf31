"""Wrong answers that the checkers of book/style/style_transfer.md must refuse."""

import torch

LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)


def brightness_as_a_plain_mean(painted, photograph):
    return (photograph + (painted - photograph).mean(dim=1, keepdim=True)).clamp(0, 1)


def channels_in_the_wrong_order(painted, photograph):
    brighter = (LUMA.flip(1) * (painted - photograph)).sum(dim=1, keepdim=True)
    return (photograph + brighter).clamp(0, 1)


def one_number_for_the_whole_image(painted, photograph):
    return (photograph + (LUMA * (painted - photograph)).sum(dim=1, keepdim=True).mean()).clamp(
        0, 1
    )


def scales_the_channels(painted, photograph):
    old, new = ((LUMA * image).sum(dim=1, keepdim=True) for image in (photograph, painted))
    return (photograph * new / old.clamp(min=1e-6)).clamp(0, 1)


def grey(painted, photograph):
    return (LUMA * painted).sum(dim=1, keepdim=True).expand_as(photograph).clamp(0, 1)


def the_other_way_round(painted, photograph):
    brighter = (LUMA * (photograph - painted)).sum(dim=1, keepdim=True)
    return (painted + brighter).clamp(0, 1)


def not_clipped(painted, photograph):
    return photograph + (LUMA * (painted - photograph)).sum(dim=1, keepdim=True)


def gram_is_a_sum(F, A):
    return (F @ F.T - A) @ F / len(F) ** 2


def no_channels(F, A):
    return (F @ F.T / F.shape[1] - A) @ F / F.shape[1]


def twice(F, A):
    return 2 * (F @ F.T / F.shape[1] - A) @ F / (len(F) ** 2 * F.shape[1])


def not_divided_by_places(F, A):
    return (F @ F.T / F.shape[1] - A) @ F / len(F) ** 2


def uphill(F, A):
    return (A - F @ F.T / F.shape[1]) @ F / (len(F) ** 2 * F.shape[1])


def the_difference_alone(F, A):
    return F @ F.T / F.shape[1] - A


def by_places(F, A):
    return ((F @ F.T / F.shape[1] - A) @ F / (len(F) ** 2 * F.shape[1])).T


def the_difference_forgotten(F, A):
    return (F @ F.T / F.shape[1]) @ F / (len(F) ** 2 * F.shape[1])


WRONG = {
    "keep_colours": [
        brightness_as_a_plain_mean,
        channels_in_the_wrong_order,
        one_number_for_the_whole_image,
        scales_the_channels,
        grey,
        the_other_way_round,
        not_clipped,
    ],
    "style_slope": [
        gram_is_a_sum,
        no_channels,
        twice,
        not_divided_by_places,
        uphill,
        the_difference_alone,
        by_places,
        the_difference_forgotten,
    ],
}
