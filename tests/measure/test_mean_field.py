"""Signals through depth against loops, closed forms and a curve fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import optimize

from jaxdisp import measure, models
from jaxdisp.measure import mean_field
from jaxdisp.measure.cube import encode
from jaxdisp.models import Quantizer, decoder, quantize
from tests.measure import tiny
from tests.models import small

NUMBERS = st.floats(-3, 3)
TEXTS = np.array([2.0, 1.0, 3.0, 1.0])
"""Tokens of four texts."""


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    directory = tmp_path_factory.mktemp("opened")
    tiny.write_corpus(directory / "text", tiny.LONG)
    corpus = measure.load_corpus(directory / "text")
    return models.load(small.write(directory / "model", tiny.entries())), corpus


def test_sums_equal_those_over_tokens(opened):
    model, corpus = opened
    rounded = quantize(model, Quantizer(bits=3))
    assignments = ([0, 1, 0], [1, 1, 0])
    sums = dict(mean_field.language_sums(model, corpus, (rounded,), assignments))
    run = jax.jit(
        lambda sites, tokens: decoder.hidden_states(
            model.architecture, model.config, (model.params, rounded), sites, tokens
        )[0]
    )
    text = encode(model, corpus)[corpus.languages.index("de")]
    found = sums["de"]
    assert found.directions.shape == (2, 4, 4, 12)
    for group in (1, 3):  # the sentence of group 1 that is long is read in windows
        count, power, error, directions = 0, 0.0, 0.0, 0.0
        for number in np.flatnonzero(np.array(corpus.groups) == group):
            for tokens, tokens_read in read(text[number]):
                padded = np.pad(tokens, (0, tiny.CONTEXT - len(tokens)))[None]
                states = np.array(
                    [run(jnp.array([*each, 0]), padded) for each in assignments],
                    np.float64,
                )[:, :, 0, tokens_read]
                norm = np.linalg.norm(states, axis=-1)
                count += len(tokens_read)
                power += np.sum(norm**2, axis=-1)
                error += np.sum((states[1] - states[0]) ** 2, axis=(1, 2))
                directions += np.sum(states / norm[..., None], axis=-2)
        assert found.tokens[group] == count
        # float32 states of about 1, of some 30 tokens
        close = {"rtol": 1e-4, "atol": 1e-4}
        np.testing.assert_allclose(found.power[:, :, group], power, **close)
        np.testing.assert_allclose(found.error[:, group], error, **close)
        np.testing.assert_allclose(found.directions[:, :, group], directions, **close)
        assert np.all(found.error[1:, group] > 1e-2)
        assert found.error[0, group] == 0


def read(sentence):
    """Windows of a sentence, 15 tokens apart, and the places in each that count."""
    n, seen = len(sentence), 1
    for start in range(0, n, tiny.CONTEXT // 2):
        stop = min(start + tiny.CONTEXT, n)
        places = [t for t in range(start, stop - 1) if t + 1 >= seen and t > 0]
        yield sentence[start:stop], [t - start for t in places]
        seen = stop
        if stop == n:
            return


def by_pairs(tokens, text):
    """The mean cosine of tokens of different texts, pair by pair."""
    cosines = [
        float(np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b)))
        for i, a in enumerate(tokens)
        for j, b in enumerate(tokens)
        if text[i] != text[j]
    ]
    return sum(cosines) / len(cosines)


@given(values=hnp.arrays(np.float64, (7, 3), elements=NUMBERS))
def test_correlations_equal_those_of_all_pairs(values):
    values = values + np.array([5.0, 0.0, 0.0])  # none of them all zeros
    text = np.repeat(np.arange(4), TEXTS.astype(int))
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    directions = np.stack([unit[text == each].sum(axis=0) for each in range(4)])
    found = mean_field.correlations(directions, TEXTS)
    assert found[0] == pytest.approx(by_pairs(values, text), abs=1e-12)
    for left in range(4):
        kept = text != left
        expected = by_pairs(values[kept], text[kept])
        assert found[1 + left] == pytest.approx(expected, abs=1e-12)
    assert np.all(np.abs(found) <= 1 + 1e-12)


def test_equal_states_are_alike_and_independent_ones_are_not():
    same = TEXTS[:, None] * np.array([0.6, 0.8])
    np.testing.assert_allclose(mean_field.correlations(same, TEXTS), 1.0, rtol=1e-14)
    # sums of 200 independent directions each in 400 dimensions
    drawn = np.asarray(jax.random.normal(jax.random.key(0), (20, 200, 400)))
    unit = drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)
    sums = unit.sum(axis=1).astype(np.float64)
    found = mean_field.correlations(sums, np.full(20, 200.0))
    # a mean of 20 x 19 / 2 x 200^2 cosines of variance 1 / 400
    assert np.all(np.abs(found) < 5 * 0.05 / np.sqrt(19 * 10 * 200**2))


def test_correlations_need_three_texts():
    with pytest.raises(ValueError, match="needs at least 3 texts, got 2"):
        mean_field.correlations(np.ones((2, 3)), np.ones(2))


@given(sums=hnp.arrays(np.float64, (3, 5), elements=NUMBERS))
def test_texts_are_left_out_one_by_one(sums):
    found = mean_field.with_left_out(sums)
    np.testing.assert_allclose(found[:, 0], sums.sum(axis=1), rtol=0, atol=1e-12)
    for text in range(5):
        expected = np.delete(sums, text, axis=1).sum(axis=1)
        np.testing.assert_allclose(found[:, 1 + text], expected, rtol=0, atol=1e-12)


@given(gains=st.lists(st.floats(0.5, 2), min_size=3, max_size=6))
def test_errors_in_a_linear_network_grow_by_its_gains(gains):
    """States shrink by a half in each layer, errors grow by the layer's gain."""
    state = np.array([3.0, 4.0])
    error = np.array([0.3, -0.4])
    squares = [[state @ state, error @ error]]
    for gain in gains:
        state, error = state / 2, error * gain
        squares.append([state @ state, error @ error])
    power, errors = np.array(squares).T
    found = mean_field.relative_errors(errors, power)
    np.testing.assert_allclose(found[0], np.log(0.1), rtol=1e-12)
    np.testing.assert_allclose(np.diff(found), np.log(2 * np.array(gains)), atol=1e-12)


