"""Quality of segmentations, by hand and letter by letter."""

import unicodedata

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, models

from jaxdisp.measure import tokenization
from jaxdisp.measure.minimal_pairs import Pair
from jaxdisp.models import vocabulary

TEXTS = ("a cat sat", "Кот сидит.", "猫が座る", "the cat sat on the mat")


def of_bytes(size=280):
    return vocabulary.train_vocabulary(["a cat sat on the mat", "кот"] * 3, size)


def with_fallback():
    """A vocabulary of pieces and of bytes, as SentencePiece's."""
    pieces = {"<unk>": 0, "▁a": 1, "b": 2}
    pieces |= {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
    made = tokenizers.Tokenizer(
        models.BPE(pieces, [], unk_token="<unk>", byte_fallback=True)
    )
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return made


def letters_of_bytes():
    """Radford et al.'s letters, which stand for bytes in vocabularies of them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {chr(b): b for b in plain} | {chr(256 + n): b for n, b in enumerate(rest)}


def holds_a_character(content):
    """Whether some part of the bytes is UTF-8 of a character, tried one by one."""
    spans = [content[i : i + n] for i in range(len(content)) for n in range(1, 5)]
    for span in spans:
        try:
            if len(span.decode()) >= 1:
                return True
        except UnicodeDecodeError:
            continue
    return False


@pytest.mark.parametrize("size", [258, 270, 300])
def test_byte_fallback_is_the_share_of_tokens_without_a_character(size):
    made = of_bytes(size)
    encoded = [vocabulary.encode(made, TEXTS, 0)]
    table = letters_of_bytes()
    expected = []
    for text in TEXTS:
        tokens = [
            bytes(table[letter] for letter in piece).lstrip(b" ")
            for piece in made.encode(text).tokens
        ]
        broken = [bool(t) and not holds_a_character(t) for t in tokens]
        expected.append(np.mean(broken))
    rates = tokenization.byte_fallback(made, encoded)
    np.testing.assert_allclose(rates, [expected], rtol=1e-12)
    assert rates[0, 0] == 0
    assert rates[0, 2] == 1


def test_byte_fallback_of_pieces_that_fall_back():
    numbers = [[[3 + 0xE3, 1, 2, 3 + 0xE3, 3 + 0x81, 3 + 0x0A, 3 + 0x41]]]
    # the start token is not counted, a byte of ASCII is a character
    rate = tokenization.byte_fallback(with_fallback(), numbers)
    np.testing.assert_allclose(rate, [[2 / 6]])
    with pytest.raises(ValueError, match="no token beside"):
        tokenization.byte_fallback(with_fallback(), [[[0]]])


def test_a_space_before_a_piece_of_a_character_is_no_character():
    made = vocabulary.train_vocabulary([" 猫", " 猪", " 独"], 258)
    assert len(made.encode(" 猫").ids) == 3  # the space has joined the first byte
    encoded = [vocabulary.encode(made, [" 猫", " a"], 0)]
    np.testing.assert_allclose(tokenization.byte_fallback(made, encoded), [[1, 0]])


def test_tokens_per_byte_and_relative_tokens_by_hand():
    n_tokens = np.array([[4, 6], [8, 3]])
    n_bytes = tokenization.byte_counts([["abcd", "aé"], ["猫", "a b"]])
    np.testing.assert_array_equal(n_bytes, [[4, 3], [3, 3]])
    np.testing.assert_allclose(
        tokenization.tokens_per_byte(n_tokens, n_bytes), [[1, 2], [8 / 3, 1]]
    )
    np.testing.assert_allclose(
        tokenization.relative_tokens(n_tokens, reference=1), [[0.5, 2], [1, 1]]
    )
    with pytest.raises(ValueError, match="sentence is empty"):
        tokenization.tokens_per_byte(n_tokens, 0 * n_bytes)
    with pytest.raises(ValueError, match="reference language has no token"):
        tokenization.relative_tokens(0 * n_tokens, reference=0)


@given(st.text(alphabet="abc дом猫한 שלום", min_size=1, max_size=20))
def test_a_vocabulary_of_bytes_takes_a_token_per_byte(text):
    made = of_bytes(257)
    sentence = [text]
    n_tokens = np.array([[len(made.encode(text).ids)]])
    n_bytes = tokenization.byte_counts([sentence])
    np.testing.assert_allclose(tokenization.tokens_per_byte(n_tokens, n_bytes), 1.0)
    wide = sum(len(letter.encode()) for letter in text if ord(letter) > 127)
    rate = tokenization.byte_fallback(made, [vocabulary.encode(made, sentence, 0)])
    np.testing.assert_allclose(rate, wide / n_bytes)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The cat, 3 times.", "Latin"),
        ("Đó là một con mèo", "Latin"),
        ("Кот и a", "Cyrillic"),
        ("猫坐在垫子上", "Han"),
        ("ねこがすわる猫", "Hiragana"),
        ("고양이", "Hangul"),
        ("ድመት", "Ethiopic"),
        ("बिल्ली", "Devanagari"),
        ("שלום", "Hebrew"),
        ("قطة", "Arabic"),
        ("แมว", "Thai"),
        ("1, 2", "Common"),
        ("", "Common"),
    ],
)
def test_scripts(text, name):
    assert tokenization.script(text) == name


def test_tokens_per_word():
    values, why = tokenization.tokens_per_word(
        ["a cat - sat", "...", "don't"], np.array([6, 3, 2])
    )
    np.testing.assert_allclose(values, [2, np.nan, 2])
    assert why == "1 sentences without a word"
    values, why = tokenization.tokens_per_word(["猫坐"], np.array([4]))
    assert np.all(np.isnan(values))
    assert why == "no spaces between words in the script Han"
    assert tokenization.tokens_per_word(["a b"], np.array([4]))[1] == ""


SETS = st.lists(st.sets(st.integers(1, 6), max_size=4), min_size=1, max_size=5)


@given(SETS, SETS)
def test_boundary_agreement_counts_letter_by_letter(cuts, known):
    n = min(len(cuts), len(known))
    cuts, known = cuts[:n], known[:n]
    table = np.array(
        [
            [[place in a, place in b] for place in range(8)]
            for a, b in zip(cuts, known, strict=True)
        ]
    ).reshape(-1, 2)
    right = np.sum(table[:, 0] & table[:, 1])
    made, wanted = table.sum(axis=0)
    found = tokenization.boundary_agreement(cuts, known)
    assert (found.n_cuts, found.n_boundaries) == (made, wanted)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(found.precision, np.float64(right) / made)
        np.testing.assert_allclose(found.recall, np.float64(right) / wanted)
    if right:
        mean = 2 / (1 / found.precision + 1 / found.recall)
        np.testing.assert_allclose(found.f1, mean)
    swapped = tokenization.boundary_agreement(known, cuts)
    np.testing.assert_equal(swapped.precision, found.recall)
    np.testing.assert_equal(swapped.f1, found.f1)


def test_cuts_are_places_between_characters():
    made = of_bytes(257)
    assert tokenization.cuts(made, "дом") == {1, 2}
    assert tokenization.cuts(made, "abc", before="x ") == {1, 2}
    assert tokenization.cuts(made, "a") == set()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("geldim", "geldik", ({5}, {5})),
        ("istui", "istuivat", (set(), {5})),
        ("anasoma", "wanasoma", (set(), {1})),
        ("gelesen", "lesen", ({2}, set())),
        ("is", "are", None),
        ("go", "going", (set(), {2})),
        ("same", "same", None),
        ("abcdef", "abwxyz", None),
    ],
)
def test_stems_end_where_forms_part(one, other, expected):
    assert tokenization.stem_boundaries(one, other) == expected


def test_stems_do_not_end_within_a_letter():
    one, other = (unicodedata.normalize("NFD", word) for word in ("kassé", "kasse"))
    assert tokenization.stem_boundaries(one, other) == ({4}, {4})


@given(st.text("abc", min_size=1, max_size=6), st.text("abc", min_size=1, max_size=6))
def test_stems_know_no_order(one, other):
    found = tokenization.stem_boundaries(one, other)
    turned = tokenization.stem_boundaries(other, one)
    assert (found is None) == (turned is None)
    if found is not None and turned is not None:
        assert found == turned[::-1]
        for form, places in zip((one, other), found, strict=True):
            assert all(0 < place < len(form) for place in places)


def test_pairs_of_a_language_by_hand():
    made = of_bytes(257)  # cuts after every character

    def pair(correct, wrong):
        return Pair(
            language="x",
            prefix="",
            correct=correct,
            wrong=wrong,
            phenomenon="",
            attribute="number",
            value="plural",
        )

    pairs = [pair("geldim", "geldik"), pair("geldik", "geldim"), pair("is", "are")]
    found = tokenization.pair_agreement(made, pairs)
    assert (found.n_boundaries, found.n_cuts) == (2, 10)
    np.testing.assert_allclose(
        [found.precision, found.recall, found.f1], [0.2, 1.0, 4 / 12]
    )
    nothing = tokenization.pair_agreement(made, [])
    assert np.isnan(nothing.f1)
