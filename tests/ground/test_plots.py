"""What the figures of the book have in common: colours, shapes, labels."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb, to_rgba
from sklearn.datasets import load_digits

from companion import plots

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _clean_figures():
    with mpl.rc_context():
        yield
    plt.close("all")


def luminance(color):
    """Relative luminance of WCAG 2."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def simulated(color, missing):
    """How somebody without red or green cones sees a colour (Viénot et al., 1999), linear rgb."""
    rgb = np.array(to_rgb(color)) ** 2.2
    red_green = {"red": [0.11238, 0.88762, 0], "green": [0.29275, 0.70725, 0]}[missing]
    blue = {"red": [0.00401, -0.00401, 1], "green": [-0.02234, 0.02234, 1]}[missing]
    return np.array([red_green, red_green, blue]) @ rgb


@pytest.mark.parametrize("missing", ["red", "green"])
def test_colours_differ_without_red_or_green_cones(missing):
    seen = np.array([simulated(c, missing) for c in plots.COLORS])
    distance = np.linalg.norm(seen[:, None] - seen, axis=-1)[np.triu_indices(len(seen), 1)]
    assert distance.min() > 0.12


def test_colours_stand_out_on_white():
    for color in [*plots.COLORS, plots.NOISE]:
        assert 1.05 / (luminance(color) + 0.05) > 2


def test_every_group_up_to_49_looks_different():
    styles = [tuple(plots.group_style(i).values()) for i in range(-1, 49)]
    assert len(set(styles)) == 50
    assert plots.group_style(-1) == {"color": plots.NOISE, "marker": "x"}


def test_style_gives_figures_a_white_ground_of_their_own():
    plots.use_style()
    figure, ax = plt.subplots()
    assert to_rgba(figure.get_facecolor()) == (1, 1, 1, 1)
    assert mpl.rcParams["savefig.facecolor"] == "white"
    (line,) = ax.plot([0, 1])
    assert line.get_color() == plots.COLORS[0]


def test_scatter_draws_every_point_in_the_style_of_its_group():
    X = np.random.default_rng(0).normal(size=(30, 2))
    labels = np.repeat([-1, 0, 2], 10)
    ax = plots.scatter(X, labels, names=["a", "b", "c"])
    assert len(ax.collections) == 3
    for collection, group in zip(ax.collections, (-1, 0, 2), strict=True):
        np.testing.assert_array_equal(collection.get_offsets(), X[labels == group])
        expected = to_rgb(plots.group_style(group)["color"])
        assert tuple(collection.get_facecolor()[0][:3]) == pytest.approx(expected)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "c"]
    assert ax.get_aspect() == 1
    ax = plots.scatter(X, centers=X[:2], ax=plt.subplots()[1])
    np.testing.assert_array_equal(ax.collections[-1].get_offsets(), X[:2])
    assert ax.get_legend() is None


@pytest.mark.parametrize("shape", [(5, 8, 6), (5, 1, 8, 6), (5, 3, 8, 6), (5, 8, 6, 3)])
def test_image_grid_shows_each_image_as_it_is(shape):
    images = np.random.default_rng(0).uniform(size=shape)
    figure = plots.image_grid(images, n_columns=3, titles=list("abcde"))
    axes = figure.axes
    assert len(axes) == 6
    assert not any(ax.axison for ax in axes)
    for i, ax in enumerate(axes[:5]):
        (shown,) = ax.get_images()
        image = images[i]
        if shape[1] in (1, 3):
            image = np.moveaxis(image, 0, -1)
        np.testing.assert_array_equal(np.squeeze(shown.get_array()), np.squeeze(image))
        assert ax.get_title() == "abcde"[i]
    assert not axes[5].get_images()


def test_image_grid_has_one_scale_for_all_images():
    images = load_digits().images[:4] * np.array([1, 0.5, 0.2, 0])[:, None, None]
    images[0, 0, 0] = 16
    for limits, expected in ((None, (0, 16)), ((-1, 20), (-1, 20))):
        figure = plots.image_grid(images, limits=limits)
        assert {ax.get_images()[0].get_clim() for ax in figure.axes} == {expected}
    wide = plots.image_grid(images, n_columns=4).get_size_inches()
    assert wide[0] == pytest.approx(4 * wide[1])


def test_curves_have_labels_and_a_legend_for_several():
    ax = plots.curves({"ours": [3, 2, 1], "theirs": [4, 2, 1]}, xlabel="step", ylabel="loss")
    assert [line.get_label() for line in ax.lines] == ["ours", "theirs"]
    assert ax.get_legend() is not None
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("step", "loss", "linear")
    ax = plots.curves(
        [1, 10], x=[5, 7], xlabel="k", ylabel="J", log=True, ls="--", ax=plt.subplots()[1]
    )
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xydata(), [[5, 1], [7, 10]])
    assert (line.get_linestyle(), ax.get_yscale(), ax.get_legend()) == ("--", "log", None)


@pytest.mark.parametrize("covariance", [(2, 1.2, 1), (1, 1.2, 2), (1, -0.5, 1), (1, 0, 3)])
def test_every_point_of_the_ellipse_is_at_its_mahalanobis_distance(covariance):
    mean, covariance = np.array([1.0, -2.0]), np.array(covariance)[[[0, 1], [1, 2]]]
    _, ax = plt.subplots()
    patch = plots.ellipse(mean, covariance, ax=ax, n_std=1.5, linestyle="--")
    angle = np.linspace(0, 2 * np.pi, 20)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = patch.get_patch_transform().transform(circle) - mean
    distance = np.sqrt(np.einsum("ni,ij,nj->n", points, np.linalg.inv(covariance), points))
    np.testing.assert_allclose(distance, 1.5)
    assert patch in ax.patches
    assert patch.get_linestyle() == "--"


BOXES = {"x": (0, 0, "$x$"), "net": (3, 0, "encoder", plots.COLORS[0]), "z": (3, -2, "$z$")}


def test_arrows_of_a_diagram_join_their_boxes_and_everything_is_inside():
    ax = plots.diagram(BOXES, [("x", "net"), ("net", "z", "a draw")])
    ax.figure.canvas.draw()
    inside = ax.get_window_extent()
    assert [text.get_text() for text in ax.texts if text.get_text()] == [
        *("$x$", "encoder", "$z$"),
        "a draw",
    ]
    for x, y, *_ in BOXES.values():
        assert inside.contains(*ax.transData.transform((x, y)))
    arrows = [text.arrow_patch for text in ax.texts if getattr(text, "arrow_patch", None)]
    # The first three points are the line, the others its head.
    ends = [arrow.get_path().vertices[[0, 2]] for arrow in arrows]
    assert len(ends) == 2
    right, down = (np.subtract(end, start) for start, end in ends)
    assert right[0] > 0
    assert abs(right[1]) < 1e-6
    assert down[1] < 0
    assert abs(down[0]) < 1e-6


def test_an_arrow_to_nowhere_is_named():
    with pytest.raises(ValueError, match="'y': give boxes one of that name"):
        plots.diagram(BOXES, [("x", "y")])


def test_names_stand_beside_their_points():
    points = np.array([[0.0, 1.0], [2.0, 3.0]])
    ax = plots.named(points, ["a", "b"], ax=plt.figure().gca(), places={"b": (-4, 3)})
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), points)
    assert [(t.get_text(), t.xy[0], t.get_ha()) for t in ax.texts] == [
        ("a", 0.0, "left"),
        ("b", 2.0, "right"),
    ]
    plt.close(ax.figure)
