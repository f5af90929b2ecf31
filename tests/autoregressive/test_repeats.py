"""Several networks in one vector: what goes into a file comes out of it."""

import io
from functools import partial

import pytest
import torch
from torch import nn

from companion.autoregressive.repeats import Repeats


def fresh(n=3, width=2):
    with torch.random.fork_rng(devices=[]):
        return Repeats(partial(nn.Linear, 4, width), n)


def test_saved_and_loaded_they_are_the_same_networks():
    models, others, file = fresh(), fresh(), io.BytesIO()
    torch.save({k: v.half() for k, v in models.state_dict().items()}, file)
    file.seek(0)
    others.load_state_dict(torch.load(file, weights_only=True))
    x = torch.eye(4)
    for one, other in zip(models, others, strict=True):
        assert other.weight.dtype == torch.float32
        torch.testing.assert_close(other(x), one(x), atol=1e-3, rtol=0)
    assert not torch.equal(models[0].weight, models[1].weight)


def test_a_copy_that_is_trained_leaves_the_file_alone():
    models = fresh()
    state = {name: weight.clone() for name, weight in models.state_dict().items()}
    models[0].weight.data.zero_()
    assert not torch.equal(state["weights"], models.state_dict()["weights"])


def test_one_some_or_networks_of_several_kinds():
    models = Repeats([partial(nn.Linear, 4, 2), partial(nn.Linear, 4, 3)])
    assert [one.out_features for one in models] == [2, 3]
    assert models[-1].out_features == 3
    assert models[:1] == [models[0]]


def test_weights_of_other_networks_are_refused():
    with pytest.raises(RuntimeError, match="30 weights for a model with 45"):
        fresh(width=3).load_state_dict(fresh().state_dict())
