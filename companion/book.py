"""What chapters need of the book itself: `glue`, which is silent where there is no book.

Ground floor.
"""

from importlib.util import find_spec

PREFIX = "application/papermill.record/"  # so that the value is kept and not shown


def glue(name, value):
    """Keep a value under a name, for the prose around it, as `myst_nb.glue` does.

    That one loads Sphinx first, two seconds in every chapter. Outside the site (Colab, a plain
    script) myst-nb may be missing, and nothing happens.

    Parameters
    ----------
    name : str
        Starts with the chapter's name, as in ``"kmeans-inertia"``.
    value : float, int, str or numpy scalar
        A numpy scalar becomes a plain number, since formats in prose need one.
    """
    if find_spec("myst_nb") is None:
        return
    from IPython.core.formatters import format_display_data
    from IPython.display import display

    forms, about = format_display_data(value.item() if hasattr(value, "item") else value)
    kept = {f"{PREFIX}{kind}": form for kind, form in forms.items()}
    place = {"scrapbook": {"name": name, "mime_prefix": PREFIX}}
    display(kept, raw=True, metadata=about | place)
