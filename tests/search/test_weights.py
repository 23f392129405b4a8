"""Weights of the engine: copies and those made as needed are the same, bit by bit."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxdisp.models import Quantizer, decoder, quantize
from jaxdisp.search import weights
from tests.search import tiny_sweep as tiny

MORE = Quantizer(
    bits=3,
    grid="midrise",
    granularity="group",
    group_size=5,
    include=("all",),
    clipping="percentile",
)
QUANTIZERS = (*tiny.QUANTIZERS, MORE)


TYPES = [
    ("float32", "float32"),
    ("bfloat16", "float32"),
    ("bfloat16", "bfloat16"),
    ("bfloat16", "float16"),
]


@pytest.mark.parametrize(("held", "computed"), TYPES)
@pytest.mark.parametrize("give", [weights.copies, weights.as_needed])
def test_layers_are_those_of_a_rounded_model(give, held, computed):
    model = tiny.cast(held, computed)
    given = give(model, QUANTIZERS)
    n_layers = model.config.n_layers
    # in an order that lets what was kept be thrown out and made again
    for _ in range(2):
        for version, quantizer in enumerate((None, *QUANTIZERS)):
            params = model.params
            if quantizer is not None:
                params = quantize(model, quantizer)
            equal(given(version, -1), params["outside"])
            for layer in range(n_layers):
                expected = jax.tree.map(
                    lambda x, i=layer: x[i].astype(computed), params["blocks"]
                )
                equal(given(version, layer), expected)


def test_full_precision_is_read_in_place():
    path = ("mlp", "up", "weight")
    stacked = decoder.leaf(tiny.model().params["blocks"], path)
    given = weights.as_needed(tiny.model(), [])
    begin = stacked.unsafe_buffer_pointer()
    for layer in range(3):
        found = decoder.leaf(given(0, layer), path).unsafe_buffer_pointer()
        assert found == begin + layer * stacked[0].nbytes


def equal(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    types = jax.tree.map(lambda x: x.dtype, found)
    assert types == jax.tree.map(lambda x: x.dtype, expected)
    # the same operations on each number: a compiler may not reorder a rounding
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_few_layers_are_kept():
    given = weights.as_needed(tiny.model(), tiny.QUANTIZERS)
    first = given(1, 0)
    assert given(1, 0) is first
    for version, layer in ((2, 1), (2, 2), (1, 1)):  # as many others
        given(version, layer)
    assert given(1, 0) is first
    given(0, 0)  # which is not made, but read in place
    assert given(1, 0) is first
    for version, layer in ((2, 0), (2, 1), (2, 2), (1, 2)):
        given(version, layer)
    assert given(1, 0) is not first


def test_copies_are_all_kept():
    given = weights.copies(tiny.model(), tiny.QUANTIZERS)
    sites = [(version, layer) for version in (1, 2) for layer in range(3)]
    first = [given(*site) for site in sites]
    assert all(given(*site) is one for site, one in zip(sites, first, strict=True))


@pytest.mark.parametrize(("held", "computed"), TYPES)
def test_bytes_of_weights(held, computed):
    """In the type that is computed in, whatever is held."""
    model = tiny.cast(held, computed)
    size = {"float32": 4}.get(computed, 2)
    of_outside, of_layers = (
        sum(size * leaf.size for leaf in jax.tree.leaves(model.params[room]))
        for room in ("outside", "blocks")
    )
    for quantizers, touching in (([], 0), ([tiny.COARSE], 0), (QUANTIZERS, 2)):
        outside = touching * of_outside
        assert weights.needed_bytes(model, quantizers) == (
            (len(quantizers) + 1) * of_layers + outside
        )
        assert weights.kept_bytes(model, quantizers) == 4 * of_layers // 3 + outside


@pytest.mark.parametrize("give", [weights.copies, weights.as_needed])
def test_a_quantizer_that_does_not_fit(give):
    wrong = dataclasses.replace(tiny.OUTSIDE, include=("head",))
    with pytest.raises(ValueError, match="of this model are one tensor; include both"):
        give(tiny.model(), [wrong])
