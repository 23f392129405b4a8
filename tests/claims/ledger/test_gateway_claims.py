"""Claims C12 to C16 and C18 to C20 by enumeration, and with planted measurements."""

import dataclasses
import functools as ft
import itertools
import json
import math

import jax
import numpy as np
import pytest

from jaxdisp.claims import losses
from jaxdisp.claims.ledger import (
    gateway_claims,
    norm_products,
    protection,
    score_claims,
)
from jaxdisp.claims.ledger.judgement import judged
from jaxdisp.models.model import full_weight
from jaxdisp.models.quantized import Quantizer
from jaxdisp.search import lattice
from tests.claims import twelve
from tests.claims.ledger import planted

ENTRY = {entry.id: entry for entry in (*gateway_claims.ENTRIES, *score_claims.ENTRIES)}


@ft.cache
def twelve_layers():
    def change(arrays):
        for name in arrays:
            # enough for rounding one layer to cost something
            if ".weight" in name and "ln" not in name and "h." in name:
                arrays[name] = arrays[name] * 3.0

    return twelve.subject(change)


def notes_importance(layer, *, low):
    base = {0: 1.0, 11: 0.95, 6: 0.8, 7: 0.8, 8: 0.8, 9: 0.8}.get(layer, 0.5)
    return base * 1.5 if low and base > 0.5 else base


def test_the_notes_own_search_is_a_tie():
    ratios = {}
    for chosen in itertools.combinations(range(12), 3):
        rest = [layer for layer in range(12) if layer not in chosen]
        lost = [
            sum(notes_importance(i, low=low) for i in rest) for low in (True, False)
        ]
        ratios[chosen] = lost[0] / lost[1]
    best = min(ratios.values())
    ties = [chosen for chosen in ratios if math.isclose(ratios[chosen], best)]
    assert ties == [(0, 6, 11), (0, 7, 11), (0, 8, 11), (0, 9, 11)]
    found = ENTRY["C12"].recompute().values
    assert found["least ratio of the typed importances"] == pytest.approx(best)
    assert found["sets that attain it"] == 4
    fifth = sorted(ratios, key=lambda chosen: (round(ratios[chosen], 9), chosen))[4]
    assert fifth == (0, 6, 7)
    assert [chosen for chosen in ratios if chosen[0] == 0][-1] == (0, 10, 11)


def test_the_gain_of_a_residual_chain_is_that_of_running_it():
    x, y = 1.0, 1.0
    for _ in range(11):
        x, y = x - x / 2, y + y / 2
    found = ENTRY["C14"].recompute().values
    assert found["gain of layer 0 if F(x) = -x/2"] == pytest.approx(x)
    assert found["gain of layer 0 if F(x) = x/2"] == pytest.approx(y)


def test_the_interaction_is_that_of_a_table_of_two_by_two():
    table = np.log([[147.90720616579046, 336.1810503820265], [3.61801, 0.7222846]])
    expected = table[0, 0] - table[0, 1] - table[1, 0] + table[1, 1]
    found = ENTRY["C18"].recompute().values
    assert found["interaction of logarithms"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("together", "said"),
    [((0.2, 0.1, 0.3), "holds"), ((-0.2, -0.3, -0.1), "fails")],
)
def test_planted_synergy_is_seen(together, said):
    known = planted.evidence({"layer by layer": {"n": 9, "together": together}})
    assert judged(ENTRY["C18"], known).verdict == said


@pytest.mark.parametrize(
    ("tops", "said"),
    [((4, 4, 4), "holds"), ((1, 0, 3), "fails"), ((4, 2, 4), "inconclusive")],
)
def test_sets_with_both_ends_are_counted(tops, said):
    found = {"n": 9, "top_with_ends": [[float(x)] for x in tops]}
    known = planted.evidence({"layer by layer": found})
    assert judged(ENTRY["C16"], known).verdict == said


