"""Segmentation as the tokenizer makes it, merges one by one, and what pieces spell."""

import itertools

import hypothesis
import numpy as np
import pytest
import tokenizers
from hypothesis import strategies as st
from tokenizers import decoders, models

from jaxdisp.causal.interventions import segmentation
from jaxdisp.measure import corpus as corpora
from jaxdisp.models import model as models_of
from jaxdisp.models import vocabulary
from tests.causal.interventions import vocabularies
from tests.models import small

TEXTS = (*small.SENTENCES, "the cat sat on the mat.", "  two  spaces ", "ω😀 and 猫!")


@pytest.mark.parametrize("kind", vocabularies.KINDS)
def test_words_hold_the_tokens_of_the_tokenizer(kind):
    tokenizer = vocabularies.KINDS[kind]()
    pieces = segmentation.read_pieces(tokenizer)
    for text in TEXTS:
        words = segmentation.cut(pieces, text)
        wanted = tokenizer.encode(text, add_special_tokens=False).ids
        assert segmentation.token_numbers(pieces, words, 7) == [7, *wanted]


@pytest.mark.parametrize("kind", ["bytes", "characters"])
def test_merging_without_chance_is_what_the_tokenizer_does(kind):
    pieces = segmentation.read_pieces(vocabularies.KINDS[kind]())
    for text in TEXTS:
        for word in segmentation.cut(pieces, text):
            parts = segmentation.word_atoms(pieces, word)
            assert segmentation.merge(pieces, parts) == word


def test_merging_is_what_the_embedded_tokenizer_does_on_its_corpus():
    pieces = segmentation.read_pieces(vocabulary.open_vocabulary(models_of.EMBEDDED))
    corpus = corpora.spread(corpora.load_corpus(), 8)
    for text in corpus.sentences:
        for line in text:
            words = segmentation.cut(pieces, line)
            merged = tuple(
                segmentation.merge(pieces, segmentation.word_atoms(pieces, word))
                for word in words
            )
            assert merged == words
            wanted = pieces.tokenizer.encode(line, add_special_tokens=False).ids
            assert segmentation.token_numbers(pieces, merged, 0) == [0, *wanted]


def slow_merge(ranks, parts, rate, uniforms):
    """Algorithm 1 of Provilkov et al., all candidates anew at every step."""
    parts = list(parts)
    while True:
        candidates = sorted(
            (ranks[pair], place)
            for place, pair in enumerate(itertools.pairwise(parts))
            if pair in ranks
        )
        made = next((c for c in candidates if not next(uniforms) < rate), None)
        if made is None:
            return tuple(parts)
        place = made[1]
        parts[place : place + 2] = [parts[place] + parts[place + 1]]


@hypothesis.given(
    text=st.text(alphabet="the catsonmd", min_size=1, max_size=30),
    rate=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    seed=st.integers(0, 99),
)
def test_merging_with_chance_is_algorithm_1_draw_by_draw(text, rate, seed):
    pieces = segmentation.read_pieces(vocabularies.of_bytes())
    draws = np.abs(small.normal("draws", (20_000,), seed)) % 1.0
    parts = [pieces.alphabet[byte] for byte in text.encode()]
    found = segmentation.merge(pieces, parts, rate=rate, uniforms=iter(draws))
    assert found == slow_merge(pieces.ranks, parts, rate, iter(draws))


@pytest.mark.parametrize("kind", vocabularies.KINDS)
def test_pieces_spell_the_text(kind):
    pieces = segmentation.read_pieces(vocabularies.KINDS[kind]())
    for text in TEXTS:
        words = segmentation.cut(pieces, text)
        spelled = b"".join(
            segmentation.spell(pieces, piece) for word in words for piece in word
        )
        assert spelled.decode() == ("" if kind == "bytes" else " ") + text


def test_what_is_added_is_never_cut():
    pieces = segmentation.read_pieces(vocabularies.of_bytes())
    words = segmentation.cut(pieces, f"the{vocabulary.START}cat")
    assert (vocabulary.START,) in words
    assert segmentation.atoms(pieces, vocabulary.START) == (vocabulary.START,)


def test_merges_in_the_older_form_are_the_same():
    assert segmentation._pair("Ġ t") == segmentation._pair(["Ġ", "t"]) == ("Ġ", "t")


def test_another_text_is_refused():
    pieces = segmentation.read_pieces(vocabularies.of_bytes())
    words = segmentation.cut(pieces, "the cat")
    segmentation.check_same_text(pieces, words, words)
    with pytest.raises(ValueError, match="cut anew, 'the cat' decodes to 'the mat'"):
        segmentation.check_same_text(pieces, words, segmentation.cut(pieces, "the mat"))


def test_a_decoder_that_depends_on_the_cut_is_refused():
    tokenizer = tokenizers.Tokenizer.from_str(vocabularies.of_characters().to_str())
    tokenizer.decoder = decoders.WordPiece()  # puts spaces between tokens
    pieces = segmentation.read_pieces(tokenizer)
    words = segmentation.cut(pieces, "the")
    finer = tuple(tuple("".join(word)) for word in words)
    assert finer != words
    with pytest.raises(ValueError, match="decoder depends on how a text is cut"):
        segmentation.check_same_text(pieces, words, finer)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (models.WordLevel({"a": 0}, unk_token="a"), "of kind WordLevel; only BPE"),
        (
            models.BPE({"a": 0}, [], end_of_word_suffix="</w>"),
            "has a end_of_word_suffix",
        ),
        (
            models.BPE({"a": 0}, [], continuing_subword_prefix="##"),
            "continuing_subword_prefix",
        ),
    ],
)
def test_other_kinds_are_refused(model, message):
    with pytest.raises(ValueError, match=message):
        segmentation.read_pieces(tokenizers.Tokenizer(model))
