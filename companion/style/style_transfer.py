"""Style transfer: one picture that has the content of a second one and the style of a third.

Chapter: `style_transfer`.
"""

from contextlib import suppress

import torch
from torch import nn

from companion.style.canvases import check_image
from companion.validation import check_choice, check_event, check_integer, check_real

STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1")


def gram_matrix(features):
    """Products of all pairs of features, a mean over places: ``G_ij = mean_k F_ik F_jk``.

    Gatys et al. (2016) sum over places and divide the loss by the number of places squared instead:
    for pictures of one size that is the same.

    Parameters
    ----------
    features : tensor (B, C, H, W)

    Returns
    -------
    tensor (B, C, C)
        Symmetric and positive semidefinite.

    Raises
    ------
    ValueError
        If `features` has another number of axes.
    """
    check_event("features", features, (None, None, None))
    flat = features.flatten(start_dim=2)  # (B, C, H W)
    return flat @ flat.mT / flat.shape[2]


def feature_means(features):
    """Mean of each feature over places, (B, C, H, W) to (B, C): what a Gram matrix is more than."""
    check_event("features", features, (None, None, None))
    return features.mean(dim=(2, 3))


def style_loss(features, targets, weights=None, *, statistic=gram_matrix):
    """Distance of Gram matrices, ``sum_l w_l / (4 C_l^2) sum_ij (G^l_ij - A^l_ij)^2``.

    Parameters
    ----------
    features : dict of str to tensor (B, C, H, W)
        Those of the image, by layer.
    targets : dict of str to tensor (1, C, C) or (B, C, C)
        The statistic of the style picture. Its keys are the layers that count.
    weights : dict of str to float, optional
        ``w_l``; by default one over the number of layers.
    statistic : callable
        Of features, `gram_matrix` or `feature_means`, say; the loss is a fourth of the mean square.

    Returns
    -------
    tensor ()
        A mean over the batch.

    Raises
    ------
    ValueError
        If a layer has no features or no weight, or the features are of another network.
    """
    found = {name: statistic(f) for name, f in chosen("features", features, targets).items()}
    return squares(found, targets, weights) / 4


def content_loss(features, targets, weights=None):
    """Distance of features, ``sum_l w_l / (2 C_l M_l) sum_ik (F^l_ik - P^l_ik)^2``.

    Gatys et al. (2016) do not divide by ``C_l M_l``, channels times places: their content weighs
    the more the larger the picture.

    Parameters
    ----------
    features : dict of str to tensor (B, C, H, W)
        Those of the image, by layer.
    targets : dict of str to tensor (1, C, H, W) or (B, C, H, W)
        Those of the content picture. Its keys are the layers that count.
    weights : dict of str to float, optional
        ``w_l``; by default one over the number of layers.

    Returns
    -------
    tensor ()
        A mean over the batch.

    Raises
    ------
    ValueError
        If a layer has no features or no weight, or the pictures have different sizes.
    """
    return squares(chosen("features", features, targets), targets, weights) / 2


def chosen(name, values, layers):
    """Return the entries of a dict that belong to `layers`, or raise a `ValueError`."""
    if missing := [layer for layer in layers if layer not in values]:
        raise ValueError(
            f"{name} lacks {missing}: it must have an entry for each layer of targets."
        )
    return {layer: values[layer] for layer in layers}


def squares(found, targets, weights):
    """Return the weighted sum over layers of mean squared differences, a tensor ()."""
    if weights is None:
        weights = dict.fromkeys(targets, 1 / len(targets))
    weights, total = chosen("weights", weights, targets), 0
    for layer, target in targets.items():
        if found[layer].shape[1:] != target.shape[1:]:
            raise ValueError(
                f"targets[{layer!r}] has shape {tuple(target.shape)} where the image gives "
                f"{tuple(found[layer].shape)}: use the same network, and images of equal size."
            )
        total = total + weights[layer] * (found[layer] - target).square().mean()
    return total


