"""What every deep model and every estimator promises.

A test file subclasses one of the contracts for each of its deep models.

```python
class TestMADE(AutoregressiveContract):
    def make(self):
        return MADE(n_hidden=32)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])
```
"""

import copy
import inspect
import io
import itertools
import re
import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.spatial.distance import pdist, squareform
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from torch.utils._pytree import tree_leaves

from companion.autoregressive.ancestral import dependence
from companion.clustering.density import DBSCAN
from companion.clustering.experts import MixtureOfLinearRegressions, MixtureOfLogisticRegressions
from companion.clustering.hierarchical import AgglomerativeClustering, DivisiveClustering
from companion.clustering.kmeans import KMeans, MiniBatchKMeans
from companion.clustering.mixtures import GaussianMixture
from companion.clustering.optics import OPTICS
from companion.clustering.spectral import SpectralClustering
from companion.components.adaptive_pca import AdaptivePCA
from companion.components.demixed import DemixedPCA
from companion.components.dictionary import DictionaryLearning
from companion.components.discriminants import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from companion.components.dynamics import LinearDynamicalSystem
from companion.components.factors import FactorAnalysis, ProbabilisticPCA
from companion.components.gpfa import GPFA
from companion.components.gtm import GenerativeTopographicMapping
from companion.components.ica import FastICA
from companion.components.infomax import InfomaxICA
from companion.components.nmf import NMF
from companion.components.nnk import NNKMeans
from companion.components.pca import PCA, KernelPCA
from companion.components.seqnmf import SeqNMF
from companion.components.topics import LatentDirichletAllocation
from companion.components.topographic_ica import TopographicICA
from companion.embedding.classical import ClassicalMDS
from companion.embedding.graphs import Isomap, LocallyLinearEmbedding
from companion.embedding.mds import MDS
from companion.embedding.pacmap import PaCMAP
from companion.embedding.sne import SNE, TSNE
from companion.embedding.umap import UMAP
from companion.inference.hmm import HiddenMarkovModel
from companion.inference.variational import BayesianGaussianMixture
from companion.layers import initialize
from tests.pretended_gpu import generator_on_device, needs_pretended_gpu, pretended_gpu


def seeded(seed=0):
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


def no_generator(seed):
    """Draws come from the global state."""


def answers(model, inputs, make_generator):
    """What a model can be asked about data, by name: loss, gradients, bounds, codes.

    `inputs` are those of `loss`, the data first.
    """

    def ask(name, *arguments):
        method = getattr(model, name, None)
        if method is not None:
            draws = "generator" in inspect.signature(method).parameters
            told = {"generator": make_generator(1)} if draws else {}
            said[name] = method(*arguments, **told)

    said = {}
    ask("loss", *inputs)
    said["loss"].backward()
    model.eval()
    said |= {f"gradient of {name}": weight.grad for name, weight in model.named_parameters()}
    for name in ("log_prob", "elbo", "encode"):
        ask(name, inputs[0])
    if "encode" in said and hasattr(model, "decode"):
        code = said["encode"] if isinstance(said["encode"], tuple) else (said["encode"],)
        kinds = [p.kind for p in inspect.signature(model.decode).parameters.values()]
        ask("decode", *code[: kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)])
    return {name: tree_leaves(value) for name, value in said.items()}


def assert_close(name, there, here):
    """Compare what a model says on the device with what it says on the CPU, up to rounding."""
    torch.testing.assert_close(there.cpu(), here, msg=lambda words: f"{name}: {words}")


class DeviceContract:
    """On a GPU a model says what it says on the CPU: what it makes, it makes where it is.

    Draws come from the generator, so that one of the CPU gives the same numbers everywhere.
    """

    def answers(self, device, make_generator):
        """Return the `answers` of the model and the data on a device."""
        inputs = [part.to(device) for part in self.inputs(self.batch())]
        return answers(self.model().to(device), inputs, make_generator)

    @needs_pretended_gpu
    @pytest.mark.parametrize("make_generator", [seeded, generator_on_device, no_generator])
    def test_on_the_device_it_says_what_it_says_on_the_cpu(self, make_generator):
        expected = self.answers("cpu", seeded)
        with pretended_gpu() as device:
            said = self.answers(device, make_generator)
            assert said.keys() == expected.keys()
            for name, values in said.items():
                for there, here in zip(values, expected[name], strict=True):
                    assert there.device == device, f"{name} is on {there.device}"
                    if make_generator(0) is not None:
                        assert_close(name, there, here)


