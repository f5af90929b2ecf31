"""Text to image: a picture must look real and fit its caption."""

import itertools
import math

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
from companion.adversarial.scene_judge import SceneJudge
from companion.adversarial.text_to_image import (
    SIZE,
    ScenePainter,
    TextToImageGAN,
    fit_text_to_image,
    matching_loss,
)
from companion.layers import initialize
from tests.contracts import DeepContract, GenerativeContract, seeded

SCENES = data.scenes(300, size=16, random_state=8)
IMAGES, TOKENS = torch.from_numpy(SCENES.images), tokenize(SCENES.captions)
PAIR = ["a red circle above a small blue cross", "a small blue cross below a red circle"]


class TestTextToImageGAN(GenerativeContract):
    sample_options = {"context": "a red circle left of a black cross"}  # noqa: RUF012
    learning_rate = 1e-3

    def make(self):
        return TextToImageGAN()

    def batch(self):
        return IMAGES[:6], TOKENS[:6]


class TestSceneJudge(DeepContract):
    def make(self):
        return SceneJudge(n_channels=8, n_local=8, n_features=16)

    def batch(self):
        return IMAGES[:8], *meaning(SCENES.captions[:8])


def new_game(**options):
    """A game with random weights."""
    return initialize(TextToImageGAN(**options), generator=seeded())


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

    def test_a_changed_caption_says_something_else_in_as_many_words(self):
        changed, is_seen = change_word(TOKENS, 7, generator=seeded(3))
        assert changed.shape == (300, 7, N_WORDS)
        n_changed = (changed != TOKENS[:, None]).sum(dim=2)
        assert (n_changed == 1).all()
        for i in range(7):
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
        words = {VOCABULARY[i] for i in changed[changed != TOKENS[:, None]].tolist()}
        assert words == set(VOCABULARY) - {"", "a", "small", "of"}

    def test_wrong_pairs_are_wrong_and_the_three_kinds_are_there(self):
        tokens = torch.cat([tokenize(PAIR), TOKENS[:4]])
        model, real = new_game(), torch.zeros(6, 3, SIZE, SIZE)
        pairs = model.pairs(real, real, tokens, generator=seeded())
        assert set(pairs) == {"real+right", "real+wrong", "fake+right"}
        torch.testing.assert_close(pairs["real+right"], pairs["fake+right"])
        wrong = pairs["real+wrong"][:, model.n_changed :]
        for some in (wrong[:, :6], wrong[:, 6:]):  # other captions, and other images
            assert (some[:2, :2] == -1e4).all(), "the same in other words is no mismatch"
            assert (some.diagonal() == -1e4).all()
            assert (some[:2, 2:] > -1e3).all()

    def test_matching_loss_with_one_wrong_caption_is_a_softplus(self):
        right, wrong = torch.randn(2, 9, generator=seeded(), dtype=torch.float64)
        expected = (1 + (wrong - right).exp()).log().mean()
        torch.testing.assert_close(matching_loss(right, wrong[:, None]), expected)

    def test_matching_loss_of_n_equal_logits_is_log_n_plus_one(self):
        loss = matching_loss(torch.zeros(3), torch.zeros(3, 6))
        assert loss.item() == pytest.approx(math.log(7))


class TestGame:
    def gradients(self, value, model):
        """Names of the parts that a loss reaches."""
        model.zero_grad()
        value.backward()
        return {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}

    def test_each_player_gets_the_gradient_of_its_own_loss(self):
        model, batch = new_game(), (IMAGES[:6], TOKENS[:6])
        own = model.discriminator_loss(*batch, generator=seeded())
        assert self.gradients(own, model) == {"discriminator"}
        against = model.generator_loss(*batch, generator=seeded())
        assert self.gradients(against, model) == {"generator"}

    def test_the_text_encoder_learns_from_the_discriminator(self):
        model = new_game()
        model.discriminator_loss(IMAGES[:6], TOKENS[:6], generator=seeded()).backward()
        assert model.discriminator.text.words.weight.grad.abs().sum() > 0

    def test_without_weight_no_wrong_pair_counts(self):
        model = new_game(weight=0.0, veil=0.0)
        real, fake = torch.rand(2, 6, 3, SIZE, SIZE, generator=seeded()) * 2 - 1
        values = []
        for n in range(2):
            values.append(model.discriminator_value(real, fake, TOKENS[:6], generator=seeded(n)))
        assert values[0] == values[1], "changed words matter"

    def test_after_training_the_right_caption_is_above_the_wrong(self):
        model, trained = new_game(), None
        trained, history = fit_text_to_image(
            model, IMAGES, TOKENS, 3, generator=seeded(), n_match=40, learning_rate=1e-4
        )
        assert len(history) == 3
        right, wrong = trained.with_captions(trained.prepare(IMAGES), TOKENS, generator=seeded(1))
        others = wrong[:, model.n_changed :]
        mean = others[others > -1e3].mean()
        assert right.mean() > mean + 1

    def test_an_object_is_painted_where_the_painter_says(self):
        painter = initialize(ScenePainter(), generator=seeded())
        z = torch.randn(1, 16, generator=seeded(1))
        text = torch.randn(1, 96, generator=seeded(2))
        with torch.no_grad():
            for offset in ((0.0, 0.0), (0.4, -0.3)):
                painter.place.weight.zero_()
                painter.place.bias.copy_(torch.tensor([*offset, *offset]))
                places, *_ = painter.objects(z, text)
                alpha = (painter(z, text) - painter(z, text)[..., :1, :1]).abs().sum(dim=1)[0]
                middle = alpha.sum(dim=0) @ painter.pixels / alpha.sum()
                assert middle.item() == pytest.approx(places[0, 0, 0].item(), abs=0.5)
                middle = alpha.sum(dim=1) @ painter.pixels / alpha.sum()
                assert middle.item() == pytest.approx(places[0, 0, 1].item(), abs=0.5)

    def test_captions_are_counted(self):
        with pytest.raises(ValueError, match=r"context has 2 captions but must have 1 or n=3"):
            new_game().sample(3, context=PAIR)


class TestJudge:
    def seen(self, layout, objects):
        """A judge that always sees this."""

        class Fixed(SceneJudge):
            def look(self, x):
                return torch.tensor([layout]), torch.tensor([objects])

        return Fixed(2, 2, 2)

    RED, BLUE, NOTHING = [0, 0, 1], [3, 2, 0], [-1, -1, -1]  # of PAIR

    @pytest.mark.parametrize("caption", PAIR)
    def test_both_ways_to_say_it_are_right(self, caption):
        told = self.seen(1, [self.RED, self.BLUE]).accuracy(None, [caption])
        assert set(told.values()) == {1.0}

    def test_exchanged_objects_have_right_attributes_and_the_wrong_position(self):
        told = self.seen(1, [self.BLUE, self.RED]).accuracy(None, PAIR[:1])
        assert told == {"shape": 1, "colour": 1, "size": 1, "position": 0, "all": 0}

    def test_a_missing_object_counts_as_wrong(self):
        told = self.seen(0, [self.BLUE, self.NOTHING]).accuracy(None, PAIR[:1])
        assert told == {"shape": 0.5, "colour": 0.5, "size": 0.5, "position": 0, "all": 0}

    def test_one_object_too_many_is_a_wrong_position(self):
        told = self.seen(1, [self.BLUE, self.RED]).accuracy(None, ["a red circle"])
        assert told == {"shape": 1, "colour": 1, "size": 1, "position": 0, "all": 0}
