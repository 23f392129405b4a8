"""Cutting anew: the text stays, the number of tokens becomes what was asked for."""

import functools as ft
import itertools

import hypothesis
import jax
import numpy as np
import pytest
import tokenizers
from hypothesis import strategies as st
from scipy import stats
from tokenizers import models

from jaxdisp.causal.interventions import (
    placebo_segmentation,
    resegmentation,
    segmentation,
)
from tests.causal.interventions import vocabularies
from tests.models import small

KEY = jax.random.key(11)
TEXT = small.SENTENCES[0]
LINES = st.sampled_from((*small.SENTENCES, "the cat sat on the mat.", "ω😀 and 猫!"))
WITH_MERGES = st.sampled_from(["bytes", "characters"])
ALL = st.sampled_from(sorted(vocabularies.KINDS))


@ft.cache
def pieces_of(kind):
    return segmentation.read_pieces(vocabularies.KINDS[kind]())


def draws(text=TEXT, seed=0):
    return resegmentation.uniforms(jax.random.fold_in(KEY, seed), text)


def count(words):
    return sum(map(len, words))


def ways_of(pieces, word, number):
    """All segmentations into so many pieces, by trying every set of boundaries."""
    parts = segmentation.word_atoms(pieces, word)
    for inner in itertools.combinations(range(1, len(parts)), number - 1):
        ends = (0, *inner, len(parts))
        made = tuple("".join(parts[a:b]) for a, b in itertools.pairwise(ends))
        if all(piece in pieces.numbers for piece in made):
            yield made


@hypothesis.given(
    kind=ALL,
    line=LINES,
    way=st.sampled_from(["dropout", "undone", "bytes", "characters", "other"]),
    amount=st.sampled_from([0.0, 0.2, 0.7, 1.0]),
    seed=st.integers(0, 9),
)
def test_the_text_stays_whatever_is_cut(kind, line, way, amount, seed):
    pieces = pieces_of(kind)
    hypothesis.assume(pieces.ranks or way != "dropout")
    words = segmentation.cut(pieces, line)
    own = draws(line, seed)
    change = {
        "dropout": ft.partial(resegmentation.drop_merges, rate=amount),
        "undone": ft.partial(resegmentation.undo_merges, factor=1 + amount),
        "bytes": ft.partial(resegmentation.into_bytes, share=amount),
        "characters": ft.partial(resegmentation.into_characters, share=amount),
        "other": ft.partial(
            placebo_segmentation.other_pieces, wanted=round(9 * amount)
        ),
    }[way]
    found = change(pieces, words, draws=own)
    segmentation.check_same_text(pieces, words, found)
    assert len(found) == len(words)
    if way == "other":
        assert list(map(len, found)) == list(map(len, words))
    else:
        assert count(found) >= count(words)
    if amount == 0:
        assert found == words
        assert placebo_segmentation.replaced(words, found) == 0
    assert change(pieces, words, draws=draws(line, seed)) == found


def test_draws_belong_to_the_sentence_and_the_key():
    first = list(itertools.islice(draws(), 1000))
    assert first == list(itertools.islice(draws(), 1000))
    assert first != list(itertools.islice(draws("another"), 1000))
    assert first != list(itertools.islice(draws(seed=1), 1000))
    assert first[:256] != first[256:512]
    assert stats.kstest(first, "uniform").pvalue > 0.01


@hypothesis.given(
    kind=ALL, line=LINES, factor=st.floats(1.0, 2.5), seed=st.integers(0, 9)
)
def test_merges_are_undone_until_there_are_as_many_tokens_as_asked(
    kind, line, factor, seed
):
    pieces = pieces_of(kind)
    words = segmentation.cut(pieces, line)
    found = resegmentation.undo_merges(
        pieces, words, factor=factor, draws=draws(line, seed)
    )
    most = sum(
        1 if piece in pieces.fixed else _atoms_by_halving(pieces, piece)
        for word in words
        for piece in word
    )
    assert count(found) == min(int(np.floor(count(words) * factor + 0.5)), most)


def _atoms_by_halving(pieces, piece):
    way = resegmentation.halves(pieces, piece)
    return sum(_atoms_by_halving(pieces, part) for part in way) if way else 1


