"""The one training loop of the course, its batches, the moving average of weights, checkpoints.

Ground floor.
"""

import copy
from importlib import resources

import torch
from tqdm import tqdm

from companion.augment import shift
from companion.validation import check_integer, check_real


def fit(step, batches, n_steps, callback=None):
    """Call ``step(batch)`` `n_steps` times, and keep what it returns.

    Lengths are in steps, never in seconds: a faster machine must not give another result.

    Parameters
    ----------
    step : callable
        Takes a batch, changes the model (usually by `descend`), and returns its loss or a dict of
        scalars by name.
    batches : iterator
        As from `minibatches`.
    n_steps : int
    callback : callable, optional
        Called as ``callback(record)`` after each step. What it adds to the record is kept; where it
        returns True, training ends.

    Returns
    -------
    list of dict, one a step: ``"step"`` counts from 1, then ``"loss"`` or the scalars

    Raises
    ------
    ValueError
        If the batches end too early.
    """
    history, batches = [], iter(batches)
    progress = tqdm(range(1, check_integer("n_steps", n_steps) + 1), unit="step", mininterval=0.5)
    for i in progress:
        try:
            batch = next(batches)
        except StopIteration:
            raise ValueError(
                f"batches ended after {i - 1} of n_steps={n_steps}: pass an endless iterator, "
                "such as train.minibatches(x, batch_size=64, generator=generator)."
            ) from None
        result = step(batch)
        scalars = result if isinstance(result, dict) else {"loss": result}
        record = {"step": i} | {name: float(value) for name, value in scalars.items()}
        history.append(record)
        progress.set_postfix(record, refresh=False)
        if callback is not None and callback(record) is True:
            progress.close()
            break
    return history


def descend(loss, optimizer, *, max_norm=None):
    """One step down the gradient of a scalar `loss`, which is returned without its graph.

    With `max_norm` a gradient that is longer is shortened to that length first.
    """
    optimizer.zero_grad()
    loss.backward()
    if max_norm is not None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    optimizer.step()
    return loss.detach()


def minibatches(*tensors, batch_size, generator):
    """Return an endless iterator over random batches, shuffled anew for each pass.

    All batches have the same size and hold no row twice. What is left over at the end of a pass is
    left out, another remainder each time.

    Parameters
    ----------
    *tensors : tensor (n, ...)
        Images and labels, say; their rows stay together.
    batch_size : int, at most n
    generator : torch.Generator

    Returns
    -------
    iterator over tensors (batch_size, ...), or over tuples of them where several are given
    """
    sizes = [len(tensor) for tensor in tensors]
    if len(set(sizes)) != 1:
        raise ValueError(f"tensors have {sizes} rows: give at least one, all of the same length.")
    check_integer("batch_size", batch_size, high=sizes[0], remedy="a batch holds no row twice.")

    def stream():
        while True:
            order = torch.randperm(sizes[0], generator=generator)
            for start in range(0, sizes[0] - batch_size + 1, batch_size):
                batch = tuple(tensor[order[start : start + batch_size]] for tensor in tensors)
                yield batch if len(batch) > 1 else batch[0]

    return stream()


class MovingAverage:
    """Exponential moving average of a model's weights (Polyak and Juditsky, 1992).

    After the n-th update the average is ``sum_i decay^(n-i) w_i / sum_i decay^(n-i)``: weights from
    before the first update do not count, so that it is useful from the start. It remembers about
    ``1 / (1 - decay)`` steps.

    Parameters
    ----------
    model : nn.Module
    decay : float in [0, 1]
        0 keeps the last weights, 1 is the plain mean of all.

    Attributes
    ----------
    model : nn.Module
        The averaged copy, in evaluation mode and without gradients. Buffers (the statistics of
        batch normalisation) are those of the last update.

    Examples
    --------
    >>> model = torch.nn.Linear(2, 1)
    >>> average = MovingAverage(model, decay=0.9)
    >>> average.update(model)
    >>> bool((average.model.weight == model.weight).all())
    True
    """

    def __init__(self, model, decay=0.999):
        self.decay = check_real("decay", decay, 0, 1)
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.n_updates = 0

    @torch.no_grad()
    def update(self, model):
        """Take in the present weights of `model`; call it after each step of the optimiser."""
        self.n_updates += 1
        weight = 1 / self.n_updates  # 1 over the sum of decay^(n-i)
        if self.decay < 1:
            weight = (1 - self.decay) / (1 - self.decay**self.n_updates)
        for mean, new in zip(self.model.parameters(), model.parameters(), strict=True):
            mean.lerp_(new, weight)
        for mean, new in zip(self.model.buffers(), model.buffers(), strict=True):
            mean.copy_(new)

    def copy_to(self, model):
        """Put the averaged weights (and the buffers) into `model`."""
        model.load_state_dict(self.model.state_dict())


