"""Sequences: counts, a recurrent network and dilated convolutions, one conditional at a time.

Chapter: `sequences`.
"""

import numpy as np
import torch
from scipy.sparse.csgraph import connected_components
from torch import nn
from torch.nn import functional

from companion.autoregressive.ancestral import Autoregressive
from companion.distributions import sample_categorical
from companion.layers import CausalConv1d, gate
from companion.validation import check_integer, check_real

# The characters of `companion.data.text()`.
ALPHABET = (
    "\n\f !\"#%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_"
    "abcdefghijklmnopqrstuvwxyz{|}~°ß–—‘’“”…"
)
N_CHARACTERS = len(ALPHABET)


def to_levels(text, alphabet=ALPHABET):
    """Characters as numbers 0, 1, ... in the alphabet: int64 (n_characters,)."""
    index = {character: level for level, character in enumerate(alphabet)}
    if unknown := set(text) - set(index):
        raise ValueError(
            f"text has {sorted(unknown)}, which alphabet={alphabet!r} lacks: add them."
        )
    return torch.tensor([index[character] for character in text], dtype=torch.int64)


def to_text(levels, alphabet=ALPHABET):
    """Numbers as characters again."""
    return "".join(alphabet[level] for level in levels.tolist())


def split_topics(text, share=0.1, *, min_line=40, random_state=0):
    """Hold out whole topics that have no line in common with the rest.

    Topics are separated by form feeds. Those that share a line of `min_line` characters belong to
    one family (a connected component), and a family is never split.

    Returns
    -------
    learn, held_out : str
        The second is at most `share` of the text. The order of the topics is kept.
    """
    check_real("share", share, 0, 1)
    topics = text.split("\f")
    lines = [{line.strip() for line in topic.split("\n")} for topic in topics]
    lines = [{line for line in some if len(line) >= min_line} for some in lines]
    related = np.array([[bool(a & b) for b in lines] for a in lines])
    n_families, family = connected_components(related, directed=False)
    sizes = np.bincount(family, [len(topic) for topic in topics])
    held, room = [], share * len(text)
    for chosen in np.random.RandomState(random_state).permutation(n_families):
        if sizes[chosen] <= room:
            held.append(chosen)
            room -= sizes[chosen]
    inside = np.isin(family, held)
    return tuple(
        "\f".join(topic for topic, out in zip(topics, inside, strict=True) if out == side)
        for side in (False, True)
    )


