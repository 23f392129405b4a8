"""Causal tracing: planted effects, rates of error without them, and a real model."""

import dataclasses
import functools as ft
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdisp
from jaxdisp.claims import causal_tracing, subjects
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import tracing
from jaxdisp.models import Quantizer, quantize
from jaxdisp.report.hypotheses import causal_tracing as drawing
from tests.claims import subject as small

LAYERS, TEXTS = 8, 12
GATEWAYS = (0, 6, 7)
LANGUAGES = ("hi", "lo")
BYTES = {"hi": 9000, "lo": 100}
SITES, PARTS = len(tracing.SITES), len(tracing.PARTS)
COARSE = Quantizer(bits=3)


def made(seed, *, gateways=0.15, unequal=0.0, agree=1.0, own=0.5):
    """Traces of 12 texts in 2 languages, whose layers restore 15 % on average.

    Gateways restore so much more, `unequal` more in `lo`; `agree` is how far the other
    direction follows; after layer 0 the own state recovers `own`, a placebo half.
    """
    keys = iter(jax.random.split(jax.random.key(seed), 6))

    def noise(*shape):
        return np.asarray(jax.random.normal(next(keys), shape), np.float64)

    damage = 3.0 + 0.8 * noise(2, TEXTS)
    inside = np.isin(np.arange(LAYERS), GATEWAYS)[:, None]
    extra = inside * (gateways + np.array([0.0, unequal]))
    expected = 0.15 + extra  # [layer, language]
    profile = expected[:, :, None] * damage
    updates = profile + 0.3 * noise(LAYERS, 2, TEXTS)
    layers = noise(LAYERS)[:, None, None]
    other = agree * updates + (1 - agree) * layers * damage.mean()
    restored = np.zeros((SITES, PARTS, LAYERS, 2, TEXTS))
    restored[1, 0] = updates
    restored[0, 0] = own * damage + 0.3 * noise(LAYERS, 2, TEXTS)
    placebo = 0.5 * damage + 0.3 * noise(2, LAYERS, 2, TEXTS)
    return tracing.Traces(
        restored=restored,
        placebo=placebo,
        produced=np.stack([restored[0, 0], other]),
        damage=damage,
    )


def decide(traces, seed=0, languages=LANGUAGES, training=BYTES):
    return causal_tracing.decide(
        traces, np.arange(TEXTS), languages, training, key=jax.random.key(seed)
    )


def verdicts(**planted):
    findings = decide(made(0, **planted)).findings
    return [finding.verdict for finding in findings]


def test_planted_effects_are_found():
    found = verdicts(gateways=0.3, unequal=0.4, own=0.9)
    assert found == ["holds"] * 4


def test_planted_opposites_are_refuted():
    gateways, unequal, directions, specific = verdicts(
        gateways=-0.1, unequal=-0.3, own=0.1
    )
    assert (gateways, unequal, specific) == ("fails", "fails", "fails")
    assert directions == "holds"


@pytest.mark.slow
def test_what_is_not_there_is_rarely_found():
    """One-sided error 2.5 % each, of resampled intervals over 12 texts up to 4 %."""
    held = np.zeros(4, int)
    for seed in range(200):
        traces = made(seed, gateways=0.0, agree=0.0)
        found = decide(traces, seed).findings
        held += [finding.verdict == "holds" for finding in found]
    # gateways and inequality must also be among the 2 best of 56 triples: next to never
    # together with an interval above 0; of 200 at 4 %, more than 16 in 1 of 100 cases
    assert np.all(held <= [6, 6, 16, 16]), held


def test_triples_that_do_as_well_are_a_control():
    traces = made(1, gateways=0.1)
    restored = traces.restored.copy()
    restored[1, 0, [1, 2, 3]] = restored[1, 0, [0, 6, 7]] + 0.1
    restored[1, 0, [4, 5]] = 0.0
    findings = decide(dataclasses.replace(traces, restored=restored)).findings
    assert findings[0].verdict == "inconclusive"
    assert "but the control shows it as well: 1" in findings[0].reason
    assert "of the other 55 triples restore as much or more" in findings[0].reason