@pytest.mark.parametrize(
    ("behind", "rival", "said"),
    [
        ((-0.2, -0.3, -0.1), [1, 2, 3], "holds"),
        ((0.2, 0.1, 0.3), [1, 2, 3], "fails"),
        ((0.0, 0.0, 0.0), [0, 9, 11], "holds"),
    ],
)
def test_a_better_set_of_three_is_seen(behind, rival, said):
    found = {
        "sets": [[], [0], [11], [0, 11], [0, 9, 11], rival, [4, 5, 6]],
        "n_judging": 8,
        "behind": [[x, 0.0] for x in behind],
        "wider": [[0.0, x] for x in behind],
    }
    known = planted.evidence({"protected layers": found})
    assert judged(ENTRY["C15"], known).verdict == said


@pytest.mark.parametrize(("ratio", "said"), [(1.0, "fails"), (5.0, "holds")])
def test_the_score_prefers_losses_that_are_alike(ratio, said):
    at = math.log(ratio)
    found = {
        "n": 9,
        "log_ratio": [[at + shift] * 5 for shift in (0.0, -0.1, 0.1)],
        "mean": [[2.0] * 5, [1.5] * 5, [2.5] * 5],
    }
    known = planted.evidence({"protected layers": found})
    assert known.subject.quantizer == Quantizer(bits=4)
    one = judged(ENTRY["C19"], known)
    assert one.verdict == said
    # 16 bits to 4, over the ratio
    assert one.estimate == pytest.approx(-0.5 * math.log(4 / ratio))


@pytest.mark.parametrize(("gain", "said"), [(5.5, "holds"), (0.5, "fails")])
def test_a_gain_is_compared_with_the_product_of_norms(gain, said):
    kept = {
        "gains of errors": {"first": [gain, gain - 0.1, gain + 0.1], "texts": 9},
        "norms of layers": {"log_norm": [9.0] + [0.5] * 11},
    }
    found = judged(ENTRY["C14"], planted.evidence(kept, of=twelve_layers()))
    assert found.verdict == said
    assert "the product of 11 norms is 2.4e+02" in found.reason


def test_norms_are_largest_singular_values():
    model = twelve_layers().model
    found = norm_products.norms(planted.evidence(of=twelve_layers()))["log_norm"]
    of_layer = [
        np.log(np.linalg.svd(w, compute_uv=False).max())
        for tensor in model.architecture.tensors(model.config)
        if tensor.stacked and tensor.role == "matrix"
        for w in [np.asarray(full_weight(model, tensor.path), np.float64)[4]]
        for w in [w.reshape(-1, w.shape[-1])]
    ]
    assert found[4] == pytest.approx(np.mean(of_layer))


def test_kept_information_is_that_of_gaussian_determinants():
    best = {2.0: [], 10.0: []}
    for layer in range(12):
        noise = 0.1 * (layer + 1)
        kept = -0.5 * np.log2(1 - 1 / (1 + noise))
        joint = np.linalg.det([[1 + noise, 1.0], [1.0, 2.0]])
        relevant = 0.5 * np.log2((1 + noise) * 2.0 / joint)
        for weight, row in best.items():
            row.append(kept - weight * relevant)
    found = ENTRY["C20"].recompute().values
    for weight, row in best.items():
        name = f"layer of the least objective, weight {weight:g}"
        assert found[name] == np.argmin(row)


def test_few_layers_are_not_measured():
    known = planted.evidence()
    assert known.subject.model.config.n_layers == 3
    for name in ("C14", "C15", "C16", "C18", "C19"):
        found = judged(ENTRY[name], known)
        assert found.verdict == "not applicable"
        assert found.reason == "needs at least 5 layers, got 3"


