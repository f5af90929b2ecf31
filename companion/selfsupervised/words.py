"""Words from their neighbours: skip-gram with negative sampling, a masked language model.

Chapter: `words`.
"""

import torch
from torch import nn
from torch.nn import functional

from companion.autoregressive.transformer import Block
from companion.distributions import uniform
from companion.layers import sinusoidal_embedding
from companion.validation import check_integer, check_levels, check_real


def negative_sampling_loss(positive, negative):
    """``-log sigmoid(s) - sum_k log sigmoid(-s_k)``, (B,), (B, k) to (B,), in nats.

    The sum is over logarithms, not inside one. `softplus` keeps them finite,
    whatever the scores. Mikolov et al., 2013.
    """
    strangers = functional.softplus(negative).sum(dim=-1)
    return functional.softplus(-positive) + strangers


class SkipGram(nn.Module):
    """Two vectors a word, one as a word and one as a neighbour (Mikolov et al., 2013).

    The score of a pair is ``w . c``. True pairs should score high, `n_negatives` neighbours drawn
    at random low. What is drawn may be a true neighbour: left in, the best score of a pair is its
    pointwise mutual information minus ``log n_negatives`` (Levy and Goldberg, 2014).

    Parameters
    ----------
    counts : tensor (n_words,)
        How often each word is seen as a neighbour.
    n_dims, n_negatives : int
    power : float
        Neighbours are drawn in proportion to ``counts ** power``.
    """

    def __init__(self, counts, *, n_dims=64, n_negatives=5, power=1.0):
        super().__init__()
        self.n_negatives = check_integer("n_negatives", n_negatives)
        weights = torch.as_tensor(counts).double() ** check_real("power", power, 0)
        if not (weights.isfinite().all() and weights.sum() > 0):
            raise ValueError("counts must be finite, and one above 0: count the neighbours first.")
        self.register_buffer("cumulative", (weights.cumsum(0) / weights.sum()).float())
        self.words = nn.Embedding(len(weights), check_integer("n_dims", n_dims))
        self.neighbours = nn.Embedding(len(weights), n_dims)
        self.reset_parameters()

    def reset_parameters(self):
        """Vectors of length 1 or so: scores begin near 0."""
        for table in (self.words, self.neighbours):
            nn.init.normal_(table.weight, std=table.embedding_dim**-0.5)

    def draw(self, shape, *, generator=None):
        """Neighbours at random, int64 of any shape."""
        u = uniform(shape, generator=generator, like=self.cumulative)
        return torch.searchsorted(self.cumulative, u, right=True).clamp(
            max=len(self.cumulative) - 1
        )

    def scores(self, words, neighbours):
        """``w . c`` of words (B,) with neighbours (B,) or (B, k), in the latter's shape."""
        w, c = self.words(words), self.neighbours(neighbours)
        return torch.einsum("bd,b...d->b...", w, c)

    def loss(self, pairs, *, generator=None):
        """Mean of `negative_sampling_loss` over int64 (B, 2), with fresh negatives."""
        pairs = check_levels("pairs", pairs, len(self.cumulative)).long()
        words, neighbours = pairs.unbind(dim=1)
        drawn = self.draw((len(pairs), self.n_negatives), generator=generator)
        return negative_sampling_loss(
            self.scores(words, neighbours), self.scores(words, drawn)
        ).mean()


def mask_tokens(x, n_words, mask, *, rate=0.15, shares=(0.8, 0.1), generator=None):
    """Choose words to be guessed, and hide most of them (Devlin et al., 2019).

    Each word is selected with probability `rate`. A selected one is replaced by
    `mask` with the first of the `shares`, by a random word with the second, and
    stays as it is otherwise.

    Parameters
    ----------
    x : int64 tensor (B, T)
        Numbers from `n_words` on are no words: never selected, never drawn.

    Returns
    -------
    seen : int64 tensor (B, T)
    selected : bool tensor (B, T)
    """
    hidden, random = shares
    check_real("sum(shares)", float(hidden + random), 0, 1)
    like = torch.empty(0, device=x.device)
    chance = uniform(x.shape, generator=generator, like=like)
    selected = (chance < rate) & (x < n_words)
    # What becomes of a selected word: below 0.8, from there to 0.9, above.
    fate = uniform(x.shape, generator=generator, like=like)
    place = uniform(x.shape, generator=generator, like=like)
    drawn = (n_words * place).long().clamp(max=n_words - 1)
    seen = torch.where(selected & (fate < hidden), mask, x)
    other = (fate >= hidden) & (fate < hidden + random)
    seen = torch.where(selected & other, drawn, seen)
    return seen, selected