def test_a_damage_that_may_be_none_is_not_shared_out():
    traces = made(2)
    damage = traces.damage - traces.damage.mean(axis=1, keepdims=True)
    nothing = decide(dataclasses.replace(traces, damage=damage))
    assert {f.verdict for f in nothing.findings} == {"not applicable"}
    assert "interval over texts lies above 0" in nothing.findings[0].reason
    assert nothing.tables == {}
    damage = np.stack([damage[0], traces.damage[1] + 3])
    one_side = decide(dataclasses.replace(traces, damage=damage))
    assert one_side.findings[1].verdict == "not applicable"
    assert one_side.findings[0].verdict != "not applicable"
    assert one_side.tables["gateways"][0]["share"] is None


def test_languages_whose_training_is_unknown():
    found = decide(made(3), training={"hi": 3}).findings[1]
    assert found.verdict == "not applicable"
    assert "amount of training text is known, got 1" in found.reason


def test_few_layers():
    n_layers = 2
    whole = made(4, own=0.9)
    traces = tracing.Traces(
        restored=whole.restored[:, :, :n_layers],
        placebo=whole.placebo[:, :n_layers],
        produced=whole.produced[:, :n_layers],
        damage=whole.damage,
    )
    found = decide(traces)
    assert [f.verdict for f in found.findings] == ["not applicable"] * 3 + ["holds"]
    assert f"at least 6 layers, got {n_layers}" in found.findings[0].reason
    assert drawing.figure(found.tables).axes


def test_few_texts():
    found = causal_tracing.EXPERIMENT.run(small.tiny())
    assert {finding.verdict for finding in found.findings} == {"not applicable"}
    assert "at least 8 texts that fit into the model's context" in (
        found.findings[0].reason
    )


def test_tables_are_what_was_measured():
    traces = made(5)
    tables = decide(traces).tables
    json.dumps(tables, allow_nan=False)
    assert len(tables["languages"]) == 6 * LAYERS * 2
    (row,) = (
        row
        for row in tables["languages"]
        if (row["language"], row["direction"], row["site"], row["layer"])
        == ("lo", "restored", "update", 3)
    )
    nats, damage = traces.restored[1, :, 3, 1].sum(-1), traces.damage[1].sum()
    found = [row[part.replace(" ", "_")] for part in tracing.PARTS]
    np.testing.assert_allclose(found, nats / damage, rtol=1e-5, atol=1e-6)
    part = tables["parts"][0]
    assert part["low"] < part["share"] < part["high"]
    assert len(tables["parts"]) == (SITES * PARTS + 4) * LAYERS


def test_the_same_key_gives_the_same():
    one, other = decide(made(6)), decide(made(6))
    assert one == other


@ft.cache
def whole_model():
    model = jaxdisp.models.load()
    return model, quantize(model, COARSE)


def damaged(layers):
    """The embedded model with all layers but some rounded already: no harm is left."""
    model, rounded = whole_model()
    chosen = np.isin(np.arange(model.config.n_layers), layers)

    def mixed(full, coarse):
        where = jnp.asarray(chosen).reshape(-1, *[1] * (full.ndim - 1))
        return jnp.where(where, full.astype(jnp.float32), coarse.astype(jnp.float32))

    blocks = jax.tree.map(mixed, model.params["blocks"], rounded["blocks"])
    params = {"blocks": blocks, "outside": model.params["outside"]}
    return dataclasses.replace(model, params=params, source=f"only {layers}")


@pytest.mark.parametrize("layers", [(0, 9, 11), (3, 4, 5)])
def test_damage_of_three_layers_of_a_real_model(layers):
    corpus = corpora.load_corpus(None, ["en"])
    subject = subjects.make_subject(damaged(layers), corpus, quantizer=COARSE, few=8)
    found = causal_tracing.EXPERIMENT.run(subject)
    assert (found.findings[0].verdict == "holds") == (9 in layers)
    assert found.findings[1].verdict == "not applicable"  # one language
    best = sorted(
        (row["share"], row["layer"])
        for row in found.tables["parts"]
        if (row["direction"], row["site"], row["part"]) == ("restored", "update", "all")
    )
    assert {layer for _, layer in best[-3:]} == set(layers)
    assert drawing.figure(found.tables).axes
