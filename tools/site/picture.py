"""Draw the picture of the landing page and the README: `book/_static/book.png`.

python -m tools.site.picture

Every panel is made by a model of the book: cells of k-means, shapes found by DBSCAN, the map of
digits of a variational autoencoder, digits drawn by PixelCNN++ and what each of their pixels costs,
faces drawn by another variational autoencoder.
"""

import io

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from PIL import Image
from scipy.stats import norm

from companion import data, plots
from companion.autoencoders.vae import VAE
from companion.autoregressive.fast_sampling import sample_cached
from companion.autoregressive.pixelcnnpp import PixelCNNPlusPlus
from companion.classifier import DigitClassifier
from companion.clustering.density import DBSCAN
from companion.clustering.kmeans import KMeans
from companion.metrics import bits_per_dim
from companion.train import load_weights
from tools.pages.chapters import ROOT

TARGET = ROOT / "book" / "_static" / "book.png"
GROUND, PAPER = "#0F1B2D", "#17263B"
GROUPS = [
    "#4C9BE8",
    *plots.COLORS[1:6],
    "#F0E442",
    "#B8C4D6",
    "#A897FF",
    "#FF8C8C",
]  # for a dark ground
WIDTH, HEIGHT, GAP = 1800, 840, 20


def tiles(images, n_columns, space=1):
    """Put images (n, h, w, 3) side by side on paper, row by row."""
    n, h, w, _ = images.shape
    sheet = np.empty((n // n_columns, h + space, n_columns, w + space, 3))
    sheet[:] = to_rgb(PAPER)
    sheet[:, :h, :, :w] = images.reshape(-1, n_columns, h, w, 3).transpose(0, 2, 1, 3, 4)
    sheet = sheet.reshape(n // n_columns * (h + space), n_columns * (w + space), 3)
    return np.pad(sheet[: -space or None, : -space or None], ((1, 1), (1, 1), (0, 0)), "edge")


def inked(images, colors):
    """Colour grey levels 0..16 (n, 8, 8), each image with its own ink."""
    amount = np.clip(np.asarray(images, dtype=float) / 16, 0, 1)[..., None]
    ink = np.array([to_rgb(c) for c in colors])[:, None, None]
    return amount * ink + (1 - amount) * np.array(to_rgb(PAPER))


def cells(ax):
    """The cells of k-means on a grid of pixels, with the points that made them."""
    X, _ = data.toy("spiral", 1500, random_state=4)
    model = KMeans(n_clusters=28, n_init=5, random_state=0).fit(X)
    low, high = X.min(0) - 0.15, X.max(0) + 0.15
    side = [np.linspace(a, b, 700) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*side), -1)
    found = model.predict(grid.reshape(-1, 2)).reshape(700, 700)
    strength = np.tile([1.0, 0.72, 0.86, 0.6], 7)[:, None]
    base = np.array([to_rgb(plots.COLORS[c % 6]) for c in range(28)])
    colors = strength * base + (1 - strength) * np.array(to_rgb(GROUND))
    ax.imshow(colors[found], origin="lower", extent=[low[0], high[0], low[1], high[1]])
    ax.contour(*side, found, levels=np.arange(27) + 0.5, colors=GROUND, linewidths=1.5)
    ax.scatter(*X.T, s=4, c="white", alpha=0.55, linewidths=0)
    ax.scatter(*model.cluster_centers_.T, s=46, c="white", edgecolors=GROUND, zorder=3)


def shapes(ax):
    """Moons and a ring among noise, found by density."""
    rng = np.random.default_rng(0)
    moons, _ = data.toy("moons", 700, random_state=0)
    moons = (moons - moons.mean(0)) * [1.2, 1.5]
    angle = rng.uniform(0, 2 * np.pi, (2, 450))
    rings = [
        radius * np.c_[np.cos(a), np.sin(a)] + rng.normal(0, 0.05, (450, 2)) + [4.1, 0]
        for radius, a in zip((1.45, 0.7), angle, strict=True)
    ]
    noise = rng.uniform([-2.6, -1.85], [6.2, 1.85], (260, 2))
    X = np.concatenate([moons, *rings, noise])
    labels = DBSCAN(eps=0.19, min_samples=10).fit_predict(X)
    ax.set_facecolor(PAPER)
    colors = np.array([*[plots.COLORS[k] for k in (1, 2, 4, 5, 3, 0)], "#5F7089"])
    ax.scatter(*X.T, s=np.where(labels < 0, 5, 9), c=colors[np.minimum(labels, 5)], linewidths=0)
    ax.set(xlim=(-2.6, 6.2), ylim=(-1.85, 1.85))


def lands(ax, rows=24, columns=20):
    """What a VAE with two numbers makes of its plane, coloured by the class of what it draws."""
    model = load_weights(VAE(2, n_hidden=128), "autoencoders/vae_map")
    across, down = (norm.ppf((np.arange(n) + 0.5) / n) for n in (columns, rows))
    grid = np.stack(np.meshgrid(across, -down), -1).reshape(-1, 2)
    with torch.no_grad():
        drawn = model.decode(torch.tensor(grid, dtype=torch.float32))[0].view(-1, 8, 8)
        classes = DigitClassifier.load()(drawn[:, None].clamp(0, 16)).argmax(1)
    ax.imshow(tiles(inked(drawn, [GROUPS[k] for k in classes]), columns), aspect="auto")


def digits_and_their_price(samples, prices, rows=5, columns=13):
    """Digits that PixelCNN++ drew, and the bits that it would take to send each of their pixels."""
    model = load_weights(PixelCNNPlusPlus(), "autoregressive/pixelcnnpp").eval()
    drawn = sample_cached(model, rows * columns, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        logs = model.logits(drawn).log_softmax(-1).gather(-1, drawn.long()[..., None])
    bits = bits_per_dim(logs.reshape(-1, 8, 8), 1).numpy()
    samples.imshow(tiles(inked(drawn[:, 0], ["#F4EFE6"] * len(drawn)), columns), aspect="auto")
    colors = [PAPER, "#5B2A86", "#C7365F", "#F98E52", "#FCEFB4"]
    heat = LinearSegmentedColormap.from_list("heat", colors)
    prices.imshow(tiles(heat(bits / 6)[..., :3], columns), aspect="auto")


def faces(ax, count=8, n_columns=4):
    """Faces that a VAE draws from random codes."""
    sizes = {"n_levels": 256, "n_hidden": 128, "n_channels": 24, "log_scale": 2.7}
    model = load_weights(VAE(12, event_shape=(3, 32, 32), **sizes), "autoencoders/vae_faces")
    with torch.no_grad():
        codes = torch.randn(count, 12, generator=torch.Generator().manual_seed(3))
        drawn = model.decode(codes)[0].clamp(0, 255) / 255
    ax.imshow(tiles(drawn.permute(0, 2, 3, 1).numpy(), n_columns), aspect="auto")


def place(fig, left, top, width, height):
    """Return axes without a frame at a place in pixels, from the upper left corner."""
    at = [left / WIDTH, 1 - (top + height) / HEIGHT, width / WIDTH, height / HEIGHT]
    ax = fig.add_axes(at, xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    return ax


def main():
    """Draw the panels on a dark ground and write them in 256 colours."""
    plots.use_style()
    plt.rcParams["figure.constrained_layout.use"] = False
    fig = plt.figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor=GROUND)
    side, middle = 560, WIDTH - 2 * 560 - 4 * GAP
    right = WIDTH - GAP - side
    cells(place(fig, GAP, GAP, side, 530))
    shapes(place(fig, GAP, 570, side, 250))
    lands(place(fig, 2 * GAP + side, GAP, middle, 800))
    digits_and_their_price(place(fig, right, GAP, side, 234), place(fig, right, 274, side, 234))
    faces(place(fig, right, 528, side, 292))
    for ax in fig.axes[:2]:
        ax.set_aspect("auto")
    file = io.BytesIO()
    fig.savefig(file, facecolor=GROUND)
    picture = Image.open(file).convert("RGB")
    picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=0).save(TARGET, optimize=True)
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