class DeepContract(DeviceContract):
    """A model with `loss`, and `sample` where it generates."""

    sample_options = {}  # noqa: RUF012 -- what `sample` must be told besides

    n_steps = 20  # of training, in which the loss must fall
    learning_rate = 3e-3

    def make(self):
        """Return a small model, its weights drawn by PyTorch."""
        raise NotImplementedError

    def batch(self):
        """Return a few data points."""
        raise NotImplementedError

    def model(self):
        """Return the same small model every time, and leave the global state alone."""
        with torch.random.fork_rng(devices=[]):
            return initialize(self.make(), generator=seeded())

    def inputs(self, batch):
        """Return what the model's loss is given: whatever `batch` returns, in a tuple."""
        return batch if isinstance(batch, tuple) else (batch,)

    def loss(self, model, batch, seed=1):
        """Call the model's loss."""
        return model.loss(*self.inputs(batch), generator=seeded(seed))

    def test_loss_is_a_finite_scalar_and_every_parameter_has_a_gradient(self):
        model, batch = self.model(), self.batch()
        # Two steps first: a layer that starts at zero hides those before it, a second one more.
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(3):
            optimizer.zero_grad()
            loss = self.loss(model, batch)
            loss.backward()
            optimizer.step()
        assert loss.shape == ()
        assert torch.isfinite(loss)
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, f"{name} is not used"
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().max() > 0, f"{name} does not matter"

    def test_same_generator_same_loss_and_global_state_untouched(self):
        model, batch = self.model(), self.batch()
        state = torch.get_rng_state()
        assert torch.equal(self.loss(model, batch), self.loss(model, batch))
        assert torch.equal(state, torch.get_rng_state())

    def test_loss_falls(self):
        model, batch = self.model(), self.batch()
        optimizer = torch.optim.Adam(model.parameters(), lr=self.learning_rate)
        losses = []
        for _ in range(self.n_steps):
            optimizer.zero_grad()
            loss = self.loss(model, batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0]

    def test_saved_and_loaded_it_is_the_same_model(self):
        model, batch = self.model().eval(), self.batch()
        file = io.BytesIO()
        torch.save(model.state_dict(), file)
        file.seek(0)
        with torch.random.fork_rng(devices=[]):
            other = self.make().eval()
        other.load_state_dict(torch.load(file, weights_only=True))
        assert torch.equal(self.loss(model, batch), self.loss(other, batch))

    def test_it_can_be_copied(self):
        model = self.model().eval()
        batch = self.batch()
        assert torch.equal(self.loss(copy.deepcopy(model), batch), self.loss(model, batch))


class GenerativeContract(DeepContract):
    """A model with `sample` too."""

    def sample(self, model, n, seed=2):
        """Draw n samples."""
        return model.sample(n, **self.sample_options, generator=seeded(seed))

    def test_same_generator_same_samples_and_global_state_untouched(self):
        model = self.model().eval()
        state = torch.get_rng_state()
        first = self.sample(model, 3)
        assert torch.equal(first, self.sample(model, 3))
        assert not torch.equal(first, self.sample(model, 3, seed=3))
        assert torch.equal(state, torch.get_rng_state())
        assert not first.requires_grad

    def test_samples_look_like_data(self):
        batch = self.batch()
        batch = batch[0] if isinstance(batch, tuple) else batch
        samples = self.sample(self.model().eval(), 3)
        assert samples.shape == (3, *batch.shape[1:])

    @needs_pretended_gpu
    def test_on_the_device_it_draws_what_it_draws_on_the_cpu(self):
        expected = self.sample(self.model().eval(), 2)
        with pretended_gpu() as device:
            samples = self.sample(self.model().to(device).eval(), 2)
            assert samples.device == device, f"sample is on {samples.device}"
            assert_close("sample", samples, expected)


