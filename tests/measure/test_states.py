import functools as ft
import pathlib
import tempfile

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jaxdisp
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import cube, states, windows
from jaxdisp.models import decoder
from jaxdisp.models.quantized import Quantizer, quantize
from tests.measure import tiny


@ft.cache
def inputs(texts="TEXTS"):
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        tiny.write_corpus(directory / "corpus", getattr(tiny, texts))
        return (
            jaxdisp.models.load(tiny.write_model(directory / "model")),
            corpora.load_corpus(directory / "corpus"),
        )


@ft.cache
def found(texts="TEXTS"):
    return dict(states.language_states(*inputs(texts)))


def alone(model, versions, assignment, sentence):
    """Hidden states of one sentence, without padding or batch."""
    tokens = jnp.array([sentence], jnp.int32)
    sites = jnp.array(assignment, jnp.int32)
    return np.asarray(
        decoder.hidden_states(
            model.architecture, model.config, versions, sites, tokens
        )[0]
    )[:, 0]


def test_are_those_of_each_sentence_alone():
    model, corpus = inputs()
    full = [0] * (model.config.n_layers + 1)
    for language, sentences in zip(
        corpus.languages, cube.encode(model, corpus), strict=True
    ):
        own = found()[language]
        for place, sentence in enumerate(sentences):
            at = own.sentence == place
            expected = alone(model, (model.params,), full, sentence)[:, :-1]
            # padding changes the order of float32 sums
            np.testing.assert_allclose(own.values[:, at], expected, atol=1e-4)
            np.testing.assert_array_equal(own.token[at], sentence[:-1])
            np.testing.assert_array_equal(own.following[at], sentence[1:])
            np.testing.assert_array_equal(own.place[at], np.arange(len(sentence) - 1))


def test_of_an_assignment_are_those_of_its_weights():
    model, corpus = inputs()
    rounded = quantize(model, Quantizer(bits=2))
    chosen = [1, 0, 1]
    _, own = next(
        states.language_states(model, corpus, versions=[rounded], assignment=chosen)
    )
    sentence = cube.encode(model, corpus)[0][1]
    expected = alone(model, (model.params, rounded), [*chosen, 0], sentence)[:, :-1]
    np.testing.assert_allclose(own.values[:, own.sentence == 1], expected, atol=1e-4)
    full = found()[corpus.languages[0]]
    np.testing.assert_array_equal(own.values[0], full.values[0])
    assert np.abs(own.values[1] - full.values[1]).max() > 1e-2


def test_tokens_of_long_sentences_are_read_in_the_window_that_scores_the_next():
    model, corpus = inputs("LONG")
    context = model.config.context
    step = windows.checked_stride(context)
    long = 0
    for language, sentences in zip(
        corpus.languages, cube.encode(model, corpus), strict=True
    ):
        own = found("LONG")[language]
        for place, sentence in enumerate(sentences):
            at = own.sentence == place
            np.testing.assert_array_equal(own.token[at], sentence[:-1])
            np.testing.assert_array_equal(own.place[at], np.arange(len(sentence) - 1))
            spans = windows.bounds(len(sentence), context, step)
            long += len(spans) > 1
            for first, stop, scored in spans:
                read = np.arange(scored - 1, stop - 1)
                whole = alone(
                    model,
                    (model.params,),
                    [0] * (model.config.n_layers + 1),
                    sentence[first:stop],
                )
                np.testing.assert_allclose(
                    own.values[:, at][:, read], whole[:, read - first], atol=1e-4
                )
    assert long > 2


@given(st.data())
def test_means_are_over_the_tokens_of_a_sentence_but_the_first(data):
    lengths = data.draw(st.lists(st.integers(2, 6), min_size=1, max_size=5))
    sentence = np.repeat(np.arange(len(lengths)), lengths)
    place = np.concatenate([np.arange(length) for length in lengths])
    values = np.sin(np.arange(3 * len(place) * 2.0)).reshape(3, len(place), 2)
    zeros = np.zeros(len(place), int)
    made = states.States(
        values=values, token=zeros, following=zeros, sentence=sentence, place=place
    )
    means = states.sentence_means(made, len(lengths))
    for number in range(len(lengths)):
        rows = values[:, (sentence == number) & (place > 0)]
        np.testing.assert_allclose(means[:, number], rows.mean(axis=1), atol=1e-12)


def test_means_refuse_a_sentence_without_tokens():
    zeros = np.zeros(2, int)
    made = states.States(
        values=np.ones((1, 2, 2)),
        token=zeros,
        following=zeros,
        sentence=np.array([0, 1]),
        place=np.array([1, 0]),
    )
    with pytest.raises(ValueError, match="sentence 2 has no token"):
        states.sentence_means(made, 2)
