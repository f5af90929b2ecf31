"""SegNet against scikit-learn's Jaccard score and a pooling that is undone by hand."""

import pytest
import torch
from sklearn.metrics import jaccard_score

from companion import data
from companion.autoencoders.segnet import SegNet, SkipNet, class_iou
from companion.layers import initialize
from tests.contracts import DeepContract, seeded


class TestSegNet(DeepContract):
    def make(self):
        return SegNet(widths=(8, 8))

    def batch(self):
        drawn = data.scenes(6, size=16, random_state=0)
        return torch.from_numpy(drawn.images), torch.from_numpy(drawn.masks)


class TestWithoutIndices(TestSegNet):
    def make(self):
        return SegNet(widths=(8, 8), use_indices=False)


class TestWholeMaps(TestSegNet):
    def make(self):
        return SkipNet(widths=(8, 8))


def bare(use_indices):
    """A network whose stages do nothing: pooling and its undoing remain."""
    model = SegNet(n_classes=2, n_channels=1, widths=(1,), use_indices=use_indices)
    for stages in (model.encoder, model.decoder):
        stages[0] = torch.nn.Identity()
    return model


def test_values_go_back_to_where_they_were_or_everywhere():
    image = torch.tensor([[9, 1, 2, 3], [4, 5, 6, 7], [8, 0, 1, 2], [3, 4, 5, 16.0]])[None, None]
    seen = {}
    for use_indices in (True, False):
        model = bare(use_indices)
        model.decoder[0].register_forward_hook(
            lambda module, inputs, output, key=use_indices: seen.update({key: output[0, 0]})
        )
        model(127.5 * (image + 1))
    sparse = torch.zeros(4, 4)
    sparse[0, 0], sparse[1, 3], sparse[2, 0], sparse[3, 3] = 9, 7, 8, 16
    torch.testing.assert_close(seen[True], sparse)
    repeated = torch.tensor([[9.0, 7], [8, 16]]).repeat_interleave(2, 0).repeat_interleave(2, 1)
    torch.testing.assert_close(seen[False], repeated)


def test_the_baseline_has_the_same_weights():
    shapes = [
        {name: weight.shape for name, weight in model.state_dict().items()}
        for model in (SegNet(), SegNet(use_indices=False), SkipNet())
    ]
    assert shapes[0] == shapes[1] == shapes[2]


def test_maps_of_zeros_leave_the_baseline():
    images = torch.from_numpy(data.scenes(2, random_state=0).images)
    baseline = initialize(SegNet(use_indices=False), generator=seeded()).eval()
    model = SkipNet().eval()
    model.load_state_dict(baseline.state_dict())
    hidden, maps = model.encode(images)
    torch.testing.assert_close(hidden, baseline.encode(images)[0])
    nothing = [torch.zeros_like(seen) for seen in maps]
    torch.testing.assert_close(model.decode(hidden, nothing), baseline(images))
    assert not torch.allclose(model(images), baseline(images))


def test_the_indices_matter():
    images = torch.from_numpy(data.scenes(2, random_state=0).images)
    model = initialize(SegNet(), generator=seeded()).eval()
    before = model(images)
    model.use_indices = False
    assert before.shape == (2, 5, 32, 32)
    assert not torch.allclose(model(images), before)


def test_iou_is_the_jaccard_score():
    masks, predicted = torch.randint(5, (2, 3, 7, 6), generator=seeded())
    theirs = jaccard_score(masks.flatten(), predicted.flatten(), average=None)
    assert class_iou(masks, predicted, 5).tolist() == pytest.approx(theirs.tolist())


def test_iou_of_what_never_occurs_is_nan():
    masks = torch.tensor([0, 0, 1])
    assert class_iou(masks, masks, 3)[:2].tolist() == [1.0, 1.0]
    assert class_iou(masks, masks, 3)[2].isnan()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SegNet()(torch.zeros(1, 3, 30, 32)), "multiples of 8"),
        (lambda: SegNet()(torch.zeros(1, 1, 32, 32)), r"must be \(B, 3, H, W\)"),
        (
            lambda: SegNet().loss(torch.zeros(2, 3, 8, 8), torch.zeros(2, 1, 8, 8)),
            "masks has shape",
        ),
        (lambda: SegNet().loss(torch.zeros(2, 3, 8, 8), torch.full((2, 8, 8), 5)), "n_classes=5"),
        (lambda: class_iou(torch.zeros(2, 3), torch.zeros(3, 2), 2), "predicted has shape"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