def test_no_error_has_no_size():
    assert mean_field.relative_errors(np.zeros(1), np.ones(1))[0] == -np.inf


@given(values=hnp.arrays(np.float64, (2, 6), elements=NUMBERS), shift=NUMBERS)
def test_slope_equals_that_of_numpy(values, shift):
    found = mean_field.depth_slope(values)
    expected = [np.polyfit(np.arange(6), each, 1)[0] for each in values]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        mean_field.depth_slope(values + shift), found, rtol=0, atol=1e-12
    )


def test_a_slope_needs_two_taps():
    with pytest.raises(ValueError, match="needs at least 2 taps, got 1"):
        mean_field.depth_slope(np.ones((3, 1)))


@given(n_layers=st.integers(2, 40))
def test_errors_that_add_up_are_the_root_of_their_number(n_layers):
    total = np.sqrt(np.cumsum(np.full(n_layers, 0.25)))
    expected = np.polyfit(np.arange(n_layers), np.log(total), 1)[0]
    assert mean_field.adding_up_slope(n_layers) == pytest.approx(expected, abs=1e-12)


@given(
    length=st.floats(0.5, 6),
    amplitude=st.floats(0.1, 1) | st.floats(-1, -0.1),
    limit=st.floats(-1, 1),
)
def test_a_decay_is_found_again(length, amplitude, limit):
    curve = limit + amplitude * np.exp(-np.arange(13) / length)
    found = mean_field.correlation_length(curve)
    # lengths on the grid are 1.2 % apart
    assert found.length == pytest.approx(length, rel=0.013)
    assert found.limit == pytest.approx(limit, abs=0.02)
    assert found.explained == pytest.approx(1.0, abs=1e-4)


def test_a_decay_with_noise_is_that_of_a_curve_fit():
    noise = 0.01 * small.normal("noise", (4, 13))
    depth = np.arange(13)
    curves = 0.4 - 0.3 * np.exp(-depth / 3.0) + noise
    found = mean_field.correlation_length(curves.astype(np.float64))
    for length, curve in zip(found.length, curves, strict=True):
        best, _ = optimize.curve_fit(
            lambda x, a, b, xi: a + b * np.exp(-x / xi), depth, curve, p0=(0.4, -0.3, 3)
        )
        assert length == pytest.approx(best[2], rel=0.013)


@pytest.mark.parametrize(
    "curve",
    [
        np.full(13, 0.4),
        np.linspace(0.1, 0.4, 13),
        0.1 + 0.01 * np.arange(13.0) ** 2,
        np.zeros(13),
    ],
    ids=["flat", "a line", "faster and faster", "zeros"],
)
def test_what_does_not_come_to_rest_has_no_length(curve):
    found = mean_field.correlation_length(curve)
    assert found.length == np.inf
    assert np.isnan(found.limit)


def test_a_length_needs_four_taps():
    with pytest.raises(ValueError, match="needs 4 taps, got 3"):
        mean_field.correlation_length(np.ones(3))


def test_noise_is_in_the_embeddings_alone(opened):
    model, _ = opened
    noisy = mean_field.noisy_embeddings(model, 0.2, jax.random.key(1))
    path = ("outside", "token_embedding")
    before, after = (np.asarray(decoder.leaf(x, path)) for x in (model.params, noisy))
    size = np.sqrt(np.mean((after - before) ** 2) / np.mean(before**2))
    # 3480 normal numbers: a relative error of 1 / sqrt(2 n), 1.2 %
    assert size == pytest.approx(0.2, rel=0.05)
    rest = noisy | {"outside": noisy["outside"] | {path[1]: before}}
    jax.tree.map(np.testing.assert_array_equal, rest, model.params)
