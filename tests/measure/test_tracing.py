"""Causal tracing: parts of sentences, whole traces, and shares of the damage."""

import functools as ft

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import cube, tracing
from jaxdisp.models import Quantizer, quantize
from tests.claims import subject as subjects

COARSE = Quantizer(bits=2)
LINES = (0, 2, 4, 7)
KEY = jax.random.key(0)
ALL, FIFTHS = tracing.PARTS.index("all"), slice(2, 7)


@ft.cache
def opened():
    model, corpus = subjects.model_and_corpus()
    return model, quantize(model, COARSE), corpora.keep(corpus, LINES)


@ft.cache
def traced(assignment=None):
    model, rounded, corpus = opened()
    return tracing.trace(model, corpus, rounded, assignment)


@given(n_tokens=st.integers(0, 60))
def test_parts_are_in_the_sentence_and_fifths_divide_it(n_tokens):
    bounds = tracing.parts(n_tokens)
    predicting = max(n_tokens - 1, 0)
    assert np.all(bounds[:, 0] <= bounds[:, 1])
    assert bounds.min() == 0
    assert bounds.max() == predicting
    named = dict(zip(tracing.PARTS, bounds.tolist(), strict=True))
    assert named["all"] == [0, predicting]
    fifths = [t for k in range(1, 6) for t in range(*named[f"fifth {k}"])]
    assert fifths == list(range(predicting))
    if predicting:
        assert named["first"] == [0, 1]
        assert named["last"] == [predicting - 1, predicting]
        sizes = np.diff(bounds[FIFTHS], axis=1)
        assert np.ptp(sizes) <= 1


def test_states_restored_everywhere_are_layers_in_full_precision():
    model, rounded, corpus = opened()
    prefixes = [[0] * n + [1] * (3 - n) for n in range(4)]
    suffixes = [[1] * n + [0] * (3 - n) for n in range(4)]
    sites = np.array(prefixes + suffixes)
    nll = np.asarray(cube.evaluate(model, corpus, sites, [rounded]).nll, np.float64)
    found = traced()
    # sums of up to 80 nats in float32, in another order
    close = {"rtol": 0, "atol": 1e-4}
    np.testing.assert_allclose(found.damage, nll[0] - nll[3], **close)
    restored = found.restored[tracing.SITES.index("state"), ALL]
    np.testing.assert_allclose(restored, nll[0] - nll[1:4], **close)
    produced = found.produced[tracing.SITES.index("state")]
    np.testing.assert_allclose(produced, nll[5:] - nll[4], **close)
    assert np.abs(found.damage).min() > 1e-3


def test_what_holds_of_every_trace():
    found = traced()
    state, update = found.restored
    # nothing lies between the first update and the state after it
    np.testing.assert_allclose(update[:, 0], state[:, 0], rtol=0, atol=1e-4)
    # of the last state, each token decides about the next and no other
    fifths = state[FIFTHS, -1].sum(axis=0)
    np.testing.assert_allclose(fifths, found.damage, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.produced[0, -1], found.damage, rtol=0, atol=1e-4)
    # a correction is not a state, and neither is one's own
    assert np.abs(found.placebo[0] - found.placebo[1]).max() > 1e-2
    assert np.abs(found.placebo[1] - state[ALL]).max() > 1e-2


def test_the_damage_of_one_layer_is_restored_after_it_and_not_before():
    found = traced((0, 1, 0))
    close = {"rtol": 0, "atol": 1e-4}  # of some 60 nats in float32
    assert np.abs(found.damage).min() > 0.03
    np.testing.assert_allclose(found.restored[0, ALL, 0], 0.0, **close)
    for layer in (1, 2):
        np.testing.assert_allclose(found.restored[0, ALL, layer], found.damage, **close)
    np.testing.assert_allclose(found.restored[1, ALL, 1], found.damage, atol=1e-4)
    np.testing.assert_allclose(found.restored[:, :, 0], 0.0, atol=1e-4)
    np.testing.assert_allclose(found.placebo[1, 0], 0.0, atol=1e-4)


def test_a_model_that_is_not_rounded_has_no_damage():
    found = traced((0, 0, 0))
    for name in ("restored", "produced", "damage"):
        np.testing.assert_allclose(getattr(found, name), 0.0, atol=1e-4)
    assert np.abs(found.placebo[0]).min() > 1e-2
    np.testing.assert_allclose(found.placebo[1], 0.0, atol=1e-4)


