"""The small feature network, and the dreams that the chapter shows besides its live one."""

from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from companion import data, train
from companion.layers import initialize
from companion.style.deep_dream import DeepDream, fine_share, resize
from companion.style.features import FeatureNetwork, VGG16Features, shuffled
from companion.style.pictures import KeptPictures
from tools.training.recipe import Recipe

SIZE = 48  # of a piece, in pixels


def seeded(seed=0):
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


def regions(final):
    """Two regions of every picture, apart: left to learn from, right to be tested on.

    With ``final=False`` both come from the left one.
    """
    for name in data.PICTURES:
        picture = data.picture(name)
        if picture.shape[0] > 700:  # at their full size they would show next to nothing in a piece
            picture = data.picture(name, size=600)
        cut = int(0.7 * picture.shape[1])
        if final:
            yield picture[:, :cut], picture[:, cut:]
        else:
            cut = int(0.5 * picture.shape[1])
            yield picture[:, : int(0.7 * cut)], picture[:, int(0.7 * cut) : cut]


def pieces(regions, n_each, seed):
    """Squares of 40 to 96 pixels from random places of each region, scaled to one size."""
    rng, images = np.random.RandomState(seed), []
    for region in regions:
        image = Image.fromarray(region)
        largest = min(*image.size, 96)
        for _ in range(n_each):
            side = rng.uniform(40, largest)
            left, top = (rng.uniform(0, length - side) for length in image.size)
            box = (left, top, left + side, top + side)
            piece = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=box)
            images.append(
                np.array(piece.transpose(Image.Transpose(0)) if rng.rand() < 0.5 else piece)
            )
    labels = torch.arange(len(data.PICTURES)).repeat_interleave(n_each)
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(), labels


def labelled_pieces(final):
    """Pieces and the number of their picture, to learn from and to test on."""
    learn, test = zip(*regions(final), strict=True)
    return pieces(learn, 300, 0), pieces(test, 40, 1)


class Guesser(nn.Module):
    """The feature network while it learns: every channel is normalised over the batch."""

    def __init__(self):
        super().__init__()
        self.network = FeatureNetwork()
        widths = sum(FeatureNetwork.WIDTHS, ())
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)

    def forward(self, x):
        """Logits of the pictures."""
        x = self.network.preprocess(x)
        named = self.network.convolutions.items()
        for norm, (name, convolution) in zip(self.norms, named, strict=True):
            if name.endswith("_1") and name != "conv1_1":
                x = functional.max_pool2d(x, 2)
            x = functional.relu(norm(convolution(x)))
        return self.network.output(x.mean(dim=(2, 3)))


def recoloured(x, generator):
    """Change brightness, contrast and the mixture of colours of images; a third is grey."""
    n = len(x)
    mix = torch.eye(3) + 0.25 * torch.randn(n, 3, 3, generator=generator)
    mix[torch.rand(n, generator=generator) < 1 / 3] = torch.full((3, 3), 1 / 3)
    x = torch.einsum("nij,njhw->nihw", mix / mix.sum(dim=2, keepdim=True), x - 0.5)
    gain = torch.exp(0.3 * torch.randn(n, 1, 1, 1, generator=generator))
    return (gain * x + 0.5 + 0.1 * torch.randn(n, 1, 1, 1, generator=generator)).clamp(0, 1)


def train_features(model, learn, n_steps, seed, *, learning_rate, convolutions=True):
    """Name the picture of a piece: cross-entropy, AdamW, one cycle of the learning rate.

    Without `convolutions` these stay as they were drawn.
    """
    generator = seeded(seed)
    model = initialize(model, generator=generator)
    model.network.convolutions.requires_grad_(convolutions)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=n_steps)

    def step(batch):
        images, labels = batch
        images = recoloured(images.float() / 255, generator)
        loss = functional.cross_entropy(model(images), labels)
        loss = train.descend(loss, optimizer, max_norm=1.0)
        schedule.step()
        return loss

    train.fit(step, train.minibatches(*learn, batch_size=32, generator=generator), n_steps)
    return model


def measure_features(network, held_out):
    """How often the network names the picture of a piece, in other colours and in its own."""
    images, labels = held_out
    images = images.float() / 255
    looks = {"accuracy": recoloured(images, seeded()), "accuracy in its own colours": images}
    return {
        name: (network.guess(look).argmax(dim=1) == labels).double().mean()
        for name, look in looks.items()
    }


def keep_features(kept, guesser):
    """Put the normalisation into the convolutions."""
    kept.output.load_state_dict(guesser.network.output.state_dict())
    pairs = zip(kept.convolutions.values(), guesser.network.convolutions.values(), strict=True)
    with torch.no_grad():
        for (ours, theirs), norm in zip(pairs, guesser.norms, strict=True):
            gain = norm.weight / (norm.running_var + norm.eps).sqrt()
            ours.weight.copy_(theirs.weight * gain[:, None, None, None])
            ours.bias.copy_((theirs.bias - norm.running_mean) * gain + norm.bias)
    return kept


def photo(name, size=256):
    """A square picture (1, 3, size, size) in [0, 1]."""
    return torch.from_numpy(data.picture(name, size=size)).permute(2, 0, 1)[None] / 255


