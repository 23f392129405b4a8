"""T-003: verdicts where the effect is planted, where there is none, and elsewhere."""

import dataclasses
import json

import jax
import numpy as np

from jaxdisp.claims import language_variance, registry, subjects
from jaxdisp.measure import corpus as corpora
from tests.claims import subject as few_layers
from tests.claims import twelve
from tests.measure import drawn_states

SEEDS = 200
LAYERS, LANGUAGES, TEXTS = 12, 5, 8
GATEWAYS = (0, 9, 11)
EXPERIMENT = language_variance.EXPERIMENT
CLAIM = language_variance.CLAIMS["means"]


def cells(seed, strengths):
    """Pseudo-values of each layer, languages differing by its strength."""
    keys = jax.random.split(jax.random.key(seed))
    shape = (LAYERS, LANGUAGES, TEXTS, 4)
    noise = np.asarray(jax.random.normal(keys[0], shape), np.float64)
    apart = np.asarray(jax.random.normal(keys[1], shape), np.float64)[:, :, :1]
    return noise + np.asarray(strengths)[:, None, None, None] * apart


def verdict(seed, strengths):
    bits = jax.random.bits(jax.random.key(seed + 1000), (60, TEXTS, LANGUAGES))
    order = np.argsort(np.asarray(bits), axis=2)
    found = language_variance.compare(list(cells(seed, strengths)), order)
    return language_variance.decide(CLAIM, found)


def share(verdicts, wanted):
    return np.mean([one.verdict == wanted for one in verdicts])


def test_an_effect_that_is_there_is_found():
    strengths = np.where(np.isin(np.arange(LAYERS), GATEWAYS), 6.0, 1.0)
    assert share([verdict(seed, strengths) for seed in range(20)], "holds") == 1.0


def test_languages_that_do_not_differ_give_no_effect():
    found = [verdict(seed, np.zeros(LAYERS)) for seed in range(SEEDS)]
    # one side of 97.5 %; three standard errors of 200 draws
    assert share(found, "holds") <= 0.0125 + 3 * np.sqrt(0.0125 / SEEDS)


def test_layers_that_differ_at_random_give_no_effect():
    draws = np.asarray(jax.random.uniform(jax.random.key(7), (SEEDS, LAYERS)))
    found = [verdict(seed, 8 * draws[seed]) for seed in range(SEEDS)]
    # texts are sure of differences that any three layers may have: hence the rank
    sure = np.mean([one.interval[0] > 0 for one in found])
    assert sure > 0.3
    assert share(found, "holds") <= 0.025 + 3 * np.sqrt(0.025 / SEEDS)


def test_an_effect_elsewhere_refutes():
    strengths = np.where(np.isin(np.arange(LAYERS), (4, 5, 6)), 6.0, 1.0)
    assert share([verdict(seed, strengths) for seed in range(20)], "fails") > 0.9


def test_what_says_no():
    # half of all layers are as the three are
    strengths = np.where(np.isin(np.arange(LAYERS), (0, 2, 4, 6, 9, 11)), 6.0, 0.5)
    found = verdict(0, strengths)
    assert found.interval[0] > 0
    assert found.verdict == "inconclusive"
    assert "sets of three layers exceed it" in found.reason
    alike = language_variance.compare(
        [np.ones((3, 4, 2))] * LAYERS, np.tile(np.arange(3), (2, 4, 1))
    )
    finding = language_variance.decide(CLAIM, alike)
    assert finding.verdict == "not applicable"


def planted(_model, corpus, *, stride=None):
    """States of which one language's are moved and stretched after three layers."""
    lengths = (40,) * corpus.n_sentences
    for seed, language in enumerate(corpus.languages):
        states = drawn_states.drawn(seed, taps=13, lengths=lengths)
        if language == "ru":
            after = [1 + layer for layer in GATEWAYS]
            states.values[after] = 6 * states.values[after] + 60
        yield language, states


def test_a_language_moved_after_three_layers_is_found_in_its_states(monkeypatch):
    monkeypatch.setattr(language_variance.states, "language_states", planted)
    outcome = registry.examine(EXPERIMENT, twelve.subject(lambda _: None))
    assert [finding.verdict for finding in outcome.findings] == ["holds", "holds"]
    rows = [row for row in outcome.tables["layers"] if row["statistic"] == "means"]
    assert {r["layer"] for r in rows if r["excess"] > 0.2} == set(GATEWAYS)
    for contrast in outcome.tables["contrasts"]:
        assert contrast["rank"] == 1
        assert contrast["shuffled_high"] < contrast["contrast"]


def test_the_embedded_model_end_to_end():
    subject = subjects.open_subject(languages=("en", "sw"), limit=8, few=8)
    first, second = (registry.examine(EXPERIMENT, subject) for _ in range(2))
    assert first == second
    assert [finding.id for finding in first.findings] == ["T-003", "T-003b"]
    assert all(finding.n == 8 for finding in first.findings)
    json.dumps(first.tables, allow_nan=False)
    # two languages leave none to compare once one is left out
    assert first.tables["contrasts"][0]["without_a_language_low"] is None


def test_where_it_cannot_be_measured():
    three = few_layers.tiny()
    twelve_layers = twelve.subject(lambda _: None)
    corpus = twelve_layers.corpus
    one = dataclasses.replace(
        corpus, languages=corpus.languages[:1], sentences=corpus.sentences[:1]
    )
    cases = {
        "needs at least 8 layers, got 3": three,
        "needs at least 2 languages, got 1": dataclasses.replace(
            twelve_layers, corpus=one
        ),
        "needs at least 4 texts, got 2": dataclasses.replace(
            twelve_layers, corpus=corpora.keep(corpus, [0, 2])
        ),
        "needs at least 8 tokens of each language": dataclasses.replace(
            twelve_layers,
            corpus=dataclasses.replace(
                corpora.keep(corpus, [0, 2, 5, 7]),
                sentences=(("a",) * 4, ("b",) * 4),
                languages=("de", "en"),
            ),
        ),
    }
    for reason, subject in cases.items():
        outcome = EXPERIMENT.run(subject)
        assert {finding.verdict for finding in outcome.findings} == {"not applicable"}
        assert all(finding.reason.startswith(reason) for finding in outcome.findings)
