"""Errors through depth: planted growth is found, chance is not, and models with it."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxdisp import measure, models
from jaxdisp.claims import mean_field as claims
from jaxdisp.claims import subjects
from jaxdisp.claims.depth_tables import Depth, Measured
from jaxdisp.measure import mean_field
from jaxdisp.report.hypotheses import mean_field as figures
from tests.measure import tiny
from tests.models import small

SEEDS = 200
LANGUAGES, LAYERS, TEXTS = 4, 12, 16
BY_CHANCE = 12
"""Of 200 tries at 2.5 %, a count above this has a probability of 0.2 %."""


def normal(seed, shape):
    return np.asarray(jax.random.normal(jax.random.key(seed), shape), np.float64)


def depth(seed, gains, alike=(0.4, 0.4), size=0.1):
    """Log relative errors that gains make, with noise of texts at every tap."""
    drawn = normal(seed, (4, LANGUAGES, LAYERS + 1, TEXTS))
    log = np.cumsum(np.concatenate([[-2.0], np.broadcast_to(gains, LAYERS)]))
    squares = np.exp(2 * (log[:, None] + size * drawn[0]))
    error = mean_field.relative_errors(
        mean_field.with_left_out(squares),
        mean_field.with_left_out(np.ones(squares.shape)),
    )
    counts = mean_field.with_left_out(np.ones(TEXTS))
    level = np.array(alike)[:, None, None, None] + 0.1 * drawn[1:3]
    return Depth(
        error=error,
        power=np.ones((2, *error.shape)),
        correlation=mean_field.with_left_out(level) / counts,
    )


def measured(seed, layer_0, everything=0.3, null_alike=(0.4, 0.4), alike=(0.4, 0.4)):
    return Measured(
        quantized=depth(seed, everything, alike),
        first=depth(seed + SEEDS, layer_0),
        noise=depth(seed + 2 * SEEDS, layer_0),
        null=depth(seed + 3 * SEEDS, 0.0, null_alike),
        null_noise=depth(seed + 4 * SEEDS, 0.0),
    )


def verdicts(found):
    return [each.verdict for each in found]


def test_planted_growth_holds_and_errors_passed_on_do_not():
    null = [claims.decide_growth(measured(seed, 0.0)) for seed in range(SEEDS)]
    assert verdicts(null).count("holds") <= BY_CHANCE
    assert verdicts(null).count("fails") > 0.9 * SEEDS
    planted = [claims.decide_growth(measured(seed, 0.05)) for seed in range(SEEDS)]
    assert verdicts(planted).count("holds") == SEEDS
    estimates = [each.estimate for each in planted]
    # the slope of 4 languages x 16 texts of noise 0.1: 0.1 / sqrt(64 * 143), 0.001
    np.testing.assert_allclose(estimates, 0.05, rtol=0, atol=0.005)
    shrinking = claims.decide_growth(measured(0, -0.05))
    assert shrinking.verdict == "fails"


def test_intervals_of_growth_cover():
    covered = 0
    for seed in range(SEEDS):
        low, high = claims.decide_growth(measured(seed, 0.03)).interval
        covered += low <= 0.03 <= high
    # 95 % of 200, and three standard errors
    assert covered >= 190 - 3 * np.sqrt(200 * 0.05 * 0.95)


def test_errors_that_only_add_up_object():
    found = claims.decide_growth(measured(0, 0.05, everything=0.05))
    assert found.verdict == "inconclusive"
    assert "but the control shows it as well: with all layers 0.05" in found.reason


def test_planted_fall_of_correlation_holds_and_none_does_not():
    def decided(seed, alike, null=(0.4, 0.4)):
        return claims.decide_correlation(
            depth(seed, 0.0, alike), depth(seed + SEEDS, 0.0, null)
        )

    null = [decided(seed, (0.4, 0.4)) for seed in range(SEEDS)]
    assert verdicts(null).count("holds") <= BY_CHANCE
    planted = [decided(seed, (0.6, 0.4)) for seed in range(20)]
    assert verdicts(planted) == ["holds"] * 20
    assert decided(0, (0.4, 0.6)).verdict == "fails"
    found = decided(0, (0.6, 0.4), (0.6, 0.4))
    assert found.verdict == "inconclusive"
    assert "the control shows it as well: shuffled weights 0.2" in found.reason


def gateway_gains(seed, more):
    """Gains of layers that differ at random, and of gateways more than others."""
    gains = 0.1 * normal(seed, (LAYERS,))
    gains[[0, 9, 11]] += more
    return gains


def test_planted_gateways_hold_and_random_layers_do_not():
    def decided(seed, more, null=0.0):
        own, other = gateway_gains(seed, more), gateway_gains(seed + SEEDS, null)
        return claims.decide_gateways(
            depth(seed, own, size=0.02).error, depth(seed + SEEDS, other).error
        )

    null = [decided(seed, 0.0) for seed in range(SEEDS)]
    # the interval is of these layers, the rank among triples of any: 11 of 220
    assert verdicts(null).count("holds") <= 0.05 * SEEDS + 3 * np.sqrt(SEEDS * 0.0475)
    planted = [decided(seed, 0.5) for seed in range(SEEDS)]
    assert verdicts(planted).count("holds") > 0.95 * SEEDS
    assert "number 1 of 220" in planted[0].reason
    assert decided(0, -0.5).verdict == "fails"
    found = decided(0, 0.5, null=0.5)
    assert found.verdict == "inconclusive"
    assert "the control shows it as well: shuffled weights 0.609" in found.reason


def test_the_contrast_of_gains_is_what_was_planted():
    gains = np.zeros(LAYERS)
    gains[[0, 9, 11]] = 0.1, 0.2, 0.3
    error = depth(0, gains, size=0.0).error
    found = claims.decide_gateways(error, depth(0, 0.0).error)
    assert found.estimate == pytest.approx(0.2, abs=1e-12)


def test_few_layers_have_no_triples():
    found = claims.decide_gateways(np.ones((2, 6, 4)), np.ones((2, 6, 4)))
    assert (found.verdict, found.reason) == (
        "not applicable",
        "needs at least 6 layers, got 5",
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    directory = tmp_path_factory.mktemp("text")
    return measure.load_corpus(tiny.write_corpus(directory, tiny.TEXTS))


def constructed(directory, shrinking):
    """A model in which layer 0 alone computes, and states lose a constant of theirs.

    What layer 0 gets wrong stays as it is, while states shrink by a factor in each
    layer: the relative error grows by the log of its inverse.
    """
    entries = tiny.entries(n_layer=6)
    arrays = small.tensors(entries)
    arrays["wte.weight"] = 0.05 * arrays["wte.weight"] + 64.0
    arrays["wpe.weight"][:] = 0.0
    for layer in range(6):
        last = f"h.{layer}.mlp.c_proj"
        arrays[f"{last}.bias"][:] = 64.0 * shrinking**layer * (shrinking - 1)
        for part in (f"h.{layer}.attn.c_proj", last):
            arrays[f"{part}.weight"] *= 0.01 * (layer == 0)
        arrays[f"h.{layer}.attn.c_proj.bias"][:] = 0.0
    return models.load(small.write(directory, entries, small.prefixed(arrays)))


def test_a_model_that_grows_errors_and_one_that_passes_them_on(corpus, tmp_path):
    subject = subjects.make_subject(constructed(tmp_path / "grow", 0.5), corpus, few=6)
    found = claims.EXPERIMENT.run(subject)
    assert found.findings[0].verdict == "holds"
    # states are not of the constant alone
    assert found.findings[0].estimate == pytest.approx(np.log(2), abs=0.02)
    gains = [row["gain"] for row in found.tables["layers"]]
    np.testing.assert_allclose(gains[1:], np.log(2), rtol=0, atol=0.05)
    assert found.findings[2].verdict != "holds"
    assert found.tables["taps"][0]["error"] is None
    assert len(found.tables["languages"]) == 3
    assert len(figures.figure(found.tables).axes) == 4
    same = dataclasses.replace(subject, model=constructed(tmp_path / "pass", 1.0))
    finding = claims.EXPERIMENT.run(same).findings[0]
    assert finding.verdict == "fails"
    # float32 errors of 1e-3 of the state
    assert finding.estimate == pytest.approx(0.0, abs=1e-3)


def test_few_texts_and_layers_are_told(corpus, tmp_path):
    model = models.load(small.write(tmp_path / "model", tiny.entries()))
    found = claims.EXPERIMENT.run(subjects.make_subject(model, corpus))
    assert [each.reason for each in found.findings] == [
        "needs at least 4 layers, got 3"
    ] * 3
    found = claims.EXPERIMENT.run(subjects.make_subject(model, corpus, few=2))
    assert found.findings[0].reason == (
        "needs 3 texts with a sentence of 3 tokens in every language, got 2"
    )
