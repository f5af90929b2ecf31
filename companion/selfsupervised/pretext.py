"""Questions that images answer themselves: which way up, what lies where, whither did it go?

Chapter: `pretext`.
"""

import torch
from torch import nn
from torch.nn import functional

from companion.distributions import uniform
from companion.selfsupervised.colors import nearest_color, split_colors
from companion.selfsupervised.encoder import ConvEncoder
from companion.validation import check_event, check_integer, check_real


def rotate(images, turns):
    """Turn each image by quarters, counter-clockwise: pixels move, none is computed anew.

    Parameters
    ----------
    images : tensor (B, C, H, H)
    turns : int tensor (B,), 0 to 3
    """
    if images.shape[-1] != images.shape[-2]:
        raise ValueError(f"images has shape {tuple(images.shape)} but must be square: crop it.")
    turned = torch.stack([torch.rot90(images, k, (-2, -1)) for k in range(4)])
    return turned[turns, torch.arange(len(images), device=images.device)]


class RotationPrediction(nn.Module):
    """By how many quarters has the image been turned? (Gidaris et al., 2018)

    ``-log p(turns | turned image)``, the mean over a batch with a random turn for each image.

    Parameters
    ----------
    encoder : ConvEncoder
    views : callable, optional
        ``views(images, generator=...)`` changes images in [0, 1] before they are turned: a change
        after it could give the turn away, or undo it.
    """

    n_answers = 4

    def __init__(self, encoder=None, *, views=None):
        super().__init__()
        self.encoder = ConvEncoder() if encoder is None else encoder
        self.head = nn.Linear(self.encoder.n_features, self.n_answers)
        self.views = views

    def question(self, x, *, generator=None):
        """Return turned images of levels x and the turns, (B, *event) and (B,)."""
        images = self.encoder.prepare(x)
        if self.views is not None:
            images = self.views(images, generator=generator)
        turns = uniform((len(x),), generator=generator, like=images).mul(4).long()
        return rotate(images, turns), turns

    def loss(self, x, *, generator=None):
        """Of levels x (B, *event): nats."""
        images, turns = self.question(x, generator=generator)
        logits = self.head(functional.relu(self.encoder(images)))
        return functional.cross_entropy(logits, turns)

    @torch.no_grad()
    def guesses(self, x):
        """Guessed turns of levels x as they are given, (B,), in evaluation mode."""
        return self.head(functional.relu(self.encoder.encode(x))).argmax(dim=1)

    def right(self, x):
        """Whether each of the four turns of each image is guessed, bool (4, B)."""
        turns = torch.arange(4, device=x.device)[:, None].expand(4, len(x))
        return torch.stack([self.guesses(rotate(x, k)) == k for k in turns])

    def encode(self, x):
        """Features of levels, (B, *event) to (B, n_features)."""
        return self.encoder.encode(x)


# Rows down and columns right from the middle, the eight around it in reading order.
NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


class RelativePatch(nn.Module):
    """Two patches of one image: where is the second, seen from the first? (Doersch et al., 2015)

    ``-log p(place | two patches)``, one of the eight around the middle.

    Parameters
    ----------
    encoder : ConvEncoder
        Of a square patch; both patches go through the same one.
    gap : int
        Pixels between neighbouring patches.
    jitter : int
        Each patch moves by up to so many pixels in each direction, all moves equally likely.
    n_hidden : int
    """

    n_answers = 8

    def __init__(self, encoder=None, *, gap=4, jitter=2, n_hidden=64):
        super().__init__()
        self.encoder = ConvEncoder((1, 12, 12), 256) if encoder is None else encoder
        self.gap, self.jitter = check_integer("gap", gap, 0), check_integer("jitter", jitter, 0)
        self.size = self.encoder.event_shape[1]
        self.side = 3 * self.size + 2 * self.gap + 2 * self.jitter
        self.head = nn.Sequential(
            nn.Linear(2 * self.encoder.n_features, n_hidden),
            nn.ReLU(),
            nn.Linear(n_hidden, self.n_answers),
        )

    def cut(self, windows, offsets):
        """Patches of windows (B, C, side, side) whose corner is at offsets (B, 2): (B, *event)."""
        place = torch.arange(self.size, device=windows.device)
        rows, columns = (offsets[:, i : i + 1] + place for i in (0, 1))
        image = torch.arange(len(windows), device=windows.device)[:, None, None]
        return windows[image, :, rows[:, :, None], columns[:, None]].movedim(-1, 1)

    def question(self, x, *, generator=None):
        """Two patches of each window of levels x (B, C, side, side), and the place."""
        x = check_event("x", x, (self.encoder.event_shape[0], self.side, self.side))
        draw = uniform((5, len(x)), generator=generator).to(x.device)
        place = (self.n_answers * draw[0]).long()
        moves = ((2 * self.jitter + 1) * draw[1:]).long().T
        pace = self.size + self.gap
        step = pace * torch.tensor(NEIGHBOURS, device=x.device)[place]
        middle = self.cut(x, pace + moves[:, :2])
        return (middle, self.cut(x, pace + step + moves[:, 2:])), place

    def logits(self, pair):
        """Logits of the eight places, from two patches of levels."""
        codes = [functional.relu(self.encoder(self.encoder.prepare(part))) for part in pair]
        return self.head(torch.cat(codes, dim=1))

    def loss(self, x, *, generator=None):
        """Of windows of levels x: nats."""
        pair, place = self.question(x, generator=generator)
        return functional.cross_entropy(self.logits(pair), place)

    @torch.no_grad()
    def right(self, x, *, generator=None):
        """Whether the place is guessed, one question a window, bool (B,), in evaluation mode."""
        training = self.training
        pair, place = self.question(x, generator=generator)
        guess = self.eval().logits(pair).argmax(dim=1)
        self.train(training)
        return guess == place


