"""One look for every figure of the book, readable on light and dark pages. Ground floor.

Figures have a white ground of their own, so they read the same on either page. The colours are
those of Okabe and Ito (2008), which colour-blind readers can tell apart, without yellow, which is
lost on white. Beyond seven groups the markers change too.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Ellipse

COLORS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#4D4D4D"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
NOISE = "#9A9A9A"
SEQUENTIAL = "viridis"
DIVERGING = "RdBu_r"


def use_style():
    """Set matplotlib's defaults to the look of the book; chapters call it once."""
    plt.rcParams.update(
        {
            "axes.axisbelow": True,
            "axes.grid": True,
            "axes.prop_cycle": plt.cycler(color=COLORS),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "figure.constrained_layout.use": True,
            "figure.dpi": 110,
            "figure.facecolor": "white",
            "figure.figsize": (6.4, 4.0),
            "font.size": 11,
            "grid.color": "#E4E4E4",
            "image.cmap": SEQUENTIAL,
            "image.interpolation": "nearest",
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "savefig.facecolor": "white",
            "scatter.edgecolors": "face",
        }
    )


def group_style(group):
    """Colour and marker of group 0, 1, 2, ...; a negative number is noise, a small grey cross.

    >>> group_style(0), group_style(8)
    ({'color': '#0072B2', 'marker': 'o'}, {'color': '#E69F00', 'marker': 's'})
    """
    if group < 0:
        return {"color": NOISE, "marker": "x"}
    return {
        "color": COLORS[group % len(COLORS)],
        "marker": MARKERS[group // len(COLORS) % len(MARKERS)],
    }


def scatter(X, labels=None, *, centers=None, ax=None, size=14, names=None):
    """Draw points in the plane, coloured by cluster.

    Parameters
    ----------
    X : array (n, 2)
    labels : int array (n,), optional
        Cluster of each point; -1 is noise.
    centers : array (k, 2), optional
        Drawn as white-rimmed black crosses.
    ax : matplotlib axes, optional
    size : float
        Area of a marker in square points.
    names : sequence of str, optional
        Name of cluster 0, 1, ... for a legend.

    Returns
    -------
    matplotlib axes, with equal scales on both axes, without ticks and spines
    """
    ax = plt.gca() if ax is None else ax
    X = np.asarray(X)
    labels = np.zeros(len(X), dtype=int) if labels is None else np.asarray(labels)
    for group in np.unique(labels):
        name = names[group] if names is not None and group >= 0 else None
        member = X[labels == group]
        ax.scatter(*member.T, s=size, label=name, linewidths=0.8, alpha=0.85, **group_style(group))
    if centers is not None:
        ax.scatter(*np.asarray(centers).T, s=190, c="white", marker="X", zorder=3)
        ax.scatter(*np.asarray(centers).T, s=90, c="black", marker="X", zorder=4)
    if names is not None:
        ax.legend()
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def image_grid(images, *, n_columns=10, titles=None, cmap="gray_r", size=0.7, limits=None):
    """Draw images side by side, row by row.

    Parameters
    ----------
    images : array (n, h, w), (n, 1, h, w), (n, 3, h, w) or (n, h, w, 3)
    n_columns : int
    titles : sequence of str, optional
        One above each image.
    cmap : str
        Colour map of grey images; ``gray_r`` is ink on paper.
    size : float
        Width of an image in inches.
    limits : (low, high), optional
        Values drawn as the two ends of the map; by default the extremes of all images.

    Returns
    -------
    matplotlib figure
    """
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[1] in (1, 3):
        images = np.moveaxis(images, 1, -1)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    low, high = limits or (images.min(), images.max())
    n_columns = min(n_columns, len(images))
    n_rows = -(-len(images) // n_columns)
    row_size = size * images.shape[1] / images.shape[2] + (0.22 if titles is not None else 0)
    fig, axes = plt.subplots(
        n_rows, n_columns, figsize=(n_columns * size, n_rows * row_size), squeeze=False
    )
    for ax in axes.flat:
        ax.axis("off")
    for i, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        ax.imshow(image, cmap=cmap, vmin=low, vmax=high)
        if titles is not None:
            ax.set_title(titles[i], fontsize=9)
    return fig


def curves(lines, *, x=None, xlabel, ylabel, ax=None, log=False, **style):
    """Draw one or several curves with labelled axes.

    Parameters
    ----------
    lines : array (n,), or dict of name to array (n,)
        A dict gets a legend.
    x : array (n,), optional
        Default 0, 1, 2, ...
    xlabel, ylabel : str
    ax : matplotlib axes, optional
    log : bool
        Logarithmic vertical axis.
    **style
        Passed on to ``Axes.plot``.

    Returns
    -------
    matplotlib axes
    """
    ax = plt.gca() if ax is None else ax
    for name, y in (lines if isinstance(lines, dict) else {None: lines}).items():
        ax.plot(np.arange(len(y)) if x is None else x, y, label=name, **style)
    if isinstance(lines, dict):
        ax.legend()
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    return ax


def named(points, names, *, ax=None, size=8.5, places=None, **style):
    """Draw points (n, 2) with their names beside them, equal units on both axes and no frame.

    `places` gives for some names the shift in points of the page; from a positive one on the text
    stands to the right. Return the axes.
    """
    ax = ax or plt.gca()
    ax.scatter(*np.transpose(points), **({"s": 26, "zorder": 3} | style))
    for name, at in zip(names, points, strict=True):
        shift = (places or {}).get(name, (4, 3))
        side = "left" if shift[0] > 0 else "right"
        ax.annotate(name, at, shift, textcoords="offset points", fontsize=size, ha=side)
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.margins(0.12, 0.06)
    return ax


def ellipse(mean, covariance, *, ax=None, color="black", n_std=2.0, **style):
    """Draw the curve of equal density of a Gaussian in the plane, `n_std` standard deviations out.

    Parameters
    ----------
    mean : array (2,)
    covariance : array (2, 2)
    ax : matplotlib axes, optional
    color : str
    n_std : float
    **style
        Passed on to the patch.

    Returns
    -------
    matplotlib patch
    """
    ax = plt.gca() if ax is None else ax
    variances, axes = np.linalg.eigh(covariance)
    width, height = 2 * n_std * np.sqrt(variances)
    angle = np.degrees(np.arctan2(axes[1, 0], axes[0, 0]))
    style = {"facecolor": "none", "edgecolor": color, "linewidth": 2} | style
    return ax.add_patch(Ellipse(mean, width, height, angle=angle, **style))


def diagram(boxes, arrows, *, ax=None, size=11):
    """Draw boxes and the arrows between them: a network, the way of the data, the loss.

    Parameters
    ----------
    boxes : dict of name to (x, y, text) or (x, y, text, color)
        Centre of each box, in any unit: the axes are fitted. Without a colour a text has no box.
    arrows : sequence of (from, to) or (from, to, text)
        Names of two boxes, and what stands beside the arrow's middle.
    ax : matplotlib axes, optional
    size : float
        Of the letters, in points.

    Returns
    -------
    matplotlib axes, without ticks and spines

    Raises
    ------
    ValueError
        If an arrow begins or ends at a box that is not there.
    """
    ax = plt.gca() if ax is None else ax
    drawn = {}
    for name, (x, y, text, *color) in boxes.items():
        look = {"boxstyle": "round,pad=0.5", "facecolor": "none", "edgecolor": "none"}
        if color:
            look |= {
                "facecolor": (*to_rgb(color[0]), 0.15),
                "edgecolor": color[0],
                "linewidth": 1.5,
            }
        drawn[name] = ax.text(x, y, text, ha="center", va="center", size=size, bbox=look)
    for start, end, *text in arrows:
        for name in (start, end):
            if name not in boxes:
                raise ValueError(f"an arrow has an end at {name!r}: give boxes one of that name")
        tail, head = (np.array(boxes[name][:2], dtype=float) for name in (start, end))
        patches = {"patchA": drawn[start].get_bbox_patch(), "patchB": drawn[end].get_bbox_patch()}
        line = {"arrowstyle": "-|>", "color": "#404040", "linewidth": 1.5} | patches
        ax.annotate("", head, tail, arrowprops={"shrinkA": 2, "shrinkB": 2} | line)
        if text:
            middle, along = (tail + head) / 2, head - tail
            beside = (0, 5) if abs(along[0]) >= abs(along[1]) else (6, 0)
            ha, va = ("center", "bottom") if beside[1] else ("left", "center")
            where = {"xytext": beside, "textcoords": "offset points", "ha": ha, "va": va}
            ax.annotate(text[0], middle, size=size - 1.5, color="#404040", **where)
    places = np.array([box[:2] for box in boxes.values()], dtype=float)
    low, high = places.min(axis=0), places.max(axis=0)
    room = np.maximum(0.12 * (high - low), 0.5)
    (left, bottom), (right, top) = low - room, high + room
    ax.set(xlim=(left, right), ylim=(bottom, top))
    ax.axis("off")
    return ax