class AutoregressiveContract(GenerativeContract):
    """A subclass of `Autoregressive`: exact, causal, and strict about its input."""

    def tiny(self):
        """Return a model small enough to enumerate: at most 5,000 events; None to skip nothing.

        Its event and levels are read from the model itself.
        """
        raise NotImplementedError

    def tiny_model(self):
        """Return the tiny model with weights far from zero."""
        with torch.random.fork_rng(devices=[]):
            model = initialize(self.tiny(), generator=seeded()).double().eval()
        generator = seeded(7)
        with torch.no_grad():
            for parameter in model.parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
                parameter.add_(0.5 * noise)
        return model

    tiny_length = 4  # where the event has any length

    def every_event(self, model):
        """All events of a tiny model, int64 (n_events, *event)."""
        shape = [self.tiny_length if size is None else size for size in model.event_shape]
        n_entries = torch.tensor(shape).prod().item()
        events = torch.tensor(list(itertools.product(range(model.n_levels), repeat=n_entries)))
        assert len(events) <= 5000, "make the tiny model smaller"
        return events.view(-1, *shape)

    def test_probabilities_sum_to_one_by_enumeration(self):
        model = self.tiny_model()
        with torch.no_grad():
            total = model.log_prob(self.every_event(model)).logsumexp(dim=0).exp().item()
        assert total == pytest.approx(1.0, abs=1e-9)

    def test_samples_have_the_probabilities_that_log_prob_says(self):
        model, n = self.tiny_model(), 2000
        events = self.every_event(model)
        with torch.no_grad():
            expected = model.log_prob(events).exp() * n
        length = {"length": self.tiny_length} if None in model.event_shape else {}
        drawn = model.sample(n, **length, generator=seeded(5))
        index = (events.flatten(1)[None] == drawn.flatten(1)[:, None]).all(dim=2).double().argmax(1)
        counts = torch.bincount(index, minlength=len(events)).double()
        # Pearson's statistic over cells that are common enough, the rare ones together.
        common = expected >= 5
        observed = torch.cat([counts[common], counts[~common].sum()[None]])
        wanted = torch.cat([expected[common], expected[~common].sum()[None]])
        wanted, observed = wanted[wanted > 1e-6], observed[wanted > 1e-6]
        statistic = ((observed - wanted) ** 2 / wanted).sum().item()
        freedom = max(len(wanted) - 1, 1)
        assert statistic < freedom + 5 * (2 * freedom) ** 0.5 + 10

    def awake(self):
        """Return the model in float64; no layer that starts at zero may hide a leak."""
        model, generator = self.model().double().eval(), seeded(11)
        with torch.no_grad():
            for parameter in model.parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
                parameter.add_(0.05 * noise)
        return model

    def rank(self, model, n_entries):
        """Position of each entry in the order."""
        order = torch.arange(n_entries) if model.order is None else model.order
        return order.argsort()

    def test_no_gradient_flows_from_an_entry_to_itself_or_to_an_earlier_one(self):
        model = self.awake()
        reacts = dependence(model, self.batch()[:1]) > 0  # [who reacts, to what]
        rank = self.rank(model, len(reacts))
        leaks = reacts & (rank[:, None] <= rank[None, :])
        assert not leaks.any(), f"entry, sees: {leaks.nonzero()[:5].tolist()}"
        assert self.sees_enough(reacts.T, rank), "a conditional sees too little of its past"

    def test_no_conditional_notices_a_change_of_itself_or_of_what_comes_later(self):
        model, batch = self.awake(), self.batch()[:2].long()
        with torch.no_grad():
            before = model.logits(batch).flatten(1, -2)
            n_entries = before.shape[1]
            rank = self.rank(model, n_entries)
            noticed = torch.zeros(n_entries, n_entries, dtype=torch.bool)  # [changed, who notices]
            for entry in range(n_entries):
                changed = batch.clone().flatten(1)
                changed[:, entry] = (changed[:, entry] + model.n_levels // 2) % model.n_levels
                after = model.logits(changed.view_as(batch)).flatten(1, -2)
                noticed[entry] = (after != before).any(dim=2).any(dim=0)
        leaks = noticed & (rank[:, None] >= rank[None, :])
        assert not leaks.any(), f"entry, seen by: {leaks.nonzero()[:5].tolist()}"
        assert self.sees_enough(noticed, rank), "a conditional sees too little of its past"

    def sees_enough(self, noticed, rank):
        """Every entry but the first sees the one just before it; loosen where that is not so."""
        order = rank.argsort()
        return all(noticed[a, b] for a, b in itertools.pairwise(order.tolist()))

    def test_wrong_shapes_and_levels_are_refused(self):
        model, batch = self.model(), self.batch()
        for wrong, words in (
            (batch[..., None], "shape"),
            (batch.long() + model.n_levels, "levels"),
            (batch.long() - model.n_levels, "levels"),
            (batch.double() + 0.5, "levels|fractions"),
        ):
            with pytest.raises(ValueError, match=words):
                model.log_prob(wrong)

    @pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
    def test_a_temperature_that_is_not_positive_is_refused(self, temperature):
        length = {"length": 2} if None in self.model().event_shape else {}
        with pytest.raises(ValueError, match=f"temperature={temperature}"):
            self.sample_at(temperature, length)

    def sample_at(self, temperature, length):
        """Draw one event; where `sample` has no temperature, nothing can be wrong with it."""
        model = self.model().eval()
        if "temperature" not in inspect.signature(model.sample).parameters:
            pytest.skip("it has no temperature")
        options = self.sample_options | length
        return model.sample(1, **options, temperature=temperature, generator=seeded())

    def test_log_prob_of_any_integer_type(self):
        model, batch = self.model().eval(), self.batch()[:2]
        with torch.no_grad():
            assert torch.equal(model.log_prob(batch.long()), model.log_prob(batch.float()))


# What every estimator promises. A table says, for each, what becomes of its answers when the data
# are moved to another origin and measured in another unit, X -> a X + c.

RNG = np.random.default_rng(0)
# Multiples of 2^-20, so that X + 2^27 and 2^30 X are exact: what changes is ours, not rounding.
POINTS = np.round(RNG.normal(size=(48, 4)) * 2**20) / 2**20 + 6 * np.eye(4)[np.arange(48) % 3]
WIDE = np.round(RNG.normal(size=(40, 20)) * 2**20) / 2**20 + 4 * np.eye(20)[np.arange(40) % 2]
WALK = np.round(np.cumsum(RNG.normal(size=(40, 1)), 0) @ RNG.normal(size=(1, 4)) * 2**20) / 2**20
SETS = {
    "points": POINTS,
    "wide": WIDE,
    "walk": WALK + np.round(RNG.normal(size=WALK.shape) * 2**19) / 2**20,
    "sources": np.round(RNG.laplace(size=(80, 3)) @ RNG.normal(size=(3, 3)) * 2**20) / 2**20,
    "positive": np.abs(POINTS),
    "distances": squareform(pdist(POINTS)),
    "counts": RNG.poisson(2.0, size=(24, 8)).astype(float),
    "symbols": np.random.default_rng(1).integers(4, size=(300, 1)).astype(float),
    "responses": np.round(RNG.normal(size=(4, 3, 5, 6)) * 2**20) / 2**20,  # trials, s, t, neurons
}
CLASSES = np.arange(48) % 3
NOISE = RNG.normal(size=48)
TARGETS = {  # of those that are told y
    "classes": CLASSES,
    "two": (POINTS[:, 0] + NOISE > 2).astype(int),
    "numbers": np.where(POINTS[:, 0] > 3, POINTS[:, 1], -POINTS[:, 1]) + 0.3 * NOISE,
}
# How an answer v changes with X -> a X + c; d is the number of features.
CHANGES = {
    "same": lambda v, a, c, d: v,
    "points": lambda v, a, c, d: a * v + c,
    "vectors": lambda v, a, c, d: a * v,
    "squares": lambda v, a, c, d: a**2 * v,
    "roots": lambda v, a, c, d: a**0.5 * v,
    "per": lambda v, a, c, d: v / a,
    "log": lambda v, a, c, d: v - d * np.log(a),
}


@dataclass
class Promise:
    """An estimator with its settings, and what becomes of its answers.

    An answer is an attribute, or a method that is asked about the training data. `scaled` are the
    settings that have a unit, with the power of `a` that they take: a rule in units of the data.
    """

    estimator: object
    data: str = "points"
    same: str = ""
    points: str = ""
    vectors: str = ""
    squares: str = ""
    roots: str = ""
    per: str = ""
    log: str = ""
    target: str = ""  # of TARGETS
    scaled: dict = field(default_factory=dict)
    agrees: tuple = ()  # pairs: what fit found, and the method that must say it again
    origin: str = ""  # why moving the data is another question
    unit: str = ""  # why measuring in another unit is another question
    order: str = ""  # why the order of the rows matters
    columns: str = ""  # why the order of the features matters
    tolerance: float = 1e-5

    @property
    def name(self):
        """For the tests' names: the class with what it was told."""
        return re.sub(r"\s+", "", repr(self.estimator))[:70]

    def X(self):
        """A fresh copy of the data."""
        return SETS[self.data].copy()

    def fit(self, X, y=None, a=1.0, **settings):
        """A fitted clone, its settings in units of X."""
        model = clone(self.estimator).set_params(**settings)
        for name, power in self.scaled.items():
            model.set_params(**{name: getattr(model, name) * a**power})
        told = TARGETS[self.target] if y is None and self.target else y
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit(X, *([] if told is None else [told]))

    def answer(self, model, name, X):
        """An attribute, or what a method says of X."""
        value = getattr(model, name)
        if callable(value):
            wants_y = self.target and name in ("score", "log_likelihood")
            value = value(X, *([TARGETS[self.target]] if wants_y else []))
        return np.asarray(value.toarray() if sparse.issparse(value) else value, dtype=float)

    def answers(self, model, X):
        """All answers, by kind of change and name."""
        return {
            (kind, name): self.answer(model, name, X)
            for kind in CHANGES
            for name in getattr(self, kind).split()
        }


def close(found, right, tolerance, what):
    """Compare answers, in units of the largest entry of the right one."""
    assert found.shape == right.shape, what
    finite = np.isfinite(right)
    assert (finite == np.isfinite(found)).all(), f"{what}: another entry is infinite"
    if finite.any():
        unit = np.abs(right[finite]).max() or 1.0
        worst = np.abs(found - right)[finite].max() / unit
        assert worst <= tolerance, f"{what} is off by {worst:.1e} of its largest entry"


# Reasons.
ZERO = "no negative number may enter, and zero means none"
COUNTS = "counts have no unit and no origin but zero"
DRAWS = "rows are drawn by number"
MEMORY = "it learns from one row after the other"
TIME = "rows are steps in time"
WALKS = "it walks from the first row, and ties go to the row that comes first"
ANGLES = "an angle is seen from the origin"
NAMES = "symbols are names: they have no origin and no unit"
MATRIX = dict.fromkeys(("origin", "order", "columns"), "rows and columns are the same points")
STARTS = "it starts from random numbers, one for each row or feature"

# fmt: off
PROMISES = [
    Promise(KMeans(3, n_init=1, random_state=0), order=DRAWS, agrees=(("labels_", "predict"),),
            same="labels_ predict n_iter_", points="cluster_centers_", vectors="transform",
            squares="inertia_ score"),
    Promise(MiniBatchKMeans(3, n_init=1, batch_size=20, random_state=0), order=DRAWS,
            agrees=(("labels_", "predict"),), same="labels_ predict", points="cluster_centers_",
            vectors="transform", squares="inertia_ score"),
    Promise(DBSCAN(1.5, min_samples=4), same="labels_ core_sample_indices_", points="components_",
            scaled={"eps": 1}),
    Promise(DBSCAN(6.0, min_samples=4), "wide", same="labels_", scaled={"eps": 1}),
    Promise(DBSCAN(1.5, min_samples=4, metric="precomputed"), "distances", scaled={"eps": 1},
            same="labels_ core_sample_indices_", **MATRIX),
    Promise(OPTICS(eps=2.0, metric="precomputed"), "distances", scaled={"eps": 1},
            same="labels_ ordering_ predecessor_", vectors="reachability_ core_distances_",
            **MATRIX),
    Promise(OPTICS(eps=2.0), same="labels_ ordering_ predecessor_", scaled={"eps": 1}, order=WALKS,
            vectors="reachability_ core_distances_"),
    Promise(OPTICS(eps=6.0), "wide", same="labels_ ordering_", scaled={"eps": 1}, order=WALKS,
            vectors="core_distances_"),
    Promise(SpectralClustering(3, gamma=0.5, random_state=0), scaled={"gamma": -2},
            same="labels_ eigenvalues_ affinity_matrix_"),
    Promise(SpectralClustering(2, affinity="nearest_neighbors", n_neighbors=6, random_state=0),
            "wide", same="labels_ eigenvalues_ affinity_matrix_"),
    *(Promise(AgglomerativeClustering(3, linkage=how), same="labels_ children_",
              vectors="distances_")
      for how in ("single", "complete", "average", "weighted", "ward", "centroid", "median")),
    Promise(AgglomerativeClustering(3, metric="manhattan", linkage="average"),
            same="labels_ children_", vectors="distances_"),
    Promise(AgglomerativeClustering(3, metric="cosine", linkage="complete"), origin=ANGLES,
            same="labels_ children_ distances_"),
    Promise(AgglomerativeClustering(3, metric="precomputed", linkage="centroid"), "distances",
            same="labels_ children_", vectors="distances_", **MATRIX),
    Promise(DivisiveClustering(3), same="labels_ children_", vectors="distances_"),
    *(Promise(GaussianMixture(3, covariance_type=kind, random_state=0), scaled={"reg_covar": 2},
              same="weights_ predict_proba predict", points="means_", squares="covariances_",
              log="score_samples score", order=DRAWS)
      for kind in ("full", "tied", "diag", "spherical")),
    Promise(MixtureOfLinearRegressions(2, penalty=0.0, max_iter=50, n_init=1, random_state=0),
            target="numbers", per="coef_ gate_coef_", order=DRAWS, tolerance=1e-2,  # a steep gate
            same="gate_proba predict_experts predict log_likelihood noise_variance_"),
    Promise(MixtureOfLogisticRegressions(1, penalty=0.1, random_state=0), target="two",
            same="predict_proba predict", per="coef_", scaled={"penalty": 2}, order=DRAWS),
    Promise(LinearDiscriminantAnalysis(2), target="classes", points="means_ xbar_", per="coef_",
            same="predict predict_proba transform", squares="covariance_"),
    Promise(QuadraticDiscriminantAnalysis(), target="classes", same="predict predict_proba",
            points="means_", squares="covariance_"),
    Promise(PCA(2), same="components_ explained_variance_ratio_", points="mean_",
            vectors="transform singular_values_", squares="explained_variance_ noise_variance_"),
    Promise(PCA(2, whiten=True, svd_solver="covariance_eigh"), same="components_ transform"),
    Promise(PCA(3), "wide", same="components_", vectors="transform"),
    Promise(KernelPCA(2, gamma=0.1), same="eigenvalues_ transform", scaled={"gamma": -2}),
    Promise(KernelPCA(2, kernel="linear"), vectors="transform", squares="eigenvalues_"),
    Promise(KernelPCA(2, kernel="poly", gamma=0.1), same="eigenvalues_ transform",
            scaled={"gamma": -2}, origin="products of numbers have an origin"),
    Promise(AdaptivePCA(2, n_epochs=2, random_state=0), same="components_", points="mean_",
            vectors="transform", order=MEMORY, columns=STARTS),
    Promise(ProbabilisticPCA(1), same="transform", points="mean_", vectors="components_",
            squares="noise_variance_", log="score_samples score"),
    Promise(ProbabilisticPCA(1, solver="em", max_iter=20), vectors="components_", columns=STARTS,
            same="transform", squares="noise_variance_", log="score"),
    Promise(FactorAnalysis(1), same="transform", points="mean_", vectors="components_",
            squares="noise_variance_", log="score_samples score"),
    Promise(FastICA(3, random_state=0), "sources", same="transform", points="mean_",
            per="components_", vectors="mixing_", columns=STARTS),
    Promise(InfomaxICA(3, random_state=0), "sources", same="transform log_likelihoods_",
            points="mean_", per="components_", log="score", columns=STARTS),
    Promise(TopographicICA((2, 2), max_iter=20, random_state=0), same="transform", points="mean_",
            per="components_", columns=STARTS),
    Promise(GenerativeTopographicMapping(1, n_grid=8, n_basis=3, max_iter=10), points="nodes_",
            same="transform responsibilities", squares="noise_variance_", log="score",
            scaled={"penalty": -2}),
    Promise(LinearDynamicalSystem(1, max_iter=10), "walk", points="mean_", log="score",
            squares="noise_variance_", same="transition_", order=TIME),
    Promise(GPFA(1, max_iter=4), "walk", same="transform time_scales_", points="mean_",
            squares="noise_variance_", log="score", order=TIME, tolerance=1e-4),
    Promise(DemixedPCA("st", 2), "responses", points="mean_", order="the first axis holds trials"),
    *(Promise(NMF(3, init=init, solver=solver, max_iter=60, random_state=0), "positive",
              roots="components_ transform", vectors="reconstruction_err_", origin=ZERO,
              order=STARTS, columns=STARTS)
      for init, solver in ((None, "cd"), ("nndsvd", "cd"), ("random", "mu"))),
    Promise(NMF(3, init="random", solver="mu", beta_loss="kullback-leibler", max_iter=60,
                random_state=0), "positive", roots="components_ transform reconstruction_err_",
            origin=ZERO, order=STARTS, columns=STARTS),
    Promise(SeqNMF(2, length=3, max_iter=20, random_state=0), "positive", same="losses_ times_",
            vectors="components_", origin=ZERO, order=TIME, columns=STARTS),
    Promise(LatentDirichletAllocation(2, max_iter=5, random_state=0), "counts",
            same="components_ transform", origin=COUNTS, unit=COUNTS, order=STARTS, columns=STARTS),
    Promise(DictionaryLearning(5, alpha=0.5, max_iter=10, random_state=0), same="components_",
            vectors="codes_", scaled={"alpha": 1}, order=DRAWS,
            origin="a sum of few atoms starts from zero"),
    Promise(NNKMeans(4, max_iter=10, random_state=0), order=DRAWS, tolerance=1e-4,
            agrees=(("labels_", "predict"),), same="labels_ predict codes_ transform error_"),
    Promise(ClassicalMDS(2), agrees=(("embedding_", "transform"),), squares="eigenvalues_",
            vectors="embedding_ transform dissimilarity_matrix_"),
    Promise(MDS(2, max_iter=10), vectors="embedding_", squares="stress_"),
    Promise(MDS(2, metric_mds=False, max_iter=10), same="stress_"),
    Promise(Isomap(n_neighbors=20), agrees=(("embedding_", "transform"),), squares="eigenvalues_",
            vectors="embedding_ dist_matrix_"),
    Promise(Isomap(n_neighbors=25), "wide", vectors="embedding_ transform"),
    Promise(Isomap(n_neighbors=20, metric="precomputed"), "distances", squares="eigenvalues_",
            vectors="embedding_ transform dist_matrix_", **MATRIX),
    Promise(LocallyLinearEmbedding(n_neighbors=20), same="embedding_ reconstruction_error_"),
    Promise(LocallyLinearEmbedding(n_neighbors=25), "wide", same="embedding_ transform"),
    Promise(SNE(perplexity=8, max_iter=10), same="embedding_ kl_divergence_", tolerance=1e-2,
            order=STARTS),
    Promise(TSNE(perplexity=8, max_iter=10), same="embedding_ affinities_", tolerance=1e-2,
            order=STARTS),
    Promise(TSNE(perplexity=8, max_iter=10, init="random", metric="precomputed", random_state=0),
            "distances", same="affinities_", **MATRIX),
    Promise(UMAP(8, n_epochs=5, random_state=0), same="graph_", tolerance=1e-4, order=DRAWS),
    Promise(UMAP(8, n_epochs=5, random_state=0), same="embedding_ transform", tolerance=1e-2,
            order=DRAWS, columns=STARTS),
    Promise(UMAP(8, n_epochs=5, random_state=0, metric="precomputed"), "distances",
            same="graph_ embedding_ transform", tolerance=1e-4, **MATRIX),
    *(Promise(BayesianGaussianMixture(n_components=4, weight_concentration_prior_type=kind,
                                      random_state=0), scaled={"reg_covar": 2}, points="means_",
              same="weights_ mean_precision_ degrees_of_freedom_ predict_proba predict n_iter_",
              squares="covariances_", log="score_samples score log_predictive", order=DRAWS)
      for kind in ("dirichlet_process", "dirichlet_distribution")),
    Promise(HiddenMarkovModel(3, n_iter=20, tol=0.0, random_state=0), "symbols", order=TIME,
            same="transmat_ emissionprob_ history_ predict_proba predict score", origin=NAMES,
            unit=NAMES),
    Promise(PaCMAP(n_neighbors=5, num_iters=(3, 3, 3), random_state=0), order=DRAWS,
            same="pair_neighbors_ embedding_", tolerance=1e-2),
]
# fmt: on
