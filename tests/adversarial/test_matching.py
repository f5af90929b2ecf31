"""The network that tells which caption fits an image."""

import math

import pytest
import torch
from torch.nn import functional

from companion import data
from companion.adversarial.captions import (
    change_word,
    differ,
    tokenize,
)
from companion.adversarial.matching import (
    CaptionMatcher,
    TextEncoder,
    fit_matcher,
    matching_loss,
)
from companion.layers import initialize
from tests.contracts import DeepContract, seeded

SCENES = data.scenes(300, size=16, random_state=8)
IMAGES, TOKENS = torch.from_numpy(SCENES.images), tokenize(SCENES.captions)
PAIR = ["a red circle above a small blue cross", "a small blue cross below a red circle"]


class TestCaptionMatcher(DeepContract):
    def make(self):
        return CaptionMatcher(n_features=12, n_text=10, n_changed=3)

    def batch(self):
        return IMAGES[:8], TOKENS[:8]


class TestScores:
    def test_wrong_pairs_are_wrong(self):
        tokens = torch.cat([tokenize(PAIR), TOKENS[:4]])
        model = initialize(CaptionMatcher(n_changed=5), generator=seeded())
        features = torch.rand(6, 128, generator=seeded())
        right, changed, others = model.compare(features, tokens, generator=seeded())
        assert right.shape == (6,)
        assert changed.shape == (6, 5)
        assert others.shape == (6, 12)
        for some in (others[:, :6], others[:, 6:]):  # other captions, and other images
            assert (some[:2, :2] == -1e4).all(), "the same in other words is no mismatch"
            assert (some.diagonal() == -1e4).all()
            assert (some[:2, 2:] > -1e3).all()

    def test_scores_are_products_of_features_and_told_words(self):
        """Each of the three kinds, pair by pair."""
        model = initialize(CaptionMatcher(n_changed=4), generator=seeded()).double()
        features = torch.randn(5, 128, generator=seeded(), dtype=torch.float64)
        tokens = TOKENS[[0, 1, 2, 3, 4]]
        right, changed, others = model.compare(features, tokens, generator=seeded(7))
        words, is_seen = change_word(tokens, 4, generator=seeded(7))
        for i in range(5):
            own = features[i] @ model.told(tokens[i : i + 1])[0]
            torch.testing.assert_close(right[i], own)
            for j in range(4):
                due = features[i] @ model.told(words[i, j : j + 1])[0]
                assert torch.isclose(changed[i, j], due if is_seen[i, j] else due * 0 - 1e4)
            for j in range(5):
                if differ(tokens)[i, j]:
                    due = features[i] @ model.told(tokens[j : j + 1])[0]
                    assert torch.isclose(others[i, j], due), "another caption"
                    assert torch.isclose(others[j, 5 + i], due), "another image"

    def test_a_combination_that_is_held_out_is_never_a_wrong_caption(self):
        model = initialize(CaptionMatcher(n_changed=40), generator=seeded())
        _, changed, _ = model.compare(torch.ones(300, 128), TOKENS, generator=seeded(2))
        _, is_seen = change_word(TOKENS, 40, generator=seeded(2))
        assert torch.equal(changed > -1e3, is_seen)
        assert 0.5 < is_seen.double().mean() < 0.95

    def test_told_words_have_length_one(self):
        model = initialize(CaptionMatcher(), generator=seeded()).double()
        lengths = model.told(TOKENS).norm(dim=1)
        torch.testing.assert_close(lengths, torch.ones_like(lengths), atol=1e-3, rtol=0)

    def test_the_order_of_the_objects_is_heard_and_the_sum_of_words_is_not_enough(self):
        tokens = tokenize(["a red circle above a blue cross", "a blue cross above a red circle"])
        encoder = initialize(TextEncoder(), generator=seeded()).double()
        words = encoder.words(tokens).sum(dim=1)
        torch.testing.assert_close(words[0], words[1])
        told = encoder(tokens)
        assert (told[0] - told[1]).abs().max() > 0.1
        torch.nn.init.zeros_(encoder.order.weight)
        told = encoder(tokens)
        torch.testing.assert_close(told[0], told[1])

    def test_padding_says_nothing(self):
        encoder = initialize(TextEncoder(), generator=seeded())
        longer = functional.pad(TOKENS[:9], (3, 0))
        torch.testing.assert_close(encoder(longer), encoder(TOKENS[:9]))

    def test_matching_loss_is_cross_entropy_with_the_right_one_as_a_class(self):
        right, wrong = torch.randn(9, generator=seeded()), torch.randn(9, 5, generator=seeded(1))
        logits = torch.cat([right[:, None], wrong], dim=1)
        due = functional.cross_entropy(logits, torch.zeros(9, dtype=torch.int64))
        torch.testing.assert_close(matching_loss(right, wrong), due)

    def test_matching_loss_at_extreme_scores_is_finite(self):
        right = torch.tensor([500.0, -500.0])
        wrong = torch.full((2, 3), -1e4)
        assert matching_loss(right, wrong).item() == pytest.approx(0)
        wrong = torch.zeros(2, 1)
        assert matching_loss(right, wrong).item() == pytest.approx(250)

    def test_after_a_few_steps_the_right_caption_is_above_the_wrong(self):
        model = initialize(CaptionMatcher(), generator=seeded())
        model, history = fit_matcher(model, IMAGES, TOKENS, 40, generator=seeded())
        assert len(history) == 40
        assert not model.training
        x = IMAGES / 127.5 - 1
        right, _, others = model.compare(model.features(x), TOKENS, generator=seeded(1))
        assert right.mean() > others[others > -1e3].mean() + 1

    def test_matching_loss_with_one_wrong_caption_is_a_softplus(self):
        right, wrong = torch.randn(2, 9, generator=seeded(), dtype=torch.float64)
        expected = (1 + (wrong - right).exp()).log().mean()
        torch.testing.assert_close(matching_loss(right, wrong[:, None]), expected)

    def test_matching_loss_of_n_equal_logits_is_log_n_plus_one(self):
        loss = matching_loss(torch.zeros(3), torch.zeros(3, 6))
        assert loss.item() == pytest.approx(math.log(7))
