"""A classifier that learns from its own answers: entropy, pseudo labels, FixMatch, distillation.

Chapter: `semisupervised`.
"""

import torch
from torch.nn import functional

from companion.semisupervised.learner import FewLabels
from companion.validation import check_integer, check_real


def entropy_minimization(logits):
    """Mean entropy of predictions (B, n_classes): 0 to log n_classes nats.

    ``-mean_n sum_k p_nk log p_nk`` (Grandvalet and Bengio, 2005).
    """
    log_p = logits.log_softmax(dim=1)
    return -(log_p.exp() * log_p).sum(dim=1).mean()


def pseudo_labels(probabilities, threshold=0.0):
    """Likeliest class (B,), and 1 where its probability is at least the threshold, else 0: (B,)."""
    confidence, label = probabilities.max(dim=1)
    return label, (confidence >= threshold).to(probabilities.dtype)


def align(probabilities, shares):
    """Divide by how often each class was predicted of late, (n_classes,); rows sum to 1 again.

    If predictions should be equally frequent (Berthelot et al., 2020): a class that is predicted
    too often loses.
    """
    scaled = probabilities / shares
    return scaled / scaled.sum(dim=1, keepdim=True)


class EntropyMinimization(FewLabels):
    """The unlabelled term is `entropy_minimization` of one view."""

    n_views = 1

    def unlabelled(self, logits, index):
        """Mean entropy of the predictions."""
        return entropy_minimization(logits[0])


class PseudoLabel(FewLabels):
    """The likeliest class of the image as it is counts as the label of its view (Lee, 2013).

    Parameters
    ----------
    network, views, weight, n_ramp
        See `FewLabels`.
    threshold : float in [0, 1]
        Predictions of smaller probability give no label; 0 takes all, as Lee did.
    aligned : bool
        Divide predictions by their mean of late first: if all classes are known to be equally
        frequent.
    memory : float in [0, 1)
        Of that mean.
    """

    n_views = 1

    def __init__(self, network, views=None, *, threshold=0.0, aligned=False, memory=0.9, **options):
        super().__init__(network, views, **options)
        self.threshold = check_real("threshold", threshold, 0, 1)
        self.aligned, self.memory = bool(aligned), check_real("memory", memory, 0, 1)
        n_classes = network.head.out_features
        self.register_buffer("shares", torch.full((n_classes,), 1 / n_classes))

    def weak(self, images, *, generator=None):
        """What a pseudo label is read from: the image as it is."""
        return images

    def look(self, images, *, generator=None):
        """What the label is read from, and the view that it is taught to."""
        weak = self.weak(images, generator=generator)
        return [weak, *super().look(images, generator=generator)]

    def unlabelled(self, logits, index):
        """Cross-entropy of pseudo labels: summed where they count, divided by all."""
        guess = logits[0].detach().softmax(dim=1)
        self.latest = guess.mean(dim=0)
        if self.aligned:
            guess = align(guess, self.shares)
        label, counts = pseudo_labels(guess, self.threshold)
        each = functional.cross_entropy(logits[1], label, reduction="none")
        return (counts * each).mean()

    @torch.no_grad()
    def update(self):
        """Count the step, and let the shares of the classes follow."""
        super().update()
        self.shares.lerp_(self.latest, 1 - self.memory)


class FixMatch(PseudoLabel):
    """Pseudo labels from a weak view, only confident ones, taught to a strong view.

    ``mean_n [max_k q_nk >= threshold] -log p(argmax_k q_nk | strong view of n)``, with q the
    prediction for a weak view, through which no gradient flows (Sohn et al., 2020).

    Parameters
    ----------
    weak_views : callable, optional
        Default: `views` at a third of bend, shift, ripple and gamma.
    threshold : float in [0, 1]
    **options
        See `PseudoLabel`; `views` are the strong ones.
    """

    def __init__(self, network, views=None, *, weak_views=None, threshold=0.95, **options):
        super().__init__(network, views, threshold=threshold, **options)
        if weak_views is None:
            names = ("bend", "shift", "ripple", "gamma")
            mild = {name: getattr(self.views, name) / 3 for name in names}
            weak_views = type(self.views)(**mild)
        self.weak_views = weak_views

    def weak(self, images, *, generator=None):
        """A weak view."""
        return self.weak_views(images, generator=generator)


def most_confident(probabilities, n_per_class):
    """Indices of the images that are most certainly of each class, and their class: (K n,) each.

    An image may stand for two classes, as with Yalniz et al. (2019), if few are sure of one.
    """
    n = check_integer("n_per_class", n_per_class, 1, len(probabilities))
    index = probabilities.topk(n, dim=0).indices.T  # (n_classes, n)
    classes = torch.arange(len(index), device=index.device)[:, None].expand_as(index)
    return index.flatten(), classes.flatten()


def distill(student_logits, teacher_logits, temperature=1.0):
    """``T^2`` times the mean KL of the teacher's softened answers from the student's, in nats.

    With ``p = softmax(logits / T)``; the factor keeps the size of the gradients (Hinton et al.,
    2015). No gradient reaches the teacher. Both (B, n_classes), to a scalar.
    """
    t = check_real("temperature", temperature, 0, inclusive=False)
    teacher = (teacher_logits.detach() / t).log_softmax(dim=1)
    student = (student_logits / t).log_softmax(dim=1)
    return t**2 * (teacher.exp() * (teacher - student)).sum(dim=1).mean()
