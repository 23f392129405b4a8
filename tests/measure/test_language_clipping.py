"""Clipping for languages: layouts, shared codes and output errors against loops."""

import dataclasses
import functools as ft
import inspect
import pathlib
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.measure import language_clipping
from jaxdisp.models import Quantizer, decoder
from jaxdisp.quant import fair_error, grids
from jaxdisp.quant.granularity import Grouping
from tests import oracles
from tests.measure import clipping_oracles, tiny
from tests.models import small

ENTRIES = tiny.entries(n_layer=2, n_embd=6, n_inner=6)
PATHS = tuple(clipping_oracles.KINDS)
COARSE = Quantizer(bits=3, granularity="group", group_size=4)  # runs of 4 and of 2


@ft.cache
def model():
    with tempfile.TemporaryDirectory() as directory:
        return models.load(small.write(pathlib.Path(directory), ENTRIES))


@ft.cache
def moments():
    """Of two languages, full of products between inputs; the second feels few."""
    found = []
    for language in range(2):
        one = {}
        for path in PATHS:
            x = small.normal(".".join(path), (2, 20, 6), language).astype(np.float64)
            x[..., 0] += 0.5 * x[..., 1] + 1.0
            x[..., 2:] *= 0.1 if language else 1.0
            one[path] = np.einsum("lti,ltj->lij", x, x) / 20
        found.append(one)
    return found


@ft.cache
def squares():
    return {
        path: np.stack([np.einsum("lii->li", one[path]) for one in moments()])
        for path in PATHS
    }


def places(matrix, quantizer):
    return oracles.weight_groups(
        matrix.shape, quantizer.granularity, quantizer.group_size, -1
    )


@pytest.mark.parametrize("who", ["tensor", "channel", "group"])
def test_weights_are_laid_out_beside_what_languages_feel(who):
    weight = small.normal("weight", (6, 5))
    felt = small.normal("felt", (3, 6)) ** 2
    grouping = Grouping(granularity=who, group_size=4)
    x, weights = language_clipping.felt_weights(
        jnp.asarray(weight), jnp.asarray(felt), grouping
    )
    at = oracles.weight_groups((6, 5), who, 4, -1)
    np.testing.assert_array_equal(x, clipping_oracles.grouped(weight, at))
    for language in range(3):
        spread = np.array([[felt[language, i]] * 5 for i in range(6)])
        expected = clipping_oracles.grouped(spread, at)
        np.testing.assert_array_equal(weights[language], expected)


def test_matrices_that_are_clipped():
    everything = Quantizer(include=("all",))
    for quantizer in (Quantizer(), everything):
        tensors = language_clipping.clipped_tensors(model(), quantizer)
        assert {tensor.path for tensor in tensors} == set(PATHS)


@ft.cache
def clipped():
    return language_clipping.clip(model(), COARSE, squares(), aim="minimax")


@pytest.mark.parametrize("path", [PATHS[0], PATHS[3]])
def test_thresholds_are_fair_layer_by_layer(path):
    for layer in range(2):
        matrix = np.asarray(decoder.leaf(model().params, path)[layer])
        at = places(matrix, COARSE)
        x = clipping_oracles.grouped(matrix, at)
        spread = [
            np.repeat(one[layer][:, None], len(matrix.T), axis=1)
            for one in squares()[path]
        ]
        felt = [clipping_oracles.grouped(one, at) for one in spread]
        expected = fair_error.fair_ranges(
            jnp.asarray(x, jnp.float32),
            jnp.asarray(np.array(felt), jnp.float32),
            3,
            aim="minimax",
            grid="symmetric",
        )
        found = jax.tree.map(lambda leaf, at=layer: leaf[at], clipped()[path])
        # one program in a loop over layers and one without: some roundings
        np.testing.assert_allclose(found.value, expected.value, rtol=1e-4)
        np.testing.assert_allclose(found.levels, expected.levels, rtol=1e-3)
        np.testing.assert_allclose(found.own, expected.own, rtol=1e-4)
        # and the levels are what really rounding gives
        lost = np.zeros(2)
        energy = np.zeros(2)
        for group, top in enumerate(np.asarray(found.thresholds, float)):
            values = x[group]
            left = oracles.grid_round_trip(values, -top, top, 3, "symmetric") - values
            lost += [sum(one[group] * left**2) for one in felt]
            energy += [sum(one[group] * values**2) for one in felt]
        # float32 codes may differ at a tie of a threshold
        np.testing.assert_allclose(found.levels, lost / energy, rtol=1e-3)


