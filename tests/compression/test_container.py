"""Sealed files and whole numbers of any size (chapter `codes`, section on files)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.compression.container import read_integers, seal, unseal, write_integers
from tests.compression.damage import assert_damage_is_seen


@settings(max_examples=500)
@given(st.binary(max_size=40))
def test_what_is_sealed_comes_back(body):
    blob = seal(b"Abc1", body)
    assert unseal(b"Abc1", blob) == body
    assert len(blob) == len(body) + 8


def test_golden_words():
    """0xcbf43926 is the check value of CRC-32 in its specification, for the text 123456789."""
    assert seal(b"1234", b"56789").hex() == "313233343536373839" + "2639f4cb"
    assert seal(b"Abc1", b"").hex() == "41626331" + "54c7b156"


def test_damage_is_seen():
    body = bytes(range(60))
    assert_damage_is_seen(
        seal(b"Abc1", body), lambda blob: list(unseal(b"Abc1", blob)), list(body), 5000
    )


@settings(max_examples=500)
@given(st.lists(st.integers(0, 2**63 - 1), max_size=8), st.binary(max_size=5))
def test_integers_come_back_and_the_rest_is_left(values, rest):
    assert read_integers(write_integers(*values) + rest, len(values)) == (values, rest)


@pytest.mark.parametrize(
    ("value", "word"), [(0, "00"), (127, "7f"), (128, "8001"), (624485, "e58e26")]
)
def test_integers_are_leb128(value, word):
    """624485 is the example in the DWARF standard's description of the format."""
    assert write_integers(value).hex() == word


def test_integers_that_are_cut_or_never_end():
    blob = write_integers(1, 300, 2**40)
    for size in range(len(blob)):
        with pytest.raises(ValueError, match=r"body .* it was cut"):
            read_integers(blob[:size], 3)
    with pytest.raises(ValueError, match="it was cut"):
        read_integers(b"\xff" * 100, 1)


def test_bad_input():
    with pytest.raises(ValueError, match=r"magic=b'Abcd1' must have 4 bytes"):
        seal(b"Abcd1", b"")
    with pytest.raises(ValueError, match="it is no file of this kind"):
        unseal(b"Abc1", seal(b"Xyz1", b"body"))
    with pytest.raises(ValueError, match=r"version b'2' and this reader knows b'1'"):
        unseal(b"Abc1", seal(b"Abc2", b"body"))
    with pytest.raises(ValueError, match=r"value=-1 must be an integer of at least 0"):
        write_integers(3, -1)
    with pytest.raises(ValueError, match=r"value=1.5 must be an integer"):
        write_integers(1.5)
