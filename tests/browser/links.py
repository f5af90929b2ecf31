"""Where the links of a built site lead: `broken(site)` returns those that lead nowhere."""

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from tests.browser.browser import BASE, pages

LINKS = ("href", "src", "poster", "data-src", "action")
ADDRESSES = {"og:url", "og:image", "twitter:image"}


class Page(HTMLParser):
    """The identifiers of a page and the addresses that it names."""

    def __init__(self, text):
        """Read the page."""
        super().__init__()
        self.identifiers, self.links = {"", "top"}, []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Take down an element's identifier and its links."""
        has = dict(attrs)
        self.identifiers |= {has[key] for key in ("id", "name") if has.get(key)}
        self.links += [has[key] for key in LINKS if has.get(key)]
        self.links += [part.split()[0] for part in (has.get("srcset") or "").split(", ") if part]
        if tag == "meta" and has.get("property", has.get("name")) in ADDRESSES:
            self.links.append(has["content"])
        if tag == "meta" and (has.get("http-equiv") or "").lower() == "refresh":
            self.links.append(has["content"].partition("url=")[2])

    handle_startendtag = handle_starttag


def broken(site):
    """Return "page: link" for every link inside the site to a file or a place that is not there."""
    first = [path.name for path in site.glob("index.html")]  # may only lead to another page
    read = {
        path: Page((site / path).read_text(encoding="utf-8")) for path in [*first, *pages(site)]
    }
    found = []
    for path, page in read.items():
        for link in dict.fromkeys(page.links):
            address = urlsplit(urljoin(BASE + path, link))
            target = address._replace(fragment="", query="").geturl()
            if not target.startswith(BASE):
                continue
            name = unquote(target.removeprefix(BASE)) or "index.html"
            name += "index.html" * name.endswith("/")
            place = unquote(address.fragment).partition(":~:")[0]
            missing = not (site / name).is_file()
            if missing or (name in read and place not in read[name].identifiers):
                found.append(f"{path}: {link}")
    return found


def unlisted(site):
    """Return the addresses in the sitemap that are no pages of the site."""
    tree = ET.parse(Path(site, "sitemap.xml"))
    listed = [element.text for element in tree.iter() if element.tag.endswith("}loc")]
    return [url for url in listed if not (site / url.removeprefix(BASE)).is_file()]