def test_batches_do_not_matter(monkeypatch):
    model, rounded, corpus = opened()
    monkeypatch.setattr(tracing, "SENTENCES", 5)
    found = tracing.trace(model, corpus, rounded)
    for name in ("restored", "placebo", "produced", "damage"):
        # other padding rounds otherwise
        np.testing.assert_allclose(
            getattr(found, name), getattr(traced(), name), rtol=1e-5, atol=1e-4
        )


def test_sentences_that_do_not_fit(monkeypatch):
    model, rounded, corpus = opened()
    one = corpora.keep(corpus, [0])
    with pytest.raises(ValueError, match=r"at least 2 sentences, .* got 1"):
        tracing.trace(model, one, rounded)
    encoded = [[[0] * 5, [0] * 31], [[0] * 30, [0] * 2]]
    monkeypatch.setattr(tracing, "encode", lambda *_: encoded)
    assert tracing.fitting(model, corpus).tolist() == [0]


@settings(max_examples=20)
@given(
    nats=hnp.arrays(np.float64, (3, 2, 8), elements=st.floats(-4, 4)),
    scale=st.floats(0.5, 2.0),
)
def test_shares_are_ratios_of_sums(nats, scale):
    damage = 1.0 + np.arange(16.0).reshape(2, 8) / 16
    groups = np.arange(8) // 2
    found = tracing.shares(nats * scale, damage, groups, key=KEY)
    expected = scale * nats.sum(-1) / damage.sum(-1)
    # sums of 8 numbers in float32
    np.testing.assert_allclose(
        found.of_language.estimate, expected, rtol=1e-5, atol=1e-5
    )
    together = scale * nats.sum((-1, -2)) / damage.sum()
    np.testing.assert_allclose(found.together.estimate, together, rtol=1e-5, atol=1e-5)
    difference = tracing.share_difference(
        scale * nats[0], damage, groups, key=KEY
    ).estimate
    np.testing.assert_allclose(
        difference, expected[0, 0] - expected[0, 1], rtol=1e-5, atol=2e-5
    )


def test_a_damage_that_may_be_none_has_no_shares():
    damage = np.array([[1.0, -1.0, 2.0, -1.5] * 2, [1.0] * 8])
    found = tracing.shares(np.ones((1, 2, 8)), damage, np.arange(8), key=KEY)
    assert np.isnan(found.of_language.estimate).tolist() == [[True, False]]
    assert float(found.of_language.high[0, 1]) == 1.0


def test_shares_of_many_texts_cover():
    # 60 draws of 16 texts: 95 % intervals miss in 3, more than 8 in 1 of 200 cases
    missed = 0
    for seed in range(60):
        noise = np.asarray(jax.random.normal(jax.random.key(seed), (2, 1, 16)))
        damage = 3.0 + noise[0].astype(float)
        nats = (0.4 * damage + 0.5 * noise[1])[None]
        found = tracing.shares(nats, damage, np.arange(16), key=KEY).together
        missed += not float(found.low[0]) <= 0.4 <= float(found.high[0])
    assert missed <= 8


@given(
    layers=hnp.arrays(np.float64, 6, elements=st.integers(-3, 3).map(float)),
    places=st.permutations(range(6)),
)
def test_layers_against_others(layers, places):
    chosen = places[:3]
    rest = [layer for layer in range(6) if layer not in chosen]
    weights = tracing.excess_weights(6, chosen)
    expected = np.mean([layers[n] for n in chosen]) - np.mean([layers[n] for n in rest])
    np.testing.assert_allclose(weights @ layers, expected, atol=1e-12)
    rank, number = tracing.rank_among_triples(layers, chosen)
    sums = [
        layers[a] + layers[b] + layers[c]
        for a in range(6)
        for b in range(a)
        for c in range(b)
    ]
    own = sum(layers[n] for n in chosen)
    assert (rank, number) == (1 + sum(each > own for each in sums), 20)


@pytest.mark.parametrize("chosen", [[], [0, 1, 2]])
def test_layers_that_cannot_be_compared(chosen):
    with pytest.raises(ValueError, match="some of the 3 layers must be chosen"):
        tracing.excess_weights(3, chosen)
