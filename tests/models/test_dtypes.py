"""Types: what is held as a checkpoint has it, and what is computed in."""

import dataclasses
import functools as ft
import pathlib
import tempfile

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.measure import activations, cube, language_clipping
from jaxdisp.models import Quantizer, decoder, quantized
from jaxdisp.models import model as opening
from jaxdisp.quant import grids
from tests.measure import tiny
from tests.models import small
from tests.models.architectures import drawn, every
from tests.search import tiny_sweep

HALVES = ["float16", "bfloat16"]
ENTRIES = tiny.entries()
GROUPS = Quantizer(bits=3, granularity="group", group_size=5, include=("all",))


@ft.cache
def model(values="float32", stored="float32", dtype="float32"):
    """A model whose weights have the precision of one type and are stored in another.

    Without the cast to `values`, a checkpoint of another type would hold other numbers.
    """
    arrays = {
        name: array.astype(jnp.dtype(values)).astype(jnp.dtype(stored))
        for name, array in small.prefixed(small.tensors(ENTRIES)).items()
    }
    with tempfile.TemporaryDirectory() as place:
        directory = small.write(pathlib.Path(place), ENTRIES, arrays)
        return models.load(directory, dtype=dtype)


def types(room):
    return {str(leaf.dtype) for leaf in jax.tree.leaves(room)}


@pytest.mark.parametrize(
    ("stored", "dtype", "held"),
    [
        ("float64", "float32", "float32"),
        ("float32", "float32", "float32"),
        ("float16", "float32", "float16"),
        ("bfloat16", "float32", "bfloat16"),
        ("float64", "bfloat16", "bfloat16"),
        ("float32", "bfloat16", "bfloat16"),
        ("float32", "float16", "float16"),
        ("float16", "bfloat16", "float16"),
        ("bfloat16", "float16", "bfloat16"),
    ],
)
def test_what_is_held(stored, dtype, held):
    found = model(stored, stored, dtype)
    assert found.dtype == dtype
    assert types(found.params["outside"]) == {dtype}
    assert types(found.params["blocks"]) == {held}
    assert models.logits(found, small.tokens()).dtype == dtype


@pytest.mark.parametrize("stored", HALVES)
def test_halves_compute_as_the_same_values_in_float32(stored):
    tokens = small.tokens()
    expected = np.asarray(models.logits(model(stored, "float32"), tokens))
    found = np.asarray(models.logits(model(stored, stored), tokens))
    np.testing.assert_array_equal(found, expected)  # widening is exact
    # and the type does matter
    assert np.abs(expected - models.logits(model(), tokens)).max() > 1e-4


@pytest.mark.parametrize("kind", every.ENTRIES)
def test_halves_of_every_architecture(kind, tmp_path):
    entries, tokens = every.entries(kind), small.tokens()
    halves = {
        name: array.astype(jnp.bfloat16)
        for name, array in drawn.arrays(entries).items()
    }
    wide = {name: array.astype(np.float32) for name, array in halves.items()}
    one = small.write(tmp_path / "halves", entries, halves)
    other = small.write(tmp_path / "wide", entries, wide)
    found = np.asarray(models.logits(models.load(one), tokens))
    expected = np.asarray(models.logits(models.load(other), tokens))
    np.testing.assert_array_equal(found, expected)
    rough = models.logits(models.load(other, dtype="bfloat16"), tokens)
    assert rough.dtype == jnp.bfloat16
    gap = np.abs(np.asarray(rough, np.float32) - expected)
    # random weights differ in how much they magnify what is rounded
    assert 0 < np.median(gap) < 0.1 * np.abs(expected).max()


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("stored", ["float32", *HALVES])
def test_what_is_computed_in_half_is_as_close_as_it_can_be(stored, dtype):
    tokens = small.tokens()
    expected = np.asarray(models.logits(model(stored, "float32"), tokens))
    found = np.asarray(models.logits(model(stored, stored, dtype), tokens), np.float32)
    # some ten roundings of numbers below 8, each off by half a unit in the last place
    unit = float(ml_dtypes.finfo(dtype).eps)
    gap = np.abs(found - expected).max()
    assert unit / 8 < gap < 10 * 8 * unit / 2


@pytest.mark.parametrize("dtype", ["float64", "fp16", "int8", "", "Float32"])
def test_types_that_are_not_computed_in(dtype, tmp_path):
    message = f"^dtype must be one of float32, bfloat16, float16, got {dtype}$"
    with pytest.raises(ValueError, match=message):
        models.load(small.write(tmp_path), dtype=dtype)


@pytest.mark.parametrize("stored", HALVES)
@pytest.mark.parametrize("clipping", ["absmax", "percentile"])
def test_rounding_sees_float32_whatever_is_held(stored, clipping):
    quantizer = dataclasses.replace(GROUPS, clipping=clipping)
    expected = models.quantize(model(stored, "float32"), quantizer)
    whole = models.quantize(model(stored, stored), quantizer)
    for tensor in model().architecture.tensors(model().config):
        found = decoder.leaf(whole, tensor.path)
        # what is not rounded is not copied; what is has the computing type
        kept = tensor.stacked and tensor.role == "bias"
        assert found.dtype == (stored if kept else "float32")
        np.testing.assert_array_equal(
            found.astype(jnp.float32), decoder.leaf(expected, tensor.path)
        )
    layer = quantized.quantize_layer(model(stored, stored), quantizer, 1)
    assert types(layer) == {"float32"}
    jax.tree.map(
        lambda x, y: np.testing.assert_array_equal(x, y[1]), layer, expected["blocks"]
    )


