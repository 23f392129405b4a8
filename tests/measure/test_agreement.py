"""Scores of minimal pairs against sums over whole texts, one text at a time."""

import dataclasses
import functools as ft
import pathlib
import tempfile
import unicodedata

import hypothesis.extra.numpy as hnp
import jax.numpy as jnp
import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

import jaxdisp
from jaxdisp.measure import agreement, states
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.minimal_pairs import Pair
from jaxdisp.models import model as models
from jaxdisp.models import vocabulary
from jaxdisp.models.quantized import Quantizer, quantize
from tests.measure import tiny


def pair(prefix, correct, wrong):
    return Pair(
        language="xx",
        prefix=prefix,
        correct=correct,
        wrong=wrong,
        phenomenon="p",
        attribute="number",
        value="plural",
    )


PAIRS = (
    pair("The dog", "sat", "saw"),
    pair("The cat and the dog on the mat", "look", "looked"),
    pair("Die", "Katze", "Katzen"),
    pair("Кошка", "сидела", "сидел"),
)
"""In the second, third and fourth one form is the beginning of the other."""


@ft.cache
def model():
    with tempfile.TemporaryDirectory() as name:
        return jaxdisp.models.load(tiny.write_model(pathlib.Path(name)))


def text_of(tokenizer, number):
    """What a token writes after a letter, decoded by itself."""
    letter = tokenizer.encode("a").ids
    return tokenizer.decode([*letter, number])[1:]


def ends_word(tokenizer, number):
    text = text_of(tokenizer, number)
    if text == "":
        return True
    return not (unicodedata.category(text[0])[0] in "LMN" or text[0] == "\ufffd")


def oracle(model, text):
    """Log-probability of all tokens of a text and of its last word ending there."""
    tokens = vocabulary.encode(model.tokenizer, [text], model.start)[0]
    logits = np.asarray(models.logits(model, jnp.asarray([tokens])), np.float64)[0]
    log_p = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    size = model.config.vocabulary
    known = set(model.tokenizer.get_vocab().values())
    ends = [n for n in range(size) if n in known and ends_word(model.tokenizer, n)]
    steps = [log_p[i, token] for i, token in enumerate(tokens[1:])]
    return sum(steps) + np.log(np.sum(np.exp(log_p[-1, ends])))


def test_difference_is_that_of_whole_texts():
    found = agreement.score(model(), agreement.encode(model(), PAIRS))
    expected = [
        oracle(model(), f"{each.prefix} {each.correct}")
        - oracle(model(), f"{each.prefix} {each.wrong}")
        for each in PAIRS
    ]
    # logits of size 1 in float32, over up to 25 tokens
    np.testing.assert_allclose(found.difference[-1], expected, atol=2e-4)


def test_rounded_layers_are_those_of_the_assignment():
    rounded = quantize(model(), Quantizer(bits=3))
    texts = agreement.encode(model(), PAIRS)
    assignment = [1] * model().config.n_layers
    found = agreement.score(model(), texts, versions=(rounded,), assignment=assignment)
    layers = rounded["blocks"]
    other = dataclasses.replace(model(), params=model().params | {"blocks": layers})
    expected = [
        oracle(other, f"{each.prefix} {each.correct}")
        - oracle(other, f"{each.prefix} {each.wrong}")
        for each in PAIRS
    ]
    np.testing.assert_allclose(found.difference[-1], expected, atol=2e-4)
    same = agreement.score(model(), texts, versions=(rounded,), assignment=[0, 0, 0])
    plain = agreement.score(model(), texts)
    np.testing.assert_allclose(same.difference, plain.difference, atol=1e-5)


def test_early_readouts_are_of_the_states_after_each_layer():
    texts = agreement.encode(model(), PAIRS[:1])
    found = agreement.score(model(), texts)
    lines = tuple(f"The dog {form}" for form in ("sat", "saw"))
    corpus = Corpus(
        languages=("xx",),
        sentences=(lines,),
        groups=(0, 1),
        lines=(1, 2),
        source="",
    )
    ((_, kept),) = states.language_states(model(), corpus)
    outside, config = model().params["outside"], model().config
    ends = agreement.word_ends(model().tokenizer, config.vocabulary)
    for tap in range(config.n_layers + 1):
        scores = []
        for sentence, line in enumerate(lines):
            own = kept.sentence == sentence
            state = jnp.asarray(kept.values[tap, own])[None]
            logits = np.asarray(
                model().architecture.readout(outside, state, config), np.float64
            )[0]
            log_p = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
            scores.append(log_p[np.arange(own.sum()), kept.following[own]].sum())
            # the states do not hold the last token's, which predicts the word's end
            last = _last_state(line, tap)
            final = np.asarray(
                model().architecture.readout(outside, last[None, None], config),
                np.float64,
            )[0, 0]
            share = np.exp(final - np.log(np.sum(np.exp(final))))
            scores[-1] += np.log(share[ends].sum())
        assert found.difference[tap, 0] == pytest.approx(
            scores[0] - scores[1], abs=2e-4
        )
    at = texts.end[0]
    own = kept.values[:, (kept.sentence == 0) & (kept.place == at)][:, 0]
    np.testing.assert_allclose(found.states[:, 0], own, atol=1e-5)


