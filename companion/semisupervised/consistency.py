"""Two looks at an image should give one answer: Pi-model, ensembling over time, teachers, UDA.

Chapter: `semisupervised`.
"""

import torch
from torch.nn import functional

from companion.semisupervised.learner import FewLabels
from companion.train import MovingAverage
from companion.validation import check_integer, check_real


def squared_gap(p, q):
    """Mean squared difference of probabilities, a mean over classes and images: 0 to 2 / K."""
    return functional.mse_loss(p, q)


def ensemble(sums, counts, memory):
    """Weighted mean of the predictions so far, (n, n_classes): the sums over ``1 - memory^t``.

    ``Z = memory Z + (1 - memory) z`` begins at 0, so that after t predictions its weights sum to
    ``1 - memory^t`` only (Laine and Aila, 2017). Where there is none yet, the answer is 0.
    """
    total = 1 - memory ** counts.to(sums.dtype)
    return sums / total.clamp(min=torch.finfo(sums.dtype).tiny)[:, None]


class PiModel(FewLabels):
    """Two views of an image, squared difference of the two predictions (Laine and Aila, 2017).

    ``mean |p(view 1) - p(view 2)|^2``; the gradient goes through both.
    """

    n_views = 2

    def unlabelled(self, logits, index):
        """Squared gap of the predictions for two views."""
        return squared_gap(logits[0].softmax(dim=1), logits[1].softmax(dim=1))


class TemporalEnsembling(FewLabels):
    """One view; it is compared with a mean of what was said of the image before.

    Call `update` after each step: it puts the predictions of the last `loss` into the mean. An
    image that comes for the first time costs nothing.

    Parameters
    ----------
    network, views, weight, n_ramp
        See `FewLabels`.
    n_images : int
        Of the training set.
    memory : float in [0, 1)
        A mean remembers about ``1 / (1 - memory)`` predictions.
    """

    n_views = 1

    def __init__(self, network, n_images, views=None, *, memory=0.6, **options):
        super().__init__(network, views, **options)
        self.memory = check_real("memory", memory, 0, 1)
        if self.memory == 1:
            raise ValueError("memory=1.0 keeps nothing new: take a number below 1, 0.6 say.")
        shape = check_integer("n_images", n_images), network.head.out_features
        self.register_buffer("sums", torch.zeros(shape))
        self.register_buffer("counts", torch.zeros(shape[0], dtype=torch.int64))

    def unlabelled(self, logits, index):
        """Squared gap of the prediction and the mean so far, 0 where there is none."""
        p = logits[0].softmax(dim=1)
        self.latest = index, p.detach()
        goal = ensemble(self.sums[index], self.counts[index], self.memory)
        known = (self.counts[index] > 0).to(p.dtype)[:, None]
        return squared_gap(known * p, known * goal)

    @torch.no_grad()
    def update(self):
        """Count the step, and put the last predictions into the means of their images."""
        super().update()
        index, p = self.latest
        self.sums[index] = self.memory * self.sums[index] + (1 - self.memory) * p
        self.counts[index] += 1


class MeanTeacher(FewLabels):
    """A moving average of the student says what the student should (Tarvainen and Valpola, 2017).

    Each sees a view of its own. The teacher is in evaluation mode always; no gradient reaches it;
    its weights follow by `companion.train.MovingAverage`, its running statistics are the student's.
    Call `begin` once the weights are drawn, `update` after each step.

    Parameters
    ----------
    network, views, weight, n_ramp
        See `FewLabels`.
    decay : float in [0, 1]
        Of the moving average.
    """

    n_views = 1

    def __init__(self, network, views=None, *, decay=0.95, **options):
        super().__init__(network, views, **options)
        self.decay = check_real("decay", decay, 0, 1)
        self.average = MovingAverage(network, decay)
        self.teacher = self.average.model

    def train(self, mode=True):
        """Set the mode of the student; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def begin(self):
        """Let the teacher begin as a copy of the student."""
        self.teacher.load_state_dict(self.network.state_dict())
        self.average.n_updates = 0
        return self

    def look(self, images, *, generator=None):
        """A view for the student, after the teacher has seen another."""
        with torch.no_grad():
            view = self.views(images, generator=generator)
            self.goal = self.teacher(view).softmax(dim=1)
        return super().look(images, generator=generator)

    def unlabelled(self, logits, index):
        """Squared gap of student and teacher."""
        return squared_gap(logits[0].softmax(dim=1), self.goal)

    @torch.no_grad()
    def update(self):
        """Count the step, and let the teacher follow."""
        super().update()
        self.average.update(self.network)

    def predict_proba(self, x):
        """What the teacher says."""
        return self.teacher.predict_proba(x)


class UnsupervisedDataAugmentation(FewLabels):
    """The sharpened prediction for the image is the goal for its view (Xie et al., 2020).

    ``mean_n [max_k q_nk >= threshold] KL(q~_n || p(view of n))``, with q the prediction for the
    image as it is and ``q~ = softmax(logits / temperature)``; no gradient flows through them.

    Parameters
    ----------
    network, views, weight, n_ramp
        See `FewLabels`.
    temperature : float
        Below 1 it sharpens; towards 0 the goal is a pseudo label.
    threshold : float in [0, 1]
    """

    n_views = 1

    def __init__(self, network, views=None, *, temperature=0.4, threshold=0.8, **options):
        super().__init__(network, views, **options)
        self.temperature = check_real("temperature", temperature, 0, inclusive=False)
        self.threshold = check_real("threshold", threshold, 0, 1)

    def look(self, images, *, generator=None):
        """The images as they are, and a view of each."""
        return [images, *super().look(images, generator=generator)]

    def unlabelled(self, logits, index):
        """KL divergence of the views' predictions from the goals, over those that count."""
        said = logits[0].detach()
        confident = said.softmax(dim=1).amax(dim=1) >= self.threshold
        goal = (said / self.temperature).log_softmax(dim=1)
        divergence = (goal.exp() * (goal - logits[1].log_softmax(dim=1))).sum(dim=1)
        return (confident * divergence).mean()