def test_ranks_count_from_the_largest_and_sets_of_three_add_up():
    draws = np.asarray(jax.random.normal(jax.random.key(0), (20, 7)), np.float64)
    ranks = protection._ranks(draws)
    order = np.argsort(-draws, axis=1)
    for row, places in zip(ranks, order, strict=True):
        assert row[places].tolist() == list(range(1, 8))
    for row, count in zip(draws, protection._tops(draws)[:, 0], strict=True):
        sums = sorted(
            itertools.combinations(range(7), 3), key=lambda s: -row[list(s)].sum()
        )
        assert count == sum({0, 6} <= set(chosen) for chosen in sums[:4])


def test_measures_of_schemes_are_means_over_sentences():
    values = np.asarray(jax.random.uniform(jax.random.key(1), (12, 5, 4)), np.float64)
    added = values + 1.0
    groups = np.repeat(np.arange(6), 2)
    sides = np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]])
    key = jax.random.key(2)
    found = protection._measures(added, groups, sides, key)
    low, high = added[:, :, :2].mean(axis=(0, 2)), added[:, :, 2:].mean(axis=(0, 2))
    mean = added.mean(axis=(0, 2))
    expected = {
        "mean": mean,
        "saved": mean[0] - mean,
        "difference": low - high,
        "log_ratio": np.log(low / high),
        "ratio": low / high,
        "ratio_change": np.log(low / high) - np.log(low[0] / high[0]),
    }
    for name, value in expected.items():
        # sums of float32
        np.testing.assert_allclose(found[name].estimate, value, atol=2e-6)
    rivals = protection._rivals(added[:, :3], groups, sides, key)
    np.testing.assert_allclose(
        rivals["behind"].estimate, mean[0] - mean[1:3], atol=2e-6
    )
    gap = (low - high)[0] - (low - high)[1:3]
    np.testing.assert_allclose(rivals["wider"].estimate, gap, atol=2e-6)


def of_twelve(training_bytes):
    subject = twelve_layers()
    model = dataclasses.replace(subject.model, training_bytes=training_bytes)
    return dataclasses.replace(subject, model=model)


def test_a_subject_of_unknown_text_has_no_sides():
    subject = of_twelve({})
    known = planted.evidence(of=subject)
    assert np.isnan(protection.sides_of(subject)).all()
    found = judged(ENTRY["C15"], known)
    assert found.reason.startswith("needs to know how much text of each language")
    assert protection.layer_by_layer(known)["rises"] is None


def test_a_model_of_twelve_layers_is_measured_as_by_hand():
    languages = twelve_layers().few.languages
    subject = of_twelve({name: 10**at for at, name in enumerate(languages)})
    known = planted.evidence(of=subject)
    found = json.loads(json.dumps(protection.protected(known), allow_nan=False))
    sites = lattice.protecting([(0, 11), (0, 9, 11)], 12)
    losses_of = losses.layer_losses(subject)
    both, gateways = losses.evaluate(subject, sites) - losses_of.full
    nothing = losses_of.everything - losses_of.full
    mean = [protection.of(found, "mean", name)[0] for name in protection.SCHEMES]
    expected = [
        nothing.mean(),
        (losses_of.spared[0] - losses_of.full).mean(),
        (losses_of.spared[11] - losses_of.full).mean(),
        both.mean(),
        gateways.mean(),
    ]
    # losses of float32 sums, in nats of sentences that lose about one
    np.testing.assert_allclose(mean, expected, atol=1e-4)
    np.testing.assert_allclose(
        found["by_language"], [nothing.mean(axis=1), gateways.mean(axis=1)], atol=1e-4
    )
    layers = protection.layer_by_layer(known)
    alone = (losses_of.alone - losses_of.full).mean(axis=(1, 2))
    assert np.argsort(layers["rank"][0]).tolist() == np.argsort(-alone).tolist()
    singles = losses_of.spared[[0, 11]].mean(axis=(1, 2)) - losses_of.full.mean()
    together = singles.sum() - both.mean() - nothing.mean()
    assert layers["together"][0] == pytest.approx(together, abs=1e-4)
    for name in ("C15", "C16", "C18"):
        assert judged(ENTRY[name], known).verdict in ("holds", "fails", "inconclusive")
