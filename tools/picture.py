"""Draw the picture of the landing page and the README: `book/_static/clusters.png`.

python -m tools.picture
"""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgba

from companion import data, plots
from companion.clustering.density import DBSCAN
from companion.clustering.kmeans import KMeans
from companion.clustering.spectral import SpectralClustering
from tools.chapters import ROOT

TARGET = ROOT / "book" / "_static" / "clusters.png"


def voronoi(ax):
    """The cells of k-means on a grid of pixels, with the points that made them."""
    X, _ = data.toy("spiral", 1500, random_state=4)
    model = KMeans(n_clusters=28, n_init=5, random_state=0).fit(X)
    low, high = X.min(0) - 0.15, X.max(0) + 0.15
    side = [np.linspace(a, b, 700) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*side), -1)
    cells = model.predict(grid.reshape(-1, 2)).reshape(700, 700)
    colors = np.array([to_rgba(plots.COLORS[c % 6]) for c in range(28)])
    colors[:, 3] = np.tile([0.75, 0.55, 0.4, 0.3], 7)
    ax.imshow(colors[cells], origin="lower", extent=[low[0], high[0], low[1], high[1]])
    ax.contour(*side, cells, levels=np.arange(27) + 0.5, colors="white", linewidths=1)
    ax.scatter(*X.T, s=3, c="black", alpha=0.5, linewidths=0)
    ax.scatter(*model.cluster_centers_.T, s=60, c="white", edgecolors="black", zorder=3)
    ax.set_aspect("auto")


def shapes(ax):
    """Two moons and a ring among noise, found by density."""
    rng = np.random.default_rng(0)
    moons, _ = data.toy("moons", 500, random_state=0)
    angle = rng.uniform(0, 2 * np.pi, 500)
    ring = 2.6 * np.c_[np.cos(angle), np.sin(angle)] + rng.normal(0, 0.06, (500, 2))
    noise = rng.uniform(-3.4, 3.4, (160, 2))
    X = np.concatenate([moons - moons.mean(0), ring, noise])
    labels = DBSCAN(eps=0.25, min_samples=8).fit_predict(X)
    plots.scatter(X, labels, ax=ax, size=11)


def digits(ax, n_rows=10):
    """Ten groups that spectral clustering finds among handwritten digits: a column each."""
    images = data.digits().x_train[:, 0]
    X = images.reshape(len(images), -1).astype(float)
    model = SpectralClustering(
        n_clusters=10, affinity="nearest_neighbors", n_neighbors=10, random_state=0
    ).fit(X)
    rng = np.random.default_rng(1)
    quilt = np.zeros((9 * n_rows, 90, 4))
    for group in range(10):
        members = rng.permutation(np.flatnonzero(model.labels_ == group))[:n_rows]
        for row, member in enumerate(members):
            tile = quilt[9 * row : 9 * row + 8, 9 * group : 9 * group + 8]
            tile[..., :3] = to_rgba(plots.COLORS[group % 7])[:3]
            tile[..., 3] = images[member] / 16
    ax.imshow(quilt)


def main():
    """Draw the three panels side by side."""
    plots.use_style()
    plt.rcParams["figure.constrained_layout.use"] = False
    fig, axes = plt.subplots(1, 3, figsize=(13.5, 4.5))
    for ax, draw in zip(axes, (voronoi, shapes, digits), strict=True):
        draw(ax)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.grid(visible=False)
    fig.subplots_adjust(left=0.005, right=0.995, top=0.99, bottom=0.01, wspace=0.03)
    fig.savefig(TARGET, dpi=110)


if __name__ == "__main__":
    main()
