"""Weights of the engine: copies and those made as needed are the same, bit by bit."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxdisp.models import Quantizer, quantize
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


@pytest.mark.parametrize("give", [weights.copies, weights.as_needed])
def test_layers_are_those_of_a_rounded_model(give):
    given = give(tiny.model(), QUANTIZERS)
    n_layers = tiny.model().config.n_layers
    # in an order that lets what was kept be thrown out and made again
    for _ in range(2):
        for version, quantizer in enumerate((None, *QUANTIZERS)):
            params = tiny.model().params
            if quantizer is not None:
                params = quantize(tiny.model(), quantizer)
            equal(given(version, -1), params["outside"])
            for layer in range(n_layers):
                expected = jax.tree.map(lambda x, i=layer: x[i], params["blocks"])
                equal(given(version, layer), expected)


def equal(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    # the same operations on each number: a compiler may not reorder a rounding
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_few_layers_are_kept():
    given = weights.as_needed(tiny.model(), tiny.QUANTIZERS)
    first = given(1, 0)
    assert given(1, 0) is first
    for version in (0, 2, 1, 0):  # as many others
        given(version, 1 + version % 2)
    assert given(1, 0) is first
    for version, layer in ((2, 0), (2, 1), (2, 2), (0, 0)):
        given(version, layer)
    assert given(1, 0) is not first


def test_bytes_of_copies():
    n_bytes = sum(4 * leaf.size for leaf in jax.tree.leaves(tiny.model().params))
    assert weights.needed_bytes(tiny.model(), []) == n_bytes
    assert weights.needed_bytes(tiny.model(), QUANTIZERS) == 4 * n_bytes


def test_bytes_of_what_is_kept():
    outside = tiny.model().params["outside"]
    of_outside = sum(4 * leaf.size for leaf in jax.tree.leaves(outside))
    of_layers = weights.needed_bytes(tiny.model(), []) - of_outside
    found = [
        weights.kept_bytes(tiny.model(), quantizers)
        for quantizers in ([], [tiny.COARSE], QUANTIZERS)
    ]
    assert found == [4 * of_layers // 3 + n * of_outside for n in (0, 0, 2)]


@pytest.mark.parametrize("give", [weights.copies, weights.as_needed])
def test_a_quantizer_that_does_not_fit(give):
    wrong = dataclasses.replace(tiny.OUTSIDE, include=("head",))
    with pytest.raises(ValueError, match="of this model are one tensor; include both"):
        give(tiny.model(), [wrong])
