"""Rounding of models: by rule or with given ranges, each layer by itself."""

import functools as ft
import inspect
import pathlib
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.models import Quantizer, decoder, quantized
from jaxdisp.quant import granularity, grids
from tests import oracles
from tests.models import small

ENTRIES = small.entries(n_layer=2, n_embd=6, n_inner=6)
UP = ("blocks", "mlp", "up", "weight")
DOWN = ("blocks", "mlp", "down", "weight")


@ft.cache
def model():
    with tempfile.TemporaryDirectory() as directory:
        return models.load(small.write(pathlib.Path(directory), ENTRIES))


def tensor(path=UP):
    tensors = model().architecture.tensors(model().config)
    (found,) = (one for one in tensors if one.path == path)
    return found


def weight(path=UP):
    return decoder.leaf(model().params, path)


def groups_of(layer, quantizer):
    """The values of each group of one layer's matrix, in float64."""
    places = oracles.weight_groups(
        layer.shape, quantizer.granularity, quantizer.group_size, -1
    )
    values = np.asarray(layer, np.float64)
    return [np.array([values[place] for place in group]) for group in places]


def expected_threshold(values, rule):
    """By the table of `quant.rules`, but for the rules that need an optimum."""
    if rule == "absmax":
        return max(abs(value) for value in values)
    if rule == "percentile":
        ranked = sorted(abs(value) for value in values)
        place = 0.999 * (len(ranked) - 1)
        below = int(place)
        above = min(below + 1, len(ranked) - 1)
        return ranked[below] + (place - below) * (ranked[above] - ranked[below])
    mean = sum(values) / len(values)
    if rule == "aciq_gaussian":  # 3 bits; Banner et al. 2019, section 3.1
        return 2.1516 * (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5
    return 3.8972 * sum(abs(v - mean) for v in values) / len(values)


def squared_error(values, threshold):
    levels = oracles.grid_round_trip(values, -threshold, threshold, 3, "symmetric")
    return sum((values - levels) ** 2)


@pytest.mark.parametrize(
    "rule", ["absmax", "percentile", "aciq_gaussian", "aciq_laplace"]
)
@pytest.mark.parametrize("who", ["tensor", "group"])
def test_ranges_follow_the_rule_layer_by_layer(rule, who):
    quantizer = Quantizer(bits=3, granularity=who, group_size=4, clipping=rule)
    value = weight() * jnp.array([1.0, 3.0])[:, None, None]
    found = quantized.tensor_ranges(value, tensor(), quantizer)
    for layer in range(2):
        expected = [
            expected_threshold(values, rule)
            for values in groups_of(value[layer], quantizer)
        ]
        # the constants have five digits
        np.testing.assert_allclose(found.threshold[layer], expected, rtol=3e-5)


def test_exact_ranges_lose_least():
    quantizer = Quantizer(bits=3, clipping="exact")
    found = quantized.tensor_ranges(weight(), tensor(), quantizer).threshold
    for layer in range(2):
        (values,) = groups_of(weight()[layer], quantizer)
        lost = squared_error(values, float(found[layer, 0]))
        top = max(abs(values))
        others = [squared_error(values, top * n / 200) for n in range(20, 201)]
        # float32 thresholds and the error they give
        assert lost <= min(others) * (1 + 1e-5)
        assert lost < 0.9 * squared_error(values, top)


@pytest.mark.parametrize("grid", ["symmetric", "affine"])
@pytest.mark.parametrize("who", ["channel", "group"])
def test_absmax_rounds_as_a_weight_by_itself(grid, who):
    quantizer = Quantizer(bits=3, grid=grid, granularity=who, group_size=4)
    assert quantizer.clipping == "absmax"
    found = models.quantize(model(), quantizer)
    for path in (UP, DOWN):
        for layer in range(2):
            expected = granularity.quantize_weight(
                weight(path)[layer],
                3,
                grid=grid,
                grouping=quantized.grouping_of(tensor(path), quantizer),
            )
            rounded = decoder.leaf(found, path)[layer]
            np.testing.assert_array_equal(rounded, expected)


def test_given_ranges_are_used_where_they_are_given():
    quantizer = Quantizer(bits=3)
    thresholds = np.array([[0.25], [0.5]], np.float32)
    given = {UP: jax.vmap(jax.vmap(grids.within))(jnp.asarray(thresholds))}
    found = models.quantize(model(), quantizer, given)
    alone = models.quantize(model(), quantizer)
    for layer in range(2):
        (values,) = groups_of(weight()[layer], quantizer)
        top = float(thresholds[layer, 0])
        expected = oracles.grid_round_trip(values, -top, top, 3, "symmetric")
        rounded = np.asarray(decoder.leaf(found, UP)[layer]).ravel()
        # levels are multiples of a step that float32 rounds
        np.testing.assert_allclose(rounded, expected, rtol=1e-6)
    np.testing.assert_array_equal(decoder.leaf(found, DOWN), decoder.leaf(alone, DOWN))
    untouched = [
        t.path
        for t in model().architecture.tensors(model().config)
        if not (t.stacked and t.role == "matrix")
    ]
    assert untouched
    for path in untouched:
        assert decoder.leaf(found, path) is decoder.leaf(model().params, path)


def test_ranges_found_and_given_back_change_nothing():
    quantizer = Quantizer(bits=3, clipping="percentile", granularity="channel")
    ranges = {
        path: quantized.tensor_ranges(weight(path), tensor(path), quantizer)
        for path in (UP, DOWN)
    }
    found = models.quantize(model(), quantizer, ranges)
    expected = models.quantize(model(), quantizer)
    for path in (UP, DOWN):
        np.testing.assert_array_equal(
            decoder.leaf(found, path), decoder.leaf(expected, path)
        )


INCLUDED = {
    "matrices": ("matrices",),
    "tables": ("embeddings", "head"),
    "both": ("matrices", "embeddings", "head"),
    "all": ("all",),
}


def equal(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, found, expected)


@pytest.mark.parametrize("include", INCLUDED.values(), ids=INCLUDED)
@pytest.mark.parametrize("who", ["channel", "group"])
def test_parts_are_those_of_a_whole_rounded_model(include, who):
    quantizer = Quantizer(bits=3, granularity=who, group_size=4, include=include)
    whole = models.quantize(model(), quantizer)
    for layer in range(2):
        expected = jax.tree.map(lambda x, i=layer: x[i], whole["blocks"])
        equal(quantized.quantize_layer(model(), quantizer, layer), expected)
    found = quantized.quantize_outside(model(), quantizer)
    equal(found, whole["outside"])
    # what is not included is not copied either
    kept = [
        leaf is original
        for leaf, original in zip(
            jax.tree.leaves(found),
            jax.tree.leaves(model().params["outside"]),
            strict=True,
        )
    ]
    touched = quantized.touches_outside(model(), quantizer)
    assert touched == (not all(kept)) == (include != ("matrices",))


def test_layers_may_be_counted_while_tracing():
    quantizer = Quantizer(bits=3, granularity="channel")
    traced = jax.jit(lambda layer: quantized.quantize_layer(model(), quantizer, layer))
    for layer in range(2):
        expected = quantized.quantize_layer(model(), quantizer, layer)
        equal(traced(jnp.int32(layer)), expected)


def test_head_and_embedding_that_are_one():
    quantizer = Quantizer(include=("matrices", "head"))
    for part in (
        ft.partial(quantized.quantize_layer, layer=0),
        quantized.quantize_outside,
        quantized.touches_outside,
    ):
        with pytest.raises(ValueError, match="of this model are one tensor"):
            part(model(), quantizer)


def test_an_unknown_rule_of_clipping():
    # types are not checked outside tests
    check = inspect.unwrap(quantized.check_quantizer)
    message = (
        "clipping must be one of absmax, percentile, aciq_gaussian, aciq_laplace, "
        "exact, got minimax"
    )
    with pytest.raises(ValueError, match=message):
        check(model(), wrong(clipping="minimax"))


def wrong(**fields):
    """A quantizer as a caller without type checks could make it."""
    quantizer = Quantizer()
    for name, value in fields.items():
        object.__setattr__(quantizer, name, value)
    return quantizer
