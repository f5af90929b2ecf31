"""Text through a language model to bytes and back (chapter neural_compression)."""

import numpy as np
import torch

from companion.autoregressive.sequences import CharRNN
from companion.compression.language import NextCharacter, read_text, write_text
from companion.layers import initialize


def small(seed=0):
    net = CharRNN(7, n_hidden=12, n_features=5)
    return initialize(net, generator=torch.Generator().manual_seed(seed))


def test_the_text_comes_back_and_is_as_long_as_its_likelihood_says():
    """Equation (length): the message is minus log2 p, to within two bytes."""
    net = small()
    symbols = np.random.RandomState(0).randint(7, size=200).tolist()
    message = write_text(symbols, net)
    assert read_text(message, net, 200) == symbols
    x = torch.tensor([symbols])
    logits = net.double().logits(x)[0].log_softmax(dim=-1)
    bits = -logits.gather(-1, x.T).sum().item() / np.log(2)
    assert 0 <= len(message) - bits / 8 < 2


def test_another_network_reads_something_else():
    symbols = [0, 1, 2, 3, 4, 5, 6] * 20
    message = write_text(symbols, small())
    assert read_text(message + bytes(200), small(1), 140) != symbols


def test_the_caller_s_network_is_left_alone():
    net = small()
    NextCharacter(net).edges()
    assert next(net.parameters()).dtype == torch.float32
    assert net.training
