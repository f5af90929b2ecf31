"""What the buttons at the head of a built page lead to, and which file in which tree that is."""

import re
from urllib.parse import parse_qs, urlsplit

from bs4 import BeautifulSoup


def buttons(path):
    """Return the links of a page's menus: what they say, and where they lead."""
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    links = page.select(".article-header-buttons .dropdown-menu a")
    return {" ".join(link.get_text().split()): link["href"] for link in links}


def has_live_code(path):
    """Say whether the menu starts live code, by a click."""
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    return bool(page.select("button.btn-launch-thebe[onclick='initThebeSBT()']"))


def remote_file(url):
    """Return the repository, the branch and the file that a launch button names."""
    parts = urlsplit(url)
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    if "git-pull" in parts.path:
        name = query["repo"].split("/")[-1]
        file = query["urlpath"].removeprefix(f"lab/tree/{name}/")
        return query["repo"], query["branch"], file
    if "/v2/gh/" in parts.path:
        owner, name, branch = parts.path.removeprefix("/v2/gh/").split("/")
        file = query["urlpath"].removeprefix("lab/tree/")
        return f"https://github.com/{owner}/{name}", branch, file
    owner, name, branch, file = re.fullmatch(
        r"/github/([^/]+)/([^/]+)/blob/([^/]+)/(.+)", parts.path
    ).groups()
    return f"https://github.com/{owner}/{name}", branch, file
