"""Keys of losses: equal for the same thing only."""

import hashlib
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.models import Quantizer
from jaxdisp.search import keys, store

PARTS = {
    "weights": "w",
    "tokenizer": "t",
    "quantizers": [{"bits": 4}],
    "dtype": "float32",
    "numerics": 1,
}
SENTENCES = st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=4), max_size=4)


def test_identity_is_the_hash_of_sorted_json():
    text = (
        '{"dtype":"float32","numerics":1,"quantizers":[{"bits":4}],'
        '"tokenizer":"t","weights":"w"}'
    )
    assert store.identity(**PARTS) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("weights", "v"),
        ("tokenizer", "s"),
        ("quantizers", []),
        ("quantizers", [{"bits": 3}]),
        ("quantizers", [{"bits": 4}, {"bits": 4}]),
        ("dtype", "bfloat16"),
        ("numerics", 2),
    ],
)
def test_every_part_matters(part, value):
    assert store.identity(**PARTS | {part: value}) != store.identity(**PARTS)


def test_quantizers_are_told_by_their_fields():
    first = store.identity(**PARTS | {"quantizers": (Quantizer(bits=4),)})
    assert first == store.identity(**PARTS | {"quantizers": [Quantizer()]})
    assert first != store.identity(**PARTS | {"quantizers": [Quantizer(grid="affine")]})


def test_json_has_no_nan():
    with pytest.raises(ValueError, match="not JSON compliant"):
        keys.canonical({"a": float("nan")})


def padded(sentences, width, filler, firsts=None):
    """Token numbers, which are real, and which are scored: from a place on."""
    tokens = np.full((len(sentences), width), filler, np.int32)
    mask, scored = np.zeros((2, len(sentences), width), bool)
    for row, sentence in enumerate(sentences):
        tokens[row, : len(sentence)], mask[row, : len(sentence)] = sentence, True
        scored[row, (firsts[row] if firsts else 1) : len(sentence)] = True
    return tokens, mask, scored


@given(one=SENTENCES, two=SENTENCES, fillers=st.tuples(*[st.integers(0, 9)] * 2))
def test_pieces_are_equal_where_the_sentences_are(one, two, fillers):
    first = keys.piece_of(*padded(one, 4, fillers[0]))
    assert first == keys.piece_of(*padded(one, 6, fillers[1]))
    assert (first == keys.piece_of(*padded(two, 4, fillers[0]))) == (one == two)


def test_a_piece_is_the_hash_of_lengths_and_tokens():
    numbers = b"".join(n.to_bytes(4, "little") for n in (2, 5, 258, 0, 1, 5))
    found = keys.piece_of(*padded([[5, 258], [], [5]], 3, 9))
    assert found == hashlib.sha256(numbers).hexdigest()


FIRSTS = st.lists(st.integers(1, 3), min_size=2, max_size=2)


@given(
    tokens=st.lists(st.integers(0, 3), min_size=8, max_size=8), one=FIRSTS, two=FIRSTS
)
def test_pieces_differ_where_other_tokens_are_scored(tokens, one, two):
    rows = [tokens[:4], tokens[4:]]
    first, second = (keys.piece_of(*padded(rows, 4, 9, each)) for each in (one, two))
    assert (first == second) == (one == two)


def test_a_piece_of_later_windows_says_how_many_tokens_are_given():
    # two of three tokens are conditioned on, and then an ordinary sentence
    written = b"".join(
        n.to_bytes(4, "little", signed=True) for n in (-2, 3, 5, 258, 7, 2, 0, 4)
    )
    found = keys.piece_of(*padded([[5, 258, 7], [0, 4]], 3, 9, [2, 1]))
    assert found == hashlib.sha256(written).hexdigest()


@given(st.lists(st.lists(st.integers(0, 255), min_size=3, max_size=3), max_size=4))
def test_assignments_are_bytes(rows):
    found = keys.assignment_keys(np.array(rows, int).reshape(-1, 3))
    assert found == [bytes(row) for row in rows]


@pytest.mark.parametrize(("version", "said"), [(256, "0 to 256"), (-1, "-1 to 0")])
def test_versions_that_are_no_bytes(version, said):
    message = f"^versions must be between 0 and 255, got {said}$"
    with pytest.raises(ValueError, match=message):
        keys.assignment_keys(np.array([[0, version]]))


@given(*[st.binary(min_size=1, max_size=8)] * 2)
def test_checksums_cover_the_key_and_the_loss(assignment, nll):
    found = keys.checksum("i", "p", assignment, nll)
    assert found == zlib.crc32(b"i p" + assignment + nll)
    others = [
        keys.checksum("j", "p", assignment, nll),
        keys.checksum("i", "q", assignment, nll),
        keys.checksum("i", "p", bytes([assignment[0] ^ 1]) + assignment[1:], nll),
        keys.checksum("i", "p", assignment, bytes([nll[0] ^ 128]) + nll[1:]),
    ]
    assert found not in others


@pytest.mark.parametrize("wrong", [None, 1, "text", 0.5])
def test_what_is_not_bytes_has_no_checksum(wrong):
    assert keys.checksum("i", "p", wrong, b"") == -1
    assert keys.checksum("i", "p", b"", wrong) == -1
