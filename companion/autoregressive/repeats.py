"""Networks that differ in their seed only: what chance alone gives. Chapter: `pixelcnn`."""

from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters


class Repeats(nn.ModuleList):
    """Several small networks, kept in a file as one vector: many small tensors take more room.

    Parameters
    ----------
    make : callable, or list of callables
        Returns a network; a list has one for each.
    n : int
        How many, if it is one callable.
    """

    def __init__(self, make, n=5):
        super().__init__(one() for one in (make if isinstance(make, list) else [make] * n))

    def __getitem__(self, index):
        """One network, or a plain list of some."""
        return list(self)[index] if isinstance(index, slice) else super().__getitem__(index)

    def state_dict(self, *arguments, **options):
        """All weights, one after the other."""
        return {"weights": parameters_to_vector(self.parameters()).detach()}

    def load_state_dict(self, state, *arguments, **options):
        """Take weights from `state_dict`."""
        weights, n_weights = state["weights"], sum(p.numel() for p in self.parameters())
        if len(weights) != n_weights:
            raise RuntimeError(f"{len(weights)} weights for a model with {n_weights}")
        vector_to_parameters(weights.to(next(self.parameters())), self.parameters())
