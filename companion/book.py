"""What chapters need of the book itself: `glue`, which is silent where there is no book."""


def glue(name, value):
    """Keep a value under a name, for the prose around it.

    Outside the site (Colab, a plain script) myst-nb may be missing, and nothing happens.

    Parameters
    ----------
    name : str
        Starts with the chapter's name, as in ``"kmeans-inertia"``.
    value : float, int, str or numpy scalar
        A numpy scalar becomes a plain number, since formats in prose need one.
    """
    try:
        from myst_nb import glue as keep
    except ImportError:
        return
    keep(name, value.item() if hasattr(value, "item") else value, display=False)
