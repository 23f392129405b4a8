"""Readings against the functions that measure each of their parts alone."""

import functools as ft
import pathlib
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxdisp
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import cube, readings, redundancy, states
from jaxdisp.models.quantized import Quantizer, quantize
from tests.measure import tiny
from tests.models import small

TAP = 2
LAYERS = 3


@ft.cache
def inputs(texts="TEXTS"):
    """A random model, lines that fit or do not, and the model rounded."""
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        tiny.write_corpus(directory / "corpus", getattr(tiny, texts))
        model = jaxdisp.models.load(tiny.write_model(directory / "model"))
        lines = corpora.load_corpus(directory / "corpus")
    return model, lines, quantize(model, Quantizer(bits=3, include=("all",)))


@ft.cache
def found(texts):
    model, corpus, rounded = inputs(texts)
    return readings.read(model, cube.encode(model, corpus), rounded, tap=TAP)


def edit(seed=0, *, tap=1, size=1.0):
    model, corpus, _ = inputs()
    shape = len(corpus.languages), corpus.n_sentences, model.config.width
    shift = size * small.normal("shift", shape, seed)
    return readings.Edit(tap=tap, shift=shift.astype(np.float32))


@ft.cache
def disturbed(seed=0, *, tap=1, read_at=TAP, size=1.0):
    model, corpus, rounded = inputs()
    return readings.read(
        model,
        cube.encode(model, corpus),
        rounded,
        tap=read_at,
        edit=edit(seed, tap=tap, size=size),
    )


@pytest.mark.parametrize("texts", ["TEXTS", "LONG"])
def test_losses_are_those_of_the_cube(texts):
    model, corpus, rounded = inputs(texts)
    nll = cube.evaluate(model, corpus, [[0] * LAYERS, [1] * LAYERS], [rounded]).nll
    # float32 sums over other batches
    np.testing.assert_allclose(found(texts).full, nll[0], rtol=2e-6)
    np.testing.assert_allclose(found(texts).rounded, nll[1], rtol=2e-6)
    assert np.abs(nll[1] - nll[0]).max() > 0.01
    n_tokens, _ = cube.sizes(model, corpus)
    np.testing.assert_array_equal(found(texts).n_tokens, n_tokens)


@pytest.mark.parametrize("texts", ["TEXTS", "LONG"])
def test_means_and_readout_are_those_of_the_states(texts):
    model, corpus, _ = inputs(texts)
    for place, (_, own) in enumerate(states.language_states(model, corpus)):
        means = states.sentence_means(own, corpus.n_sentences)[TAP]
        # padding changes the order of float32 sums
        np.testing.assert_allclose(found(texts).means[place], means, atol=2e-5)
        for sentence in range(corpus.n_sentences):
            at = (own.sentence == sentence) & (own.place > 0)
            last = own.values[-1, at]
            gradient = redundancy.readout_gradient(model, last, own.following[at])
            shared = redundancy.readout_participation(gradient, last)
            np.testing.assert_allclose(
                found(texts).readout[place, sentence], shared, rtol=1e-4
            )


@pytest.fixture
def whole():
    return found("TEXTS")


@pytest.fixture
def in_pieces(monkeypatch):
    """Programs are kept by shape, so that others would go on in pieces."""
    monkeypatch.setattr(readings, "CELLS", 40 * inputs()[0].config.vocabulary)
    monkeypatch.setattr(readings, "TOKENS", 200)
    yield
    jax.clear_caches()