def shift_context(offsets, max_shift):
    """Tell a model how an image was moved: int (B, 2) to one-hot float (B, (2m + 1)^2 - 1).

    The column of no move is left out: an image as it is has the zero vector, and a model that is
    asked without a context speaks of images as they are.
    """
    n_moves = 2 * max_shift + 1
    rows, columns = (offsets + max_shift).unbind(dim=1)
    index = n_moves * rows + columns  # no matrix product: CUDA has none of whole numbers
    hot = torch.nn.functional.one_hot(index, n_moves**2).float()
    return torch.cat([hot[:, : n_moves**2 // 2], hot[:, n_moves**2 // 2 + 1 :]], dim=1)


def fit_images(
    model,
    images,
    n_steps,
    *,
    generator,
    learning_rate=3e-3,
    batch_size=64,
    weight_decay=0.01,
    decay=0.99,
    max_shift=0,
    max_norm=1.0,
    callback=None,
):
    """Train a density model on few images; return the moving average of its weights.

    AdamW on ``model.loss``, a learning rate that rises over the first tenth of the steps and falls
    to zero as a cosine, gradients clipped. With `max_shift` each image moves by up to so many
    pixels, and the model is told how (`shift_context`): it sees ``(2 max_shift + 1)^2`` times the
    images and does not blur its idea of where digits stand.

    Parameters
    ----------
    model : nn.Module
        With ``loss(x, generator=...)``, and ``loss(x, context=..., generator=...)`` if `max_shift`.
    images : tensor (n, C, H, W)
    n_steps : int
    generator : torch.Generator
        Of the CPU; draws batches, moves and what the loss draws.
    learning_rate, weight_decay, max_norm, decay : float
        Of AdamW at its height, its decay, the longest gradient, the `MovingAverage`.
    callback : callable, optional
        As for `fit`.

    Returns
    -------
    model : nn.Module
        The average, in evaluation mode.
    history : list of dict
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    n_planned = max(check_integer("n_steps", n_steps), 3)  # the rate rises between two steps,
    rise = max(0.1, 2 / n_planned)  # and falls between two
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=n_planned, pct_start=rise
    )
    average = MovingAverage(model, decay)
    device = next(model.parameters()).device
    model.train()

    def step(batch):
        told = {}
        if max_shift:
            offsets = torch.randint(
                -max_shift, max_shift + 1, (len(batch), 2), generator=generator
            ).to(device)
            batch = shift(batch, offsets)
            told = {"context": shift_context(offsets, max_shift)}
        loss = model.loss(batch, **told, generator=generator)
        loss = descend(loss, optimizer, max_norm=max_norm)
        schedule.step()
        average.update(model)
        return loss

    batches = minibatches(images.cpu(), batch_size=batch_size, generator=generator)
    history = fit(step, (batch.to(device) for batch in batches), n_steps, callback)
    return average.model, history


def load_weights(model, name):
    """Put a committed checkpoint into `model`; return it in evaluation mode, weights frozen.

    Parameters
    ----------
    model : nn.Module
        Made with the arguments that the checkpoint's model had; its defaults, as a rule.
    name : str
        ``"part/model"``, as in ``"autoregressive/made"``; written by ``make results PART=...``.

    Raises
    ------
    ValueError
        If there is no such checkpoint, or it belongs to another model.
    """
    path = resources.files("companion") / f"checkpoints/{name}.pt"
    if not path.is_file():
        part = name.split("/")[0]
        raise ValueError(f"name={name!r} has no checkpoint: run make results PART={part}.")
    with path.open("rb") as file:
        weights = torch.load(file, map_location="cpu", weights_only=True)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"name={name!r} is the checkpoint of another model: {error}") from None
    return model.eval().requires_grad_(False)
