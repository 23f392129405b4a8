"""Assignments and sets of layers, against loops over every one of them."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.search import lattice

SETS = st.lists(st.sets(st.integers(0, 6), min_size=1, max_size=5), max_size=4)


def test_sweeps_written_out():
    assert lattice.uniform(2).tolist() == [[0, 0], [1, 1]]
    assert lattice.uniform(3, 3).tolist() == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]
    assert lattice.one_quantized(2).tolist() == [[1, 0], [0, 1]]
    assert lattice.one_quantized(2, 3).tolist() == [[3, 0], [0, 3]]
    sets = lattice.subsets(3, 2)
    assert sets.tolist() == [[0, 1], [0, 2], [1, 2]]
    protected = lattice.protecting(sets, 3)
    assert protected.tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]


def test_parameters_outside_the_layers_come_last():
    rows = lattice.uniform(2)
    assert lattice.with_outside(rows, 1).tolist() == [[0, 0, 1], [1, 1, 1]]
    mixed = lattice.with_outside(rows, np.array([0, 2]))
    assert mixed.tolist() == [[0, 0, 0], [1, 1, 2]]
    small = lattice.with_outside(rows.astype(np.int8), 1)
    assert small.dtype == np.int8


@pytest.mark.parametrize(("n_layers", "size"), [(5, 1), (5, 4), (12, 3)])
def test_all_sets_of_a_size_are_there_once(n_layers, size):
    sets = lattice.subsets(n_layers, size)
    assert len({tuple(row) for row in sets.tolist()}) == math.comb(n_layers, size)
    rows = lattice.protecting(sets, n_layers)
    assert np.all(np.sum(rows == lattice.FULL, axis=1) == size)
    assert [lattice.protected_layers(row) for row in rows] == [
        tuple(row) for row in sets.tolist()
    ]


@given(sets=SETS, protected=st.integers(0, 2), rest=st.integers(0, 2))
def test_sets_of_different_sizes_are_protected(sets, protected, rest):
    members = [tuple(chosen) for chosen in sets] + [()]
    found = lattice.protecting(members, 7, protected, rest)
    for row, chosen in zip(found, members, strict=True):
        for layer in range(7):
            assert row[layer] == (protected if layer in chosen else rest)


@pytest.mark.parametrize("size", [0, 3, -1])
def test_sets_that_are_empty_or_hold_every_layer(size):
    message = rf"^a protection set must have 1 to 2 of the 3 layers, got {size}$"
    with pytest.raises(ValueError, match=message):
        lattice.subsets(3, size)


@pytest.mark.parametrize("layer", [3, -1])
def test_protecting_a_layer_that_is_not_there(layer):
    message = rf"^there is no layer {layer}; the model has layers 0 to 2$"
    with pytest.raises(ValueError, match=message):
        lattice.protecting([(0, layer)], 3)


@pytest.mark.parametrize(
    ("n_layers", "expected"), [(5, (0, 3, 4)), (6, (0, 4, 5)), (12, (0, 9, 11))]
)
def test_gateway_layers(n_layers, expected):
    assert lattice.gateways(n_layers) == expected


def test_gateway_layers_of_a_small_model_would_coincide():
    with pytest.raises(ValueError, match=r"^gateway layers need at least 5 layers"):
        lattice.gateways(4)


def test_typed_sets():
    assert lattice.parse_sets("0,9,11;0,11", 12) == [(0, 9, 11), (0, 11)]
    assert lattice.parse_sets(" 11, 0 ; 3", 12) == [(0, 11), (3,)]
    assert lattice.parse_sets("0,1,2", 3) == [(0, 1, 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "sets '': a set is empty; write layers between commas and sets between "),
        ("0;;1", "sets '0;;1': a set is empty; "),
        ("0;", "sets '0;': a set is empty; "),
        ("0,x", "sets '0,x': 'x' is not the number of a layer; allowed: 0 to 2"),
        ("0,", "sets '0,': '' is not the number of a layer; allowed: 0 to 2"),
        ("1.0", "sets '1.0': '1.0' is not the number of a layer; "),
        ("-1", "sets '-1': '-1' is not the number of a layer; "),
        ("\u0661", "sets '\u0661': '\u0661' is not the number of a layer; "),
        ("0,3", "there is no layer 3; the model has layers 0 to 2"),
        ("0,1,0", "sets '0,1,0': the set 0,1,0 names a layer twice; name it once"),
        ("0,1;2;1,0", "sets '0,1;2;1,0': the set 1,0 is there twice"),
    ],
)
def test_sets_typed_wrongly(text, message):
    with pytest.raises(ValueError, match=r"^\S") as caught:
        lattice.parse_sets(text, 3)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("n_layers", "n_versions"), [(1, 3), (5, 2), (3, 4), (40, 1)])
def test_every_assignment_is_there_in_order(n_layers, n_versions):
    found = lattice.every(n_layers, n_versions)
    words = itertools.product(range(n_versions), repeat=n_layers)
    assert found.tolist() == [list(word) for word in words]


def test_as_many_assignments_as_allowed_and_one_layer_more():
    found = lattice.every(19, 2)
    assert found.shape == (2**19, 19)
    assert np.all(found[-1] == 1)
    message = (
        "^20 layers in 2 versions have 1048576 assignments, more than 1000000; "
        "set a budget or give fewer quantizers$"
    )
    with pytest.raises(ValueError, match=message):
        lattice.every(20, 2)


def is_subset_of_any(chosen, sets):
    return any(all(layer in members for layer in chosen) for members in sets)


@given(sets=SETS, order=st.integers(0, 5))
def test_small_sets_below_the_given_ones(sets, order):
    expected = [()] + [
        chosen
        for size in range(1, order + 1)
        for chosen in itertools.combinations(range(7), size)
        if is_subset_of_any(chosen, sets)
    ]
    assert lattice.downward([tuple(members) for members in sets], order) == expected


def test_sets_below_written_out():
    found = lattice.downward([(2, 0), (1,)], 2)
    assert found == [(), (0,), (1,), (2,), (0, 2)]


def is_a_step(one, other, *, swaps):
    """One layer differs, or two do whose versions were exchanged."""
    places = [i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    if len(places) == 1:
        return True
    return (
        swaps
        and len(places) == 2
        and one[places[0]] == other[places[1]]
        and one[places[1]] == other[places[0]]
    )


@given(
    assignment=st.lists(st.integers(0, 2), min_size=1, max_size=5), swaps=st.booleans()
)
def test_neighbours_are_all_that_are_one_step_away(assignment, swaps):
    found = lattice.neighbours(np.array(assignment), 3, swaps=swaps).tolist()
    expected = [
        list(word)
        for word in itertools.product(range(3), repeat=len(assignment))
        if is_a_step(assignment, word, swaps=swaps)
    ]
    assert sorted(found) == expected


def test_neighbours_in_order():
    found = lattice.neighbours(np.array([0, 1, 1]), 2)
    changes, swaps = [[1, 1, 1], [0, 0, 1], [0, 1, 0]], [[1, 0, 1], [1, 1, 0]]
    assert found.tolist() == changes + swaps


def test_no_neighbours():
    assert lattice.neighbours(np.array([0, 0]), 1).shape == (0, 2)
