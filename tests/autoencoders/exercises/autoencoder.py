"""Wrong answers that the checkers of book/autoencoders/autoencoder.md must refuse."""

import numpy as np
import torch


def columns_of_the_decoder(W, codes):
    return (W / np.linalg.norm(W, axis=0)).T


def orthogonal_but_not_turned(W, codes):
    return np.linalg.qr(W)[0].T


def axes_of_the_decoder_alone(W, codes):
    return np.linalg.svd(W)[0][:, : W.shape[1]].T


def mean_left_in(W, codes):
    return np.linalg.svd(codes @ W.T, full_matrices=False)[2][: W.shape[1]]


def smallest_first(W, codes):
    y = codes @ W.T
    return np.linalg.svd(y - y.mean(axis=0), full_matrices=False)[2][: W.shape[1]][::-1]


def steps(model, batches, learning_rate, *, clear=True, sign=-1.0):
    losses = []
    if clear:
        model.zero_grad()
    for batch in batches:
        loss = model.loss(batch)
        loss.backward()
        with torch.no_grad():
            for weight in model.parameters():
                weight += sign * learning_rate * weight.grad
        losses.append(loss.item())
        if clear:
            model.zero_grad()
    return losses


def never_cleared(model, batches, learning_rate):
    return steps(model, batches, learning_rate, clear=False)


def cleared_only_afterwards(model, batches, learning_rate):
    losses = []
    for batch in batches:
        losses += steps(model, [batch], learning_rate, clear=False)
        model.zero_grad()
    return losses


def uphill(model, batches, learning_rate):
    return steps(model, batches, learning_rate, sign=1.0)


def losses_after_the_step(model, batches, learning_rate):
    losses = []
    for batch in batches:
        steps(model, [batch], learning_rate)
        losses.append(model.loss(batch).item())
    return losses


def one_loss_only(model, batches, learning_rate):
    return steps(model, batches, learning_rate)[-1]


def only_watches(model, batches, learning_rate):
    return [model.loss(batch).item() for batch in batches]


def no_last_step(model, batches, learning_rate):
    losses = steps(model, batches[:-1], learning_rate)
    return [*losses, model.loss(batches[-1]).item()]


WRONG = {
    "descent": [
        never_cleared,
        cleared_only_afterwards,
        uphill,
        losses_after_the_step,
        one_loss_only,
        only_watches,
        no_last_step,
    ],
    "principal_axes": [
        columns_of_the_decoder,
        orthogonal_but_not_turned,
        axes_of_the_decoder_alone,
        mean_left_in,
        smallest_first,
    ],
}