@torch.no_grad()
def windowed_log_prob(model, x, length, n_new):
    """Log-probability of each entry of one long text, read in windows: int64 (T,) to (T,), nats.

    A window of `length` entries judges its last `n_new` ones, so that each of them is read after
    at least ``length - n_new`` others; the first window judges all of its own.
    """
    missing = length - len(x) if len(x) < length else -(len(x) - length) % n_new
    windows = functional.pad(x, (0, missing)).unfold(0, length, n_new)
    logs = [
        model.logits(some).log_softmax(dim=-1).gather(-1, some[..., None])[..., 0]
        for some in windows.split(max(1, 8192 // length))  # so many entries fit the memory
    ]
    logs = torch.cat(logs)
    return torch.cat([logs[0, :-n_new], logs[:, -n_new:].flatten()])[: len(x)]


class HistogramModel(Autoregressive):
    """Counts: what followed the last `n_previous` entries, and how often.

    With ``n_previous=0`` it is one histogram. Counts n of a context c are mixed with the estimate
    for c', which is one entry shorter: ``p_k(a | c) = (n(c, a) + s p_{k-1}(a | c')) / (n(c) + s)``.
    It ends at the uniform distribution. Before the first entry stands a level of its own, so that
    ``p(x_1)`` is a histogram of first entries.

    Parameters
    ----------
    n_levels, n_previous : int
    smoothing : float
        s, how many observations the shorter context is worth.
    """

    def __init__(self, n_levels=N_CHARACTERS, n_previous=0, *, smoothing=8.0):
        super().__init__((None,), check_integer("n_levels", n_levels))
        self.n_previous = check_integer("n_previous", n_previous, low=0, high=8)
        if (most := (self.n_levels + 1) ** self.n_previous * self.n_levels) >= 2**63:
            raise ValueError(
                f"n_previous={n_previous} of n_levels={n_levels} makes {most:.1e} contexts, more "
                "than int64 can number: take a shorter context."
            )
        self.smoothing = check_real("smoothing", smoothing, 0, inclusive=False)

    def contexts(self, x, n_previous):
        """Number that names the entries before each entry, int64 (B, T) to (B, T)."""
        past = functional.pad(x, (n_previous, 0), value=self.n_levels)
        code = torch.zeros_like(x)
        for lag in range(n_previous):
            code = code * (self.n_levels + 1) + past[:, lag : lag + x.shape[1]]
        return code

    def fit(self, x):
        """Count, in int64 (B, T); return the model."""
        x = self.check(x)
        for k in range(self.n_previous + 1):
            pairs, counts = (self.contexts(x, k) * self.n_levels + x).unique(return_counts=True)
            keys, row = (pairs // self.n_levels).unique(return_inverse=True)
            table = torch.zeros(len(keys), self.n_levels, device=x.device)
            table[row, pairs % self.n_levels] = counts.to(table)
            self.register_buffer(f"keys{k}", keys)
            self.register_buffer(f"table{k}", table)
        return self

    def conditionals(self, inputs, context=None, *, generator=None):
        """Log-probabilities by the formula above, from one-hot (B, T, n_levels)."""
        if not hasattr(self, "table0"):
            raise ValueError("the model has counted nothing yet: call fit(x) first.")
        switched_on, x = inputs.max(dim=-1)
        p = torch.full_like(inputs, 1 / self.n_levels)
        for k in range(self.n_previous + 1):
            keys, table = getattr(self, f"keys{k}"), getattr(self, f"table{k}")
            code = self.contexts(x, k)
            row = torch.searchsorted(keys, code).clamp(max=len(keys) - 1)
            counts = table[row] * (keys[row] == code)[..., None]
            p = (counts + self.smoothing * p) / (counts.sum(-1, keepdim=True) + self.smoothing)
        # Times 1 for each entry that was looked up: autograd sees what the table depends on.
        past = functional.pad(switched_on, (self.n_previous, 0), value=1.0)
        looked_up = past.unfold(1, self.n_previous, 1)[:, : x.shape[1]].prod(dim=-1)
        return p.log() * looked_up[..., None]


def shift_right(inputs):
    """Let time step t see step t - 1: (B, T, n_features), zeros first, the last dropped."""
    return functional.pad(inputs, (0, 0, 1, 0))[:, :-1]


class CharRNN(Autoregressive):
    """Recurrent network over characters (Karpathy, 2015), here an LSTM.

    ``h_t = LSTM(h_{t-1}, x_{t-1})``, ``p(x_t | x_1, ..., x_{t-1}) = softmax(W h_t + b)``

    Parameters
    ----------
    n_levels, n_hidden, n_features : int
        Characters, size of the state, numbers by which a character is written.
    n_context : int
        Size of the vector that is added to every input, 0 for none.
    """

    def __init__(self, n_levels=N_CHARACTERS, *, n_hidden=192, n_features=64, n_context=0):
        super().__init__((None,), n_levels)
        self.characters = nn.Embedding(n_levels, n_features)
        self.rnn = nn.LSTM(n_features, n_hidden, batch_first=True)
        self.head = nn.Linear(n_hidden, n_levels)
        self.context = nn.Linear(n_context, n_features, bias=False) if n_context else None
        self.reset_parameters()

    def reset_parameters(self):
        """Open the forget gates: at the start the state is kept for longer."""
        n_hidden = self.rnn.hidden_size
        nn.init.ones_(self.rnn.bias_hh_l0[n_hidden : 2 * n_hidden].detach())

    def embed(self, x):
        """A row of a learned table for each character."""
        return self.characters(x)

    def conditionals(self, inputs, context=None, *, generator=None):
        """Logits of all steps from float (B, T, n_features)."""
        told = 0 if context is None else self.context(context)[:, None]
        hidden, _ = self.rnn(shift_right(inputs) + told)
        return self.head(hidden)

    @torch.no_grad()
    def complete(self, x, known, context=None, *, temperature=1.0, generator=None):
        """As in `Autoregressive`, one step of the network an entry: the state is kept."""
        x = torch.where(known, self.check(x), 0)
        told = 0 if context is None else self.context(context)[:, None]
        before, state = torch.zeros_like(self.embed(x[:, :1])), None
        for step in range(x.shape[1]):
            hidden, state = self.rnn(before + told, state)
            if not known[step]:
                logits = self.head(hidden[:, 0])
                x[:, step] = sample_categorical(logits, temperature, generator=generator)
            before = self.embed(x[:, step : step + 1])
        return x


class GatedBlock(nn.Module):
    """One layer of `WaveNet`, (B, C, T) to the next layer's input and a part of the output.

    ``h = tanh(a * x) sigmoid(b * x)`` with causal convolutions; then ``x + W h`` and ``V h``.
    """

    def __init__(self, n_channels, dilation):
        super().__init__()
        self.conv = CausalConv1d(n_channels, 2 * n_channels, 2, dilation=dilation)
        self.mix = nn.Conv1d(n_channels, 2 * n_channels, 1)

    def forward(self, x, told=0):
        residual, skip = self.mix(gate(self.conv(x) + told)).chunk(2, dim=1)
        return x + residual, skip


class WaveNet(Autoregressive):
    """Causal convolutions with dilations 1, 2, 4, ... (van den Oord et al., 2016).

    Each entry is predicted from the ``2 ** n_layers`` entries before it.

    Parameters
    ----------
    n_levels, n_channels, n_layers : int
    n_context : int
        Size of the vector that every layer is told, 0 for none.
    """

    def __init__(self, n_levels=N_CHARACTERS, *, n_channels=64, n_layers=7, n_context=0):
        super().__init__((None,), n_levels)
        self.receptive_field = 2 ** check_integer("n_layers", n_layers)
        self.characters = nn.Embedding(n_levels, n_channels)
        self.blocks = nn.ModuleList(GatedBlock(n_channels, 2**i) for i in range(n_layers))
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv1d(n_channels, n_channels, 1),
            nn.ReLU(), nn.Conv1d(n_channels, n_levels, 1),
        )  # fmt: skip
        self.context = nn.Linear(n_context, 2 * n_channels, bias=False) if n_context else None

    def embed(self, x):
        """A row of a learned table for each character."""
        return self.characters(x)

    def conditionals(self, inputs, context=None, *, generator=None):
        """Logits of all steps in one pass, from float (B, T, n_channels)."""
        told = 0 if context is None else self.context(context)[:, :, None]
        x = shift_right(inputs).transpose(1, 2)  # (B, C, T)
        total = 0
        for block in self.blocks:
            x, skip = block(x, told)
            total = total + skip
        return self.head(total).transpose(1, 2)