def test_readout_in_pieces_is_the_readout(whole, in_pieces):
    model, corpus, rounded = inputs()
    jax.clear_caches()
    pieces = readings.read(model, cube.encode(model, corpus), rounded, tap=TAP)
    assert np.any(pieces.full != whole.full)  # other sums, so it was in pieces
    for name in ("full", "rounded", "readout", "means"):
        np.testing.assert_allclose(pieces[name], whole[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tap", [0, 1, LAYERS])
def test_an_edit_of_nothing_changes_nothing(tap):
    nothing = disturbed(tap=tap, size=0.0)
    for name in ("full", "rounded", "means", "readout"):
        np.testing.assert_array_equal(nothing[name], found("TEXTS")[name])


@pytest.mark.parametrize("tap", [0, 1, LAYERS])
def test_an_edit_moves_the_mean_at_its_tap_by_the_shift(tap):
    model, corpus, rounded = inputs()
    encoded = cube.encode(model, corpus)
    before = readings.read(model, encoded, rounded, tap=tap)
    after = disturbed(tap=tap, read_at=tap)
    # float32 rounding of states of size 1 to 10
    np.testing.assert_allclose(
        after.means - before.means, edit(tap=tap).shift, atol=2e-5
    )
    assert np.abs(after.full - before.full).max() > 0.1
    assert np.abs(after.rounded - before.rounded).max() > 0.1
    assert np.abs(after.readout - before.readout).max() > 0.01


@pytest.mark.parametrize("tap", [1, LAYERS])
def test_a_linear_edit_maps_the_mean_before_it_shifts_it(tap):
    model, corpus, rounded = inputs()
    width = model.config.width
    linear = 0.5 * small.normal("linear", (width, width)).astype(np.float32)
    encoded = cube.encode(model, corpus)
    moved = readings.Edit(tap=tap, shift=edit().shift, linear=linear)
    before = readings.read(model, encoded, rounded, tap=tap)
    after = readings.read(model, encoded, rounded, tap=tap, edit=moved)
    expected = before.means.astype(float) @ linear + edit().shift
    # float32 products of 12 channels
    np.testing.assert_allclose(after.means, expected, atol=1e-4)
    assert np.abs(after.full - before.full).min() > 1e-3


def test_a_linear_edit_reaches_both_runs():
    model, corpus, rounded = inputs()
    width = model.config.width
    constant = readings.Edit(
        tap=LAYERS, shift=edit().shift, linear=np.zeros((width, width), np.float32)
    )
    encoded = cube.encode(model, corpus)
    short = [[sentence[:3] for sentence in text] for text in encoded]
    whole, first = (
        readings.read(model, text, rounded, tap=TAP, edit=constant)
        for text in (encoded, short)
    )
    # the start token's prediction alone knows of the rounding; float32 sums
    np.testing.assert_allclose(
        whole.rounded - whole.full, first.rounded - first.full, atol=5e-5
    )
    assert np.abs(whole.rounded - whole.full).max() > 1e-3


def test_an_edit_is_not_seen_before_its_tap():
    model, corpus, rounded = inputs()
    before = readings.read(model, cube.encode(model, corpus), rounded, tap=1)
    np.testing.assert_array_equal(disturbed(tap=2, read_at=1).means, before.means)


@pytest.mark.parametrize("stride", [None, tiny.CONTEXT - 1])
def test_the_start_token_is_not_moved_but_what_begins_a_later_window_is(stride):
    """An edit of the last tap reaches no other token: what is lost is arithmetic."""
    model, corpus, rounded = inputs("LONG")
    encoded = cube.encode(model, corpus)
    shape = len(encoded), corpus.n_sentences, model.config.width
    shift = small.normal("shift", shape, 3).astype(np.float32)
    moved = readings.read(
        model,
        encoded,
        rounded,
        tap=LAYERS,
        edit=readings.Edit(tap=LAYERS, shift=shift),
        stride=stride,
    )
    outside = model.params["outside"]
    for place, (_, own) in enumerate(
        states.language_states(model, corpus, stride=stride)
    ):
        last = own.values[-1] + np.where(
            own.place[:, None] > 0, shift[place, own.sentence], 0
        ).astype(np.float32)
        logits = model.architecture.readout(
            outside, jnp.asarray(last)[None], model.config
        )[0]
        chances = np.asarray(jax.nn.log_softmax(logits), np.float64)
        lost = -chances[np.arange(len(last)), own.following]
        np.testing.assert_allclose(
            moved.full[place], np.bincount(own.sentence, lost), rtol=1e-5
        )


@settings(max_examples=5)
@given(st.permutations(range(8)))
def test_sentences_know_nothing_of_one_another(order):
    model, corpus, rounded = inputs()
    encoded = [[text[place] for place in order] for text in cube.encode(model, corpus)]
    mixed = readings.read(model, encoded, rounded, tap=TAP)
    for name in ("full", "rounded", "n_tokens", "readout", "means"):
        np.testing.assert_allclose(
            mixed[name], found("TEXTS")[name][:, order], rtol=1e-4, atol=2e-5
        )


def test_other_parameters_in_place_of_full_precision():
    model, corpus, rounded = inputs()
    encoded = cube.encode(model, corpus)
    other = quantize(model, Quantizer(bits=8))
    swapped = readings.read(model, encoded, rounded, tap=TAP, full=other)
    nll = cube.evaluate(model, corpus, [[1] * LAYERS], [other]).nll
    np.testing.assert_allclose(swapped.full, nll[0], rtol=2e-6)
    np.testing.assert_allclose(swapped.rounded, found("TEXTS").rounded, rtol=2e-6)


def test_what_is_refused():
    model, corpus, rounded = inputs()
    encoded = cube.encode(model, corpus)
    read = ft.partial(readings.read, model, rounded=rounded)
    with pytest.raises(ValueError, match="tap must be from 0 to 3, got 4"):
        read(encoded, tap=4)
    with pytest.raises(ValueError, match="edit must be from 0 to 3, got -1"):
        read(encoded, tap=1, edit=edit(tap=-1))
    with pytest.raises(ValueError, match="as many sentences in every language"):
        read([encoded[0], encoded[1][:-1]], tap=1)
    with pytest.raises(ValueError, match="shift must be by language"):
        read(encoded[:2], tap=1, edit=edit())
    short = [[text[0], text[1][:2], *text[2:]] for text in encoded]
    with pytest.raises(ValueError, match="sentence 2 of language 1 has fewer"):
        read(short, tap=1)
