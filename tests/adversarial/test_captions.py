"""What captions say: words as numbers, wrong captions, and the same in other words."""

import itertools

import pytest
import torch

from companion import data
from companion.adversarial.captions import (
    N_WORDS,
    VOCABULARY,
    change_word,
    detokenize,
    differ,
    meaning,
    read_caption,
    tokenize,
)
from tests.contracts import seeded

SCENES = data.scenes(300, size=16, random_state=8)
TOKENS = tokenize(SCENES.captions)
PAIR = ["a red circle above a small blue cross", "a small blue cross below a red circle"]


def one_word_apart(words, others):
    """Whether one word was exchanged, or "small" put in or taken away."""
    if len(words) == len(others):
        return sum(a != b for a, b in zip(words, others, strict=True)) == 1
    longer, shorter = sorted([words, others], key=len, reverse=True)
    return any(
        word == "small" and longer[:i] + longer[i + 1 :] == shorter for i, word in enumerate(longer)
    )


class TestCaptions:
    def test_tokens_and_captions_are_the_same(self):
        assert detokenize(TOKENS) == SCENES.captions
        assert TOKENS.shape == (300, N_WORDS)

    def test_vocabulary_is_that_of_the_captions(self):
        assert {word for caption in SCENES.captions for word in caption.split()} == set(
            VOCABULARY[1:]
        )

    def test_unknown_word_is_named_and_the_vocabulary_listed(self):
        with pytest.raises(ValueError, match=r"'pink'.*a, small, red.*cross.*of"):
            tokenize("a pink circle")

    @pytest.mark.parametrize("caption", ["", "a red circle above a red circle above a red cross"])
    def test_number_of_words_is_checked(self, caption):
        with pytest.raises(ValueError, match="use 1 to 10 words"):
            tokenize(caption)

    def test_what_is_read_is_what_the_scene_has(self):
        for i, caption in enumerate(SCENES.captions):
            objects, relation = read_caption(caption)
            assert relation == SCENES.relations[i]
            assert objects == [row for row in SCENES.objects[i].tolist() if row[0] >= 0]

    @pytest.mark.parametrize(
        "caption", ["circle", "a red circle above", "red a circle", "a small circle"]
    )
    def test_other_sentences_are_refused(self, caption):
        with pytest.raises(ValueError, match=r"must be 'a \[small\]"):
            read_caption(caption)

    def test_meaning_is_where_the_objects_are(self):
        layout, objects = meaning(SCENES.captions)
        for i in (layout > 0).nonzero()[:, 0]:
            axis = int(layout[i] == 1)  # rows for one above the other
            swapped = SCENES.centers[i][0, axis] > SCENES.centers[i][1, axis]
            there = SCENES.objects[i][::-1] if swapped else SCENES.objects[i]
            assert objects[i].tolist() == there.tolist()


class TestMismatch:
    def test_other_words_for_the_same_are_no_mismatch(self):
        tokens = tokenize([*PAIR, "a red circle below a small blue cross"])
        assert differ(tokens).tolist() == [
            [False, False, True],
            [False, False, True],
            [True] * 2 + [False],
        ]

    def test_differ_is_whether_a_scene_shows_another_thing(self):
        layout, objects = meaning(SCENES.captions[:60])
        wanted = differ(TOKENS[:60])
        for i, j in itertools.product(range(60), repeat=2):
            same = layout[i] == layout[j] and torch.equal(objects[i], objects[j])
            assert wanted[i, j] == (not same)

    def test_a_changed_caption_says_something_else_by_one_word(self):
        changed, is_seen = change_word(TOKENS, 7, generator=seeded(3))
        assert changed.shape == (300, 7, N_WORDS)
        for i in range(7):
            for caption, other in zip(SCENES.captions, detokenize(changed[:, i]), strict=True):
                assert one_word_apart(caption.split(), other.split())
            both = [meaning(detokenize(tokens)) for tokens in (TOKENS, changed[:, i])]
            (layout, objects), (other, others) = both
            assert ((layout != other) | (objects != others).flatten(1).any(dim=1)).all()
            for caption, seen in zip(detokenize(changed[:, i]), is_seen[:, i], strict=True):
                rows = read_caption(caption)[0]
                names = [
                    tuple(
                        list(k)[v]
                        for k, v in zip((data.SHAPES, data.COLORS, data.SIZES), row, strict=True)
                    )
                    for row in rows
                ]
                assert seen == (not set(names) & set(data.HELD_OUT))

    def test_every_kind_of_word_is_changed(self):
        changed, _ = change_word(TOKENS, 9, generator=seeded(3))
        exchanged, resized = set(), set()
        for i in range(9):
            for caption, other in zip(SCENES.captions, detokenize(changed[:, i]), strict=True):
                a, b = caption.split(), other.split()
                if len(a) == len(b):
                    exchanged |= {w for v, w in zip(a, b, strict=True) if v != w}
                else:
                    resized |= {len(b) - len(a)}
        assert exchanged == set(VOCABULARY) - {"", "a", "small", "of"}
        assert resized == {-1, 1}

    def test_the_size_changes_where_the_longest_caption_allows(self):
        """Ten words: the only change of size is to take "small" away."""
        tokens = tokenize(["a small red circle left of a small blue square"] * 200)
        changed, _ = change_word(tokens, 3, generator=seeded())
        said = set(detokenize(changed.flatten(0, 1)))
        assert {
            "a red circle left of a small blue square",
            "a small red circle left of a blue square",
        } <= said