def test_the_cut_piece_is_drawn_evenly():
    pieces = pieces_of("bytes")
    words = segmentation.cut(pieces, TEXT)
    flat = [piece for word in words for piece in word]
    factor = (count(words) + 1) / count(words)
    own, seen = draws(seed=5), np.zeros(len(flat))
    for _ in range(800):
        found = resegmentation.undo_merges(pieces, words, factor=factor, draws=own)
        made = [piece for word in found for piece in word]
        seen[next(i for i, p in enumerate(made) if p != flat[i])] += 1
    open_places = [bool(resegmentation.halves(pieces, piece)) for piece in flat]
    assert np.all((seen > 0) == open_places)
    assert stats.chisquare(seen[seen > 0]).pvalue > 0.01


def test_a_piece_is_cut_as_it_was_merged():
    pieces = pieces_of("bytes")
    for (left, right), rank in pieces.ranks.items():
        parts = segmentation.atoms(pieces, left + right)
        if segmentation.merge(pieces, parts) == (left + right,):
            way = resegmentation.halves(pieces, left + right)
            assert pieces.ranks[way] <= rank
    assert resegmentation.halves(pieces, "t") == ()


def test_a_scored_piece_is_cut_where_it_is_most_likely():
    pieces = pieces_of("scores")
    assert resegmentation.halves(pieces, "▁sat") in {("▁", "sat"), ("▁s", "at")}
    assert resegmentation.halves(pieces, "▁the") == ("▁", "the")
    assert resegmentation.halves(pieces, "on") == ("o", "n")
    assert resegmentation.halves(pieces, "<unk>") == ()


def test_dropping_all_merges_leaves_bytes():
    pieces = pieces_of("bytes")
    words = segmentation.cut(pieces, small.SENTENCES[3])
    all_dropped = resegmentation.drop_merges(pieces, words, rate=1.0, draws=draws())
    in_bytes = resegmentation.into_bytes(pieces, words, share=1.0, draws=draws())
    assert all_dropped == in_bytes
    assert count(in_bytes) == len(small.SENTENCES[3].encode())


@pytest.mark.parametrize("kind", ["characters", "scores"])
def test_a_marked_space_is_one_byte_already(kind):
    pieces = pieces_of(kind)
    words = segmentation.cut(pieces, "the cat")
    found = resegmentation.into_bytes(pieces, words, share=1.0, draws=draws())
    flat = [piece for word in found for piece in word]
    wanted = [f"<0x{byte:02X}>" for byte in b" the cat"]
    assert flat == ["▁" if piece == "<0x20>" else piece for piece in wanted]


def test_dropout_lets_a_single_merge_through_as_often_as_it_should():
    pieces = pieces_of("bytes")
    (pair, _) = min(pieces.ranks.items(), key=lambda item: item[1])
    own, rate, n = draws(seed=2), 0.3, 4000
    merged = sum(
        len(resegmentation.drop_merges(pieces, (pair,), rate=rate, draws=own)[0]) == 1
        for _ in range(n)
    )
    assert stats.binomtest(merged, n, 1 - rate).pvalue > 0.01


def test_a_word_taken_whole_stays_whole_without_dropout():
    content = vocabularies.of_bytes().to_str()
    whole = content.replace('"ignore_merges":false', '"ignore_merges":true')
    pieces = segmentation.read_pieces(tokenizers.Tokenizer.from_str(whole))
    assert pieces.whole_first
    words = segmentation.cut(pieces, TEXT)
    assert resegmentation.drop_merges(pieces, words, rate=0.0, draws=draws()) == words


@pytest.mark.parametrize("kind", vocabularies.KINDS)
def test_characters_are_one_piece_each_where_there_is_one(kind):
    pieces = pieces_of(kind)
    words = segmentation.cut(pieces, "saß 猫")
    found = resegmentation.into_characters(pieces, words, share=1.0, draws=draws())
    spelled = [segmentation.spell(pieces, p) for word in found for p in word]
    if kind == "bytes":
        assert spelled[:2] == [b"s", b"a"]
        assert "Ã" not in {p for word in found for p in word} or "Ãß" in pieces.numbers
    assert all(len(part.decode(errors="replace")) == 1 for part in spelled)
    assert b"".join(spelled).decode().strip() == "saß 猫"


