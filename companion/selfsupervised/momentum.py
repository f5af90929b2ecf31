"""Many negatives without a large batch: a bank of old features, and a queue with a slow encoder.

Chapter: `contrastive`.
"""

import copy

import torch
from torch import nn

from companion.distributions import standard_normal, uniform
from companion.selfsupervised.contrastive import info_nce_against
from companion.selfsupervised.encoder import TwoViews, unit
from companion.validation import check_integer, check_real


class MemoryBank(TwoViews):
    """One old feature of each training image stands for it among the negatives (Wu et al., 2018).

    Parameters
    ----------
    n_images : int
        Of the training set.
    n_negatives : int
        How many rows of the bank each image is compared with.
    temperature : float
    memory : float
        A row becomes ``memory row + (1 - memory) new``, of length 1.
    **options
        See `TwoViews`.
    """

    def __init__(
        self,
        n_images,
        encoder=None,
        views=None,
        *,
        n_negatives=256,
        temperature=0.2,
        memory=0.9,
        n_outputs=64,
        **options,
    ):
        super().__init__(encoder, views, n_outputs=n_outputs, **options)
        self.n_negatives = check_integer("n_negatives", n_negatives)
        self.temperature = check_real("temperature", temperature, 0, inclusive=False)
        self.memory = check_real("memory", memory, 0, 1)
        self.register_buffer("bank", torch.zeros(check_integer("n_images", n_images, 2), n_outputs))

    @torch.no_grad()
    def begin(self, *, generator=None):
        """Begin with random directions; call it before training."""
        self.bank.copy_(unit(standard_normal(self.bank.shape, generator=generator, like=self.bank)))
        return self

    def loss(self, x, index, *, generator=None):
        """InfoNCE of a view of levels x (B, *event) against their own rows and others: nats.

        `index` (B,) says which images these are; their rows are renewed by `update`.
        """
        view = self.views(self.encoder.prepare(x), generator=generator)
        z = unit(self.projector(self.encoder(view)))
        self.latest = index, z.detach()
        shape = (len(x), self.n_negatives)
        draw = uniform(shape, generator=generator).to(index.device)
        step = 1 + ((len(self.bank) - 1) * draw).long()  # never the own row
        others = (index[:, None] + step) % len(self.bank)
        negatives = (self.bank[others] @ z[..., None]).squeeze(-1)
        positive = (z * self.bank[index]).sum(dim=1)
        return info_nce_against(positive / self.temperature, negatives / self.temperature)

    @torch.no_grad()
    def update(self):
        """Renew the rows of the images of the last `loss`."""
        index, z = self.latest
        self.bank[index] = unit(self.memory * self.bank[index] + (1 - self.memory) * z)


class MoCo(TwoViews):
    """A queue of negatives that a slow copy of the encoder has made (He et al., 2020).

    Call `update` after each step: the slow networks follow, and the newest keys take the place of
    the oldest.

    Parameters
    ----------
    n_queue : int
        A multiple of the batch.
    decay : float
        Of the moving average: ``slow = decay slow + (1 - decay) online``.
    temperature : float
    **options
        See `TwoViews`.
    """

    def __init__(
        self,
        encoder=None,
        views=None,
        *,
        n_queue=512,
        decay=0.99,
        temperature=0.5,
        n_outputs=64,
        **options,
    ):
        super().__init__(encoder, views, n_outputs=n_outputs, **options)
        self.decay = check_real("decay", decay, 0, 1)
        self.temperature = check_real("temperature", temperature, 0, inclusive=False)
        self.slow = nn.Sequential(
            copy.deepcopy(self.encoder), copy.deepcopy(self.projector)
        ).requires_grad_(False)
        self.register_buffer("queue", torch.zeros(check_integer("n_queue", n_queue), n_outputs))
        self.register_buffer("oldest", torch.tensor(0))

    @torch.no_grad()
    def begin(self, *, generator=None):
        """Begin with random directions, and with slow networks equal to the online ones."""
        noise = standard_normal(self.queue.shape, generator=generator, like=self.queue)
        self.queue.copy_(unit(noise))
        self.follow(0.0)
        return self

    @torch.no_grad()
    def follow(self, decay):
        """Move the slow weights towards the online ones."""
        online = nn.Sequential(self.encoder, self.projector)
        for slow, new in zip(self.slow.parameters(), online.parameters(), strict=True):
            slow.lerp_(new, 1 - decay)

    def loss(self, x, *, generator=None):
        """InfoNCE of queries against keys and queue, levels (B, *event): nats."""
        query, key = self.two_views(x, generator=generator)
        query = unit(self.projector(self.encoder(query)))
        with torch.no_grad():
            key = unit(self.slow(key))
        self.latest = key
        query = query / self.temperature
        return info_nce_against((query * key).sum(dim=1), query @ self.queue.T)

    @torch.no_grad()
    def update(self):
        """Let the slow networks follow, and put the last keys into the queue."""
        self.follow(self.decay)
        n = len(self.latest)
        if len(self.queue) % n:
            raise ValueError(
                f"n_queue={len(self.queue)} must be a multiple of the batch ({n}): "
                "keys would be cut in two."
            )
        at = int(self.oldest)
        self.queue[at : at + n] = self.latest
        self.oldest.fill_((at + n) % len(self.queue))
