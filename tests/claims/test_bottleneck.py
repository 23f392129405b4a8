"""T-007: verdicts where a bottleneck is planted, where there is none, and elsewhere."""

import dataclasses
import json
import types

import jax
import numpy as np
import pytest

from jaxdisp.claims import bottleneck, registry
from jaxdisp.claims.dimension_tables import Curve
from jaxdisp.measure import corpus as corpora
from tests.claims import subject as few_layers
from tests.claims import twelve
from tests.models import small

SEEDS = 200
LAYERS, TEXTS = 12, 10
TARGET = 9
EXPERIMENT = bottleneck.EXPERIMENT


def narrow(arrays):
    """Layer 9 writes along one direction, which layer 10 does not read and drowns."""
    direction = np.zeros(12, np.float32)
    direction[:2] = 0.7, -0.7
    reads = small.normal("reads", (48, 1))
    arrays["h.9.mlp.c_proj.weight"][...] = 20 * reads * direction
    for norm in ("ln_1", "ln_2"):
        arrays[f"h.10.{norm}.weight"][:2] = 0
        arrays[f"h.10.{norm}.weight"][2:] = 20
    arrays["h.10.mlp.c_proj.weight"] *= 30


@pytest.fixture(scope="module")
def planted():
    subject = twelve.subject(narrow)
    return subject, registry.examine(EXPERIMENT, subject)


def test_a_narrow_layer_is_found(planted):
    _, outcome = planted
    place, _ = outcome.findings
    rows = outcome.tables["layers"]
    assert min(rows, key=lambda row: row["dimension"])["layer"] == TARGET
    assert (place.id, place.verdict) == ("T-007", "holds")
    assert rows[TARGET]["share_smallest"] > 0.9
    assert outcome.tables["places"][0]["smallest"] == TARGET
    json.dumps(outcome.tables, allow_nan=False)


def test_languages_of_few_tokens_have_no_dimensions(planted):
    _, outcome = planted
    rows = outcome.tables["languages"]
    assert {row["needed"] for row in rows} == {120}
    known = {row["language"]: row["dimension"] is not None for row in rows}
    tokens = {row["language"]: row["tokens"] for row in rows}
    assert known == {language: n >= 120 for language, n in tokens.items()}
    assert outcome.tables["places"][0]["languages"] == sum(known.values())


def test_a_random_model_does_not_hold(monkeypatch):
    cost = types.SimpleNamespace(alone=np.ones((12, 3, 8)), full=np.zeros((3, 8)))
    monkeypatch.setattr(bottleneck.losses, "layer_losses", lambda _: cost)
    place, critical = EXPERIMENT.run(twelve.subject(lambda _: None)).findings
    assert critical.verdict == "not applicable"
    assert place.verdict != "holds"


def curve(seed, logs, noise=0.1):
    """Dimensions as geometric means over texts of noisy ones."""
    key = jax.random.key(seed)
    draws = np.asarray(jax.random.normal(key, (TEXTS, LAYERS)), np.float64)
    table = 3 + np.asarray(logs) + noise * draws
    left = [np.delete(table, text, axis=0).mean(axis=0) for text in range(TEXTS)]
    return Curve(
        whole=np.exp(table.mean(axis=0)),
        left_out=np.exp(left),
        resampled=np.exp(np.array(left)),
        first=np.exp(table[: TEXTS // 2]),
        second=np.exp(table[TEXTS // 2 :]),
    )


FLAT = np.zeros(LAYERS)
LOW = np.where(np.arange(LAYERS) == TARGET, -0.3, 0.0)


def verdicts(logs, noise=0.1):
    return [
        bottleneck.decide_place(curve(seed, logs, noise), curve(seed, FLAT)).verdict
        for seed in range(SEEDS)
    ]


def test_layers_that_are_alike_have_no_smallest():
    # two layers share the smallest: the hardest case for the lower bound
    tied = np.where(np.isin(np.arange(LAYERS), (8, TARGET)), -0.5, 0.0)
    for logs in (FLAT, tied):
        found = verdicts(logs)
        # one side of 95 %; three standard errors of 200 draws
        assert found.count("holds") / SEEDS <= 0.025 + 3 * np.sqrt(0.025 / SEEDS)


def test_a_smallest_layer_is_found_and_another_refutes():
    assert verdicts(LOW).count("holds") > 0.95 * SEEDS
    assert verdicts(np.roll(LOW, 2)).count("fails") > 0.95 * SEEDS


def test_the_interval_covers():
    for logs, truth in ((LOW, 0.3), (FLAT, 0.0), (np.roll(LOW, 1), -0.3)):
        missed = 0
        for seed in range(SEEDS):
            _, (low, high) = bottleneck.smallest_at(curve(seed, logs), TARGET)
            missed += not low <= truth <= high
        assert missed / SEEDS <= 0.05 + 3 * np.sqrt(0.05 / SEEDS)


def test_what_shuffled_weights_show_too_does_not_hold():
    found = bottleneck.decide_place(curve(0, LOW), curve(1, LOW))
    assert found.verdict == "inconclusive"
    assert "with shuffled weights" in found.reason


def test_layers_of_small_dimension_that_lose_most():
    key = jax.random.key(0)
    dimension = np.arange(12.0, 24.0)
    assert bottleneck.decide_criticality(dimension, -dimension, key).verdict == "holds"
    assert bottleneck.decide_criticality(dimension, dimension, key).verdict == "fails"
    alike = bottleneck.decide_criticality(dimension, np.ones(12), key)
    assert alike.verdict == "not applicable"
    # one layer alone is said to be one layer alone
    lost = np.where(dimension == 12, 1.0, 1e-3 * dimension)
    reason = bottleneck.decide_criticality(dimension, lost, key).reason
    assert "without one layer between -1.00 and" in reason


def test_dimensions_that_say_nothing_of_the_loss(monkeypatch):
    monkeypatch.setattr(bottleneck, "PERMUTATIONS", 500)
    draws = np.asarray(jax.random.normal(jax.random.key(3), (SEEDS, 2, LAYERS)))
    found = [
        bottleneck.decide_criticality(*draws[seed].astype(float), jax.random.key(seed))
        for seed in range(SEEDS)
    ]
    rate = np.mean([finding.verdict == "holds" for finding in found])
    assert rate <= 0.025 + 3 * np.sqrt(0.025 / SEEDS)


def test_where_it_cannot_be_measured(monkeypatch):
    subject = twelve.subject(lambda _: None)
    corpus = subject.corpus
    short = tuple(("a",) * 4 for _ in corpus.languages)
    cases = {
        "needs at least 5 layers, got 3": few_layers.tiny(),
        "needs at least 4 texts, got 2": dataclasses.replace(
            subject, corpus=corpora.keep(corpus, [0, 2])
        ),
        "needs at least 120 tokens, 10 per dimension, got": dataclasses.replace(
            subject,
            corpus=dataclasses.replace(
                corpora.keep(corpus, [0, 2, 5, 7]), sentences=short
            ),
        ),
    }
    for reason, subject_ in cases.items():
        found = EXPERIMENT.run(subject_).findings
        assert {finding.verdict for finding in found} == {"not applicable"}
        assert all(finding.reason.startswith(reason) for finding in found)
    monkeypatch.setattr(bottleneck, "MOST_BYTES", 8 * 13 * 144 * 3)
    assert "take more than" in EXPERIMENT.run(subject).findings[0].reason
