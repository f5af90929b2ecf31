"""A browser and the built site; without them the tests are skipped, and the message says why."""

import pytest
from playwright.sync_api import sync_playwright

from tests.browser import browser as look

NO_SITE = "the site is not built: make book"
NO_BROWSER = f"no Chromium found ({', '.join(look.NAMES)}): apt-get install chromium"


def pytest_generate_tests(metafunc):
    """A test with the argument `path` runs on every page of the site, `.html` files as they lie."""
    if "path" in metafunc.fixturenames:
        nothing = [pytest.param("", marks=pytest.mark.skip(reason=NO_SITE))]
        metafunc.parametrize("path", look.pages() or nothing)


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium, started once."""
    if look.CHROMIUM is None:
        pytest.skip(NO_BROWSER)
    with sync_playwright() as playwright:
        browser = look.launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site():
    """The folder of the built site."""
    if not look.pages():
        pytest.skip(NO_SITE)
    return look.SITE


@pytest.fixture(scope="session")
def known():
    """What the pages before have shown of what many pages have."""
    return look.Known()


@pytest.fixture(scope="session")
def server(site):
    """The built site, served as it will be published."""
    server = look.serve(site)
    yield server
    server.shutdown()
