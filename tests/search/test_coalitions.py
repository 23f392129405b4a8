"""The lattice of protected sets: Shapley and Moebius maps against slow definitions."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.search import coalitions
from tests import strategies
from tests.search import protection_tables as tables
from tests.search import search_oracles as oracles

LAYERS = tables.LAYERS
ROWS = coalitions.rows_of_sets(tables.ALL_SETS)
SETS = [*ROWS]
EVERYTHING = frozenset(range(LAYERS))
losses = strategies.arrays(len(SETS)).map(lambda x: np.append(x[:-1], 0.0))


def game(loss):
    """What each set saves, of losses by row."""
    return lambda members: loss[ROWS[frozenset()]] - loss[ROWS[members]]


def shapley(loss, order=LAYERS):
    weights = coalitions.shapley_map(ROWS, LAYERS, order, len(SETS))
    return weights @ loss


def close(actual, expected, loss):
    # sums of up to 16 numbers of any size, in another order
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-13 * abs(loss).max())


@given(loss=losses)
def test_shapley_equals_the_mean_over_orders_and_is_efficient(loss):
    found = shapley(loss)
    close(found, oracles.shapley(game(loss), LAYERS), loss)
    close(found.sum(), game(loss)(EVERYTHING), loss)


@given(loss=losses, order=st.permutations(range(LAYERS)))
def test_shapley_follows_the_layers(loss, order):
    moved = np.array([loss[ROWS[frozenset(order[i] for i in s)]] for s in SETS])
    close(shapley(moved), shapley(loss)[list(order)], loss)


@given(loss=losses, gain=strategies.numbers())
def test_a_layer_that_always_saves_the_same_is_worth_that(loss, gain):
    dummy = np.array([loss[ROWS[s - {2}]] - gain * (2 in s) for s in SETS])
    close(shapley(dummy)[2], gain, np.append(dummy, gain))


def test_weights_of_many_layers():
    rows = {
        frozenset(np.flatnonzero(bits).tolist()): n
        for n, bits in enumerate(itertools.product([0, 1], repeat=9))
    }
    weights = coalitions.shapley_map(rows, 9, 9, len(rows))
    alone = np.arange(1.0, 10.0) ** 2
    values = np.array([-sum(alone[i] for i in s) for s in rows])
    np.testing.assert_allclose(weights @ values, alone, rtol=1e-12)


@given(loss=losses)
def test_mobius_equals_recursion_and_its_sums_give_the_values_back(loss):
    sets = [members for members in SETS if members]
    weights = coalitions.mobius_map(ROWS, sets, len(SETS))
    found = dict(zip(sets, weights @ loss, strict=True))
    for members in sets:
        close(found[members], oracles.mobius(game(loss), members), loss)
        parts = [found[part] for part in oracles.subsets(members) if part]
        close(sum(parts), game(loss)(members), 100 * loss)


@given(loss=losses)
def test_truncated_shapley_shares_the_interactions_that_are_known(loss):
    for order in (1, 2, 3):
        expected = [
            sum(
                oracles.mobius(game(loss), members) / len(members)
                for members in SETS
                if layer in members and len(members) <= order
            )
            for layer in range(LAYERS)
        ]
        close(shapley(loss, order), expected, 10 * loss)


def test_truncation_is_exact_without_higher_interactions():
    pairs = {s: 1.0 + sum(s) for s in SETS if 0 < len(s) <= 2}
    loss = np.array([-sum(x for t, x in pairs.items() if t <= s) for s in SETS])
    np.testing.assert_allclose(shapley(loss, 2), shapley(loss), rtol=1e-12)
    assert abs(shapley(loss, 1) - shapley(loss)).max() > 1


@pytest.mark.parametrize(
    ("largest", "order"), [(1, 1), (2, 2), (3, 4), (4, 4)]
)  # the set of all layers need not be measured
def test_complete_orders(largest, order):
    rows = {s: n for s, n in ROWS.items() if len(s) <= largest}
    assert coalitions.complete_order(rows, LAYERS) == order
    gaps = {s: n for s, n in rows.items() if s != {0, 1}}
    assert coalitions.complete_order(gaps, LAYERS) == 1


@pytest.mark.parametrize("missing", [frozenset(), frozenset({2})])
def test_tables_without_single_layers(missing):
    rows = {s: n for s, n in ROWS.items() if s != missing}
    message = "^the value of a layer needs the row without protection and the 4 rows"
    with pytest.raises(ValueError, match=message):
        coalitions.complete_order(rows, LAYERS)


def test_tables_with_other_versions():
    with pytest.raises(ValueError, match=r"^assignments hold version\(s\) -1, 2: lay"):
        coalitions.rows_of_sets(np.array([[0, 1], [2, -1]]))


def test_tables_with_a_set_twice():
    with pytest.raises(ValueError, match=r"^rows 0 and 2 protect the same layers \[0"):
        coalitions.rows_of_sets(np.array([[0, 1], [1, 0], [0, 1]]))


def test_rows_that_are_missing():
    assert coalitions.row_of(ROWS, EVERYTHING) == len(SETS) - 1
    with pytest.raises(ValueError, match=r"^the table has no row that protects just"):
        coalitions.row_of({}, frozenset({3, 1}))