def test_what_is_rounded_has_the_type_that_is_computed_in():
    expected = models.quantize(model("bfloat16", "float32"), GROUPS)
    found = models.quantize(model("bfloat16", "float32", "bfloat16"), GROUPS)
    assert types(found) == {"bfloat16"}
    jax.tree.map(
        lambda x, y: np.testing.assert_array_equal(x, y.astype(jnp.bfloat16)),
        found,
        expected,
    )


@pytest.mark.parametrize("include", [("matrices",), ("all",)])
def test_given_ranges_are_those_that_are_found(include):
    quantizer = dataclasses.replace(GROUPS, include=include, clipping="percentile")
    for layer in range(model().config.n_layers):
        ranges = quantized.layer_ranges(model(), quantizer, layer)
        expected = quantized.quantize_layer(model(), quantizer, layer)
        found = quantized.quantize_layer(model(), quantizer, layer, ranges)
        jax.tree.map(np.testing.assert_array_equal, found, expected)
        # they are those of this layer, and are used
        twice = jax.tree.map(lambda x: 2 * x, ranges)
        other = quantized.quantize_layer(model(), quantizer, layer, twice)
        path = ("mlp", "up", "weight")
        gap = decoder.leaf(other, path) - decoder.leaf(expected, path)
        assert np.abs(gap).max() > 1e-2


def test_weights_are_counted_and_widened_whatever_is_held():
    halves = model("bfloat16", "bfloat16")
    assert opening.count_parameters(halves) == opening.count_parameters(model())
    path = ("blocks", "mlp", "up", "weight")
    found = opening.full_weight(halves, path)
    assert found.dtype == jnp.float32
    expected = decoder.leaf(model("bfloat16", "float32").params, path)
    np.testing.assert_array_equal(found, expected)


def test_the_cube_measures_halves_as_float32():
    sites = [[0, 0, 0], [1, 2, 1], [2, 0, 1]]
    expected, found = (
        measured(model("bfloat16", stored), sites) for stored in ("float32", "bfloat16")
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32


def measured(of, sites):
    quantizers = tiny_sweep.QUANTIZERS
    return np.asarray(cube.evaluate(of, tiny_sweep.corpus(), sites, quantizers).nll)


@pytest.mark.slow
def test_activations_and_errors_are_float32_whatever_is_computed_in():
    """Also the thresholds found from them, and versions with scales of their own."""
    quantizer = Quantizer(bits=3)
    found = {}
    for dtype in ("float32", "bfloat16"):
        of = model("bfloat16", "bfloat16", dtype)
        moments = dict(activations.second_moments(of, tiny_sweep.corpus()))
        squares = activations.mean_squares(of, tiny_sweep.corpus())
        rounded = models.quantize(of, quantizer)
        shared = language_clipping.shared_code_versions(of, quantizer, rounded, squares)
        versions = [rounded, next(shared)]
        errors = language_clipping.output_errors(of, versions, moments["en"])
        thresholds = language_clipping.clip(of, quantizer, squares, aim="average")
        found[dtype] = {
            path: np.array(
                [moments["en"][path].mean(), thresholds[path].thresholds.mean()]
                + [each.full.mean() for each in errors[path]]
            )
            for path in errors
        }
        own = decoder.leaf(versions[1], ("blocks", "mlp", "up", "weight"))
        assert own.dtype == dtype
        parts = (of.architecture, of.config, of.params)
        products = decoder.input_moments(*parts, small.tokens(), jnp.ones((2, 7), bool))
        assert types(products) == {"float32"}
    for path, expected in found["float32"].items():
        # eight bits of the states, and ties that a threshold resolves in another way
        np.testing.assert_allclose(found["bfloat16"][path], expected, rtol=0.1)


def test_float16_may_overflow_where_float32_does_not():
    large = model("float16", "float16", "float16")
    gain = large.params["outside"]["final_norm"]["weight"]
    outside = large.params["outside"] | {
        "final_norm": {"weight": gain + 60000, "bias": gain}
    }
    broken = dataclasses.replace(large, params=large.params | {"outside": outside})
    message = "its weights overflow float16, .* measured; try --dtype float32$"
    with pytest.raises(FloatingPointError, match=message):
        measured(broken, [[0, 0, 0]])


def test_ranges_of_halves_are_float32():
    tensor = next(t for t in model().architecture.tensors(model().config) if t.stacked)
    value = decoder.leaf(model("float16", "float16").params, tensor.path)
    found = quantized.tensor_ranges(value, tensor, GROUPS)
    assert isinstance(found, grids.Range)
    assert types(found) == {"float32"}