class StyleTransfer(nn.Module):
    """An image is changed until it has the content of one picture and the style of another.

    ``alpha L_content + beta L_style``, minimised over pixels (Gatys, Ecker and Bethge, 2016,
    doi:10.1109/CVPR.2016.265). Layer l has the weight ``w_l = 1 / (L Z_l)``, where ``Z_l`` is the
    loss of a layer whose features are all zero: so each of the two losses is 0 where features or
    Gram matrices agree and 1 for an image without features, whatever the network.

    Parameters
    ----------
    features : callable
        ``features(x, layers)`` returns a dict of activations (B, C, H, W) of images in [0, 1].
    content : tensor (1, 3, H, W) or None
        Values in [0, 1]. Without one, textures are made: style alone, from noise.
    style : tensor (1, 3, h, w)
        Values in [0, 1]; of any size.
    content_layers, style_layers : sequence of str
    content_weight, style_weight : float
        ``alpha`` and ``beta``.
    layer_weights : dict of str to float, optional
        Shares of the style layers in place of ``1 / L``.
    statistic : callable
        What style is: `gram_matrix`, or `feature_means`.

    Raises
    ------
    ValueError
        If a picture is no colour image in [0, 1], or a weight is negative.
    """

    def __init__(
        self,
        features,
        content,
        style,
        *,
        content_layers=("conv3_2",),
        style_layers=STYLE_LAYERS,
        content_weight=1.0,
        style_weight=1.0,
        layer_weights=None,
        statistic=gram_matrix,
    ):
        super().__init__()
        self.features, self.statistic = features, statistic
        self.content_weight = check_real("content_weight", content_weight, 0)
        self.style_weight = check_real("style_weight", style_weight, 0)
        self.style_layers = tuple(style_layers)
        self.content_layers = tuple(content_layers) if content is not None else ()
        self.register_buffer(
            "content", None if content is None else check_image("content", content)
        )
        with torch.no_grad():
            told = features(check_image("style", style), self.style_layers)
            for layer in self.style_layers:
                self.register_buffer(f"style_{layer}", statistic(told[layer]))
            told = features(content, self.content_layers) if self.content_layers else {}
            for layer in self.content_layers:
                self.register_buffer(f"content_{layer}", told[layer])
        self.weights = {
            "content": relative_weights(self.targets("content"), 2),
            "style": relative_weights(self.targets("style"), 4, layer_weights),
        }

    def targets(self, kind):
        """What the image is compared with, by layer: features or Gram matrices."""
        layers = self.style_layers if kind == "style" else self.content_layers
        return {layer: getattr(self, f"{kind}_{layer}") for layer in layers}

    def terms(self, x):
        """Content and style loss of an image; without a content the first is 0."""
        layers = dict.fromkeys(self.content_layers + self.style_layers)
        features, weights = self.features(x, tuple(layers)), self.weights
        told = self.targets("style"), weights["style"]
        style = style_loss(features, *told, statistic=self.statistic)
        if not self.content_layers:
            return {"content": torch.zeros_like(style), "style": style}
        content = content_loss(features, self.targets("content"), weights["content"])
        return {"content": content, "style": style}

    def loss(self, x):
        """``alpha L_content + beta L_style`` of an image (B, 3, H, W)."""
        return self.total(self.terms(x))

    def total(self, terms):
        """Weigh and add what `terms` returned."""
        return self.content_weight * terms["content"] + self.style_weight * terms["style"]

    def start(self, size=None, *, generator=None):
        """Return grey noise in [0, 1] as large as the content, or of `size` (H, W)."""
        if size is None and self.content is None:
            raise ValueError("size=None needs a content picture: pass size=(height, width).")
        like = self.targets("style")[self.style_layers[0]]
        place = "cpu" if generator is None else generator.device
        noise = torch.randn(
            1, 3, *(size or self.content.shape[2:]), generator=generator, device=place
        )
        return (0.5 + 0.1 * noise).clamp(0, 1).to(like)

    def run(
        self, start=None, n_evaluations=60, *, method="lbfgs", learning_rate=None, generator=None
    ):
        """Minimise the loss over the pixels of an image.

        A pixel is the sigmoid of a free number, so that no step leaves [0, 1]; pixels of the start
        are first brought into [0.05, 0.95]. The best image of all evaluations is returned.

        Parameters
        ----------
        start : tensor (1, 3, H, W), optional
            By default the content, or the noise of `start` where there is none.
        n_evaluations : int
        method : {"lbfgs", "adam"}
        learning_rate : float, optional
            1 for L-BFGS and 0.1 for Adam.
        generator : torch.Generator, optional

        Returns
        -------
        image : tensor (1, 3, H, W)
            Values in [0, 1].
        history : list of dict, one an evaluation
            ``"step"``, ``"loss"``, ``"content"`` and ``"style"``; trials of L-BFGS's line search
            are among them.
        """
        check_choice("method", method, ("lbfgs", "adam"))
        n_evaluations = check_integer("n_evaluations", n_evaluations)
        if start is None:
            start = self.start(generator=generator) if self.content is None else self.content
        free = check_image("start", start).clamp(0.05, 0.95).logit().contiguous().requires_grad_()
        rate = learning_rate or {"lbfgs": 1.0, "adam": 0.1}[method]
        if method == "adam":
            optimizer = torch.optim.Adam([free], lr=rate)
        else:
            ends = {"max_iter": n_evaluations, "tolerance_grad": 0.0, "tolerance_change": 0.0}
            optimizer = torch.optim.LBFGS(
                [free], rate, history_size=20, line_search_fn="strong_wolfe", **ends
            )
        history, best = [], {}

        def closure():
            if len(history) == n_evaluations:
                raise SpentError
            image = torch.sigmoid(free)
            terms = self.terms(image)
            loss = self.total(terms)
            # Made large: PyTorch's L-BFGS leaves out curvatures below 1e-10.
            (slope,) = torch.autograd.grad(free.numel() * loss, free)
            free.grad = slope.contiguous()
            record = {"loss": loss.item()} | {name: term.item() for name, term in terms.items()}
            if not history or record["loss"] < best["loss"]:
                best.update(record, image=image.detach())
            history.append({"step": len(history) + 1} | record)
            return free.numel() * loss.detach()

        with suppress(SpentError):
            while True:
                optimizer.step(closure)
        return best["image"], history


class SpentError(Exception):
    """All evaluations have been made."""


def relative_weights(targets, halves, shares=None):
    """Return ``w_l``: the share of layer l over its loss where all features are zero."""
    shares = dict.fromkeys(targets, 1 / max(len(targets), 1)) if shares is None else shares
    shares = chosen("layer_weights", shares, targets)
    sizes = {layer: float(target.square().mean()) / halves for layer, target in targets.items()}
    return {layer: shares[layer] / max(sizes[layer], 1e-12) for layer in targets}
