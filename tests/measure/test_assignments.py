"""Assignments of a sweep, written out for small models."""

import math

import numpy as np
import pytest

from jaxdisp.measure import assignments


def test_sweeps_written_out():
    assert assignments.uniform(2).tolist() == [[0, 0, 0], [1, 1, 1]]
    assert assignments.one_quantized(2).tolist() == [[1, 0, 0], [0, 1, 0]]
    sets = assignments.subsets(3, 2)
    assert sets.tolist() == [[0, 1], [0, 2], [1, 2]]
    protected = assignments.protecting(sets, 3)
    assert protected.tolist() == [[0, 0, 1, 1], [0, 1, 0, 1], [1, 0, 0, 1]]


@pytest.mark.parametrize(("n_layers", "size"), [(5, 1), (5, 4), (12, 3)])
def test_all_sets_of_a_size_are_there_once(n_layers, size):
    sets = assignments.subsets(n_layers, size)
    assert len({tuple(row) for row in sets.tolist()}) == math.comb(n_layers, size)
    sites = assignments.protecting(sets, n_layers)
    assert np.all(np.sum(sites[:, :-1] == assignments.FULL, axis=1) == size)
    assert np.all(sites[:, -1] == assignments.QUANTIZED)


@pytest.mark.parametrize("size", [0, 3, -1])
def test_sets_that_are_empty_or_hold_every_layer(size):
    message = rf"^a protection set must have 1 to 2 of the 3 layers, got {size}$"
    with pytest.raises(ValueError, match=message):
        assignments.subsets(3, size)


@pytest.mark.parametrize(
    ("n_layers", "expected"), [(5, (0, 3, 4)), (6, (0, 4, 5)), (12, (0, 9, 11))]
)
def test_gateway_layers(n_layers, expected):
    assert assignments.gateways(n_layers) == expected


def test_gateway_layers_of_a_small_model_would_coincide():
    with pytest.raises(ValueError, match=r"^gateway layers need at least 5 layers"):
        assignments.gateways(4)
