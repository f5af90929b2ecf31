"""Prefix codes: round trips, lengths, files (chapter `codes`)."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import data
from companion.compression.container import seal, write_integers
from companion.compression.frequencies import entropy
from companion.compression.prefix_codes import (
    FixedLengthCode,
    HuffmanCode,
    PrefixTree,
    StopCharacterCode,
    UnaryCode,
    kraft_sum,
)
from tests.compression.damage import assert_damage_is_seen


def random_words(rng, n):
    """Split a random leaf n - 1 times, then drop a few: a prefix code, not always complete."""
    words = [""]
    while len(words) < n + rng.integers(3):
        word = words.pop(rng.integers(len(words)))
        words += [word + "0", word + "1"]
    return [words[i] for i in rng.permutation(len(words))[:n]]


def random_message(seed):
    """An alphabet below 2^16, dense or sparse, frequencies of any slope, 0 to 60 symbols."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 13))
    alphabet = rng.choice(
        int(rng.choice([n, 300, 1 << 16], p=[0.6, 0.38, 0.02])), size=n, replace=False
    )
    p = rng.dirichlet(np.full(n, 10 ** rng.uniform(-2, 1)))
    symbols = rng.choice(alphabet, size=rng.integers(31), p=p)
    return rng, alphabet.tolist(), symbols