def noise(size):
    """Grey with a little noise, the same for all who ask."""
    return (0.5 + 0.05 * torch.randn(1, 3, size, size, generator=seeded(7))).clamp(0, 1)


def dreamed(network, layer="conv4_3", x=None, **settings):
    """One dream of the coffee, or of `x`."""
    x = photo("coffee") if x is None else x
    return DeepDream(network, [layer], **settings).dream(x, generator=seeded())[0]


def plain_step(network, layer="conv4_3"):
    """The step with which the plain gradient's first step is as long as the normalised one."""
    dream, x = DeepDream(network, [layer]), photo("coffee")
    small = resize(x, [round(256 / dream.octave_scale**3)] * 2)
    return dream.step_size / dream.gradient(small).abs().mean().item()


def layer_by_layer(vgg):
    """What each block makes of the same picture."""
    return {layer: dreamed(vgg, layer) for layer in LAYERS}


def other_networks(vgg):
    """The same with VGG's weights shuffled, and with the small network."""
    return {
        "shuffled": dreamed(shuffled(vgg, generator=seeded())),
        "small": dreamed(FeatureNetwork.load(), "conv4_1"),
        "small_random": dreamed(FeatureNetwork.load(trained=False), "conv4_1"),
    }


def without(vgg):
    """One part of the recipe left out at a time."""
    return {
        "no_jitter": dreamed(vgg, jitter=0),
        "plain": dreamed(vgg, normalize=False, step_size=plain_step(vgg)),
    }


def at_one_size(vgg):
    """All steps at the size of the picture."""
    return {"one_octave": dreamed(vgg, n_octaves=1, n_steps=40)}


def other_starts(vgg):
    """From noise; and with means in the place of maxima."""
    return {
        "from_noise": dreamed(vgg, x=noise(256)),
        "mean_pooling": dreamed(VGG16Features.load(pooling="mean")),
    }


def in_the_deepest_layer(vgg):
    """Wider octaves, from 84 pixels: of four settings tried, the one with the clearest spirals."""
    return {"spirals": dreamed(vgg, "conv5_3", n_octaves=3, octave_scale=1.75, n_steps=13)}


def channel_by_channel(vgg):
    """One channel at a time, from noise, at half the size."""
    return {
        f"channel_{channel}": dreamed(vgg, x=noise(128), channel=channel) for channel in CHANNELS
    }


LAYERS = ["conv2_2", "conv3_3", "conv4_3", "conv5_1"]
CHANNELS = [40, 120, 200, 280, 360, 440]  # evenly spaced: not chosen by what they show
NAMES = {
    layer_by_layer: LAYERS,
    other_networks: ["shuffled", "small", "small_random"],
    without: ["no_jitter", "plain"],
    at_one_size: ["one_octave"],
    other_starts: ["from_noise", "mean_pooling"],
    in_the_deepest_layer: ["spirals"],
    channel_by_channel: [f"channel_{channel}" for channel in CHANNELS],
}


def sources(final):
    """The picture that is changed, and one that is not."""
    learn, other = ("coffee", "brick") if final else ("coffee", "grass")
    return tuple((255 * photo(name)).to(torch.uint8) for name in (learn, other))


def make_dreams(kept, learn, n_steps, seed, *, make):
    """Draw them all; the steps are the defaults of `DeepDream`."""
    for name, image in make(VGG16Features.load()).items():
        kept.put(name, image)
    return kept


def measure_dreams(kept, held_out):
    """Share of the finest details, the mean of all pictures and each."""
    shares = {
        name: fine_share(torch.from_numpy(kept.picture(name)).double().permute(2, 0, 1)[None])
        for name in kept.names
    }
    return {"fine share": torch.stack(list(shares.values())).mean()} | shares


def dreams(make, title):
    """A recipe for pictures."""
    return Recipe(
        title=title,
        on="a cup of coffee",
        data=sources,
        make=partial(KeptPictures, NAMES[make]),
        fit=partial(make_dreams, make=make),
        measure=measure_dreams,
        unit="fine share",
        n_steps=DeepDream(None, ["any"]).n_steps,
        control=True,
    )


features = Recipe(
    title="Small feature network",
    on="pieces of 16 pictures",
    data=labelled_pieces,
    make=Guesser,
    fit=train_features,
    measure=measure_features,
    unit="accuracy",
    n_steps=270,
    settings={"learning_rate": 1e-2},
    tried=[{"learning_rate": 3e-3}],
    keep=keep_features,
    kept=FeatureNetwork,
    control=True,
)

RECIPES = {
    "features": features,
    "features_random": features._replace(
        title="Small feature network, random convolutions",
        settings={"learning_rate": 1e-2, "convolutions": False},
    ),
    "dream_layers": dreams(layer_by_layer, "Dreams, layer by layer"),
    "dream_networks": dreams(other_networks, "Dreams of other networks"),
    "dream_without": dreams(without, "Dreams with one part left out"),
    "dream_one_octave": dreams(at_one_size, "A dream at one size"),
    "dream_starts": dreams(other_starts, "Dreams from noise, and with mean pooling"),
    "dream_spirals": dreams(in_the_deepest_layer, "A dream of the deepest layer"),
    "dream_channels": dreams(channel_by_channel, "Dreams of single channels"),
}
