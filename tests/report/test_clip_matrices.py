"""Rows of matrices against explicit float64 sums."""

import dataclasses
import functools as ft

import numpy as np
import pytest
import scipy.stats

from jaxdisp.measure import activations, language_clipping
from jaxdisp.models import decoder, quantized
from jaxdisp.quant import rules
from jaxdisp.report import clip_matrices, clipping
from tests.measure import clipping_oracles
from tests.report import tiny_clip

RULES = (
    "absmax",
    "percentile",
    "aciq_gaussian",
    "aciq_laplace",
    "exact",
    "average",
    "minimax",
)
FIELDS = {
    "layer",
    "matrix",
    "sigma",
    "kurtosis",
    "rests_on_few",
    "threshold",
    "predicted",
    "measured",
    "diagonal_share",
    "gap",
}
NAMES = {
    "attention.query_key_value": ("blocks", "attention", "query_key_value", "weight"),
    "attention.output": ("blocks", "attention", "output", "weight"),
    "mlp.up": ("blocks", "mlp", "up", "weight"),
    "mlp.down": ("blocks", "mlp", "down", "weight"),
}


@ft.cache
def rows():
    done = []
    found = clip_matrices.matrix_rows(
        tiny_clip.inputs(), tiny_clip.solved(), done.append
    )
    assert done == [4, 4]  # sentences of each language
    return found


@ft.cache
def moments():
    inputs = tiny_clip.inputs()
    return dict(activations.second_moments(inputs.model, inputs.calibration))


def matrix(row, params=None):
    params = tiny_clip.model().params if params is None else params
    leaf = decoder.leaf(params, NAMES[row["matrix"]])
    return np.asarray(leaf[row["layer"]], np.float64)


def test_every_matrix_has_a_complete_row():
    assert [(row["matrix"], row["layer"]) for row in rows()] == [
        (name, layer) for name in NAMES for layer in range(2)
    ]
    for row in rows():
        assert set(row) == FIELDS
        assert tuple(row["threshold"]) == (*RULES, "kurtosis", "logarithmic")
        for name in ("predicted", "measured", "diagonal_share"):
            assert tuple(row[name]) == RULES
            assert all(tuple(by) == tiny_clip.LANGUAGES for by in row[name].values())
        assert set(row["gap"]) == {"average", "minimax"}
        assert all(gap >= -1e-6 for gap in row["gap"].values())


def test_laws_of_the_weights():
    for row in rows():
        values = matrix(row).ravel()
        assert row["sigma"] == pytest.approx(np.std(values), rel=1e-5)
        expected = scipy.stats.kurtosis(values)
        assert row["kurtosis"] == pytest.approx(expected, abs=1e-4)
        assert row["rests_on_few"] is False


def test_thresholds_are_in_deviations():
    for row in rows():
        path = NAMES[row["matrix"]]
        tensors = language_clipping.clipped_tensors(
            tiny_clip.model(), tiny_clip.QUANTIZER
        )
        (tensor,) = (t for t in tensors if t.path == path)
        for rule in RULES:
            if rule in rules.Rule.__args__:
                quantizer = dataclasses.replace(tiny_clip.QUANTIZER, clipping=rule)
                leaf = decoder.leaf(tiny_clip.model().params, path)
                threshold = quantized.tensor_ranges(leaf, tensor, quantizer).threshold
            else:
                threshold = tiny_clip.solved().fair[rule][path].thresholds
            found = row["threshold"][rule] * row["sigma"]
            assert found == pytest.approx(float(threshold[row["layer"], 0]), rel=1e-6)
        # the research notes' rule, and one near that for a Gaussian at 3 bits
        logarithmic = 2.5 + 0.3 * np.log(1 + row["kurtosis"])
        assert row["threshold"]["logarithmic"] == pytest.approx(logarithmic, rel=1e-4)
        assert row["threshold"]["kurtosis"] == pytest.approx(2.0, abs=0.4)
        top = np.abs(matrix(row)).max()
        assert row["threshold"]["absmax"] * row["sigma"] == pytest.approx(top, rel=1e-6)


