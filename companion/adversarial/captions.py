"""What captions say: words as numbers, wrong captions, and the same in other words.

Chapter: `text_to_image`.
"""

import torch

from companion.data import COLORS, HELD_OUT, RELATIONS, SHAPES, SIZES
from companion.distributions import uniform

KINDS = {"shape": list(SHAPES), "colour": list(COLORS), "size": list(SIZES)}
VOCABULARY = ["", "a", "small", *COLORS, *SHAPES, "above", "below", "left", "right", "of"]
EXCHANGED = [list(COLORS), list(SHAPES), ["above", "below"], ["left", "right"]]
N_WORDS = 10  # of the longest caption, "a small red circle left of a small blue square"


def read_caption(caption):
    """Return what a caption says: rows (shape, colour, size) of its objects, and the relation.

    >>> read_caption("a small red circle above a blue square")
    ([[0, 0, 0], [1, 2, 1]], 0)
    """
    relation = next((r for r in RELATIONS if f" {r} " in caption), None)
    phrases = [caption] if relation is None else caption.split(f" {relation} ")
    objects = []
    for phrase in phrases:
        words = phrase.split()
        small = words[1:2] == ["small"]
        if len(words) != 3 + small or words[0] != "a":
            raise ValueError(_refusal(caption))
        color, shape = words[-2:]
        if color not in COLORS or shape not in SHAPES:
            raise ValueError(_refusal(caption))
        sizes = KINDS["size"].index("small" if small else "large")
        objects.append([KINDS["shape"].index(shape), KINDS["colour"].index(color), sizes])
    return objects, -1 if relation is None else list(RELATIONS).index(relation)


def _refusal(caption):
    return (
        f"caption={caption!r} must be 'a [small] <colour> <shape>', or two of these with one of "
        f"{list(RELATIONS)} between them; colours {list(COLORS)}, shapes {list(SHAPES)}."
    )


def meaning(captions):
    """Return the layout (n,) and the objects (n, 2, 3) of captions, the upper or left one first.

    Two captions say the same if both are equal: "a below b" is "b above a". An object that is not
    there is a row of -1. Layouts are 0 for one object, 1 for one above the other, 2 for side by
    side.
    """
    layouts, objects = [], []
    for caption in captions:
        said, relation = read_caption(caption)
        said = said if list(RELATIONS)[relation] not in ("below", "right of") else said[::-1]
        objects.append(said if relation >= 0 else [*said, [-1, -1, -1]])
        layouts.append(1 + relation // 2)
    return torch.tensor(layouts), torch.tensor(objects)


def tokenize(captions):
    """Turn a caption, or a list of n, into tokens: int64 (n, 10), with zeros on the left."""
    rows = []
    for caption in [captions] if isinstance(captions, str) else captions:
        words = caption.lower().split()
        for word in words:
            if word not in VOCABULARY:
                raise ValueError(
                    f"captions have the word {word!r}, which no caption of the training set has: "
                    f"use {', '.join(VOCABULARY[1:])}."
                )
        if not 1 <= len(words) <= N_WORDS:
            raise ValueError(f"captions have {caption!r}: use 1 to {N_WORDS} words.")
        rows.append([0] * (N_WORDS - len(words)) + [VOCABULARY.index(word) for word in words])
    return torch.tensor(rows)


def detokenize(tokens):
    """Turn tokens (n, 10) back into a list of n captions."""
    return [" ".join(VOCABULARY[i] for i in row if i) for row in tokens.tolist()]


def differ(tokens):
    """Return which captions of a batch say different things, bool (B, B).

    Other words are not enough: "a below b" says what "b above a" says.
    """
    layout, objects = meaning(detokenize(tokens))
    said = torch.cat([layout[:, None], objects.flatten(1)], dim=1).to(tokens.device)
    return (said[:, None] != said).any(dim=2)


def _exchange_table():
    """Alternatives of each word (V, 5), how many there are, and the held-out combinations."""
    others = torch.zeros(len(VOCABULARY), 5, dtype=torch.int64)
    for words in EXCHANGED:
        for word in words:
            rest = [VOCABULARY.index(other) for other in words if other != word]
            others[VOCABULARY.index(word), : len(rest)] = torch.tensor(rest)
    unseen = torch.zeros(2, len(VOCABULARY), len(VOCABULARY), dtype=torch.bool)
    for shape, color, size in HELD_OUT:
        unseen[int(size == "small"), VOCABULARY.index(color), VOCABULARY.index(shape)] = True
    return others, (others > 0).sum(dim=1), unseen


OTHERS, N_OTHERS, UNSEEN = _exchange_table()
ARTICLE, SMALL = VOCABULARY.index("a"), VOCABULARY.index("small")
# Shapes and relations are harder to see than colours: their words are exchanged more often.
HARD = {*SHAPES, "above", "below", "left", "right"}
SHARES = {"": 0.0, "of": 0.0, "small": 0.0, "a": 2.0} | dict.fromkeys(HARD, 3.0)
WEIGHTS = torch.tensor([SHARES.get(word, 1.0) for word in VOCABULARY])


def change_word(tokens, n, *, generator=None):
    """Change one word of each caption n times: another colour, shape or relation, or the size.

    The size is chosen at the article: "small" is put behind it, or taken away from there.

    Returns
    -------
    changed : int64 (B, n, 10)
    is_seen : bool (B, n)
        False for captions with a combination of ``data.HELD_OUT``. They must not be used: a
        network that meets them as wrong ones only would learn that they always are.
    """
    others, n_others, unseen, weights = (
        table.to(tokens.device) for table in (OTHERS, N_OTHERS, UNSEEN, WEIGHTS)
    )
    tokens = tokens[:, None].repeat(1, n, 1)
    weight = weights[tokens]
    draws = uniform(tokens.shape, generator=generator, like=weights)
    at = torch.where(weight > 0, draws ** (1 / weight), -1).argmax(dim=2, keepdim=True)
    word = tokens.gather(2, at)
    which = uniform(word.shape, generator=generator, like=weights) * n_others[word].clamp_min(1)
    exchanged = tokens.scatter(2, at, others[word, which.long()])
    resized = _resize(tokens, at)
    changed = torch.where(word == ARTICLE, resized, exchanged)
    small = (changed[..., :-2] == SMALL).long()
    return changed, ~unseen[small, changed[..., 1:-1], changed[..., 2:]].any(dim=2)


def _resize(tokens, at):
    """Put "small" behind the article at a place, or take it away; what comes before moves."""
    place = torch.arange(N_WORDS, device=tokens.device).expand(tokens.shape)
    is_small = tokens.gather(2, (at + 1).clamp(max=N_WORDS - 1)) == SMALL
    shorter = tokens.gather(2, torch.where(place <= at + 1, place - 1, place).clamp_min(0))
    shorter = shorter.masked_fill(place == 0, 0)
    longer = tokens.gather(2, torch.where(place < at, place + 1, place))
    longer = torch.where(place == at, SMALL, longer)
    longer = torch.where(place == at - 1, ARTICLE, longer)
    return torch.where(is_small, shorter, longer)
