"""The judge of scenes, and what it looks at."""

import pytest
import torch

from companion import data
from companion.adversarial.captions import meaning
from companion.adversarial.scene_judge import SceneFeatures, SceneJudge
from companion.layers import initialize
from tests.contracts import DeepContract, seeded

SCENES = data.scenes(300, size=16, random_state=8)
IMAGES = torch.from_numpy(SCENES.images)
PAIR = ["a red circle above a small blue cross", "a small blue cross below a red circle"]


class TestSceneJudge(DeepContract):
    def make(self):
        return SceneJudge(n_channels=(4, 6, 8), n_features=16)

    def batch(self):
        return IMAGES[:8], *meaning(SCENES.captions[:8])


def test_folded_features_are_the_same_function_without_batch_normalisation():
    features = initialize(SceneFeatures((5, 6, 7), 9), generator=seeded()).double()
    x = torch.rand(11, 3, 16, 16, generator=seeded(), dtype=torch.float64) * 2 - 1
    for _ in range(3):
        features(x)  # running means and variances
    before = features.eval()(x)
    folded = features.folded()
    torch.testing.assert_close(folded(x), before)
    torch.testing.assert_close(folded(x[:1]), before[:1])
    torch.testing.assert_close(features(x), before)


class TestJudge:
    def seen(self, layout, objects):
        """A judge that always sees this."""

        class Fixed(SceneJudge):
            def look(self, x):
                return torch.tensor([layout]), torch.tensor([objects])

        return Fixed((2, 2, 2), 2)

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

    def test_loss_without_a_veil_is_the_sum_of_seven_cross_entropies(self):
        judge = initialize(SceneJudge((4, 6, 8), 16, veil=0.0), generator=seeded()).double().eval()
        layout, objects = meaning(SCENES.captions[:8])
        due = 0.0
        for told, answer in zip(judge(IMAGES[:8]), [layout, *objects.flatten(1).T], strict=True):
            there = answer >= 0
            due = due - told.log_softmax(dim=1)[there, answer[there]].mean()
        torch.testing.assert_close(judge.loss(IMAGES[:8], layout, objects), due)

    def test_in_training_noise_lies_over_the_images(self):
        judge = initialize(SceneJudge((4, 6, 8), 16), generator=seeded()).double().eval()
        batch = IMAGES[:8], *meaning(SCENES.captions[:8])
        losses = [judge.loss(*batch, generator=seeded(n)).item() for n in (1, 1, 2)]
        assert losses[0] == losses[1] != losses[2]

    def test_faint_noise_does_not_deceive_the_judge(self):
        """A judge trained on clean scenes alone has four of five shapes right here."""
        noise = 10 * torch.randn(IMAGES.shape, generator=seeded())
        told = SceneJudge.load().accuracy((IMAGES + noise).round().clamp(0, 255), SCENES.captions)
        assert min(told.values()) > 0.97