@settings(settings.get_profile("many"))
@given(st.integers(0, 2**32))
def test_every_code_brings_every_message_back(seed):
    rng, alphabet, symbols = random_message(seed)
    counts = np.bincount(np.append(symbols, alphabet))
    for code in (
        FixedLengthCode(alphabet),
        UnaryCode(alphabet),
        StopCharacterCode(alphabet, int(rng.integers(1, 5))),
        HuffmanCode(counts),
        PrefixTree(dict(zip(alphabet, random_words(rng, len(alphabet)), strict=True))),
    ):
        words = [code.codewords[symbol] for symbol in symbols.tolist()]
        bits = "".join(words)
        n_bytes = -(-len(bits) // 8)
        number = int(bits.ljust(8 * n_bytes, "0") or "0", 2)
        assert code.encode(symbols) == number.to_bytes(n_bytes, "big")
        assert np.array_equal(PrefixTree.decompress(code.compress(symbols)), symbols)
        assert kraft_sum(map(len, code.codewords.values())) <= 1


def test_fixed_length():
    """``ceil(log2 K)`` bits, the binary numbers in order."""
    assert list(FixedLengthCode(5).codewords.values()) == ["000", "001", "010", "011", "100"]
    for k in range(2, 70):
        lengths = {len(word) for word in FixedLengthCode(k).codewords.values()}
        assert lengths == {int(np.ceil(np.log2(k)))}
    assert FixedLengthCode(1).codewords == {0: ""}


def test_unary_and_stop_characters():
    assert UnaryCode(4).codewords == {0: "0", 1: "10", 2: "110", 3: "1110"}
    assert UnaryCode([7, 3]).codewords == {7: "0", 3: "10"}
    stop = StopCharacterCode(8, character_bits=2).codewords
    letters = {symbol: [w[i : i + 2] for i in range(0, len(w), 2)] for symbol, w in stop.items()}
    assert letters[0] == ["00"]
    assert letters[3] == ["11", "00"]
    assert letters[4] == ["01", "01", "00"]
    for word in letters.values():  # the stop stands at the end and nowhere else
        assert word.index("00") == len(word) - 1


@pytest.mark.parametrize("b", [1, 2, 3])
def test_all_words_up_to_a_length_leave_one_gap(b):
    """Closed form: ``sum_(i<m) (c-1)^i / c^(i+1) = 1 - (1 - 1/c)^m`` with c characters."""
    c, m = 2**b, 4
    n = sum((c - 1) ** i for i in range(m))
    lengths = [len(word) for word in StopCharacterCode(n, b).codewords.values()]
    assert float(kraft_sum(lengths)) == pytest.approx(1 - (1 - 1 / c) ** m)
    assert Counter(lengths) == {b * (i + 1): (c - 1) ** i for i in range(m)}


def test_unary_is_best_for_halves():
    """Geometric with ratio 1/2: the mean length is the entropy."""
    p = 2.0 ** -np.arange(1, 40)
    assert UnaryCode(39).mean_length(p) == pytest.approx(entropy(p), abs=1e-9)


def test_the_mean_length_is_that_of_the_message():
    counts = np.bincount(np.frombuffer(data.text().encode(), np.uint8))
    code = HuffmanCode(counts)
    symbols = np.repeat(np.arange(len(counts)), counts)[::7]
    f = np.bincount(symbols)
    bits = sum(len(code.codewords[s]) for s in symbols.tolist())
    assert code.mean_length(f) * len(symbols) == pytest.approx(bits)
    assert len(code.encode(symbols)) == -(-bits // 8)
    assert entropy(counts) <= code.mean_length(counts) < entropy(counts) + 1


def test_the_tree_is_the_code():
    code = PrefixTree({5: "0", 9: "10", 2: "110"})
    walked = {}
    stack = [(code.root, "")]
    while stack:
        node, word = stack.pop()
        if node >= 0:
            left, right = code.children[node]
            stack += [(left, word + "0"), (right, word + "1")]
        elif ~node != 1 << 16:  # an absent child
            walked[~node] = word
    assert walked == code.codewords == {5: "0", 9: "10", 2: "110"}


@pytest.mark.parametrize("kind", [FixedLengthCode, HuffmanCode])
def test_the_largest_alphabet(kind):
    n = 1 << 16
    rng = np.random.default_rng(0)
    code = kind(n) if kind is FixedLengthCode else kind(rng.integers(1, 1000, n) ** 2)
    symbols = rng.permutation(n)
    blob = code.compress(symbols)
    assert np.array_equal(PrefixTree.decompress(blob), symbols)


def test_deep_trees_and_long_messages():
    f = [1, 1]
    while len(f) < 80:
        f.append(f[-1] + f[-2])
    code = HuffmanCode(f)
    assert code.decode(code.encode([0, 1, 79, 78]), 4).tolist() == [0, 1, 79, 78]
    symbols = np.random.default_rng(0).integers(0, 4096, 2000)
    unary = UnaryCode(4096)
    assert np.array_equal(unary.decode(unary.encode(symbols), 2000), symbols)
    letters = np.frombuffer(data.text().encode(), np.uint8)
    code = HuffmanCode(np.bincount(letters))
    assert np.array_equal(PrefixTree.decompress(code.compress(letters)), letters)


def test_golden_words():
    """Magic, kind, n, the code, the bits, the checksum."""
    symbols = [0, 2, 1, 0, 0]
    assert PrefixTree(["0", "10", "11"]).compress(symbols).hex() == (
        "50667831" + "00" + "05" + "03000101020202" + "58" + "70" + "bd308b01"
    )
    assert HuffmanCode([5, 2, 0, 1]).compress([0, 3, 1, 0, 0]).hex() == (
        "50667831" + "01" + "05" + "04" + "02010301" + "00010301" + "70" + "cfb3ea4f"
    )
    assert FixedLengthCode(3).encode(symbols).hex() == "2400"
    assert UnaryCode(3).encode(symbols).hex() == "68"
    assert StopCharacterCode(3).encode(symbols).hex() == "2100"


@pytest.mark.parametrize("kind", ["fixed", "unary", "stop", "huffman", "tree"])
def test_damage_to_a_file_is_seen(kind):
    symbols = np.minimum(np.random.default_rng(4).geometric(0.4, size=150) - 1, 9)
    code = {
        "fixed": lambda: FixedLengthCode(10),
        "unary": lambda: UnaryCode(10),
        "stop": lambda: StopCharacterCode(10, 2),
        "huffman": lambda: HuffmanCode(np.bincount(symbols, minlength=10) + 1),
        "tree": lambda: PrefixTree(["0"] + [f"1{i:04b}" for i in range(9)]),
    }[kind]()
    assert_damage_is_seen(code.compress(symbols), PrefixTree.decompress, symbols)


@settings(max_examples=300)
@given(st.binary(max_size=12), st.integers(0, 30))
def test_any_bytes_end_in_their_own_message_or_an_error(raw, n):
    """Without a seal: never a hang; what is read gives these bytes again."""
    code = StopCharacterCode(9, 2)
    try:
        symbols = code.decode(raw, n)
    except ValueError:
        return
    assert code.encode(symbols) == raw


def test_data_that_ends_early_or_late_or_leads_nowhere():
    code = FixedLengthCode(3)
    coded = code.encode([0, 1, 2, 2, 2])
    with pytest.raises(ValueError, match=r"data \(1 bytes\) ends after 4 of 5 symbols"):
        code.decode(coded[:1], 5)
    with pytest.raises(ValueError, match=r"does not end with its 5 symbols"):
        code.decode(coded + b"\0", 5)
    with pytest.raises(ValueError, match=r"does not end with its 4 symbols"):
        code.decode(coded, 4)
    with pytest.raises(ValueError, match="leads nowhere at symbol 1"):
        code.decode(b"\x30", 2)


def test_a_file_of_an_unknown_kind():
    with pytest.raises(ValueError, match="code of kind 9"):
        PrefixTree.decompress(seal(b"Pfx1", write_integers(9, 0)))
    with pytest.raises(ValueError, match="more than 65,536 codeword lengths"):
        PrefixTree.decompress(seal(b"Pfx1", write_integers(1, 5, 1, 2, 2**40)))


def test_bad_input():
    with pytest.raises(ValueError, match=r"'1' begins '10'; make them prefix-free"):
        PrefixTree(["0", "10", "1"])
    with pytest.raises(ValueError, match="'0' begins '0'"):
        PrefixTree(["0", "0"])
    with pytest.raises(ValueError, match="'' begins '0'"):
        PrefixTree(["0", ""])
    with pytest.raises(ValueError, match=r"codewords\[1\]='2' must be a string of 0 and 1"):
        PrefixTree(["0", "2"])
    with pytest.raises(ValueError, match="codewords is empty: give at least one"):
        PrefixTree({})
    with pytest.raises(ValueError, match=r"symbol=65536 must be an integer"):
        PrefixTree({1 << 16: "0"})
    with pytest.raises(ValueError, match=r"symbols contains 7, which has no codeword: build"):
        FixedLengthCode(3).encode([1, 7])
    with pytest.raises(ValueError, match=r"symbols has shape \(2,\) and type float64"):
        FixedLengthCode(3).encode([1.0, 2.0])
    with pytest.raises(ValueError, match=r"symbols has 3 entries, 2 different"):
        FixedLengthCode([4, 4, 1])
    with pytest.raises(ValueError, match=r"symbols=4097 must be an integer .* at most 4096"):
        UnaryCode(4097)
    with pytest.raises(ValueError, match="character_bits=0 must be"):
        StopCharacterCode(4, 0)
    with pytest.raises(ValueError, match=r"frequencies has shape \(1, 2\)"):
        HuffmanCode([[1, 2]])
    for bad in ([0, 0], [1, -1], [1.0, np.nan], [True, False]):
        with pytest.raises(ValueError, match="frequencies must be finite, not negative"):
            HuffmanCode(bad)
    with pytest.raises(ValueError, match="n=-1 must be an integer"):
        FixedLengthCode(3).decode(b"", -1)
