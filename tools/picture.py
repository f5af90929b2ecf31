"""Draw the picture of the landing page and the README: `book/_static/clusters.png`.

python -m tools.picture
"""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from companion import data, plots
from companion.clustering.density import DBSCAN
from companion.clustering.kmeans import KMeans
from companion.clustering.spectral import SpectralClustering
from tools.chapters import ROOT

TARGET = ROOT / "book" / "_static" / "clusters.png"


def voronoi(ax):
    """The cells of k-means on a grid of pixels, with the points that made them."""
    X, _ = data.toy("blobs", 900, random_state=4)
    model = KMeans(n_clusters=14, n_init=5, random_state=0).fit(X)
    low, high = X.min(0) - 0.8, X.max(0) + 0.8
    side = [np.linspace(a, b, 700) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*side), -1)
    cells = model.predict(grid.reshape(-1, 2)).reshape(700, 700)
    colors = np.array([to_rgba(plots.COLORS[c % 6]) for c in range(14)])
    colors[:, 3] = np.linspace(0.35, 0.75, 14)
    ax.imshow(colors[cells], origin="lower", extent=[low[0], high[0], low[1], high[1]])
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


def digits(ax):
    """Handwritten digits where spectral clustering puts them, in the colour of their cluster."""
    sets = data.digits()
    chosen = sets.y_train < 6
    images = sets.x_train[chosen][:, 0]
    X = images.reshape(len(images), -1).astype(float)
    model = SpectralClustering(
        n_clusters=6, affinity="nearest_neighbors", n_neighbors=10, random_state=0
    ).fit(X)
    place = layout(model.affinity_matrix_)
    for i in np.random.default_rng(0).permutation(len(images))[:260]:
        ink = np.empty((8, 8, 4))
        ink[..., :3] = to_rgba(plots.group_style(model.labels_[i])["color"])[:3]
        ink[..., 3] = images[i] / 16
        box = OffsetImage(ink, zoom=1.9, interpolation="nearest")
        ax.add_artist(AnnotationBbox(box, place[i], frameon=False))
    margin = 0.06 * np.ptp(place, axis=0)
    ax.set(xlim=np.c_[place.min(0) - margin, place.max(0) + margin][0])
    ax.set(ylim=np.c_[place.min(0) - margin, place.max(0) + margin][1])


def layout(affinity, n_components=6):
    """Two numbers a point: the directions of a random projection of the spectral embedding."""
    from scipy.sparse.linalg import eigsh

    degree = np.asarray(affinity.sum(1)).ravel()
    scale = 1 / np.sqrt(degree)
    normalised = affinity.multiply(scale[:, None]).multiply(scale).tocsr()
    _, vectors = eigsh(normalised, k=n_components, which="LA", v0=np.ones(len(scale)))
    rows = vectors * scale[:, None]
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    centred = rows - rows.mean(0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T


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