def test_ranges_are_the_thresholds_on_both_sides():
    found = language_clipping.ranges_of(clipped())
    assert set(found) == set(PATHS)
    for path, limits in found.items():
        thresholds = np.asarray(clipped()[path].thresholds)
        np.testing.assert_array_equal(limits.high, thresholds)
        np.testing.assert_array_equal(limits.low, -thresholds)


@pytest.mark.parametrize(
    ("changes", "aim", "message"),
    [
        ({"grid": "affine"}, "minimax", "the affine grid has no single threshold"),
        ({"include": ("biases",)}, "minimax", "include biases: unknown"),
    ],
)
def test_what_cannot_be_clipped(changes, aim, message):
    bare = inspect.unwrap(language_clipping.clip)  # types are not checked outside tests
    quantizer = Quantizer()
    for name, value in changes.items():
        object.__setattr__(quantizer, name, value)
    with pytest.raises((ValueError, TypeError), match=message):
        bare(model(), quantizer, squares(), aim=aim)


@ft.cache
def versions():
    ranges = {
        path: jax.vmap(jax.vmap(grids.within))(jnp.full((2, groups), 0.35))
        for path, groups in zip(PATHS, (36, 12, 12, 12), strict=True)
    }
    shared = models.quantize(model(), COARSE, ranges)
    own = language_clipping.shared_code_versions(model(), COARSE, shared, squares())
    return shared, list(own)


@pytest.mark.parametrize("path", PATHS)
def test_languages_read_shared_codes_with_the_best_scales(path):
    shared, own = versions()
    assert len(own) == 2
    for language, layer in np.ndindex(2, 2):
        full, rounded, found = (
            np.asarray(decoder.leaf(params, path)[layer], np.float64)
            for params in (model().params, shared, own[language])
        )
        felt = np.repeat(squares()[path][language, layer][:, None], len(full.T), 1)
        for group in places(full, COARSE):
            w, z, p, y = (
                np.array([matrix[place] for place in group])
                for matrix in (full, rounded, felt, found)
            )
            scale = clipping_oracles.best_scale(w, z, p)
            # float32 sums of four products; golden section finds half the digits
            np.testing.assert_allclose(y, scale * z, rtol=0, atol=2e-6)
            lost, before = (sum(p * (w - v) ** 2) for v in (y, z))
            assert lost <= before * (1 + 1e-6)
    for language in own:
        for leaf, same in zip(
            jax.tree.leaves(language["outside"]),
            jax.tree.leaves(shared["outside"]),
            strict=True,
        ):
            assert leaf is same


def test_languages_differ_in_their_scales():
    one, other = (decoder.leaf(params, PATHS[0]) for params in versions()[1])
    assert np.abs(one - other).max() > 1e-3


def test_output_errors_equal_explicit_sums():
    shared, (own, _) = versions()
    apart = []
    for second in moments():
        found = language_clipping.output_errors(model(), [shared, own], second)
        assert set(found) == set(PATHS)
        for path in PATHS:
            for entry, params in zip(found[path], (shared, own), strict=True):
                for layer in range(2):
                    full, rounded = (
                        np.asarray(decoder.leaf(p, path)[layer], np.float64)
                        for p in (model().params, params)
                    )
                    expected = clipping_oracles.output_shares(
                        rounded - full, full, second[path][layer]
                    )
                    # sums of float32 products of either sign
                    assert entry.full[layer] == pytest.approx(expected[0], rel=1e-4)
                    assert entry.diagonal[layer] == pytest.approx(expected[1], rel=1e-5)
                    apart.append(abs(expected[0] / expected[1] - 1))
    assert np.median(apart) > 0.01  # so that one is not taken for the other


def test_what_is_not_changed_costs_nothing():
    found = language_clipping.output_errors(model(), [model().params], moments()[0])
    for (entry,) in found.values():
        np.testing.assert_array_equal(entry.full, 0)
        np.testing.assert_array_equal(entry.diagonal, 0)


def test_a_matrix_of_zeros_has_no_error():
    leaves = {
        tensor.path: decoder.leaf(model().params, tensor.path)
        for tensor in model().architecture.tensors(model().config)
    }
    leaves[PATHS[2]] = leaves[PATHS[2]].at[1].set(0.0)
    silent = dataclasses.replace(model(), params=decoder.assemble(leaves))
    shared = models.quantize(silent, COARSE)
    found = language_clipping.output_errors(silent, [shared], moments()[0])
    (entry,) = found[PATHS[2]]
    assert entry.full[1] == entry.diagonal[1] == 0.0
    assert entry.full[0] > 0