class MaskedLanguageModel(nn.Module):
    """A transformer whose places look both ways, and guess words that are hidden (BERT).

    Trained by the cross-entropy of the selected words alone, given all that is seen. Devlin et
    al., 2019. The vectors of words that go in are those that guesses are compared with.

    Parameters
    ----------
    counts : tensor (n_words,)
        How often each word was seen: where guesses begin. The numbers ``n_words``, ``n_words + 1``,
        ``n_words + 2`` are those of a `Vocabulary` for another word, a gap and a blank.
    n_units, n_heads, n_layers : int
    max_length : int
        The longest piece of text.
    rate, shares
        As for `mask_tokens`.
    dropout : float
    causal : bool
        Whether a place sees only what stands to the left: for comparison.
    """

    def __init__(
        self,
        counts,
        *,
        n_units=64,
        n_heads=4,
        n_layers=1,
        max_length=11,
        rate=0.15,
        shares=(0.8, 0.1),
        dropout=0.1,
        causal=False,
    ):
        super().__init__()
        self.n_words, self.mask = len(counts), len(counts) + 2
        self.rate, self.shares = rate, shares
        share = torch.as_tensor(counts).double()
        self.register_buffer("start", (share / share.sum()).log().float(), persistent=False)
        self.word = nn.Embedding(self.n_words + 3, n_units)
        self.place = nn.Embedding(max_length, n_units)
        self.blocks = nn.ModuleList(
            Block(n_units, n_heads, rate=dropout, causal=causal) for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(n_units)
        self.bias = nn.Parameter(torch.zeros(self.n_words))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self):
        """Small vectors, places as waves; guesses are the words' frequencies."""
        nn.init.normal_(self.word.weight, std=self.word.embedding_dim**-0.5)
        self.bias.copy_(self.start)
        places = torch.arange(self.place.num_embeddings, device=self.place.weight.device)
        waves = sinusoidal_embedding(places, self.place.embedding_dim, max_period=20.0)
        self.place.weight.copy_(0.15 * waves)

    @torch.no_grad()
    def begin_with(self, vectors):
        """Take vectors of the words (n_words, n_units), brought to the size of those at the start.

        Returns the model.
        """
        if vectors.shape != (self.n_words, self.word.embedding_dim):
            raise ValueError(
                f"vectors has shape {tuple(vectors.shape)} but must be "
                f"({self.n_words}, {self.word.embedding_dim}): one for each word."
            )
        scale = self.word.embedding_dim**-0.5 / vectors.std()
        self.word.weight[: self.n_words] = scale * vectors
        return self

    def encode(self, seen, *, generator=None):
        """A vector of each place in its sentence, int64 (B, T) to (B, T, n_units)."""
        if seen.shape[1] > self.place.num_embeddings:
            raise ValueError(
                f"max_length={self.place.num_embeddings} is less than {seen.shape[1]}: raise it."
            )
        x = self.word(check_levels("seen", seen, self.mask + 1))
        x = x + self.place.weight[: seen.shape[1]]
        for block in self.blocks:
            x, _ = block(x, generator=generator)
        return self.norm(x)

    def guess(self, code):
        """Logits of all words for places (..., n_units): (..., n_words)."""
        return code @ self.word.weight[: self.n_words].T + self.bias

    def loss(self, x, *, generator=None):
        """Mean cross-entropy, in nats, of the words selected in x (B, T)."""
        told = {"rate": self.rate, "shares": self.shares, "generator": generator}
        seen, selected = mask_tokens(x, self.n_words, self.mask, **told)
        code = self.encode(seen, generator=generator)[selected]  # (n_selected, n_units)
        wrong = functional.cross_entropy(self.guess(code), x[selected], reduction="sum")
        return wrong / selected.sum().clamp(min=1)