class VideoColorization(nn.Module):
    """Colour a grey frame by pointing at pixels of an earlier one (Vondrick et al., 2018).

    ``A = softmax(f(frame) . f(reference) / temperature)`` over the reference's pixels; a pixel's
    guess is the mean of their colours with these weights, its loss ``-log`` of what the right
    colour of the palette gets.

    Parameters
    ----------
    palette : tensor (K, 2)
        Chroma of the colours.
    n_channels, n_features : int
    temperature : float
        Features have length 1.
    reach : int, optional
        The farthest that a pixel may point, in rows and columns.
    """

    def __init__(self, palette, *, n_channels=16, n_features=16, temperature=0.05, reach=None):
        super().__init__()
        palette = check_event("palette", torch.as_tensor(palette), (2,))
        self.register_buffer("palette", palette.clone())  # weights are loaded into it
        self.temperature = check_real("temperature", temperature, 0, inclusive=False)
        self.reach = None if reach is None else check_integer("reach", reach)
        n, layers = n_channels, []
        for n_in in (1, n, n):
            layers += [nn.Conv2d(n_in, n, 3, padding=1, bias=False), nn.BatchNorm2d(n), nn.ReLU()]
        self.features = nn.Sequential(*layers, nn.Conv2d(n, n_features, 3, padding=1))

    def pointers(self, grey, reference):
        """Weights A (B, H W, H W), of two grey frames (B, 1, H, W)."""
        here, there = (
            functional.normalize(self.features(2 * frame - 1), dim=1).flatten(2)
            for frame in (grey, reference)
        )
        scores = here.transpose(1, 2) @ there / self.temperature
        if self.reach is not None:
            near = within_reach(*grey.shape[-2:], self.reach).to(scores.device)
            scores = scores.masked_fill(~near, torch.finfo(scores.dtype).min)
        return scores.softmax(dim=2)

    def loss(self, x, *, generator=None):
        """Of pairs of frames, x (B, 2, 3, H, W): the first has its colours."""
        first, color = split_colors(x[:, 0])
        second, goal = split_colors(x[:, 1])
        color = nearest_color(color, self.palette).flatten(1)
        goal = nearest_color(goal, self.palette).flatten(1)
        told = functional.one_hot(color, len(self.palette)).to(first)  # (B, H W, K)
        guess = self.pointers(second, first) @ told
        right = guess.gather(2, goal[..., None])
        return -(right + 1e-4).log().mean()

    @torch.no_grad()
    def carry(self, clip, values):
        """Carry values of the first frame through a clip, from each frame to the next.

        Parameters
        ----------
        clip : levels (B, T, 3, H, W); of its frames only the light is used
        values : float (B, n, H, W), of the first frame: labels one-hot, colours, anything

        Returns
        -------
        float (B, T, n, H, W)
        """
        training = self.training
        self.eval()
        grey = split_colors(clip.flatten(0, 1))[0].unflatten(0, clip.shape[:2])
        carried = [values.flatten(2).transpose(1, 2)]  # (B, H W, n)
        for t in range(1, clip.shape[1]):
            carried.append(self.pointers(grey[:, t], grey[:, t - 1]) @ carried[-1])
        self.train(training)
        return torch.stack(carried, 1).transpose(2, 3).unflatten(3, clip.shape[-2:])


def within_reach(height, width, reach):
    """Whether two pixels are at most `reach` rows and columns apart, bool (H W, H W)."""
    place = torch.cartesian_prod(torch.arange(height), torch.arange(width))
    return ((place[:, None] - place[None]).abs() <= reach).all(dim=2)