def test_a_share_of_the_words_is_cut():
    pieces = pieces_of("bytes")
    words = segmentation.cut(pieces, TEXT)
    finest = resegmentation.into_bytes(pieces, words, share=1.0, draws=draws())
    for share in (0.0, 0.25, 0.5):
        found = resegmentation.into_bytes(pieces, words, share=share, draws=draws())
        cut = [a != b or b == c for a, b, c in zip(found, words, finest, strict=True)]
        # a word of one byte is the same cut or not
        single = sum(b == c for b, c in zip(words, finest, strict=True))
        assert (
            round(share * len(words)) - single
            <= sum(a != b for a, b in zip(found, words, strict=True))
            <= int(share * len(words) + 0.5)
        )
        assert all(f in (w, x) for f, w, x in zip(found, words, finest, strict=True))
        assert len(cut) == len(words)


@ft.cache
def of_two_letters():
    """A vocabulary in which a word can be cut in many ways."""
    merges = [("a", "b"), ("b", "a"), ("a", "a"), ("ab", "a"), ("aa", "b"), ("b", "b")]
    names = ["a", "b", *(left + right for left, right in merges)]
    model = models.BPE({name: place for place, name in enumerate(names)}, merges)
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    return segmentation.read_pieces(tokenizer)


@pytest.mark.parametrize("text", ["abba", "abaab", "aabbab", "aabaabbab"])
def test_other_ways_of_equal_length_are_all_drawn_evenly(text):
    pieces = of_two_letters()
    (word,) = segmentation.cut(pieces, text)
    others = [way for way in ways_of(pieces, word, len(word)) if way != word]
    own, seen = draws(text), dict.fromkeys(others, 0)
    for _ in range(max(1, 150 * len(others))):
        (found,) = placebo_segmentation.other_pieces(
            pieces, (word,), wanted=1, draws=own
        )
        if others:
            seen[found] += 1
        else:
            assert found == word
    assert len(others) == {"abba": 0, "abaab": 1, "aabbab": 6, "aabaabbab": 18}[text]
    if len(others) > 1:
        assert stats.chisquare(list(seen.values())).pvalue > 0.01


@hypothesis.given(line=LINES, wanted=st.integers(0, 12), seed=st.integers(0, 9))
def test_as_many_tokens_are_replaced_as_wanted_if_there_are_ways(line, wanted, seed):
    pieces = pieces_of("bytes")
    words = segmentation.cut(pieces, line)
    found = placebo_segmentation.other_pieces(
        pieces, words, wanted=wanted, draws=draws(line, seed)
    )
    done = placebo_segmentation.replaced(words, found)
    changed = [a != b for a, b in zip(words, found, strict=True)]
    if done < wanted:  # every word that can be cut in another way was
        for word, is_changed in zip(words, changed, strict=True):
            others = any(way != word for way in ways_of(pieces, word, len(word)))
            assert others == is_changed
    else:  # the last word taken was needed
        assert done - max(map(len, words)) < wanted


def test_replaced_counts_tokens_that_are_gone():
    before = (("ab", "c"), ("d", "e"))
    assert placebo_segmentation.replaced(before, before) == 0
    assert placebo_segmentation.replaced(before, (("a", "b", "c"), ("d", "e"))) == 1
    assert placebo_segmentation.replaced(before, (("a", "bc"), ("d", "e"))) == 2
    assert placebo_segmentation.replaced(before, (("ab", "c"), ("de",))) == 2
    # the same piece at another place is another token
    assert placebo_segmentation.replaced((("a", "aa"),), (("aa", "a"),)) == 2


def test_amounts_out_of_range_are_refused():
    pieces, words = pieces_of("bytes"), segmentation.cut(pieces_of("bytes"), TEXT)
    with pytest.raises(ValueError, match=r"rate must be from 0 to 1, got 1\.5"):
        resegmentation.drop_merges(pieces, words, rate=1.5, draws=draws())
    with pytest.raises(ValueError, match=r"share must be from 0 to 1, got -0\.1"):
        resegmentation.into_bytes(pieces, words, share=-0.1, draws=draws())
    with pytest.raises(ValueError, match=r"factor must be at least 1, got 0\.9"):
        resegmentation.undo_merges(pieces, words, factor=0.9, draws=draws())
    with pytest.raises(ValueError, match="no merges to leave out"):
        resegmentation.drop_merges(pieces_of("scores"), words, rate=0.1, draws=draws())


def test_bytes_without_tokens_are_refused():
    few = tokenizers.Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
    pieces = segmentation.read_pieces(few)
    with pytest.raises(ValueError, match="has no token for the byte 0x61; cut into"):
        resegmentation.into_bytes(pieces, (("ab",),), share=1.0, draws=draws())
