"""The built site as a reader meets it: every page of it, found by walking the folder."""

import re

import pytest

from tests.browser.browser import SHOTS, Visit, check, pages
from tests.browser.links import broken, unlisted

HEADING = re.compile(
    r"<h1>(?:<span class=\"section-number\">.*?</span>)?(.*?)<a class=\"headerlink"
)
SPELLINGS = ("reparametrisation", "reparameterization")


@pytest.mark.timeout(300)
def test_a_page(browser, server, known, path):
    assert check(browser, server, path, SHOTS, known) == {}


def test_every_link_leads_somewhere(site):
    assert broken(site) == []
    assert unlisted(site) == []


def headings(site):
    """Return the title of each page that has one."""
    found = {
        path: HEADING.search((site / path).read_text(encoding="utf-8")) for path in pages(site)
    }
    return {path: re.sub(r"<.*?>", "", match[1]) for path, match in found.items() if match}


def results(page):
    """Return the pages that the search has found, once it has ended."""
    page.wait_for_function(
        "/found|did not match/.test(document.querySelector('.search-summary')?.textContent)"
    )
    return page.eval_on_selector_all("#search-results li a", "links => links.map(a => a.href)")


@pytest.mark.timeout(120)
def test_search_by_the_keyboard_finds_a_page_by_its_title(browser, server, site):
    path, title = max(headings(site).items(), key=lambda pair: len(max(pair[1].split(), key=len)))
    word = max(re.findall(r"\w+", title), key=len)
    with Visit(browser, server, path) as visit:
        visit.page.keyboard.press("Control+k")
        visit.page.keyboard.type(word)
        with visit.page.expect_navigation(url="**/search.html**"):
            visit.page.keyboard.press("Enter")
        found = results(visit.page)
        assert any(path in url for url in found), f"{word}: {found}"
        assert (visit.failed, visit.strangers()) == ([], [])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("word", SPELLINGS)
def test_search_finds_the_other_spelling(browser, server, site, word):
    texts = {path: (site / path).read_text(encoding="utf-8").lower() for path in pages(site)}
    using = [path for path, text in texts.items() if any(name in text for name in SPELLINGS)]
    if not using:
        pytest.skip("no page has the word")
    with Visit(browser, server, f"search.html?q={word}") as visit:
        found = results(visit.page)
    assert any(path in url for path in using for url in found), found


@pytest.mark.timeout(120)
def test_live_code_is_asked_for_only_by_a_click(browser, server, site):
    button = "btn-launch-thebe"
    path = next(path for path in pages(site) if button in (site / path).read_text(encoding="utf-8"))
    with Visit(browser, server, path) as visit:
        assert visit.strangers() == []
        with visit.page.expect_request(re.compile("thebe")) as asked:
            visit.page.locator(f".{button}").first.dispatch_event("click")
        assert asked.value.url in visit.strangers()
