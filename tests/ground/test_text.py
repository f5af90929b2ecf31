"""The text is the committed one, whatever Python reads it."""

import hashlib

from companion import data


def test_text_is_the_committed_one():
    text = data.text()
    assert len(text) == 465_048
    assert len(text.split("\f")) == 79
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert digest == "aadb8a9df0d70a46c3ddaa6ede1122e835fd9eed573868228d396aeb80c05551"
    assert data.text.__doc__.count("PSF") == 1
