"""Sphinx extension: the search finds a page by the British and by the American spelling of a word.

Words of a page that are spelled in two ways are written into its keywords the other way round;
Sphinx's search reads keywords. `variants` is made of rules, so that new words need no list.
"""

import re

from docutils import nodes

# normalise, normalized, regulariser, parametrisation, recognisable ...
ISE = re.compile(r"(?P<stem>\w{3,})i(?P<letter>[sz])(?P<end>e[ds]?|ers?|ing|ations?|able)$")
# ... but not noise, surprise, exercise, supervised, pairwise: what stands before their -ise.
NEVER_Z = re.compile(
    r".*(no|ra|po|gu|ru|prom|prem|surpr|terpr|xerc|prec|conc|adv|rev|perv|dev|rov|desp|anch|ompr"
    r"|xpert|w)$"
)
OUR = ("colour", "neighbour", "behaviour", "favour", "flavour")
PAIRS = {
    "centre": "center",
    "centred": "centered",
    "centring": "centering",
    "metre": "meter",
    "grey": "gray",
    "artefact": "artifact",
    "analyse": "analyze",
    "analysed": "analyzed",
    "analysing": "analyzing",
    "catalogue": "catalog",
    "licence": "license",
    "defence": "defense",
    "programme": "program",
    "judgement": "judgment",
    "modelling": "modeling",
    "modelled": "modeled",
    "labelling": "labeling",
    "labelled": "labeled",
    "unlabelled": "unlabeled",
    "travelling": "traveling",
    "sceptical": "skeptical",
}
PARAMETR = ("parameter", "parametr")
OTHER = {**PAIRS, **{american: british for british, american in PAIRS.items()}}


def variants(word):
    """Return the other spellings of a word, the empty set if there is one only.

    >>> sorted(variants("reparametrisation"))
    ['reparameterisation', 'reparameterization', 'reparametrization']
    >>> sorted(variants("colours")), variants("noise")
    (['colors'], set())
    """
    word = word.lower()
    found = {word}
    found |= {re.sub(r"paramete?r(?=i[sz])", to, word) for to in PARAMETR}
    found |= {swapped for one in list(found) if (swapped := swap_ise(one))}
    for british in OUR:
        american = british.replace("our", "or")
        found |= {re.sub(british, american, one) for one in list(found)}
        found |= {re.sub(rf"{american}(?!u)", british, one) for one in list(found)}
    for ending in ("", "s"):
        base = word.removesuffix(ending)
        if word.endswith(ending) and base in OTHER:
            found.add(OTHER[base] + ending)
    return found - {word}


def swap_ise(word):
    """Return a word in -ise with -ize, or the other way round; None if it has one form only."""
    match = ISE.match(word)
    if not match or (match["letter"] == "s" and NEVER_Z.match(match["stem"])):
        return None
    other = {"s": "z", "z": "s"}[match["letter"]]
    return f"{match['stem']}i{other}{match['end']}"


def add_keywords(app, doctree, page):
    """Give a page the other spellings of its words as keywords."""
    words = set(re.findall(r"[A-Za-z]{4,}", doctree.astext()))
    if found := set().union(*map(variants, words)):
        doctree.insert(0, nodes.meta("", name="keywords", content=", ".join(sorted(found))))


def setup(app):
    """Called by Sphinx."""
    # Late, when all that other extensions write into a page is there.
    app.connect("doctree-resolved", add_keywords, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
