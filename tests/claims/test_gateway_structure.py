"""T-005: verdicts where spectra are planted, where there is nothing, and elsewhere."""

import json

import jax
import numpy as np
import pytest

from jaxdisp.claims import gateway_structure, registry
from jaxdisp.models.shuffled import shuffled
from tests.claims import subject as few_layers
from tests.claims import twelve

SEEDS = 200
LAYERS = 12
GATEWAYS = (0, 9, 11)
EXPERIMENT = gateway_structure.EXPERIMENT
SIGNS = {"effective_rank": -1, "condition_number": 1}


def squeezed(arrays):
    """Singular values of three layers fall by a factor of 300 from first to last."""
    for layer in GATEWAYS:
        for matrix in twelve.MATRICES:
            name = f"h.{layer}.{matrix}.weight"
            left, values, right = np.linalg.svd(arrays[name], full_matrices=False)
            falling = values[0] * np.geomspace(1, 1 / 300, len(values))
            arrays[name] = ((left * falling) @ right).astype(np.float32)


@pytest.fixture(scope="module")
def planted():
    subject = twelve.subject(squeezed)
    return subject, registry.examine(EXPERIMENT, subject)


def test_layers_of_few_directions_are_found(planted):
    _, outcome = planted
    assert [finding.id for finding in outcome.findings] == ["T-005", "T-005b"]
    assert [finding.verdict for finding in outcome.findings] == ["holds", "holds"]
    tests = {
        (row["weights"], row["statistic"]): row["corrected_p"]
        for row in outcome.tables["tests"]
    }
    # 1 of 220 sets, times the four statistics that matrices of 12 directions have
    assert tests["model", "effective_rank"] == pytest.approx(4 / 220)
    assert tests["shuffled", "effective_rank"] > 0.05
    json.dumps(outcome.tables, allow_nan=False)


def test_the_same_weights_shuffled_show_nothing(planted):
    subject, _ = planted
    null = shuffled(subject.model, jax.random.key(5))
    profiles = gateway_structure.summary(gateway_structure.matrices(null), LAYERS)
    found = gateway_structure.decide(profiles, profiles)
    assert "holds" not in [finding.verdict for finding in found]


def test_rows_are_those_of_each_matrix(planted):
    _, outcome = planted
    rows = {
        (row["matrix"], row["layer"]): row
        for row in outcome.tables["matrices"]
        if row["weights"] == "model"
    }
    assert len(rows) == 4 * LAYERS
    falling = np.geomspace(1, 1 / 300, 12)
    shares = falling / falling.sum()
    for name in {matrix for matrix, _ in rows}:
        row = rows[name, 9]
        assert row["condition_number"] == pytest.approx(300, rel=1e-3)  # float32
        rank = np.exp(-np.sum(shares * np.log(shares)))
        assert row["effective_rank"] == pytest.approx(rank, rel=1e-4)
        variance = falling**2
        assert row["stable_rank"] == pytest.approx(variance.sum(), rel=1e-4)
        assert row["exponent"] is None
    layers = [row for row in outcome.tables["layers"] if row["weights"] == "model"]
    ranks = [rows[name, 4]["effective_rank"] for name, layer in rows if layer == 4]
    assert layers[4]["effective_rank"] == pytest.approx(np.exp(np.mean(np.log(ranks))))


def drawn(seed):
    """Layers in no order, by statistic."""
    draws = jax.random.normal(jax.random.key(seed), (5, LAYERS))
    values = np.asarray(draws, np.float64)
    return dict(zip(gateway_structure.STATISTICS, values, strict=True))


def shifted(profiles, by):
    inside = np.isin(np.arange(LAYERS), GATEWAYS)
    return profiles | {
        name: profiles[name] + SIGNS[name] * by * inside for name in SIGNS
    }


def rate(verdict, by):
    found = [
        finding.verdict == verdict
        for seed in range(SEEDS)
        for finding in gateway_structure.decide(
            shifted(drawn(seed), by), drawn(seed + SEEDS)
        )
    ]
    return np.mean(found)


def test_layers_in_no_order_give_no_effect():
    # one side of 99 %, two claims; three standard errors of 400
    assert rate("holds", 0.0) <= 0.005 + 3 * np.sqrt(0.005 / (2 * SEEDS))


def test_an_effect_as_large_as_claimed_is_not_refuted():
    assert rate("fails", 0.22) <= 0.005 + 3 * np.sqrt(0.005 / (2 * SEEDS))


def test_an_effect_against_the_claim_refutes_it():
    assert rate("fails", -6.0) > 0.9


def test_what_shuffled_weights_show_too_does_not_hold():
    profiles = shifted(drawn(0), 8.0)
    assert {f.verdict for f in gateway_structure.decide(profiles, drawn(1))} == {
        "holds"
    }
    found = gateway_structure.decide(profiles, profiles)
    assert {finding.verdict for finding in found} == {"inconclusive"}
    assert all("shuffled weights" in finding.reason for finding in found)


def test_singular_matrices_and_matrices_of_zeros():
    def lost(arrays):
        for matrix in twelve.MATRICES:
            arrays[f"h.3.{matrix}.weight"][:, 0] = 0
            arrays[f"h.3.{matrix}.weight"][0] = 0
        arrays["h.5.mlp.c_fc.weight"][...] = 0

    outcome = EXPERIMENT.run(twelve.subject(lost))
    rank, condition = outcome.findings
    assert rank.verdict in {"fails", "inconclusive"}
    rows = [row for row in outcome.tables["matrices"] if row["weights"] == "model"]
    zeros = [row for row in rows if row["effective_rank"] is None]
    assert [(row["layer"], row["matrix"]) for row in zeros] == [(5, "mlp.up")]
    tall = [r for r in rows if r["layer"] == 3 and r["inputs"] == r["outputs"]]
    assert all(row["condition_number"] is None for row in tall)
    assert condition.verdict == "not applicable"
    assert "singular" in condition.reason
    json.dumps(outcome.tables, allow_nan=False)


def test_too_few_layers_are_said():
    outcome = EXPERIMENT.run(few_layers.tiny())
    assert {finding.verdict for finding in outcome.findings} == {"not applicable"}
    assert all("at least 10 layers" in finding.reason for finding in outcome.findings)
