"""What is deeper opens when somebody is sent into it: by a link, a search, a button, a printer."""

import re
from urllib.parse import quote

import pytest

from tests.browser.browser import Visit, pages

FOLDS = "details.deeper-fold"
OPEN = f"{FOLDS}[open]"


@pytest.fixture(scope="module")
def folded(site):
    """The first page of the site that has folds."""
    with_folds = (p for p in pages(site) if "deeper-fold" in (site / p).read_text(encoding="utf-8"))
    found = next(with_folds, None)
    if found is None:
        pytest.skip("no page has deeper sections")
    return found


@pytest.fixture
def visit(browser, server, folded):
    """That page as it is first seen."""
    with Visit(browser, server, folded) as opened:
        yield opened


def count(visit, selector):
    """Return how many elements there are."""
    return visit.page.locator(selector).count()


@pytest.mark.timeout(120)
def test_at_first_all_are_folded_and_a_button_unfolds_and_folds_them(visit):
    folds = count(visit, FOLDS)
    assert count(visit, OPEN) == 0
    button = visit.page.get_by_role("button", name="Unfold everything")
    button.press("Enter")
    assert count(visit, OPEN) == folds
    visit.page.get_by_role("button", name="Fold the deeper sections").click()
    assert count(visit, OPEN) == 0


@pytest.mark.timeout(120)
def test_a_link_to_a_place_inside_opens_that_fold_only(browser, server, folded, visit):
    anchor = visit.page.locator(f"{FOLDS} [id]").first.get_attribute("id")
    visit.page.evaluate("anchor => { location.hash = anchor }", anchor)
    visit.page.wait_for_selector(f"{OPEN} [id='{anchor}']")
    assert count(visit, OPEN) == 1
    with Visit(browser, server, f"{folded}#{anchor}") as arrived:
        arrived.page.wait_for_selector(f"{OPEN} [id='{anchor}']")
        box = arrived.page.locator(f"[id='{anchor}']").bounding_box()
        assert 0 <= box["y"] < arrived.page.viewport_size["height"]


@pytest.mark.timeout(120)
def test_a_click_in_the_list_of_contents_opens_the_section_again_and_again(visit):
    entry = visit.page.locator(".bd-sidebar-secondary a.is-deeper").first
    for _ in range(2):
        entry.click()
        visit.page.wait_for_selector(OPEN)
        visit.page.evaluate(f"document.querySelector('{OPEN}').open = false")


@pytest.mark.timeout(120)
def test_the_browsers_search_opens_what_it_finds(browser, server, folded, visit):
    paragraphs = visit.page.locator(f"{FOLDS} > p").all_text_contents()
    words = next(found[0] for p in paragraphs if (found := re.findall(r"(?:\b\w+ ){3,8}\w+\b", p)))
    with Visit(browser, server, f"{folded}#:~:text={quote(words)}") as arrived:
        arrived.page.wait_for_selector(OPEN)
        assert words in arrived.page.locator(OPEN).first.text_content()
        assert count(arrived, OPEN) == 1


@pytest.mark.timeout(120)
def test_paper_has_everything_and_the_screen_is_as_before(visit):
    folds = count(visit, FOLDS)
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert count(visit, OPEN) == folds
    visit.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert count(visit, OPEN) == 0
