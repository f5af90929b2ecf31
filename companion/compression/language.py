"""A language model in front of the arithmetic coder. Chapter: `neural_compression`."""

import copy

import torch

from companion.compression.frequencies import cumulate, quantize
from companion.compression.stream_codes import ArithmeticDecoder, ArithmeticEncoder


class NextCharacter:
    """The edges of the next character under a `CharRNN`, given those that it was told."""

    def __init__(self, net):
        self.net, self.state = copy.deepcopy(net).cpu().double().eval(), None
        self.before = torch.zeros_like(self.net.embed(torch.zeros(1, 1, dtype=torch.long)))

    @torch.no_grad()
    def edges(self):
        hidden, self.state = self.net.rnn(self.before, self.state)
        p = self.net.head(hidden[0, 0]).softmax(dim=-1)
        return cumulate(quantize(p.numpy())).tolist()

    def tell(self, symbol):
        self.before = self.net.embed(torch.tensor([[symbol]]))


def write_text(symbols, net):
    """Bytes of a list of symbols, each coded by what the network says beforehand."""
    encoder, following = ArithmeticEncoder(), NextCharacter(net)
    for symbol in symbols:
        encoder.encode(symbol, following.edges())
        following.tell(symbol)
    return encoder.finish()


def read_text(message, net, n):
    """Read n symbols that `write_text` wrote with the same network."""
    decoder, following, found = ArithmeticDecoder(message), NextCharacter(net), []
    for _ in range(n):
        found.append(decoder.decode(following.edges()))
        following.tell(found[-1])
    return found
