"""A plugin of pytest: of the tests of all pages, those of one.

    pytest -p tests.one_page --page book/clustering/kmeans ...

Tests of pages take the argument `page`. Those of other pages are left out, and so are the tests in
tests/book and tests/tools that are of no page; all others stay.
"""


def pytest_addoption(parser):
    """Add the option."""
    parser.addoption("--page", help="keep the tests of this page, as in book/clustering/kmeans")


def is_wanted(item, page):
    """Say whether a test is of the page, or of no page and outside the folders of all pages."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    if "page" in params:
        return params["page"] == page
    return not item.nodeid.startswith(("tests/book/", "tests/tools/"))


def pytest_collection_modifyitems(config, items):
    """Leave out the others."""
    page = config.getoption("page")
    wanted = [item for item in items if page is None or is_wanted(item, page)]
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    items[:] = wanted