@pytest.mark.parametrize("rule", ["absmax", "exact", "minimax"])
def test_errors_are_those_of_the_outputs(rule):
    rounded = clipping.rounded(tiny_clip.inputs(), tiny_clip.solved(), rule)
    apart = []
    for row in rows():
        full, change = matrix(row), matrix(row, rounded) - matrix(row)
        for language in tiny_clip.LANGUAGES:
            second = moments()[language][NAMES[row["matrix"]]][row["layer"]]
            whole, diagonal = clipping_oracles.output_shares(change, full, second)
            measured = row["measured"][rule][language]
            # float32 sums of products of either sign
            assert measured == pytest.approx(whole, rel=1e-3)
            share = row["diagonal_share"][rule][language]
            assert share == pytest.approx(diagonal / whole, rel=1e-3)
            apart.append(abs(share - 1))
    assert np.median(apart) > 0.02


@pytest.mark.parametrize("rule", ["absmax", "average"])
def test_predictions_are_those_of_additive_noise(rule):
    for row in rows():
        full = matrix(row)
        at = row["threshold"][rule] * row["sigma"]
        clipped = np.maximum(np.abs(full) - at, 0.0) ** 2
        noise = (at / 3) ** 2 / 12  # the step of 3 bits
        for language in tiny_clip.LANGUAGES:
            second = moments()[language][NAMES[row["matrix"]]][row["layer"]]
            felt = np.repeat(np.diag(second)[:, None], full.shape[1], axis=1)
            expected = (felt * (clipped + noise)).sum() / (felt * full**2).sum()
            found = row["predicted"][rule][language]
            assert found == pytest.approx(expected, rel=1e-4)


def test_the_exact_rule_loses_least_of_the_weights_and_minimax_of_the_worst():
    for row in rows():
        worst = {
            rule: max(
                row["measured"][rule][name] * row["diagonal_share"][rule][name]
                for name in tiny_clip.LANGUAGES
            )
            for rule in RULES
        }
        # candidates are finite, and a gap to the optimum is known
        slack = 1 + row["gap"]["minimax"] + 1e-3
        assert worst["minimax"] <= min(worst.values()) * slack


def test_effective_kurtoses():
    found = clip_matrices.kurtosis_rows(tiny_clip.inputs(), tiny_clip.solved())
    assert [(row["matrix"], row["language"]) for row in found] == [
        (name, language) for name in NAMES for language in tiny_clip.LANGUAGES
    ]
    for row in found:
        path = NAMES[row["matrix"]]
        layers = np.asarray(decoder.leaf(tiny_clip.model().params, path), np.float64)
        expected = {"product": [], "tilted": []}
        own, sizes = [], []
        for layer, values in enumerate(layers):
            square = np.diag(moments()[row["language"]][path][layer])
            felt = np.repeat(square[:, None], values.shape[1], axis=1)
            product = (values * np.sqrt(felt)).ravel()
            expected["product"].append(scipy.stats.kurtosis(product))
            share = felt / felt.sum()
            tilted = (share * values**4).sum() / (share * values**2).sum() ** 2
            expected["tilted"].append(tilted - 3)
            own.append(scipy.stats.kurtosis(values.ravel()))
            sizes.append(np.sqrt(square.mean()))
        # fourth moments of float32 products
        assert row["product"] == pytest.approx(np.mean(expected["product"]), abs=1e-4)
        assert row["tilted"] == pytest.approx(np.mean(expected["tilted"]), abs=1e-4)
        assert row["layers"] == pytest.approx(np.average(own, weights=sizes), abs=1e-4)
        mixture = scipy.stats.kurtosis(layers.ravel())
        assert row["mixture"] == pytest.approx(mixture, abs=1e-4)
    for name in NAMES:
        both = [row for row in found if row["matrix"] == name]
        assert both[0]["mixture"] == both[1]["mixture"]
        assert both[0]["product"] != both[1]["product"]
