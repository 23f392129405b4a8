"""Attention to one place against loops, decompositions, and what it must be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxdisp import measure, models
from jaxdisp.measure import attention
from jaxdisp.measure.cube import encode
from jaxdisp.models import Quantizer, attention_taps, quantize
from jaxdisp.stats import spectra
from tests.measure import tiny
from tests.models import small

PLACE = np.array([1, 2, 3, 1, 2, 1, 2, 3, 4])
SENTENCE = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
SHARES = hnp.arrays(np.float64, (2, 3, 9), elements=st.floats(0, 1))
UNIFORM = np.linspace(0, 0.99, 8)


@given(weight=SHARES, after=st.tuples(st.integers(0, 2), st.just(0), st.integers(0, 3)))
def test_excess_equals_the_loops(weight, after):
    found = attention.excess(weight, PLACE, SENTENCE, np.array(after))
    for layer, head, sentence in np.ndindex(2, 3, 3):
        beyond = [
            weight[layer, head, token] - 1 / (1 + PLACE[token])
            for token in range(9)
            if SENTENCE[token] == sentence and PLACE[token] > after[sentence]
        ]
        # sums of at most four float64 numbers
        assert found[layer, head, sentence] == pytest.approx(np.mean(beyond), abs=1e-14)


def test_uniform_attention_is_chance_and_all_of_it_is_the_rest():
    start = np.zeros(3, int)
    uniform = 1 / (PLACE + 1.0)[None, None]
    found = attention.excess(uniform, PLACE, SENTENCE, start)
    np.testing.assert_array_equal(found, 0.0)
    found = attention.excess(np.ones((1, 1, 9)), PLACE, SENTENCE, start)
    rest = [1 - (1 / 2 + 1 / 3 + 1 / 4) / 3, 1 - (1 / 2 + 1 / 3) / 2]
    np.testing.assert_allclose(found[0, 0, :2], rest, rtol=1e-14)


@given(full=SHARES, rounded=SHARES)
def test_shift_equals_the_loops_and_is_no_less_than_the_change_of_means(full, rounded):
    found = attention.shift(full, rounded, SENTENCE, 3)
    for layer, head, sentence in np.ndindex(2, 3, 3):
        tokens = np.flatnonzero(sentence == SENTENCE)
        moved = [abs(full[layer, head, t] - rounded[layer, head, t]) for t in tokens]
        assert found[layer, head, sentence] == pytest.approx(np.mean(moved), abs=1e-14)
    before, after = (
        attention.excess(x, PLACE, SENTENCE, np.zeros(3, int)) for x in (full, rounded)
    )
    assert np.all(found >= np.abs(after - before) - 1e-14)


@given(
    rows=hnp.arrays(np.float32, (2, 5, 4), elements=st.floats(0, 1, width=32).map(abs)),
    scale=st.sampled_from([0.125, 4.0]),
)
def test_participation_equals_that_of_singular_values(rows, scale):
    rows = rows + np.float32(0.01)  # none of them all zeros
    found = np.asarray(attention.participation(jnp.asarray(rows)))
    for matrix, each in zip(rows, found, strict=True):
        squares = np.linalg.svd(matrix.astype(np.float64), compute_uv=False) ** 2
        # float32 sums of 25 squares, squared again
        assert each == pytest.approx(spectra.participation_ratio(squares), rel=1e-5)
    assert np.all((found >= 1 - 1e-5) & (found <= 4 + 1e-5))
    scaled = attention.participation(jnp.asarray(rows) * scale)
    np.testing.assert_allclose(scaled, found, rtol=1e-5)


def test_zeros_have_no_direction():
    assert float(attention.participation(jnp.zeros((3, 4)))) == 0.0


@given(
    uniform=hnp.arrays(np.float64, 4, elements=st.floats(0, 1, exclude_max=True)),
    lengths=hnp.arrays(int, 4, elements=st.integers(4, 50)),
)
def test_places_beside_leave_a_token_before_and_after(uniform, lengths):
    places = attention.places_beside(uniform, lengths)
    assert np.all((places >= 1) & (places <= lengths - 3))


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    directory = tmp_path_factory.mktemp("opened")
    tiny.write_corpus(directory / "text", tiny.LONG)
    corpus = measure.load_corpus(directory / "text")
    return models.load(small.write(directory / "model", tiny.entries())), corpus


def test_looks_equal_weights_sentence_by_sentence(opened):
    model, corpus = opened
    versions = (quantize(model, Quantizer(bits=3)),)
    run = jax.jit(
        lambda params, sites, tokens: attention_taps.attention(
            model.architecture, model.config, params, sites, tokens, lambda w: w
        )
    )
    assignment = [1, 0, 1]
    looks = attention.language_looks(
        model, corpus, UNIFORM, versions=versions, assignment=assignment
    )
    cut = 0
    for (language, found), text in zip(looks, encode(model, corpus), strict=True):
        assert found.first.shape == (3, 3, len(found.place))
        for number in (2, 3, 6) if language == "en" else (3,):
            sentence = text[number][: tiny.CONTEXT]
            cut += len(text[number]) > tiny.CONTEXT
            # padded, which changes nothing before it, so that one program will do
            tokens = np.pad(sentence, (0, tiny.CONTEXT - len(sentence)))[None]
            weights = np.asarray(
                run((model.params, *versions), jnp.array([*assignment, 0]), tokens)
            )[:, 0].astype(np.float64)
            asking = np.arange(1, len(sentence) - 1)
            here = found.sentence == number
            np.testing.assert_array_equal(found.place[here], asking)
            # two float32 programs, weights below 1
            close = {"rtol": 0, "atol": 1e-5}
            rows = weights[:, :, asking]
            np.testing.assert_allclose(found.first[..., here], rows[..., 0], **close)
            beside = 1 + int(UNIFORM[number] * (len(sentence) - 3))
            assert found.beside[number] == beside
            other = rows[..., beside]
            np.testing.assert_allclose(found.other[..., here], other, **close)
            for layer, head in np.ndindex(3, 3):
                for rank, matrix in (
                    (found.rank, rows[layer, head]),
                    (found.rest, rows[layer, head, :, 1:]),
                ):
                    squares = np.linalg.svd(matrix, compute_uv=False) ** 2
                    expected = spectra.participation_ratio(squares)
                    assert rank[layer, head, number] == pytest.approx(
                        expected, rel=1e-4
                    )
    assert cut == 3, "a sentence in each language is longer than the context"


def test_sentences_that_are_too_short_are_told_and_refused(tmp_path):
    texts = {name: ("a", *lines[1:]) for name, lines in tiny.TEXTS.items()}
    tiny.write_corpus(tmp_path / "text", texts)
    corpus = measure.load_corpus(tmp_path / "text")
    model = models.load(small.write(tmp_path / "model", tiny.entries()))
    lengths = np.array([[len(x) for x in text] for text in encode(model, corpus)])
    assert lengths.min() < 4 <= lengths[:, 1:].min()
    assert attention.readable(model, corpus).tolist() == [False] + [True] * 7
    with pytest.raises(ValueError, match="sentence 1 has fewer than 4 tokens in some"):
        next(attention.language_looks(model, corpus, UNIFORM))


def test_sentences_without_a_token_to_average_over():
    with pytest.raises(ValueError, match="sentence 2 has no token to average over"):
        attention.excess(np.ones((1, 1, 9)), PLACE, SENTENCE, np.array([0, 2, 0]))
