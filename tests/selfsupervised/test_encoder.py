"""Two views of an image, and features that do not depend on the batch."""

import torch

from companion import data
from companion.selfsupervised.contrastive import SimCLR
from companion.selfsupervised.encoder import ConvEncoder, Views
from tests.contracts import seeded

DIGITS = torch.from_numpy(data.digits().x_train)


def test_two_views_differ_and_come_from_the_generator():
    model = SimCLR()
    a, b = model.two_views(DIGITS[:5], generator=seeded())
    assert (a != b).any()
    again = model.two_views(DIGITS[:5], generator=seeded())
    assert torch.equal(a, again[0])
    still = SimCLR(views=Views(0, 0, 0, 0)).two_views(DIGITS[:5])
    assert torch.equal(*still)


def test_features_of_an_image_do_not_depend_on_the_batch():
    encoder = ConvEncoder()
    torch.testing.assert_close(encoder.encode(DIGITS[:6])[:1], encoder.encode(DIGITS[:1]))