def _last_state(line, tap):
    tokens = vocabulary.encode(model().tokenizer, [line], model().start)[0]
    taps, _ = jaxdisp.models.decoder.hidden_states(
        model().architecture,
        model().config,
        (model().params,),
        jnp.zeros(model().config.n_layers + 1, jnp.int32),
        jnp.asarray([tokens]),
    )
    return taps[tap, 0, -1]


@given(st.permutations(range(len(PAIRS))))
def test_pairs_are_scored_each_by_itself(order):
    once = agreement.score(model(), agreement.encode(model(), PAIRS))
    shuffled = [PAIRS[place] for place in order]
    again = agreement.score(model(), agreement.encode(model(), shuffled))
    np.testing.assert_allclose(
        again.difference, once.difference[:, list(order)], atol=1e-5
    )
    assert again.n_tokens.tolist() == once.n_tokens[list(order)].tolist()


def test_swapped_forms_turn_the_sign():
    turned = [pair(each.prefix, each.wrong, each.correct) for each in PAIRS]
    once = agreement.score(model(), agreement.encode(model(), PAIRS))
    again = agreement.score(model(), agreement.encode(model(), turned))
    np.testing.assert_allclose(again.difference, -once.difference, atol=1e-6)


def test_texts_are_scored_from_where_they_differ():
    texts = agreement.encode(model(), PAIRS)
    for number, each in enumerate(PAIRS):
        right, wrong = (texts.tokens[2 * number + form] for form in (0, 1))
        first = int(texts.first[2 * number])
        assert right[:first] == wrong[:first]
        assert right[first:] != wrong[first:]
        prefix = vocabulary.encode(model().tokenizer, [each.prefix], model().start)[0]
        assert texts.end[2 * number] == len(prefix) - 1


def test_a_token_that_reaches_across_the_prefix_ends_it_earlier():
    # no rule splits at spaces, and "t s" is one token
    merges = [("t", " "), ("t ", "s")]
    letters = {letter: place for place, letter in enumerate("cats eb")}
    names = letters | {"t ": 7, "t s": 8}
    across = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=names, merges=merges))
    fake = dataclasses.replace(model(), tokenizer=across, start=6)
    texts = agreement.encode(fake, [pair("cat", "sat", "bat")])
    # behind the start token, "c" and "a" are shared by prefix and both texts
    assert texts.end.tolist() == [2, 2]
    assert texts.first.tolist() == [3, 3]


def test_word_ends_are_spaces_marks_and_tokens_without_text():
    tokenizer = model().tokenizer
    ends = agreement.word_ends(tokenizer, model().config.vocabulary + 2)
    assert not ends[-2:].any()  # rows of no token
    for number in tokenizer.get_vocab().values():
        assert bool(ends[number]) == ends_word(tokenizer, number)
    named = tokenizer.get_vocab()
    assert ends[named["Ġ"]]
    assert ends[named["."]]
    assert ends[named[vocabulary.START]]
    assert not ends[named["e"]]
    assert not ends[named["Ð"]]  # half of a Cyrillic letter


def test_without_word_ends_every_token_counts():
    letters = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocab={"a": 0, "b": 1}, merges=[])
    )
    letters.decoder = tokenizers.decoders.Fuse()
    assert agreement.word_ends(letters, 3).tolist() == [True] * 3


def test_texts_beyond_the_context_are_refused():
    long = pair("The cat sat on the mat and looked at the dog " * 3, "sat", "saw")
    with pytest.raises(ValueError, match="exceed the context of 30"):
        agreement.score(model(), agreement.encode(model(), [long]))


CURVES = hnp.arrays(np.float64, 7, elements=st.floats(-10, 10))


@given(CURVES)
def test_halfway_is_where_the_curve_last_comes_to_half(curve):
    found = agreement.halfway(curve)
    if curve[-1] <= 0:
        assert np.isnan(found)
        return
    assert 0 <= found <= 1
    at = np.interp(6 * found, np.arange(7), curve)
    if found > 0:
        assert at == pytest.approx(curve[-1] / 2, abs=1e-6)
    beyond = np.arange(7) > 6 * found + 1e-9
    assert np.all(curve[beyond] >= curve[-1] / 2)


@given(CURVES, st.floats(0.01, 100))
def test_halfway_does_not_depend_on_the_unit(curve, scale):
    once, again = agreement.halfway(curve), agreement.halfway(scale * curve)
    # subnormal ends may become 0 when they are scaled
    if curve[-1] > 1e-3:
        assert again == pytest.approx(once, abs=1e-6)


def test_halfway_of_a_straight_line_is_in_the_middle():
    assert agreement.halfway(np.arange(13.0)) == pytest.approx(0.5)
    assert agreement.halfway(np.array([2.0, 2.0, 3.0])) == 0.0
